//! ListTransactions (key 66), versions 0 to 2: transactional ids, by state, producer, duration (since
//! version 1) and pattern (since version 2).

use super::groups::answer_all;
use super::{Context, Handling, Services};
use crate::coordinator::txn::{Filter, State, compile};
use crate::schema::clients::list_transactions_request::ListTransactionsRequest;
use crate::schema::clients::list_transactions_response::ListTransactionsResponse;
use crate::schema::{DecodeError, ErrorCode, Reader};

/// Lists.
pub(super) fn handle(
    services: &Services,
    ctx: &Context<'_>,
    mut body: Reader<'_>,
) -> Result<Handling, DecodeError> {
    let request = ListTransactionsRequest::decode(&mut body, ctx.version)?;
    let unknown: Vec<String> = request
        .state_filters
        .iter()
        .filter(|name| !State::is_known(name))
        .map(|name| name.to_string())
        .collect();
    let filter = match filter(&request) {
        Ok(filter) => filter,
        Err(code) => {
            let response = ListTransactionsResponse { error_code: code.code(), ..Default::default() };
            return Ok(super::reply(ctx, |w| response.encode(w, ctx.version)));
        }
    };
    let pending = services.transactions.decide_everywhere(|shard, view| shard.list(view, &filter));
    Ok(answer_all(ctx, pending, |answers, w, version| {
        let mut response = ListTransactionsResponse {
            unknown_state_filters: unknown.into_iter().map(Into::into).collect(),
            ..Default::default()
        };
        for answer in answers {
            match answer {
                Ok(listed) => response.transaction_states.extend(listed),
                Err(code) => response.error_code = code.code(),
            }
        }
        if response.error_code != 0 {
            response.transaction_states.clear();
        }
        response.encode(w, version);
    }))
}

fn filter(request: &ListTransactionsRequest<'_>) -> Result<Filter, ErrorCode> {
    let states = request.state_filters.iter().filter_map(|name| State::by_name(name)).collect();
    let pattern = request.transactional_id_pattern.as_deref().filter(|pattern| !pattern.is_empty());
    Ok(Filter {
        // Names that are not known match nothing.
        states: (!request.state_filters.is_empty()).then_some(states),
        producers: request.producer_id_filters.iter().copied().collect(),
        longer_than_ms: (request.duration_filter >= 0).then_some(request.duration_filter),
        pattern: pattern.map(compile).transpose()?,
    })
}

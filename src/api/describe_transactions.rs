//! DescribeTransactions (key 65), version 0: what transactional ids are doing.

use super::groups::answer_all;
use super::{Context, Handling, Services};
use crate::coordinator::runtime::Answer;
use crate::schema::clients::describe_transactions_request::DescribeTransactionsRequest;
use crate::schema::clients::describe_transactions_response::{
    DescribeTransactionsResponse, TransactionState,
};
use crate::schema::{DecodeError, ErrorCode, Reader};

/// Describes each.
pub(super) fn handle(
    services: &Services,
    ctx: &Context<'_>,
    mut body: Reader<'_>,
) -> Result<Handling, DecodeError> {
    let request = DescribeTransactionsRequest::decode(&mut body, ctx.version)?;
    let one = |id: &str| services.transactions.decide(id, |shard, _| shard.describe(id));
    let pending = request.transactional_ids.iter().map(|id| one(id)).collect();
    let ids: Vec<String> = request.transactional_ids.iter().map(|id| id.to_string()).collect();
    Ok(answer_all(ctx, pending, |answers, w, version| {
        let tell = |(answer, id): (Answer<TransactionState<'static>>, String)| {
            answer.unwrap_or_else(|code: ErrorCode| TransactionState {
                error_code: code.code(),
                transactional_id: id.into(),
                ..Default::default()
            })
        };
        let transaction_states = answers.into_iter().zip(ids).map(tell).collect();
        DescribeTransactionsResponse { transaction_states, ..Default::default() }.encode(w, version);
    }))
}

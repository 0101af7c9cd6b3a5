//! EndTxn (key 26), versions 0 to 5: commits or aborts. The decision is durable and the markers are written
//! when the reply leaves, so that the next transaction finds nothing in its way. Since version 5 every end
//! bumps the epoch, and the reply tells what the producer goes on with (KIP-890).

use std::sync::Arc;

use super::groups::answer;
use super::transactions::{fenced, identity, with_producer_id};
use super::{Context, Handling, Services};
use crate::coordinator::txn::End;
use crate::schema::clients::end_txn_request::EndTxnRequest;
use crate::schema::clients::end_txn_response::EndTxnResponse;
use crate::schema::{DecodeError, Reader};

/// First version whose clients know that a producer can be fenced.
const FENCED_FROM: i16 = 2;
/// First version by which every end bumps the epoch.
const BUMPS_FROM: i16 = 5;

/// Decides, and answers when the end is carried out.
pub(super) fn handle(
    services: &Services,
    ctx: &Context<'_>,
    mut body: Reader<'_>,
) -> Result<Handling, DecodeError> {
    let request = EndTxnRequest::decode(&mut body, ctx.version)?;
    let (transactions, id) = (Arc::clone(&services.transactions), request.transactional_id.to_string());
    let producer = identity(request.producer_id, request.producer_epoch);
    let (commit, client_version) = (request.committed, if ctx.version < BUMPS_FROM { 0 } else { 2 });
    let pending = with_producer_id(services, move |fresh| {
        let end = End { id: &id, producer, commit, client_version };
        transactions.decide_or_park(&id, |shard, view| shard.end(view, &end, fresh))
    });
    Ok(answer(ctx, pending, |answer, w, version| {
        let response = match answer.and_then(|ended| ended) {
            Ok(now) => EndTxnResponse {
                producer_id: now.id.get(),
                producer_epoch: now.epoch.get(),
                ..Default::default()
            },
            Err(code) => {
                EndTxnResponse { error_code: fenced(code, version, FENCED_FROM).code(), ..Default::default() }
            }
        };
        response.encode(w, version);
    }))
}

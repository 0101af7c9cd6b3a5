//! InitProducerId (key 22), versions 0 to 6.
//!
//! Without a transactional id: an id that was never handed out. With one: the id's producer in its next
//! epoch, which fences whoever held it before; an open transaction is aborted first and the client comes
//! again (CONCURRENT_TRANSACTIONS). Since version 3 a client may say what it holds (KIP-360). Of version 6
//! two-phase commit is allowed by an option, and keeping a prepared transaction is refused, as in Kafka.
//!
//! Ids come in blocks of the metadata log; a block is durable before its first id leaves.

use std::sync::Arc;

use super::groups::answer;
use super::transactions::{fenced, identity, with_producer_id};
use super::{Context, Handling, Services};
use crate::coordinator::runtime::Pending;
use crate::coordinator::txn::{Identity, Init};
use crate::schema::clients::init_producer_id_request::InitProducerIdRequest;
use crate::schema::clients::init_producer_id_response::InitProducerIdResponse;
use crate::schema::{DecodeError, ErrorCode, Reader};
use crate::types::{ProducerEpoch, ProducerId};

/// First version whose clients know that a producer can be fenced.
const FENCED_FROM: i16 = 4;

/// Hands out an id.
pub(super) fn handle(
    services: &Services,
    ctx: &Context<'_>,
    mut body: Reader<'_>,
) -> Result<Handling, DecodeError> {
    let request = InitProducerIdRequest::decode(&mut body, ctx.version)?;
    let pending = match (&request.transactional_id, known(&request)) {
        (_, Err(code)) => Pending::Ready(Ok(Err(code))),
        // No coordinator has it: it would be refused by whichever one was asked.
        (Some(id), _) if id.is_empty() => Pending::Ready(Ok(Err(ErrorCode::INVALID_REQUEST))),
        (None, Ok(_)) => fresh(services),
        (Some(id), Ok(known)) => {
            let (transactions, id) = (Arc::clone(&services.transactions), id.to_string());
            let (timeout_ms, two_phase, keep_prepared) =
                (request.transaction_timeout_ms, request.enable2_pc, request.keep_prepared_txn);
            with_producer_id(services, move |fresh| {
                let init = Init { id: &id, timeout_ms, known, two_phase, keep_prepared };
                transactions.decide(&id, |shard, view| shard.init_producer_id(view, &init, fresh))
            })
        }
    };
    Ok(answer(ctx, pending, |answer, w, version| {
        let response = match answer.and_then(|granted| granted) {
            Ok(granted) => InitProducerIdResponse {
                producer_id: granted.id.get(),
                producer_epoch: granted.epoch.get(),
                ..Default::default()
            },
            Err(code) => InitProducerIdResponse {
                error_code: fenced(code, version, FENCED_FROM).code(),
                producer_id: -1,
                producer_epoch: -1,
                ..Default::default()
            },
        };
        response.encode(w, version);
    }))
}

/// What the client says that it holds: id and epoch, or neither.
fn known(request: &InitProducerIdRequest<'_>) -> Result<Option<Identity>, ErrorCode> {
    let known = identity(request.producer_id, request.producer_epoch);
    match (known.id, known.epoch) {
        (ProducerId::NONE, ProducerEpoch::NONE) => Ok(None),
        (ProducerId::NONE, _) | (_, ProducerEpoch::NONE) => Err(ErrorCode::INVALID_REQUEST),
        _ => Ok(Some(known)),
    }
}

/// An id without a transactional id.
fn fresh(services: &Services) -> Pending<Result<Identity, ErrorCode>> {
    let granted = |id| Identity { id, epoch: ProducerEpoch(0) };
    if let Some(id) = services.producer_ids.take() {
        return Pending::Ready(Ok(Ok(granted(id))));
    }
    let (ids, metadata) = (Arc::clone(&services.producer_ids), Arc::clone(&services.metadata));
    Pending::Later(Box::pin(async move {
        let id = ids.next(&metadata).await.map_err(|_| ErrorCode::COORDINATOR_NOT_AVAILABLE)?;
        Ok(Ok(granted(id)))
    }))
}

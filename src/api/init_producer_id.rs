//! InitProducerId (key 22), versions 0 to 5, without a transactional id: an id that was never handed out.
//!
//! Ids come in blocks of the metadata log; a block is durable before its first id leaves.

use super::{Context, Handling, Services};
use crate::schema::clients::init_producer_id_request::InitProducerIdRequest;
use crate::schema::clients::init_producer_id_response::InitProducerIdResponse;
use crate::schema::{DecodeError, ErrorCode, Reader};
use crate::types::ProducerId;

/// Hands out an id.
pub(super) fn handle(
    services: &Services,
    ctx: &Context<'_>,
    mut body: Reader<'_>,
) -> Result<Handling, DecodeError> {
    let request = InitProducerIdRequest::decode(&mut body, ctx.version)?;
    if let Some(id) = &request.transactional_id {
        let code =
            if id.is_empty() { ErrorCode::INVALID_REQUEST } else { ErrorCode::COORDINATOR_NOT_AVAILABLE };
        return Ok(super::reply(ctx, |w| refused(code).encode(w, ctx.version)));
    }
    let (head, ids) = (ctx.head(), std::sync::Arc::clone(&services.producer_ids));
    if let Some(id) = ids.take() {
        return Ok(super::reply(ctx, |w| granted(id).encode(w, ctx.version)));
    }
    let metadata = std::sync::Arc::clone(&services.metadata);
    Ok(Handling::parked(async move {
        let response = match ids.next(&metadata).await {
            Ok(id) => granted(id),
            Err(_) => refused(ErrorCode::COORDINATOR_NOT_AVAILABLE),
        };
        head.reply(|w| response.encode(w, head.version))
    }))
}

fn granted(id: ProducerId) -> InitProducerIdResponse {
    InitProducerIdResponse { producer_id: id.get(), producer_epoch: 0, ..Default::default() }
}

fn refused(code: ErrorCode) -> InitProducerIdResponse {
    InitProducerIdResponse {
        error_code: code.code(),
        producer_id: -1,
        producer_epoch: -1,
        ..Default::default()
    }
}

//! FindCoordinator (key 10), versions 0 to 6: there is no coordinator yet, and clients are told to come
//! again. librdkafka does without groups, but crashes where this API is missing.

use std::borrow::Cow;

use super::{Context, Handling, Services};
use crate::schema::clients::find_coordinator_request::FindCoordinatorRequest;
use crate::schema::clients::find_coordinator_response::{Coordinator, FindCoordinatorResponse};
use crate::schema::{DecodeError, ErrorCode, Reader};

const CODE: ErrorCode = ErrorCode::COORDINATOR_NOT_AVAILABLE;
const MESSAGE: &str = "groups and transactions are not supported yet";

/// Answers that none is available.
pub(super) fn handle(_: &Services, ctx: &Context<'_>, mut body: Reader<'_>) -> Result<Handling, DecodeError> {
    let request = FindCoordinatorRequest::decode(&mut body, ctx.version)?;
    let coordinators = request.coordinator_keys.iter().map(|key| Coordinator {
        key: Cow::Borrowed(&**key),
        node_id: -1,
        port: -1,
        error_code: CODE.code(),
        error_message: Some(Cow::Borrowed(MESSAGE)),
        ..Default::default()
    });
    let response = FindCoordinatorResponse {
        error_code: CODE.code(),
        error_message: Some(Cow::Borrowed(MESSAGE)),
        node_id: -1,
        port: -1,
        coordinators: coordinators.collect(),
        ..Default::default()
    };
    Ok(super::reply(ctx, |w| response.encode(w, ctx.version)))
}

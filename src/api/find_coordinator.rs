//! FindCoordinator (key 10), versions 0 to 6: who coordinates a group or a transaction; since version 4 for
//! several keys at once. Of both it is this node. There is no coordinator of share groups yet,
//! and clients are told to come again.

use super::addresses::advertised;
use super::groups::answer_all;
use super::{Context, Handling, Services};
use crate::coordinator::runtime::{Answer, Pending};
use crate::schema::clients::find_coordinator_request::FindCoordinatorRequest;
use crate::schema::clients::find_coordinator_response::{Coordinator, FindCoordinatorResponse};
use crate::schema::{DecodeError, ErrorCode, Reader};

/// First version for several keys.
const KEYS_FROM: i16 = 4;
/// First version that knows keys of share groups.
const SHARES_FROM: i16 = 6;
/// Types of keys.
const GROUP: i8 = 0;
const TRANSACTION: i8 = 1;
const SHARE: i8 = 2;

/// Answers once the topic that keeps the groups is there.
pub(super) fn handle(
    services: &Services,
    ctx: &Context<'_>,
    mut body: Reader<'_>,
) -> Result<Handling, DecodeError> {
    let mut request = FindCoordinatorRequest::decode(&mut body, ctx.version)?;
    if ctx.version < KEYS_FROM {
        request.coordinator_keys = vec![request.key.clone()];
    }
    let one = |key: &str| match request.key_type {
        GROUP => services.groups.prepare(key),
        TRANSACTION => services.transactions.prepare(key),
        SHARE if ctx.version >= SHARES_FROM => Pending::error(ErrorCode::COORDINATOR_NOT_AVAILABLE),
        _ => Pending::error(ErrorCode::INVALID_REQUEST),
    };
    let pending = request.coordinator_keys.iter().map(|key| one(key)).collect();
    let keys: Vec<String> = request.coordinator_keys.iter().map(|key| key.to_string()).collect();
    let (host, port) = advertised(services, ctx);
    let node = services.node_id.get();
    Ok(answer_all(ctx, pending, move |answers, w, version| {
        let tell = |(answer, key): (Answer<()>, String)| match answer {
            Ok(()) => Coordinator {
                key: key.into(),
                node_id: node,
                host: host.clone().into(),
                port,
                ..Default::default()
            },
            Err(code) => Coordinator {
                key: key.into(),
                node_id: -1,
                port: -1,
                error_code: code.code(),
                error_message: Some(code.to_string().into()),
                ..Default::default()
            },
        };
        let coordinators: Vec<Coordinator<'static>> = answers.into_iter().zip(keys).map(tell).collect();
        let response = match coordinators.first() {
            Some(one) if version < KEYS_FROM => FindCoordinatorResponse {
                error_code: one.error_code,
                error_message: one.error_message.clone(),
                node_id: one.node_id,
                host: one.host.clone(),
                port: one.port,
                ..Default::default()
            },
            _ => FindCoordinatorResponse { coordinators, ..Default::default() },
        };
        response.encode(w, version);
    }))
}

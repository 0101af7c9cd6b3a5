//! Heartbeat (key 12), versions 0 to 4: a member of a classic group lives, and learns of a rebalance.

use super::groups::answer;
use super::{Context, Handling, Services};
use crate::schema::clients::heartbeat_request::HeartbeatRequest;
use crate::schema::clients::heartbeat_response::HeartbeatResponse;
use crate::schema::{DecodeError, ErrorCode, Reader};

/// Decides and answers. While the group is being loaded a member need not worry.
pub(super) fn handle(
    services: &Services,
    ctx: &Context<'_>,
    mut body: Reader<'_>,
) -> Result<Handling, DecodeError> {
    let request = HeartbeatRequest::decode(&mut body, ctx.version)?;
    let pending = services.groups.decide(&request.group_id, |shard, view| shard.heartbeat(view, &request));
    Ok(answer(ctx, pending, |answer, w, version| {
        let code = match answer {
            Err(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS) => ErrorCode::NONE,
            Ok(code) | Err(code) => code,
        };
        HeartbeatResponse { error_code: code.code(), ..Default::default() }.encode(w, version);
    }))
}

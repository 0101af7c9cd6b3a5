//! ConsumerGroupHeartbeat (key 68), versions 0 and 1: members of consumer groups join, live and leave
//! (KIP-848). In version 0 the broker makes the ids of members, later on they do it themselves.

use super::groups::{answer, with_client};
use super::{Context, Handling, Services};
use crate::schema::clients::consumer_group_heartbeat_request::ConsumerGroupHeartbeatRequest;
use crate::schema::clients::consumer_group_heartbeat_response::ConsumerGroupHeartbeatResponse;
use crate::schema::{DecodeError, Reader};

/// Decides and answers.
pub(super) fn handle(
    services: &Services,
    ctx: &Context<'_>,
    mut body: Reader<'_>,
) -> Result<Handling, DecodeError> {
    let request = ConsumerGroupHeartbeatRequest::decode(&mut body, ctx.version)?;
    let pending = with_client(ctx, |client| {
        services.groups.decide(&request.group_id, |shard, view| {
            shard.consumer_heartbeat(view, client, &request, ctx.version)
        })
    });
    Ok(answer(ctx, pending, |answer, w, version| {
        let refuse = |code: crate::schema::ErrorCode| ConsumerGroupHeartbeatResponse {
            error_code: code.code(),
            ..Default::default()
        };
        answer.unwrap_or_else(refuse).encode(w, version);
    }))
}

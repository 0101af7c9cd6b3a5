//! JoinGroup (key 11), versions 0 to 9: a member wants to be in the next generation of a group. The reply
//! waits for that generation; since version 4 a new member is told its id first (KIP-394).

use super::groups::{answer, with_client};
use super::{Context, Handling, Services};
use crate::coordinator::group::classic::{Join, join_error};
use crate::schema::clients::join_group_request::JoinGroupRequest;
use crate::schema::{DecodeError, Reader};

/// First version in which a reply may be without a protocol's name.
const NO_PROTOCOL_FROM: i16 = 7;

/// Decides, and answers when the generation begins.
pub(super) fn handle(
    services: &Services,
    ctx: &Context<'_>,
    mut body: Reader<'_>,
) -> Result<Handling, DecodeError> {
    let request = JoinGroupRequest::decode(&mut body, ctx.version)?;
    let join = Join { request: &request, version: ctx.version };
    let pending = with_client(ctx, |client| {
        services.groups.decide_or_park(&request.group_id, |shard, view| shard.join(view, client, join))
    });
    Ok(answer(ctx, pending, |answer, w, version| {
        let mut response = answer.unwrap_or_else(|code| join_error("", code));
        if version < NO_PROTOCOL_FROM {
            response.protocol_name.get_or_insert_default();
        }
        response.encode(w, version);
    }))
}

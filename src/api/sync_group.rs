//! SyncGroup (key 14), versions 0 to 5: the leader of a generation brings the assignment, every member gets
//! its own.

use super::groups::answer;
use super::{Context, Handling, Services};
use crate::coordinator::group::classic::sync_error;
use crate::schema::clients::sync_group_request::SyncGroupRequest;
use crate::schema::{DecodeError, Reader};

/// Decides, and answers when the leader has assigned.
pub(super) fn handle(
    services: &Services,
    ctx: &Context<'_>,
    mut body: Reader<'_>,
) -> Result<Handling, DecodeError> {
    let request = SyncGroupRequest::decode(&mut body, ctx.version)?;
    let pending = services
        .groups
        .decide_or_park(&request.group_id, |shard, view| shard.sync(view, &request, ctx.version));
    Ok(answer(ctx, pending, |answer, w, version| answer.unwrap_or_else(sync_error).encode(w, version)))
}

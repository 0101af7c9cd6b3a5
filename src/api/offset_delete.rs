//! OffsetDelete (key 47), version 0: forgets offsets of topics that nobody in the group reads.

use super::groups::answer;
use super::{Context, Handling, Services};
use crate::schema::clients::offset_delete_request::OffsetDeleteRequest;
use crate::schema::clients::offset_delete_response::OffsetDeleteResponse;
use crate::schema::{DecodeError, Reader};

/// Decides and answers.
pub(super) fn handle(
    services: &Services,
    ctx: &Context<'_>,
    mut body: Reader<'_>,
) -> Result<Handling, DecodeError> {
    let request = OffsetDeleteRequest::decode(&mut body, ctx.version)?;
    let pending =
        services.groups.decide(&request.group_id, |shard, view| shard.delete_offsets(view, &request));
    Ok(answer(ctx, pending, |answer, w, version| {
        let refuse = |code: crate::schema::ErrorCode| OffsetDeleteResponse {
            error_code: code.code(),
            ..Default::default()
        };
        answer.unwrap_or_else(refuse).encode(w, version);
    }))
}

//! OffsetCommit (key 8), versions 2 to 10: a group has come so far. Topics go by name, and by id since
//! version 10. The reply waits until the offsets are on disk.

use super::groups::answer;
use super::{Context, Handling, Services};
use crate::coordinator::group::commit_error;
use crate::schema::clients::offset_commit_request::OffsetCommitRequest;
use crate::schema::{DecodeError, ErrorCode, Reader};

/// Decides and answers.
pub(super) fn handle(
    services: &Services,
    ctx: &Context<'_>,
    mut body: Reader<'_>,
) -> Result<Handling, DecodeError> {
    let request = OffsetCommitRequest::decode(&mut body, ctx.version)?;
    let pending =
        services.groups.decide(&request.group_id, |shard, view| shard.commit(view, &request, ctx.version));
    // What it would say if the coordinator cannot; the code is put in when it is known.
    let refused = commit_error(&request, ErrorCode::NONE);
    Ok(answer(ctx, pending, move |answer, w, version| {
        let response = answer.unwrap_or_else(|code| {
            let code = match code {
                ErrorCode::UNKNOWN_SERVER_ERROR => ErrorCode::INVALID_COMMIT_OFFSET_SIZE,
                code => code,
            };
            let mut refused = refused;
            let partitions = refused.topics.iter_mut().flat_map(|topic| &mut topic.partitions);
            partitions.for_each(|partition| partition.error_code = code.code());
            refused
        });
        response.encode(w, version);
    }))
}

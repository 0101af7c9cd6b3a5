//! ListGroups (key 16), versions 0 to 5: the groups of this coordinator, by state since version 4 and by
//! type since version 5.

use super::groups::answer_all;
use super::{Context, Handling, Services};
use crate::coordinator::group::Decision;
use crate::schema::clients::list_groups_request::ListGroupsRequest;
use crate::schema::clients::list_groups_response::ListGroupsResponse;
use crate::schema::{DecodeError, Reader};

/// Lists. If a part is being loaded the list would be wrong, and is refused.
pub(super) fn handle(
    services: &Services,
    ctx: &Context<'_>,
    mut body: Reader<'_>,
) -> Result<Handling, DecodeError> {
    let request = ListGroupsRequest::decode(&mut body, ctx.version)?;
    let states: Vec<&str> = request.states_filter.iter().map(AsRef::as_ref).collect();
    let types: Vec<&str> = request.types_filter.iter().map(AsRef::as_ref).collect();
    let pending = services.groups.decide_everywhere(|shard, _| Decision::reply(shard.list(&states, &types)));
    Ok(answer_all(ctx, pending, |answers, w, version| {
        let mut response = ListGroupsResponse::default();
        for answer in answers {
            match answer {
                Ok(groups) => response.groups.extend(groups),
                Err(code) => response.error_code = code.code(),
            }
        }
        if response.error_code != 0 {
            response.groups.clear();
        }
        response.encode(w, version);
    }))
}

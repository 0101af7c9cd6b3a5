//! LeaveGroup (key 13), versions 0 to 5: members leave a classic group. Up to version 2 a request names one
//! member and the reply has one code; since version 3 both are lists (KIP-345).

use super::groups::answer;
use super::{Context, Handling, Services};
use crate::schema::clients::leave_group_request::{LeaveGroupRequest, MemberIdentity};
use crate::schema::clients::leave_group_response::LeaveGroupResponse;
use crate::schema::{DecodeError, Reader};

/// First version with lists.
const LISTS_FROM: i16 = 3;

/// Decides and answers.
pub(super) fn handle(
    services: &Services,
    ctx: &Context<'_>,
    mut body: Reader<'_>,
) -> Result<Handling, DecodeError> {
    let mut request = LeaveGroupRequest::decode(&mut body, ctx.version)?;
    if ctx.version < LISTS_FROM {
        let member_id = request.member_id.clone();
        request.members = vec![MemberIdentity { member_id, ..Default::default() }];
    }
    let pending = services.groups.decide(&request.group_id, |shard, view| shard.leave(view, &request));
    Ok(answer(ctx, pending, |answer, w, version| {
        let mut response = answer
            .unwrap_or_else(|code| LeaveGroupResponse { error_code: code.code(), ..Default::default() });
        if version < LISTS_FROM && response.error_code == 0 {
            response.error_code = response.members.first().map_or(0, |member| member.error_code);
        }
        response.encode(w, version);
    }))
}

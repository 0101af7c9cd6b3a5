//! DescribeGroups (key 15), versions 0 to 6: classic groups with their members.

use super::groups::{Description, describe_all};
use super::{Context, Handling, Services};
use crate::coordinator::group::Decision;
use crate::schema::clients::describe_groups_request::DescribeGroupsRequest;
use crate::schema::clients::describe_groups_response::{DescribeGroupsResponse, DescribedGroup};
use crate::schema::{DecodeError, Reader, Str};

impl Description for DescribedGroup<'static> {
    fn parts(&mut self) -> (&mut Str<'static>, &mut i16, &mut i32) {
        (&mut self.group_id, &mut self.error_code, &mut self.authorized_operations)
    }
}

/// Describes.
pub(super) fn handle(
    services: &Services,
    ctx: &Context<'_>,
    mut body: Reader<'_>,
) -> Result<Handling, DecodeError> {
    let request = DescribeGroupsRequest::decode(&mut body, ctx.version)?;
    let version = ctx.version;
    let one = |id: &str| services.groups.decide(id, |shard, _| Decision::reply(shard.describe(id, version)));
    Ok(describe_all(
        ctx,
        &request.groups,
        request.include_authorized_operations,
        one,
        |groups: Vec<DescribedGroup<'_>>, w, version| {
            DescribeGroupsResponse { groups, ..Default::default() }.encode(w, version);
        },
    ))
}

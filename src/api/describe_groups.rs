//! DescribeGroups (key 15), versions 0 to 6: classic groups with their members.

use super::groups::answer_all;
use super::operations;
use super::{Context, Handling, Services};
use crate::coordinator::group::Decision;
use crate::schema::clients::describe_groups_request::DescribeGroupsRequest;
use crate::schema::clients::describe_groups_response::{DescribeGroupsResponse, DescribedGroup};
use crate::schema::{DecodeError, ErrorCode, Reader};

/// Describes.
pub(super) fn handle(
    services: &Services,
    ctx: &Context<'_>,
    mut body: Reader<'_>,
) -> Result<Handling, DecodeError> {
    let request = DescribeGroupsRequest::decode(&mut body, ctx.version)?;
    let version = ctx.version;
    let one = |id: &str| services.groups.decide(id, |shard, _| Decision::reply(shard.describe(id, version)));
    let pending = request.groups.iter().map(|id| one(id)).collect();
    let ids: Vec<String> = request.groups.iter().map(|id| id.to_string()).collect();
    let operations =
        if request.include_authorized_operations { operations::ON_GROUP } else { operations::UNKNOWN };
    Ok(answer_all(ctx, pending, move |answers, w, version| {
        let describe = |(answer, id): (Result<DescribedGroup<'static>, ErrorCode>, String)| {
            let mut group = answer.unwrap_or_else(|code| DescribedGroup {
                group_id: id.into(),
                error_code: code.code(),
                ..Default::default()
            });
            if group.error_code == 0 {
                group.authorized_operations = operations;
            }
            group
        };
        let groups = answers.into_iter().zip(ids).map(describe).collect();
        DescribeGroupsResponse { groups, ..Default::default() }.encode(w, version);
    }))
}

//! ConsumerGroupDescribe (key 69), versions 0 and 1: consumer groups with their members, what these have
//! and what they are to have; since version 1 also which protocol each one speaks.

use super::groups::answer_all;
use super::operations;
use super::{Context, Handling, Services};
use crate::coordinator::group::Decision;
use crate::schema::clients::consumer_group_describe_request::ConsumerGroupDescribeRequest;
use crate::schema::clients::consumer_group_describe_response::{
    ConsumerGroupDescribeResponse, DescribedGroup,
};
use crate::schema::{DecodeError, ErrorCode, Reader};

/// Describes.
pub(super) fn handle(
    services: &Services,
    ctx: &Context<'_>,
    mut body: Reader<'_>,
) -> Result<Handling, DecodeError> {
    let request = ConsumerGroupDescribeRequest::decode(&mut body, ctx.version)?;
    let one = |id: &str| {
        if id.is_empty() {
            return crate::coordinator::runtime::Pending::error(ErrorCode::INVALID_GROUP_ID);
        }
        services.groups.decide(id, |shard, view| Decision::reply(shard.consumer_describe(view, id)))
    };
    let pending = request.group_ids.iter().map(|id| one(id)).collect();
    let ids: Vec<String> = request.group_ids.iter().map(|id| id.to_string()).collect();
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
        ConsumerGroupDescribeResponse { groups, ..Default::default() }.encode(w, version);
    }))
}

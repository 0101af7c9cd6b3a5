//! ConsumerGroupDescribe (key 69), versions 0 and 1: consumer groups with their members, what these have
//! and what they are to have; since version 1 also which protocol each one speaks.

use super::groups::{Description, describe_all};
use super::{Context, Handling, Services};
use crate::coordinator::group::Decision;
use crate::coordinator::runtime::Pending;
use crate::schema::clients::consumer_group_describe_request::ConsumerGroupDescribeRequest;
use crate::schema::clients::consumer_group_describe_response::{
    ConsumerGroupDescribeResponse, DescribedGroup,
};
use crate::schema::{DecodeError, ErrorCode, Reader, Str};

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
    let request = ConsumerGroupDescribeRequest::decode(&mut body, ctx.version)?;
    let one = |id: &str| {
        if id.is_empty() {
            return Pending::error(ErrorCode::INVALID_GROUP_ID);
        }
        services.groups.decide(id, |shard, view| Decision::reply(shard.consumer_describe(view, id)))
    };
    Ok(describe_all(
        ctx,
        &request.group_ids,
        request.include_authorized_operations,
        one,
        |groups: Vec<DescribedGroup<'_>>, w, version| {
            ConsumerGroupDescribeResponse { groups, ..Default::default() }.encode(w, version);
        },
    ))
}

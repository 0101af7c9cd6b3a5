//! OffsetFetch (key 9), versions 1 to 10: there is no coordinator yet. Old librdkafka crashes where this
//! API is missing.

use std::borrow::Cow;

use super::{Context, Handling, Services};
use crate::schema::clients::offset_fetch_request::OffsetFetchRequest;
use crate::schema::clients::offset_fetch_response::{
    OffsetFetchResponse, OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponseTopic,
};
use crate::schema::{DecodeError, ErrorCode, Reader};

/// First version with an error code of its own for the whole answer.
const FIRST_WITH_ERROR: i16 = 2;
const CODE: ErrorCode = ErrorCode::COORDINATOR_NOT_AVAILABLE;

/// Answers that no coordinator is available.
pub(super) fn handle(_: &Services, ctx: &Context<'_>, mut body: Reader<'_>) -> Result<Handling, DecodeError> {
    let request = OffsetFetchRequest::decode(&mut body, ctx.version)?;
    let groups = request.groups.iter().map(|group| OffsetFetchResponseGroup {
        group_id: Cow::Borrowed(&*group.group_id),
        error_code: CODE.code(),
        ..Default::default()
    });
    let mut response =
        OffsetFetchResponse { error_code: CODE.code(), groups: groups.collect(), ..Default::default() };
    if ctx.version < FIRST_WITH_ERROR {
        let topics = request.topics.iter().flatten().map(|topic| OffsetFetchResponseTopic {
            name: Cow::Borrowed(&*topic.name),
            partitions: topic.partition_indexes.iter().map(|&index| none(index)).collect(),
            ..Default::default()
        });
        response.topics = topics.collect();
    }
    Ok(super::reply(ctx, |w| response.encode(w, ctx.version)))
}

fn none(partition_index: i32) -> OffsetFetchResponsePartition<'static> {
    OffsetFetchResponsePartition {
        partition_index,
        committed_offset: -1,
        metadata: Some(Cow::Borrowed("")),
        error_code: CODE.code(),
        ..Default::default()
    }
}

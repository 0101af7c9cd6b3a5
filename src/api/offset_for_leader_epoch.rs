//! OffsetForLeaderEpoch (key 23), versions 2 to 4: where an epoch ended, for truncation detection.

use std::borrow::Cow;

use super::lookup::{by_name, partition_code};
use super::{Context, Handling, Services};
use crate::schema::clients::offset_for_leader_epoch_request::{
    OffsetForLeaderEpochRequest, OffsetForLeaderPartition,
};
use crate::schema::clients::offset_for_leader_epoch_response::{
    EpochEndOffset, OffsetForLeaderEpochResponse, OffsetForLeaderTopicResult,
};
use crate::schema::{DecodeError, ErrorCode, Reader};
use crate::types::LeaderEpoch;

/// Looks the ends up.
pub(super) fn handle(
    services: &Services,
    ctx: &Context<'_>,
    mut body: Reader<'_>,
) -> Result<Handling, DecodeError> {
    let request = OffsetForLeaderEpochRequest::decode(&mut body, ctx.version)?;
    let topics = request.topics.iter().map(|topic| {
        let ends = topic.partitions.iter().map(|p| {
            look_up(services, &topic.topic, p).unwrap_or_else(|code| EpochEndOffset {
                error_code: code.code(),
                partition: p.partition,
                ..Default::default()
            })
        });
        OffsetForLeaderTopicResult {
            topic: Cow::Borrowed(&*topic.topic),
            partitions: ends.collect(),
            ..Default::default()
        }
    });
    let response = OffsetForLeaderEpochResponse { topics: topics.collect(), ..Default::default() };
    Ok(super::reply(ctx, |w| response.encode(w, ctx.version)))
}

fn look_up(
    services: &Services,
    topic: &str,
    wanted: &OffsetForLeaderPartition,
) -> Result<EpochEndOffset, ErrorCode> {
    let leader = by_name(services, topic, wanted.partition)?;
    leader.check_epoch(wanted.current_leader_epoch).map_err(|error| partition_code(&error))?;
    let mut end = EpochEndOffset { partition: wanted.partition, ..Default::default() };
    if let Some((epoch, offset)) = leader.epoch_end(LeaderEpoch(wanted.leader_epoch)) {
        end.leader_epoch = epoch.get();
        end.end_offset = offset.get();
    }
    Ok(end)
}

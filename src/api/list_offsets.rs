//! ListOffsets (key 2), versions 1 to 11: offsets by time, and the special timestamps.

use std::borrow::Cow;
use std::collections::HashSet;

use super::lookup::{by_name, gone_code, log_code, partition_code};
use super::{Context, Handling, Services};
use crate::partition::{Isolation, Partition};
use crate::schema::clients::list_offsets_request::{ListOffsetsPartition, ListOffsetsRequest};
use crate::schema::clients::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsResponse, ListOffsetsTopicResponse,
};
use crate::schema::{DecodeError, ErrorCode, Reader};
use crate::types::{LeaderEpoch, Offset, Timestamp};

const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const MAX_TIMESTAMP: i64 = -3;
const EARLIEST_LOCAL: i64 = -4;
const LATEST_TIERED: i64 = -5;
const EARLIEST_PENDING_UPLOAD: i64 = -6;

/// First version in which each special timestamp has its meaning.
const FIRST_VERSIONS: &[(i64, i16)] =
    &[(MAX_TIMESTAMP, 7), (EARLIEST_LOCAL, 8), (LATEST_TIERED, 9), (EARLIEST_PENDING_UPLOAD, 11)];

type Answer = ListOffsetsPartitionResponse;

/// Looks the offsets up.
pub(super) fn handle(
    services: &Services,
    ctx: &Context<'_>,
    mut body: Reader<'_>,
) -> Result<Handling, DecodeError> {
    let request = ListOffsetsRequest::decode(&mut body, ctx.version)?;
    let isolation = Isolation::from_wire(request.isolation_level);
    let (mut seen, mut twice) = (HashSet::new(), HashSet::new());
    for topic in &request.topics {
        for p in &topic.partitions {
            if !seen.insert((&*topic.name, p.partition_index)) {
                twice.insert((&*topic.name, p.partition_index));
            }
        }
    }
    let mut topics = Vec::with_capacity(request.topics.len());
    for topic in &request.topics {
        let answers = topic.partitions.iter().map(|p| {
            if twice.contains(&(&*topic.name, p.partition_index)) {
                return failed(p.partition_index, ErrorCode::INVALID_REQUEST);
            }
            look_up(services, ctx.version, isolation, &topic.name, p)
                .unwrap_or_else(|code| failed(p.partition_index, code))
        });
        let partitions = answers.collect();
        let name = Cow::Borrowed(&*topic.name);
        topics.push(ListOffsetsTopicResponse { name, partitions, ..Default::default() });
    }
    let response = ListOffsetsResponse { topics, ..Default::default() };
    Ok(super::reply(ctx, |w| response.encode(w, ctx.version)))
}

fn failed(index: i32, code: ErrorCode) -> Answer {
    Answer { error_code: code.code(), ..answer(index, Timestamp::NONE, Offset::NONE, LeaderEpoch::NONE) }
}

fn answer(index: i32, timestamp: Timestamp, offset: Offset, epoch: LeaderEpoch) -> Answer {
    Answer {
        partition_index: index,
        timestamp: timestamp.get(),
        offset: offset.get(),
        leader_epoch: epoch.get(),
        ..Default::default()
    }
}

fn look_up(
    services: &Services,
    version: i16,
    isolation: Isolation,
    topic: &str,
    wanted: &ListOffsetsPartition,
) -> Result<Answer, ErrorCode> {
    let too_new =
        FIRST_VERSIONS.iter().any(|&(special, first)| wanted.timestamp == special && version < first);
    if too_new || wanted.timestamp < EARLIEST_PENDING_UPLOAD {
        return Err(ErrorCode::UNSUPPORTED_VERSION);
    }
    let leader = by_name(services, topic, wanted.partition_index)?;
    leader.check_epoch(wanted.current_leader_epoch).map_err(|error| partition_code(&error))?;
    if leader.is_gone() {
        return Err(gone_code(&leader));
    }
    find(&leader, isolation, wanted)
}

fn find(
    leader: &Partition,
    isolation: Isolation,
    wanted: &ListOffsetsPartition,
) -> Result<Answer, ErrorCode> {
    let index = wanted.partition_index;
    let none = answer(index, Timestamp::NONE, Offset::NONE, LeaderEpoch::NONE);
    let marks = leader.marks();
    let found = match wanted.timestamp {
        LATEST => {
            let end = marks.limit(isolation);
            return Ok(answer(index, Timestamp::NONE, end, leader.leader_epoch()));
        }
        EARLIEST | EARLIEST_LOCAL => {
            let start = marks.log_start;
            return Ok(answer(index, Timestamp::NONE, start, leader.epoch_of(start)));
        }
        // Nothing is tiered.
        LATEST_TIERED | EARLIEST_PENDING_UPLOAD => return Ok(none),
        MAX_TIMESTAMP => leader.find_max_timestamp(isolation),
        time => leader.find_time(Timestamp(time), isolation),
    };
    let found = found.map_err(|error| log_code(&error))?;
    Ok(found.map_or(none, |f| answer(index, f.timestamp, f.offset, f.leader_epoch)))
}

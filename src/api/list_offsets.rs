//! ListOffsets (key 2), versions 1 to 11: offsets by time, and the special timestamps. A time that may lie in the
//! remote tier is looked up there, beside the connection.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;

use super::lookup::{by_name, gone_code, log_code, partition_code};
use super::{Context, Handling, Services};
use crate::partition::{Isolation, Partition, Tiered};
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

/// An answer, or what it takes to have one.
enum Found {
    Now(Answer),
    /// The time is looked for in the remote tier.
    Later {
        leader: Arc<Partition>,
        index: i32,
        time: Timestamp,
    },
}

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
                return Found::Now(failed(p.partition_index, ErrorCode::INVALID_REQUEST));
            }
            look_up(services, ctx.version, isolation, &topic.name, p)
                .unwrap_or_else(|code| Found::Now(failed(p.partition_index, code)))
        });
        topics.push((topic.name.to_string(), answers.collect::<Vec<_>>()));
    }
    let is_later = |(_, found): &(String, Vec<Found>)| found.iter().any(|f| matches!(f, Found::Later { .. }));
    let head = ctx.head();
    if topics.iter().any(is_later) {
        let limit = u64::try_from(services.config().remote_list_offsets_request_timeout_ms).unwrap_or(0);
        return Ok(Handling::parked(async move {
            let response = settle(topics, isolation, Duration::from_millis(limit)).await;
            head.reply(|w| response.encode(w, head.version))
        }));
    }
    let now = |found: Found| match found {
        Found::Now(answer) => answer,
        Found::Later { index, .. } => failed(index, ErrorCode::UNKNOWN_SERVER_ERROR),
    };
    let topics = topics.into_iter().map(|(name, found)| told(name, found.into_iter().map(now).collect()));
    let response = ListOffsetsResponse { topics: topics.collect(), ..Default::default() };
    Ok(super::reply(ctx, |w| response.encode(w, ctx.version)))
}

fn told(name: String, partitions: Vec<Answer>) -> ListOffsetsTopicResponse<'static> {
    ListOffsetsTopicResponse { name: Cow::Owned(name), partitions, ..Default::default() }
}

/// Waits for the remote tier's answers, all at once.
async fn settle(
    topics: Vec<(String, Vec<Found>)>,
    isolation: Isolation,
    limit: Duration,
) -> ListOffsetsResponse<'static> {
    let each = |found: Found| async move {
        match found {
            Found::Now(answer) => answer,
            Found::Later { leader, index, time } => {
                match tokio::time::timeout(limit, leader.find_time_anywhere(time, isolation)).await {
                    Ok(Ok(Some(f))) => answer(index, f.timestamp, f.offset, f.leader_epoch),
                    Ok(Ok(None)) => none(index),
                    Ok(Err(error)) => failed(index, log_code(&error)),
                    Err(_) => failed(index, ErrorCode::REQUEST_TIMED_OUT),
                }
            }
        }
    };
    let topics = topics
        .into_iter()
        .map(|(name, found)| async move { told(name, join_all(found.into_iter().map(each)).await) });
    ListOffsetsResponse { topics: join_all(topics).await, ..Default::default() }
}

fn failed(index: i32, code: ErrorCode) -> Answer {
    Answer { error_code: code.code(), ..answer(index, Timestamp::NONE, Offset::NONE, LeaderEpoch::NONE) }
}

fn none(index: i32) -> Answer {
    answer(index, Timestamp::NONE, Offset::NONE, LeaderEpoch::NONE)
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
) -> Result<Found, ErrorCode> {
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
    if wanted.timestamp >= 0 && leader.has_remote_part() {
        let (index, time) = (wanted.partition_index, Timestamp(wanted.timestamp));
        return Ok(Found::Later { leader, index, time });
    }
    find(&leader, isolation, wanted).map(Found::Now)
}

fn find(
    leader: &Partition,
    isolation: Isolation,
    wanted: &ListOffsetsPartition,
) -> Result<Answer, ErrorCode> {
    let index = wanted.partition_index;
    let marks = leader.marks();
    let at = |offset| answer(index, Timestamp::NONE, offset, leader.epoch_of(offset));
    let found = match wanted.timestamp {
        LATEST => {
            let end = marks.limit(isolation);
            return Ok(answer(index, Timestamp::NONE, end, leader.leader_epoch()));
        }
        EARLIEST => return Ok(at(marks.log_start)),
        EARLIEST_LOCAL => return Ok(at(leader.local_start())),
        LATEST_TIERED => {
            return Ok(match leader.tiered() {
                Tiered::Below(end) => at(end.plus(-1)),
                Tiered::No | Tiered::Unknown | Tiered::Nothing => none(index),
            });
        }
        EARLIEST_PENDING_UPLOAD => {
            return Ok(match leader.tiered() {
                Tiered::Below(end) => at(end.max(marks.log_start)),
                Tiered::Nothing => at(marks.log_start),
                Tiered::No | Tiered::Unknown => none(index),
            });
        }
        MAX_TIMESTAMP => leader.find_max_timestamp(isolation),
        time => leader.find_time(Timestamp(time), isolation),
    };
    let found = found.map_err(|error| log_code(&error))?;
    Ok(found.map_or_else(|| none(index), |f| answer(index, f.timestamp, f.offset, f.leader_epoch)))
}

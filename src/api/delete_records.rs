//! DeleteRecords (key 21), versions 0 to 2: moves the log start; durable before the reply.

use std::borrow::Cow;
use std::sync::Arc;

use super::lookup::{by_name, log_code};
use super::{Context, Handling, Services};
use crate::metadata::change::is_internal;
use crate::partition::Partition;
use crate::schema::clients::delete_records_request::DeleteRecordsRequest;
use crate::schema::clients::delete_records_response::{
    DeleteRecordsPartitionResult, DeleteRecordsResponse, DeleteRecordsTopicResult,
};
use crate::schema::{DecodeError, ErrorCode, Reader};
use crate::types::Offset;

/// Stands for the high watermark.
const HIGH_WATERMARK: i64 = -1;
const NO_LOW_WATERMARK: i64 = -1;

/// Deletes. The work is disk I/O and runs beside the connections.
pub(super) fn handle(
    services: &Services,
    ctx: &Context<'_>,
    mut body: Reader<'_>,
) -> Result<Handling, DecodeError> {
    let request = DeleteRecordsRequest::decode(&mut body, ctx.version)?;
    let mut work = Vec::new();
    for topic in &request.topics {
        let partitions = topic
            .partitions
            .iter()
            .map(|p| (p.partition_index, p.offset, leader(services, &topic.name, p.partition_index)));
        work.push((topic.name.to_string(), partitions.collect::<Vec<_>>()));
    }
    let head = ctx.head();
    Ok(Handling::blocking(move || {
        let topics = work.into_iter().map(|(name, partitions)| {
            let results = partitions.into_iter().map(|(index, offset, leader)| result(index, offset, leader));
            DeleteRecordsTopicResult {
                name: Cow::Owned(name),
                partitions: results.collect(),
                ..Default::default()
            }
        });
        let response = DeleteRecordsResponse { topics: topics.collect(), ..Default::default() };
        head.reply(|w| response.encode(w, head.version))
    }))
}

fn leader(services: &Services, topic: &str, index: i32) -> Result<Arc<Partition>, ErrorCode> {
    let leader = by_name(services, topic, index)?;
    if is_internal(topic) {
        return Err(ErrorCode::INVALID_TOPIC_EXCEPTION);
    }
    if leader.config().cleanup_policy.delete { Ok(leader) } else { Err(ErrorCode::POLICY_VIOLATION) }
}

fn result(
    index: i32,
    offset: i64,
    leader: Result<Arc<Partition>, ErrorCode>,
) -> DeleteRecordsPartitionResult {
    let deleted = leader.and_then(|leader| {
        let offset = if offset == HIGH_WATERMARK { leader.high_watermark() } else { Offset(offset) };
        leader.delete_before(offset).map_err(|error| log_code(&error))
    });
    DeleteRecordsPartitionResult {
        partition_index: index,
        low_watermark: deleted.map_or(NO_LOW_WATERMARK, Offset::get),
        error_code: deleted.err().unwrap_or(ErrorCode::NONE).code(),
        ..Default::default()
    }
}

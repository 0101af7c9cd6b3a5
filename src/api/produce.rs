//! Produce (key 0), versions 3 to 13: appends one batch per partition.
//!
//! The reply waits until what was appended is visible, which with default settings means on disk;
//! acks=1 and acks=all are answered alike. With acks=0 there is no reply, and an error closes the
//! connection, as in Kafka. Transactional batches are refused until there are transactions.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use super::lookup::{by_id, by_name, gone_code, log_code};
use super::{Context, Handling, Refusal, Services};
use crate::config::{CompressionType, TimestampType as TimestampOption, TopicConfig};
use crate::metadata::change::is_internal;
use crate::partition::Partition;
use crate::record::{Codec, Compression, Depth, Rejection, Rules, TimestampType, validate};
use crate::schema::clients::produce_request::{PartitionProduceData, ProduceRequest, TopicProduceData};
use crate::schema::clients::produce_response::{
    BatchIndexAndErrorMessage, PartitionProduceResponse, ProduceResponse, TopicProduceResponse,
};
use crate::schema::{DecodeError, ErrorCode, Reader};
use crate::types::{Offset, Uuid};

/// First version that names topics by id.
const FIRST_WITH_TOPIC_IDS: i16 = 13;
const ACKS_NONE: i16 = 0;
const ACKS_ALL: i16 = -1;
/// What Kafka's Admin client calls itself; it may write to internal topics.
const ADMIN_CLIENT_ID: &str = "__admin_client";

/// An append that the reply waits for: which answer it belongs to, and the offset to reach.
struct Pending {
    topic: usize,
    partition: usize,
    leader: Arc<Partition>,
    end: Offset,
}

/// Appends and answers.
pub(super) fn handle(
    services: &Services,
    ctx: &Context<'_>,
    mut body: Reader<'_>,
) -> Result<Handling, DecodeError> {
    let request = ProduceRequest::decode(&mut body, ctx.version)?;
    let mut pending = Vec::new();
    let mut responses = Vec::with_capacity(request.topic_data.len());
    for topic in &request.topic_data {
        let mut answers = Vec::with_capacity(topic.partition_data.len());
        for data in &topic.partition_data {
            let answer = match append(services, ctx, &request, topic, data) {
                Ok((answer, leader, end)) => {
                    let (topic, partition) = (responses.len(), answers.len());
                    pending.push(Pending { topic, partition, leader, end });
                    answer
                }
                Err(answer) => *answer,
            };
            answers.push(answer);
        }
        responses.push(TopicProduceResponse {
            name: Cow::Owned(topic.name.to_string()),
            topic_id: topic.topic_id,
            partition_responses: answers,
            ..Default::default()
        });
    }
    if request.acks == ACKS_NONE {
        return Ok(unanswered(ctx, &responses));
    }
    let mut response = ProduceResponse { responses, ..Default::default() };
    pending.retain(|p| p.leader.high_watermark() < p.end);
    let head = ctx.head();
    if pending.is_empty() {
        return Ok(super::reply(ctx, |w| response.encode(w, ctx.version)));
    }
    let timeout = Duration::from_millis(u64::try_from(request.timeout_ms).unwrap_or(0));
    Ok(Handling::parked(async move {
        let deadline = tokio::time::Instant::now() + timeout;
        for wait in pending {
            let code = match tokio::time::timeout_at(deadline, wait.leader.visible(wait.end)).await {
                Ok(true) => continue,
                Ok(false) => gone_code(&wait.leader),
                Err(_) => ErrorCode::REQUEST_TIMED_OUT,
            };
            let topic = response.responses.get_mut(wait.topic);
            if let Some(answer) = topic.and_then(|t| t.partition_responses.get_mut(wait.partition)) {
                *answer = failed(answer.index, code, None);
            }
        }
        head.reply(|w| response.encode(w, head.version))
    }))
}

/// Without acknowledgement only the end of the connection can tell of an error.
fn unanswered(ctx: &Context<'_>, responses: &[TopicProduceResponse<'_>]) -> Handling {
    let mut answers = responses.iter().flat_map(|t| &t.partition_responses);
    match answers.find(|a| a.error_code != 0) {
        None => Handling::NoReply,
        Some(answer) => {
            Handling::Close(Refusal::Unanswerable { api: ctx.api.name, code: ErrorCode(answer.error_code) })
        }
    }
}

type Answer = PartitionProduceResponse<'static>;

fn append(
    services: &Services,
    ctx: &Context<'_>,
    request: &ProduceRequest<'_>,
    topic: &TopicProduceData<'_>,
    data: &PartitionProduceData<'_>,
) -> Result<(Answer, Arc<Partition>, Offset), Box<Answer>> {
    let refuse = |code, message: Option<String>| Box::new(failed(data.index, code, message));
    if !(ACKS_ALL..=1).contains(&request.acks) {
        return Err(refuse(ErrorCode::INVALID_REQUIRED_ACKS, None));
    }
    let found = if ctx.version >= FIRST_WITH_TOPIC_IDS {
        by_id(services, Uuid(topic.topic_id), data.index)
    } else {
        by_name(services, &topic.name, data.index)
    };
    let leader = found.map_err(|code| refuse(code, None))?;
    let name = &leader.name().topic;
    if is_internal(name) && ctx.client_id != Some(ADMIN_CLIENT_ID) {
        let message = format!("{name} is an internal topic; clients cannot write to it");
        return Err(refuse(ErrorCode::INVALID_TOPIC_EXCEPTION, Some(message)));
    }
    let config = leader.config();
    if request.acks == ACKS_ALL && config.min_insync_replicas > 1 {
        let message = format!(
            "min.insync.replicas of {name} is {}, and one replica is all there is",
            config.min_insync_replicas
        );
        return Err(refuse(ErrorCode::NOT_ENOUGH_REPLICAS, Some(message)));
    }
    let records = data.records.as_ref().map(|r| r.as_bytes()).unwrap_or_default();
    let rules = rules(&config, services.produce_validation);
    let batch =
        validate(records, ctx.version, &rules, ctx.now).map_err(|r| Box::new(rejected(data.index, &r)))?;
    if batch.header().is_transactional() {
        let message = "transactions are not supported yet".to_owned();
        return Err(refuse(ErrorCode::INVALID_TXN_STATE, Some(message)));
    }
    let stamped = batch.log_append_time();
    let appended = leader.append(batch, ctx.now).map_err(|error| {
        let code = log_code(&error);
        if code == ErrorCode::KAFKA_STORAGE_ERROR {
            tracing::warn!(partition = %leader.name(), %error, "produce refused");
        }
        refuse(code, Some(error.to_string()))
    })?;
    let answer = PartitionProduceResponse {
        index: data.index,
        base_offset: appended.base_offset.get(),
        log_append_time_ms: stamped.map_or(-1, |t| t.get()),
        log_start_offset: appended.log_start_offset.get(),
        ..Default::default()
    };
    Ok((answer, leader, appended.last_offset.plus(1)))
}

fn failed(index: i32, code: ErrorCode, message: Option<String>) -> Answer {
    PartitionProduceResponse {
        index,
        error_code: code.code(),
        base_offset: -1,
        log_append_time_ms: -1,
        log_start_offset: -1,
        error_message: message.map(Cow::Owned),
        ..Default::default()
    }
}

fn rejected(index: i32, rejection: &Rejection) -> Answer {
    let mut answer = failed(index, rejection.error_code(), Some(rejection.to_string()));
    if let Rejection::Records(records) = rejection {
        let named = records.as_slice().iter().map(|record| BatchIndexAndErrorMessage {
            batch_index: record.index,
            batch_index_error_message: Some(Cow::Owned(record.fault.to_string())),
            ..Default::default()
        });
        answer.record_errors = named.collect();
    }
    answer
}

/// What a topic asks of a batch.
fn rules(config: &TopicConfig, depth: Depth) -> Rules {
    let size = |bytes: i32| usize::try_from(bytes).unwrap_or(0);
    Rules {
        max_batch_size: size(config.max_message_bytes),
        max_decompressed_size: size(config.max_decompressed_message_bytes),
        timestamp_type: match config.message_timestamp_type {
            TimestampOption::CreateTime => TimestampType::CreateTime,
            TimestampOption::LogAppendTime => TimestampType::LogAppendTime,
        },
        timestamp_before_max_ms: config.message_timestamp_before_max_ms,
        timestamp_after_max_ms: config.message_timestamp_after_max_ms,
        compacted: config.cleanup_policy.compact,
        compression: compression(config),
        depth,
    }
}

fn compression(config: &TopicConfig) -> Option<Compression> {
    let (codec, level) = match config.compression_type {
        CompressionType::Producer => return None,
        CompressionType::Uncompressed => (Codec::None, -1),
        CompressionType::Gzip => (Codec::Gzip, config.compression_gzip_level),
        CompressionType::Snappy => (Codec::Snappy, -1),
        CompressionType::Lz4 => (Codec::Lz4, config.compression_lz4_level),
        CompressionType::Zstd => (Codec::Zstd, config.compression_zstd_level),
    };
    Some(Compression { codec, level })
}

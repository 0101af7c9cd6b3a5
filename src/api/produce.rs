//! Produce (key 0), versions 3 to 13: appends one batch per partition.
//!
//! The reply waits until what was appended is visible, which with default settings means on disk;
//! acks=1 and acks=all are answered alike. With acks=0 there is no reply, and an error closes the
//! connection, as in Kafka.
//!
//! The first batch of a transaction in a partition needs the coordinator: since version 12 producing adds the
//! partition (KIP-890), before that it must have been added. The coordinator's entry is durable before the
//! batch is appended, which then happens behind the ordered phase, in the order of the producer's requests.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use super::lookup::{by_id, by_name, gone_code, log_code};
use super::transactions::enlist;
use super::turns::Turn;
use super::{Context, Handling, Refusal, Services};
use crate::config::{CompressionType, TimestampType as TimestampOption, TopicConfig};
use crate::coordinator::runtime::Pending as Waiting;
use crate::coordinator::txn::Identity;
use crate::log::LogError;
use crate::metadata::change::is_internal;
use crate::partition::Partition;
use crate::record::{Codec, Compression, Depth, Rejection, Rules, TimestampType, ValidBatch, validate};
use crate::schema::clients::produce_request::{PartitionProduceData, ProduceRequest, TopicProduceData};
use crate::schema::clients::produce_response::{
    BatchIndexAndErrorMessage, PartitionProduceResponse, ProduceResponse, TopicProduceResponse,
};
use crate::schema::{DecodeError, ErrorCode, Reader};
use crate::types::{Offset, Timestamp, TopicPartition, Uuid};

/// First version that names topics by id.
const FIRST_WITH_TOPIC_IDS: i16 = 13;
/// First version by which producing adds a partition to a transaction.
const ADDS_FROM: i16 = 12;
/// First version whose clients know that they should abort.
const ABORTABLE_FROM: i16 = 11;
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

/// A batch whose partition the coordinator is still noting down.
struct Enlisting {
    topic: usize,
    partition: usize,
    admitted: Admitted<'static>,
    enlisted: Waiting<Result<(), ErrorCode>>,
}

/// Appends and answers.
pub(super) fn handle(
    services: &Services,
    ctx: &Context<'_>,
    mut body: Reader<'_>,
) -> Result<Handling, DecodeError> {
    let request = ProduceRequest::decode(&mut body, ctx.version)?;
    let (mut pending, mut enlisting, mut turn) = (Vec::new(), Vec::new(), None);
    let mut responses = Vec::with_capacity(request.topic_data.len());
    for topic in &request.topic_data {
        let mut answers = Vec::with_capacity(topic.partition_data.len());
        for data in &topic.partition_data {
            let (topic_at, partition) = (responses.len(), answers.len());
            let taken = admit(services, ctx, &request, topic, data)
                .and_then(|admitted| take(services, ctx, &request, admitted));
            let answer = match taken {
                Ok(Taken::Appended(answer, leader, end)) => {
                    pending.push(Pending { topic: topic_at, partition, leader, end });
                    answer
                }
                Ok(Taken::Enlisting(admitted, enlisted)) => {
                    let producer = admitted.batch.header().producer_id;
                    turn.get_or_insert_with(|| services.turns.enter(producer));
                    enlisting.push(Enlisting { topic: topic_at, partition, admitted, enlisted });
                    failed(data.index, ErrorCode::NONE, None)
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
        if let Some(turn) = turn {
            tokio::spawn(append_enlisted(turn, enlisting, ctx.version, ctx.now));
        }
        return Ok(unanswered(ctx, &responses));
    }
    let mut response = ProduceResponse { responses, ..Default::default() };
    pending.retain(|p| p.leader.high_watermark() < p.end);
    let head = ctx.head();
    if pending.is_empty() && turn.is_none() {
        return Ok(super::reply(ctx, |w| response.encode(w, ctx.version)));
    }
    let (timeout, now) = (Duration::from_millis(u64::try_from(request.timeout_ms).unwrap_or(0)), ctx.now);
    Ok(Handling::parked(async move {
        let deadline = tokio::time::Instant::now() + timeout;
        if let Some(turn) = turn {
            for (topic, partition, appended) in append_enlisted(turn, enlisting, head.version, now).await {
                let (answer, wait) = match appended {
                    Ok((answer, leader, end)) => (answer, Some(Pending { topic, partition, leader, end })),
                    Err(answer) => (*answer, None),
                };
                pending.extend(wait);
                put(&mut response, topic, partition, answer);
            }
        }
        for wait in pending {
            let code = match tokio::time::timeout_at(deadline, wait.leader.visible(wait.end)).await {
                Ok(true) => continue,
                Ok(false) => gone_code(&wait.leader),
                Err(_) => ErrorCode::REQUEST_TIMED_OUT,
            };
            let index = wait.leader.name().partition;
            put(&mut response, wait.topic, wait.partition, failed(index, code, None));
        }
        head.reply(|w| response.encode(w, head.version))
    }))
}

fn put(response: &mut ProduceResponse<'_>, topic: usize, partition: usize, answer: Answer) {
    let topic = response.responses.get_mut(topic);
    if let Some(place) = topic.and_then(|t| t.partition_responses.get_mut(partition)) {
        *place = answer;
    }
}

/// Appends, in the producer's turn, what waits for the coordinator.
async fn append_enlisted(
    mut turn: Turn,
    batches: Vec<Enlisting>,
    version: i16,
    now: Timestamp,
) -> Vec<(usize, usize, Appended)> {
    turn.come().await;
    let mut appended = Vec::with_capacity(batches.len());
    for Enlisting { topic, partition, admitted, enlisted } in batches {
        let index = admitted.leader.name().partition;
        let result = match enlisted.wait().await.and_then(|enlisted| enlisted) {
            Ok(()) => append(admitted, now),
            Err(code) => Err(Box::new(not_enlisted(index, code, version))),
        };
        appended.push((topic, partition, result));
    }
    appended
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
/// The answer, and where the batch is that it waits for.
type Appended = Result<(Answer, Arc<Partition>, Offset), Box<Answer>>;

/// A batch that may be appended.
struct Admitted<'a> {
    leader: Arc<Partition>,
    batch: ValidBatch<'a>,
}

enum Taken {
    Appended(Answer, Arc<Partition>, Offset),
    Enlisting(Admitted<'static>, Waiting<Result<(), ErrorCode>>),
}

fn admit<'a>(
    services: &Services,
    ctx: &Context<'_>,
    request: &ProduceRequest<'_>,
    topic: &TopicProduceData<'_>,
    data: &'a PartitionProduceData<'_>,
) -> Result<Admitted<'a>, Box<Answer>> {
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
    match request.transactional_id.as_deref() {
        None if batch.header().is_transactional() => {
            Err(refuse(ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED, None))
        }
        Some("") if batch.header().is_transactional() => Err(refuse(ErrorCode::INVALID_REQUEST, None)),
        _ => Ok(Admitted { leader, batch }),
    }
}

/// Appends a batch, unless it has to wait for the coordinator or for one before it that waits.
fn take(
    services: &Services,
    ctx: &Context<'_>,
    request: &ProduceRequest<'_>,
    mut admitted: Admitted<'_>,
) -> Result<Taken, Box<Answer>> {
    let header = *admitted.batch.header();
    // Later clients have a new epoch in every transaction, by which the log knows what comes late.
    if header.is_transactional() && ctx.version < ADDS_FROM {
        admitted.batch = admitted.batch.enlisted_at(admitted.leader.log_end());
    }
    let (id, epoch, name) = (header.producer_id, header.producer_epoch, admitted.leader.name());
    let enlisted = match &request.transactional_id {
        Some(txn) if header.is_transactional() && !admitted.leader.has_open_transaction(id, epoch) => {
            let (partition, adds) = ((name.topic.as_ref(), name.partition), ctx.version >= ADDS_FROM);
            admitted.leader.announce(&header, adds, ctx.now).map_err(|error| refused(name, &error))?;
            enlist(services, txn, Identity { id, epoch }, partition, adds)
        }
        _ => Waiting::Ready(Ok(Ok(()))),
    };
    let waits = header.has_producer() && services.turns.is_taken(id);
    match enlisted {
        Waiting::Ready(Ok(Ok(()))) if !waits => {
            let (answer, leader, end) = append(admitted, ctx.now)?;
            Ok(Taken::Appended(answer, leader, end))
        }
        Waiting::Ready(Ok(Err(code)) | Err(code)) => {
            Err(Box::new(not_enlisted(name.partition, code, ctx.version)))
        }
        enlisted => {
            let Admitted { leader, batch } = admitted;
            Ok(Taken::Enlisting(Admitted { leader, batch: batch.into_owned() }, enlisted))
        }
    }
}

fn append(admitted: Admitted<'_>, now: Timestamp) -> Appended {
    let Admitted { leader, batch } = admitted;
    let index = leader.name().partition;
    let stamped = batch.log_append_time();
    let appended = leader.append(batch, now).map_err(|error| refused(leader.name(), &error))?;
    let answer = PartitionProduceResponse {
        index,
        base_offset: appended.base_offset.get(),
        log_append_time_ms: stamped.map_or(-1, |t| t.get()),
        log_start_offset: appended.log_start_offset.get(),
        ..Default::default()
    };
    Ok((answer, leader, appended.last_offset.plus(1)))
}

/// What a producer is told when the log refuses.
fn refused(name: &TopicPartition, error: &LogError) -> Box<Answer> {
    let code = log_code(error);
    if code == ErrorCode::KAFKA_STORAGE_ERROR {
        tracing::warn!(partition = %name, %error, "produce refused");
    }
    Box::new(failed(name.partition, code, Some(error.to_string())))
}

/// What a producer is told whose partition is not part of its transaction, as Kafka tells it.
fn not_enlisted(index: i32, code: ErrorCode, version: i16) -> Answer {
    let (code, message) = match code {
        ErrorCode::PRODUCER_FENCED => (ErrorCode::INVALID_PRODUCER_EPOCH, None),
        ErrorCode::TRANSACTION_ABORTABLE if version < ABORTABLE_FROM => (ErrorCode::INVALID_TXN_STATE, None),
        // Clients from that version on expect it, as the end of the last transaction may be under way.
        ErrorCode::CONCURRENT_TRANSACTIONS if version >= ADDS_FROM => (code, None),
        ErrorCode::CONCURRENT_TRANSACTIONS
        | ErrorCode::COORDINATOR_LOAD_IN_PROGRESS
        | ErrorCode::COORDINATOR_NOT_AVAILABLE
        | ErrorCode::NOT_COORDINATOR => {
            // Older clients would give up on what they do not expect; this they repeat.
            let message = format!(
                "the coordinator cannot say whether the partition is part of the transaction: {code}"
            );
            (ErrorCode::NOT_ENOUGH_REPLICAS, Some(message))
        }
        code => (code, None),
    };
    failed(index, code, message)
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

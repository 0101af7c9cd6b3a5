//! What a broker checks before it stores what a producer sent for one partition.
//!
//! The producer's bytes stay as they are: an uncompressed batch is walked, a compressed one decompressed
//! as a stream, to see that count, offsets and timestamps are true. Only the header is corrected (a wrong
//! maximum timestamp; the broker's time where the topic wants it). The body is rewritten only where the
//! topic demands another codec.

use std::borrow::Cow;
use std::fmt;

use thiserror::Error;

use super::batch::{BatchView, Batches, ValidBatch};
use super::builder::seal;
use super::compression::{Compression, CompressionError, Stream};
use super::header::{BatchError, BatchHeader, Codec, TimestampType};
use super::records::{RecordError, read_record};
use super::varint::{Input, SliceInput};
use crate::types::{Offset, ProducerEpoch, Timestamp};

/// Produce requests before this version may not carry Zstandard.
const FIRST_PRODUCE_WITH_ZSTD: i16 = 7;
/// Faulty records named in one rejection; there may be more. Keeps the reply to a hostile batch small.
const MAX_NAMED_RECORDS: usize = 1000;

/// How far a produced batch is checked (`klamm.produce.validation`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Depth {
    /// Every record, as Kafka does.
    #[default]
    Record,
    /// The header and the CRC; what the producer says about its records is believed.
    Header,
}

/// What a topic asks of the batches produced to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// `max.message.bytes`: most bytes of a batch, header included, as it would be stored.
    pub max_batch_size: usize,
    /// `max.decompressed.message.bytes`: most bytes that a batch may decompress to.
    pub max_decompressed_size: usize,
    /// `message.timestamp.type`.
    pub timestamp_type: TimestampType,
    /// `message.timestamp.before.max.ms`: how far in the past a timestamp may lie.
    pub timestamp_before_max_ms: i64,
    /// `message.timestamp.after.max.ms`: how far in the future a timestamp may lie.
    pub timestamp_after_max_ms: i64,
    /// Whether `cleanup.policy` has `compact`: every record must have a key.
    pub compacted: bool,
    /// `compression.type`; `None` keeps what the producer chose.
    pub compression: Option<Compression>,
    /// `klamm.produce.validation`.
    pub depth: Depth,
}

impl Default for Rules {
    /// Kafka's defaults.
    fn default() -> Self {
        Self {
            max_batch_size: 1_048_588,
            max_decompressed_size: 2_147_483_639,
            timestamp_type: TimestampType::CreateTime,
            timestamp_before_max_ms: i64::MAX,
            timestamp_after_max_ms: 3_600_000,
            compacted: false,
            compression: None,
            depth: Depth::Record,
        }
    }
}

/// Why a produced batch is refused. Nothing of it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Rejection {
    /// The request has no whole batch for the partition.
    #[error("there is no record batch; a partition in a produce request needs exactly one")]
    NoBatch,
    /// The request has several batches for the partition.
    #[error("there is more than one record batch; a partition in a produce request needs exactly one")]
    SeveralBatches,
    /// The bytes are not a batch.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// The batch is larger than `max.message.bytes`.
    #[error("the batch has {size} bytes, but max.message.bytes is {max}")]
    TooLarge {
        /// Size in bytes as it would be stored.
        size: usize,
        /// What the topic allows.
        max: usize,
    },
    /// Zstandard in a produce request older than version 7.
    #[error("zstd needs produce version 7 or later; use a newer client or another compression")]
    ZstdTooEarly,
    /// Offsets in a produced batch count from 0.
    #[error("the batch starts at offset {0} instead of 0")]
    BaseOffset(Offset),
    /// The header's count and last offset do not belong together, or there is no record.
    #[error("the batch announces {count} records, but its last offset delta is {last_offset_delta}")]
    Count {
        /// The header's record count.
        count: i32,
        /// The header's last offset delta.
        last_offset_delta: i32,
    },
    /// Only brokers write control records.
    #[error("clients cannot write control records")]
    ControlBatch,
    /// Only the cleaner sets a delete horizon.
    #[error("clients cannot set a delete horizon")]
    DeleteHorizon,
    /// Producer id, epoch, sequence and the transactional flag contradict each other.
    #[error(
        "the batch's producer fields contradict each other: \
         producer {producer_id}, epoch {epoch}, sequence {sequence}"
    )]
    Producer {
        /// The header's producer id.
        producer_id: i64,
        /// The header's producer epoch.
        epoch: ProducerEpoch,
        /// The header's base sequence.
        sequence: i32,
    },
    /// The producer claims the broker's time, which the topic does not use.
    #[error("the batch's timestamps claim to be log append time, which only the broker sets")]
    TimestampType,
    /// The records are not what the header says.
    #[error(transparent)]
    Malformed(#[from] RecordError),
    /// Offsets of the records are not 0, 1, 2 and so on.
    #[error("record {index} of the batch has the offset delta {found}")]
    OffsetDelta {
        /// Position in the batch.
        index: i32,
        /// Its offset delta.
        found: i32,
    },
    /// Some records break a rule of the topic.
    #[error("{0}")]
    Records(RejectedRecords),
}

impl From<CompressionError> for Rejection {
    fn from(error: CompressionError) -> Self {
        Self::Malformed(error.into())
    }
}

/// The records for which a batch is refused, in order: at least one, at most 1000 of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RejectedRecords(Vec<RejectedRecord>);

/// One record for which a batch is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RejectedRecord {
    /// Position in the batch, from 0.
    pub index: i32,
    /// What is wrong with it.
    pub fault: RecordFault,
}

/// What is wrong with a single record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RecordFault {
    /// A compacted topic needs keys.
    #[error("a record in a compacted topic must have a key")]
    NullKey,
    /// The timestamp is further from the broker's time than the topic allows.
    #[error("the timestamp {0} is further from the broker's time than the topic allows")]
    Timestamp(Timestamp),
}

impl RejectedRecords {
    /// The records.
    #[must_use]
    pub fn as_slice(&self) -> &[RejectedRecord] {
        &self.0
    }

    fn add(&mut self, index: i32, fault: RecordFault) {
        if self.0.len() < MAX_NAMED_RECORDS {
            self.0.push(RejectedRecord { index, fault });
        }
    }
}

impl fmt::Display for RejectedRecords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [] => f.write_str("records were refused"),
            [first] => write!(f, "record {} was refused: {}", first.index, first.fault),
            [first, ..] => {
                write!(f, "several records were refused, the first is {}: {}", first.index, first.fault)
            }
        }
    }
}

/// Checks what a produce request of this version carries for one partition.
///
/// # Errors
/// [`Rejection`] says what is wrong.
pub fn validate<'a>(
    records: &'a [u8],
    produce_version: i16,
    rules: &Rules,
    now: Timestamp,
) -> Result<ValidBatch<'a>, Rejection> {
    let batch = only_batch(records)?;
    let codec = check_header(&batch, produce_version, rules)?;
    check_size(batch.size(), rules)?;
    batch.verify_crc()?;
    match rules.compression {
        Some(target) if target.codec != codec => rewrite(&batch, target, rules, now),
        _ => keep(&batch, codec, rules, now),
    }
}

/// The single batch; bytes after it that are no whole batch are dropped, as Kafka does.
fn only_batch(records: &[u8]) -> Result<BatchView<'_>, Rejection> {
    let mut batches = Batches::new(records);
    let batch = match batches.next() {
        None | Some(Err(BatchError::Incomplete { .. })) => return Err(Rejection::NoBatch),
        Some(batch) => batch?,
    };
    match batches.next() {
        None | Some(Err(BatchError::Incomplete { .. })) => Ok(batch),
        Some(Ok(_)) => Err(Rejection::SeveralBatches),
        Some(Err(error)) => Err(error.into()),
    }
}

fn check_header(header: &BatchHeader, produce_version: i16, rules: &Rules) -> Result<Codec, Rejection> {
    let codec = header.codec().ok_or(CompressionError::UnknownCodec)?;
    if codec == Codec::Zstd && produce_version < FIRST_PRODUCE_WITH_ZSTD {
        return Err(Rejection::ZstdTooEarly);
    }
    if header.base_offset != Offset::ZERO {
        return Err(Rejection::BaseOffset(header.base_offset));
    }
    let (count, last_offset_delta) = (header.record_count, header.last_offset_delta);
    if count < 1 || count.checked_sub(1) != Some(last_offset_delta) {
        return Err(Rejection::Count { count, last_offset_delta });
    }
    if header.is_control() {
        return Err(Rejection::ControlBatch);
    }
    if header.delete_horizon().is_some() {
        return Err(Rejection::DeleteHorizon);
    }
    let consistent = if header.has_producer() {
        header.base_sequence >= 0 && header.producer_epoch > ProducerEpoch::NONE
    } else {
        !header.is_transactional()
    };
    if !consistent {
        return Err(Rejection::Producer {
            producer_id: header.producer_id.get(),
            epoch: header.producer_epoch,
            sequence: header.base_sequence,
        });
    }
    let stamped = header.timestamp_type() == TimestampType::LogAppendTime;
    if stamped && rules.timestamp_type == TimestampType::CreateTime {
        return Err(Rejection::TimestampType);
    }
    Ok(codec)
}

fn check_size(size: usize, rules: &Rules) -> Result<(), Rejection> {
    let max = rules.max_batch_size;
    if size > max { Err(Rejection::TooLarge { size, max }) } else { Ok(()) }
}

/// The batch with the producer's body.
fn keep<'a>(
    batch: &BatchView<'a>,
    codec: Codec,
    rules: &Rules,
    now: Timestamp,
) -> Result<ValidBatch<'a>, Rejection> {
    let body = batch.body();
    let max_timestamp = match (rules.depth, codec) {
        (Depth::Header, _) => batch.max_timestamp,
        (Depth::Record, Codec::None) => check_records(&mut SliceInput::new(body), batch, rules, now)?,
        (Depth::Record, _) => {
            let mut stream = Stream::open(codec, body, rules.max_decompressed_size)?;
            check_records(&mut stream, batch, rules, now)?
        }
    };
    let mut header = *batch.header();
    stamp(&mut header, max_timestamp, rules, now);
    if header != *batch.header() {
        header.restore_crc(batch.header(), body.len());
    }
    Ok(ValidBatch::new(header, Cow::Borrowed(body)))
}

/// The batch with its records compressed anew. They are the same bytes under every codec.
fn rewrite(
    batch: &BatchView<'_>,
    target: Compression,
    rules: &Rules,
    now: Timestamp,
) -> Result<ValidBatch<'static>, Rejection> {
    let payload = batch.payload(rules.max_decompressed_size)?;
    let max_timestamp = check_records(&mut SliceInput::new(&payload), batch, rules, now)?;
    let mut header = *batch.header();
    header.set_codec(target.codec);
    stamp(&mut header, max_timestamp, rules, now);
    let body = match target.codec {
        Codec::None => payload.into_owned(),
        _ => target.compress(&payload)?,
    };
    let batch = seal(header, body);
    check_size(batch.size(), rules)?;
    Ok(batch)
}

fn stamp(header: &mut BatchHeader, max_timestamp: Timestamp, rules: &Rules, now: Timestamp) {
    header.set_timestamp_type(rules.timestamp_type);
    header.max_timestamp = match rules.timestamp_type {
        TimestampType::CreateTime => max_timestamp,
        TimestampType::LogAppendTime => now,
    };
}

/// Walks over all records and returns their largest timestamp.
fn check_records<I: Input>(
    input: &mut I,
    header: &BatchHeader,
    rules: &Rules,
    now: Timestamp,
) -> Result<Timestamp, Rejection> {
    let mut max_timestamp = Timestamp::NONE;
    let mut rejected = RejectedRecords::default();
    for index in 0..header.record_count {
        let record = read_record(input)?;
        if record.offset_delta != index {
            return Err(Rejection::OffsetDelta { index, found: record.offset_delta });
        }
        let timestamp =
            header.base_timestamp.get().checked_add(record.timestamp_delta).ok_or(RecordError::BadNumber)?;
        max_timestamp = max_timestamp.max(Timestamp(timestamp));
        if rules.compacted && record.key.is_none() {
            rejected.add(index, RecordFault::NullKey);
        } else if !rules.allow(Timestamp(timestamp), now) {
            rejected.add(index, RecordFault::Timestamp(Timestamp(timestamp)));
        }
    }
    if !input.at_end()? {
        return Err(RecordError::BytesLeft(header.record_count).into());
    }
    if rejected.0.is_empty() { Ok(max_timestamp) } else { Err(Rejection::Records(rejected)) }
}

impl Rules {
    fn allow(&self, timestamp: Timestamp, now: Timestamp) -> bool {
        if self.timestamp_type == TimestampType::LogAppendTime || timestamp == Timestamp::NONE {
            return true;
        }
        let age = now.get().saturating_sub(timestamp.get());
        age <= self.timestamp_before_max_ms && age.saturating_neg() <= self.timestamp_after_max_ms
    }
}

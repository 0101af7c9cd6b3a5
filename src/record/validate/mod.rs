//! What a broker checks before it stores what a producer sent for one partition.
//!
//! The producer's bytes stay as they are: an uncompressed batch is walked, a compressed one decompressed
//! as a stream, to see that count, offsets and timestamps are true. Only the header is corrected (a wrong
//! maximum timestamp; the broker's time where the topic wants it). The body is rewritten only where the
//! topic demands another codec.

use std::borrow::Cow;

use crate::record::batch::{BatchView, Batches, ValidBatch};
use crate::record::builder::seal;
use crate::record::compression::{Compression, CompressionError, Stream};
use crate::record::header::{BatchError, BatchHeader, Codec, TimestampType};
use crate::record::records::{RecordError, read_record};
use crate::record::rejection::{RecordFault, RejectedRecords, Rejection};
use crate::record::varint::{Input, SliceInput};
use crate::types::{Offset, ProducerEpoch, Timestamp};

/// Produce requests before this version may not carry Zstandard.
const FIRST_PRODUCE_WITH_ZSTD: i16 = 7;

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
    if batch.base_offset != Offset::ZERO {
        return Err(Rejection::BaseOffset(batch.base_offset));
    }
    check_size(batch.size(), rules)?;
    // Before anything under the CRC is believed: damage on the way is retried, a bad header is not.
    batch.verify_crc()?;
    let codec = check_header(&batch, produce_version)?;
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

fn check_header(header: &BatchHeader, produce_version: i16) -> Result<Codec, Rejection> {
    let codec = header.codec().ok_or(CompressionError::UnknownCodec)?;
    if codec == Codec::Zstd && produce_version < FIRST_PRODUCE_WITH_ZSTD {
        return Err(Rejection::ZstdTooEarly);
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
    if header.timestamp_type() == TimestampType::LogAppendTime {
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
        let (timestamp, overflow) = header.base_timestamp.get().overflowing_add(record.timestamp_delta);
        let timestamp = Timestamp(timestamp);
        max_timestamp = max_timestamp.max(timestamp);
        if rules.compacted && record.key.is_none() {
            rejected.add(index, RecordFault::NullKey);
        } else if overflow || !rules.allow(timestamp, now) {
            rejected.add(index, RecordFault::Timestamp(timestamp));
        }
    }
    if !input.at_end()? {
        return Err(RecordError::BytesLeft(header.record_count).into());
    }
    if rejected.as_slice().is_empty() { Ok(max_timestamp) } else { Err(Rejection::Records(rejected)) }
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

#[cfg(test)]
mod tests;

//! Making batches: for the coordinators, the metadata log and the command line.

use std::borrow::Cow;

use super::batch::ValidBatch;
use super::compression::{Compression, CompressionError};
use super::header::{BatchHeader, Codec, HEADER_LEN, LENGTH_OVERHEAD, NO_SEQUENCE, TimestampType};
use super::records::RecordHeader;
use super::varint::{varlong_len, write_varlong};
use crate::types::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Timestamp};

/// A record to be put into a batch.
#[derive(Clone, Copy, Debug, Default)]
pub struct NewRecord<'a> {
    /// Its time.
    pub timestamp: Timestamp,
    /// May be null.
    pub key: Option<&'a [u8]>,
    /// May be null.
    pub value: Option<&'a [u8]>,
    /// In order; keys may repeat.
    pub headers: &'a [RecordHeader<'a>],
}

/// Collects records and makes one batch of them. Offsets run from the base offset without gaps.
#[derive(Clone, Debug)]
pub struct BatchBuilder {
    header: BatchHeader,
    compression: Compression,
    payload: Vec<u8>,
}

impl Default for BatchBuilder {
    fn default() -> Self {
        Self::new(Compression::NONE)
    }
}

impl BatchBuilder {
    /// An empty batch at offset 0, of no producer.
    #[must_use]
    pub fn new(compression: Compression) -> Self {
        let mut header = BatchHeader {
            base_offset: Offset::ZERO,
            length: 0,
            partition_leader_epoch: LeaderEpoch::NONE,
            crc: 0,
            attributes: 0,
            last_offset_delta: -1,
            base_timestamp: Timestamp::NONE,
            max_timestamp: Timestamp::NONE,
            producer_id: ProducerId::NONE,
            producer_epoch: ProducerEpoch::NONE,
            base_sequence: NO_SEQUENCE,
            record_count: 0,
        };
        header.set_codec(compression.codec);
        Self { header, compression, payload: Vec::new() }
    }

    /// Sets base offset and leader epoch, for logs that know them beforehand.
    #[must_use]
    pub fn at(mut self, base_offset: Offset, leader_epoch: LeaderEpoch) -> Self {
        self.header.base_offset = base_offset;
        self.header.partition_leader_epoch = leader_epoch;
        self
    }

    /// Sets the producer; `base_sequence` is [`NO_SEQUENCE`] for markers.
    #[must_use]
    pub fn producer(mut self, id: ProducerId, epoch: ProducerEpoch, base_sequence: i32) -> Self {
        self.header.producer_id = id;
        self.header.producer_epoch = epoch;
        self.header.base_sequence = base_sequence;
        self
    }

    /// Makes the batch part of its producer's transaction.
    #[must_use]
    pub fn transactional(mut self) -> Self {
        self.header.set_transactional(true);
        self
    }

    /// Makes the records control records.
    #[must_use]
    pub fn control(mut self) -> Self {
        self.header.set_control(true);
        self
    }

    /// Gives all records the broker's time instead of their own.
    #[must_use]
    pub fn log_append_time(mut self) -> Self {
        self.header.set_timestamp_type(TimestampType::LogAppendTime);
        self
    }

    /// Appends a record.
    pub fn push(&mut self, record: &NewRecord<'_>) {
        let header = &mut self.header;
        if header.record_count == 0 {
            header.base_timestamp = record.timestamp;
        }
        header.max_timestamp = header.max_timestamp.max(record.timestamp);
        header.last_offset_delta = header.last_offset_delta.saturating_add(1);
        header.record_count = header.record_count.saturating_add(1);
        let delta = record.timestamp.get().wrapping_sub(header.base_timestamp.get());
        write_record(&mut self.payload, record, delta, header.last_offset_delta);
    }

    /// Number of records so far.
    #[must_use]
    pub fn record_count(&self) -> i32 {
        self.header.record_count
    }

    /// Bytes of the batch if nothing is compressed.
    #[must_use]
    pub fn uncompressed_size(&self) -> usize {
        HEADER_LEN.saturating_add(self.payload.len())
    }

    /// Makes the batch.
    ///
    /// # Errors
    /// [`CompressionError`] if the codec fails; without a codec there is none.
    pub fn build(self) -> Result<ValidBatch<'static>, CompressionError> {
        match self.compression.codec {
            Codec::None => Ok(self.build_uncompressed()),
            _ => Ok(seal(self.header, self.compression.compress(&self.payload)?)),
        }
    }

    /// Makes the batch without compressing it, whatever codec was asked for. Cannot fail.
    #[must_use]
    pub fn build_uncompressed(mut self) -> ValidBatch<'static> {
        self.header.set_codec(Codec::None);
        seal(self.header, self.payload)
    }
}

/// Puts a header on a body: length and CRC are computed.
pub(super) fn seal(mut header: BatchHeader, body: Vec<u8>) -> ValidBatch<'static> {
    let size = HEADER_LEN.saturating_add(body.len());
    header.length = i32::try_from(size.saturating_sub(LENGTH_OVERHEAD)).unwrap_or(i32::MAX);
    header.crc = header.crc_with_body(crc32c::crc32c(&body), body.len());
    ValidBatch::new(header, Cow::Owned(body))
}

fn write_record(out: &mut Vec<u8>, record: &NewRecord<'_>, timestamp_delta: i64, offset_delta: i32) {
    let offset_delta = i64::from(offset_delta);
    let headers: usize = record
        .headers
        .iter()
        .map(|header| nullable_len(Some(header.key)).saturating_add(nullable_len(header.value)))
        .fold(0, usize::saturating_add);
    let size = [
        1,
        varlong_len(timestamp_delta),
        varlong_len(offset_delta),
        nullable_len(record.key),
        nullable_len(record.value),
        varlong_len(as_number(record.headers.len())),
        headers,
    ];
    write_varlong(out, as_number(size.into_iter().fold(0, usize::saturating_add)));
    out.push(0);
    write_varlong(out, timestamp_delta);
    write_varlong(out, offset_delta);
    write_nullable(out, record.key);
    write_nullable(out, record.value);
    write_varlong(out, as_number(record.headers.len()));
    for header in record.headers {
        write_nullable(out, Some(header.key));
        write_nullable(out, header.value);
    }
}

fn write_nullable(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    write_varlong(out, bytes.map_or(-1, |bytes| as_number(bytes.len())));
    out.extend_from_slice(bytes.unwrap_or_default());
}

fn nullable_len(bytes: Option<&[u8]>) -> usize {
    bytes.map_or(1, |bytes| varlong_len(as_number(bytes.len())).saturating_add(bytes.len()))
}

fn as_number(len: usize) -> i64 {
    i64::try_from(len).unwrap_or(i64::MAX)
}

//! The records of a batch, in bytes that are not (or no longer) compressed.
//!
//! A record: varint size of the rest; int8 attributes; varlong timestamp delta; varint offset delta;
//! varint key size (-1 null), key; varint value size (-1 null), value; varint header count; each header:
//! varint key size, key, varint value size (-1 null), value.

use std::ops::Range;

use thiserror::Error;

use super::compression::CompressionError;
use super::header::{BatchHeader, TimestampType};
use super::varint::{Input, SliceInput, read_varint, read_varlong};
use crate::types::{Offset, Timestamp};

/// Why a batch's content is not what its header says.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RecordError {
    /// The bytes end inside a record, or before the last one.
    #[error("the records end too early")]
    Truncated,
    /// A variable-length number does not end, or is out of range.
    #[error("a number in a record is longer than it can be")]
    BadNumber,
    /// A size or count that cannot be negative is.
    #[error("a record has a field of size {0}")]
    BadSize(i32),
    /// A record's fields do not add up to its size.
    #[error("a record says that it has {claimed} bytes, but its fields take {taken}")]
    SizeMismatch {
        /// What the record's size field says.
        claimed: i32,
        /// What its fields take.
        taken: usize,
    },
    /// There are bytes after the last record.
    #[error("{0} records were announced, but there are bytes after them")]
    BytesLeft(i32),
    /// The content cannot be decompressed.
    #[error(transparent)]
    Compression(#[from] CompressionError),
}

/// A header of a record. Order and duplicates are kept; the key is UTF-8 by convention.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordHeader<'a> {
    /// Never null, may be empty.
    pub key: &'a [u8],
    /// May be null.
    pub value: Option<&'a [u8]>,
}

/// A record in borrowed bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Position in the partition.
    pub offset: Offset,
    /// The producer's time, or the broker's (see the batch's timestamp type).
    pub timestamp: Timestamp,
    /// May be null.
    pub key: Option<&'a [u8]>,
    /// May be null.
    pub value: Option<&'a [u8]>,
    /// The headers in their order.
    pub headers: Headers<'a>,
}

/// The headers of a record, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Headers<'a> {
    bytes: &'a [u8],
    count: i32,
}

impl<'a> Iterator for Headers<'a> {
    type Item = RecordHeader<'a>;

    fn next(&mut self) -> Option<RecordHeader<'a>> {
        let mut input = SliceInput::new(self.bytes);
        self.count = self.count.checked_sub(1).filter(|&left| left >= 0)?;
        let (key, value) = read_header(&mut input).ok()?;
        self.bytes = self.bytes.get(input.position()..)?;
        Some(RecordHeader { key, value })
    }
}

/// The records of a batch.
///
/// Ends after as many as the header announces, or with the first error; bytes left after the last record
/// are an error too.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    header: BatchHeader,
    payload: &'a [u8],
    input: SliceInput<'a>,
    left: i32,
}

impl<'a> Records<'a> {
    /// The records of the batch with this header in its uncompressed `payload`
    /// (see [`BatchView::payload`](super::BatchView::payload)).
    #[must_use]
    pub fn new(header: &BatchHeader, payload: &'a [u8]) -> Self {
        Self { header: *header, payload, input: SliceInput::new(payload), left: header.record_count }
    }

    /// Bytes of the payload that the records handed out so far take: where the next one begins.
    #[must_use]
    pub fn position(&self) -> usize {
        self.input.position()
    }

    fn read(&mut self) -> Result<Record<'a>, RecordError> {
        let raw = read_record(&mut self.input)?;
        if self.left == 0 && !self.input.at_end()? {
            return Err(RecordError::BytesLeft(self.header.record_count));
        }
        let header = &self.header;
        let timestamp = match header.timestamp_type() {
            TimestampType::LogAppendTime => header.max_timestamp,
            TimestampType::CreateTime => {
                Timestamp(header.base_timestamp.get().wrapping_add(raw.timestamp_delta))
            }
        };
        Ok(Record {
            offset: header.base_offset.plus(i64::from(raw.offset_delta)),
            timestamp,
            key: raw.key,
            value: raw.value,
            headers: Headers {
                bytes: self.payload.get(raw.headers).unwrap_or_default(),
                count: raw.header_count,
            },
        })
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>, RecordError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1).filter(|&left| left >= 0)?;
        let item = self.read();
        if item.is_err() {
            self.left = 0;
        }
        Some(item)
    }
}

/// A record as it stands, with keys and values as [`Input::Bytes`].
#[derive(Debug)]
pub(super) struct RawRecord<B> {
    pub(super) timestamp_delta: i64,
    pub(super) offset_delta: i32,
    pub(super) key: Option<B>,
    pub(super) value: Option<B>,
    pub(super) header_count: i32,
    /// Where the headers lie, counted as [`Input::position`] does.
    pub(super) headers: Range<usize>,
}

/// Reads one record and checks that its parts add up to its size.
pub(super) fn read_record<I: Input>(input: &mut I) -> Result<RawRecord<I::Bytes>, RecordError> {
    let claimed = read_varint(input)?;
    let start = input.position();
    let _attributes = input.byte()?;
    let timestamp_delta = read_varlong(input)?;
    let offset_delta = read_varint(input)?;
    let key = read_nullable(input)?;
    let value = read_nullable(input)?;
    let header_count = read_varint(input)?;
    if header_count < 0 {
        return Err(RecordError::BadSize(header_count));
    }
    let headers_start = input.position();
    for _ in 0..header_count {
        read_header(input)?;
    }
    let headers = headers_start..input.position();
    let taken = headers.end.saturating_sub(start);
    if usize::try_from(claimed) != Ok(taken) {
        return Err(RecordError::SizeMismatch { claimed, taken });
    }
    Ok(RawRecord { timestamp_delta, offset_delta, key, value, header_count, headers })
}

#[inline]
fn read_header<I: Input>(input: &mut I) -> Result<(I::Bytes, Option<I::Bytes>), RecordError> {
    let key = read_nullable(input)?.ok_or(RecordError::BadSize(-1))?;
    Ok((key, read_nullable(input)?))
}

#[inline]
fn read_nullable<I: Input>(input: &mut I) -> Result<Option<I::Bytes>, RecordError> {
    match read_varint(input)? {
        -1 => Ok(None),
        size => {
            let n = usize::try_from(size).map_err(|_| RecordError::BadSize(size))?;
            input.take(n).map(Some)
        }
    }
}

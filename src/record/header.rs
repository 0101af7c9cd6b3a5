//! The fixed 61 bytes at the start of every batch.
//!
//! | at | size | field |
//! |----|------|-------|
//! | 0  | 8 | base offset (patched by the broker) |
//! | 8  | 4 | length of what follows this field: batch size - 12, at least 49 |
//! | 12 | 4 | partition leader epoch (patched by the broker, outside the CRC) |
//! | 16 | 1 | magic, 2 |
//! | 17 | 4 | CRC-32C of everything from byte 21 on |
//! | 21 | 2 | attributes: codec 0-2, timestamp type 3, transactional 4, control 5, delete horizon 6 |
//! | 23 | 4 | last offset delta |
//! | 27 | 8 | base timestamp |
//! | 35 | 8 | max timestamp |
//! | 43 | 8 | producer id |
//! | 51 | 2 | producer epoch |
//! | 53 | 4 | base sequence |
//! | 57 | 4 | record count |

use thiserror::Error;

use crate::types::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Timestamp};

/// Bytes of a batch before its records.
pub const HEADER_LEN: usize = 61;
/// Bytes that the length field does not count: base offset and the field itself.
pub const LENGTH_OVERHEAD: usize = 12;
/// First byte under the CRC.
pub const CRC_START: usize = 21;
/// The only batch format read and written.
pub const MAGIC: i8 = 2;
/// "No sequence": the batch was not written by an idempotent producer.
pub const NO_SEQUENCE: i32 = -1;

const MAGIC_AT: usize = 16;
/// Smallest length field of a v2 batch.
const MIN_LENGTH: i32 = (HEADER_LEN - LENGTH_OVERHEAD) as i32;
/// Smallest length field of any format Kafka ever had: tells an old format from garbage.
const MIN_LENGTH_OF_OLD_FORMATS: i32 = 14;

const CODEC_MASK: i16 = 0x07;
const LOG_APPEND_TIME: i16 = 0x08;
const TRANSACTIONAL: i16 = 0x10;
const CONTROL: i16 = 0x20;
const DELETE_HORIZON: i16 = 0x40;

/// Why bytes are not a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BatchError {
    /// The bytes end before the batch does: wait for more, or a torn tail.
    #[error("the batch needs {needed} bytes and {available} are there")]
    Incomplete {
        /// Bytes known to be needed; the header's size as long as the length field was not read.
        needed: usize,
        /// Bytes that were given.
        available: usize,
    },
    /// A format other than v2.
    #[error("record format {0} is not supported, only 2 is; rewrite the data with a newer client")]
    BadMagic(i8),
    /// The length field cannot be that of a batch.
    #[error("a batch cannot have the length {0}; the least is 49")]
    BadLength(i32),
    /// The bytes were changed after they were written.
    #[error("the batch's CRC is {computed:#010x}, but its header says {stored:#010x}")]
    BadCrc {
        /// The CRC in the header.
        stored: u32,
        /// The CRC of the bytes.
        computed: u32,
    },
}

/// How the records of a batch are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Codec {
    /// Not at all.
    #[default]
    None,
    /// A gzip stream.
    Gzip,
    /// Snappy blocks in the framing of snappy-java.
    Snappy,
    /// An LZ4 frame.
    Lz4,
    /// A Zstandard stream.
    Zstd,
}

impl Codec {
    /// All codecs, in the order of their ids.
    pub const ALL: [Self; 5] = [Self::None, Self::Gzip, Self::Snappy, Self::Lz4, Self::Zstd];

    /// The codec with this id (bits 0-2 of the attributes).
    #[must_use]
    pub const fn from_id(id: i16) -> Option<Self> {
        match id {
            0 => Some(Self::None),
            1 => Some(Self::Gzip),
            2 => Some(Self::Snappy),
            3 => Some(Self::Lz4),
            4 => Some(Self::Zstd),
            _ => None,
        }
    }

    /// The id in the attributes.
    #[must_use]
    pub const fn id(self) -> i16 {
        self as i16
    }

    /// The name in `compression.type` and in tools.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }
}

/// Who set the timestamps of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TimestampType {
    /// The producer, for each record.
    #[default]
    CreateTime,
    /// The broker: every record has the batch's max timestamp.
    LogAppendTime,
}

/// The header of a batch, decoded. A plain value: change a field and write it back with
/// [`to_bytes`](Self::to_bytes).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchHeader {
    /// Offset of the first record (the first that was, if compaction took it).
    pub base_offset: Offset,
    /// Bytes after the length field, >= 49.
    pub length: i32,
    /// Epoch of the leader that appended the batch.
    pub partition_leader_epoch: LeaderEpoch,
    /// CRC-32C of the bytes from 21 on.
    pub crc: u32,
    /// Bit field; read it through the methods.
    pub attributes: i16,
    /// Last offset - base offset.
    pub last_offset_delta: i32,
    /// What timestamp deltas count from. With a delete horizon (see
    /// [`delete_horizon`](Self::delete_horizon)) it is that, and the deltas still count from it.
    pub base_timestamp: Timestamp,
    /// Largest timestamp in the batch; that of every record with log append time.
    pub max_timestamp: Timestamp,
    /// Producer, or none.
    pub producer_id: ProducerId,
    /// Generation of the producer id, or none.
    pub producer_epoch: ProducerEpoch,
    /// Sequence number of the first record, or [`NO_SEQUENCE`].
    pub base_sequence: i32,
    /// Number of records as the header claims it.
    pub record_count: i32,
}

impl BatchHeader {
    /// Reads the header at the start of `bytes`; the rest of the batch need not be there.
    ///
    /// # Errors
    /// [`BatchError::Incomplete`], [`BatchError::BadLength`] or [`BatchError::BadMagic`].
    pub fn parse(bytes: &[u8]) -> Result<Self, BatchError> {
        let incomplete = BatchError::Incomplete { needed: HEADER_LEN, available: bytes.len() };
        if let Some(&magic) = bytes.get(MAGIC_AT) {
            check_format(&Fields(bytes, 8), magic as i8)?;
        }
        let header: &[u8; HEADER_LEN] = bytes.first_chunk().ok_or(incomplete)?;
        Ok(Self::read(header))
    }

    fn read(bytes: &[u8; HEADER_LEN]) -> Self {
        let at = |position| Fields(bytes, position);
        Self {
            base_offset: Offset(at(0).i64()),
            length: at(8).i32(),
            partition_leader_epoch: LeaderEpoch(at(12).i32()),
            crc: at(17).i32() as u32,
            attributes: at(21).i16(),
            last_offset_delta: at(23).i32(),
            base_timestamp: Timestamp(at(27).i64()),
            max_timestamp: Timestamp(at(35).i64()),
            producer_id: ProducerId(at(43).i64()),
            producer_epoch: ProducerEpoch(at(51).i16()),
            base_sequence: at(53).i32(),
            record_count: at(57).i32(),
        }
    }

    /// The header as it stands in a batch.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; HEADER_LEN] {
        let mut out = [0; HEADER_LEN];
        let mut rest = out.as_mut_slice();
        let mut put = |field: &[u8]| {
            if let Some((head, tail)) = std::mem::take(&mut rest).split_at_mut_checked(field.len()) {
                head.copy_from_slice(field);
                rest = tail;
            }
        };
        put(&self.base_offset.get().to_be_bytes());
        put(&self.length.to_be_bytes());
        put(&self.partition_leader_epoch.get().to_be_bytes());
        put(&MAGIC.to_be_bytes());
        put(&self.crc.to_be_bytes());
        put(&self.attributes.to_be_bytes());
        put(&self.last_offset_delta.to_be_bytes());
        put(&self.base_timestamp.get().to_be_bytes());
        put(&self.max_timestamp.get().to_be_bytes());
        put(&self.producer_id.get().to_be_bytes());
        put(&self.producer_epoch.get().to_be_bytes());
        put(&self.base_sequence.to_be_bytes());
        put(&self.record_count.to_be_bytes());
        out
    }

    /// Size of the whole batch in bytes, header included (>= 61).
    #[must_use]
    pub fn size(&self) -> usize {
        usize::try_from(self.length).unwrap_or(0).saturating_add(LENGTH_OVERHEAD)
    }

    /// Offset of the last record (the last that was, if compaction took it).
    #[must_use]
    pub fn last_offset(&self) -> Offset {
        self.base_offset.plus(i64::from(self.last_offset_delta))
    }

    /// The offset after this batch.
    #[must_use]
    pub fn next_offset(&self) -> Offset {
        self.last_offset().plus(1)
    }

    /// The codec; `None` if the attributes name one that does not exist.
    #[must_use]
    pub fn codec(&self) -> Option<Codec> {
        Codec::from_id(self.attributes & CODEC_MASK)
    }

    /// Sets the codec.
    pub fn set_codec(&mut self, codec: Codec) {
        self.attributes = (self.attributes & !CODEC_MASK) | codec.id();
    }

    /// Who set the timestamps.
    #[must_use]
    pub fn timestamp_type(&self) -> TimestampType {
        if self.has(LOG_APPEND_TIME) { TimestampType::LogAppendTime } else { TimestampType::CreateTime }
    }

    /// Sets who set the timestamps.
    pub fn set_timestamp_type(&mut self, kind: TimestampType) {
        self.set(LOG_APPEND_TIME, kind == TimestampType::LogAppendTime);
    }

    /// Whether the batch belongs to a transaction.
    #[must_use]
    pub fn is_transactional(&self) -> bool {
        self.has(TRANSACTIONAL)
    }

    /// Sets whether the batch belongs to a transaction.
    pub fn set_transactional(&mut self, on: bool) {
        self.set(TRANSACTIONAL, on);
    }

    /// Whether the records are control records, which clients are not shown.
    #[must_use]
    pub fn is_control(&self) -> bool {
        self.has(CONTROL)
    }

    /// Sets whether the records are control records.
    pub fn set_control(&mut self, on: bool) {
        self.set(CONTROL, on);
    }

    /// When tombstones and markers in this batch may be compacted away, if the cleaner has decided it.
    #[must_use]
    pub fn delete_horizon(&self) -> Option<Timestamp> {
        self.has(DELETE_HORIZON).then_some(self.base_timestamp)
    }

    /// Sets when tombstones and markers in this batch may be compacted away. The deltas of its records
    /// must count from there.
    pub fn set_delete_horizon(&mut self, horizon: Timestamp) {
        self.set(DELETE_HORIZON, true);
        self.base_timestamp = horizon;
    }

    /// Takes the delete horizon back.
    pub fn clear_delete_horizon(&mut self) {
        self.set(DELETE_HORIZON, false);
    }

    /// Whether an idempotent producer wrote the batch.
    #[must_use]
    pub fn has_producer(&self) -> bool {
        self.producer_id > ProducerId::NONE
    }

    /// Sequence number of the last record, or [`NO_SEQUENCE`]. After 2^31-1 comes 0.
    #[must_use]
    pub fn last_sequence(&self) -> i32 {
        match self.base_sequence {
            NO_SEQUENCE => NO_SEQUENCE,
            base => next_sequence(base, self.last_offset_delta),
        }
    }

    /// The CRC of this header's part and a body whose own CRC-32C is given.
    #[must_use]
    pub fn crc_with_body(&self, body_crc: u32, body_len: usize) -> u32 {
        crc32c::crc32c_combine(self.crc_of_header_part(), body_crc, body_len)
    }

    /// Restores the CRC after fields of `self` were changed from what they were in `before`, whose CRC is
    /// right. The body is not read: a CRC is linear, so the change of the header's part is carried over it.
    pub(super) fn restore_crc(&mut self, before: &Self, body_len: usize) {
        let change = before.crc_of_header_part() ^ self.crc_of_header_part();
        self.crc = crc32c::crc32c_combine(change, before.crc, body_len);
    }

    fn crc_of_header_part(&self) -> u32 {
        crc32c::crc32c(self.to_bytes().get(CRC_START..).unwrap_or_default())
    }

    fn has(&self, bit: i16) -> bool {
        self.attributes & bit != 0
    }

    fn set(&mut self, bit: i16, on: bool) {
        if on {
            self.attributes |= bit;
        } else {
            self.attributes &= !bit;
        }
    }
}

/// The sequence number `n` after `sequence`: they count from 0 to 2^31-1 and start over.
#[must_use]
pub const fn next_sequence(sequence: i32, n: i32) -> i32 {
    sequence.wrapping_add(n) & i32::MAX
}

fn check_format(length: &Fields<'_>, magic: i8) -> Result<(), BatchError> {
    let length = length.i32();
    let least = if magic < MAGIC { MIN_LENGTH_OF_OLD_FORMATS } else { MIN_LENGTH };
    if length < least {
        return Err(BatchError::BadLength(length));
    }
    if magic != MAGIC { Err(BatchError::BadMagic(magic)) } else { Ok(()) }
}

/// Big-endian numbers at a position; zero where there are no bytes (callers have checked that there are).
struct Fields<'a>(&'a [u8], usize);

impl Fields<'_> {
    fn bytes<const N: usize>(&self) -> [u8; N] {
        self.0.get(self.1..).and_then(|rest| rest.first_chunk()).copied().unwrap_or([0; N])
    }

    fn i16(&self) -> i16 {
        i16::from_be_bytes(self.bytes())
    }

    fn i32(&self) -> i32 {
        i32::from_be_bytes(self.bytes())
    }

    fn i64(&self) -> i64 {
        i64::from_be_bytes(self.bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The header of a batch of three records, compressed, transactional, written by producer 7.
    fn sample() -> BatchHeader {
        BatchHeader {
            base_offset: Offset(1000),
            length: 49,
            partition_leader_epoch: LeaderEpoch(3),
            crc: 0xdead_beef,
            attributes: 0x14,
            last_offset_delta: 2,
            base_timestamp: Timestamp(1_790_000_000_000),
            max_timestamp: Timestamp(1_790_000_000_005),
            producer_id: ProducerId(7),
            producer_epoch: ProducerEpoch(1),
            base_sequence: 41,
            record_count: 3,
        }
    }

    #[test]
    fn every_field_survives_writing_and_reading() {
        let header = sample();
        assert_eq!(BatchHeader::parse(&header.to_bytes()), Ok(header));
    }

    #[test]
    fn derived_fields_follow_from_the_plain_ones() {
        let header = sample();
        assert_eq!(header.size(), 61);
        assert_eq!(header.last_offset(), Offset(1002));
        assert_eq!(header.next_offset(), Offset(1003));
        assert_eq!(header.codec(), Some(Codec::Zstd));
        assert_eq!(header.timestamp_type(), TimestampType::CreateTime);
        assert!(header.is_transactional() && !header.is_control() && header.has_producer());
        assert_eq!(header.delete_horizon(), None);
        assert_eq!(header.last_sequence(), 43);
    }

    #[test]
    fn attributes_are_set_one_by_one() {
        let mut header = BatchHeader { attributes: 0, ..sample() };
        header.set_control(true);
        header.set_transactional(true);
        assert_eq!(header.attributes, 0x30);
        header.set_timestamp_type(TimestampType::LogAppendTime);
        header.set_codec(Codec::Lz4);
        assert_eq!(header.attributes, 0x3b);
        header.set_control(false);
        header.set_codec(Codec::None);
        assert_eq!(header.attributes, 0x18);
        header.attributes = 0x47;
        assert_eq!(header.codec(), None);
        assert_eq!(header.delete_horizon(), Some(header.base_timestamp));
    }

    #[test]
    fn sequences_start_over_after_the_largest() {
        let cases = [
            (0, 0, 0),
            (5, 3, 8),
            (i32::MAX, 0, i32::MAX),
            (i32::MAX, 1, 0),
            (i32::MAX - 1, 3, 1),
            (NO_SEQUENCE, 4, NO_SEQUENCE),
        ];
        for (base_sequence, last_offset_delta, want) in cases {
            let header = BatchHeader { base_sequence, last_offset_delta, ..sample() };
            assert_eq!(header.last_sequence(), want, "{base_sequence} + {last_offset_delta}");
        }
    }

    #[test]
    fn what_is_no_header_says_why() {
        let with = |length: i32, magic: i8| {
            let mut bytes = sample().to_bytes();
            bytes[8..12].copy_from_slice(&length.to_be_bytes());
            bytes[16] = magic as u8;
            BatchHeader::parse(&bytes)
        };
        assert_eq!(with(48, 2), Err(BatchError::BadLength(48)));
        assert_eq!(with(-1, 2), Err(BatchError::BadLength(-1)));
        assert_eq!(with(0, 0), Err(BatchError::BadLength(0)));
        assert_eq!(with(30, 1), Err(BatchError::BadMagic(1)));
        assert_eq!(with(49, 3), Err(BatchError::BadMagic(3)));
        let bytes = sample().to_bytes();
        for available in 0..HEADER_LEN {
            let want = BatchError::Incomplete { needed: HEADER_LEN, available };
            assert_eq!(BatchHeader::parse(&bytes[..available]), Err(want));
        }
        assert_eq!(BatchHeader::parse(&[0; 20]), Err(BatchError::BadLength(0)));
    }
}

//! Why a produced batch is refused, and what the producer is told.

use std::fmt;

use thiserror::Error;

use super::compression::CompressionError;
use super::header::BatchError;
use super::records::RecordError;
use crate::schema::ErrorCode;
use crate::types::{Offset, ProducerEpoch, Timestamp};

/// Faulty records named in one rejection; there may be more. Keeps the reply to a hostile batch small.
const MAX_NAMED_RECORDS: usize = 1000;

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
    /// The producer claims the broker's time.
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

impl Rejection {
    /// What the producer is told. As Kafka, but for content that cannot be decompressed: there Kafka runs
    /// into an internal error, here the producer learns that sending it again is of no use.
    #[must_use]
    pub fn error_code(&self) -> ErrorCode {
        match self {
            Self::Batch(BatchError::BadMagic(0 | 1)) => ErrorCode::INVALID_RECORD,
            Self::Batch(_) => ErrorCode::CORRUPT_MESSAGE,
            Self::TooLarge { .. } => ErrorCode::MESSAGE_TOO_LARGE,
            Self::ZstdTooEarly
            | Self::Malformed(RecordError::Compression(CompressionError::UnknownCodec)) => {
                ErrorCode::UNSUPPORTED_COMPRESSION_TYPE
            }
            Self::TimestampType => ErrorCode::INVALID_TIMESTAMP,
            Self::Records(records) if records.any_timestamp => ErrorCode::INVALID_TIMESTAMP,
            _ => ErrorCode::INVALID_RECORD,
        }
    }

    /// The records to name in the reply; none if the batch as a whole is at fault.
    #[must_use]
    pub fn records(&self) -> &[RejectedRecord] {
        match self {
            Self::Records(records) => records.as_slice(),
            _ => &[],
        }
    }
}

impl From<CompressionError> for Rejection {
    fn from(error: CompressionError) -> Self {
        Self::Malformed(error.into())
    }
}

/// The records for which a batch is refused, in order: at least one, at most 1000 of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RejectedRecords {
    named: Vec<RejectedRecord>,
    /// Also of records that are not named.
    any_timestamp: bool,
}

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
        &self.named
    }

    pub(super) fn add(&mut self, index: i32, fault: RecordFault) {
        self.any_timestamp |= matches!(fault, RecordFault::Timestamp(_));
        if self.named.len() < MAX_NAMED_RECORDS {
            self.named.push(RejectedRecord { index, fault });
        }
    }
}

impl fmt::Display for RejectedRecords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.named.as_slice() {
            [] => f.write_str("records were refused"),
            [first] => write!(f, "record {} was refused: {}", first.index, first.fault),
            [first, ..] => {
                write!(f, "several records were refused, the first is {}: {}", first.index, first.fault)
            }
        }
    }
}

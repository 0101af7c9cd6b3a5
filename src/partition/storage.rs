//! The seam between a partition and what keeps its records.

use std::path::PathBuf;
use std::sync::Arc;

use crate::config::TopicConfig;
use crate::log::{AbortedTxn, Appended, Description, LogError, Observer, ReadRequest, Slice};
use crate::record::{BatchHeader, ValidBatch};
use crate::tier::RemoteLog;
use crate::types::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Timestamp};

/// Where the log of a partition begins and ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Log start offset.
    pub start: Offset,
    /// Log end offset: the offset of the next record.
    pub end: Offset,
    /// Everything below it survives a power cut.
    pub durable: Offset,
}

/// A record found by time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its timestamp.
    pub timestamp: Timestamp,
    /// Its offset.
    pub offset: Offset,
    /// Leader epoch of its batch.
    pub leader_epoch: LeaderEpoch,
}

/// What a partition needs of a log. Offsets `upto` are exclusive.
pub trait Storage: Send + Sync {
    /// Appends a batch that a producer sent, all or nothing; a duplicate is not appended again.
    fn append(
        &self,
        batch: &ValidBatch<'_>,
        epoch: LeaderEpoch,
        now: Timestamp,
    ) -> Result<Appended, LogError>;
    /// Reads whole batches.
    fn read(&self, request: &ReadRequest) -> Result<Slice, LogError>;
    /// Start, end and durable end.
    fn bounds(&self) -> Bounds;
    /// Last stable offset, given the high watermark.
    fn last_stable_offset(&self, high_watermark: Offset) -> Offset;
    /// Whether a producer has a transaction open here, begun in this epoch.
    fn has_open_transaction(&self, producer: ProducerId, epoch: ProducerEpoch) -> bool;
    /// A producer is about to send a batch that begins its transaction here, if the coordinator agrees:
    /// nothing behind that batch is taken before it. With `from_zero` it must begin with sequence 0 unless the
    /// producer is known.
    fn announce(&self, header: &BatchHeader, from_zero: bool, now: Timestamp) -> Result<(), LogError>;
    /// First record at or after `timestamp`, below `upto`.
    fn find_time(&self, timestamp: Timestamp, upto: Offset) -> Result<Option<Found>, LogError>;
    /// Record with the largest timestamp below `upto`; the first of several.
    fn find_max_timestamp(&self, upto: Offset) -> Result<Option<Found>, LogError>;
    /// Largest epoch at or below `epoch` and where it ends; `None` if there is none.
    fn epoch_end(&self, epoch: LeaderEpoch) -> Option<(LeaderEpoch, Offset)>;
    /// Leader epoch in which `offset` was written.
    fn epoch_of(&self, offset: Offset) -> LeaderEpoch;
    /// Aborted transactions that touch `[from, upto)`.
    fn aborted(&self, from: Offset, upto: Offset) -> Result<Vec<AbortedTxn>, LogError>;
    /// Batches from here on belong to `epoch`.
    fn begin_epoch(&self, epoch: LeaderEpoch);
    /// Moves the log start to `offset`; durable when it returns. Gives the log start.
    fn delete_before(&self, offset: Offset) -> Result<Offset, LogError>;
    /// Makes everything up to the log end durable; blocks.
    fn flush(&self) -> Result<(), LogError>;
    /// Asks for everything up to the log end to become durable.
    fn request_flush(&self);
    /// Puts the topic's options in force.
    fn configure(&self, topic: &TopicConfig, producer_id_expiration_ms: i64);
    /// Who is told of progress.
    fn observe(&self, observer: Arc<dyn Observer>);
    /// The part of it that lies in the remote tier; `None` where there is none and never will be.
    fn remote(&self) -> Option<&Arc<RemoteLog>> {
        None
    }
    /// First offset on the local disk; the log start where there is no remote part.
    fn local_start(&self) -> Offset {
        self.bounds().start
    }
    /// Sizes and producers, for Admin.
    fn describe(&self) -> Description;
    /// The log directory that holds it.
    fn directory(&self) -> PathBuf;
}

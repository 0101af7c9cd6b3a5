//! One partition that this broker leads.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::Notify;

use super::storage::{Bounds, Found, Storage};
use super::waiters::{Registration, Waiters};
use crate::config::TopicConfig;
use crate::log::{AbortedTxn, Appended, Description, LogError, Observer, ReadRequest, Slice};
use crate::record::{BatchHeader, ValidBatch};
use crate::types::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Timestamp, TopicId, TopicPartition};

/// How far a reader sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// Up to the high watermark.
    ReadUncommitted,
    /// Up to the last stable offset: no record of an open transaction.
    ReadCommitted,
}

impl Isolation {
    /// The isolation level of a request: 1 is read_committed.
    #[must_use]
    pub const fn from_wire(level: i8) -> Self {
        if level == 1 { Self::ReadCommitted } else { Self::ReadUncommitted }
    }
}

/// Why a partition does not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum PartitionError {
    /// The client's leader epoch is older than the one in force: it refreshes its metadata.
    #[error("leader epoch {got} is older than {current}")]
    FencedLeaderEpoch {
        /// What the client said.
        got: i32,
        /// The epoch in force.
        current: LeaderEpoch,
    },
    /// The client's leader epoch is newer than the one in force: it tries again.
    #[error("leader epoch {got} is not known yet, {current} is in force")]
    UnknownLeaderEpoch {
        /// What the client said.
        got: i32,
        /// The epoch in force.
        current: LeaderEpoch,
    },
    /// The log refused.
    #[error(transparent)]
    Log(#[from] LogError),
}

/// Where a partition stands, as its clients may know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watermarks {
    /// Log start offset.
    pub log_start: Offset,
    /// First offset that is not visible.
    pub high_watermark: Offset,
    /// First offset that a read_committed reader does not see.
    pub last_stable: Offset,
}

impl Watermarks {
    /// First offset that a reader of this isolation does not see.
    #[must_use]
    pub fn limit(&self, isolation: Isolation) -> Offset {
        match isolation {
            Isolation::ReadUncommitted => self.high_watermark,
            Isolation::ReadCommitted => self.last_stable,
        }
    }
}

/// What a fetch found.
#[derive(Debug)]
pub struct Fetched {
    /// The batches.
    pub slice: Slice,
    /// Where the partition stood.
    pub marks: Watermarks,
    /// Aborted transactions among the batches, for a read_committed reader.
    pub aborted: Vec<AbortedTxn>,
}

/// One partition that this broker leads.
pub struct Partition {
    name: TopicPartition,
    topic_id: TopicId,
    storage: Arc<dyn Storage>,
    epoch: AtomicI32,
    config: RwLock<Arc<TopicConfig>>,
    visibility: Arc<Visibility>,
    /// Something was appended for which no flush was asked.
    unhurried: AtomicBool,
}

impl std::fmt::Debug for Partition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Partition({})", self.name)
    }
}

/// The high watermark and those who wait for it; what the storage reports to.
#[derive(Debug)]
struct Visibility {
    high_watermark: AtomicI64,
    waiters: Arc<Waiters>,
    gone: AtomicBool,
    deleted: AtomicBool,
}

impl Visibility {
    fn advance(&self, offset: Offset) {
        if self.high_watermark.fetch_max(offset.get(), Ordering::AcqRel) < offset.get() {
            self.waiters.advance(offset);
        }
    }
}

impl Observer for Visibility {
    fn durable(&self, up_to: Offset) {
        self.advance(up_to);
    }

    fn offline(&self, _: &str) {
        self.gone.store(true, Ordering::Release);
        self.waiters.wake_all();
    }
}

impl Partition {
    /// Leads a partition whose log is open. What the log holds durably is visible at once.
    #[must_use]
    pub fn new(
        name: TopicPartition,
        topic_id: TopicId,
        epoch: LeaderEpoch,
        storage: Arc<dyn Storage>,
        config: Arc<TopicConfig>,
    ) -> Self {
        let visibility = Arc::new(Visibility {
            high_watermark: AtomicI64::new(storage.bounds().durable.get()),
            waiters: Arc::default(),
            gone: AtomicBool::new(false),
            deleted: AtomicBool::new(false),
        });
        storage.begin_epoch(epoch);
        storage.observe(Arc::clone(&visibility) as Arc<dyn Observer>);
        visibility.advance(storage.bounds().durable);
        Self {
            name,
            topic_id,
            storage,
            epoch: AtomicI32::new(epoch.get()),
            config: RwLock::new(config),
            visibility,
            unhurried: AtomicBool::new(false),
        }
    }

    pub(super) fn storage(&self) -> &dyn Storage {
        self.storage.as_ref()
    }

    /// Topic and index.
    #[must_use]
    pub fn name(&self) -> &TopicPartition {
        &self.name
    }

    /// Id of the topic.
    #[must_use]
    pub fn topic_id(&self) -> TopicId {
        self.topic_id
    }

    /// The leader epoch in force.
    #[must_use]
    pub fn leader_epoch(&self) -> LeaderEpoch {
        LeaderEpoch(self.epoch.load(Ordering::Acquire))
    }

    /// Enters a later leader epoch.
    pub fn set_leader_epoch(&self, epoch: LeaderEpoch) {
        if self.epoch.fetch_max(epoch.get(), Ordering::AcqRel) < epoch.get() {
            self.storage.begin_epoch(epoch);
        }
    }

    /// The topic's configuration in force.
    #[must_use]
    pub fn config(&self) -> Arc<TopicConfig> {
        Arc::clone(&self.config.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts another configuration in force. What becomes visible only when it is durable from now on
    /// (`flush.messages=1`) is on its way to disk when this returns: see [`Self::flush`].
    pub fn set_config(&self, config: Arc<TopicConfig>, producer_id_expiration_ms: i64) {
        self.storage.configure(&config, producer_id_expiration_ms);
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = config;
        self.storage.request_flush();
    }

    /// Makes everything appended durable, and so visible; blocks.
    ///
    /// # Errors
    /// What the log says.
    pub fn flush(&self) -> Result<(), LogError> {
        self.storage.flush()
    }

    /// Holds a client's leader epoch against the one in force; -1 says nothing.
    ///
    /// # Errors
    /// [`PartitionError::FencedLeaderEpoch`] or [`PartitionError::UnknownLeaderEpoch`].
    pub fn check_epoch(&self, got: i32) -> Result<(), PartitionError> {
        let current = self.leader_epoch();
        match got {
            0.. if got < current.get() => Err(PartitionError::FencedLeaderEpoch { got, current }),
            0.. if got > current.get() => Err(PartitionError::UnknownLeaderEpoch { got, current }),
            _ => Ok(()),
        }
    }

    /// Appends a validated batch. It is visible when the high watermark reaches its end:
    /// [`visible`](Self::visible).
    ///
    /// # Errors
    /// What the log says; nothing was appended then.
    pub fn append(&self, batch: ValidBatch<'_>, now: Timestamp) -> Result<Appended, LogError> {
        let appended = self.storage.append(&batch, self.leader_epoch(), now)?;
        self.unhurried.store(false, Ordering::Release);
        // Asked after the append: a switch to durability first, whose flush would miss the batch, is seen.
        if self.config().flush_messages <= 1 {
            self.storage.request_flush();
        } else {
            self.visibility.advance(appended.last_offset.plus(1));
        }
        Ok(appended)
    }

    /// The same for a batch that nobody waits for: it becomes durable, and visible, with the next one, or
    /// once someone does wait.
    ///
    /// # Errors
    /// What the log says; nothing was appended then.
    pub fn append_unhurried(&self, batch: ValidBatch<'_>, now: Timestamp) -> Result<Appended, LogError> {
        if self.config().flush_messages > 1 {
            return self.append(batch, now);
        }
        let appended = self.storage.append(&batch, self.leader_epoch(), now)?;
        self.unhurried.store(true, Ordering::Release);
        Ok(appended)
    }

    /// Where the partition stands.
    #[must_use]
    pub fn marks(&self) -> Watermarks {
        let high_watermark = Offset(self.visibility.high_watermark.load(Ordering::Acquire));
        Watermarks {
            log_start: self.storage.bounds().start,
            high_watermark,
            last_stable: self.storage.last_stable_offset(high_watermark),
        }
    }

    /// Whether a producer has a transaction open here, begun in this epoch.
    #[must_use]
    pub fn has_open_transaction(&self, producer: ProducerId, epoch: ProducerEpoch) -> bool {
        self.storage.has_open_transaction(producer, epoch)
    }

    /// A batch is about to begin a producer's transaction here, if the coordinator agrees: see
    /// [`Storage::announce`].
    ///
    /// # Errors
    /// The producer's epoch is an old one.
    pub fn announce(&self, header: &BatchHeader, from_zero: bool, now: Timestamp) -> Result<(), LogError> {
        self.storage.announce(header, from_zero, now)
    }

    /// Log end offset, visible or not.
    #[must_use]
    pub fn log_end(&self) -> Offset {
        self.storage.bounds().end
    }

    /// Where its log begins and ends, and what of it is durable.
    #[must_use]
    pub fn bounds(&self) -> Bounds {
        self.storage.bounds()
    }

    /// Reads whole batches from the one that holds `from`, as far as the reader sees. What only expired is
    /// passed over.
    ///
    /// # Errors
    /// What the log says: [`LogError::OffsetOutOfRange`] past the log end, below a deletion, or where the
    /// segment is gone. Between the reader's limit and the log end there is nothing to read, which is no error.
    pub fn fetch(
        &self,
        from: Offset,
        max_bytes: usize,
        at_least_one: bool,
        isolation: Isolation,
    ) -> Result<Fetched, LogError> {
        let mut marks = self.marks();
        let limit = marks.limit(isolation);
        let slice = self.storage.read(&ReadRequest { from, max_bytes, upto: limit, at_least_one })?;
        // The read itself may have let batches expire.
        marks.log_start = slice.log_start;
        let aborted = match isolation {
            Isolation::ReadCommitted if slice.range.is_some() => {
                self.storage.aborted(from, slice.next_offset)?
            }
            _ => Vec::new(),
        };
        Ok(Fetched { slice, marks, aborted })
    }

    /// First visible record at or after `timestamp`.
    ///
    /// # Errors
    /// What the log says.
    pub fn find_time(&self, timestamp: Timestamp, isolation: Isolation) -> Result<Option<Found>, LogError> {
        self.storage.find_time(timestamp, self.marks().limit(isolation))
    }

    /// Visible record with the largest timestamp.
    ///
    /// # Errors
    /// What the log says.
    pub fn find_max_timestamp(&self, isolation: Isolation) -> Result<Option<Found>, LogError> {
        self.storage.find_max_timestamp(self.marks().limit(isolation))
    }

    /// Largest epoch at or below `epoch` and its end offset, as OffsetForLeaderEpoch answers: the epoch
    /// in force ends at the log end that is visible; a later one is not known.
    #[must_use]
    pub fn epoch_end(&self, epoch: LeaderEpoch) -> Option<(LeaderEpoch, Offset)> {
        let current = self.leader_epoch();
        if epoch == current {
            return Some((epoch, self.storage.bounds().end));
        }
        if epoch > current || epoch < LeaderEpoch(0) {
            return None;
        }
        self.storage.epoch_end(epoch)
    }

    /// Leader epoch in which the record at `offset` was written.
    #[must_use]
    pub fn epoch_of(&self, offset: Offset) -> LeaderEpoch {
        self.storage.epoch_of(offset)
    }

    /// DeleteRecords: moves the log start to `offset` (the high watermark at most); durable when done.
    ///
    /// # Errors
    /// [`LogError::OffsetOutOfRange`], or what the log says.
    pub fn delete_before(&self, offset: Offset) -> Result<Offset, LogError> {
        let marks = self.marks();
        if offset > marks.high_watermark || offset < Offset::ZERO {
            let (start, end) = (marks.log_start, marks.high_watermark);
            return Err(LogError::OffsetOutOfRange { offset, start, end });
        }
        self.storage.delete_before(offset)
    }

    /// Sizes and producers, for Admin.
    #[must_use]
    pub fn describe(&self) -> Description {
        self.storage.describe()
    }

    /// The log directory that holds the partition.
    #[must_use]
    pub fn directory(&self) -> PathBuf {
        self.storage.directory()
    }

    /// Whether the log failed or the partition was deleted.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.visibility.gone.load(Ordering::Acquire)
    }

    /// Whether the partition was deleted.
    #[must_use]
    pub fn is_deleted(&self) -> bool {
        self.visibility.deleted.load(Ordering::Acquire)
    }

    /// The partition was deleted: all who wait look again.
    pub fn close(&self) {
        self.visibility.deleted.store(true, Ordering::Release);
        self.visibility.offline("deleted");
    }

    /// Wakes `signal` once the high watermark reaches `offset`, or the partition is gone.
    #[must_use]
    pub fn register(&self, offset: Offset, signal: &Arc<Notify>) -> Registration {
        let registration = self.visibility.waiters.register(offset, signal);
        // The advance may have come before the registration.
        if self.high_watermark() >= offset || self.is_gone() {
            signal.notify_one();
        }
        registration
    }

    /// The high watermark.
    #[must_use]
    pub fn high_watermark(&self) -> Offset {
        Offset(self.visibility.high_watermark.load(Ordering::Acquire))
    }

    /// Waits until everything below `offset` is visible; false if the partition is gone before.
    pub async fn visible(&self, offset: Offset) -> bool {
        let signal = Arc::new(Notify::new());
        loop {
            if self.high_watermark() >= offset {
                return true;
            }
            if self.unhurried.swap(false, Ordering::AcqRel) {
                self.storage.request_flush();
            }
            if self.is_gone() {
                return false;
            }
            let registration = self.register(offset, &signal);
            signal.notified().await;
            drop(registration);
        }
    }
}

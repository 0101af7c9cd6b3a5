//! [`Log`]: one partition's log, and what its operations share.
use std::collections::VecDeque;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use super::config::LogConfig;
use super::early::Early;
use super::error::LogError;
use super::flush::Turn;
use super::health::Health;
use super::leader_epochs::LeaderEpochs;
use super::metrics::LogMetrics;
use super::producers::{Producer, Producers};
use super::read::Cursors;
use super::reserve::Reserve;
use super::retention::Head;
use super::segment::Segment;
use super::tiering::Tiering;
use crate::env::{Clock, File, Files, Rng};
use crate::types::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Timestamp, TopicId, TopicPartition};

/// What the logs of one log directory share.
pub struct LogEnv {
    /// Where the files are.
    pub files: Arc<dyn Files>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// For jitter.
    pub rng: Arc<dyn Rng>,
    /// Whether the directory still works.
    pub health: Health,
    /// What it keeps for the day when the volume is full.
    pub reserve: Reserve,
    /// What is counted.
    pub metrics: LogMetrics,
}

impl LogEnv {
    /// For the logs in `dir`, which nobody measures.
    #[must_use]
    pub fn new(files: Arc<dyn Files>, clock: Arc<dyn Clock>, rng: Arc<dyn Rng>, dir: PathBuf) -> Arc<Self> {
        Self::measured(files, clock, rng, dir, LogMetrics::default())
    }

    /// For the logs in `dir`.
    #[must_use]
    pub fn measured(
        files: Arc<dyn Files>,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn Rng>,
        dir: PathBuf,
        metrics: LogMetrics,
    ) -> Arc<Self> {
        let reserve = Reserve::new(&dir);
        Arc::new(Self { files, clock, rng, health: Health::new(dir), reserve, metrics })
    }
}

impl LogEnv {
    /// Reacts to an error of the system and passes it on: no space releases the reserve, an I/O error takes the
    /// directory offline.
    pub(super) fn judge(&self, error: LogError) -> LogError {
        match &error {
            LogError::Io { .. } => self.health.fail(&error.to_string()),
            LogError::NoSpace { .. } => {
                self.reserve.release(self.files.as_ref());
            }
            _ => {}
        }
        error
    }
}

impl fmt::Debug for LogEnv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogEnv").field("health", &self.health).finish_non_exhaustive()
    }
}

/// Who is told when a log's durable end moves: by the thread that flushed, without the log's lock. A failure
/// may be told while the locks of logs are held. Must not block, or call a log.
pub trait Observer: Send + Sync {
    /// Everything below `up_to` is on disk.
    fn durable(&self, up_to: Offset);
    /// The log will take nothing more.
    fn offline(&self, reason: &str);
}

/// One partition's log. All methods may be called from any thread; those that change it exclude each
/// other for as long as a write into the page cache takes.
pub struct Log {
    pub(super) env: Arc<LogEnv>,
    tp: TopicPartition,
    topic_id: TopicId,
    pub(super) inner: Mutex<Inner>,
    /// One flush of this log at a time, so that durable ends are told in order.
    pub(super) flushing: Mutex<()>,
    /// Where it stands with its directory's flusher.
    pub(super) turn: Turn,
    observer: OnceLock<Arc<dyn Observer>>,
}

pub(super) struct Inner {
    pub dir: PathBuf,
    pub config: Arc<LogConfig>,
    /// By rising base offset, never empty; the last one is active.
    pub segments: Vec<Segment>,
    pub log_start: Offset,
    /// Below this nothing may be read, not even in a segment that is still there; -1 none.
    pub deleted_before: Offset,
    /// Whether `deleted_before` has moved since it was saved.
    pub deletion_dirty: bool,
    pub end: Offset,
    /// Everything below is on disk: in the segments, or in the journal.
    pub durable: Offset,
    /// How far the active segment is durable, if its name is.
    pub durable_mark: Mark,
    /// Everything below is on disk by the segments' own flushes.
    pub flushed: Offset,
    /// How far the active segment is.
    pub flushed_mark: Mark,
    /// Durable, with index entries and state file to go with it: recovery begins here.
    pub recovery_point: Offset,
    /// The end at which all was saved for a clean start, if nothing has happened since.
    pub saved: Option<Offset>,
    pub producers: Producers,
    pub epochs: LeaderEpochs,
    pub epochs_dirty: bool,
    pub early: Early,
    /// Files with unsynced bytes, other than the active segment's.
    pub unsynced: Vec<Arc<dyn File>>,
    /// Whether names of files were made that are not durable yet.
    pub names_dirty: bool,
    /// Whether the directory's own name is durable.
    pub is_born: bool,
    pub unflushed_records: i64,
    pub unflushed_since: Option<Timestamp>,
    pub cursors: Cursors,
    pub head: Option<Head>,
    pub tiering: Tiering,
    /// Files that wait for removal, and when.
    pub removals: VecDeque<(Timestamp, Vec<PathBuf>)>,
    pub offline: Option<String>,
    /// The partition was deleted.
    pub has_left: bool,
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log").field("tp", &self.tp).finish_non_exhaustive()
    }
}

/// A place in the log's files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    /// The segment.
    pub base: Offset,
    /// Byte position in its `.log`.
    pub pos: u64,
}

impl Mark {
    /// In no segment.
    pub const NOWHERE: Self = Self { base: Offset::NONE, pos: 0 };

    /// Moves on to `to`, but not back within a segment, or to one before.
    pub fn advance(&mut self, to: Self) {
        if (to.base, to.pos) > (self.base, self.pos) {
            *self = to;
        }
    }
}

/// What a log looks like from outside.
#[derive(Clone, Debug)]
pub struct Description {
    /// Bytes of its segments' `.log` files.
    pub size: u64,
    /// Number of segments.
    pub segments: usize,
    /// First offset.
    pub log_start: Offset,
    /// Log end offset.
    pub log_end: Offset,
    /// Everything below is on disk.
    pub durable_end: Offset,
    /// Its producers.
    pub producers: Vec<(ProducerId, Producer)>,
}

impl Log {
    pub(super) fn assemble(env: Arc<LogEnv>, tp: TopicPartition, topic_id: TopicId, inner: Inner) -> Self {
        let inner = Mutex::new(inner);
        let (flushing, turn) = (Mutex::new(()), Turn::default());
        Self { env, tp, topic_id, inner, flushing, turn, observer: OnceLock::new() }
    }

    /// Whose log it is.
    #[must_use]
    pub fn topic_partition(&self) -> &TopicPartition {
        &self.tp
    }

    /// The id of its topic.
    #[must_use]
    pub fn topic_id(&self) -> TopicId {
        self.topic_id
    }

    /// Its directory, which a deletion renames.
    #[must_use]
    pub fn dir(&self) -> PathBuf {
        self.lock().dir.clone()
    }

    /// Its options.
    #[must_use]
    pub fn config(&self) -> Arc<LogConfig> {
        Arc::clone(&self.lock().config)
    }

    /// Swaps its options; they hold from the next operation on.
    pub fn set_config(&self, config: Arc<LogConfig>) {
        let mut inner = self.lock();
        inner.config = config;
        // What expires when may have changed.
        inner.head = None;
    }

    /// Says who is told of durability and of failures. Only the first call counts.
    pub fn set_observer(&self, observer: Arc<dyn Observer>) {
        let weak = Arc::downgrade(&observer);
        if self.observer.set(observer).is_ok() {
            self.env.health.tell(weak);
        }
    }

    /// First offset that may be read.
    #[must_use]
    pub fn log_start(&self) -> Offset {
        self.lock().log_start
    }

    /// The offset that the next record gets.
    #[must_use]
    pub fn log_end(&self) -> Offset {
        self.lock().end
    }

    /// The log start, the log end and the durable end at one moment.
    #[must_use]
    pub fn bounds(&self) -> (Offset, Offset, Offset) {
        let inner = self.lock();
        (inner.log_start, inner.end, inner.durable)
    }

    /// Everything below this offset is on disk.
    #[must_use]
    pub fn durable_end(&self) -> Offset {
        self.lock().durable
    }

    /// Everything below this offset is on disk, with all that recovery needs to begin here.
    #[must_use]
    pub fn recovery_point(&self) -> Offset {
        self.lock().recovery_point
    }

    /// The log start, if the checkpoint has to say it: it is not the base of the first segment, or the first
    /// segment may leave any time.
    #[must_use]
    pub fn start_to_save(&self) -> Option<Offset> {
        let inner = self.lock();
        let base = inner.segments.first().map_or(inner.log_start, |first| first.base);
        (inner.log_start != base || inner.config.tiered.is_some()).then_some(inner.log_start)
    }

    /// The last stable offset if the high watermark is `hw`: all transactions below it are decided.
    #[must_use]
    pub fn last_stable_offset(&self, hw: Offset) -> Offset {
        self.lock().producers.last_stable_offset(hw)
    }

    /// Whether the producer has a transaction open here, begun in this epoch.
    #[must_use]
    pub fn has_open_transaction(&self, producer: ProducerId, epoch: ProducerEpoch) -> bool {
        self.lock().producers.has_open(producer, epoch)
    }

    /// Notes that the broker leads the partition in this epoch from now on.
    pub fn begin_epoch(&self, epoch: LeaderEpoch) {
        let mut inner = self.lock();
        let end = inner.end;
        inner.epochs_dirty |= inner.epochs.assign(epoch, end);
    }

    /// The latest leader epoch that the log knows of.
    #[must_use]
    pub fn latest_epoch(&self) -> Option<LeaderEpoch> {
        self.lock().epochs.latest()
    }

    /// Where `epoch` ended: the largest known epoch not above it and the offset after its last record;
    /// `None` if that cannot be known (an epoch of the future).
    #[must_use]
    pub fn epoch_end_offset(&self, epoch: LeaderEpoch) -> Option<(LeaderEpoch, Offset)> {
        let inner = self.lock();
        inner.epochs.end_of(epoch, inner.end)
    }

    /// The leader epoch in which the record at `offset` was written.
    #[must_use]
    pub fn epoch_of(&self, offset: Offset) -> Option<LeaderEpoch> {
        self.lock().epochs.epoch_of(offset)
    }

    /// Sizes, offsets and producers.
    #[must_use]
    pub fn describe(&self) -> Description {
        let inner = self.lock();
        Description {
            size: inner.size(),
            segments: inner.segments.len(),
            log_start: inner.log_start,
            log_end: inner.end,
            durable_end: inner.durable,
            producers: inner.producers.iter().map(|(id, producer)| (id, producer.clone())).collect(),
        }
    }

    /// Bytes of its segments' `.log` files.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.lock().size()
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn check_online(&self, inner: &Inner) -> Result<(), LogError> {
        if let Some(reason) = &inner.offline {
            return Err(LogError::Offline { path: inner.dir.clone(), reason: reason.clone() });
        }
        self.env.health.check()
    }

    /// Reacts to an error of the system, see [`LogEnv::judge`].
    pub(super) fn judge(&self, error: LogError) -> LogError {
        self.env.judge(error)
    }

    pub(super) fn tell(&self, tell: impl FnOnce(&dyn Observer)) {
        if let Some(observer) = self.observer.get() {
            tell(observer.as_ref());
        }
    }

    /// Takes this log alone offline.
    pub fn fail(&self, reason: &str) {
        self.lock().offline.get_or_insert_with(|| reason.to_owned());
        self.tell(|observer| observer.offline(reason));
    }
}

impl Inner {
    pub fn size(&self) -> u64 {
        self.segments.iter().map(|segment| segment.len).fold(0, u64::saturating_add)
    }

    /// The active segment. A log always has one; the fallback only keeps that out of the types.
    pub fn active(&mut self) -> &mut Segment {
        if self.segments.is_empty() {
            self.segments.push(Segment::new(self.end, 0));
        }
        let last = self.segments.len().saturating_sub(1);
        #[allow(clippy::indexing_slicing, reason = "there is one, see above")]
        &mut self.segments[last]
    }

    /// Index of the segment that holds `offset` if any does.
    pub fn segment_of(&self, offset: Offset) -> Option<usize> {
        self.segments.partition_point(|segment| segment.base <= offset).checked_sub(1)
    }

    pub fn active_and_dir(&mut self) -> (&mut Segment, &Path, &LogConfig) {
        self.active();
        let last = self.segments.len().saturating_sub(1);
        #[allow(clippy::indexing_slicing, reason = "`active` has made sure of it")]
        (&mut self.segments[last], &self.dir, &self.config)
    }
}

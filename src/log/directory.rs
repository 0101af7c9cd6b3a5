//! A log directory: the partitions in it, its checkpoints, its lock and its clean-shutdown marker.
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;

use super::checkpoint::{self, Offsets};
use super::config::LogConfig;
use super::contents::{self, Contents, FoundPartition};
use super::error::{At, LogError};
use super::flush::Flusher;
use super::journal;
use super::journal_place;
use super::names::renamed_dir;
use super::open::OpenState;
use super::partition_log::{Log, LogEnv};
use super::recovery::RecoveryReport;
use crate::env::{self, File, LockGuard};
use crate::types::{Offset, Timestamp, TopicId, TopicPartition};

/// Bytes appended to a directory after which its recovery points move, so that a restart has no more
/// than this to check.
pub const CHECKPOINT_BYTES: u64 = 64 << 20;

/// Flushes of new partitions' files that run at the same time.
const SYNCS_AT_ONCE: usize = 16;

/// An open log directory. It holds the directory's lock until it is dropped.
#[derive(Debug)]
pub struct LogDirectory {
    pub(super) env: Arc<LogEnv>,
    pub(super) path: PathBuf,
    logs: Mutex<BTreeMap<TopicPartition, Arc<Log>>>,
    /// Partitions that could not be opened. Their points stay what they were: the next start must still
    /// know what was durable.
    closed: Mutex<BTreeMap<TopicPartition, FoundPartition>>,
    /// Whether the checkpoints hold partitions that are not here.
    stale_points: AtomicBool,
    pub(super) flusher: Flusher,
    /// What the journal of a run before has of the logs, until they are open.
    pub(super) found_journal: Mutex<Option<journal::Found>>,
    /// Id of the journal that lies here, 0 if none does; recovery points name it.
    pub(super) journal: AtomicI64,
    /// Length that a journal is to have; 0 for none.
    pub(super) journal_bytes: AtomicU64,
    /// Files that are to be durable before the names of new partitions.
    newborn: Mutex<Vec<(PathBuf, Arc<dyn File>)>>,
    /// Directories that wait for removal, and when.
    removals: Mutex<Vec<(Timestamp, PathBuf)>>,
    /// One writer of checkpoints at a time.
    checkpointing: Mutex<()>,
    _lock: Box<dyn LockGuard>,
}

/// What became of a partition found in the directory.
pub type Opened = Result<(Arc<Log>, RecoveryReport), LogError>;

impl LogDirectory {
    /// Locks a directory, which is made if need be, and looks at what is in it. Only partitions that
    /// were never finished are removed.
    ///
    /// # Errors
    /// It is in use; it holds something foreign; a checkpoint is broken; the system's.
    pub fn open(env: Arc<LogEnv>, path: PathBuf, flush_threads: usize) -> Result<(Self, Contents), LogError> {
        let files = env.files.as_ref();
        files.create_dir_all(&path).at(&path)?;
        let lock = files.lock(&path.join(contents::LOCK)).map_err(LogError::Locked)?;
        let contents = contents::read(files, &path)?;
        let found_journal = journal_place::find(files, &path, &contents)?;
        let flusher = Flusher::start(Arc::clone(&env), flush_threads).at(&path)?;
        let now = env.clock.now();
        // At once: a partition may be made under the same name any moment.
        for dir in &contents.unborn {
            env::remove_tree(files, dir).at(dir)?;
        }
        let removals = contents.deleted.iter().map(|dir| (now, dir.clone())).collect();
        let this = Self {
            env,
            path,
            logs: Mutex::default(),
            closed: Mutex::default(),
            stale_points: AtomicBool::new(contents.stale_points),
            flusher,
            journal: AtomicI64::new(found_journal.as_ref().map_or(0, |found| found.id)),
            found_journal: Mutex::new(found_journal),
            journal_bytes: AtomicU64::new(0),
            newborn: Mutex::default(),
            removals: Mutex::new(removals),
            checkpointing: Mutex::default(),
            _lock: lock,
        };
        Ok((this, contents))
    }

    /// What its logs share.
    #[must_use]
    pub fn env(&self) -> &Arc<LogEnv> {
        &self.env
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its flusher.
    #[must_use]
    pub fn flusher(&self) -> &Flusher {
        &self.flusher
    }

    /// The open logs.
    #[must_use]
    pub fn logs(&self) -> Vec<Arc<Log>> {
        self.map().values().cloned().collect()
    }

    /// How many logs are open.
    #[must_use]
    pub fn log_count(&self) -> usize {
        self.map().len()
    }

    /// The log of a partition, if it is here.
    #[must_use]
    pub fn log(&self, tp: &TopicPartition) -> Option<Arc<Log>> {
        self.map().get(tp).cloned()
    }

    /// Whether the partition lies here and could not be opened.
    #[must_use]
    pub fn is_closed(&self, tp: &TopicPartition) -> bool {
        self.closed().contains_key(tp)
    }

    /// Opens partitions that were found, on `threads` threads; results are in the order of `found`.
    /// Before the first log changes, the marker of the last clean stop is removed: from here on a crash
    /// means recovery.
    ///
    /// # Errors
    /// The marker cannot be removed. Errors of single partitions are in the results.
    pub fn open_logs(
        &self,
        found: &[FoundPartition],
        config: &(dyn Fn(&FoundPartition) -> Arc<LogConfig> + Sync),
        threads: usize,
    ) -> Result<Vec<Opened>, LogError> {
        contents::remove_marker(self.env.files.as_ref(), &self.path)?;
        // Directories made before a kill may not have durable names; once for all of them.
        self.sync_names()?;
        let next = AtomicUsize::new(0);
        let results: Mutex<Vec<(usize, Opened)>> = Mutex::default();
        let work = || {
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some(partition) = found.get(at) else { break };
                let opened = self.open_log(partition, config(partition));
                results.lock().unwrap_or_else(PoisonError::into_inner).push((at, opened));
            }
        };
        thread::scope(|scope| {
            for _ in 1..threads.max(1) {
                scope.spawn(work);
            }
            work();
        });
        let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
        results.sort_by_key(|(at, _)| *at);
        self.leave_journal()?;
        if self.stale_points.load(Ordering::Relaxed) {
            // Points of a partition that is gone must not be taken for those of a new one of its name.
            self.save_points()?;
        }
        Ok(results.into_iter().map(|(_, opened)| opened).collect())
    }

    fn open_log(&self, found: &FoundPartition, config: Arc<LogConfig>) -> Opened {
        let opened = self.try_open(found, config);
        if opened.is_err() {
            self.closed().insert(found.tp.clone(), found.clone());
        }
        opened
    }

    fn try_open(&self, found: &FoundPartition, config: Arc<LogConfig>) -> Opened {
        let Some(topic_id) = found.topic_id else {
            let reason = "partition.metadata is missing or broken, so the topic's id is not known";
            return Err(LogError::corrupt(&found.dir, reason));
        };
        let (env, tp) = (Arc::clone(&self.env), found.tp.clone());
        let tail = self.tail(topic_id, tp.partition);
        let (log, report) = Log::open_with(env, found.dir.clone(), tp, topic_id, config, found.state, &tail)?;
        let log = Arc::new(log);
        self.map().insert(found.tp.clone(), Arc::clone(&log));
        if log.durable_end() < log.log_end() {
            // What recovery has kept becomes visible only when it is durable, and a leader that shows less
            // than it holds would send consumers astray: before anybody can ask.
            log.flush()?;
        }
        Ok((log, report))
    }

    /// Makes a new partition. It is durable with its first flush, and so with its first batch. It may be written to
    /// after [`sync_names`](Self::sync_names).
    ///
    /// # Errors
    /// The system's.
    pub fn create_log(
        &self,
        tp: &TopicPartition,
        topic_id: TopicId,
        config: Arc<LogConfig>,
    ) -> Result<Arc<Log>, LogError> {
        let dir = self.path.join(tp.to_string());
        let created = Log::create(Arc::clone(&self.env), dir.clone(), tp.clone(), topic_id, config);
        let (log, metadata) = created.map_err(|error| {
            // What was made of it would only be in the way; if it cannot go, the next start sees to it.
            let _ = env::remove_tree(self.env.files.as_ref(), &dir);
            self.env.judge(error)
        })?;
        self.newborn.lock().unwrap_or_else(PoisonError::into_inner).push((dir, metadata));
        let log = Arc::new(log);
        self.map().insert(tp.clone(), Arc::clone(&log));
        Ok(log)
    }

    /// Makes the names of partitions that were created durable; one call serves many.
    ///
    /// # Errors
    /// The system's.
    pub fn sync_names(&self) -> Result<(), LogError> {
        let newborn = std::mem::take(&mut *self.newborn.lock().unwrap_or_else(PoisonError::into_inner));
        let next = AtomicUsize::new(0);
        let failure: OnceLock<LogError> = OnceLock::new();
        let work = || {
            while let Some((path, file)) = newborn.get(next.fetch_add(1, Ordering::Relaxed)) {
                if let Err(error) = file.sync_data().at(path) {
                    let _ = failure.set(error);
                }
            }
        };
        // Flushes that run at the same time share what the file system does for each.
        thread::scope(|scope| {
            for _ in 1..newborn.len().min(SYNCS_AT_ONCE) {
                scope.spawn(work);
            }
            work();
        });
        if let Some(error) = failure.into_inner() {
            // A flush that failed is not tried again.
            self.env.health.fail(&format!("a flush failed: {error}"));
            return Err(error);
        }
        self.sync_dir()
    }

    pub(super) fn sync_dir(&self) -> Result<(), LogError> {
        self.env.files.sync_dir(&self.path).at(&self.path)
    }

    /// Takes partitions out of service, those that could not be opened too, and sets their directories aside
    /// to be removed after `file.delete.delay.ms`. Durable when this returns; partitions of these names can be
    /// made at once. Those that are not here are passed over.
    ///
    /// # Errors
    /// The system's.
    pub fn delete_logs(&self, partitions: &[TopicPartition]) -> Result<(), LogError> {
        let now = self.env.clock.now().get();
        let mut removals = Vec::new();
        for tp in partitions {
            let to = || self.path.join(renamed_dir(tp, self.env.rng.uuid(), "-delete"));
            let log = self.map().remove(tp);
            let closed = self.closed().remove(tp);
            if let Some(log) = log {
                let to = to();
                log.leave(&to)?;
                let due = now.saturating_add(log.config().file_delete_delay_ms);
                removals.push((Timestamp(due), to));
            } else if let Some(found) = closed {
                let to = to();
                self.env.files.rename(&found.dir, &to).at(&found.dir)?;
                removals.push((Timestamp(now), to));
            }
        }
        if removals.is_empty() {
            return Ok(());
        }
        self.sync_names()?;
        self.removals().extend(removals);
        self.stale_points.store(true, Ordering::Relaxed);
        // Points of a deleted partition must not be taken for those of a new one of its name.
        self.save_points()
    }

    /// Sets the directory of a partition aside that the metadata does not know; its data stay.
    ///
    /// # Errors
    /// The system's.
    pub fn set_aside(&self, found: &FoundPartition) -> Result<PathBuf, LogError> {
        let to = self.path.join(renamed_dir(&found.tp, self.env.rng.uuid(), "-stray"));
        self.env.files.rename(&found.dir, &to).at(&found.dir)?;
        self.sync_names()?;
        self.stale_points.store(true, Ordering::Relaxed);
        Ok(to)
    }

    /// Deletes all records of a log below `offset`, durably. Gives the log start.
    ///
    /// # Errors
    /// [`LogError::OffsetOutOfRange`] if `offset` is past the log end; the system's.
    pub fn delete_before(&self, log: &Log, offset: Offset) -> Result<Offset, LogError> {
        let start = log.delete_before(offset)?;
        self.save_points()?;
        Ok(start)
    }

    /// Moves all recovery points to the log ends.
    ///
    /// # Errors
    /// [`LogError::NoSpace`], or that of the first log that failed; the others have moved.
    pub fn checkpoint(&self) -> Result<(), LogError> {
        self.env.health.appended(true);
        let results: Vec<_> = self.logs().iter().map(|log| log.checkpoint()).collect();
        self.save_points()?;
        results.into_iter().find_map(Result::err).map_or(Ok(()), Err)
    }

    /// Whether so much was appended that [`checkpoint`](Self::checkpoint) is due before its timer.
    #[must_use]
    pub fn checkpoint_due(&self) -> bool {
        self.env.health.appended(false) >= CHECKPOINT_BYTES
    }

    /// Writes recovery points and log starts.
    pub(super) fn save_points(&self) -> Result<(), LogError> {
        let _turn = self.checkpointing.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut points, mut starts) = (Offsets::new(), Offsets::new());
        for (tp, found) in self.closed().iter().filter(|(_, found)| found.state.own_points) {
            points.insert(tp.clone(), found.state.recovery_point);
            if found.state.log_start_offset > Offset::ZERO {
                starts.insert(tp.clone(), found.state.log_start_offset);
            }
        }
        for log in self.logs() {
            points.insert(log.topic_partition().clone(), log.recovery_point());
            if let Some(start) = log.start_to_save() {
                starts.insert(log.topic_partition().clone(), start);
            }
        }
        checkpoint::sign(&mut points, self.journal.load(Ordering::Relaxed));
        let files = self.env.files.as_ref();
        let write = |name, offsets| {
            let written = checkpoint::write(files, &self.path.join(name), offsets);
            written.map_err(|error| self.env.judge(error))
        };
        write(checkpoint::RECOVERY_POINT, &points)?;
        write(checkpoint::LOG_START, &starts)?;
        self.stale_points.store(false, Ordering::Relaxed);
        Ok(())
    }

    /// Writes the high watermarks, which only their owner knows.
    ///
    /// # Errors
    /// The system's.
    pub fn save_high_watermarks(&self, offsets: &Offsets) -> Result<(), LogError> {
        let path = self.path.join(checkpoint::HIGH_WATERMARK);
        checkpoint::write(self.env.files.as_ref(), &path, offsets).map_err(|error| self.env.judge(error))
    }

    /// The timer of the directory, every few seconds: each log's, removal of deleted partitions, and a
    /// checkpoint if one is due by bytes.
    ///
    /// # Errors
    /// The first that occurred; all the rest was done.
    pub fn tick(&self) -> Result<(), LogError> {
        let now = self.env.clock.now();
        let mut first_error = None;
        let files = self.env.files.as_ref();
        let is_full = self.env.reserve.is_out(files);
        for log in self.logs() {
            match log.tick(now, is_full) {
                Ok(ticked) if ticked.flush_due => self.flusher.request(&log),
                Ok(_) => {}
                Err(error) => {
                    first_error.get_or_insert(error);
                }
            }
        }
        // What waits for removal only takes space that is needed.
        self.remove_due(if is_full { Timestamp(i64::MAX) } else { now });
        let due = if self.checkpoint_due() {
            self.checkpoint()
        } else if self.stale_points.load(Ordering::Relaxed) {
            self.save_points()
        } else {
            Ok(())
        };
        if self.flusher.wants_journal()
            && let Err(error) = self.make_journal()
        {
            first_error.get_or_insert(error);
        }
        if let Err(error) = due {
            first_error.get_or_insert(error);
        }
        first_error.map_or(Ok(()), Err)
    }

    /// Makes the reserve if it is missing and there is room: a timer calls this.
    ///
    /// # Errors
    /// The system's.
    pub fn keep_reserve(&self) -> Result<(), LogError> {
        let kept = self.env.reserve.keep(self.env.files.as_ref()).at(&self.path);
        kept.map_err(|error| self.env.judge(error))
    }

    fn remove_due(&self, now: Timestamp) {
        let mut due = Vec::new();
        self.removals().retain(|(at, dir)| {
            if *at <= now {
                due.push(dir.clone());
            }
            *at > now
        });
        for dir in due {
            if let Err(error) = env::remove_tree(self.env.files.as_ref(), &dir) {
                tracing::warn!(dir = %dir.display(), %error, "cannot remove; the next start tries again");
            }
        }
    }

    /// Saves everything and leaves the marker of a clean stop. `broker_epoch` goes into it: the next
    /// registration names it. If any log could not be saved there is no marker, and the next start
    /// recovers.
    ///
    /// # Errors
    /// The first that occurred.
    pub fn close(&self, broker_epoch: i64, high_watermarks: &Offsets) -> Result<(), LogError> {
        self.flusher.stop();
        let mut first_error = None;
        for log in self.logs() {
            if let Err(error) = log.close() {
                tracing::error!(partition = %log.topic_partition(), %error, "not saved");
                first_error.get_or_insert(error);
            }
        }
        self.save_points()?;
        self.save_high_watermarks(high_watermarks)?;
        match first_error {
            // Nobody could say at the next start what is clean and what was not even opened.
            None if !self.closed().is_empty() => Ok(()),
            None => {
                // All that is in it is durable in the logs.
                self.remove_journal()?;
                contents::write_marker(self.env.files.as_ref(), &self.path, broker_epoch)
            }
            Some(error) => Err(error),
        }
    }

    fn map(&self) -> MutexGuard<'_, BTreeMap<TopicPartition, Arc<Log>>> {
        self.logs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn closed(&self) -> MutexGuard<'_, BTreeMap<TopicPartition, FoundPartition>> {
        self.closed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn removals(&self) -> MutexGuard<'_, Vec<(Timestamp, PathBuf)>> {
        self.removals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether an error says that something is not there.
pub(super) fn is_missing(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
}

impl FoundPartition {
    /// A partition to be opened as after a crash that left nothing durable: for directories without
    /// checkpoints, like the metadata log.
    #[must_use]
    pub fn unknown(tp: TopicPartition, dir: PathBuf, topic_id: TopicId) -> Self {
        Self { tp, dir, topic_id: Some(topic_id), state: OpenState::default() }
    }
}

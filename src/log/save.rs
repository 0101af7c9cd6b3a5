//! Making a log durable: flush, checkpoint, clean close, and its timer.
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};

use super::error::{At, LogError};
use super::journal::Part;
use super::journal::format::EntryHeader;
use super::leader_epochs;
use super::names::STATE;
use super::partition_log::{Inner, Log, Mark};
use super::state_file::State;
use crate::env::{self, File, Files, OpenMode};
use crate::types::{LeaderEpoch, Offset, Timestamp};

/// What the timer found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ticked {
    /// `flush.messages` or `flush.ms` asks for a flush.
    pub flush_due: bool,
}

/// What one flush makes durable.
struct Round {
    files: Vec<Arc<dyn File>>,
    /// Directories with new names in them.
    dirs: Vec<PathBuf>,
    end: Offset,
    mark: Mark,
}

impl Log {
    /// Whether there are bytes that are not on disk.
    #[must_use]
    pub fn is_dirty(&self) -> bool {
        let inner = self.lock();
        inner.durable < inner.end || inner.names_dirty
    }

    /// Flushes the log's files: everything appended so far is durable in them, and the observer is told. Gives
    /// the durable end.
    ///
    /// # Errors
    /// [`LogError::Offline`]. A flush that fails takes the whole log directory offline: what it should
    /// have saved may be lost though a second try would succeed.
    pub fn flush(&self) -> Result<Offset, LogError> {
        self.flush_past(|inner| inner.flushed)
    }

    /// As [`flush`](Self::flush), unless all is durable already, be it by the journal.
    pub(super) fn make_durable(&self) -> Result<Offset, LogError> {
        self.flush_past(|inner| inner.durable)
    }

    fn flush_past(&self, done: impl Fn(&Inner) -> Offset) -> Result<Offset, LogError> {
        let _turn = self.flushing.lock().unwrap_or_else(PoisonError::into_inner);
        let round = {
            let mut inner = self.lock();
            self.check_online(&inner)?;
            if done(&inner) == inner.end && !inner.names_dirty && inner.unsynced.is_empty() {
                return Ok(inner.durable);
            }
            self.begin_round(&mut inner).map_err(|error| self.judge(error))?
        };
        let began = self.env.clock.elapsed();
        if let Err(error) = self.sync(&round) {
            let reason = format!("a flush of {} failed: {error}", self.topic_partition());
            self.env.health.fail(&reason);
            self.tell(|observer| observer.offline(&reason));
            return Err(LogError::Offline { path: self.dir(), reason });
        }
        let took = self.env.clock.elapsed().saturating_sub(began);
        self.env.metrics.flush_time.record(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
        {
            let mut inner = self.lock();
            inner.durable = inner.durable.max(round.end);
            inner.durable_mark.advance(round.mark);
            inner.flushed = inner.flushed.max(round.end);
            inner.flushed_mark.advance(round.mark);
        }
        self.tell(|observer| observer.durable(round.end));
        Ok(round.end)
    }

    /// What the journal needs to make the log durable; `None` if that takes more than `max` bytes, or a flush of
    /// the log's own: of a segment that was sealed, or whose name is new.
    pub(super) fn part(self: &Arc<Self>, max: usize) -> Option<Part> {
        let mut inner = self.lock();
        self.check_online(&inner).ok()?;
        let is_plain = inner.unsynced.is_empty() && !inner.names_dirty && inner.is_born;
        let (mark, offset, next_offset) = (inner.durable_mark, inner.durable, inner.end);
        let epoch = inner.epochs.epoch_of(offset).unwrap_or(LeaderEpoch::NONE);
        let (active, dir, _) = inner.active_and_dir();
        if !is_plain || active.base != mark.base || offset >= next_offset {
            return None;
        }
        let length = active.len.checked_sub(mark.pos).filter(|len| *len <= max as u64)?;
        let file = active.file(self.env.files.as_ref(), dir).ok()?;
        inner.unflushed_records = 0;
        inner.unflushed_since = None;
        let header = EntryHeader {
            topic_id: self.topic_id(),
            partition: self.topic_partition().partition,
            epoch,
            offset,
            next_offset,
            base: mark.base,
            position: mark.pos,
            length: u32::try_from(length).ok()?,
        };
        drop(inner);
        Some(Part { log: Arc::clone(self), file, header })
    }

    /// A part of the log is durable in the journal.
    pub(super) fn journaled(&self, part: &EntryHeader) {
        {
            let mut inner = self.lock();
            inner.durable = inner.durable.max(part.next_offset);
            let pos = part.position.saturating_add(u64::from(part.length));
            inner.durable_mark.advance(Mark { base: part.base, pos });
        }
        self.tell(|observer| observer.durable(part.next_offset));
    }

    /// Whether what lies below `upto` may be durable only in the journal.
    pub(super) fn relies_on_journal(&self, upto: Offset) -> bool {
        let inner = self.lock();
        inner.flushed < upto && !inner.has_left
    }

    /// Bytes in the active segment that are not durable.
    pub(super) fn undurable_bytes(&self) -> u64 {
        let inner = self.lock();
        inner.bytes_past(inner.durable_mark)
    }

    /// Bytes in the active segment that its own flush has not made durable.
    pub(super) fn unflushed_bytes(&self) -> u64 {
        let inner = self.lock();
        inner.bytes_past(inner.flushed_mark)
    }

    fn begin_round(&self, inner: &mut Inner) -> Result<Round, LogError> {
        let mut files = std::mem::take(&mut inner.unsynced);
        let (active, dir, _) = inner.active_and_dir();
        files.push(active.file_to_flush(self.env.files.as_ref(), dir)?);
        let mark = Mark { base: active.base, pos: active.len };
        let mut dirs = Vec::new();
        if std::mem::take(&mut inner.names_dirty) {
            dirs.push(inner.dir.clone());
        }
        if !std::mem::replace(&mut inner.is_born, true) {
            dirs.extend(inner.dir.parent().map(Path::to_owned));
        }
        inner.unflushed_records = 0;
        inner.unflushed_since = None;
        Ok(Round { files, dirs, end: inner.end, mark })
    }

    fn sync(&self, round: &Round) -> io::Result<()> {
        for file in &round.files {
            file.sync_data()?;
        }
        for dir in &round.dirs {
            match self.env.files.sync_dir(dir) {
                // Renamed by a deletion meanwhile: nobody will ask for these bytes again.
                Err(error) if error.kind() == io::ErrorKind::NotFound && self.dir() != *dir => {}
                other => other?,
            }
        }
        Ok(())
    }

    /// Moves the recovery point to the log end: flushes, and saves what recovery would otherwise have to
    /// find out from the batches. Gives the recovery point.
    ///
    /// # Errors
    /// As [`flush`](Self::flush); [`LogError::NoSpace`] leaves the recovery point where it was.
    pub fn checkpoint(&self) -> Result<Offset, LogError> {
        let files = self.env.files.as_ref();
        let (dir, state, epochs) = {
            let mut inner = self.lock();
            self.check_online(&inner)?;
            if inner.recovery_point == inner.end && !inner.epochs_dirty && !inner.deletion_dirty {
                return Ok(inner.end);
            }
            let (active, dir, _) = inner.active_and_dir();
            active.write_indexes(files, dir, true).map_err(|error| self.judge(error))?;
            let indexes: Vec<_> = active.index_files().collect();
            inner.unsynced.extend(indexes);
            let epochs = std::mem::take(&mut inner.epochs_dirty).then(|| inner.epochs.encode());
            (inner.dir.clone(), inner.state(), epochs)
        };
        self.flush()?;
        let saved = save(files, &dir, &state, epochs.as_deref());
        if let Err(error) = saved {
            self.lock().epochs_dirty |= epochs.is_some();
            return Err(self.judge(error));
        }
        let mut inner = self.lock();
        inner.recovery_point = state.offset;
        inner.deletion_dirty &= inner.deleted_before != state.deleted_before;
        Ok(state.offset)
    }

    /// Saves everything for a start that need not recover. The log takes nothing more.
    ///
    /// # Errors
    /// As [`checkpoint`](Self::checkpoint).
    pub fn close(&self) -> Result<Offset, LogError> {
        {
            let inner = self.lock();
            if inner.saved == Some(inner.end) && !inner.epochs_dirty && !inner.names_dirty {
                return Ok(inner.end);
            }
        }
        self.flush()?;
        let end = self.checkpoint()?;
        let mut inner = self.lock();
        if inner.end > end {
            drop(inner);
            return self.close();
        }
        let (active, dir, _) = inner.active_and_dir();
        active.seal(self.env.files.as_ref(), dir).map_err(|error| self.judge(error))?;
        self.write_snapshot(&inner).map_err(|error| self.judge(error))?;
        inner.saved = Some(end);
        inner.offline.get_or_insert_with(|| "the broker is stopping".to_owned());
        Ok(end)
    }

    /// What a timer does, every few seconds: retention, removal of deleted files, expiry of producers,
    /// letting go of files nobody reads. On a full volume (`is_full`) removed files do not wait, and a log of
    /// which nothing can be read any more gives its last segment back too.
    ///
    /// # Errors
    /// The system's; the rest of the work is done at the next call.
    pub fn tick(&self, now: Timestamp, is_full: bool) -> Result<Ticked, LogError> {
        self.apply_retention()?;
        if is_full {
            let mut inner = self.lock();
            if inner.log_start == inner.end && inner.active().len > 0 {
                self.roll(&mut inner, now).map_err(|error| self.judge(error))?;
            }
        }
        if self.lock().holds_back_segments() {
            self.checkpoint()?;
        }
        let mut inner = self.lock();
        self.drop_segments(&mut inner, now).map_err(|error| self.judge(error))?;
        self.remove_due(&mut inner, if is_full { Timestamp(i64::MAX) } else { now });
        let expiration_ms = inner.config.producer_id_expiration_ms;
        inner.producers.expire(now, expiration_ms);
        let active = inner.segments.len().saturating_sub(1);
        inner.segments.iter_mut().enumerate().for_each(|(at, segment)| segment.rest(at == active));
        Ok(Ticked { flush_due: inner.flush_due(now) })
    }

    /// Whether `flush.messages` or `flush.ms` asks for a flush; asked after each append. With `flush.messages`
    /// 1 whoever appends asks for it, if anyone waits.
    #[must_use]
    pub fn flush_due(&self, now: Timestamp) -> bool {
        let inner = self.lock();
        inner.config.flush_messages > 1 && inner.flush_due(now)
    }

    /// Renames the log's directory and takes the log out of service.
    pub(super) fn leave(&self, to: &Path) -> Result<(), LogError> {
        let mut inner = self.lock();
        self.env.files.rename(&inner.dir, to).at(&inner.dir)?;
        inner.dir = to.to_owned();
        inner.offline = Some("the partition was deleted".to_owned());
        inner.has_left = true;
        Ok(())
    }
}

impl Inner {
    fn bytes_past(&self, mark: Mark) -> u64 {
        let active = self.segments.last();
        active.map_or(0, |active| {
            if active.base == mark.base { active.len.saturating_sub(mark.pos) } else { active.len }
        })
    }

    fn state(&self) -> State {
        State {
            offset: self.end,
            deleted_before: self.deleted_before,
            producers: self.producers.clone(),
            early: self.early.clone(),
        }
    }

    fn flush_due(&self, now: Timestamp) -> bool {
        let waited = self.unflushed_since.map_or(0, |since| now.get().saturating_sub(since.get()));
        let some = self.unflushed_records > 0;
        some && (self.unflushed_records >= self.config.flush_messages || waited >= self.config.flush_ms)
    }
}

fn save(files: &dyn Files, dir: &Path, state: &State, epochs: Option<&str>) -> Result<(), LogError> {
    let path = dir.join(STATE);
    let says_nothing = state.producers.is_empty() && state.deleted_before == Offset::NONE;
    if says_nothing && state.early.runs().is_empty() {
        // It only spares a replay: torn or lost, the batches say the same.
        let file = files.open(&path, OpenMode::Create).at(&path)?;
        let content = state.encode();
        file.write_all_at(&content, 0).at(&path)?;
        file.set_len(content.len() as u64).at(&path)?;
    } else {
        env::replace(files, &path, &state.encode()).at(&path)?;
    }
    match epochs {
        Some(epochs) => {
            let path = dir.join(leader_epochs::FILE);
            env::replace(files, &path, epochs.as_bytes()).at(&path)
        }
        None => Ok(()),
    }
}

//! One segment: a `.log` file with its indexes.
//!
//! Its file is kept open as long as the process has room for it, indexes as long as they are used.
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::config::LogConfig;
use super::error::{At, LogError};
use super::index::{Entry, Index};
use super::names::{Kind, file_name};
use super::offset_index::OffsetEntry;
use super::scan::{Found, SHORT, Scan};
use super::time_index::TimeEntry;
use super::txn_index::AbortedTxn;
use crate::env::{File, Files, OpenMode, Slot};
use crate::record::BatchHeader;
use crate::types::{Offset, Timestamp};

/// Positions and relative offsets are 31-bit numbers in the indexes.
const MAX_RELATIVE: u64 = i32::MAX as u64;

/// The three indexes of a segment.
#[derive(Debug, Default)]
pub struct Indexes {
    /// Positions by offset.
    pub offsets: Index<OffsetEntry>,
    /// Offsets by time.
    pub times: Index<TimeEntry>,
    /// Aborted transactions.
    pub txns: Index<AbortedTxn>,
}

impl Indexes {
    /// Whether no entry waits to be written.
    fn are_written(&self) -> bool {
        self.offsets.is_written() && self.times.is_written() && self.txns.is_written()
    }
}

/// A segment.
#[derive(Debug)]
pub struct Segment {
    /// Its base offset: no batch in it has an offset below.
    pub base: Offset,
    /// Bytes of whole batches in its `.log`.
    pub len: u64,
    file: Slot,
    /// The file while it holds bytes that someone waits for: a flush through the handle that wrote them
    /// hears of every error.
    unflushed: Option<Arc<dyn File>>,
    indexes: Option<Box<Indexes>>,
    /// Largest timestamp and last offset of the batch that has it; not known before it is asked for.
    newest: Option<(Timestamp, Offset)>,
    /// Largest timestamp of its first batch: its age counts from it.
    first_time: Option<Timestamp>,
    /// Wall time at which it was begun, if that was in this run.
    pub began: Option<Timestamp>,
    /// What is taken off `segment.ms`.
    pub jitter_ms: i64,
    since_entry: u64,
    used: bool,
}

impl Segment {
    /// A segment whose `.log` exists and has `len` bytes.
    #[must_use]
    pub fn new(base: Offset, len: u64) -> Self {
        Self {
            base,
            len,
            file: Slot::default(),
            unflushed: None,
            indexes: None,
            newest: None,
            first_time: None,
            began: None,
            jitter_ms: 0,
            since_entry: 0,
            used: false,
        }
    }

    /// Makes a new, empty segment.
    pub fn create(files: &dyn Files, dir: &Path, base: Offset, now: Timestamp) -> Result<Self, LogError> {
        let path = dir.join(file_name(base, Kind::Log));
        let file = files.open(&path, OpenMode::Create).at(&path)?;
        // A leftover of this name holds nothing that the log knows of.
        file.set_len(0).at(&path)?;
        let mut this = Self::new(base, 0);
        this.file.keep(&file);
        this.indexes = Some(Box::default());
        this.newest = Some((Timestamp::NONE, base));
        this.began = Some(now);
        Ok(this)
    }

    /// The path of one of its files.
    #[must_use]
    pub fn path(&self, dir: &Path, kind: Kind) -> PathBuf {
        dir.join(file_name(self.base, kind))
    }

    /// Its `.log`, opened if need be.
    pub fn file(&mut self, files: &dyn Files, dir: &Path) -> Result<Arc<dyn File>, LogError> {
        self.used = true;
        if let Some(file) = self.unflushed.clone().or_else(|| self.file.get()) {
            return Ok(file);
        }
        let path = self.path(dir, Kind::Log);
        let file = files.open(&path, OpenMode::ReadWrite).at(&path)?;
        self.file.keep(&file);
        Ok(file)
    }

    /// Its `.log` for a flush that covers all that was written.
    pub fn file_to_flush(&mut self, files: &dyn Files, dir: &Path) -> Result<Arc<dyn File>, LogError> {
        let file = self.file(files, dir)?;
        self.unflushed = None;
        Ok(file)
    }

    /// Its indexes, opened if need be.
    pub fn indexes(&mut self, files: &dyn Files, dir: &Path) -> Result<&mut Indexes, LogError> {
        self.used = true;
        if self.indexes.is_none() {
            let path = |kind| self.path(dir, kind);
            let (offsets, times, txns) =
                (path(Kind::OffsetIndex), path(Kind::TimeIndex), path(Kind::TxnIndex));
            self.indexes = Some(Box::new(Indexes {
                offsets: Index::open(files, &offsets).at(&offsets)?,
                times: Index::open(files, &times).at(&times)?,
                txns: Index::open(files, &txns).at(&txns)?,
            }));
        }
        Ok(self.indexes.get_or_insert_default())
    }

    /// Replaces the indexes, after recovery has found out what is in them.
    pub fn set_indexes(&mut self, indexes: Indexes) {
        self.newest = Some((Timestamp::NONE, self.base));
        if let Some(last) = indexes.times.last() {
            self.newest = Some((last.timestamp, self.base.plus(i64::from(last.relative_offset))));
        }
        self.indexes = Some(Box::new(indexes));
        self.since_entry = 0;
    }

    /// Lets go of what it holds open, if nobody used it since the last call: the indexes, and of a sealed
    /// segment the file.
    pub fn rest(&mut self, is_active: bool) {
        if std::mem::take(&mut self.used) {
            return;
        }
        if !is_active {
            self.file.clear();
        }
        if self.indexes.as_ref().is_some_and(|indexes| indexes.are_written()) {
            self.indexes = None;
        }
    }

    /// Whether a batch must go to a new segment.
    pub fn is_full_for(
        &self,
        header: &BatchHeader,
        last: Offset,
        config: &LogConfig,
        now: Timestamp,
    ) -> bool {
        let size = header.size() as u64;
        let grown = self.len.saturating_add(size);
        let index_entries = |bytes: u64, size: usize| {
            bytes.saturating_add(size as u64) > config.index_bytes.max(OffsetEntry::SIZE as u64)
        };
        let index_full = self.indexes.as_ref().is_some_and(|indexes| {
            index_entries(indexes.offsets.bytes(), OffsetEntry::SIZE)
                || index_entries(indexes.times.bytes(), TimeEntry::SIZE)
        });
        let waited = match self.first_time {
            Some(first) if first.get() >= 0 => header.max_timestamp.get().saturating_sub(first.get()),
            _ => self.began.map_or(0, |began| now.get().saturating_sub(began.get())),
        };
        let relative = last.get().saturating_sub(self.base.get());
        self.len > 0
            && (grown > config.segment_bytes.min(MAX_RELATIVE)
                || waited > config.segment_ms.saturating_sub(self.jitter_ms)
                || index_full
                || relative > MAX_RELATIVE as i64)
    }

    /// Finds out from when the segment's age counts, which a restart forgets.
    pub fn learn_age(&mut self, files: &dyn Files, dir: &Path) -> Result<(), LogError> {
        if self.first_time.is_none() && self.len > 0 {
            let path = self.path(dir, Kind::Log);
            let mut scan = Scan::new(self.file(files, dir)?, 0, self.len, SHORT);
            if let Some(Ok(first)) = scan.next().at(&path)? {
                self.first_time = Some(first.header.max_timestamp);
            }
        }
        Ok(())
    }

    /// Writes a batch at the end. After an error the file is as before, if that can be had.
    pub fn append(
        &mut self,
        files: &dyn Files,
        dir: &Path,
        config: &LogConfig,
        header: &BatchHeader,
        body: &[u8],
    ) -> Result<(), (LogError, bool)> {
        let file = self.file(files, dir).map_err(|error| (error, true))?;
        if config.flush_messages <= 1 {
            self.unflushed.get_or_insert_with(|| Arc::clone(&file));
        }
        let head = header.to_bytes();
        let mut bufs = [IoSlice::new(&head), IoSlice::new(body)];
        match file.write_all_vectored_at(&mut bufs, self.len) {
            Ok(()) => Ok(()),
            Err(error) => {
                let cut = file.set_len(self.len).is_ok();
                Err((LogError::io(&self.path(dir, Kind::Log), error), cut))
            }
        }
    }

    /// Takes a batch into account that lies at the end of the file: length, newest timestamp, indexes.
    /// An entry is due when more than `index.interval.bytes` lie behind the last one.
    pub fn note(&mut self, found: &Found, config: &LogConfig) {
        let Found { pos, header } = found;
        let last = header.last_offset();
        let newest = self.newest.get_or_insert((Timestamp::NONE, self.base));
        if header.max_timestamp > newest.0 {
            *newest = (header.max_timestamp, last);
        }
        let newest = *newest;
        self.first_time.get_or_insert(header.max_timestamp);
        if self.since_entry > config.index_interval_bytes {
            let relative = |offset: Offset| u32::try_from(offset.get().saturating_sub(self.base.get()));
            let indexes = self.indexes.get_or_insert_default();
            if let (Ok(relative_offset), Ok(position)) = (relative(last), u32::try_from(*pos)) {
                indexes.offsets.push(OffsetEntry { relative_offset, position });
            }
            if let Ok(relative_offset) = relative(newest.1) {
                push_time(&mut indexes.times, newest.0, relative_offset);
            }
            self.since_entry = 0;
        }
        self.since_entry = self.since_entry.saturating_add(header.size() as u64);
        self.len = found.end();
    }

    /// The largest timestamp of its first batch, if [`learn_age`](Self::learn_age) found one.
    #[must_use]
    pub fn first_time(&self) -> Option<Timestamp> {
        self.first_time
    }

    /// Writes index entries that wait, if they are many (`all`: in any case).
    pub fn write_indexes(&mut self, files: &dyn Files, dir: &Path, all: bool) -> Result<(), LogError> {
        let base = self.base;
        self.write_indexes_at(files, &|kind| dir.join(file_name(base, kind)), all)
    }

    fn write_indexes_at(
        &mut self,
        files: &dyn Files,
        path: &dyn Fn(Kind) -> PathBuf,
        all: bool,
    ) -> Result<(), LogError> {
        let Some(indexes) = &mut self.indexes else { return Ok(()) };
        if all || indexes.offsets.is_due() {
            let at = path(Kind::OffsetIndex);
            indexes.offsets.write_out(files, &at).at(&at)?;
            let at = path(Kind::TimeIndex);
            indexes.times.write_out(files, &at).at(&at)?;
        }
        let at = path(Kind::TxnIndex);
        indexes.txns.write_out(files, &at).at(&at)
    }

    /// Brings the indexes into the shape of a sealed segment: the newest timestamp has an entry, and
    /// the files end with their last one.
    pub fn seal(&mut self, files: &dyn Files, dir: &Path) -> Result<(), LogError> {
        self.indexes(files, dir)?;
        let base = self.base;
        self.seal_at(files, &|kind| dir.join(file_name(base, kind)))
    }

    /// Seals a segment whose indexes are in memory and whose files have other names than usual.
    pub fn seal_at(&mut self, files: &dyn Files, path: &dyn Fn(Kind) -> PathBuf) -> Result<(), LogError> {
        let newest = self.newest;
        let base = self.base;
        let (offsets, times) = (path(Kind::OffsetIndex), path(Kind::TimeIndex));
        let indexes = self.indexes.get_or_insert_default();
        if let Some((timestamp, last)) = newest
            && let Ok(relative_offset) = u32::try_from(last.get().saturating_sub(base.get()))
        {
            push_time(&mut indexes.times, timestamp, relative_offset);
        }
        indexes.offsets.trim(files, &offsets).at(&offsets)?;
        indexes.times.trim(files, &times).at(&times)?;
        self.write_indexes_at(files, path, true)
    }

    /// The files of its indexes that are open. They are synced before the recovery point passes the
    /// segment: from then on they are relied on.
    pub fn index_files(&self) -> impl Iterator<Item = Arc<dyn File>> {
        let indexes = self.indexes.as_ref();
        let files =
            indexes.map(|indexes| [indexes.offsets.file(), indexes.times.file(), indexes.txns.file()]);
        files.into_iter().flatten().flatten()
    }

    /// Largest timestamp in the segment and the last offset of the batch that has it; -1 if empty.
    pub fn newest(&mut self, files: &dyn Files, dir: &Path) -> Result<(Timestamp, Offset), LogError> {
        if let Some(newest) = self.newest {
            return Ok(newest);
        }
        let base = self.base;
        let last = self.indexes(files, dir)?.times.last();
        // A sealed segment's last entry covers all of it. Without one (Kafka makes one, but a lost file
        // is empty) the batches tell.
        let newest = match last {
            Some(entry) => (entry.timestamp, base.plus(i64::from(entry.relative_offset))),
            None => self.newest_by_scan(files, dir)?,
        };
        self.newest = Some(newest);
        Ok(newest)
    }

    fn newest_by_scan(&mut self, files: &dyn Files, dir: &Path) -> Result<(Timestamp, Offset), LogError> {
        let path = self.path(dir, Kind::Log);
        let mut scan = Scan::new(self.file(files, dir)?, 0, self.len, SHORT);
        let mut newest = (Timestamp::NONE, self.base);
        while let Some(Ok(found)) = scan.next().at(&path)? {
            if found.header.max_timestamp > newest.0 {
                newest = (found.header.max_timestamp, found.header.last_offset());
            }
        }
        Ok(newest)
    }

    /// Cuts the file to `len`.
    pub fn cut(&mut self, files: &dyn Files, dir: &Path, len: u64) -> Result<(), LogError> {
        let path = self.path(dir, Kind::Log);
        self.file(files, dir)?.set_len(len).at(&path)?;
        self.len = len;
        Ok(())
    }

    /// Renames its files so that they wait for removal, and the producer snapshot at its base with them; those that
    /// do not exist are passed over.
    pub fn rename_deleted(&self, files: &dyn Files, dir: &Path) -> Result<Vec<PathBuf>, LogError> {
        let mut renamed = Vec::new();
        for kind in Kind::SEGMENT.into_iter().chain([Kind::Snapshot]) {
            let from = self.path(dir, kind);
            let to = dir.join(file_name(self.base, kind) + super::names::DELETED);
            match files.rename(&from, &to) {
                Ok(()) => renamed.push(to),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(LogError::io(&from, error)),
            }
        }
        Ok(renamed)
    }
}

fn push_time(times: &mut Index<TimeEntry>, timestamp: Timestamp, relative_offset: u32) {
    let entry = TimeEntry { timestamp, relative_offset };
    if entry.follows(times.last().as_ref()) {
        times.push(entry);
    }
}

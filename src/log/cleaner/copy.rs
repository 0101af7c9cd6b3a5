//! The effectful part of a cleaning: reading the dirty part into the map, and copying what stays.
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::filter::{LastRecord, Outcome, Rules, Taken, take_in};
use super::offset_map::OffsetMap;
use super::output::{Output, discard};
use super::plan::{LogState, Plan, SegmentInfo, group};
use super::transactions::Transactions;
use crate::env::File;
use crate::log::config::LogConfig;
use crate::log::error::{At, LogError};
use crate::log::markers;
use crate::log::names::Kind;
use crate::log::partition_log::{Inner, Log};
use crate::log::txn_index::AbortedTxn;
use crate::record::{BatchError, BatchHeader, BatchView};
use crate::types::{Offset, ProducerId, Timestamp};

/// Why a cleaning did not come to its end. The log is sound in any case.
#[derive(Debug, thiserror::Error)]
pub enum CleanError {
    /// The cleaner is to stop.
    #[error("the cleaner stops")]
    Stopped,
    /// The log, or a segment of it, was deleted meanwhile.
    #[error("the segments were deleted meanwhile")]
    Gone,
    /// A batch that cannot be read, or the system's.
    #[error(transparent)]
    Log(#[from] LogError),
}

/// What a cleaning may use.
pub struct Means<'a> {
    /// Bytes of the key table.
    pub map_bytes: u64,
    /// How full it may get.
    pub load_factor: f64,
    /// Bytes read at once, and written at once.
    pub block: usize,
    /// Told of bytes before they are read or after they are written; may pause. False to stop.
    pub pace: &'a dyn Fn(u64) -> bool,
}

/// What a cleaning did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cleaned {
    /// The next dirty part begins here.
    pub upto: Offset,
    /// Bytes of the segments that were cleaned.
    pub read: u64,
    /// Bytes of those that took their place.
    pub written: u64,
}

/// A sealed segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    /// Base offset.
    pub base: Offset,
    /// Bytes of its `.log`.
    pub len: u64,
    /// Offset after it.
    pub end: Offset,
}

/// One cleaning of one log.
struct Round<'a> {
    dir: PathBuf,
    config: Arc<LogConfig>,
    map: OffsetMap,
    now: Timestamp,
    upto: Offset,
    means: &'a Means<'a>,
}

impl Log {
    /// The log as a [`Plan`] sees it.
    pub(super) fn cleaner_state(&self) -> Result<LogState, LogError> {
        let files = self.env.files.as_ref();
        let mut inner = self.lock();
        self.check_online(&inner)?;
        let (log_start, log_end) = (inner.log_start, inner.end);
        let first_open = inner.producers.first_open().map(|(offset, _)| offset);
        let active = inner.active().base;
        let Inner { segments, dir, config, .. } = &mut *inner;
        let count = segments.len().saturating_sub(1);
        let mut sealed = Vec::with_capacity(count);
        for segment in segments.iter_mut().take(count) {
            let mut info = SegmentInfo {
                base: segment.base,
                len: segment.len,
                newest: Timestamp::NONE,
                first: Timestamp::NONE,
            };
            if config.min_compaction_lag_ms > 0 {
                info.newest = segment.newest(files, dir)?.0;
            }
            if config.max_compaction_lag_ms < i64::MAX {
                segment.learn_age(files, dir)?;
                info.first = segment.first_time().unwrap_or(Timestamp::NONE);
            }
            sealed.push(info);
        }
        Ok(LogState { sealed, active, log_start, log_end, first_open })
    }

    /// Cleans the log as planned.
    ///
    /// # Errors
    /// [`CleanError`]. Groups of segments that were finished before it stay cleaned.
    pub(super) fn clean(&self, plan: &Plan, means: &Means<'_>) -> Result<Cleaned, CleanError> {
        if self.recovery_point() < plan.upto {
            // What batches past it say of producers is nowhere else.
            self.checkpoint()?;
        }
        let keys = u64::try_from(plan.upto.get().saturating_sub(plan.from.get())).unwrap_or(0);
        let secret = [self.env.rng.next(), self.env.rng.next()];
        let map = OffsetMap::new(keys, means.map_bytes, means.load_factor, secret);
        let (dir, config, now) = (self.dir(), self.config(), self.env.clock.now());
        let mut round = Round { dir, config, map, now, upto: plan.upto, means };
        let sources = self.sources(plan.upto)?;
        self.build_map(&mut round, &sources, plan.from)?;
        let end = round.map.end().min(plan.upto);
        let sources: Vec<Source> = sources.into_iter().filter(|source| source.base < end).collect();
        let sizes: Vec<_> = sources.iter().map(|source| (source.base, source.len, source.end)).collect();
        let mut cleaned = Cleaned { upto: end, ..Cleaned::default() };
        let (mut rest, mut transactions) = (sources.as_slice(), Transactions::default());
        transactions.learn(&self.aborted_below(&round.dir, Offset::ZERO, round.upto)?);
        for count in group(&sizes, round.config.segment_bytes) {
            let Some((group, after)) = rest.split_at_checked(count) else { break };
            rest = after;
            let written = self.clean_group(&round, group, &mut transactions)?;
            cleaned.read = group.iter().map(|source| source.len).fold(cleaned.read, u64::saturating_add);
            cleaned.written = cleaned.written.saturating_add(written);
        }
        Ok(cleaned)
    }

    /// The segments below `upto`.
    fn sources(&self, upto: Offset) -> Result<Vec<Source>, CleanError> {
        let inner = self.lock();
        self.check_online(&inner).map_err(|_| CleanError::Gone)?;
        if inner.recovery_point < upto {
            return Err(CleanError::Gone);
        }
        let ends = inner.segments.iter().skip(1).map(|segment| segment.base);
        let sources = inner.segments.iter().zip(ends).take_while(|(_, end)| *end <= upto);
        Ok(sources.map(|(segment, end)| Source { base: segment.base, len: segment.len, end }).collect())
    }

    fn open_source(&self, dir: &Path, source: &Source) -> Result<(Arc<dyn File>, PathBuf), CleanError> {
        let mut inner = self.lock();
        if inner.dir != dir || self.check_online(&inner).is_err() {
            return Err(CleanError::Gone);
        }
        let wanted = |segment: &&mut crate::log::segment::Segment| {
            (segment.base, segment.len) == (source.base, source.len)
        };
        let segment = inner.segments.iter_mut().find(wanted).ok_or(CleanError::Gone)?;
        Ok((segment.file(self.env.files.as_ref(), dir)?, segment.path(dir, Kind::Log)))
    }

    /// Aborted transactions that end at or after `from` and have records below `upto`. The lock is held
    /// for one segment's index at a time.
    fn aborted_below(&self, dir: &Path, from: Offset, upto: Offset) -> Result<Vec<AbortedTxn>, CleanError> {
        let files = self.env.files.as_ref();
        let bases: Vec<Offset> = {
            let inner = self.lock();
            let first = inner.segment_of(from).unwrap_or(0);
            inner.segments.iter().skip(first).map(|segment| segment.base).collect()
        };
        let mut aborted = Vec::new();
        for base in bases {
            let mut inner = self.lock();
            if inner.dir != dir {
                return Err(CleanError::Gone);
            }
            let segment = inner.segments.iter_mut().find(|segment| segment.base == base);
            let segment = segment.ok_or(CleanError::Gone)?;
            let entries = segment.indexes(files, dir)?.txns.entries().at(dir)?;
            drop(inner);
            let concerns = |txn: &&AbortedTxn| txn.last_offset >= from && txn.first_offset < upto;
            aborted.extend(entries.iter().filter(concerns));
            // All that come later began at or after this.
            if entries.last().is_some_and(|last| last.last_stable_offset >= upto) {
                break;
            }
        }
        Ok(aborted)
    }

    fn build_map(&self, round: &mut Round<'_>, sources: &[Source], from: Offset) -> Result<(), CleanError> {
        let dirty = sources.iter().filter(|source| source.end > from);
        let mut transactions = Transactions::default();
        transactions.learn(&self.aborted_below(&round.dir, from, round.upto)?);
        for source in dirty {
            let (file, path) = self.open_source(&round.dir, source)?;
            let mut batches = Batches::new(file, path, source.len, round.means);
            while let Some(batch) = batches.next()? {
                let header = batch.header();
                if header.is_control() {
                    transactions.control(header, markers::parse(header, batch.body()));
                } else if !transactions.data(header) && header.last_offset() >= from {
                    match take_in(&mut round.map, &batch, from) {
                        Ok(Taken::In) => {}
                        Ok(Taken::Full) => return Ok(()),
                        Err(error) => return Err(batches.corrupt(&error).into()),
                    }
                }
                if header.last_offset() >= from {
                    round.map.advance(header.next_offset());
                }
            }
            round.map.advance(source.end);
        }
        Ok(())
    }

    fn clean_group(
        &self,
        round: &Round<'_>,
        group: &[Source],
        transactions: &mut Transactions,
    ) -> Result<u64, CleanError> {
        let Some(first) = group.first() else { return Ok(0) };
        let files = self.env.files.as_ref();
        // Opening it says whether the log is still there.
        self.open_source(&round.dir, first)?;
        let copied = Output::create(files, &round.dir, first.base, round.means.block)
            .map_err(CleanError::from)
            .and_then(|mut output| {
                self.copy(round, group, transactions, &mut output)?;
                output.finish(files)?;
                self.swap_in(&round.dir, group, &output)?;
                Ok(output.len())
            });
        copied.map_err(|error| self.judge_cleaning(error, &round.dir, first.base))
    }

    fn copy(
        &self,
        round: &Round<'_>,
        group: &[Source],
        transactions: &mut Transactions,
        output: &mut Output,
    ) -> Result<(), CleanError> {
        let producers: BTreeMap<ProducerId, LastRecord> =
            self.lock().producers.iter().map(|(id, producer)| (id, LastRecord::of(producer))).collect();
        let rules = Rules {
            map: &round.map,
            now: round.now,
            delete_retention_ms: round.config.delete_retention_ms,
            producers: &producers,
            upto: round.upto,
        };
        let files = self.env.files.as_ref();
        for source in group {
            let (file, path) = self.open_source(&round.dir, source)?;
            let mut batches = Batches::new(file, path, source.len, round.means);
            while let Some(batch) = batches.next()? {
                let before = output.len();
                let (outcome, aborted) = match rules.judge(&batch, transactions) {
                    Ok(judged) => judged,
                    Err(error) => return Err(batches.corrupt(&error).into()),
                };
                match outcome {
                    Outcome::Drop => {}
                    Outcome::Keep => output.keep(&batch, &round.config)?,
                    Outcome::Replace(thin) => output.put(&thin, &round.config)?,
                }
                if let Some(aborted) = aborted {
                    output.note_aborted(files, aborted)?;
                }
                if !(round.means.pace)(output.len().saturating_sub(before)) {
                    return Err(CleanError::Stopped);
                }
            }
        }
        Ok(())
    }

    /// What an error means: nothing if the log has been deleted under the cleaner.
    fn judge_cleaning(&self, error: CleanError, dir: &Path, base: Offset) -> CleanError {
        if self.dir() != dir {
            return CleanError::Gone;
        }
        let error = match error {
            CleanError::Log(error) => CleanError::Log(self.judge(error)),
            other => other,
        };
        // After an I/O error the directory is offline, and its next start sees to the rest.
        if self.env.health.failure().is_none() {
            discard(self.env.files.as_ref(), dir, base);
        }
        error
    }
}

/// The batches of a segment's file, whole, checked, one after the other.
struct Batches<'a> {
    file: Arc<dyn File>,
    path: PathBuf,
    len: u64,
    /// Position of the buffer's first byte in the file.
    pos: u64,
    buf: Vec<u8>,
    /// Bytes of the buffer that were read.
    filled: usize,
    /// The next batch begins here in the buffer.
    at: usize,
    means: &'a Means<'a>,
}

impl<'a> Batches<'a> {
    fn new(file: Arc<dyn File>, path: PathBuf, len: u64, means: &'a Means<'a>) -> Self {
        Self { file, path, len, pos: 0, buf: Vec::new(), filled: 0, at: 0, means }
    }

    fn next(&mut self) -> Result<Option<BatchView<'_>>, CleanError> {
        let size = loop {
            let unread = self.buf.get(self.at..self.filled).unwrap_or_default();
            if unread.is_empty() && self.position() >= self.len {
                return Ok(None);
            }
            let needed = match BatchHeader::parse(unread) {
                Ok(header) => header.size(),
                Err(BatchError::Incomplete { needed, .. }) => needed,
                Err(error) => return Err(self.corrupt(&error).into()),
            };
            if needed <= unread.len() {
                break needed;
            }
            self.fill(needed)?;
        };
        let start = self.at;
        self.at = start.saturating_add(size);
        let bytes = self.buf.get(start..self.at).unwrap_or_default();
        let checked = BatchView::parse(bytes).and_then(|batch| batch.verify_crc().map(|()| batch));
        checked
            .map(Some)
            .map_err(|error| corrupt(&self.path, self.pos.saturating_add(start as u64), &error).into())
    }

    fn position(&self) -> u64 {
        self.pos.saturating_add(self.at as u64)
    }

    /// Reads on, so that `needed` bytes are there.
    fn fill(&mut self, needed: usize) -> Result<(), CleanError> {
        self.pos = self.position();
        self.at = 0;
        let left = self.len.saturating_sub(self.pos);
        if needed as u64 > left {
            let available = usize::try_from(left).unwrap_or(usize::MAX);
            return Err(self.corrupt(&BatchError::Incomplete { needed, available }).into());
        }
        let want = needed.max(self.means.block).min(usize::try_from(left).unwrap_or(usize::MAX));
        if self.buf.len() < want {
            self.buf.resize(want, 0);
        }
        if !(self.means.pace)(want as u64) {
            return Err(CleanError::Stopped);
        }
        self.filled = want;
        let buf = self.buf.get_mut(..want).unwrap_or_default();
        self.file.read_exact_at(buf, self.pos).at(&self.path)?;
        Ok(())
    }

    /// What is wrong lies at or before the position.
    fn corrupt(&self, error: &dyn std::fmt::Display) -> LogError {
        corrupt(&self.path, self.position(), error)
    }
}

fn corrupt(path: &Path, at: u64, error: &dyn std::fmt::Display) -> LogError {
    LogError::corrupt(path, format!("near byte {at}: {error}"))
}

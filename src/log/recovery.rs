//! What is on disk of a partition's batches: found out when a log is opened.
//!
//! After a clean stop the end is found from the last index entry. After a crash every batch past the
//! recovery point is checked; what the journal has of the log is put back where it is missing; then the log
//! is cut at the first bad batch. Below the recovery point, and below what the journal says was durable,
//! nothing is ever cut: a bad batch there is damage.
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::config::LogConfig;
use super::error::{At, LogError};
use super::index::Index;
use super::journal::Tail;
use super::leader_epochs::LeaderEpochs;
use super::names::{Kind, file_name};
use super::scan::{Found, LONG, SHORT, Scan};
use super::segment::{Indexes, Segment};
use crate::env::{File, Files};
use crate::record::BatchError;
use crate::types::{LeaderEpoch, Offset};

/// What opening a log found and did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecoveryReport {
    /// Bytes whose CRC was checked.
    pub checked_bytes: u64,
    /// Bytes cut off behind the last whole batch, in all files.
    pub cut_bytes: u64,
    /// Bytes that the journal gave back.
    pub restored_bytes: u64,
    /// Why they were cut.
    pub cut_reason: Option<String>,
    /// Segments dropped behind the cut.
    pub dropped_segments: usize,
    /// The offset from which producer state was replayed from the batches.
    pub replayed_from: Offset,
}

/// The files and rules of one recovery.
pub(super) struct Recovery<'a> {
    pub files: &'a dyn Files,
    pub dir: &'a Path,
    pub config: &'a LogConfig,
    pub recovery_point: Offset,
    pub clean: bool,
    /// The log start that a checkpoint says.
    pub log_start: Offset,
    /// What the journal has of the log, until the log disagrees with it.
    pub tail: Option<&'a Tail>,
    pub report: RecoveryReport,
}

/// What a walk over a segment meets.
enum Met {
    Batch(Found),
    End,
    Bad(BatchError),
}

/// Where a walk over a segment ended.
enum Stop {
    Whole(Offset),
    Bad { at: u64, expected: Offset, error: BatchError },
}

impl Recovery<'_> {
    /// Brings the segments into order and gives the log end offset. Epochs of batches that are walked
    /// over are noted.
    pub fn run(
        &mut self,
        segments: &mut Vec<Segment>,
        epochs: &mut LeaderEpochs,
    ) -> Result<Offset, LogError> {
        let active = segments.len().saturating_sub(1);
        let point = self.recovery_point;
        let holds_point = segments.partition_point(|segment| segment.base <= point).saturating_sub(1);
        let mut first = if self.clean { active } else { holds_point.min(active) };
        let mut end = segments.get(first).map_or(Offset::ZERO, |segment| segment.base);
        let begin = first;
        while let Some(segment) = segments.get_mut(first) {
            // The end of the segment before it was lost, which only compaction may explain otherwise.
            if segment.base > end && first > begin && !self.config.compact && !self.clean {
                self.check_journal(segments, end)?;
                self.drop_from(segments, first, "the segment before it lacks its end")?;
                break;
            }
            if segment.base < end {
                let reason = format!("it begins below offset {end}, which lies in the segment before it");
                return Err(LogError::corrupt(&segment.path(self.dir, Kind::Log), reason));
            }
            let is_last = first == active;
            match self.segment(segment, epochs, is_last)? {
                Stop::Whole(next) => end = next,
                Stop::Bad { at, expected, error } => {
                    self.cut(segments, first, at, expected, &error)?;
                    end = expected;
                    break;
                }
            }
            first = first.saturating_add(1);
        }
        self.check_journal(segments, end)?;
        if end < self.recovery_point && !segments.is_empty() {
            let path = segments.last().map(|last| last.path(self.dir, Kind::Log)).unwrap_or_default();
            let position = segments.last().map_or(0, |last| last.len);
            return Err(self.damage(path, position, format!("the log ends at offset {end}")));
        }
        Ok(end)
    }

    /// Walks over one segment, from as near to the recovery point as its index allows.
    fn segment(
        &mut self,
        segment: &mut Segment,
        epochs: &mut LeaderEpochs,
        is_last: bool,
    ) -> Result<Stop, LogError> {
        let path = segment.path(self.dir, Kind::Log);
        if segment.len == 0 && is_last && self.tail.is_none() {
            segment.set_indexes(Indexes::default());
            return Ok(Stop::Whole(segment.base));
        }
        let file = segment.file(self.files, self.dir)?;
        let mut file_len = segment.len;
        let start = self.start(segment, file_len)?;
        segment.len = start;
        let block = if self.clean || start > 0 { SHORT } else { LONG };
        let mut scan = Scan::new(Arc::clone(&file), start, file_len, block);
        let (mut expected, mut restored) = (segment.base, None);
        loop {
            let at = scan.position();
            let error = match self.batch(&mut scan, segment.base, expected).at(&path)? {
                Met::Batch(found) => {
                    segment.note(&found, self.config);
                    epochs.assign(found.header.partition_leader_epoch, found.header.base_offset);
                    expected = found.header.next_offset();
                    continue;
                }
                Met::End => None,
                Met::Bad(error) => Some(error),
            };
            // What was put back and is still no batch never was one.
            if restored != Some(at)
                && let Some(end) =
                    self.restore(&file, (segment.base, at, expected), epochs.latest()).at(&path)?
            {
                restored = Some(at);
                file_len = file_len.max(end);
                scan = Scan::new(Arc::clone(&file), at, file_len, block);
                continue;
            }
            let Some(error) = error else { break };
            if let (BatchError::BadMagic(magic @ 0..=1), 0) = (error, at) {
                return Err(LogError::UnsupportedFormat { path, magic });
            }
            segment.len = file_len;
            return Ok(Stop::Bad { at, expected, error });
        }
        if !is_last {
            segment.seal(self.files, self.dir)?;
        }
        Ok(Stop::Whole(expected))
    }

    /// The next batch of a segment, checked if it lies past the recovery point.
    fn batch(&mut self, scan: &mut Scan, base: Offset, expected: Offset) -> io::Result<Met> {
        let found = match scan.next()? {
            None => return Ok(Met::End),
            Some(Err(error)) => return Ok(Met::Bad(error)),
            Some(Ok(found)) => found,
        };
        let unchecked = self.clean || found.header.next_offset() <= self.recovery_point;
        if !unchecked && let Err(error) = scan.verify(&found)? {
            return Ok(Met::Bad(error));
        }
        if found.header.base_offset < expected || found.header.last_offset_delta < 0 {
            return Ok(Met::Bad(BatchError::BadLength(found.header.length)));
        }
        if !unchecked {
            self.report.checked_bytes = self.report.checked_bytes.saturating_add(found.header.size() as u64);
            if let Some(tail) = self.tail
                && !tail.agrees(base, &found)?
            {
                let (dir, offset) = (self.dir.display(), found.header.base_offset);
                tracing::warn!(%dir, %offset, "the log holds another batch than the journal, which is ignored");
                self.tail = None;
            }
        }
        Ok(Met::Batch(found))
    }

    /// Puts bytes of the journal where a batch is due that is missing or bad: in the segment with this base, at
    /// this position, from this offset on. Gives the position after them.
    fn restore(
        &mut self,
        file: &Arc<dyn File>,
        (base, at, expected): (Offset, u64, Offset),
        epoch: Option<LeaderEpoch>,
    ) -> io::Result<Option<u64>> {
        let Some(tail) = self.tail else { return Ok(None) };
        let Some(range) = tail.bytes_at(base, at, expected, epoch)? else { return Ok(None) };
        file.write_all_at(&range.read()?, at)?;
        self.report.restored_bytes = self.report.restored_bytes.saturating_add(range.len as u64);
        Ok(Some(at.saturating_add(range.len as u64)))
    }

    /// Fails if the journal says that more was durable than up to `end`.
    fn check_journal(&self, segments: &[Segment], end: Offset) -> Result<(), LogError> {
        let durable = self.tail.and_then(Tail::durable).unwrap_or(Offset::ZERO);
        if end >= durable || self.log_start >= durable {
            return Ok(());
        }
        let holder = segments.iter().rev().find(|segment| segment.base <= end);
        let path = holder.map(|segment| segment.path(self.dir, Kind::Log)).unwrap_or_default();
        let reason = format!("the log ends at offset {end}, and the journal has not what follows");
        let position = holder.map_or(0, |segment| segment.len);
        Err(LogError::Damaged { path, position, reason, durable })
    }

    /// Where to begin in a segment: at the last index entry that can be relied on. Indexes keep only
    /// what lies before that; the rest is made anew from the batches.
    fn start(&self, segment: &mut Segment, file_len: u64) -> Result<u64, LogError> {
        let path = |kind| self.dir.join(file_name(segment.base, kind));
        let (offsets_at, times_at, txns_at) =
            (path(Kind::OffsetIndex), path(Kind::TimeIndex), path(Kind::TxnIndex));
        let mut offsets: Index<super::OffsetEntry> = Index::open(self.files, &offsets_at).at(&offsets_at)?;
        let mut times: Index<super::TimeEntry> = Index::open(self.files, &times_at).at(&times_at)?;
        let mut txns: Index<super::AbortedTxn> = Index::open(self.files, &txns_at).at(&txns_at)?;
        let base = segment.base;
        let relative = self.recovery_point.get().saturating_sub(base.get());
        if !self.clean {
            let keep = offsets.entries().at(&offsets_at)?;
            let keep = keep.partition_point(|entry| {
                i64::from(entry.relative_offset) < relative && u64::from(entry.position) < file_len
            });
            offsets.truncate(keep as u64).at(&offsets_at)?;
            let keep = txns.entries().at(&txns_at)?;
            let point = self.recovery_point;
            let keep = keep.partition_point(|entry| entry.last_offset < point);
            txns.truncate(keep as u64).at(&txns_at)?;
        }
        let file = segment.file(self.files, self.dir)?;
        let mut start = 0;
        if let Some(entry) = offsets.last() {
            let position = u64::from(entry.position);
            let mut scan = Scan::new(file, position, file_len, SHORT);
            let wanted = base.plus(i64::from(entry.relative_offset));
            match scan.next().at(&offsets_at)? {
                Some(Ok(found)) if found.header.last_offset() == wanted => start = position,
                _ => offsets.truncate(0).at(&offsets_at)?,
            }
        }
        let covered = if start > 0 { offsets.last().map_or(0, |entry| entry.relative_offset) } else { 0 };
        if !self.clean || start == 0 {
            let keep = times.entries().at(&times_at)?;
            let keep = keep.partition_point(|entry| entry.relative_offset <= covered);
            times.truncate(if start == 0 { 0 } else { keep as u64 }).at(&times_at)?;
        }
        segment.set_indexes(Indexes { offsets, times, txns });
        Ok(start)
    }

    fn cut(
        &mut self,
        segments: &mut Vec<Segment>,
        first: usize,
        at: u64,
        expected: Offset,
        error: &BatchError,
    ) -> Result<(), LogError> {
        let Some(segment) = segments.get(first) else { return Ok(()) };
        let path = segment.path(self.dir, Kind::Log);
        if expected < self.recovery_point {
            return Err(self.damage(path, at, error.to_string()));
        }
        self.check_journal(segments, expected)?;
        let Some(segment) = segments.get_mut(first) else { return Ok(()) };
        self.report.cut_bytes = segment.len.saturating_sub(at);
        segment.cut(self.files, self.dir, at)?;
        tracing::warn!(file = %path.display(), at, %error, "cut what follows the last whole batch");
        self.report.cut_reason = Some(error.to_string());
        self.drop_from(segments, first.saturating_add(1), "it lies behind what was cut")
    }

    /// Drops the segments from index `first` on; their files are renamed, not removed.
    fn drop_from(&mut self, segments: &mut Vec<Segment>, first: usize, why: &str) -> Result<(), LogError> {
        for dropped in segments.drain(first.min(segments.len())..) {
            let file = dropped.path(self.dir, Kind::Log);
            tracing::warn!(file = %file.display(), why, "dropped a segment");
            self.report.cut_bytes = self.report.cut_bytes.saturating_add(dropped.len);
            self.report.dropped_segments = self.report.dropped_segments.saturating_add(1);
            self.report.cut_reason.get_or_insert_with(|| why.to_owned());
            dropped.rename_deleted(self.files, self.dir)?;
        }
        Ok(())
    }

    fn damage(&self, path: std::path::PathBuf, position: u64, reason: String) -> LogError {
        LogError::Damaged { path, position, reason, durable: self.recovery_point }
    }
}

/// The epochs of all batches, for a log that has lost its checkpoint.
pub(super) fn epochs_by_scan(
    files: &dyn Files,
    dir: &Path,
    segments: &mut [Segment],
) -> Result<LeaderEpochs, LogError> {
    let mut epochs = LeaderEpochs::default();
    for segment in segments {
        let path = segment.path(dir, Kind::Log);
        let mut scan = Scan::new(segment.file(files, dir)?, 0, segment.len, SHORT);
        while let Some(Ok(found)) = scan.next().at(&path)? {
            epochs.assign(found.header.partition_leader_epoch, found.header.base_offset);
        }
    }
    Ok(epochs)
}

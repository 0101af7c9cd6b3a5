//! Finding offsets by time, and aborted transactions by offset.
use std::path::Path;
use std::sync::Arc;

use super::error::{At, LogError};
use super::names::Kind;
use super::partition_log::{Inner, Log};
use super::scan::{Found, SHORT, Scan};
use super::txn_index::AbortedTxn;
use crate::env::File;
use crate::record::{BatchView, Record};
use crate::types::{LeaderEpoch, Offset, Timestamp};

/// Most bytes that the records of one batch may decompress to when one is looked for.
const MAX_PAYLOAD: usize = 1 << 30;

/// A record's place and time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimedOffset {
    /// Its offset.
    pub offset: Offset,
    /// Its timestamp.
    pub timestamp: Timestamp,
    /// The epoch of the leader that appended it.
    pub leader_epoch: LeaderEpoch,
}

/// The part of a segment in which a record is looked for.
struct Stretch {
    file: Arc<dyn File>,
    path: std::path::PathBuf,
    from: u64,
    to: u64,
}

impl Log {
    /// The first record, in the order of offsets, whose timestamp is not before `time`.
    ///
    /// # Errors
    /// The system's, or a batch that can't be read.
    pub fn offset_for_time(&self, time: Timestamp) -> Result<Option<TimedOffset>, LogError> {
        let stretches = self.stretches(|newest| newest >= time, time)?;
        let log_start = self.log_start();
        for stretch in stretches {
            let wanted = |record: &Record<'_>| record.timestamp >= time && record.offset >= log_start;
            if let Some(found) = first_record(&stretch, |found| found.max_timestamp >= time, wanted)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// The first record that has the largest timestamp of the log; `None` if the log is empty or no
    /// record has a timestamp.
    ///
    /// # Errors
    /// The system's, or a batch that can't be read.
    pub fn max_timestamp(&self) -> Result<Option<TimedOffset>, LogError> {
        let Some(time) = self.newest_time()? else { return Ok(None) };
        let stretches = self.stretches(|newest| newest >= time, time)?;
        let log_start = self.log_start();
        for stretch in stretches {
            let wanted = |record: &Record<'_>| record.timestamp == time && record.offset >= log_start;
            if let Some(found) = first_record(&stretch, |found| found.max_timestamp >= time, wanted)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// The largest timestamp of a batch that is not deleted.
    fn newest_time(&self) -> Result<Option<Timestamp>, LogError> {
        let files = self.env.files.as_ref();
        let mut guard = self.lock();
        self.check_online(&guard)?;
        let Inner { segments, dir, log_start, .. } = &mut *guard;
        let mut newest = Timestamp::NONE;
        for segment in segments.iter_mut() {
            let (time, last) = segment.newest(files, dir)?;
            if last >= *log_start {
                newest = newest.max(time);
                continue;
            }
            // The batch that has it is deleted; the others tell.
            let path = segment.path(dir, Kind::Log);
            let mut scan = Scan::new(segment.file(files, dir)?, 0, segment.len, SHORT);
            while let Some(Ok(found)) = scan.next().at(&path)? {
                if found.header.last_offset() >= *log_start {
                    newest = newest.max(found.header.max_timestamp);
                }
            }
        }
        Ok((newest.get() >= 0).then_some(newest))
    }

    /// Where a record with a timestamp not before `time` may be, by the time indexes.
    fn stretches(
        &self,
        wanted: impl Fn(Timestamp) -> bool,
        time: Timestamp,
    ) -> Result<Vec<Stretch>, LogError> {
        let files = self.env.files.as_ref();
        let mut guard = self.lock();
        self.check_online(&guard)?;
        self.expire_head(&mut guard);
        let Inner { segments, dir, .. } = &mut *guard;
        let mut stretches = Vec::new();
        for segment in segments.iter_mut() {
            if segment.len == 0 || !wanted(segment.newest(files, dir)?.0) {
                continue;
            }
            let path = segment.path(dir, Kind::Log);
            let to = segment.len;
            let indexes = segment.indexes(files, dir)?;
            let before = indexes.times.search(|entry| entry.timestamp < time);
            let before = before.finish(|entry| entry.timestamp < time).at(&path)?;
            let relative = before.map_or(0, |entry| entry.relative_offset);
            let known = indexes.offsets.known();
            let entry = known.last_where(|entry| entry.relative_offset <= relative).at(&path)?;
            let from = entry.map_or(0, |entry| u64::from(entry.position));
            stretches.push(Stretch { file: segment.file(files, dir)?, path, from, to });
        }
        Ok(stretches)
    }

    /// Aborted transactions that have records from `from` on and below `to`.
    ///
    /// # Errors
    /// The system's.
    pub fn aborted_transactions(&self, from: Offset, to: Offset) -> Result<Vec<AbortedTxn>, LogError> {
        let files = self.env.files.as_ref();
        let mut inner = self.lock();
        let first = inner.segment_of(from).unwrap_or(0);
        let Inner { segments, dir, .. } = &mut *inner;
        let mut aborted = Vec::new();
        for segment in segments.iter_mut().skip(first) {
            let path = segment.path(dir, Kind::TxnIndex);
            for entry in segment.indexes(files, dir)?.txns.entries().at(&path)? {
                if entry.last_offset >= from && entry.first_offset < to {
                    aborted.push(entry);
                }
                // All that comes later began at or after this.
                if entry.last_stable_offset >= to {
                    return Ok(aborted);
                }
            }
        }
        Ok(aborted)
    }
}

fn first_record(
    stretch: &Stretch,
    may_hold: impl Fn(&crate::record::BatchHeader) -> bool,
    wanted: impl Fn(&Record<'_>) -> bool,
) -> Result<Option<TimedOffset>, LogError> {
    let mut scan = Scan::new(Arc::clone(&stretch.file), stretch.from, stretch.to, SHORT);
    while let Some(found) = scan.next().at(&stretch.path)? {
        let found = found.map_err(|error| LogError::corrupt(&stretch.path, error.to_string()))?;
        if may_hold(&found.header)
            && let Some(record) = record_in(stretch, &found, &wanted)?
        {
            return Ok(Some(record));
        }
    }
    Ok(None)
}

fn record_in(
    stretch: &Stretch,
    found: &Found,
    wanted: impl Fn(&Record<'_>) -> bool,
) -> Result<Option<TimedOffset>, LogError> {
    let broken = |what: &dyn std::fmt::Display| unreadable(&stretch.path, found, what);
    let mut bytes = vec![0; found.header.size()];
    stretch.file.read_exact_at(&mut bytes, found.pos).at(&stretch.path)?;
    let batch = BatchView::parse(&bytes).map_err(|error| broken(&error))?;
    let payload = batch.payload(MAX_PAYLOAD).map_err(|error| broken(&error))?;
    for record in batch.records(&payload) {
        let record = record.map_err(|error| broken(&error))?;
        if wanted(&record) {
            let leader_epoch = found.header.partition_leader_epoch;
            return Ok(Some(TimedOffset {
                offset: record.offset,
                timestamp: record.timestamp,
                leader_epoch,
            }));
        }
    }
    Ok(None)
}

fn unreadable(path: &Path, found: &Found, what: &dyn std::fmt::Display) -> LogError {
    LogError::corrupt(path, format!("the batch at byte {} cannot be read: {what}", found.pos))
}

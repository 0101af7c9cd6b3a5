//! What tiered storage asks of a log: which segments are sealed and safe, what may leave the local disk, and
//! where the log as a whole begins.
//!
//! The log start is that of the whole log, as in Kafka: with tiering it may lie below the first segment here.
//! Between the two an offset is [`LogError::NotLocal`]. What is in the remote tier the log does not know; it is told.
use std::path::PathBuf;
use std::sync::Arc;

use super::config::LocalRetention;
use super::error::{At, LogError};
use super::names::{Kind, file_name};
use super::partition_log::{Inner, Log};
use super::retention::Rule;
use crate::env::{self, File, OpenMode};
use crate::types::{LeaderEpoch, Offset, Timestamp};

/// What the remote tier has told the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tiering {
    /// Everything below is in the remote tier, durably and recorded.
    pub uploaded: Offset,
    /// Whether the remote tier holds segments of this log, as far as is known: `true` until it is known.
    pub is_remote_empty: bool,
    /// Segments wholly below have left the local disk.
    left: Offset,
}

/// A sealed segment whose bytes are on disk and whose transactions are decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealedSegment {
    /// Its base offset.
    pub base: Offset,
    /// Base offset of the segment after it.
    pub end: Offset,
    /// Bytes of its `.log`.
    pub len: u64,
    /// Largest timestamp of its batches; -1 if none has one. Of what is uploaded already it is not looked up.
    pub newest: Timestamp,
}

/// The open files of a sealed segment and the content of the small ones: all that belongs to it.
#[derive(Clone, Debug)]
pub struct SegmentFiles {
    /// Which segment it is.
    pub segment: SealedSegment,
    /// Its batches.
    pub log: Arc<dyn File>,
    /// Name of that file, for messages.
    pub path: PathBuf,
    /// The offset index.
    pub offset_index: Vec<u8>,
    /// The time index.
    pub time_index: Vec<u8>,
    /// Aborted transactions; empty if there are none.
    pub txn_index: Vec<u8>,
    /// Producer state at its end; empty if the file is not there.
    pub snapshot: Vec<u8>,
    /// Leader epochs of the log up to its end, and where each began.
    pub leader_epochs: Vec<(LeaderEpoch, Offset)>,
}

impl Log {
    /// The first offset on the local disk; never below the log start.
    #[must_use]
    pub fn local_start(&self) -> Offset {
        self.lock().local_start()
    }

    /// Whether the topic's options tier this log.
    #[must_use]
    pub fn is_tiered(&self) -> bool {
        self.lock().config.tiered.is_some()
    }

    /// Tells what the remote tier holds: everything below `uploaded` durably and recorded. What the remote tier
    /// still has to give begins at `start`: the log start moves up to it if it was below.
    pub fn set_uploaded(&self, start: Option<Offset>, uploaded: Offset) {
        let mut inner = self.lock();
        inner.tiering.uploaded = uploaded;
        inner.tiering.is_remote_empty = start.is_none();
        let first = inner.segments.first().map_or(inner.log_start, |first| first.base);
        let start = start.unwrap_or(first).min(inner.end);
        self.move_start(&mut inner, start);
    }

    /// The sealed segments that are wholly on disk and below the last stable offset.
    ///
    /// # Errors
    /// The system's.
    pub fn sealed_segments(&self) -> Result<Vec<SealedSegment>, LogError> {
        let files = self.env.files.as_ref();
        let mut inner = self.lock();
        self.check_online(&inner)?;
        let durable = inner.durable;
        let limit = inner.producers.last_stable_offset(durable);
        let Inner { segments, dir, tiering, .. } = &mut *inner;
        let ends: Vec<Offset> = segments.iter().skip(1).map(|next| next.base).collect();
        let mut sealed = Vec::new();
        for (segment, end) in segments.iter_mut().zip(ends) {
            if end > limit {
                break;
            }
            let is_uploaded = end <= tiering.uploaded;
            let newest = if is_uploaded { Timestamp::NONE } else { segment.newest(files, dir)?.0 };
            sealed.push(SealedSegment { base: segment.base, end, len: segment.len, newest });
        }
        Ok(sealed)
    }

    /// Opens a sealed segment: what is open stays readable whatever happens to its name. `None` if it is not
    /// what it was (deleted, or compacted).
    ///
    /// # Errors
    /// The system's.
    pub fn open_sealed(&self, wanted: &SealedSegment) -> Result<Option<SegmentFiles>, LogError> {
        let files = self.env.files.as_ref();
        let mut inner = self.lock();
        self.check_online(&inner)?;
        let is_it = |pair: &[super::segment::Segment]| matches!(pair, [one, next] if one.base == wanted.base && one.len == wanted.len && next.base == wanted.end);
        if !inner.segments.windows(2).any(is_it) {
            return Ok(None);
        }
        let leader_epochs = inner.epochs.until(wanted.end);
        let Inner { segments, dir, .. } = &mut *inner;
        let Some(segment) = segments.iter_mut().find(|one| one.base == wanted.base) else { return Ok(None) };
        let path = segment.path(dir, Kind::Log);
        let log = segment.file(files, dir)?;
        let newest = segment.newest(files, dir)?.0;
        let open = |base: Offset, kind: Kind| {
            let path = dir.join(file_name(base, kind));
            match files.open(&path, OpenMode::Read) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok((path, None)),
                other => other.at(&path).map(|file| (path, Some(file))),
            }
        };
        let offset_index = open(wanted.base, Kind::OffsetIndex)?;
        let time_index = open(wanted.base, Kind::TimeIndex)?;
        let txn_index = open(wanted.base, Kind::TxnIndex)?;
        let snapshot = open(wanted.end, Kind::Snapshot)?;
        // What is open stays readable; appends need not wait for it.
        drop(inner);
        Ok(Some(SegmentFiles {
            segment: SealedSegment { newest, ..*wanted },
            log,
            path,
            offset_index: content(offset_index)?,
            time_index: content(time_index)?,
            txn_index: content(txn_index)?,
            snapshot: content(snapshot)?,
            leader_epochs,
        }))
    }

    /// Closes the active segment if it has held records for `max_age_ms`, so that a quiet log is uploaded too.
    ///
    /// # Errors
    /// The system's.
    pub fn seal_quiet(&self, max_age_ms: i64) -> Result<(), LogError> {
        let now = self.env.clock.now();
        let mut inner = self.lock();
        self.check_online(&inner)?;
        let active = inner.active();
        if active.len == 0 {
            active.began = Some(now);
            return Ok(());
        }
        let began = *active.began.get_or_insert(now);
        if now.get().saturating_sub(began.get()) < max_age_ms {
            return Ok(());
        }
        self.roll(&mut inner, now).map_err(|error| self.judge(error))
    }

    /// Lets segments leave that the remote tier has and the local retention does not keep. The log start stays.
    pub(super) fn leave_segments(&self, inner: &mut Inner, now: Timestamp) -> Result<(), LogError> {
        let Some(local) = inner.config.tiered else { return Ok(()) };
        let files = self.env.files.as_ref();
        let mut rule = local_rule(local, inner.size(), now);
        let Inner { segments, dir, tiering, .. } = &mut *inner;
        let ends: Vec<Offset> = segments.iter().skip(1).map(|next| next.base).collect();
        for (segment, end) in segments.iter_mut().zip(ends) {
            let newest = segment.newest(files, dir)?.0;
            if end > tiering.uploaded || !rule.take(segment.len, newest) {
                break;
            }
            tiering.left = tiering.left.max(end);
        }
        self.drop_segments(inner, now)
    }
}

/// The whole content of a small file that is open; of one that is not there, nothing.
fn content((path, file): (PathBuf, Option<Arc<dyn File>>)) -> Result<Vec<u8>, LogError> {
    let Some(file) = file else { return Ok(Vec::new()) };
    let len = file.len().at(&path)?.min(env::MAX_SMALL_FILE);
    let mut bytes = vec![0; usize::try_from(len).unwrap_or(0)];
    let read = file.read_at(&mut bytes, 0).at(&path)?;
    bytes.truncate(read);
    Ok(bytes)
}

fn local_rule(local: LocalRetention, bytes: u64, now: Timestamp) -> Rule {
    Rule::of(true, local.retention_ms, local.retention_bytes, bytes, now)
}

impl Inner {
    /// The first offset on the local disk.
    pub fn local_start(&self) -> Offset {
        self.segments.first().map_or(self.log_start, |first| first.base.max(self.log_start))
    }

    /// Below this no segment need be kept here.
    pub fn keep_from(&self) -> Offset {
        if self.config.tiered.is_some() { self.log_start.max(self.tiering.left) } else { self.log_start }
    }

    /// Whether the log start may move by what the local batches say. With tiering the remote part comes first,
    /// and what is not uploaded yet waits for that; but nothing waits where nothing is uploaded any more.
    pub fn expires_here(&self) -> bool {
        self.config.tiered.is_none_or(|local| self.tiering.is_remote_empty || !local.copies)
    }
}

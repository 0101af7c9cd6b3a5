//! Making and opening logs.
use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::config::LogConfig;
use super::early::Early;
use super::error::{At, LogError};
use super::index::Entry;
use super::inventory;
use super::journal::Tail;
use super::leader_epochs::{self, LeaderEpochs};
use super::markers;
use super::names::{Kind, STATE, file_name};
use super::partition_log::{Inner, Log, LogEnv, Mark};
use super::partition_metadata;
use super::producers::Producers;
use super::read::Cursors;
use super::recovery::{Recovery, RecoveryReport, epochs_by_scan};
use super::scan::{Found, SHORT, Scan};
use super::segment::Segment;
use super::snapshot;
use super::state_file::State;
use super::tiering::Tiering;
use crate::env::{self, File, Files};
use crate::record::HEADER_LEN;
use crate::types::{Offset, Timestamp, TopicId, TopicPartition};

/// Largest body of a marker's batch that is looked into.
const MAX_MARKER: usize = 4096;

/// What the log directory knows of a log before it is opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpenState {
    /// Everything below was flushed.
    pub recovery_point: Offset,
    /// Whether this program wrote the recovery point, and so acknowledged what lies below it. Kafka's own
    /// rule holds for Kafka's points: the whole segment that holds the point is recovered, and cut at a
    /// bad batch.
    pub own_points: bool,
    /// The log start, where it is above the first segment's base.
    pub log_start_offset: Offset,
    /// The last stop of the directory's broker was a clean one.
    pub clean_shutdown: bool,
}

impl Log {
    /// Makes the log of a new, empty partition. Durable after the first flush. Gives its `partition.metadata` too,
    /// to be synced before the first record.
    ///
    /// # Errors
    /// The system's.
    pub fn create(
        env: Arc<LogEnv>,
        dir: PathBuf,
        tp: TopicPartition,
        topic_id: TopicId,
        config: Arc<LogConfig>,
    ) -> Result<(Self, Arc<dyn File>), LogError> {
        let files = env.files.as_ref();
        files.create_dir_all(&dir).at(&dir)?;
        let metadata = write_metadata(files, &dir, topic_id)?;
        let segment = Segment::create(files, &dir, Offset::ZERO, env.clock.now())?;
        let mut inner = empty_inner(dir, config, vec![segment]);
        inner.names_dirty = true;
        inner.is_born = false;
        inner.unsynced.push(Arc::clone(&metadata));
        Ok((Self::assemble(env, tp, topic_id, inner), metadata))
    }

    /// Opens the log in an existing directory, whose own name is durable, with recovery as needed. The tail past the recovery point
    /// is in the log but not durable before the next flush.
    ///
    /// # Errors
    /// [`LogError::Damaged`], [`LogError::UnsupportedFormat`], [`LogError::Corrupt`]: this partition
    /// cannot be served. The system's.
    pub fn open(
        env: Arc<LogEnv>,
        dir: PathBuf,
        tp: TopicPartition,
        topic_id: TopicId,
        config: Arc<LogConfig>,
        state: OpenState,
    ) -> Result<(Self, RecoveryReport), LogError> {
        Self::open_with(env, dir, tp, topic_id, config, state, &Tail::default())
    }

    /// As [`open`](Self::open), where the journal has something of the log.
    pub(super) fn open_with(
        env: Arc<LogEnv>,
        dir: PathBuf,
        tp: TopicPartition,
        topic_id: TopicId,
        config: Arc<LogConfig>,
        state: OpenState,
        tail: &Tail,
    ) -> Result<(Self, RecoveryReport), LogError> {
        let now = env.clock.now();
        let files = env.files.as_ref();
        let inventory::Inventory { mut segments, snapshots } = inventory::take(files, &dir)?;
        let is_new = segments.is_empty();
        if is_new {
            segments.push(Segment::create(files, &dir, state.log_start_offset, now)?);
        }
        let point = match segments.iter().rev().find(|segment| segment.base <= state.recovery_point) {
            Some(holds_point) if !state.own_points => holds_point.base,
            _ => state.recovery_point,
        };
        let stored_epochs = read_epochs(files, &dir)?;
        let mut epochs = stored_epochs.clone().unwrap_or_default();
        let mut recovery = Recovery {
            files,
            dir: &dir,
            config: &config,
            recovery_point: point,
            clean: state.clean_shutdown,
            log_start: state.log_start_offset,
            tail: Some(tail).filter(|tail| !tail.pieces().is_empty()),
            report: RecoveryReport::default(),
        };
        if is_new {
            recovery.recovery_point = Offset::ZERO;
        }
        let end = recovery.run(&mut segments, &mut epochs)?;
        let mut report = recovery.report;
        if stored_epochs.is_none() {
            epochs = epochs_by_scan(files, &dir, &mut segments)?;
        }
        epochs.truncate_from(end);
        let epochs_dirty = stored_epochs.as_ref() != Some(&epochs);
        let first = segments.first().map_or(Offset::ZERO, |first| first.base);

        let mut inner = empty_inner(dir, config, segments);
        inner.epochs = epochs;
        inner.epochs_dirty = epochs_dirty;
        // A tiered log may begin before what is left of it here.
        inner.log_start = match inner.config.tiered {
            Some(_) => state.log_start_offset,
            None => state.log_start_offset.max(first),
        };
        inner.end = end;
        let point = point.clamp(first, end.max(first));
        inner.recovery_point = if state.clean_shutdown { end } else { point };
        inner.durable = inner.recovery_point;
        inner.flushed = inner.recovery_point;
        // Names made before a kill may not be durable; the next flush sees to it.
        inner.names_dirty = is_new || !state.clean_shutdown;
        inner.saved = state.clean_shutdown.then_some(end);
        if inner.log_start > end {
            begin_anew(files, &mut inner, now)?;
        }
        let stored = read_state(files, &mut inner, state.own_points)?;
        report.replayed_from = restore_state(files, &mut inner, stored, &snapshots, (state.own_points, now))?;
        retire_snapshots(files, &inner, &snapshots)?;
        if inner.durable < inner.end {
            inner.unflushed_since = Some(now);
            inner.unsynced = unsynced(files, &mut inner)?;
        }
        Ok((Self::assemble(env, tp, topic_id, inner), report))
    }
}

fn empty_inner(dir: PathBuf, config: Arc<LogConfig>, segments: Vec<Segment>) -> Inner {
    Inner {
        dir,
        config,
        segments,
        log_start: Offset::ZERO,
        deleted_before: Offset::NONE,
        deletion_dirty: false,
        end: Offset::ZERO,
        durable: Offset::ZERO,
        durable_mark: Mark::NOWHERE,
        flushed: Offset::ZERO,
        flushed_mark: Mark::NOWHERE,
        recovery_point: Offset::ZERO,
        saved: None,
        producers: Producers::default(),
        epochs: LeaderEpochs::default(),
        epochs_dirty: false,
        early: Early::default(),
        unsynced: Vec::new(),
        names_dirty: false,
        is_born: true,
        unflushed_records: 0,
        unflushed_since: None,
        cursors: Cursors::default(),
        head: None,
        tiering: Tiering::default(),
        removals: VecDeque::new(),
        offline: None,
        has_left: false,
    }
}

/// Writes `partition.metadata`. It is to be durable before there is any record: without it nobody would know
/// whose they are.
fn write_metadata(files: &dyn Files, dir: &Path, topic_id: TopicId) -> Result<Arc<dyn File>, LogError> {
    let path = dir.join(partition_metadata::FILE);
    let file = files.open(&path, env::OpenMode::Create).at(&path)?;
    file.set_len(0).at(&path)?;
    file.write_all_at(partition_metadata::encode(topic_id).as_bytes(), 0).at(&path)?;
    Ok(file)
}

fn read_epochs(files: &dyn Files, dir: &Path) -> Result<Option<LeaderEpochs>, LogError> {
    let path = dir.join(leader_epochs::FILE);
    match env::read_small(files, &path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        other => Ok(LeaderEpochs::parse(&String::from_utf8_lossy(&other.at(&path)?))),
    }
}

/// The log start lies past the end: what was deleted was durable, what came after it is lost. The log
/// goes on, empty, at the log start.
fn begin_anew(files: &dyn Files, inner: &mut Inner, now: Timestamp) -> Result<(), LogError> {
    for segment in inner.segments.drain(..) {
        segment.rename_deleted(files, &inner.dir)?;
    }
    inner.segments.push(Segment::create(files, &inner.dir, inner.log_start, now)?);
    inner.end = inner.log_start;
    inner.durable = inner.end;
    inner.flushed = inner.end;
    inner.recovery_point = inner.end;
    inner.names_dirty = true;
    Ok(())
}

/// Files that hold bytes past the durable end.
fn unsynced(files: &dyn Files, inner: &mut Inner) -> Result<Vec<Arc<dyn File>>, LogError> {
    let first = inner.segment_of(inner.durable).unwrap_or(0);
    let Inner { segments, dir, .. } = inner;
    let mut unsynced = Vec::new();
    for segment in segments.iter_mut().skip(first) {
        unsynced.push(segment.file(files, dir)?);
        unsynced.extend(segment.index_files());
    }
    Ok(unsynced)
}

/// What `klamm.state` says. If Kafka has written since, only deletions still hold: the file is removed.
fn read_state(files: &dyn Files, inner: &mut Inner, is_own: bool) -> Result<Option<State>, LogError> {
    let path = inner.dir.join(STATE);
    let stored = env::read_small(files, &path).ok().and_then(|bytes| State::parse(&bytes));
    inner.deleted_before = match &stored {
        Some(state) => state.deleted_before,
        None if inner.segments.first().is_some_and(|first| first.base < inner.log_start) => inner.log_start,
        None => Offset::NONE,
    };
    // A deleted segment whose new name was not durable may be back: it stays deleted.
    inner.log_start = inner.log_start.max(inner.deleted_before.min(inner.end));
    if is_own || stored.is_none() {
        return Ok(stored);
    }
    files.remove_file(&path).at(&path)?;
    inner.deletion_dirty = true;
    inner.names_dirty = true;
    Ok(None)
}

/// Producer state and what else Kafka's files do not say: from `klamm.state` if it reaches the recovery
/// point, else from the newest sound snapshot not past it; and from there by replay of the batches.
fn restore_state(
    files: &dyn Files,
    inner: &mut Inner,
    stored: Option<State>,
    snapshots: &[Offset],
    (is_own, now): (bool, Timestamp),
) -> Result<Offset, LogError> {
    let mut from = inner.segments.first().map_or(Offset::ZERO, |first| first.base);
    match stored {
        Some(state) if state.offset >= inner.recovery_point && state.offset <= inner.end => {
            from = state.offset;
            inner.producers = state.producers;
            inner.early = state.early;
        }
        _ => {
            // A snapshot knows but the last batch of a producer: the further back, the more of its window
            // the replay finds.
            for offset in snapshots.iter().rev().filter(|offset| **offset <= inner.recovery_point) {
                let bytes = env::read_small(files, &inner.dir.join(file_name(*offset, Kind::Snapshot)));
                if let Some(entries) = bytes.ok().and_then(|bytes| snapshot::parse(&bytes).ok()) {
                    inner.producers = snapshot::restore(&entries, now);
                    from = from.max(*offset);
                    break;
                }
            }
        }
    }
    // When a batch was written is not known. What this program wrote it saved every minute, so what is replayed
    // is young, though its records may say otherwise; of Kafka's batches no more than their own time is known.
    let seen = |stamped: Timestamp| if is_own { now } else { stamped.min(now) };
    replay(files, inner, from, now, &seen)?;
    let expiration_ms = inner.config.producer_id_expiration_ms;
    inner.producers.expire(now, expiration_ms);
    Ok(from)
}

/// Removes snapshots past the end, which speak of batches that are gone, and those that stand at no segment's
/// base, but for the newest: earlier clean stops left them.
fn retire_snapshots(files: &dyn Files, inner: &Inner, snapshots: &[Offset]) -> Result<(), LogError> {
    let newest = snapshots.iter().rev().find(|offset| **offset <= inner.end);
    for offset in snapshots.iter().filter(|offset| Some(*offset) != newest) {
        let has_segment = inner.segments.binary_search_by_key(offset, |segment| segment.base).is_ok();
        if has_segment && *offset <= inner.end {
            continue;
        }
        let path = inner.dir.join(file_name(*offset, Kind::Snapshot));
        match files.remove_file(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            other => other.at(&path)?,
        }
    }
    Ok(())
}

fn replay(
    files: &dyn Files,
    inner: &mut Inner,
    from: Offset,
    now: Timestamp,
    seen: &dyn Fn(Timestamp) -> Timestamp,
) -> Result<(), LogError> {
    if from >= inner.end {
        return Ok(());
    }
    let first = inner.segment_of(from).unwrap_or(0);
    let retention_ms = inner.config.retention_ms;
    let Inner { segments, dir, producers, early, .. } = inner;
    for segment in segments.iter_mut().skip(first) {
        let path = segment.path(dir, Kind::Log);
        let relative = from.get().saturating_sub(segment.base.get());
        let known = segment.indexes(files, dir)?.offsets.known();
        let entry = known.last_where(|entry| i64::from(entry.relative_offset) <= relative).at(&path)?;
        let start = entry.map_or(0, |entry| u64::from(entry.position));
        let file = segment.file(files, dir)?;
        let mut scan = Scan::new(Arc::clone(&file), start, segment.len, SHORT);
        while let Some(found) = scan.next().at(&path)? {
            let found = found.map_err(|error| LogError::corrupt(&path, error.to_string()))?;
            if found.header.base_offset < from {
                continue;
            }
            replay_batch(files, dir, segment, producers, &found, seen(found.header.max_timestamp))?;
            if found.header.max_timestamp > now {
                early.note(found.header.last_offset(), now, retention_ms);
            }
        }
    }
    Ok(())
}

fn replay_batch(
    files: &dyn Files,
    dir: &Path,
    segment: &mut Segment,
    producers: &mut Producers,
    found: &Found,
    seen: Timestamp,
) -> Result<(), LogError> {
    let header = &found.header;
    if !header.is_control() {
        producers.apply(header, seen);
        return Ok(());
    }
    let path = segment.path(dir, Kind::Log);
    let mut body = vec![0; header.size().saturating_sub(HEADER_LEN).min(MAX_MARKER)];
    let at = found.pos.saturating_add(HEADER_LEN as u64);
    segment.file(files, dir)?.read_exact_at(&mut body, at).at(&path)?;
    if let Some(marker) = markers::parse(header, &body)
        && let Some(aborted) = producers.apply_marker(header, marker, seen)
    {
        let txns = &mut segment.indexes(files, dir)?.txns;
        if aborted.follows(txns.last().as_ref()) {
            txns.push(aborted);
        }
    }
    Ok(())
}

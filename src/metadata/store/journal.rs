//! The metadata log on disk: loading it, beginning an epoch, appending decisions, taking snapshots.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::quorum_state;
use crate::env::{self, Files, OpenMode};
use crate::log::{Log, LogConfig, LogEnv, LogError, OpenState, ReadRequest, partition_metadata};
use crate::metadata::batch::{self, BadBatch, Entry};
use crate::metadata::change::{bootstrap, default_features};
use crate::metadata::features::{DEFAULT_METADATA_VERSION, METADATA_VERSION};
use crate::metadata::format::{BOOTSTRAP, METADATA_DIR};
use crate::metadata::snapshot::{self, BadSnapshot, Quorum, Snapshot};
use crate::metadata::{Image, ReplayError};
use crate::record::Batches;
use crate::record::control::{ControlRecord, control_batch};
use crate::schema::clients::leader_change_message::{LeaderChangeMessage, Voter};
use crate::schema::metadata::MetadataRecord;
use crate::schema::metadata::abort_transaction_record::AbortTransactionRecord;
use crate::schema::metadata::begin_transaction_record::BeginTransactionRecord;
use crate::schema::metadata::end_transaction_record::EndTransactionRecord;
use crate::types::{LeaderEpoch, NodeId, Offset, Timestamp, TopicPartition, Uuid};

/// Bytes read from the log at a time while loading.
const READ_BYTES: usize = 1 << 20;
/// How many snapshots stay: the last, and the one before in case that one is damaged.
const KEPT_SNAPSHOTS: usize = 2;

/// Why the metadata cannot be loaded or written. The message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The log itself.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A file beside it.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The log holds what cannot be read.
    #[error("{}: {source}", path.display())]
    Unreadable {
        /// The directory of the log.
        path: PathBuf,
        /// What is wrong.
        source: BadBatch,
    },
    /// A snapshot holds what cannot be read, and the log does not reach back behind it.
    #[error("{}: {source}. Restore the file from a copy", path.display())]
    Snapshot {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: BadSnapshot,
    },
    /// A record contradicts those before it.
    #[error("{}: at offset {offset} {source}. The metadata log is damaged; restore it from a copy", path.display())]
    Replay {
        /// The directory of the log.
        path: PathBuf,
        /// Where.
        offset: Offset,
        /// How.
        source: ReplayError,
    },
    /// Records that the snapshot does not hold are not in the log either.
    #[error("{}: the log begins at offset {start}, but no snapshot reaches up to it; restore the \
        newest .checkpoint file from a copy", path.display())]
    Gap {
        /// The directory of the log.
        path: PathBuf,
        /// Where the log begins.
        start: Offset,
    },
    /// A decision panicked.
    #[error("a change of metadata failed by a fault of this program; its log line says where")]
    Fault,
    /// The quorum has voters besides this node.
    #[error("{}: the metadata quorum has voters {voters:?}, but a node of this program is alone. Start it \
        on the directory of a single-node cluster", path.display())]
    ForeignVoters {
        /// The directory of the log.
        path: PathBuf,
        /// Their node ids.
        voters: Vec<i32>,
    },
}

/// Where and how the metadata are kept.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// This node.
    pub node: NodeId,
    /// The log directory that holds the metadata log.
    pub dir: PathBuf,
    /// `min.insync.replicas` of a new cluster.
    pub min_insync_replicas: i32,
    /// `metadata.log.max.record.bytes.between.snapshots`, in bytes.
    pub snapshot_bytes: u64,
    /// `metadata.log.max.snapshot.interval.ms`, in ms; 0 for no limit.
    pub snapshot_interval_ms: i64,
    /// `metadata.log.segment.bytes`.
    pub segment_bytes: u64,
    /// `metadata.log.segment.ms`.
    pub segment_ms: i64,
}

/// The metadata log, loaded, with this node leading a new epoch of it.
#[derive(Debug)]
pub struct Journal {
    env: Arc<LogEnv>,
    options: StoreOptions,
    dir: PathBuf,
    log: Arc<Log>,
    image: Image,
    quorum: Quorum,
    epoch: LeaderEpoch,
    last_timestamp: i64,
    bytes_since_snapshot: u64,
    snapshot_at: Timestamp,
}

impl Journal {
    /// Loads the newest whole snapshot and the log behind it, and begins a new epoch: the leader change,
    /// an abort if a transaction was left open, the bootstrap records if there was nothing. All of it is
    /// on disk when this returns.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn open(env: Arc<LogEnv>, options: StoreOptions) -> Result<Self, StoreError> {
        let dir = options.dir.join(METADATA_DIR);
        let files = env.files.as_ref();
        files.create_dir_all(&dir).map_err(|source| io_at(&dir, source))?;
        files.sync_dir(&options.dir).map_err(|source| io_at(&options.dir, source))?;
        write_partition_metadata(files, &dir)?;
        remove_parts(files, &dir)?;
        let found = newest_snapshot(files, &dir)?;
        let (mut image, mut quorum) = (Image::default(), Quorum::default());
        let (mut from, mut epoch, mut last_timestamp) = (Offset::ZERO, LeaderEpoch(0), 0);
        if let Some((end, in_epoch, snapshot)) = found {
            for record in &snapshot.records {
                replay(&mut image, record, &dir, end)?;
            }
            (from, epoch, last_timestamp) = (end, in_epoch, snapshot.last_timestamp);
            quorum = snapshot.quorum;
        }
        let log = open_log(&env, &dir, &options, from)?;
        if log.log_start() > from {
            return Err(StoreError::Gap { path: dir, start: log.log_start() });
        }
        let now = env.clock.now();
        let epoch = epoch.max(log.latest_epoch().unwrap_or(LeaderEpoch(0)));
        let stored = quorum_state::read_epoch(files, &dir).map_err(|source| io_at(&dir, source))?;
        let epoch = LeaderEpoch(epoch.max(stored.unwrap_or(LeaderEpoch(0))).0.saturating_add(1));
        let mut this = Self {
            log: Arc::new(log),
            env,
            options,
            dir,
            image,
            quorum: Quorum::default(),
            epoch,
            last_timestamp,
            bytes_since_snapshot: 0,
            snapshot_at: now,
        };
        this.load_from(from, &mut quorum)?;
        this.quorum = quorum;
        this.check_voters()?;
        this.begin_epoch(now)?;
        Ok(this)
    }

    fn load_from(&mut self, from: Offset, quorum: &mut Quorum) -> Result<(), StoreError> {
        let end = self.log.log_end();
        let mut from = from;
        while from < end {
            let request = ReadRequest { from, max_bytes: READ_BYTES, upto: end, at_least_one: true };
            let slice = self.log.read(&request)?;
            let Some(range) = &slice.range else { break };
            let bytes = range.read().map_err(|source| io_at(&self.dir, source))?;
            for batch in Batches::new(&bytes) {
                let unreadable = |source: BadBatch| StoreError::Unreadable { path: self.dir.clone(), source };
                let batch = batch.map_err(|e| unreadable(e.into()))?;
                batch.verify_crc().map_err(|e| unreadable(e.into()))?;
                let (image, dir) = (&mut self.image, &self.dir);
                batch::for_each::<Failure>(&batch, |offset, entry| {
                    if offset < from {
                        return Ok(());
                    }
                    match entry {
                        Entry::Control(record) => quorum.replay(record),
                        Entry::Data(record) => replay(image, &record, dir, offset).map_err(Failure::Store)?,
                    }
                    Ok(())
                })
                .map_err(|failure| failure.into_error(&self.dir))?;
                self.last_timestamp = batch.header().max_timestamp.0;
                self.bytes_since_snapshot =
                    self.bytes_since_snapshot.saturating_add(batch.bytes().len() as u64);
            }
            from = slice.next_offset;
        }
        Ok(())
    }

    fn check_voters(&self) -> Result<(), StoreError> {
        let voters = self.quorum.voters.as_ref().map(|v| v.voters.as_slice()).unwrap_or_default();
        let voters: Vec<i32> = voters.iter().map(|voter| voter.voter_id).collect();
        if voters.iter().any(|id| *id != self.options.node.0) {
            return Err(StoreError::ForeignVoters { path: self.dir.clone(), voters });
        }
        Ok(())
    }

    /// An epoch is in `quorum-state` before it is in the log: no other start can take it again.
    fn begin_epoch(&mut self, now: Timestamp) -> Result<(), StoreError> {
        let files = self.env.files.as_ref();
        quorum_state::write(files, &self.dir, self.options.node, self.epoch, self.quorum.kraft_version)
            .map_err(|source| io_at(&self.dir, source))?;
        let is_new = self.log.log_end() == Offset::ZERO;
        let voter = || Voter { voter_id: self.options.node.0, ..Default::default() };
        let change = LeaderChangeMessage {
            leader_id: self.options.node.0,
            voters: vec![voter()],
            granting_voters: vec![voter()],
            ..Default::default()
        };
        let mut control = vec![ControlRecord::LeaderChange(change)];
        if is_new {
            control.extend(self.quorum.control_records());
        }
        self.log.begin_epoch(self.epoch);
        self.log.append(&control_batch(&control, now), self.epoch, now)?;
        if self.image.in_transaction() {
            let reason = Some("the node stopped before the transaction ended".into());
            let abort = AbortTransactionRecord { reason, ..Default::default() };
            self.append(&[MetadataRecord::AbortTransaction(abort)], now)?;
        }
        if is_new && self.image == Image::default() {
            let records = self.bootstrap_records()?;
            self.append(&records, now)?;
        }
        self.flush()
    }

    fn bootstrap_records(&self) -> Result<Vec<MetadataRecord<'static>>, StoreError> {
        let path = self.options.dir.join(BOOTSTRAP);
        let levels = match env::read_small(self.env.files.as_ref(), &path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                default_features(DEFAULT_METADATA_VERSION)
            }
            Err(source) => return Err(StoreError::Io { path, source }),
            Ok(bytes) => {
                let snapshot =
                    Snapshot::decode(&bytes).map_err(|source| StoreError::Snapshot { path, source })?;
                let level = |record| match record {
                    MetadataRecord::FeatureLevel(r) => Some((r.name.into_owned(), r.feature_level)),
                    _ => None,
                };
                snapshot.records.into_iter().filter_map(level).collect()
            }
        };
        let name = Some("Bootstrap records".into());
        let mut records =
            vec![MetadataRecord::BeginTransaction(BeginTransactionRecord { name, ..Default::default() })];
        records.extend(bootstrap(&levels, self.options.min_insync_replicas));
        records.push(MetadataRecord::EndTransaction(EndTransactionRecord::default()));
        Ok(records)
    }

    /// The image with everything that was appended.
    #[must_use]
    pub fn image(&self) -> &Image {
        &self.image
    }

    /// Version and voters of the quorum.
    #[must_use]
    pub fn quorum(&self) -> &Quorum {
        &self.quorum
    }

    /// The epoch in which this node leads.
    #[must_use]
    pub fn epoch(&self) -> LeaderEpoch {
        self.epoch
    }

    /// Offset of the next record.
    #[must_use]
    pub fn end_offset(&self) -> Offset {
        self.log.log_end()
    }

    /// Appends the records of one decision, all or none, and replays them. Durable after
    /// [`flush`](Self::flush).
    ///
    /// # Errors
    /// [`LogError::NoSpace`]: nothing changed. Any other: the log is not to be used any more.
    pub fn append(&mut self, records: &[MetadataRecord<'_>], now: Timestamp) -> Result<(), StoreError> {
        let mut after = self.image.clone();
        let end = self.log.log_end();
        for record in records {
            replay(&mut after, record, &self.dir, end)?;
        }
        let level = after.feature(METADATA_VERSION).max(self.image.feature(METADATA_VERSION));
        let level = if level == 0 { DEFAULT_METADATA_VERSION } else { level };
        let Some(batch) = batch::data_batch(records, level, now) else { return Ok(()) };
        self.log.append(&batch, self.epoch, now)?;
        let bytes = batch.to_vec().len() as u64;
        self.bytes_since_snapshot = self.bytes_since_snapshot.saturating_add(bytes);
        self.last_timestamp = now.0;
        self.image = after;
        Ok(())
    }

    /// Makes everything appended durable.
    ///
    /// # Errors
    /// The log is not to be used any more.
    pub fn flush(&self) -> Result<(), StoreError> {
        self.log.flush()?;
        Ok(())
    }

    /// Saves what the log would have to find out at its next opening.
    ///
    /// # Errors
    /// As [`flush`](Self::flush).
    pub fn close(&self) -> Result<(), StoreError> {
        self.log.close()?;
        Ok(())
    }

    /// Whether enough was written, or enough time has passed since something was, for a new snapshot.
    #[must_use]
    pub fn snapshot_due(&self, now: Timestamp) -> bool {
        let age = now.0.saturating_sub(self.snapshot_at.0);
        let is_old = self.options.snapshot_interval_ms > 0 && age >= self.options.snapshot_interval_ms;
        self.bytes_since_snapshot >= self.options.snapshot_bytes || (is_old && self.bytes_since_snapshot > 0)
    }

    /// Writes a snapshot of the image, durably, and removes old ones.
    ///
    /// # Errors
    /// The system's. The log is not touched by it; a part of a file may be left, which is ignored.
    pub fn take_snapshot(&mut self, now: Timestamp) -> Result<(), StoreError> {
        // Not again before the next interval, whatever becomes of this one.
        self.bytes_since_snapshot = 0;
        self.snapshot_at = now;
        let snapshot = Snapshot {
            last_timestamp: self.last_timestamp,
            quorum: self.quorum.clone(),
            records: self.image.to_records(),
        };
        let level = self.image.feature(METADATA_VERSION);
        let bytes = snapshot.encode(self.epoch, level, now);
        let name = snapshot::file_name(self.log.log_end(), self.epoch);
        let (path, part) = (self.dir.join(&name), self.dir.join(format!("{name}.part")));
        let files = self.env.files.as_ref();
        let write = || -> io::Result<()> {
            let file = files.open(&part, OpenMode::Create)?;
            file.set_len(0)?;
            file.write_all_at(&bytes, 0)?;
            file.sync_data()?;
            files.rename(&part, &path)?;
            files.sync_dir(&self.dir)
        };
        write().map_err(|source| io_at(&path, source))?;
        self.retire_snapshots()
    }

    fn retire_snapshots(&self) -> Result<(), StoreError> {
        let files = self.env.files.as_ref();
        let mut found = snapshots(files, &self.dir)?;
        found.sort_by_key(|(end, epoch, _)| std::cmp::Reverse((*end, *epoch)));
        for (_, _, path) in found.into_iter().skip(KEPT_SNAPSHOTS) {
            files.remove_file(&path).map_err(|source| io_at(&path, source))?;
        }
        Ok(())
    }
}

/// What can stop the walk over a batch.
enum Failure {
    Batch(BadBatch),
    Store(StoreError),
}

impl From<BadBatch> for Failure {
    fn from(error: BadBatch) -> Self {
        Self::Batch(error)
    }
}

impl Failure {
    fn into_error(self, dir: &Path) -> StoreError {
        match self {
            Self::Batch(source) => StoreError::Unreadable { path: dir.to_owned(), source },
            Self::Store(error) => error,
        }
    }
}

fn io_at(path: &Path, source: io::Error) -> StoreError {
    StoreError::Io { path: path.to_owned(), source }
}

fn replay(
    image: &mut Image,
    record: &MetadataRecord<'_>,
    dir: &Path,
    offset: Offset,
) -> Result<(), StoreError> {
    image.replay(record).map_err(|source| StoreError::Replay { path: dir.to_owned(), offset, source })
}

/// Removes snapshots that were never finished.
fn remove_parts(files: &dyn Files, dir: &Path) -> Result<(), StoreError> {
    let names = files_of(files, dir)?;
    for path in names.iter().filter(|n| n.ends_with(".checkpoint.part")).map(|n| dir.join(n)) {
        files.remove_file(&path).map_err(|source| io_at(&path, source))?;
    }
    Ok(())
}

fn write_partition_metadata(files: &dyn Files, dir: &Path) -> Result<(), StoreError> {
    let path = dir.join(partition_metadata::FILE);
    match files.metadata(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let content = partition_metadata::encode(Uuid::METADATA_TOPIC);
            env::replace(files, &path, content.as_bytes()).map_err(|source| io_at(&path, source))
        }
        other => other.map(|_| ()).map_err(|source| io_at(&path, source)),
    }
}

fn open_log(env: &Arc<LogEnv>, dir: &Path, options: &StoreOptions, from: Offset) -> Result<Log, StoreError> {
    let config = LogConfig {
        segment_bytes: options.segment_bytes,
        segment_ms: options.segment_ms,
        retention_ms: -1,
        retention_bytes: -1,
        delete: false,
        uses_reserve: true,
        ..LogConfig::default()
    };
    let tp = TopicPartition::new("__cluster_metadata", 0);
    let has_log = files_of(env.files.as_ref(), dir)?.iter().any(|name| name.ends_with(".log"));
    // A log that a snapshot made superfluous is gone as a whole: the new one goes on where it ended.
    let log_start_offset = if has_log { Offset::ZERO } else { from };
    // A snapshot is taken only of what is on disk: the log is scanned from there on, and a bad batch before
    // it is damage, not a torn end.
    let state =
        OpenState { log_start_offset, recovery_point: from, own_points: true, ..OpenState::default() };
    let (log, report) =
        Log::open(Arc::clone(env), dir.to_owned(), tp, Uuid::METADATA_TOPIC, Arc::new(config), state)?;
    if report.cut_bytes > 0 {
        let reason = report.cut_reason.unwrap_or_default();
        tracing::warn!(
            bytes = report.cut_bytes,
            reason,
            "the metadata log ended in an unfinished write, which was cut"
        );
    }
    Ok(log)
}

fn files_of(files: &dyn Files, dir: &Path) -> Result<Vec<String>, StoreError> {
    let entries = files.list(dir).map_err(|source| io_at(dir, source))?;
    Ok(entries.into_iter().filter(|e| !e.is_dir).map(|e| e.name).collect())
}

fn snapshots(files: &dyn Files, dir: &Path) -> Result<Vec<(Offset, LeaderEpoch, PathBuf)>, StoreError> {
    let names = files_of(files, dir)?;
    let found =
        names.iter().filter_map(|n| snapshot::parse_name(n).map(|(end, epoch)| (end, epoch, dir.join(n))));
    Ok(found.collect())
}

/// The newest snapshot that can be read; one that cannot is passed over with a warning, for the log may
/// reach back behind it.
fn newest_snapshot(
    files: &dyn Files,
    dir: &Path,
) -> Result<Option<(Offset, LeaderEpoch, Snapshot)>, StoreError> {
    let mut found = snapshots(files, dir)?;
    found.sort_by_key(|(end, epoch, _)| std::cmp::Reverse((*end, *epoch)));
    for (end, epoch, path) in found {
        let bytes = env::read_small(files, &path).map_err(|source| io_at(&path, source))?;
        match Snapshot::decode(&bytes) {
            Ok(snapshot) => return Ok(Some((end, epoch, snapshot))),
            Err(error) => {
                tracing::warn!(file = %path.display(), %error, "a metadata snapshot is passed over")
            }
        }
    }
    Ok(None)
}

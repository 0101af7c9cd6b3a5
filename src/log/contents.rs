//! What lies at the root of a log directory.
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::checkpoint::{self, Offsets};
use super::directory::is_missing;
use super::error::{At, LogError};
use super::names::{DirName, parse_dir};
use super::open::OpenState;
use super::partition_metadata;
use crate::env::{self, Files};
use crate::types::{Offset, TopicId, TopicPartition};

/// The file whose lock keeps other brokers out.
pub const LOCK: &str = ".lock";
/// The marker of a clean stop.
pub const CLEAN_SHUTDOWN: &str = ".kafka_cleanshutdown";
/// The topic of the metadata log, which has no entry in any checkpoint.
const METADATA_TOPIC: &str = "__cluster_metadata";

/// A partition's directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundPartition {
    /// Whose it is, by its name.
    pub tp: TopicPartition,
    /// Where it is.
    pub dir: PathBuf,
    /// The id in `partition.metadata`, if that is sound.
    pub topic_id: Option<TopicId>,
    /// What the checkpoints say of it.
    pub state: OpenState,
}

/// What was found in a log directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// Partitions, the metadata log not among them.
    pub partitions: Vec<FoundPartition>,
    /// The metadata log, if it is here.
    pub metadata_log: Option<PathBuf>,
    /// Partitions deleted before, which wait for removal.
    pub deleted: Vec<PathBuf>,
    /// Partitions that a crash caught while they were made: they never held a durable record.
    pub unborn: Vec<PathBuf>,
    /// Directories that were set aside or are unfinished copies: left alone.
    pub aside: Vec<PathBuf>,
    /// Whether the last stop was a clean one.
    pub clean_shutdown: bool,
    /// The broker epoch in the marker, -1 if there is none.
    pub broker_epoch: i64,
    /// Whether recovery points and log starts are to be written anew: they hold a partition that is not here, or there is
    /// no partition and Kafka, or nobody, wrote them.
    pub stale_points: bool,
    /// Id of the journal that was in use when the recovery points were written; 0 none.
    pub journal: i64,
    /// High watermarks.
    pub high_watermarks: Offsets,
    /// Names of the other files.
    pub files: Vec<String>,
}

/// Looks at the root of a log directory.
///
/// # Errors
/// [`LogError::Corrupt`] for a foreign directory or a broken checkpoint; the system's.
pub fn read(files: &dyn Files, root: &Path) -> Result<Contents, LogError> {
    let mut contents = Contents { broker_epoch: -1, ..Contents::default() };
    let marker = match env::read_small(files, &root.join(CLEAN_SHUTDOWN)) {
        Err(error) if is_missing(&error) => None,
        other => Some(other.at(root)?),
    };
    contents.clean_shutdown = marker.is_some();
    if let Some(marker) = marker.and_then(|bytes| serde_json::from_slice::<serde_json::Value>(&bytes).ok()) {
        contents.broker_epoch = marker.get("brokerEpoch").and_then(|epoch| epoch.as_i64()).unwrap_or(-1);
    }
    let mut points = checkpoint::read(files, &root.join(checkpoint::RECOVERY_POINT))?;
    let signature = checkpoint::take_signature(&mut points);
    let own_points = signature.is_some();
    contents.journal = signature.unwrap_or(0);
    let starts = checkpoint::read(files, &root.join(checkpoint::LOG_START))?;
    contents.high_watermarks = checkpoint::read(files, &root.join(checkpoint::HIGH_WATERMARK))?;
    let clean_shutdown = contents.clean_shutdown;
    let mut entries = files.list(root).at(root)?;
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    for entry in entries {
        let dir = root.join(&entry.name);
        if !entry.is_dir {
            contents.files.push(entry.name);
            continue;
        }
        match parse_dir(&entry.name) {
            DirName::Partition(tp) if tp.topic.as_ref() == METADATA_TOPIC => {
                contents.metadata_log = Some(dir);
            }
            DirName::Partition(tp) => {
                let offset = |offsets: &Offsets| offsets.get(&tp).copied().unwrap_or(Offset::ZERO);
                let (recovery_point, log_start_offset) = (offset(&points), offset(&starts));
                let topic_id = read_topic_id(files, &dir);
                if topic_id.is_none() && holds_nothing(files, &dir).at(&dir)? {
                    contents.unborn.push(dir);
                    continue;
                }
                let state = OpenState { recovery_point, own_points, log_start_offset, clean_shutdown };
                contents.partitions.push(FoundPartition { tp, dir, topic_id, state });
            }
            DirName::Delete => contents.deleted.push(dir),
            DirName::Future(_) | DirName::Stray(_) => contents.aside.push(dir),
            DirName::Foreign => {
                let reason = "a log directory holds only partitions, and this directory is none; move it \
                    away (a file system's lost+found: use a directory below the mount point)";
                return Err(LogError::corrupt(&dir, reason));
            }
        }
    }
    contents.stale_points = {
        let here: BTreeSet<&TopicPartition> = contents.partitions.iter().map(|found| &found.tp).collect();
        points.keys().chain(starts.keys()).any(|tp| !here.contains(tp)) || (here.is_empty() && !own_points)
    };
    Ok(contents)
}

/// Whether no log in a partition's directory holds a byte.
fn holds_nothing(files: &dyn Files, dir: &Path) -> std::io::Result<bool> {
    for entry in files.list(dir)? {
        if entry.name.contains(".log") && files.metadata(&dir.join(&entry.name))?.len > 0 {
            return Ok(false);
        }
    }
    Ok(true)
}

fn read_topic_id(files: &dyn Files, dir: &Path) -> Option<TopicId> {
    let bytes = env::read_small(files, &dir.join(partition_metadata::FILE)).ok()?;
    partition_metadata::parse(&String::from_utf8_lossy(&bytes))
}

/// Removes the marker of a clean stop; durable when the names of the root are.
pub(super) fn remove_marker(files: &dyn Files, root: &Path) -> Result<(), LogError> {
    let path = root.join(CLEAN_SHUTDOWN);
    match files.remove_file(&path) {
        Err(error) if is_missing(&error) => Ok(()),
        other => other.at(&path),
    }
}

/// Writes the marker of a clean stop, durably.
pub(super) fn write_marker(files: &dyn Files, root: &Path, broker_epoch: i64) -> Result<(), LogError> {
    let path = root.join(CLEAN_SHUTDOWN);
    let content = format!("{{\"version\":0,\"brokerEpoch\":{broker_epoch}}}");
    env::replace(files, &path, content.as_bytes()).at(&path)
}

//! The storage of a partition on a local disk: a [`Log`] in its [`LogDirectory`], and its part in the remote tier.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::storage::{Bounds, Found, Storage};
use crate::config::TopicConfig;
use crate::log::{
    AbortedTxn, Appended, Description, LocalRetention, Log, LogConfig, LogDirectory, LogError, Observer,
    ReadRequest, Slice, TimedOffset,
};
use crate::record::{BatchHeader, ValidBatch};
use crate::tier::{RemoteLog, Rules};
use crate::types::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Timestamp};

/// A log, and the directory whose flusher and checkpoints serve it.
#[derive(Debug)]
pub struct LocalLog {
    log: Arc<Log>,
    directory: Arc<LogDirectory>,
    remote: Option<Arc<RemoteLog>>,
}

impl LocalLog {
    /// The storage that `log` in `directory` is.
    #[must_use]
    pub fn new(log: Arc<Log>, directory: Arc<LogDirectory>) -> Self {
        Self { log, directory, remote: None }
    }

    /// The same with a part in the remote tier, which the topic's options rule.
    #[must_use]
    pub fn with_remote(self, remote: Option<Arc<RemoteLog>>, topic: &TopicConfig) -> Self {
        if let Some(remote) = &remote {
            remote.set_rules(tier_rules(topic));
        }
        Self { remote, ..self }
    }
}

/// A record found by time, unless the reader may not see it yet.
fn below(upto: Offset) -> impl Fn(TimedOffset) -> Option<Found> {
    move |TimedOffset { offset, timestamp, leader_epoch }| {
        (offset < upto).then_some(Found { timestamp, offset, leader_epoch })
    }
}

impl Storage for LocalLog {
    fn append(
        &self,
        batch: &ValidBatch<'_>,
        epoch: LeaderEpoch,
        now: Timestamp,
    ) -> Result<Appended, LogError> {
        let appended = self.log.append(batch, epoch, now)?;
        if self.log.flush_due(now) {
            self.request_flush();
        }
        Ok(appended)
    }

    fn read(&self, request: &ReadRequest) -> Result<Slice, LogError> {
        self.log.read(request)
    }

    fn bounds(&self) -> Bounds {
        let (start, end, durable) = self.log.bounds();
        Bounds { start, end, durable }
    }

    fn last_stable_offset(&self, high_watermark: Offset) -> Offset {
        self.log.last_stable_offset(high_watermark)
    }

    fn has_open_transaction(&self, producer: ProducerId, epoch: ProducerEpoch) -> bool {
        self.log.has_open_transaction(producer, epoch)
    }

    fn announce(&self, header: &BatchHeader, from_zero: bool, now: Timestamp) -> Result<(), LogError> {
        self.log.announce(header, from_zero, now)
    }

    fn find_time(&self, timestamp: Timestamp, upto: Offset) -> Result<Option<Found>, LogError> {
        Ok(self.log.offset_for_time(timestamp)?.and_then(below(upto)))
    }

    fn find_max_timestamp(&self, upto: Offset) -> Result<Option<Found>, LogError> {
        Ok(self.log.max_timestamp()?.and_then(below(upto)))
    }

    fn epoch_end(&self, epoch: LeaderEpoch) -> Option<(LeaderEpoch, Offset)> {
        self.log.epoch_end_offset(epoch)
    }

    fn epoch_of(&self, offset: Offset) -> LeaderEpoch {
        self.log.epoch_of(offset).unwrap_or(LeaderEpoch::NONE)
    }

    fn aborted(&self, from: Offset, upto: Offset) -> Result<Vec<AbortedTxn>, LogError> {
        self.log.aborted_transactions(from, upto)
    }

    fn begin_epoch(&self, epoch: LeaderEpoch) {
        self.log.begin_epoch(epoch);
    }

    fn delete_before(&self, offset: Offset) -> Result<Offset, LogError> {
        self.directory.delete_before(&self.log, offset)
    }

    fn flush(&self) -> Result<(), LogError> {
        self.log.flush().map(|_| ())
    }

    fn request_flush(&self) {
        self.directory.flusher().request(&self.log);
    }

    fn configure(&self, topic: &TopicConfig, producer_id_expiration_ms: i64) {
        self.log.set_config(Arc::new(log_config(topic, producer_id_expiration_ms)));
        let Some(remote) = &self.remote else { return };
        let (was, is) = (remote.rules(), tier_rules(topic));
        if was.is_some() && is.is_none() {
            // Only with `remote.log.delete.on.disable` are the options accepted so.
            remote.discard();
            self.log.set_uploaded(None, Offset::ZERO);
        }
        remote.set_rules(is);
    }

    fn observe(&self, observer: Arc<dyn Observer>) {
        self.log.set_observer(observer);
    }

    fn remote(&self) -> Option<&Arc<RemoteLog>> {
        self.remote.as_ref()
    }

    fn local_start(&self) -> Offset {
        self.log.local_start()
    }

    fn describe(&self) -> Description {
        self.log.describe()
    }

    fn directory(&self) -> PathBuf {
        self.directory.path().to_owned()
    }
}

/// What a topic's options mean for its logs.
#[must_use]
pub fn log_config(topic: &TopicConfig, producer_id_expiration_ms: i64) -> LogConfig {
    let bytes = |n: i32| u64::try_from(n).unwrap_or(0);
    // What must be compacted by then must be in a sealed segment by then.
    let compact_within = if topic.cleanup_policy.compact { topic.max_compaction_lag_ms } else { i64::MAX };
    LogConfig {
        segment_bytes: bytes(topic.segment_bytes),
        segment_ms: topic.segment_ms.min(compact_within),
        segment_jitter_ms: topic.segment_jitter_ms,
        index_interval_bytes: bytes(topic.index_interval_bytes),
        index_bytes: bytes(topic.segment_index_bytes),
        retention_ms: topic.retention_ms,
        retention_bytes: topic.retention_bytes,
        delete: topic.cleanup_policy.delete,
        compact: topic.cleanup_policy.compact,
        min_cleanable_dirty_ratio: topic.min_cleanable_dirty_ratio,
        min_compaction_lag_ms: topic.min_compaction_lag_ms,
        max_compaction_lag_ms: topic.max_compaction_lag_ms,
        delete_retention_ms: topic.delete_retention_ms,
        flush_messages: topic.flush_messages,
        flush_ms: topic.flush_ms,
        file_delete_delay_ms: topic.file_delete_delay_ms,
        producer_id_expiration_ms,
        tiered: topic.remote_storage_enable.then(|| {
            let (retention_ms, retention_bytes) = topic.local_retention();
            LocalRetention { retention_ms, retention_bytes, copies: !topic.remote_log_copy_disable }
        }),
        uses_reserve: false,
    }
}

/// What a topic's options want of the remote tier; `None` if it is not tiered.
#[must_use]
pub fn tier_rules(topic: &TopicConfig) -> Option<Rules> {
    topic.remote_storage_enable.then(|| Rules {
        copies: !topic.remote_log_copy_disable,
        delete: topic.cleanup_policy.delete,
        compact: topic.cleanup_policy.compact,
        retention_ms: topic.retention_ms,
        retention_bytes: topic.retention_bytes,
        local: topic.local_retention(),
        lag_ms: topic.remote_copy_lag_ms,
        lag_bytes: topic.remote_copy_lag_bytes,
    })
}

/// The log directories of this broker.
#[derive(Clone, Debug, Default)]
pub struct LogDirs(pub Vec<Arc<LogDirectory>>);

/// A log directory, as Admin sees it.
#[derive(Clone, Debug)]
pub struct DescribedDir {
    /// Where it is.
    pub path: PathBuf,
    /// Whether it takes reads and writes.
    pub online: bool,
    /// Size of its volume in bytes, if the system says.
    pub total: Option<u64>,
    /// Bytes that may still be used, if the system says.
    pub usable: Option<u64>,
}

impl LogDirs {
    /// Asks the system about each.
    #[must_use]
    pub fn describe(&self) -> Vec<DescribedDir> {
        let describe = |dir: &Arc<LogDirectory>| {
            let space = dir.env().files.space(dir.path()).ok();
            DescribedDir {
                path: dir.path().to_owned(),
                online: dir.env().health.failure().is_none(),
                total: space.map(|s| s.total),
                usable: space.map(|s| s.available),
            }
        };
        self.0.iter().map(describe).collect()
    }

    /// Whether `path` is one of them.
    #[must_use]
    pub fn contains(&self, path: &Path) -> bool {
        self.0.iter().any(|dir| dir.path() == path)
    }
}

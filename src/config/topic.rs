//! The options of a topic, typed, as the log and the rooms around it read them.
use super::layers::{Layers, Overrides, Settings, typed};
use super::option::Scope;
use super::value::Value;

/// What happens to old records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CleanupPolicy {
    /// They go by age and size.
    pub delete: bool,
    /// Only the last record of each key stays.
    pub compact: bool,
}

/// Codec in which batches are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompressionType {
    /// As the producer sent them.
    Producer,
    /// None.
    Uncompressed,
    /// gzip, at a level from 1 to 9, or the codec's default.
    Gzip,
    /// snappy.
    Snappy,
    /// lz4.
    Lz4,
    /// zstd.
    Zstd,
}

/// Whose time a record carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampType {
    /// The producer's.
    CreateTime,
    /// The broker's, at the append.
    LogAppendTime,
}

typed! { Scope::Topic;
    /// Every option of a topic, resolved through topic, broker, cluster, file and default.
    #[derive(Clone, Debug, PartialEq)]
    TopicConfig {
        /// -1 to 9; -1 is the codec's default.
        compression_gzip_level: i32 = "compression.gzip.level",
        compression_lz4_level: i32 = "compression.lz4.level",
        compression_zstd_level: i32 = "compression.zstd.level",
        /// Ms.
        delete_retention_ms: i64 = "delete.retention.ms",
        errors_deadletterqueue_group_enable: bool = "errors.deadletterqueue.group.enable",
        /// Ms.
        file_delete_delay_ms: i64 = "file.delete.delay.ms",
        /// Records; 1 stands for durable before visible.
        flush_messages: i64 = "flush.messages",
        /// Ms.
        flush_ms: i64 = "flush.ms",
        /// Bytes.
        index_interval_bytes: i32 = "index.interval.bytes",
        /// Bytes; -2 follows `retention_bytes`. See [`TopicConfig::local_retention`].
        local_retention_bytes: i64 = "local.retention.bytes",
        /// Ms; -2 follows `retention_ms`. See [`TopicConfig::local_retention`].
        local_retention_ms: i64 = "local.retention.ms",
        /// Ms.
        max_compaction_lag_ms: i64 = "max.compaction.lag.ms",
        /// Bytes.
        max_decompressed_message_bytes: i32 = "max.decompressed.message.bytes",
        /// Bytes.
        max_message_bytes: i32 = "max.message.bytes",
        /// Ms.
        message_timestamp_after_max_ms: i64 = "message.timestamp.after.max.ms",
        /// Ms.
        message_timestamp_before_max_ms: i64 = "message.timestamp.before.max.ms",
        /// 0 to 1.
        min_cleanable_dirty_ratio: f64 = "min.cleanable.dirty.ratio",
        /// Ms.
        min_compaction_lag_ms: i64 = "min.compaction.lag.ms",
        preallocate: bool = "preallocate",
        /// Bytes; -1 follows the local retention.
        remote_copy_lag_bytes: i64 = "remote.copy.lag.bytes",
        /// Ms; -1 follows the local retention.
        remote_copy_lag_ms: i64 = "remote.copy.lag.ms",
        remote_log_copy_disable: bool = "remote.log.copy.disable",
        remote_log_delete_on_disable: bool = "remote.log.delete.on.disable",
        remote_storage_enable: bool = "remote.storage.enable",
        /// Bytes; -1 for no limit.
        retention_bytes: i64 = "retention.bytes",
        /// Ms; -1 for ever.
        retention_ms: i64 = "retention.ms",
        /// Bytes.
        segment_index_bytes: i32 = "segment.index.bytes",
        /// Ms.
        segment_jitter_ms: i64 = "segment.jitter.ms",
        /// Ms.
        segment_ms: i64 = "segment.ms",
        unclean_leader_election_enable: bool = "unclean.leader.election.enable",
    } plus {
        /// `cleanup.policy`.
        cleanup_policy: CleanupPolicy = |read: &dyn Fn(&str) -> Option<Value>| CleanupPolicy::of(read("cleanup.policy")),
        /// `compression.type`.
        compression_type: CompressionType = |read: &dyn Fn(&str) -> Option<Value>| CompressionType::of(read("compression.type")),
        /// `message.timestamp.type`.
        message_timestamp_type: TimestampType = |read: &dyn Fn(&str) -> Option<Value>| TimestampType::of(read("message.timestamp.type")),
        /// `internal.segment.bytes` where it is set, else `segment.bytes`. Bytes.
        segment_bytes: i32 = |read: &dyn Fn(&str) -> Option<Value>| segment_bytes(read),
        /// `min.insync.replicas`. What the broker's layers say counts as 1: the node is alone. A topic's own
        /// value stands, and one above 1 refuses writes with acks=all, as in Kafka.
        min_insync_replicas: i32 = |read: &dyn Fn(&str) -> Option<Value>| min_insync_replicas(read),
    }
}

impl Default for TopicConfig {
    /// Every option at its default.
    fn default() -> Self {
        let none = Overrides::new();
        Self::resolve(&Layers { fixed: &Settings::default(), cluster: &none, broker: &none }, &none)
    }
}

impl TopicConfig {
    /// Resolves the options of a topic whose own settings are `overrides`.
    #[must_use]
    pub fn resolve(layers: &Layers<'_>, overrides: &Overrides) -> Self {
        let mut config = Self::build(|option| match option.name {
            "min.insync.replicas" if !overrides.contains_key(option.name) => Some(Value::Int(1)),
            _ => layers.value(option, overrides),
        });
        // The broker's options take any negative number for "for ever".
        config.retention_ms = config.retention_ms.max(-1);
        config
    }

    /// Whether a record is on disk before it is acknowledged or seen.
    #[must_use]
    pub fn is_durable(&self) -> bool {
        self.flush_messages == 1
    }

    /// Age in ms and size in bytes that stay on the local disk of a tiered topic; -1 for no limit.
    #[must_use]
    pub fn local_retention(&self) -> (i64, i64) {
        const FOLLOW: i64 = -2;
        let or = |local, whole| if local == FOLLOW { whole } else { local };
        (or(self.local_retention_ms, self.retention_ms), or(self.local_retention_bytes, self.retention_bytes))
    }
}

impl CleanupPolicy {
    fn of(value: Option<Value>) -> Self {
        let has =
            |word: &str| value.as_ref().and_then(Value::as_list).is_some_and(|l| l.iter().any(|e| e == word));
        Self { delete: has("delete"), compact: has("compact") }
    }
}

impl CompressionType {
    fn of(value: Option<Value>) -> Self {
        match value.as_ref().and_then(Value::as_text) {
            Some("uncompressed") => Self::Uncompressed,
            Some("gzip") => Self::Gzip,
            Some("snappy") => Self::Snappy,
            Some("lz4") => Self::Lz4,
            Some("zstd") => Self::Zstd,
            _ => Self::Producer,
        }
    }
}

impl TimestampType {
    fn of(value: Option<Value>) -> Self {
        match value.as_ref().and_then(Value::as_text) {
            Some("LogAppendTime") => Self::LogAppendTime,
            _ => Self::CreateTime,
        }
    }
}

fn int(value: Option<Value>) -> Option<i32> {
    i32::try_from(value?.as_int()?).ok()
}

fn segment_bytes(read: &dyn Fn(&str) -> Option<Value>) -> i32 {
    int(read("internal.segment.bytes")).or_else(|| int(read("segment.bytes"))).unwrap_or(i32::MAX)
}

fn min_insync_replicas(read: &dyn Fn(&str) -> Option<Value>) -> i32 {
    int(read("min.insync.replicas")).unwrap_or(1)
}

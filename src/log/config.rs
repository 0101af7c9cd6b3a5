//! The topic options that a log follows.

/// What of a tiered log stays on the local disk. Segments leave only once they are in the remote tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalRetention {
    /// `local.retention.ms`: segments older than this leave; -1 for never.
    pub retention_ms: i64,
    /// `local.retention.bytes`: what may stay; -1 for no limit.
    pub retention_bytes: i64,
    /// Whether segments are uploaded at all: not with `remote.log.copy.disable`.
    pub copies: bool,
}

/// Options of one log; swapped as a whole when the topic's configuration changes. Defaults are Kafka's,
/// but for `flush_messages`.
#[derive(Clone, Debug, PartialEq)]
pub struct LogConfig {
    /// `segment.bytes`: a segment does not grow beyond it.
    pub segment_bytes: u64,
    /// `segment.ms`: a segment older than this is closed at the next append.
    pub segment_ms: i64,
    /// `segment.jitter.ms`: at most this much is taken off `segment_ms`, differently for each segment,
    /// so that not all close at once.
    pub segment_jitter_ms: i64,
    /// `index.interval.bytes`: at least this many bytes lie between two index entries.
    pub index_interval_bytes: u64,
    /// `segment.index.bytes`: a segment whose offset index would exceed it is closed.
    pub index_bytes: u64,
    /// `retention.ms`: batches older than this expire; -1 for never.
    pub retention_ms: i64,
    /// `retention.bytes`: what the log may hold before its oldest batches go; -1 for no limit.
    pub retention_bytes: i64,
    /// `cleanup.policy` contains `delete`.
    pub delete: bool,
    /// `cleanup.policy` contains `compact`.
    pub compact: bool,
    /// `min.cleanable.dirty.ratio`: the part of a compacted log that must be dirty before it is cleaned.
    pub min_cleanable_dirty_ratio: f64,
    /// `min.compaction.lag.ms`: younger records are not compacted.
    pub min_compaction_lag_ms: i64,
    /// `max.compaction.lag.ms`: a log with an older record that is dirty is cleaned whatever its ratio.
    pub max_compaction_lag_ms: i64,
    /// `delete.retention.ms`: how long tombstones and spent transaction markers stay.
    pub delete_retention_ms: i64,
    /// `flush.messages`: records after which the log is flushed. 1 means that an append is visible
    /// only when it is durable.
    pub flush_messages: i64,
    /// `flush.ms`: how long bytes may stay unflushed.
    pub flush_ms: i64,
    /// `file.delete.delay.ms`: how long a removed file stays as `.deleted`.
    pub file_delete_delay_ms: i64,
    /// `producer.id.expiration.ms`: how long an idle producer is remembered.
    pub producer_id_expiration_ms: i64,
    /// What stays here of a log that is tiered (`remote.storage.enable`); `None` for one that is not.
    pub tiered: Option<LocalRetention>,
    /// Whether it may use the reserve on a full volume: the metadata log, without which nothing can be deleted.
    pub uses_reserve: bool,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            segment_bytes: 1 << 30,
            segment_ms: 7 * 24 * 3_600_000,
            segment_jitter_ms: 0,
            index_interval_bytes: 4096,
            index_bytes: 10 << 20,
            retention_ms: 7 * 24 * 3_600_000,
            retention_bytes: -1,
            delete: true,
            compact: false,
            min_cleanable_dirty_ratio: 0.5,
            min_compaction_lag_ms: 0,
            max_compaction_lag_ms: i64::MAX,
            delete_retention_ms: 24 * 3_600_000,
            flush_messages: 1,
            flush_ms: i64::MAX,
            file_delete_delay_ms: 60_000,
            producer_id_expiration_ms: 24 * 3_600_000,
            tiered: None,
            uses_reserve: false,
        }
    }
}

impl LogConfig {
    /// Whether an append becomes visible only when it is durable.
    #[must_use]
    pub fn visible_means_durable(&self) -> bool {
        self.flush_messages <= 1
    }
}

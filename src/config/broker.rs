//! The options of the broker, typed, as the rooms around it read them.
use std::collections::BTreeMap;

use super::layers::{Layers, Overrides, Settings, typed};
use super::listeners::{Endpoint, SecurityProtocol, parse_endpoints, parse_protocol_map};
use super::option::Scope;
use super::table::find;
use super::value::{Value, list_entries};

/// How far a produced batch is checked before it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProduceValidation {
    /// Down to each record, as Kafka does.
    Record,
    /// Header and checksum only.
    Header,
}

/// Form of Klamm's own log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Text, in colour on a terminal.
    Auto,
    /// Text.
    Text,
    /// One JSON object a line.
    Json,
}

type Read<'a> = dyn Fn(&str) -> Option<Value> + 'a;

typed! { Scope::Broker;
    /// What the broker reads, resolved through run-time settings, file and default. Replication factors and
    /// ISR sizes of [`Loaded`](super::Loaded) settings are clamped to 1 already.
    #[derive(Clone, Debug, PartialEq)]
    BrokerConfig {
        node_id: i32 = "node.id",
        broker_rack: Option<String> = "broker.rack",
        controller_listener_names: Vec<String> = "controller.listener.names",
        auto_create_topics_enable: bool = "auto.create.topics.enable",
        delete_topic_enable: bool = "delete.topic.enable",
        num_partitions: i32 = "num.partitions",
        default_replication_factor: i32 = "default.replication.factor",
        /// Connections the system may queue.
        socket_listen_backlog_size: i32 = "socket.listen.backlog.size",
        /// Bytes; -1 for the system's choice.
        socket_receive_buffer_bytes: i32 = "socket.receive.buffer.bytes",
        /// Bytes; -1 for the system's choice.
        socket_send_buffer_bytes: i32 = "socket.send.buffer.bytes",
        /// Bytes.
        socket_request_max_bytes: i32 = "socket.request.max.bytes",
        /// Ms; negative for never.
        connections_max_idle_ms: i64 = "connections.max.idle.ms",
        max_connections: i32 = "max.connections",
        max_connections_per_ip: i32 = "max.connections.per.ip",
        /// Bytes; -1 for no limit.
        queued_max_request_bytes: i64 = "queued.max.request.bytes",
        max_request_partition_size_limit: i32 = "max.request.partition.size.limit",
        /// Bytes.
        fetch_max_bytes: i32 = "fetch.max.bytes",
        max_incremental_fetch_session_cache_slots: i32 = "max.incremental.fetch.session.cache.slots",
        /// Bytes; the broker's default for topics.
        message_max_bytes: i32 = "message.max.bytes",
        num_recovery_threads_per_data_dir: i32 = "num.recovery.threads.per.data.dir",
        cordoned_log_dirs: Vec<String> = "cordoned.log.dirs",
        /// Ms.
        log_retention_check_interval_ms: i64 = "log.retention.check.interval.ms",
        /// Ms.
        log_flush_scheduler_interval_ms: i64 = "log.flush.scheduler.interval.ms",
        /// Ms.
        log_flush_offset_checkpoint_interval_ms: i32 = "log.flush.offset.checkpoint.interval.ms",
        /// Ms.
        log_flush_start_offset_checkpoint_interval_ms: i32 = "log.flush.start.offset.checkpoint.interval.ms",
        /// Ms.
        replica_high_watermark_checkpoint_interval_ms: i64 = "replica.high.watermark.checkpoint.interval.ms",
        log_cleaner_enable: bool = "log.cleaner.enable",
        log_cleaner_threads: i32 = "log.cleaner.threads",
        /// Ms.
        log_cleaner_backoff_ms: i64 = "log.cleaner.backoff.ms",
        /// Bytes.
        log_cleaner_dedupe_buffer_size: i64 = "log.cleaner.dedupe.buffer.size",
        /// Bytes.
        log_cleaner_io_buffer_size: i32 = "log.cleaner.io.buffer.size",
        /// 0 to 1.
        log_cleaner_io_buffer_load_factor: f64 = "log.cleaner.io.buffer.load.factor",
        log_cleaner_io_max_bytes_per_second: f64 = "log.cleaner.io.max.bytes.per.second",
        /// Ms.
        log_initial_task_delay_ms: i64 = "log.initial.task.delay.ms",
        /// Ms.
        producer_id_expiration_ms: i32 = "producer.id.expiration.ms",
        /// Ms.
        producer_id_expiration_check_interval_ms: i32 = "producer.id.expiration.check.interval.ms",
        /// Bytes.
        metadata_log_segment_bytes: i32 = "metadata.log.segment.bytes",
        /// Ms.
        metadata_log_segment_ms: i64 = "metadata.log.segment.ms",
        /// Bytes.
        metadata_log_max_record_bytes_between_snapshots: i64 = "metadata.log.max.record.bytes.between.snapshots",
        /// Ms; 0 for no limit.
        metadata_log_max_snapshot_interval_ms: i64 = "metadata.log.max.snapshot.interval.ms",
        /// Bytes.
        metadata_max_retention_bytes: i64 = "metadata.max.retention.bytes",
        /// Ms.
        metadata_max_retention_ms: i64 = "metadata.max.retention.ms",
        offsets_topic_num_partitions: i32 = "offsets.topic.num.partitions",
        offsets_topic_replication_factor: i16 = "offsets.topic.replication.factor",
        /// Bytes.
        offsets_topic_segment_bytes: i32 = "offsets.topic.segment.bytes",
        /// Minutes.
        offsets_retention_minutes: i32 = "offsets.retention.minutes",
        /// Ms.
        offsets_retention_check_interval_ms: i64 = "offsets.retention.check.interval.ms",
        /// Bytes.
        offset_metadata_max_bytes: i32 = "offset.metadata.max.bytes",
        /// Ms.
        group_initial_rebalance_delay_ms: i32 = "group.initial.rebalance.delay.ms",
        /// Ms.
        group_min_session_timeout_ms: i32 = "group.min.session.timeout.ms",
        /// Ms.
        group_max_session_timeout_ms: i32 = "group.max.session.timeout.ms",
        group_max_size: i32 = "group.max.size",
        group_consumer_assignors: Vec<String> = "group.consumer.assignors",
        /// One of disabled, upgrade, downgrade, bidirectional, in any case.
        group_consumer_migration_policy: String = "group.consumer.migration.policy",
        group_consumer_max_size: i32 = "group.consumer.max.size",
        /// Ms.
        group_consumer_regex_refresh_interval_ms: i32 = "group.consumer.regex.refresh.interval.ms",
        /// Ms.
        group_consumer_assignment_interval_ms: i32 = "group.consumer.assignment.interval.ms",
        /// Ms.
        group_consumer_min_assignment_interval_ms: i32 = "group.consumer.min.assignment.interval.ms",
        /// Ms.
        group_consumer_max_assignment_interval_ms: i32 = "group.consumer.max.assignment.interval.ms",
        /// Ms.
        group_consumer_heartbeat_interval_ms: i32 = "group.consumer.heartbeat.interval.ms",
        /// Ms.
        group_consumer_min_heartbeat_interval_ms: i32 = "group.consumer.min.heartbeat.interval.ms",
        /// Ms.
        group_consumer_max_heartbeat_interval_ms: i32 = "group.consumer.max.heartbeat.interval.ms",
        /// Ms.
        group_consumer_session_timeout_ms: i32 = "group.consumer.session.timeout.ms",
        /// Ms.
        group_consumer_min_session_timeout_ms: i32 = "group.consumer.min.session.timeout.ms",
        /// Ms.
        group_consumer_max_session_timeout_ms: i32 = "group.consumer.max.session.timeout.ms",
        transaction_state_log_num_partitions: i32 = "transaction.state.log.num.partitions",
        transaction_state_log_replication_factor: i16 = "transaction.state.log.replication.factor",
        /// Ms.
        transaction_max_timeout_ms: i32 = "transaction.max.timeout.ms",
        transaction_partition_verification_enable: bool = "transaction.partition.verification.enable",
        transaction_two_phase_commit_enable: bool = "transaction.two.phase.commit.enable",
        transaction_abort_timed_out_transaction_cleanup_interval_ms: i32 =
            "transaction.abort.timed.out.transaction.cleanup.interval.ms",
        transaction_remove_expired_transaction_cleanup_interval_ms: i32 =
            "transaction.remove.expired.transaction.cleanup.interval.ms",
        transactional_id_expiration_ms: i32 = "transactional.id.expiration.ms",
        remote_log_storage_system_enable: bool = "remote.log.storage.system.enable",
        /// Ms.
        remote_log_manager_task_interval_ms: i64 = "remote.log.manager.task.interval.ms",
        /// Ms.
        remote_log_manager_task_retry_backoff_ms: i64 = "remote.log.manager.task.retry.backoff.ms",
        /// Ms.
        remote_log_manager_task_retry_backoff_max_ms: i64 = "remote.log.manager.task.retry.backoff.max.ms",
        /// 0 to 0.5.
        remote_log_manager_task_retry_jitter: f64 = "remote.log.manager.task.retry.jitter",
        remote_log_manager_copier_thread_pool_size: i32 = "remote.log.manager.copier.thread.pool.size",
        remote_log_manager_copy_max_bytes_per_second: i64 = "remote.log.manager.copy.max.bytes.per.second",
        remote_log_manager_fetch_max_bytes_per_second: i64 = "remote.log.manager.fetch.max.bytes.per.second",
        /// Ms.
        remote_fetch_max_wait_ms: i32 = "remote.fetch.max.wait.ms",
        /// Ms.
        remote_list_offsets_request_timeout_ms: i64 = "remote.list.offsets.request.timeout.ms",
        klamm_remote_url: String = "klamm.remote.url",
        klamm_remote_single_writer: bool = "klamm.remote.single.writer",
        /// Ms.
        klamm_remote_upload_interval_ms: i64 = "klamm.remote.upload.interval.ms",
        /// Ms.
        klamm_remote_sweep_grace_ms: i64 = "klamm.remote.sweep.grace.ms",
        /// Bytes.
        klamm_remote_cache_bytes: i64 = "klamm.remote.cache.bytes",
        /// Bytes.
        klamm_remote_upload_bytes: i64 = "klamm.remote.upload.bytes",
        klamm_allow_unprotected: bool = "klamm.allow.unprotected",
        klamm_journal_bytes: i32 = "klamm.journal.bytes",
        klamm_replication_clamp: bool = "klamm.replication.clamp",
        klamm_announce_as_kafka: bool = "klamm.announce.as.kafka",
        /// A filter in the syntax of the `tracing` crates.
        klamm_log_level: String = "klamm.log.level",
    } plus {
        /// `listeners`, each with its protocol, those of the controller included.
        listeners: Vec<Endpoint> = |read: &Read<'_>| listeners(read).unwrap_or_default(),
        /// `advertised.listeners`; `None` tells each client the address by which it reached the broker.
        advertised_listeners: Option<Vec<Endpoint>> = |read: &Read<'_>| advertised(read).and_then(Result::ok),
        /// `log.dirs`, or `log.dir` where that is unset. Never empty.
        log_dirs: Vec<String> = log_dirs,
        /// `metadata.log.dir`, or the first of `log_dirs`.
        metadata_log_dir: String = metadata_log_dir,
        /// `max.connections.per.ip.overrides`: connections by address or host name.
        max_connections_per_ip_overrides: BTreeMap<String, i32> = |read: &Read<'_>| ip_overrides(read).unwrap_or_default(),
        /// `klamm.produce.validation`.
        klamm_produce_validation: ProduceValidation = |read: &Read<'_>| match text(read, "klamm.produce.validation").as_str() {
            "header" => ProduceValidation::Header,
            _ => ProduceValidation::Record,
        },
        /// `klamm.log.format`.
        klamm_log_format: LogFormat = |read: &Read<'_>| match text(read, "klamm.log.format").as_str() {
            "text" => LogFormat::Text,
            "json" => LogFormat::Json,
            _ => LogFormat::Auto,
        },
    }
}

impl Default for BrokerConfig {
    /// Every option at its default.
    fn default() -> Self {
        let none = Overrides::new();
        Self::resolve(&Layers { fixed: &Settings::default(), cluster: &none, broker: &none })
    }
}

impl BrokerConfig {
    /// Resolves the broker's options. Cheap enough to be done anew at each change at run time.
    #[must_use]
    pub fn resolve(layers: &Layers<'_>) -> Self {
        let mut config = Self::build(|option| layers.broker_value(option));
        for name in &mut config.controller_listener_names {
            name.make_ascii_uppercase();
        }
        config
    }

    /// Whether a listener of that name serves the controller's side only.
    #[must_use]
    pub fn is_controller_listener(&self, name: &str) -> bool {
        self.controller_listener_names.iter().any(|n| n.eq_ignore_ascii_case(name))
    }

    /// The listeners that serve clients.
    pub fn client_listeners(&self) -> impl Iterator<Item = &Endpoint> {
        self.listeners.iter().filter(|e| !self.is_controller_listener(&e.listener))
    }
}

fn text(read: &Read<'_>, name: &str) -> String {
    read(name).map(|v| v.to_string()).unwrap_or_default()
}

fn list(read: &Read<'_>, name: &str) -> Vec<String> {
    read(name).and_then(|v| v.as_list().map(<[String]>::to_vec)).unwrap_or_default()
}

/// The protocol of each listener name. A controller listener needs no entry in Kafka's default map, and
/// what is not built yet counts as PLAINTEXT where `klamm.allow.unprotected` says so.
pub(super) fn protocols(read: &Read<'_>) -> Result<BTreeMap<String, SecurityProtocol>, String> {
    let map_text = text(read, "listener.security.protocol.map");
    let default = find(Scope::Broker, "listener.security.protocol.map").and_then(|o| o.default_text());
    let mut map = parse_protocol_map(&map_text)?;
    if default == Some(map_text.as_str()) {
        for name in list(read, "controller.listener.names") {
            map.entry(name.to_ascii_uppercase()).or_insert(SecurityProtocol::Plaintext);
        }
    }
    Ok(map)
}

/// The listeners as they are written, before protection is looked at.
pub(super) fn written_listeners(read: &Read<'_>, option: &str) -> Result<Vec<Endpoint>, String> {
    parse_endpoints(&list(read, option), &protocols(read)?)
}

fn opened(read: &Read<'_>, option: &str) -> Result<Vec<Endpoint>, String> {
    let mut endpoints = written_listeners(read, option)?;
    if read("klamm.allow.unprotected") == Some(Value::Bool(true)) {
        endpoints.iter_mut().for_each(|e| e.protocol = SecurityProtocol::Plaintext);
    }
    Ok(endpoints)
}

fn listeners(read: &Read<'_>) -> Result<Vec<Endpoint>, String> {
    opened(read, "listeners")
}

fn advertised(read: &Read<'_>) -> Option<Result<Vec<Endpoint>, String>> {
    (!list(read, "advertised.listeners").is_empty()).then(|| opened(read, "advertised.listeners"))
}

fn log_dirs(read: &Read<'_>) -> Vec<String> {
    let dirs = list(read, "log.dirs");
    if dirs.is_empty() { list(read, "log.dir") } else { dirs }
}

fn metadata_log_dir(read: &Read<'_>) -> String {
    let own = text(read, "metadata.log.dir");
    if own.is_empty() { log_dirs(read).into_iter().next().unwrap_or_default() } else { own }
}

pub(super) fn ip_overrides(read: &Read<'_>) -> Result<BTreeMap<String, i32>, String> {
    let entries = list_entries(&text(read, "max.connections.per.ip.overrides"));
    let parse = |entry: String| {
        let (host, count) = entry.rsplit_once(':')?;
        Some((host.trim().to_owned(), count.trim().parse().ok().filter(|n| *n >= 0)?))
    };
    entries
        .into_iter()
        .map(|entry| {
            parse(entry.clone()).ok_or_else(|| format!("`{entry}` is not of the form address:count"))
        })
        .collect()
}

//! Options that a topic sets for itself.
use crate::config::option::Scope::Topic;
use crate::config::option::{
    Inert, Opt, Valid, boolean, double, hours, int, list, long, minutes, same, string,
};

#[rustfmt::skip]
pub(super) const OPTIONS: &[Opt] = &[
    list("cleanup.policy").scope(Topic).default("delete").one_of(&["compact", "delete"]).medium().synonyms(&[same("log.cleanup.policy")])
        .doc("What happens to old records: `delete` them by age and size, `compact` them by key, both, or nothing."),
    string("compression.type").scope(Topic).default("producer").one_of(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"]).medium().synonyms(&[same("compression.type")])
        .doc("Codec in which the topic's batches are stored; `producer` leaves them as they came."),
    int("compression.gzip.level").scope(Topic).default("-1").valid(Valid::GzipLevel).medium().synonyms(&[same("compression.gzip.level")])
        .doc("Level where the broker compresses the topic by gzip; -1 for the codec's own default."),
    int("compression.lz4.level").scope(Topic).default("9").between(1, 17).medium().synonyms(&[same("compression.lz4.level")])
        .doc("Level where the broker compresses the topic by lz4."),
    int("compression.zstd.level").scope(Topic).default("3").between(-131072, 22).medium().synonyms(&[same("compression.zstd.level")])
        .doc("Level where the broker compresses the topic by zstd."),
    long("delete.retention.ms").scope(Topic).default("86400000").at_least(0).medium().synonyms(&[same("log.cleaner.delete.retention.ms")])
        .doc("How long in ms a compacted topic keeps the markers of deleted keys."),
    boolean("errors.deadletterqueue.group.enable").scope(Topic).default("false").medium().pending()
        .doc("Whether share groups may write records here that they could not deliver."),
    long("file.delete.delay.ms").scope(Topic).default("60000").at_least(0).medium().synonyms(&[same("log.segment.delete.delay.ms")])
        .doc("How long in ms a deleted file of the topic stays before it leaves the disk."),
    long("flush.messages").scope(Topic).default("9223372036854775807").at_least(1).medium().synonyms(&[same("log.flush.interval.messages")])
        .doc("Records after which a partition is flushed to disk. 1 makes every acknowledged record durable and hides it from readers until then."),
    long("flush.ms").scope(Topic).default("9223372036854775807").at_least(0).medium().synonyms(&[same("log.flush.interval.ms"), same("log.flush.scheduler.interval.ms")])
        .doc("Longest time in ms that a record of the topic stays unflushed."),
    list("follower.replication.throttled.replicas").scope(Topic).default("").valid(Valid::ThrottledReplicas).medium().inert(Inert::OneBroker)
        .doc("Replicas, as `partition:node` pairs or `*`, that are throttled as followers."),
    list("leader.replication.throttled.replicas").scope(Topic).default("").valid(Valid::ThrottledReplicas).medium().inert(Inert::OneBroker)
        .doc("Replicas, as `partition:node` pairs or `*`, that are throttled as leaders."),
    int("index.interval.bytes").scope(Topic).default("4096").at_least(0).medium().synonyms(&[same("log.index.interval.bytes")])
        .doc("Bytes of records between two index entries."),
    int("internal.segment.bytes").scope(Topic).medium().internal()
        .doc("Size in bytes at which a new segment starts, without the lower limit of `segment.bytes`; for tests."),
    long("local.retention.bytes").scope(Topic).default("-2").at_least(-2).medium().synonyms(&[same("log.local.retention.bytes")])
        .doc("Bytes of a tiered partition that stay on the local disk once they are uploaded; -2 follows `retention.bytes`."),
    long("local.retention.ms").scope(Topic).default("-2").at_least(-2).medium().synonyms(&[same("log.local.retention.ms")])
        .doc("How long in ms records of a tiered topic stay on the local disk; -2 follows `retention.ms`."),
    long("max.compaction.lag.ms").scope(Topic).default("9223372036854775807").at_least(1).medium().synonyms(&[same("log.cleaner.max.compaction.lag.ms")])
        .doc("After how many ms at the latest a record becomes due for compaction."),
    int("max.decompressed.message.bytes").scope(Topic).default("2147483639").between(1, 2147483639).medium().synonyms(&[same("max.decompressed.message.bytes")])
        .doc("Largest size in bytes of a single record after decompression."),
    int("max.message.bytes").scope(Topic).default("1048588").at_least(0).medium().synonyms(&[same("message.max.bytes")])
        .doc("Largest record batch in bytes, as it is stored."),
    long("message.timestamp.after.max.ms").scope(Topic).default("3600000").at_least(0).medium().synonyms(&[same("log.message.timestamp.after.max.ms")])
        .doc("How far in ms a record's time may lie ahead of the broker's clock, for CreateTime."),
    long("message.timestamp.before.max.ms").scope(Topic).default("9223372036854775807").at_least(0).medium().synonyms(&[same("log.message.timestamp.before.max.ms")])
        .doc("How far in ms a record's time may lie behind the broker's clock, for CreateTime."),
    string("message.timestamp.type").scope(Topic).default("CreateTime").one_of(&["CreateTime", "LogAppendTime"]).medium().synonyms(&[same("log.message.timestamp.type")])
        .doc("Whose time a record carries: the producer's (CreateTime) or the broker's (LogAppendTime)."),
    double("min.cleanable.dirty.ratio").scope(Topic).default("0.5").fraction(1.0).medium().synonyms(&[same("log.cleaner.min.cleanable.ratio")])
        .doc("Fraction of a log that must be uncompacted before compaction is due."),
    long("min.compaction.lag.ms").scope(Topic).default("0").at_least(0).medium().synonyms(&[same("log.cleaner.min.compaction.lag.ms")])
        .doc("How long in ms a record is left alone by compaction."),
    int("min.insync.replicas").scope(Topic).default("1").at_least(1).medium().synonyms(&[same("min.insync.replicas")])
        .doc("In-sync replicas that a write with acks=all needs."),
    boolean("preallocate").scope(Topic).default("false").medium().synonyms(&[same("log.preallocate")])
        .doc("Whether a new segment takes its whole size on disk at once."),
    long("remote.copy.lag.bytes").scope(Topic).default("-1").at_least(-1).medium().synonyms(&[same("log.remote.copy.lag.bytes")])
        .doc("Bytes behind the end of the log at which a closed segment becomes due for upload; 0 at once, -1 follows the local retention."),
    long("remote.copy.lag.ms").scope(Topic).default("0").at_least(-1).medium().synonyms(&[same("log.remote.copy.lag.ms")])
        .doc("Age in ms at which a closed segment becomes due for upload; 0 at once, -1 follows the local retention."),
    boolean("remote.log.copy.disable").scope(Topic).default("false").medium()
        .doc("Stops further uploads; what is in the remote tier stays readable."),
    boolean("remote.log.delete.on.disable").scope(Topic).default("false").medium()
        .doc("Whether remote data goes when tiering is switched off for the topic."),
    boolean("remote.storage.enable").scope(Topic).default("false").medium()
        .doc("Whether old segments of the topic move to the remote tier."),
    long("retention.bytes").scope(Topic).default("-1").medium().synonyms(&[same("log.retention.bytes")])
        .doc("Size in bytes of a partition above which its oldest records go; -1 for no limit."),
    long("retention.ms").scope(Topic).default("604800000").at_least(-1).medium().synonyms(&[same("log.retention.ms"), minutes("log.retention.minutes"), hours("log.retention.hours")])
        .doc("How long in ms records are kept; -1 for ever."),
    int("segment.bytes").scope(Topic).default("1073741824").at_least(1048576).medium().synonyms(&[same("log.segment.bytes")])
        .doc("Size in bytes at which a new segment starts."),
    int("segment.index.bytes").scope(Topic).default("10485760").at_least(4).medium().synonyms(&[same("log.index.size.max.bytes")])
        .doc("Largest size in bytes of an offset or time index."),
    long("segment.jitter.ms").scope(Topic).default("0").at_least(0).medium().synonyms(&[same("log.roll.jitter.ms"), hours("log.roll.jitter.hours")])
        .doc("Most ms that are taken off the age of a new segment at random."),
    long("segment.ms").scope(Topic).default("604800000").at_least(1).medium().synonyms(&[same("log.roll.ms"), hours("log.roll.hours")])
        .doc("Age in ms at which a new segment starts even if it is not full."),
    boolean("unclean.leader.election.enable").scope(Topic).default("false").medium().synonyms(&[same("unclean.leader.election.enable")])
        .doc("Whether a replica that is not in sync may lead when no other is left, which can lose records."),
];

//! Broker-wide defaults and machinery of logs.
use crate::config::option::{
    Inert, Opt, Valid, boolean, double, hours, int, list, long, minutes, same, string,
};

#[rustfmt::skip]
pub(super) const OPTIONS: &[Opt] = &[
    list("log.dirs").high()
        .doc("Directories that hold the data, separated by commas; unset means `log.dir`."),
    list("log.dir").default("/tmp/kafka-logs").high()
        .doc("Directory that holds the data where `log.dirs` is unset."),
    list("cordoned.log.dirs").default("").medium().per_broker()
        .doc("Directories of `log.dirs` that take no new partitions; `*` for all of them."),
    long("log.dir.failure.timeout.ms").default("30000").at_least(1).low().inert(Inert::OneBroker)
        .doc("How long in ms a broker lives on when it cannot report a failed directory to the controller."),
    int("num.recovery.threads.per.data.dir").default("2").at_least(1).high().cluster_wide()
        .doc("Threads per directory that recover logs at the start and flush them at the stop."),
    int("num.replica.alter.log.dirs.threads").high().inert(Inert::Threads)
        .doc("Threads that move replicas between directories."),
    int("log.segment.bytes").default("1073741824").at_least(1048576).high().cluster_wide()
        .doc("Size in bytes at which a log starts a new segment."),
    long("log.roll.ms").high().cluster_wide().synonyms(&[hours("log.roll.hours")])
        .doc("Age in ms at which a log starts a new segment; unset means `log.roll.hours`."),
    int("log.roll.hours").default("168").at_least(1).high()
        .doc("Age in hours at which a log starts a new segment, where `log.roll.ms` is unset."),
    long("log.roll.jitter.ms").high().cluster_wide().synonyms(&[hours("log.roll.jitter.hours")])
        .doc("Most ms that are taken off the age of a new segment at random; unset means `log.roll.jitter.hours`."),
    int("log.roll.jitter.hours").default("0").at_least(0).high()
        .doc("Most hours that are taken off the age of a new segment at random, where `log.roll.jitter.ms` is unset."),
    int("log.index.size.max.bytes").default("10485760").at_least(4).medium().cluster_wide()
        .doc("Largest size in bytes of an offset or time index."),
    int("log.index.interval.bytes").default("4096").at_least(0).medium().cluster_wide()
        .doc("Bytes of records between two index entries."),
    boolean("log.preallocate").default("false").medium().cluster_wide()
        .doc("Whether a new segment takes its whole size on disk at once."),
    long("log.retention.ms").high().cluster_wide().synonyms(&[minutes("log.retention.minutes"), hours("log.retention.hours")])
        .doc("How long in ms records are kept, -1 for ever; unset means `log.retention.minutes`."),
    int("log.retention.minutes").high().synonyms(&[hours("log.retention.hours")])
        .doc("How long in minutes records are kept, where `log.retention.ms` is unset."),
    int("log.retention.hours").default("168").high()
        .doc("How long in hours records are kept, where neither ms nor minutes are given."),
    long("log.retention.bytes").default("-1").high().cluster_wide()
        .doc("Size in bytes of a partition above which its oldest records go; -1 for no limit."),
    long("log.retention.check.interval.ms").default("300000").at_least(1).medium()
        .doc("Interval in ms at which logs are looked at for expired records."),
    long("log.segment.delete.delay.ms").default("60000").at_least(0).high().cluster_wide()
        .doc("How long in ms a deleted file stays before it leaves the disk."),
    list("log.cleanup.policy").default("delete").one_of(&["compact", "delete"]).medium().cluster_wide()
        .doc("What happens to old records: `delete` them by age and size, `compact` them by key, both, or nothing."),
    long("log.local.retention.ms").default("-2").at_least(-2).medium().cluster_wide()
        .doc("How long in ms records of a tiered topic stay on the local disk; -2 follows the retention time."),
    long("log.local.retention.bytes").default("-2").at_least(-2).medium().cluster_wide()
        .doc("Bytes of a tiered partition that stay on the local disk; -2 follows the retention size."),
    long("log.remote.copy.lag.ms").default("0").at_least(-1).medium().cluster_wide()
        .doc("Age in ms at which a closed segment becomes due for upload; 0 at once, -1 follows the local retention."),
    long("log.remote.copy.lag.bytes").default("-1").at_least(-1).medium().cluster_wide()
        .doc("Bytes behind the end of the log at which a closed segment becomes due for upload; 0 at once, -1 follows the local retention."),
    long("log.flush.interval.messages").default("9223372036854775807").at_least(1).high().cluster_wide()
        .doc("Records after which a log is flushed to disk. 1 makes every acknowledged record durable and hides it from readers until then."),
    long("log.flush.interval.ms").high().cluster_wide().synonyms(&[same("log.flush.scheduler.interval.ms")])
        .doc("Longest time in ms that a record stays unflushed; unset means `log.flush.scheduler.interval.ms`."),
    long("log.flush.scheduler.interval.ms").default("9223372036854775807").high()
        .doc("Interval in ms at which logs are looked at for a flush that is due."),
    int("log.flush.offset.checkpoint.interval.ms").default("60000").at_least(0).high()
        .doc("Interval in ms at which recovery points are written."),
    int("log.flush.start.offset.checkpoint.interval.ms").default("60000").at_least(0).high()
        .doc("Interval in ms at which log start offsets are written."),
    long("log.initial.task.delay.ms").default("30000").at_least(0).low().internal().inert(Inert::KafkaTests)
        .doc("Delay in ms before the first run of the log's background tasks."),
    string("log.message.timestamp.type").default("CreateTime").one_of(&["CreateTime", "LogAppendTime"]).medium().cluster_wide()
        .doc("Whose time a record carries: the producer's (CreateTime) or the broker's (LogAppendTime)."),
    long("log.message.timestamp.before.max.ms").default("9223372036854775807").at_least(0).medium().cluster_wide()
        .doc("How far in ms a record's time may lie behind the broker's clock, for CreateTime."),
    long("log.message.timestamp.after.max.ms").default("3600000").at_least(0).medium().cluster_wide()
        .doc("How far in ms a record's time may lie ahead of the broker's clock, for CreateTime."),
    int("message.max.bytes").default("1048588").at_least(0).high().cluster_wide()
        .doc("Largest record batch in bytes, as it is stored."),
    int("max.decompressed.message.bytes").default("2147483639").between(1, 2147483639).medium().cluster_wide()
        .doc("Largest size in bytes of a single record after decompression."),
    string("compression.type").default("producer").one_of(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"]).high().cluster_wide()
        .doc("Codec in which batches are stored; `producer` leaves them as they came."),
    int("compression.gzip.level").default("-1").valid(Valid::GzipLevel).medium().cluster_wide()
        .doc("Level for batches that the broker compresses by gzip; -1 for the codec's own default."),
    int("compression.lz4.level").default("9").between(1, 17).medium().cluster_wide()
        .doc("Level for batches that the broker compresses by lz4."),
    int("compression.zstd.level").default("3").between(-131072, 22).medium().cluster_wide()
        .doc("Level for batches that the broker compresses by zstd."),
    boolean("log.cleaner.enable").default("true").medium()
        .doc("Whether compaction runs at all."),
    int("log.cleaner.threads").default("1").at_least(0).medium().cluster_wide()
        .doc("Threads that compact logs."),
    long("log.cleaner.backoff.ms").default("15000").at_least(0).medium().cluster_wide()
        .doc("Pause in ms when no log needs compaction."),
    long("log.cleaner.dedupe.buffer.size").default("134217728").medium().cluster_wide()
        .doc("Memory in bytes for the key tables of compaction."),
    int("log.cleaner.io.buffer.size").default("524288").at_least(0).medium().cluster_wide()
        .doc("Memory in bytes for the read and write buffers of compaction."),
    double("log.cleaner.io.buffer.load.factor").default("0.9").medium().cluster_wide()
        .doc("How full a key table of compaction may get, as a fraction."),
    double("log.cleaner.io.max.bytes.per.second").default("1.7976931348623157E308").medium().cluster_wide()
        .doc("Bytes per second that compaction reads and writes at most."),
    long("log.cleaner.delete.retention.ms").default("86400000").at_least(0).medium().cluster_wide()
        .doc("How long in ms a compacted log keeps the markers of deleted keys."),
    double("log.cleaner.min.cleanable.ratio").default("0.5").fraction(1.0).medium().cluster_wide()
        .doc("Fraction of a log that must be uncompacted before compaction is due."),
    long("log.cleaner.min.compaction.lag.ms").default("0").at_least(0).medium().cluster_wide()
        .doc("How long in ms a record is left alone by compaction."),
    long("log.cleaner.max.compaction.lag.ms").default("9223372036854775807").at_least(1).medium().cluster_wide()
        .doc("After how many ms at the latest a record becomes due for compaction."),
    int("producer.id.expiration.ms").default("86400000").at_least(1).low().cluster_wide()
        .doc("How long in ms a partition remembers an idempotent producer that writes nothing."),
    int("producer.id.expiration.check.interval.ms").default("600000").at_least(1).low().internal()
        .doc("Interval in ms at which forgotten producers are looked for."),
    int("delete.records.purgatory.purge.interval.requests").default("1").medium().inert(Inert::Waiters)
        .doc("Requests after which finished DeleteRecords waits are cleared away."),
    int("fetch.purgatory.purge.interval.requests").default("1000").medium().inert(Inert::Waiters)
        .doc("Requests after which finished fetch waits are cleared away."),
    int("producer.purgatory.purge.interval.requests").default("1000").medium().inert(Inert::Waiters)
        .doc("Requests after which finished produce waits are cleared away."),
];

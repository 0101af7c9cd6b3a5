//! Tiered storage.
use crate::config::option::{Inert, Opt, Valid, boolean, double, int, long, string};

#[rustfmt::skip]
pub(super) const OPTIONS: &[Opt] = &[
    boolean("remote.log.storage.system.enable").default("false").medium()
        .doc("Whether topics of this broker can be tiered. It needs `klamm.remote.url`."),
    string("remote.log.storage.manager.class.name").valid(Valid::NonEmpty).medium().inert(Inert::Java)
        .doc("Java class that stores segments remotely."),
    string("remote.log.storage.manager.class.path").medium().inert(Inert::Java)
        .doc("Class path of the remote storage class."),
    string("remote.log.storage.manager.impl.prefix").default("rsm.config.").valid(Valid::NonEmpty).medium().inert(Inert::Java)
        .doc("Prefix of options that are handed to the remote storage class."),
    string("remote.log.metadata.manager.class.name").default("org.apache.kafka.server.log.remote.metadata.storage.TopicBasedRemoteLogMetadataManager").valid(Valid::NonEmpty).medium().inert(Inert::Java)
        .doc("Java class that keeps the list of remote segments."),
    string("remote.log.metadata.manager.class.path").medium().inert(Inert::Java)
        .doc("Class path of the class that keeps the list of remote segments."),
    string("remote.log.metadata.manager.impl.prefix").default("rlmm.config.").valid(Valid::NonEmpty).medium().inert(Inert::Java)
        .doc("Prefix of options that are handed to the class that keeps the list of remote segments."),
    string("remote.log.metadata.manager.listener.name").valid(Valid::NonEmpty).medium().inert(Inert::Java)
        .doc("Listener over which the class that keeps the list of remote segments reaches the broker."),
    int("remote.log.metadata.custom.metadata.max.bytes").default("128").at_least(0).low().inert(Inert::Java)
        .doc("Largest note in bytes that the remote store may attach to a segment."),
    long("remote.log.index.file.cache.total.size.bytes").default("1073741824").at_least(1).low().cluster_wide().inert(Inert::Threads)
        .doc("Bytes of local disk for indexes fetched from the remote tier."),
    long("remote.log.index.file.cache.ttl.ms").default("900000").at_least(-1).low().internal().inert(Inert::Threads)
        .doc("How long in ms a fetched index stays after its last use; -1 for ever."),
    long("remote.log.manager.task.interval.ms").default("30000").at_least(1).low()
        .doc("Interval in ms at which segments are uploaded and remote ones expire."),
    long("remote.log.manager.task.retry.backoff.ms").default("500").at_least(1).low().internal()
        .doc("First pause in ms before a failed remote request is repeated."),
    long("remote.log.manager.task.retry.backoff.max.ms").default("30000").at_least(1).low().internal()
        .doc("Longest pause in ms before a failed remote request is repeated."),
    double("remote.log.manager.task.retry.jitter").default("0.2").fraction(0.5).low().internal()
        .doc("Random share, as a fraction, by which the pause before a repeated remote request varies."),
    int("remote.log.manager.copier.thread.pool.size").default("10").at_least(1).medium().cluster_wide()
        .doc("Partitions whose uploads run at one time."),
    int("remote.log.manager.expiration.thread.pool.size").default("10").at_least(1).medium().cluster_wide().inert(Inert::Threads)
        .doc("Clean-ups of remote segments that run at one time."),
    int("remote.log.manager.follower.thread.pool.size").default("2").at_least(1).medium().cluster_wide().inert(Inert::OneBroker)
        .doc("Threads by which followers look up what is in the remote tier."),
    int("remote.log.manager.thread.pool.size").default("2").at_least(1).medium().inert(Inert::OneBroker)
        .doc("Older name of `remote.log.manager.follower.thread.pool.size`."),
    long("remote.log.manager.copy.max.bytes.per.second").default("9223372036854775807").at_least(1).medium().cluster_wide()
        .doc("Bytes per second that uploads take at most."),
    int("remote.log.manager.copy.quota.window.num").default("11").at_least(1).medium().inert(Inert::Threads)
        .doc("Samples over which the upload rate is measured."),
    int("remote.log.manager.copy.quota.window.size.seconds").default("1").at_least(1).medium().inert(Inert::Threads)
        .doc("Length in seconds of each sample of the upload rate."),
    long("remote.log.manager.fetch.max.bytes.per.second").default("9223372036854775807").at_least(1).medium().cluster_wide()
        .doc("Bytes per second that remote reads take at most."),
    int("remote.log.manager.fetch.quota.window.num").default("11").at_least(1).medium().inert(Inert::Threads)
        .doc("Samples over which the rate of remote reads is measured."),
    int("remote.log.manager.fetch.quota.window.size.seconds").default("1").at_least(1).medium().inert(Inert::Threads)
        .doc("Length in seconds of each sample of the rate of remote reads."),
    int("remote.log.reader.threads").default("10").at_least(1).medium().cluster_wide().inert(Inert::Threads)
        .doc("Remote reads that run at one time."),
    int("remote.log.reader.max.pending.tasks").default("100").at_least(1).medium().inert(Inert::Threads)
        .doc("Remote reads that may wait; a fetch beyond that gets an error."),
    int("remote.fetch.max.wait.ms").default("500").at_least(1).medium().cluster_wide()
        .doc("How long in ms a fetch waits for remote data."),
    long("remote.list.offsets.request.timeout.ms").default("30000").at_least(1).medium().cluster_wide()
        .doc("How long in ms a search for an offset in the remote tier may take."),
    boolean("follower.fetch.last.tiered.offset.enable").default("false").medium().cluster_wide().inert(Inert::OneBroker)
        .doc("Whether an empty follower starts after what is in the remote tier already."),
];

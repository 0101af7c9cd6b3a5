//! Share groups, their coordinator, and streams groups.
use crate::config::option::{Inert, Opt, boolean, class, int, list, long, short, string};

#[rustfmt::skip]
pub(super) const OPTIONS: &[Opt] = &[
    list("group.share.assignors").default("simple").medium().pending()
        .doc("Assignor of share groups; one entry: simple."),
    boolean("group.share.assignor.offload.enable").default("true").medium().cluster_wide().internal().pending()
        .doc("Whether assignments of share groups are computed in the background."),
    string("group.share.dlq.manager.class.name").default("org.apache.kafka.server.share.dlq.DefaultShareGroupDLQManager").medium().internal().inert(Inert::Java)
        .doc("Java class that writes to dead-letter topics."),
    string("group.share.persister.class.name").default("org.apache.kafka.server.share.persister.DefaultStatePersister").medium().internal().inert(Inert::Java)
        .doc("Java class that keeps the state of share groups."),
    int("group.share.initialize.retry.interval.ms").default("30000").at_least(1).low().internal().pending()
        .doc("Pause in ms before the state of a share partition is set up again after a failure."),
    int("group.share.max.size").default("200").between(1, 1000).medium().pending()
        .doc("Most members of a share group."),
    int("group.share.max.share.sessions").default("2000").at_least(1).medium().pending()
        .doc("Share sessions that are remembered at one time."),
    int("group.share.assignment.interval.ms").default("1000").at_least(0).medium().cluster_wide().pending()
        .doc("Shortest time in ms between two assignments of a share group."),
    int("group.share.min.assignment.interval.ms").default("0").at_least(0).medium().pending()
        .doc("Lower limit in ms for `share.assignment.interval.ms` of a group."),
    int("group.share.max.assignment.interval.ms").default("15000").at_least(0).medium().pending()
        .doc("Upper limit in ms for `share.assignment.interval.ms` of a group."),
    int("group.share.delivery.count.limit").default("5").between(2, 10).medium().pending()
        .doc("How often a record is delivered to a share group before it is given up."),
    int("group.share.min.delivery.count.limit").default("2").between(2, 5).medium().pending()
        .doc("Lower limit for `share.delivery.count.limit` of a group."),
    int("group.share.max.delivery.count.limit").default("10").between(5, 25).medium().pending()
        .doc("Upper limit for `share.delivery.count.limit` of a group."),
    int("group.share.heartbeat.interval.ms").default("5000").at_least(1).medium().pending()
        .doc("Heartbeat interval in ms that share group members are told."),
    int("group.share.min.heartbeat.interval.ms").default("5000").at_least(1).medium().pending()
        .doc("Lower limit in ms for `share.heartbeat.interval.ms` of a group."),
    int("group.share.max.heartbeat.interval.ms").default("15000").at_least(1).medium().pending()
        .doc("Upper limit in ms for `share.heartbeat.interval.ms` of a group."),
    int("group.share.partition.max.record.locks").default("2000").between(100, 10000).medium().pending()
        .doc("Records of one partition that a share group may hold locked at one time."),
    int("group.share.min.partition.max.record.locks").default("100").between(100, 2000).medium().pending()
        .doc("Lower limit for `share.partition.max.record.locks` of a group."),
    int("group.share.max.partition.max.record.locks").default("4000").between(2000, 10000).medium().pending()
        .doc("Upper limit for `share.partition.max.record.locks` of a group."),
    int("group.share.record.lock.duration.ms").default("30000").between(1000, 3600000).medium().pending()
        .doc("How long in ms a delivered record stays locked for its consumer."),
    int("group.share.min.record.lock.duration.ms").default("15000").between(1000, 30000).medium().pending()
        .doc("Lower limit in ms for `share.record.lock.duration.ms` of a group."),
    int("group.share.max.record.lock.duration.ms").default("60000").between(30000, 3600000).medium().pending()
        .doc("Upper limit in ms for `share.record.lock.duration.ms` of a group."),
    int("group.share.session.timeout.ms").default("45000").at_least(1).medium().pending()
        .doc("After how many silent ms a share group member counts as gone."),
    int("group.share.min.session.timeout.ms").default("45000").at_least(1).medium().pending()
        .doc("Lower limit in ms for `share.session.timeout.ms` of a group."),
    int("group.share.max.session.timeout.ms").default("60000").at_least(1).medium().pending()
        .doc("Upper limit in ms for `share.session.timeout.ms` of a group."),
    int("share.coordinator.append.linger.ms").default("-1").at_least(-1).medium().pending()
        .doc("How long in ms the share coordinator gathers writes before it appends them; -1 adapts to the load."),
    int("share.coordinator.cached.buffer.max.bytes").default("1048588").at_least(524288).medium().cluster_wide().inert(Inert::Threads)
        .doc("Largest write buffer in bytes that the share coordinator keeps for reuse."),
    int("share.coordinator.cold.partition.snapshot.interval.ms").default("300000").at_least(1).low().internal().pending()
        .doc("Interval in ms at which share partitions without updates are written as a snapshot."),
    int("share.coordinator.load.buffer.size").default("5242880").at_least(1).high().pending()
        .doc("Bytes that are read at a time while share state is loaded."),
    int("share.coordinator.snapshot.update.records.per.snapshot").default("500").between(0, 500).medium().pending()
        .doc("Update records between two snapshots of a share partition."),
    int("share.coordinator.state.topic.compression.codec").default("0").high().pending()
        .doc("Codec number of the records in the share state topic; 0 for none."),
    short("share.coordinator.state.topic.min.isr").default("2").at_least(1).high().pending()
        .doc("In-sync replicas that a write to the share state topic needs."),
    int("share.coordinator.state.topic.num.partitions").default("50").at_least(1).high().pending()
        .doc("Partitions of the share state topic when it is created."),
    int("share.coordinator.state.topic.prune.interval.ms").default("300000").at_least(1).low().internal().pending()
        .doc("Interval in ms at which superseded records of the share state topic are removed."),
    short("share.coordinator.state.topic.replication.factor").default("3").at_least(1).high().pending()
        .doc("Replicas of the share state topic."),
    int("share.coordinator.state.topic.segment.bytes").default("104857600").at_least(1).high().pending()
        .doc("Segment size in bytes of the share state topic."),
    int("share.coordinator.threads").default("1").at_least(1).medium().inert(Inert::Threads)
        .doc("Threads of the share coordinator."),
    int("share.coordinator.write.timeout.ms").default("5000").at_least(1).high().pending()
        .doc("How long in ms a write to the share state topic may take."),
    int("share.fetch.purgatory.purge.interval.requests").default("1000").medium().inert(Inert::Waiters)
        .doc("Requests after which finished share fetch waits are cleared away."),
    boolean("errors.deadletterqueue.auto.create.topics.enable").default("false").medium().cluster_wide().pending()
        .doc("Whether a missing dead-letter topic of a share group is created."),
    string("errors.deadletterqueue.topic.name.prefix").default("dlq.").medium().cluster_wide().pending()
        .doc("How the names of dead-letter topics must begin; empty for no rule."),
    list("group.streams.assignors").default("sticky").medium().pending()
        .doc("Assignors of streams groups, the first one being the default."),
    boolean("group.streams.assignor.offload.enable").default("true").medium().cluster_wide().internal().pending()
        .doc("Whether assignments of streams groups are computed in the background."),
    long("group.streams.acceptable.recovery.lag").default("10000").at_least(0).medium().internal().pending()
        .doc("Offsets that a client may be behind and still take over an active task."),
    int("group.streams.max.size").default("2147483647").at_least(1).medium().pending()
        .doc("Most members of a streams group."),
    int("group.streams.initial.rebalance.delay.ms").default("3000").at_least(0).medium().pending()
        .doc("How long in ms the first rebalance of a streams group waits for more members."),
    int("group.streams.assignment.interval.ms").default("1000").at_least(0).medium().cluster_wide().pending()
        .doc("Shortest time in ms between two assignments of a streams group."),
    int("group.streams.min.assignment.interval.ms").default("0").at_least(0).medium().pending()
        .doc("Lower limit in ms for `streams.assignment.interval.ms` of a group."),
    int("group.streams.max.assignment.interval.ms").default("15000").at_least(0).medium().pending()
        .doc("Upper limit in ms for `streams.assignment.interval.ms` of a group."),
    int("group.streams.heartbeat.interval.ms").default("5000").at_least(1).medium().pending()
        .doc("Heartbeat interval in ms that streams group members are told."),
    int("group.streams.min.heartbeat.interval.ms").default("5000").at_least(1).medium().pending()
        .doc("Lower limit in ms for `streams.heartbeat.interval.ms` of a group."),
    int("group.streams.max.heartbeat.interval.ms").default("15000").at_least(1).medium().pending()
        .doc("Upper limit in ms for `streams.heartbeat.interval.ms` of a group."),
    int("group.streams.session.timeout.ms").default("45000").at_least(1).medium().pending()
        .doc("After how many silent ms a streams group member counts as gone."),
    int("group.streams.min.session.timeout.ms").default("45000").at_least(1).medium().pending()
        .doc("Lower limit in ms for `streams.session.timeout.ms` of a group."),
    int("group.streams.max.session.timeout.ms").default("60000").at_least(1).medium().pending()
        .doc("Upper limit in ms for `streams.session.timeout.ms` of a group."),
    int("group.streams.num.standby.replicas").default("0").at_least(0).medium().pending()
        .doc("Standby copies of each task."),
    int("group.streams.max.standby.replicas").default("2").at_least(0).medium().pending()
        .doc("Upper limit for `streams.num.standby.replicas` of a group."),
    int("group.streams.num.warmup.replicas").default("2").at_least(0).medium().internal().pending()
        .doc("Most tasks that warm up elsewhere at one time."),
    int("group.streams.max.warmup.replicas").default("20").at_least(0).medium().internal().pending()
        .doc("Upper limit for `streams.num.warmup.replicas` of a group."),
    list("group.streams.rack.aware.assignment.tags").default("").low().pending()
        .doc("Client tags over which standby tasks are spread."),
    int("group.streams.task.offset.interval.ms").default("60000").at_least(1).medium().internal().pending()
        .doc("Interval in ms at which clients report the progress of warming tasks."),
    int("group.streams.min.task.offset.interval.ms").default("15000").at_least(1).medium().internal().pending()
        .doc("Lower limit in ms for `streams.task.offset.interval.ms` of a group."),
    class("group.streams.topology.description.plugin.class").medium().inert(Inert::Java)
        .doc("Java class that stores the topologies of streams groups."),
];

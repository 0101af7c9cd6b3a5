//! Groups and their committed offsets: the broker's options and each group's own.
use crate::config::option::Scope::Group;
use crate::config::option::{Inert, Opt, Valid, boolean, first, int, list, long, same, short, string};

#[rustfmt::skip]
pub(super) const OPTIONS: &[Opt] = &[
    int("group.initial.rebalance.delay.ms").default("3000").medium()
        .doc("How long in ms the first rebalance of an empty classic group waits for more members."),
    int("group.min.session.timeout.ms").default("6000").medium()
        .doc("Shortest session timeout in ms that a classic member may ask for."),
    int("group.max.session.timeout.ms").default("1800000").medium()
        .doc("Longest session timeout in ms that a classic member may ask for."),
    int("group.max.size").default("2147483647").at_least(1).medium()
        .doc("Most members of a classic group."),
    list("group.coordinator.rebalance.protocols").default("classic,consumer,streams").one_of(&["consumer", "classic", "share", "streams"]).medium().pending()
        .doc("Group protocols that are served: classic, consumer, share, streams."),
    int("group.coordinator.threads").default("4").at_least(1).high().inert(Inert::Threads)
        .doc("Threads of the group coordinator."),
    int("group.coordinator.background.threads").default("2").at_least(1).high().inert(Inert::Threads)
        .doc("Threads for the coordinator's slow work, such as regular expressions."),
    int("group.coordinator.append.linger.ms").default("-1").at_least(-1).medium().pending()
        .doc("How long in ms the coordinator gathers writes before it appends them; -1 adapts to the load."),
    int("group.coordinator.cached.buffer.max.bytes").default("1048588").at_least(524288).medium().cluster_wide().inert(Inert::Threads)
        .doc("Largest write buffer in bytes that the coordinator keeps for reuse."),
    list("group.consumer.assignors").default("uniform,range").medium()
        .doc("Assignors of consumer groups, the first one being the default: uniform, range."),
    boolean("group.consumer.assignor.offload.enable").default("true").medium().cluster_wide().internal().pending()
        .doc("Whether assignments of consumer groups are computed in the background."),
    string("group.consumer.migration.policy").default("bidirectional").one_of_any_case(&["DISABLED", "DOWNGRADE", "UPGRADE", "BIDIRECTIONAL"]).medium()
        .doc("Whether live groups may turn from classic to consumer (upgrade), back (downgrade), both ways, or not at all."),
    int("group.consumer.max.size").default("2147483647").at_least(1).medium()
        .doc("Most members of a consumer group."),
    int("group.consumer.regex.refresh.interval.ms").default("600000").at_least(10000).medium().internal()
        .doc("Interval in ms at which subscribed patterns are matched against the topics anew."),
    int("group.consumer.assignment.interval.ms").default("1000").at_least(0).medium().cluster_wide()
        .doc("Shortest time in ms between two assignments of a consumer group."),
    int("group.consumer.min.assignment.interval.ms").default("0").at_least(0).medium()
        .doc("Lower limit in ms for `consumer.assignment.interval.ms` of a group."),
    int("group.consumer.max.assignment.interval.ms").default("15000").at_least(0).medium()
        .doc("Upper limit in ms for `consumer.assignment.interval.ms` of a group."),
    int("group.consumer.heartbeat.interval.ms").default("5000").at_least(1).medium()
        .doc("Heartbeat interval in ms that consumer group members are told."),
    int("group.consumer.min.heartbeat.interval.ms").default("5000").at_least(1).medium()
        .doc("Lower limit in ms for `consumer.heartbeat.interval.ms` of a group."),
    int("group.consumer.max.heartbeat.interval.ms").default("15000").at_least(1).medium()
        .doc("Upper limit in ms for `consumer.heartbeat.interval.ms` of a group."),
    int("group.consumer.session.timeout.ms").default("45000").at_least(1).medium()
        .doc("After how many silent ms a consumer group member counts as gone."),
    int("group.consumer.min.session.timeout.ms").default("45000").at_least(1).medium()
        .doc("Lower limit in ms for `consumer.session.timeout.ms` of a group."),
    int("group.consumer.max.session.timeout.ms").default("60000").at_least(1).medium()
        .doc("Upper limit in ms for `consumer.session.timeout.ms` of a group."),
    int("offset.metadata.max.bytes").default("4096").high()
        .doc("Longest note in bytes that a client may commit with an offset."),
    int("offsets.commit.timeout.ms").default("5000").at_least(1).high().pending()
        .doc("How long in ms a commit may take to become durable."),
    int("offsets.load.buffer.size").default("5242880").at_least(1).high().pending()
        .doc("Bytes that are read at a time while group state is loaded."),
    long("offsets.retention.check.interval.ms").default("600000").at_least(1).high()
        .doc("Interval in ms at which expired committed offsets are looked for."),
    int("offsets.retention.minutes").default("10080").at_least(1).high()
        .doc("How long in minutes the offsets of an empty group are kept."),
    int("offsets.topic.compression.codec").default("0").high().pending()
        .doc("Codec number of the records in the offsets topic; 0 for none."),
    int("offsets.topic.num.partitions").default("50").at_least(1).high()
        .doc("Partitions of the offsets topic when it is created."),
    short("offsets.topic.replication.factor").default("3").at_least(1).high()
        .doc("Replicas of the offsets topic."),
    int("offsets.topic.segment.bytes").default("104857600").at_least(1).high()
        .doc("Segment size in bytes of the offsets topic."),
    int("consumer.assignment.interval.ms").scope(Group).default("1000").at_least(0).medium().synonyms(&[same("group.consumer.assignment.interval.ms")])
        .doc("Shortest time in ms between two assignments of this consumer group."),
    boolean("consumer.assignor.offload.enable").scope(Group).default("true").medium().internal().synonyms(&[same("group.consumer.assignor.offload.enable")]).pending()
        .doc("Whether assignments of this consumer group are computed in the background."),
    int("consumer.heartbeat.interval.ms").scope(Group).default("5000").at_least(1).medium().synonyms(&[same("group.consumer.heartbeat.interval.ms")])
        .doc("Heartbeat interval in ms that members of this consumer group are told."),
    int("consumer.session.timeout.ms").scope(Group).default("45000").at_least(1).medium().synonyms(&[same("group.consumer.session.timeout.ms")])
        .doc("After how many silent ms a member of this consumer group counts as gone."),
    boolean("errors.deadletterqueue.copy.record.enable").scope(Group).default("false").medium().pending()
        .doc("Whether an undeliverable record is copied whole to the dead-letter topic or only described in headers."),
    string("errors.deadletterqueue.topic.name").scope(Group).default("").medium().pending()
        .doc("Topic that takes what this share group could not deliver; empty for none."),
    int("share.assignment.interval.ms").scope(Group).default("1000").at_least(0).medium().synonyms(&[same("group.share.assignment.interval.ms")]).pending()
        .doc("Shortest time in ms between two assignments of this share group."),
    boolean("share.assignor.offload.enable").scope(Group).default("true").medium().internal().synonyms(&[same("group.share.assignor.offload.enable")]).pending()
        .doc("Whether assignments of this share group are computed in the background."),
    string("share.auto.offset.reset").scope(Group).default("latest").valid(Valid::OffsetReset).medium().pending()
        .doc("Where this share group starts on a partition: `earliest`, `latest`, or `by_duration:` and an ISO 8601 duration back from now."),
    int("share.delivery.count.limit").scope(Group).default("5").at_least(2).medium().synonyms(&[same("group.share.delivery.count.limit")]).pending()
        .doc("How often a record is delivered to this share group before it is given up."),
    int("share.heartbeat.interval.ms").scope(Group).default("5000").at_least(1).medium().synonyms(&[same("group.share.heartbeat.interval.ms")]).pending()
        .doc("Heartbeat interval in ms that members of this share group are told."),
    string("share.isolation.level").scope(Group).default("read_uncommitted").one_of(&["read_committed", "read_uncommitted"]).medium().pending()
        .doc("Whether this share group sees records of transactions that are open or aborted."),
    int("share.partition.max.record.locks").scope(Group).default("2000").at_least(100).medium().synonyms(&[same("group.share.partition.max.record.locks")]).pending()
        .doc("Records of one partition that this share group may hold locked at one time."),
    int("share.record.lock.duration.ms").scope(Group).default("30000").at_least(1000).medium().synonyms(&[same("group.share.record.lock.duration.ms")]).pending()
        .doc("How long in ms a delivered record stays locked for its consumer."),
    boolean("share.renew.acknowledge.enable").scope(Group).default("true").medium().pending()
        .doc("Whether a consumer of this share group may renew its locks."),
    int("share.session.timeout.ms").scope(Group).default("45000").at_least(1).medium().synonyms(&[same("group.share.session.timeout.ms")]).pending()
        .doc("After how many silent ms a member of this share group counts as gone."),
    long("streams.acceptable.recovery.lag").scope(Group).default("10000").at_least(0).medium().internal().synonyms(&[same("group.streams.acceptable.recovery.lag")]).pending()
        .doc("Offsets that a client may be behind and still take over an active task."),
    int("streams.assignment.interval.ms").scope(Group).default("1000").at_least(0).medium().synonyms(&[same("group.streams.assignment.interval.ms")]).pending()
        .doc("Shortest time in ms between two assignments of this streams group."),
    string("streams.assignor.name").scope(Group).medium().synonyms(&[first("group.streams.assignors")]).pending()
        .doc("Assignor of this streams group; unset means the first of `group.streams.assignors`."),
    boolean("streams.assignor.offload.enable").scope(Group).default("true").medium().internal().synonyms(&[same("group.streams.assignor.offload.enable")]).pending()
        .doc("Whether assignments of this streams group are computed in the background."),
    int("streams.heartbeat.interval.ms").scope(Group).default("5000").at_least(1).medium().synonyms(&[same("group.streams.heartbeat.interval.ms")]).pending()
        .doc("Heartbeat interval in ms that members of this streams group are told."),
    int("streams.initial.rebalance.delay.ms").scope(Group).default("3000").at_least(0).medium().synonyms(&[same("group.streams.initial.rebalance.delay.ms")]).pending()
        .doc("How long in ms the first rebalance of this streams group waits for more members."),
    int("streams.num.standby.replicas").scope(Group).default("0").at_least(0).medium().synonyms(&[same("group.streams.num.standby.replicas")]).pending()
        .doc("Standby copies of each task."),
    int("streams.num.warmup.replicas").scope(Group).default("2").at_least(0).medium().internal().synonyms(&[same("group.streams.num.warmup.replicas")]).pending()
        .doc("Most tasks that warm up elsewhere at one time."),
    list("streams.rack.aware.assignment.tags").scope(Group).default("").low().synonyms(&[same("group.streams.rack.aware.assignment.tags")]).pending()
        .doc("Client tags over which standby tasks are spread."),
    int("streams.session.timeout.ms").scope(Group).default("45000").at_least(1).medium().synonyms(&[same("group.streams.session.timeout.ms")]).pending()
        .doc("After how many silent ms a member of this streams group counts as gone."),
    int("streams.task.offset.interval.ms").scope(Group).default("60000").at_least(1).medium().internal().synonyms(&[same("group.streams.task.offset.interval.ms")]).pending()
        .doc("Interval in ms at which clients report the progress of warming tasks."),
];

//! Identity and roles of the node, the metadata quorum and its log, defaults of new topics.
use crate::config::option::{Inert, Opt, boolean, class, int, list, long, string};

#[rustfmt::skip]
pub(super) const OPTIONS: &[Opt] = &[
    int("node.id").required().at_least(0).high()
        .doc("Id of this node in the cluster."),
    int("broker.id").default("-1").high()
        .doc("Older name of `node.id`; where both stand they must agree."),
    list("process.roles").required().one_of(&["broker", "controller"]).high()
        .doc("Roles of this process. Klamm always plays both, broker and controller."),
    string("broker.rack").medium()
        .doc("Rack of this node, as it is told to clients that place or read replicas by rack."),
    list("controller.listener.names").required().high()
        .doc("Names of those listeners that serve the controller's side."),
    list("controller.quorum.voters").default("").high()
        .doc("The metadata quorum, as `id@host:port` entries. Klamm accepts only itself as a voter."),
    list("controller.quorum.bootstrap.servers").default("").high().inert(Inert::OneVoter)
        .doc("Where to find the metadata quorum, as `host:port` entries."),
    int("controller.quorum.append.linger.ms").default("25").at_least(0).medium().inert(Inert::OneVoter)
        .doc("How long in ms the quorum's leader gathers writes before it flushes them."),
    boolean("controller.quorum.auto.join.enable").default("false").low().inert(Inert::OneVoter)
        .doc("Whether a controller joins the quorum by itself."),
    int("controller.quorum.election.backoff.max.ms").default("1000").at_least(0).high().inert(Inert::OneVoter)
        .doc("Longest pause in ms between elections of the metadata quorum."),
    int("controller.quorum.election.timeout.ms").default("1000").at_least(0).high().inert(Inert::OneVoter)
        .doc("How long in ms a voter waits for the leader before it calls an election."),
    int("controller.quorum.fetch.max.bytes").default("1048576").at_least(1).low().inert(Inert::OneVoter)
        .doc("Most bytes that one fetch within the metadata quorum returns."),
    int("controller.quorum.fetch.snapshot.max.bytes").default("1048576").at_least(1).low().inert(Inert::OneVoter)
        .doc("Most bytes that one snapshot fetch within the metadata quorum returns."),
    int("controller.quorum.fetch.timeout.ms").default("2000").at_least(0).high().inert(Inert::OneVoter)
        .doc("How long in ms a voter or leader of the metadata quorum lives without a fetch."),
    int("controller.quorum.request.timeout.ms").default("2000").at_least(0).medium().inert(Inert::OneVoter)
        .doc("How long in ms a request within the metadata quorum may take."),
    int("controller.quorum.retry.backoff.ms").default("20").at_least(0).low().inert(Inert::OneVoter)
        .doc("Pause in ms before a failed request within the metadata quorum is sent again."),
    int("controller.socket.timeout.ms").default("30000").medium().inert(Inert::OneVoter)
        .doc("Socket timeout in ms between controller and broker."),
    long("controller.performance.always.log.threshold.ms").default("2000").at_least(0).medium().internal().inert(Inert::KafkaTests)
        .doc("Controller events slower than this many ms are always logged."),
    long("controller.performance.sample.period.ms").default("60000").at_least(100).medium().internal().inert(Inert::KafkaTests)
        .doc("Interval in ms of the controller's performance log lines."),
    boolean("controlled.shutdown.enable").default("true").medium().inert(Inert::OneBroker)
        .doc("Whether leadership moves to other brokers before a stop."),
    int("broker.heartbeat.interval.ms").default("2000").medium().inert(Inert::OneBroker)
        .doc("Interval in ms of the broker's heartbeats to the controller."),
    int("broker.session.timeout.ms").default("9000").medium().inert(Inert::OneBroker)
        .doc("How long in ms the controller keeps a broker that sends no heartbeat."),
    int("initial.broker.registration.timeout.ms").default("60000").medium().inert(Inert::OneBroker)
        .doc("How long in ms a starting broker tries to register with the controller."),
    long("server.max.startup.time.ms").default("9223372036854775807").at_least(0).medium().internal().inert(Inert::KafkaTests)
        .doc("How long in ms a start may take."),
    string("metadata.log.dir").high()
        .doc("Directory of the metadata log; unset means the first of `log.dirs`."),
    int("metadata.log.segment.bytes").default("1073741824").at_least(8388608).high()
        .doc("Size in bytes at which the metadata log starts a new segment."),
    long("metadata.log.segment.ms").default("604800000").high()
        .doc("Age in ms at which the metadata log starts a new segment."),
    long("metadata.log.max.record.bytes.between.snapshots").default("20971520").at_least(1).high()
        .doc("Bytes of metadata records after which a new snapshot is written."),
    long("metadata.log.max.snapshot.interval.ms").default("3600000").at_least(0).high()
        .doc("Longest time in ms between snapshots while there are new metadata records; 0 for no limit."),
    int("metadata.max.idle.interval.ms").default("500").at_least(0).low().inert(Inert::OneVoter)
        .doc("Interval in ms at which an idle controller writes no-op records; 0 for never."),
    long("metadata.max.retention.bytes").default("104857600").high()
        .doc("Size in bytes of metadata log and snapshots above which old ones are deleted."),
    long("metadata.max.retention.ms").default("604800000").high()
        .doc("Age in ms after which old metadata segments and snapshots are deleted."),
    long("internal.metadata.delete.delay.millis").default("60000").low().internal().inert(Inert::KafkaTests)
        .doc("Delay in ms before files of the metadata log are deleted."),
    int("internal.metadata.log.segment.bytes").low().internal().inert(Inert::KafkaTests)
        .doc("Segment size of the metadata log in bytes, for tests."),
    int("internal.metadata.max.batch.size.in.bytes").default("8388608").low().internal().inert(Inert::KafkaTests)
        .doc("Largest batch in bytes of the metadata log, for tests."),
    boolean("auto.create.topics.enable").default("true").high()
        .doc("Whether naming an unknown topic creates it."),
    boolean("delete.topic.enable").default("true").high()
        .doc("Whether clients may delete topics."),
    int("num.partitions").default("1").at_least(1).medium()
        .doc("Partitions of a topic whose creator names no count."),
    int("default.replication.factor").default("1").medium()
        .doc("Replicas of a topic whose creator names no count."),
    int("min.insync.replicas").default("1").at_least(1).high().cluster_wide()
        .doc("In-sync replicas that a write with acks=all needs, for topics that set no value of their own."),
    class("create.topic.policy.class.name").low().protects()
        .doc("Java class that may refuse the creation of a topic."),
    class("alter.config.policy.class.name").low().protects()
        .doc("Java class that may refuse a change of configuration."),
    list("config.providers").default("").low().cluster_wide().inert(Inert::Java)
        .doc("Names of Java classes that fetch option values from elsewhere."),
    boolean("auto.leader.rebalance.enable").default("true").high().inert(Inert::OneBroker)
        .doc("Whether leadership returns to the preferred replicas by itself."),
    long("leader.imbalance.check.interval.seconds").default("300").at_least(1).high().inert(Inert::OneBroker)
        .doc("Interval in seconds at which the balance of leaders is checked."),
    boolean("unclean.leader.election.enable").default("false").high().cluster_wide()
        .doc("Whether a replica that is not in sync may lead when no other is left, which can lose records."),
    long("unclean.leader.election.interval.ms").default("300000").at_least(1).medium().internal().inert(Inert::KafkaTests)
        .doc("Interval in ms at which partitions without a leader are looked at for an unclean election."),
];

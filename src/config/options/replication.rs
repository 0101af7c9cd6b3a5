//! Replication between brokers, quotas, and metrics.
use crate::config::option::Scope::{BrokerDynamicOnly, ClientMetrics, QuotaBroker, QuotaIp, QuotaUserClient};
use crate::config::option::{Inert, Opt, class, double, int, list, long, string};

#[rustfmt::skip]
pub(super) const OPTIONS: &[Opt] = &[
    int("replica.fetch.backoff.ms").default("1000").at_least(0).medium().inert(Inert::OneBroker)
        .doc("Pause in ms of a follower after a failed fetch."),
    int("replica.fetch.max.bytes").default("1048576").at_least(0).medium().inert(Inert::OneBroker)
        .doc("Bytes per partition that a follower asks for."),
    int("replica.fetch.min.bytes").default("1").high().inert(Inert::OneBroker)
        .doc("Bytes for which a follower's fetch waits."),
    int("replica.fetch.response.max.bytes").default("10485760").at_least(0).medium().inert(Inert::OneBroker)
        .doc("Bytes that a follower's whole fetch asks for."),
    int("replica.fetch.wait.max.ms").default("500").high().inert(Inert::OneBroker)
        .doc("Longest wait in ms of a follower's fetch."),
    long("replica.high.watermark.checkpoint.interval.ms").default("5000").high()
        .doc("Interval in ms at which high watermarks are written to disk."),
    long("replica.lag.time.max.ms").default("30000").high().inert(Inert::OneBroker)
        .doc("After how many ms a follower that is behind drops out of the in-sync set."),
    string("replica.selector.class").medium().inert(Inert::Java)
        .doc("Java class that picks the replica from which a consumer reads."),
    int("replica.socket.receive.buffer.bytes").default("65536").high().inert(Inert::OneBroker)
        .doc("Receive buffer in bytes of a follower's connection."),
    int("replica.socket.timeout.ms").default("30000").high().inert(Inert::OneBroker)
        .doc("Socket timeout in ms of a follower's connection."),
    int("num.replica.fetchers").default("1").at_least(1).high().cluster_wide().inert(Inert::OneBroker)
        .doc("Threads that fetch from each leader."),
    int("replication.quota.window.num").default("11").at_least(1).low().inert(Inert::OneBroker)
        .doc("Samples over which replication traffic is measured."),
    int("replication.quota.window.size.seconds").default("1").at_least(1).low().inert(Inert::OneBroker)
        .doc("Length in seconds of each sample of replication traffic."),
    int("alter.log.dirs.replication.quota.window.num").default("11").at_least(1).low().inert(Inert::OneBroker)
        .doc("Samples over which moves between directories are measured."),
    int("alter.log.dirs.replication.quota.window.size.seconds").default("1").at_least(1).low().inert(Inert::OneBroker)
        .doc("Length in seconds of each sample of moves between directories."),
    int("quota.window.num").default("11").at_least(1).low().pending()
        .doc("Samples over which the traffic of clients is measured."),
    int("quota.window.size.seconds").default("1").at_least(1).low().pending()
        .doc("Length in seconds of each sample of client traffic."),
    int("controller.quota.window.num").default("11").at_least(1).low().pending()
        .doc("Samples over which topic creations and deletions are measured."),
    int("controller.quota.window.size.seconds").default("1").at_least(1).low().pending()
        .doc("Length in seconds of each sample of topic creations and deletions."),
    class("client.quota.callback.class").low().protects()
        .doc("Java class that decides the quota of each client."),
    int("kafka.metrics.polling.interval.secs").default("10").at_least(1).low().inert(Inert::Java)
        .doc("Interval in seconds for Java metrics reporters that poll."),
    list("kafka.metrics.reporters").default("").low().inert(Inert::Java)
        .doc("Java classes that report metrics of the older kind."),
    list("metric.reporters").default("org.apache.kafka.common.metrics.JmxReporter").low().cluster_wide().inert(Inert::Java)
        .doc("Java classes that report metrics."),
    int("metrics.num.samples").default("2").at_least(1).low().inert(Inert::Java)
        .doc("Samples that a metric keeps."),
    string("metrics.recording.level").default("INFO").low().inert(Inert::Java)
        .doc("How detailed metrics are: INFO, DEBUG or TRACE."),
    long("metrics.sample.window.ms").default("30000").at_least(1).low().inert(Inert::Java)
        .doc("Length in ms of each sample of a metric."),
    long("follower.replication.throttled.rate").scope(BrokerDynamicOnly).default("9223372036854775807").at_least(0).medium().cluster_wide().inert(Inert::OneBroker)
        .doc("Bytes per second for throttled replicas that follow."),
    long("leader.replication.throttled.rate").scope(BrokerDynamicOnly).default("9223372036854775807").at_least(0).medium().cluster_wide().inert(Inert::OneBroker)
        .doc("Bytes per second for throttled replicas that lead."),
    long("replica.alter.log.dirs.io.max.bytes.per.second").scope(BrokerDynamicOnly).default("9223372036854775807").at_least(0).medium().cluster_wide().inert(Inert::OneBroker)
        .doc("Bytes per second for moves between directories of one broker."),
    int("interval.ms").scope(ClientMetrics).default("300000").between(100, 3600000).medium().pending()
        .doc("Interval in ms at which matching clients push their metrics."),
    list("match").scope(ClientMetrics).default("").medium().pending()
        .doc("Which clients a subscription means, as `key=pattern` entries."),
    list("metrics").scope(ClientMetrics).default("").medium().pending()
        .doc("Prefixes of the metrics that clients push; `*` for all."),
    long("consumer_byte_rate").scope(QuotaUserClient).default("9223372036854775807").medium().pending()
        .doc("Bytes per second that the client may fetch."),
    long("producer_byte_rate").scope(QuotaUserClient).default("9223372036854775807").medium().pending()
        .doc("Bytes per second that the client may produce."),
    double("controller_mutation_rate").scope(QuotaUserClient).default("2.147483647E9").medium().pending()
        .doc("Partitions per second that the client may create or delete."),
    double("request_percentage").scope(QuotaUserClient).default("2.147483647E9").medium().pending()
        .doc("Share of the broker's time, in percent of one thread, that the client may use."),
    int("connection_creation_rate").scope(QuotaIp).default("2147483647").at_least(0).medium().pending()
        .doc("New connections per second from the address."),
    long("follower.replication.throttled.rate").scope(QuotaBroker).default("9223372036854775807").at_least(0).medium().inert(Inert::OneBroker)
        .doc("Bytes per second for throttled replicas that follow."),
    long("leader.replication.throttled.rate").scope(QuotaBroker).default("9223372036854775807").at_least(0).medium().inert(Inert::OneBroker)
        .doc("Bytes per second for throttled replicas that lead."),
    long("replica.alter.log.dirs.io.max.bytes.per.second").scope(QuotaBroker).default("9223372036854775807").at_least(0).medium().inert(Inert::OneBroker)
        .doc("Bytes per second for moves between directories of one broker."),
];

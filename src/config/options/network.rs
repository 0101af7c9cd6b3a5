//! Listeners, connections, and the limits of requests.
use crate::config::option::{Inert, Opt, boolean, int, list, long, string};

#[rustfmt::skip]
pub(super) const OPTIONS: &[Opt] = &[
    list("listeners").default("PLAINTEXT://:9092").high().per_broker()
        .doc("Addresses to listen on, as `NAME://host:port`, separated by commas. An empty host means every interface; port 0 lets the system choose."),
    list("advertised.listeners").high().per_broker()
        .doc("Addresses that clients are told to use. Left unset, each client is told the address by which it reached the broker."),
    string("listener.security.protocol.map").default("SASL_SSL:SASL_SSL,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT").low().per_broker()
        .doc("Which security protocol each listener name speaks, as `NAME:PROTOCOL` pairs."),
    list("early.start.listeners").high().pending()
        .doc("Listeners that open before the authorizer is ready."),
    string("inter.broker.listener.name").medium().inert(Inert::OneBroker)
        .doc("Name of the listener that brokers use among themselves."),
    string("security.inter.broker.protocol").default("PLAINTEXT").one_of(&["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]).medium().inert(Inert::OneBroker)
        .doc("Security protocol that brokers use among themselves."),
    int("socket.listen.backlog.size").default("50").at_least(1).medium()
        .doc("Connections that the system may queue before the broker accepts them."),
    int("socket.receive.buffer.bytes").default("102400").high()
        .doc("Receive buffer (SO_RCVBUF) of client sockets in bytes; -1 keeps the system's choice."),
    int("socket.send.buffer.bytes").default("102400").high()
        .doc("Send buffer (SO_SNDBUF) of client sockets in bytes; -1 keeps the system's choice."),
    int("socket.request.max.bytes").default("104857600").at_least(1).high()
        .doc("Largest request in bytes that is read; a bigger one closes the connection."),
    long("socket.connection.setup.timeout.ms").default("10000").medium().inert(Inert::OneBroker)
        .doc("First time limit in ms for connections that the broker opens itself."),
    long("socket.connection.setup.timeout.max.ms").default("30000").medium().inert(Inert::OneBroker)
        .doc("Upper limit in ms to which the time limit of outgoing connections grows."),
    long("connections.max.idle.ms").default("600000").medium()
        .doc("A connection without a request for this many ms is closed; a negative value keeps it for ever."),
    long("connections.max.reauth.ms").default("0").medium().pending()
        .doc("Longest life in ms of an authenticated session before the client must authenticate again; 0 for no limit."),
    int("connection.failed.authentication.delay.ms").default("100").at_least(0).low().pending()
        .doc("How long in ms the answer to a failed authentication is held back."),
    int("max.connections").default("2147483647").at_least(0).medium().cluster_wide()
        .doc("Connections that the broker holds at one time, over all listeners."),
    int("max.connections.per.ip").default("2147483647").at_least(0).medium().cluster_wide()
        .doc("Connections that one client address may hold at one time."),
    string("max.connections.per.ip.overrides").default("").medium().cluster_wide()
        .doc("Exceptions to `max.connections.per.ip`, as `address:count` pairs."),
    int("max.connection.creation.rate").default("2147483647").at_least(0).medium().cluster_wide().protects()
        .doc("New connections per second that the broker accepts."),
    int("queued.max.requests").default("500").at_least(1).high().inert(Inert::Threads)
        .doc("Requests that wait for a handler thread before sockets are no longer read."),
    long("queued.max.request.bytes").default("-1").medium()
        .doc("Memory in bytes that requests may hold between their arrival and their append; sockets are not read while it is used up. -1 for no limit."),
    int("request.timeout.ms").default("30000").high().inert(Inert::OneBroker)
        .doc("How long in ms the broker waits for answers to requests that it sends itself."),
    int("max.request.partition.size.limit").default("2000").at_least(1).medium()
        .doc("Most partitions that one DescribeTopicPartitions reply lists."),
    int("fetch.max.bytes").default("57671680").at_least(1024).medium()
        .doc("Most bytes that one fetch reply carries, whatever the client asks for."),
    int("max.incremental.fetch.session.cache.slots").default("1000").at_least(0).medium()
        .doc("Incremental fetch sessions that are remembered at one time."),
    int("num.network.threads").default("3").at_least(1).high().cluster_wide().inert(Inert::Threads)
        .doc("Threads that read requests and write replies."),
    int("num.io.threads").default("8").at_least(1).high().cluster_wide().inert(Inert::Threads)
        .doc("Threads that work on requests."),
    int("background.threads").default("10").at_least(1).high().cluster_wide().inert(Inert::Threads)
        .doc("Threads for background work."),
    boolean("unstable.api.versions.enable").default("false").high().internal().inert(Inert::KafkaTests)
        .doc("Announces API versions that are still under development."),
    boolean("unstable.feature.versions.enable").default("false").high().internal().inert(Inert::KafkaTests)
        .doc("Announces feature levels that are still under development."),
    int("telemetry.max.bytes").default("1048576").at_least(1).low().pending()
        .doc("Largest metrics report in bytes that a client may push."),
];

//! The option table, split by subject. Each line says all there is to know about one option.
mod group;
mod klamm;
mod log;
mod network;
mod node;
mod replication;
mod security;
mod share;
mod tier;
mod topic;
mod transaction;

use super::option::Opt;

/// The parts of the table, in the order of the reference page.
pub(super) const TABLE: &[(&str, &[Opt])] = &[
    ("Klamm's own", klamm::OPTIONS),
    ("Node, metadata and new topics", node::OPTIONS),
    ("Listeners, connections and requests", network::OPTIONS),
    ("Logs", log::OPTIONS),
    ("Topics", topic::OPTIONS),
    ("Groups and offsets", group::OPTIONS),
    ("Share and streams groups", share::OPTIONS),
    ("Transactions", transaction::OPTIONS),
    ("Tiered storage", tier::OPTIONS),
    ("Replication, quotas and metrics", replication::OPTIONS),
    ("Security", security::OPTIONS),
];

/// Options that Kafka had before version 4. A file that still sets them starts; they do nothing.
pub(super) const REMOVED: &[&str] = &[
    "advertised.host.name",
    "advertised.port",
    "auto.include.jmx.reporter",
    "broker.id.generation.enable",
    "control.plane.listener.name",
    "controlled.shutdown.max.retries",
    "controlled.shutdown.retry.backoff.ms",
    "delegation.token.master.key",
    "eligible.leader.replicas.enable",
    "group.coordinator.new.enable",
    "host.name",
    "inter.broker.protocol.version",
    "leader.imbalance.per.broker.percentage",
    "log.message.downconversion.enable",
    "log.message.format.version",
    "log.message.timestamp.difference.max.ms",
    "offsets.commit.required.acks",
    "password.encoder.cipher.algorithm",
    "password.encoder.iterations",
    "password.encoder.key.length",
    "password.encoder.keyfactory.algorithm",
    "password.encoder.old.secret",
    "password.encoder.secret",
    "port",
    "reserved.broker.max.id",
    "zookeeper.clientCnxnSocket",
    "zookeeper.connect",
    "zookeeper.connection.timeout.ms",
    "zookeeper.max.in.flight.requests",
    "zookeeper.metadata.migration.enable",
    "zookeeper.metadata.migration.min.batch.size",
    "zookeeper.session.timeout.ms",
    "zookeeper.set.acl",
];

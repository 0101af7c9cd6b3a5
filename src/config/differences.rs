//! The one table of defaults in which Klamm departs from Kafka, and why.
use super::option::{Opt, Scope};

/// A default of Klamm's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What the option is set on.
    pub scope: Scope,
    /// Name of the option.
    pub name: &'static str,
    /// Klamm's default; `None` for no value.
    pub default: Option<&'static str>,
    /// Why it is another one than Kafka's.
    pub why: &'static str,
}

const fn broker(name: &'static str, default: &'static str, why: &'static str) -> Difference {
    Difference { scope: Scope::Broker, name, default: Some(default), why }
}

const ONE_NODE: &str = "The node is alone. A higher value in a file counts as 1, with a warning.";
const DURABLE: &str = "An acknowledged record is on disk, and a reader never sees what a power cut could take back. \
                       With any other value the topic behaves as in Kafka.";

#[rustfmt::skip]
const DIFFERENCES: &[Difference] = &[
    broker("node.id", "1", "An empty configuration starts."),
    broker("process.roles", "broker,controller", "One process plays both roles, always."),
    broker("controller.listener.names", "", "No client needs a controller listener; where a file names one, it is opened."),
    broker("listeners", "PLAINTEXT://127.0.0.1:9092", "Nobody outside reaches an unprotected broker unless its file says so. The container image listens on all interfaces."),
    Difference { scope: Scope::Broker, name: "advertised.listeners", default: None, why: "The value is unset as in Kafka, but then each client is told the address by which it reached the broker, not the broker's host name." },
    broker("log.dir", "./klamm-data", "Data that should last does not belong in a directory for temporary files."),
    broker("log.flush.interval.messages", "1", DURABLE),
    Difference { scope: Scope::Topic, name: "flush.messages", default: Some("1"), why: DURABLE },
    broker("queued.max.request.bytes", "67108864", "Memory is bounded unless the bound is lifted. One request of any allowed size can always finish."),
    broker("offsets.topic.replication.factor", "1", ONE_NODE),
    broker("transaction.state.log.replication.factor", "1", ONE_NODE),
    broker("transaction.state.log.min.isr", "1", ONE_NODE),
    broker("share.coordinator.state.topic.replication.factor", "1", ONE_NODE),
    broker("share.coordinator.state.topic.min.isr", "1", ONE_NODE),
    broker("group.initial.rebalance.delay.ms", "0", "The first member of a classic group gets its first record at once; a member that joins later costs one more rebalance."),
];

/// All differences, in the order of their page.
#[must_use]
pub fn differences() -> &'static [Difference] {
    DIFFERENCES
}

/// Klamm's default of an option, if it has one of its own.
pub(super) fn own_default(option: &Opt) -> Option<Option<&'static str>> {
    DIFFERENCES.iter().find(|d| d.scope == option.scope && d.name == option.name).map(|d| d.default)
}

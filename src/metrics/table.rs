//! The only list of metrics. `docs/metrics.md` is made from it.

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only grows.
    Counter,
    /// It rises and falls.
    Gauge,
    /// It tells how values are distributed.
    Histogram,
}

/// A row.
#[derive(Debug, PartialEq, Eq)]
pub struct Metric {
    /// Kafka's name of the bean, or one that begins with `klamm`. Tags stand beside it.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// What it counts: `bytes`, `ns`, `requests`...
    pub unit: &'static str,
    /// What makes several of it; none if there is one.
    pub tags: &'static [&'static str],
    /// What it means, in one sentence.
    pub doc: &'static str,
}

macro_rules! metrics {
    ($($const:ident = $name:literal, $kind:ident, $unit:literal, $tags:expr, $doc:literal;)*) => {
        $(
            #[doc = $doc]
            pub static $const: Metric =
                Metric { name: $name, kind: Kind::$kind, unit: $unit, tags: &$tags, doc: $doc };
        )*
        /// All rows.
        pub static ALL: &[&Metric] = &[$(&$const),*];
    };
}

metrics! {
    REQUESTS = "kafka.network:type=RequestMetrics,name=RequestsPerSec", Counter, "requests", ["request"],
        "Requests that were begun.";
    CONNECTIONS = "kafka.server:type=socket-server-metrics,name=connection-count", Gauge, "connections", [],
        "Connections that are open.";
    CONNECTIONS_CREATED = "kafka.server:type=socket-server-metrics,name=connection-creation-total", Counter,
        "connections", [], "Connections that were accepted.";
    CONNECTIONS_STALLED = "klamm.network:type=SocketServer,name=ConnectionsClosedForStalling", Counter,
        "connections", [],
        "Connections closed because the peer took nothing of its reply, or stopped in the middle of a request \
        while others needed its memory.";
    NETWORK_IN = "kafka.server:type=socket-server-metrics,name=incoming-byte-total", Counter, "bytes", [],
        "Bytes read from sockets.";
    NETWORK_OUT = "kafka.server:type=socket-server-metrics,name=outgoing-byte-total", Counter, "bytes", [],
        "Bytes written to sockets.";
    MEMORY_AVAILABLE = "kafka.network:type=SocketServer,name=MemoryPoolAvailable", Gauge, "bytes", [],
        "What is left of the memory for requests (queued.max.request.bytes).";
    MEMORY_USED = "kafka.network:type=SocketServer,name=MemoryPoolUsed", Gauge, "bytes", [],
        "Memory that requests hold before they are handled.";
    MEMORY_WAITING = "klamm.network:type=SocketServer,name=MemoryPoolWaiting", Gauge, "connections", [],
        "Connections whose sockets are not read because the memory for requests is used up.";
    MEMORY_WAITS = "klamm.network:type=SocketServer,name=MemoryPoolWaits", Counter, "connections", [],
        "How often a connection had to wait for memory.";
    READ_AHEAD = "klamm.network:type=SocketServer,name=ReadAheadBytes", Counter, "bytes", [],
        "Bytes of files that were not in memory when they were to be sent, and were read ahead first.";
    FLUSH_TIME = "kafka.log:type=LogFlushStats,name=LogFlushRateAndTimeMs", Histogram, "ns", [],
        "How long making a log durable took.";
    JOURNAL_TIME = "klamm.log:type=Journal,name=RoundTime", Histogram, "ns", [],
        "How long a round in the journal took: its write and its flush.";
    JOURNAL_LOGS = "klamm.log:type=Journal,name=Logs", Counter, "logs", [],
        "Logs that rounds in the journal made durable; each counts once for every round it was in.";
    APPENDED = "klamm.log:type=Log,name=AppendedBytes", Counter, "bytes", [],
        "Bytes of batches appended to logs, the broker's own included.";
    OFFLINE_DIRECTORIES = "kafka.log:type=LogManager,name=OfflineLogDirectoryCount", Gauge, "directories", [],
        "Log directories that have failed.";
    REMOTE_COPIES = "kafka.server:type=BrokerTopicMetrics,name=RemoteCopyRequestsPerSec", Counter, "segments", [],
        "Segments uploaded to the remote tier and recorded there.";
    REMOTE_COPY_BYTES = "kafka.server:type=BrokerTopicMetrics,name=RemoteCopyBytesPerSec", Counter, "bytes", [],
        "Bytes of those segments.";
    REMOTE_COPY_ERRORS = "kafka.server:type=BrokerTopicMetrics,name=RemoteCopyErrorsPerSec", Counter, "errors", [],
        "How often the work on a partition's remote part failed; it is tried again.";
    REMOTE_COPY_LAG_BYTES = "kafka.server:type=BrokerTopicMetrics,name=RemoteCopyLagBytes", Gauge, "bytes", [],
        "Bytes of closed segments that are not in the remote tier yet.";
    REMOTE_COPY_LAG_SEGMENTS = "kafka.server:type=BrokerTopicMetrics,name=RemoteCopyLagSegments", Gauge,
        "segments", [], "How many segments those are.";
    REMOTE_DELETES = "kafka.server:type=BrokerTopicMetrics,name=RemoteDeleteRequestsPerSec", Counter, "objects", [],
        "Objects removed from the remote tier.";
    REMOTE_DELETE_ERRORS = "kafka.server:type=BrokerTopicMetrics,name=RemoteDeleteErrorsPerSec", Counter, "errors",
        [], "Removals there that failed; a sweep tries them again.";
    REMOTE_FETCHES = "kafka.server:type=BrokerTopicMetrics,name=RemoteFetchRequestsPerSec", Counter, "requests", [],
        "Reads of the remote tier that the cache did not answer.";
    REMOTE_FETCH_BYTES = "kafka.server:type=BrokerTopicMetrics,name=RemoteFetchBytesPerSec", Counter, "bytes", [],
        "Bytes that they gave.";
    REMOTE_FETCH_ERRORS = "kafka.server:type=BrokerTopicMetrics,name=RemoteFetchErrorsPerSec", Counter, "errors",
        [], "How many of them failed.";
    PARTITIONS = "kafka.server:type=ReplicaManager,name=PartitionCount", Gauge, "partitions", [],
        "Partitions that this broker leads.";
}

/// The reference page.
#[must_use]
pub fn page() -> String {
    let mut page = String::from(
        "# Metrics\n\nMade from `src/metrics/table.rs`. What Kafka measures too has Kafka's name; the others \
        begin with `klamm`. A counter only grows; whoever reads it makes a rate of it.\n\n\
        | name | kind | unit | tags | meaning |\n|---|---|---|---|---|\n",
    );
    for metric in ALL {
        let Metric { name, kind, unit, tags, doc } = metric;
        let kind = format!("{kind:?}").to_lowercase();
        page.push_str(&format!("| `{name}` | {kind} | {unit} | {} | {doc} |\n", tags.join(", ")));
    }
    page
}

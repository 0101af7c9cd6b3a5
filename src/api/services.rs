//! What handlers work with.

use std::sync::Arc;

use tokio::sync::watch;

use super::fetch_session::FetchSessions;
use super::producer_ids::ProducerIds;
use super::turns::Turns;
use crate::config::{BrokerConfig, ProduceValidation, Settings};
use crate::coordinator::runtime::{Groups, Markers, Metadata, StoredMetadata, Transactions};
use crate::env::{Clock, Rng};
use crate::metadata::store::Store;
use crate::metrics::Registry;
use crate::partition::{LogDirs, Partitions};
use crate::record::Depth;
use crate::types::{NodeId, Offset, Uuid};

/// The broker's options in force, which change at run time.
#[derive(Debug)]
pub struct InForce(watch::Sender<Arc<BrokerConfig>>);

impl InForce {
    /// Options that are in force from the start.
    #[must_use]
    pub fn new(config: Arc<BrokerConfig>) -> Self {
        Self(watch::Sender::new(config))
    }

    /// The options.
    #[must_use]
    pub fn get(&self) -> Arc<BrokerConfig> {
        Arc::clone(&self.0.borrow())
    }

    /// Puts others in force.
    pub fn set(&self, config: Arc<BrokerConfig>) {
        self.0.send_replace(config);
    }

    /// The options and their changes, for what has to follow them.
    #[must_use]
    pub fn follow(&self) -> watch::Receiver<Arc<BrokerConfig>> {
        self.0.subscribe()
    }
}

/// What services are made of.
pub struct Parts {
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub rng: Arc<dyn Rng>,
    /// The cluster's id.
    pub cluster_id: Arc<str>,
    /// This node's id.
    pub node_id: NodeId,
    /// Id of the log directory that holds the metadata log.
    pub directory_id: Uuid,
    /// Offset of this start's registration in the metadata log.
    pub broker_epoch: Offset,
    /// What file, environment and command line set.
    pub settings: Arc<Settings>,
    /// The options in force.
    pub in_force: Arc<InForce>,
    /// The metadata.
    pub metadata: Arc<Store>,
    /// The partitions.
    pub partitions: Arc<Partitions>,
    /// The log directories.
    pub log_dirs: Arc<LogDirs>,
    /// What is measured.
    pub metrics: Arc<Registry>,
}

/// What handlers work with. One is made by the broker at start and shared by all connections.
pub struct Services {
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub rng: Arc<dyn Rng>,
    /// The cluster's id.
    pub cluster_id: Arc<str>,
    /// This node's id.
    pub node_id: NodeId,
    /// Id of the log directory that holds the metadata log.
    pub directory_id: Uuid,
    /// What file, environment and command line set.
    pub settings: Arc<Settings>,
    /// The metadata.
    pub metadata: Arc<Store>,
    /// The partitions.
    pub partitions: Arc<Partitions>,
    /// The log directories.
    pub log_dirs: Arc<LogDirs>,
    /// What is measured.
    pub metrics: Arc<Registry>,
    /// Incremental fetch sessions.
    pub fetch_sessions: Arc<FetchSessions>,
    /// The coordinator of groups.
    pub groups: Arc<Groups>,
    /// The coordinator of transactions.
    pub transactions: Arc<Transactions>,
    /// Writes the markers that end transactions.
    pub markers: Arc<Markers>,
    /// Producers whose first batch of a transaction waits; see [`Turns`].
    pub(super) turns: Arc<Turns>,
    /// Producer ids to hand out.
    pub producer_ids: Arc<ProducerIds>,
    /// `fetch.max.bytes`: most bytes of one fetch reply.
    pub fetch_max_bytes: usize,
    /// `klamm.produce.validation`.
    pub produce_validation: Depth,
    in_force: Arc<InForce>,
    stopping: watch::Sender<bool>,
}

impl std::fmt::Debug for Services {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Services").field("node_id", &self.node_id).finish_non_exhaustive()
    }
}

impl Services {
    /// Joins the parts.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let config = parts.in_force.get();
        let size = |n: i32| usize::try_from(n).unwrap_or(0);
        let metadata: Arc<dyn Metadata> = Arc::new(StoredMetadata {
            store: Arc::clone(&parts.metadata),
            settings: Arc::clone(&parts.settings),
            node: parts.node_id,
            rng: Arc::clone(&parts.rng),
        });
        let (partitions, clock, rng) =
            (Arc::clone(&parts.partitions), Arc::clone(&parts.clock), Arc::clone(&parts.rng));
        let groups =
            Groups::new(Arc::clone(&metadata), Arc::clone(&partitions), Arc::clone(&clock), Arc::clone(&rng));
        let transactions =
            Transactions::new(Arc::clone(&metadata), Arc::clone(&partitions), Arc::clone(&clock), rng);
        let markers = Markers::new(metadata, partitions, Arc::clone(&groups), &transactions, clock);
        Self {
            groups,
            transactions,
            markers,
            turns: Arc::default(),
            fetch_sessions: Arc::new(FetchSessions::new(size(
                config.max_incremental_fetch_session_cache_slots,
            ))),
            producer_ids: Arc::new(ProducerIds::new(parts.node_id, parts.broker_epoch)),
            fetch_max_bytes: size(config.fetch_max_bytes),
            produce_validation: match config.klamm_produce_validation {
                ProduceValidation::Record => Depth::Record,
                ProduceValidation::Header => Depth::Header,
            },
            clock: parts.clock,
            rng: parts.rng,
            cluster_id: parts.cluster_id,
            node_id: parts.node_id,
            directory_id: parts.directory_id,
            settings: parts.settings,
            metadata: parts.metadata,
            partitions: parts.partitions,
            log_dirs: parts.log_dirs,
            metrics: parts.metrics,
            in_force: parts.in_force,
            stopping: watch::Sender::new(false),
        }
    }

    /// The broker is about to stop: who waits for something new answers with what there is.
    pub fn stop_waiting(&self) {
        self.stopping.send_replace(true);
    }

    /// Whether the broker is about to stop, for a request that parks.
    #[must_use]
    pub fn stopping(&self) -> watch::Receiver<bool> {
        self.stopping.subscribe()
    }

    /// The broker's options in force.
    #[must_use]
    pub fn config(&self) -> Arc<BrokerConfig> {
        self.in_force.get()
    }
}

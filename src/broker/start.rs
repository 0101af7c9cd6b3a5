//! Starting and stopping.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use tokio::sync::watch;

use super::Environment;
use super::directories::{self, DirectoryError, Opened};
use super::effective::Effective;
use super::replicas::Replicas;
use super::timers::Timers;
use super::{compaction, descriptors, metrics, registration, tiering};
use crate::api::{InForce, Services};
use crate::config::{BrokerConfig, Loaded};
use crate::coordinator::runtime::Groups;
use crate::env::{Clock, bound_kept_files};
use crate::log::cleaner::Cleaner;
use crate::log::{LogEnv, LogError, LogMetrics};
use crate::metadata::store::{Applier, Journal, Store, StoreError, StoreOptions};
use crate::metadata::{Image, Topic, features};
use crate::metrics::Registry;
use crate::partition::LogDirs;
use crate::server::{BindError, BoundServer, Limiter, Limits, Server, ServerConfig};
use crate::types::{NodeId, Offset};

/// How long accepted requests may take to be answered when the broker stops.
const STOP_WITHIN: Duration = Duration::from_secs(10);

/// What keeps a broker from starting. The message says where and what to do.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A port cannot be taken.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// A directory cannot be used.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The metadata cannot be loaded.
    #[error(transparent)]
    Metadata(#[from] StoreError),
    /// The partitions cannot be opened.
    #[error(transparent)]
    Log(#[from] LogError),
    /// What the metadata log asks for is not built: serving would open a door that it closes.
    #[error("{0}. Klamm does not enforce this yet; set klamm.allow.unprotected=true to start nevertheless")]
    Unprotected(String),
    /// Tiered storage is on and cannot be used.
    #[error(transparent)]
    Tiering(#[from] super::tiering::TieringError),
    /// The system refused.
    #[error("{0}")]
    System(#[from] io::Error),
}

/// A broker at work. Dropping it without [`Broker::stop`] is like a crash.
#[derive(Debug)]
pub struct Broker {
    server: Server,
    timers: Timers,
    cleaner: Option<Cleaner>,
    services: Arc<Services>,
    replicas: Arc<Replicas>,
    metadata_directory: Option<Arc<crate::log::LogDirectory>>,
    broker_epoch: Offset,
    failure: watch::Receiver<Option<String>>,
}

impl Broker {
    /// Starts a broker; when this returns it serves.
    ///
    /// # Errors
    /// [`StartError`]. Nothing is left running then.
    pub async fn start(loaded: Loaded, environment: Environment) -> Result<Self, StartError> {
        let allowance = descriptors::raise_limit();
        bound_kept_files(allowance.kept_files);
        let mut config = ServerConfig::from_options(&loaded.broker).await;
        config.max_sockets = allowance.connections;
        let bound = Server::bind(config).await?;
        let (failed, failure) = watch::channel(None);
        let addresses = bound.addresses();
        let clock = Arc::clone(&environment.clock);
        let opening = tokio::task::spawn_blocking(move || open(&loaded, &environment, &addresses, failed));
        let opened = opening.await.map_err(io::Error::other)??;
        Ok(opened.serve(bound, clock, failure))
    }

    /// Where the listeners listen.
    #[must_use]
    pub fn addresses(&self) -> &[(Arc<str>, SocketAddr)] {
        self.server.addresses()
    }

    /// What the handlers work with.
    #[must_use]
    pub fn services(&self) -> &Arc<Services> {
        &self.services
    }

    /// What it measures.
    #[must_use]
    pub fn metrics(&self) -> &Arc<Registry> {
        &self.services.metrics
    }

    /// Waits until the broker can no longer do its work (the metadata log or every log directory failed),
    /// and gives the reason. The process should then end with a non-zero code, without [`Broker::stop`].
    pub async fn failed(&self) -> String {
        let mut failure = self.failure.clone();
        match failure.wait_for(Option::is_some).await {
            Ok(reason) => reason.clone().unwrap_or_default(),
            Err(_) => std::future::pending().await,
        }
    }

    /// Stops in order: accepted requests are answered, everything is on disk, the clean-shutdown marker is
    /// written.
    ///
    /// # Errors
    /// Something could not be saved; the next start recovers.
    pub async fn stop(self) -> Result<(), LogError> {
        self.services.stop_waiting();
        let cut_off = self.server.stop(STOP_WITHIN).await;
        if cut_off > 0 {
            tracing::warn!(connections = cut_off, "some replies were not taken in time");
        }
        self.timers.stop().await;
        let (services, replicas, epoch) = (self.services, self.replicas, self.broker_epoch);
        let (metadata_directory, cleaner) = (self.metadata_directory, self.cleaner);
        let closing = tokio::task::spawn_blocking(move || {
            drop(cleaner);
            replicas.stop_tier();
            services.metadata.stop();
            let mut first_error = None;
            for directory in replicas.directories() {
                let high_watermarks = replicas.high_watermarks(directory);
                if let Err(error) = directory.close(epoch.get(), &high_watermarks) {
                    first_error.get_or_insert(error);
                }
            }
            if let Some(directory) = metadata_directory
                && let Err(error) = directory.close(epoch.get(), &BTreeMap::new())
            {
                first_error.get_or_insert(error);
            }
            first_error.map_or(Ok(()), Err)
        });
        closing.await.unwrap_or(Ok(()))
    }
}

/// A broker whose partitions are open and which does not serve yet.
struct Ready {
    services: Arc<Services>,
    replicas: Arc<Replicas>,
    metadata_directory: Option<Arc<crate::log::LogDirectory>>,
    metadata_env: Arc<LogEnv>,
    broker_epoch: Offset,
    in_force: Arc<InForce>,
    cleaner: Option<Cleaner>,
    failed: watch::Sender<Option<String>>,
}

/// Keeps the connection limits that are in force, until the options are gone with the broker.
async fn keep_limits(limiter: Limiter, mut config: watch::Receiver<Arc<BrokerConfig>>) {
    loop {
        let now = Arc::clone(&config.borrow_and_update());
        limiter.set(Limits::from_options(&now).await);
        if config.changed().await.is_err() {
            return;
        }
    }
}

impl Ready {
    fn serve(
        self,
        bound: BoundServer,
        clock: Arc<dyn Clock>,
        failure: watch::Receiver<Option<String>>,
    ) -> Broker {
        let timers = Timers::start(&self.replicas, self.metadata_env, self.failed);
        self.services.groups.load_all();
        self.services.transactions.load_all();
        let dispatch: Arc<Services> = Arc::clone(&self.services);
        let server = bound.serve(dispatch, clock, &self.services.metrics);
        tokio::spawn(keep_limits(server.limiter(), self.in_force.follow()));
        Broker {
            server,
            timers,
            cleaner: self.cleaner,
            services: self.services,
            replicas: self.replicas,
            metadata_directory: self.metadata_directory,
            broker_epoch: self.broker_epoch,
            failure,
        }
    }
}

fn open(
    loaded: &Loaded,
    environment: &Environment,
    addresses: &[(Arc<str>, SocketAddr)],
    failed: watch::Sender<Option<String>>,
) -> Result<Ready, StartError> {
    let config = &loaded.broker;
    let node = NodeId(config.node_id);
    let registry = Arc::new(Registry::default());
    let opened = directories::open(loaded, environment, &LogMetrics::new(&registry))?;
    let mut journal = Journal::open(Arc::clone(&opened.metadata_env), store_options(loaded, &opened))?;
    let broker_epoch = registration::register(&mut journal, config, &opened, addresses, environment)?;
    let settings = Arc::new(loaded.settings.clone());
    let effective = Arc::new(Effective::new(Arc::clone(&settings), journal.image(), node));
    effective.check().map_err(StartError::Unprotected)?;
    if !config.klamm_allow_unprotected {
        check_protected(journal.image())?;
    }
    let in_force = Arc::new(InForce::new(Arc::clone(&effective.config)));
    let threads = usize::try_from(effective.config.num_recovery_threads_per_data_dir).unwrap_or(1);
    let tier = tiering::start(
        &effective.config,
        &in_force,
        &opened.cluster_id,
        journal.image(),
        opened.directories.first().map_or(&*opened.metadata_path, |first| first.path()),
        environment,
        &registry,
    )?;
    let replicas = Arc::new(Replicas::new(
        node,
        &opened.directories,
        &opened.ids,
        effective,
        Arc::clone(&in_force),
        tier,
    ));
    replicas.open(&opened.contents, journal.image(), threads)?;
    let cleaner = compaction::start(&replicas, &in_force, Arc::clone(&environment.clock))?;
    let on_failure = failed.clone();
    let groups = Arc::new(OnceLock::new());
    let applier = Box::new(Follower { replicas: Arc::clone(&replicas), groups: Arc::clone(&groups) });
    let metadata = Store::start(
        journal,
        Arc::clone(&environment.clock),
        applier,
        Box::new(move |error: &StoreError| {
            on_failure.send_replace(Some(error.to_string()));
        }),
    )?;
    let services = Arc::new(Services::new(crate::api::Parts {
        clock: Arc::clone(&environment.clock),
        rng: Arc::clone(&environment.rng),
        cluster_id: opened.cluster_id.as_str().into(),
        node_id: node,
        directory_id: opened.metadata_directory_id,
        broker_epoch,
        settings,
        in_force: Arc::clone(&in_force),
        metadata: Arc::new(metadata),
        partitions: Arc::clone(replicas.partitions()),
        log_dirs: Arc::new(LogDirs(opened.directories.clone())),
        metrics: registry,
    }));
    metrics::register(&services.metrics, &replicas);
    let _ = groups.set(Arc::downgrade(&services.groups));
    Ok(Ready {
        services,
        replicas,
        metadata_directory: opened.metadata_only,
        metadata_env: opened.metadata_env,
        broker_epoch,
        in_force,
        cleaner,
        failed,
    })
}

fn store_options(loaded: &Loaded, opened: &Opened) -> StoreOptions {
    let config = &loaded.broker;
    StoreOptions {
        node: NodeId(config.node_id),
        dir: opened.metadata_path.clone(),
        min_insync_replicas: 1,
        snapshot_bytes: u64::try_from(config.metadata_log_max_record_bytes_between_snapshots)
            .unwrap_or(u64::MAX),
        snapshot_interval_ms: config.metadata_log_max_snapshot_interval_ms,
        segment_bytes: u64::try_from(config.metadata_log_segment_bytes).unwrap_or(u64::MAX),
        segment_ms: config.metadata_log_segment_ms,
    }
}

/// Whether the metadata log of another broker guards what this one does not.
fn check_protected(image: &Image) -> Result<(), StartError> {
    let security = image.security();
    let what = [
        (security.acls().next().is_some(), "ACLs"),
        (security.credentials().next().is_some(), "SCRAM credentials"),
        (security.tokens().next().is_some(), "delegation tokens"),
        (security.quotas().next().is_some(), "quotas"),
    ];
    let found: Vec<&str> = what.iter().filter(|(is_there, _)| *is_there).map(|(_, name)| *name).collect();
    if found.is_empty() {
        return Ok(());
    }
    Err(StartError::Unprotected(format!("the metadata log holds {}", found.join(", "))))
}

/// Lets partitions and groups follow the metadata.
struct Follower {
    replicas: Arc<Replicas>,
    /// Set once they are there.
    groups: Arc<OnceLock<Weak<Groups>>>,
}

impl Applier for Follower {
    fn apply(&mut self, before: &Arc<Image>, after: &Arc<Image>) {
        if let Err(error) = self.replicas.follow(before, after) {
            tracing::error!(%error, "a partition does not follow the metadata yet; it is tried again");
        }
        let is_gone = |topic: &Arc<Topic>| after.topics().by_id(topic.id).is_none();
        if before.topics().iter().any(is_gone)
            && let Some(groups) = self.groups.get().and_then(Weak::upgrade)
        {
            groups.topics_deleted(after);
        }
        let version = |image: &Image| image.feature(features::METADATA_VERSION);
        if version(before) != version(after) {
            tracing::info!(level = version(after), "metadata.version changed");
        }
    }
}

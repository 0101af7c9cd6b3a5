//! The remote tier as the broker's options want it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::Environment;
use crate::api::InForce;
use crate::config::BrokerConfig;
use crate::metadata::Image;
use crate::metrics::Registry;
use crate::tier::{
    ClaimError, ConnectError, KnownTopics, Target, Tier, TierMetrics, TierOptions, TierParts, known,
};
use crate::types::TopicId;

/// How long the start waits for the store's first answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why tiered storage does not start. The message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum TieringError {
    /// The URL, or the credentials.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The store is not one for this broker.
    #[error("klamm.remote.url: {0}")]
    Claim(#[from] ClaimError),
    /// The system refused.
    #[error("tiered storage: {0}")]
    System(#[from] std::io::Error),
    /// Topics need it and it is off.
    #[error(
        "topics are tiered ({0}) and remote.log.storage.system.enable is not true: without it what has left the \
        local disk could not be read. Set it, or end tiering of these topics first (remote.storage.enable=false with \
        remote.log.delete.on.disable=true)"
    )]
    Needed(String),
}

/// Connects to the store, if tiered storage is on. `dir` is the first log directory.
///
/// # Errors
/// [`TieringError`].
pub(super) fn start(
    config: &BrokerConfig,
    in_force: &Arc<InForce>,
    cluster: &str,
    image: &Image,
    dir: &Path,
    environment: &Environment,
    registry: &Registry,
) -> Result<Option<Arc<Tier>>, TieringError> {
    if !config.remote_log_storage_system_enable {
        let is_tiered = |name: &str| {
            image
                .configs()
                .of_topic(name)
                .get("remote.storage.enable")
                .is_some_and(|v| v.eq_ignore_ascii_case("true"))
        };
        let tiered: Vec<&str> =
            image.topics().iter().map(|topic| &*topic.name).filter(|name| is_tiered(name)).collect();
        return if tiered.is_empty() { Ok(None) } else { Err(TieringError::Needed(tiered.join(", "))) };
    }
    let target = Target::parse(&config.klamm_remote_url)?;
    if let Some(directory) = target.directory() {
        environment.files.create_dir_all(&directory)?;
    }
    let store = target.connect(!config.klamm_remote_single_writer)?;
    let bytes = |n: i64| u64::try_from(n).unwrap_or(0);
    let in_force = Arc::clone(in_force);
    let tier = Tier::start(TierParts {
        store,
        cluster: cluster.to_owned(),
        clock: Arc::clone(&environment.clock),
        rng: Arc::clone(&environment.rng),
        known: KnownTopics::open(Arc::clone(&environment.files), dir.join(known::FILE))?,
        options: Box::new(move || options(&in_force.get())),
        cache_bytes: bytes(config.klamm_remote_cache_bytes),
        upload_bytes: bytes(config.klamm_remote_upload_bytes),
        metrics: Arc::new(TierMetrics::new(registry)),
    })?;
    tier.first_contact(PATIENCE)?;
    let exists: Vec<TopicId> = image.topics().iter().map(|topic| topic.id).collect();
    tier.run(&|topic| exists.contains(&topic));
    Ok(Some(Arc::new(tier)))
}

fn options(config: &BrokerConfig) -> TierOptions {
    let count = |n: i64| u64::try_from(n).unwrap_or(0);
    let ms = |n: i64| Duration::from_millis(count(n));
    TierOptions {
        interval: ms(config.remote_log_manager_task_interval_ms),
        backoff: ms(config.remote_log_manager_task_retry_backoff_ms),
        backoff_max: ms(config.remote_log_manager_task_retry_backoff_max_ms),
        jitter: config.remote_log_manager_task_retry_jitter,
        copiers: usize::try_from(config.remote_log_manager_copier_thread_pool_size).unwrap_or(1),
        copy_bytes_per_second: count(config.remote_log_manager_copy_max_bytes_per_second),
        fetch_bytes_per_second: count(config.remote_log_manager_fetch_max_bytes_per_second),
        upload_interval_ms: config.klamm_remote_upload_interval_ms,
        sweep_grace_ms: config.klamm_remote_sweep_grace_ms,
    }
}

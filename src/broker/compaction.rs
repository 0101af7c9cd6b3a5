//! The cleaner as the broker's options want it.

use std::sync::Arc;
use std::time::Duration;

use super::replicas::Replicas;
use crate::api::InForce;
use crate::config::BrokerConfig;
use crate::env::Clock;
use crate::log::LogError;
use crate::log::cleaner::{Cleaner, CleanerOptions};

/// Starts the cleaner, unless `log.cleaner.enable` is off.
///
/// # Errors
/// A checkpoint of the cleaner is broken; the system gives no thread.
pub fn start(
    replicas: &Replicas,
    in_force: &Arc<InForce>,
    clock: Arc<dyn Clock>,
) -> Result<Option<Cleaner>, LogError> {
    if !in_force.get().log_cleaner_enable {
        return Ok(None);
    }
    let in_force = Arc::clone(in_force);
    Cleaner::start(replicas.directories().to_vec(), clock, move || options(&in_force.get())).map(Some)
}

fn options(config: &BrokerConfig) -> CleanerOptions {
    let bytes = |n: i64| u64::try_from(n).unwrap_or(0);
    CleanerOptions {
        threads: usize::try_from(config.log_cleaner_threads).unwrap_or(0),
        backoff: Duration::from_millis(bytes(config.log_cleaner_backoff_ms)),
        dedupe_bytes: bytes(config.log_cleaner_dedupe_buffer_size),
        load_factor: config.log_cleaner_io_buffer_load_factor,
        io_bytes: bytes(i64::from(config.log_cleaner_io_buffer_size)),
        bytes_per_second: config.log_cleaner_io_max_bytes_per_second,
    }
}

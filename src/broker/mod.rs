//! The composition root: makes the rooms, joins them, and starts and stops them in order.
//!
//! Start: directories are locked and read, ports are taken, the metadata is loaded, partitions are opened
//! and recovered, and only then requests are served. Stop: requests that were accepted are answered, then
//! timers and the cleaner end, then everything is flushed and the clean-shutdown marker written.

mod compaction;
mod descriptors;
mod directories;
mod effective;
mod metrics;
mod registration;
mod replicas;
mod start;
mod tiering;
mod timers;

pub use directories::DirectoryError;
use std::sync::Arc;

use crate::env::{Clock, Files, Rng};

pub use start::{Broker, StartError};
pub use tiering::TieringError;

/// What the broker takes from outside.
#[derive(Clone)]
pub struct Environment {
    /// The file system.
    pub files: Arc<dyn Files>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub rng: Arc<dyn Rng>,
}

//! The composition root: makes the rooms, joins them, and starts and stops them in order.
//!
//! Start: directories are locked and read, ports are taken, the metadata is loaded, partitions are opened
//! and recovered, and only then requests are served. Stop: requests that were accepted are answered, then
//! timers end, then everything is flushed and the clean-shutdown marker written.

mod descriptors;
mod directories;
mod effective;
mod registration;
mod replicas;
mod start;
mod timers;

pub use directories::DirectoryError;
pub use start::{Broker, Environment, StartError};

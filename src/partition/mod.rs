//! A partition as its clients see it: appends that become visible when they are durable, reads up to
//! the high watermark, and requests parked until it moves.
//!
//! Owns: the high watermark, the waiters, the leader epoch in force, the registry of all partitions of
//! this broker. Sees its records through [`Storage`] alone, a narrow seam, so that another kind of
//! storage can stand behind it.
//!
//! Promises: nothing at or above the high watermark is ever read by a client; the high watermark never
//! moves back; a waiter is woken by what it waits for, never by a timer.
//!
//! Must not know: requests, sockets, or where topics come from.

mod local;
#[allow(clippy::module_inception, reason = "the room and its main type share a name")]
mod partition;
mod registry;
mod remote;
mod storage;
mod waiters;

pub use local::{DescribedDir, LocalLog, LogDirs, log_config, tier_rules};
pub use partition::{Fetched, Isolation, Partition, PartitionError, Watermarks};
pub use registry::Partitions;
pub use remote::{FetchedRemotely, Tiered};
pub use storage::{Bounds, Found, Storage};
pub use waiters::{Registration, Waiters};

#[cfg(test)]
mod tests;

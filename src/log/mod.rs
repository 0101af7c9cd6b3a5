//! One partition's log, in Kafka's own files, and the log directories that hold them.
//!
//! Owns: segments and their indexes, producer state, leader epochs, the checkpoints, recovery,
//! retention, and the moment at which bytes are durable ([`Log::flush`], [`Flusher`]).
//! Promises: what was reported durable is there after any crash, once and in order, or the partition
//! says that it is damaged; a refused append changes nothing; a range handed to a reader stays readable
//! whatever happens to the file's name; whatever bytes a directory holds, opening it does not panic.
//! Must not know: the high watermark (it is told), who waits for what, topics' options by name,
//! sockets, and which metadata made a partition.
#![warn(clippy::indexing_slicing)]

mod append;
pub mod checkpoint;
pub mod cleaner;
mod config;
pub mod contents;
mod cost;
mod directory;
mod early;
mod error;
mod flush;
mod health;
pub mod index;
mod inventory;
pub mod journal;
mod journal_place;
pub mod leader_epochs;
mod lookup;
pub mod markers;
mod metrics;
pub mod names;
pub mod offset_index;
mod open;
mod partition_log;
pub mod partition_metadata;
pub mod producers;
mod read;
mod recovery;
pub mod reserve;
pub mod retention;
mod save;
pub mod scan;
mod segment;
pub mod snapshot;
pub mod state_file;
mod tiering;
pub mod time_index;
pub mod txn_index;

pub use append::Appended;
pub use config::{LocalRetention, LogConfig};
pub use contents::{Contents, FoundPartition};
pub use directory::{CHECKPOINT_BYTES, LogDirectory, Opened};
pub use early::Early;
pub use error::LogError;
pub use flush::Flusher;
pub use health::Health;
pub use leader_epochs::LeaderEpochs;
pub use lookup::TimedOffset;
pub use metrics::LogMetrics;
pub use offset_index::OffsetEntry;
pub use open::OpenState;
pub use partition_log::{Description, Log, LogEnv, Observer};
pub use read::{ReadRequest, Slice};
pub use recovery::RecoveryReport;
pub use save::Ticked;
pub use tiering::{SealedSegment, SegmentFiles, Tiering};
pub use time_index::TimeEntry;
pub use txn_index::AbortedTxn;

#[cfg(test)]
mod crash_tests;
#[cfg(test)]
mod producers_tests;
#[cfg(test)]
mod tests;

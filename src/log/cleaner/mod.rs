//! The cleaner: compaction of logs whose `cleanup.policy` contains `compact`, by Kafka's rules.
//!
//! Owns: which log is cleaned next (`plan`), which batches and records stay (`filter`), the copy
//! (`copy`, `output`), the replacement of segments (`swap`), the threads (`manager`) and
//! `cleaner-offset-checkpoint`.
//! Promises: below the point that was cleaned, the newest record of each key stays, with its offset, its
//! time and its headers; nothing at or above the last stable offset, in the active segment, or past the
//! recovery point is touched; a crash at any moment leaves the old content of a segment or the new one;
//! the log's lock is not held while bytes are copied; memory stays within the dedupe and I/O buffers.
//! Must not know: topics' options by name, what the records of a topic mean.
mod copy;
mod filter;
mod manager;
mod offset_map;
mod output;
mod plan;
mod swap;
mod throttle;
mod transactions;

pub use copy::{CleanError, Cleaned};
pub use manager::{Cleaner, CleanerOptions, clean};

#[cfg(test)]
mod tests;

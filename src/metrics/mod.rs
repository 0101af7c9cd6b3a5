//! What is counted and measured, and where it can be read.
//!
//! Owns: counters, gauges and histograms as plain atomics, the table that names them ([`table`]), and the
//! [`Registry`] that gives them out and reads them all.
//!
//! Promises: to count takes no lock and allocates nothing; every metric stands in the table, and so in
//! `docs/metrics.md`; what Kafka has carries Kafka's name, Klamm's own begin with `klamm`.
//!
//! Must not know: what the numbers mean, or how they leave the process. Each room that measures has a
//! `metrics.rs` that takes what it needs from the registry once, at start.
#![warn(clippy::indexing_slicing)]

mod cells;
mod histogram;
mod registry;
pub mod table;

pub use cells::{Counter, Gauge};
pub use histogram::{Histogram, Summary};
pub use registry::{Registry, Sample, Value};

#[cfg(test)]
mod tests;

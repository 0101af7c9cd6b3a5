//! `klamm dump`, `klamm check` and `klamm format` beside what Kafka wrote.
#![allow(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    missing_docs,
    reason = "a test reads its own data"
)]

mod check;
mod dump;
mod format;
#[path = "../kafka_disk/mod.rs"]
mod kafka_disk;
mod program;

use tempfile::TempDir;

/// Unpacks an archive into a directory that goes with the guard.
fn unpack(name: &str) -> TempDir {
    let dir = TempDir::new().unwrap();
    kafka_disk::unpack(name, dir.path());
    dir
}

//! The whole broker on disks that fill up, fail, and forget: in this process, through real sockets.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]
#![allow(clippy::disallowed_methods, reason = "tests of the whole broker run in real time")]
mod broker;
mod client;
mod disk_faults;
mod flush_options;
mod full_disk;
mod power_cuts;

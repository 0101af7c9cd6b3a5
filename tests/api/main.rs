//! Each API through a real socket: what is promised of it beyond single replies. What Kafka answers to single
//! requests is recorded and compared in `compat-tests`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

#[path = "../support/mod.rs"]
mod support;

mod bad_input;
mod cluster;
mod compaction;
mod configs;
mod fetch;
mod idempotence;
mod offsets;
mod pipeline;
mod produce;
mod retention;
mod sessions;
mod tiering;
mod topics;
mod transaction_faults;
mod transactions;

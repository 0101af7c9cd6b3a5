//! Each API through a real socket: what is promised of it beyond single replies. What Kafka answers to single
//! requests is recorded and compared in `compat-tests`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

#[path = "../support/mod.rs"]
mod support;

mod fetch;
mod idempotence;
mod produce;

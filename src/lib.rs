//! Klamm: a Kafka broker in one binary. `docs/architecture.md` is the map of the rooms below.
pub use klamm_schema as schema;

pub mod api;
pub mod broker;
pub mod cli;
pub mod config;
pub mod coordinator;
pub mod env;
pub mod inspect;
pub mod log;
pub mod metadata;
pub mod metrics;
pub mod partition;
pub mod record;
pub mod server;
pub mod tier;
pub mod types;
pub mod wire;

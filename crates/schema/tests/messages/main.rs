//! The generated messages against those who know better: an independent implementation, a second
//! reading of the schemas, and what Kafka's own classes wrote.
#![allow(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    missing_docs,
    reason = "a test reads its own data"
)]

mod golden;
mod grammar;
mod oracle;

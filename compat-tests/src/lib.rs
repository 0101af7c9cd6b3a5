//! Klamm against programs that we did not write, and against what a real Kafka answered.
//!
//! Owns: starting and killing brokers ([`broker`]), finding, fetching and running outside programs
//! ([`programs`], [`java`]), reading what is committed by the protocol alone ([`reader`]), and the comparison of scripted requests with recorded replies of a
//! real Kafka ([`scenario`]).
//!
//! Promises: a test waits for conditions, never for time; an outside program that is missing is
//! said aloud and skips its test, or fails it when `KLAMM_COMPAT=required`.
//!
//! Must not know: anything of the broker but its command line and its wire.

pub mod batch;
pub mod broker;
pub mod differences;
pub mod dynamic;
pub mod java;
pub mod kafka;
pub mod normal;
pub mod programs;
pub mod reader;
pub mod s3;
pub mod scenario;
pub mod wire;

#[allow(
    dead_code,
    missing_docs,
    reason = "the schema crate's reader of Kafka's schema files, used here at run time"
)]
#[path = "../../crates/schema/build/model.rs"]
mod model;

use std::time::{Duration, Instant};

/// Asks `condition` again and again until it answers or `limit` is over.
///
/// # Panics
/// When the time is over; `what` says for what the test waited.
pub fn wait_for<T>(what: &str, limit: Duration, mut condition: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + limit;
    loop {
        if let Some(answer) = condition() {
            return answer;
        }
        assert!(Instant::now() < end, "waited {limit:?} for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A name that no other test, and no other run against the same broker, uses.
#[must_use]
pub fn unique(prefix: &str) -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let run = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |d| d.as_millis() % 100_000_000);
    format!("{prefix}-{run}-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

//! What tests through a real socket share: a broker inside the test ([`broker`]), a raw client ([`client`]),
//! batches ([`batches`]) and the log lines of this process ([`lines`]).
//!
//! The file system is in memory, so that a test costs no disk and can kill the broker or cut its power; the
//! clock is the system's plus what a test adds.
#![allow(dead_code, reason = "each test program uses its part")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

pub mod batches;
pub mod broker;
pub mod client;
pub mod lines;

use std::time::Duration;

/// How long a test waits for what must come.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Waits until `condition` gives something.
#[allow(clippy::disallowed_methods, reason = "a test waits for a condition, within a limit")]
pub fn wait_for<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let start = std::time::Instant::now();
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(start.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

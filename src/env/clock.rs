//! The clock: wall time for what is written, monotonic time for what is measured.
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::types::Timestamp;

/// A source of time.
pub trait Clock: Send + Sync {
    /// Wall time in ms since 1970. It may jump, backwards too.
    fn now(&self) -> Timestamp;

    /// Time since some fixed moment of this process; never goes back.
    fn elapsed(&self) -> Duration;
}

/// The clock of the operating system.
#[derive(Debug)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// A clock whose monotonic time starts now.
    #[must_use]
    #[allow(clippy::disallowed_methods, reason = "this is the edge that reads the clock")]
    pub fn new() -> Self {
        Self { start: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "this is the edge that reads the clock")]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }
}

/// A clock that moves only when a test moves it.
#[derive(Debug)]
pub struct FakeClock {
    time: Mutex<(i64, Duration)>,
}

impl FakeClock {
    /// Stands at `now_ms`, with a monotonic time of zero.
    #[must_use]
    pub const fn new(now_ms: i64) -> Self {
        Self { time: Mutex::new((now_ms, Duration::ZERO)) }
    }

    /// Moves both times forward.
    pub fn advance(&self, by: Duration) {
        let mut time = self.time.lock().unwrap_or_else(PoisonError::into_inner);
        time.0 = time.0.saturating_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX));
        time.1 = time.1.saturating_add(by);
    }

    /// Sets the wall time alone, as an operator or NTP may do.
    pub fn set_wall(&self, now_ms: i64) {
        self.time.lock().unwrap_or_else(PoisonError::into_inner).0 = now_ms;
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.time.lock().unwrap_or_else(PoisonError::into_inner).0)
    }

    fn elapsed(&self) -> Duration {
        self.time.lock().unwrap_or_else(PoisonError::into_inner).1
    }
}

//! Bounds of work on the store: bytes in memory, and bytes per second.
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::env::Clock;

/// Memory is counted in pieces of this size, in bytes.
const PIECE: u64 = 4096;

/// Bytes of memory that may be held at one time.
#[derive(Clone, Debug)]
pub struct Budget {
    free: Arc<Semaphore>,
    pieces: u32,
}

impl Budget {
    /// A budget of so many bytes.
    #[must_use]
    pub fn new(bytes: u64) -> Self {
        let pieces = pieces(bytes).max(1);
        Self { free: Arc::new(Semaphore::new(pieces as usize)), pieces }
    }

    /// Waits for so many bytes; for more than there are at all, until all are free. Freed with the permit.
    pub async fn take(&self, bytes: u64) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.free).acquire_many_owned(pieces(bytes).min(self.pieces)).await.ok()
    }
}

fn pieces(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(PIECE)).unwrap_or(u32::MAX).min(Semaphore::MAX_PERMITS as u32)
}

/// Bytes per second. What is taken at once beyond the rate is waited for by whoever comes next.
pub struct Rate {
    clock: Arc<dyn Clock>,
    /// When all that was taken so far is paid for.
    paid: Mutex<Duration>,
}

impl std::fmt::Debug for Rate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Rate")
    }
}

impl Rate {
    /// Nothing is taken yet.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, paid: Mutex::default() }
    }

    /// Waits until `bytes` more may go at `per_second`.
    pub async fn take(&self, bytes: u64, per_second: u64) {
        let wait = self.due(bytes, per_second);
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
    }

    fn due(&self, bytes: u64, per_second: u64) -> Duration {
        let now = self.clock.elapsed();
        let mut paid = self.paid.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = paid.saturating_sub(now);
        let nanos =
            u128::from(bytes).saturating_mul(1_000_000_000).checked_div(u128::from(per_second.max(1)));
        let cost = Duration::from_nanos(u64::try_from(nanos.unwrap_or(0)).unwrap_or(u64::MAX));
        *paid = (*paid).max(now).saturating_add(cost);
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::FakeClock;

    #[test]
    fn whoever_comes_next_waits_for_what_was_taken() {
        let clock = Arc::new(FakeClock::new(0));
        let rate = Rate::new(Arc::clone(&clock) as Arc<dyn Clock>);
        assert_eq!(rate.due(1_000, 1_000), Duration::ZERO);
        assert_eq!(rate.due(500, 1_000), Duration::from_secs(1));
        clock.advance(Duration::from_millis(1_200));
        assert_eq!(rate.due(1, 1_000), Duration::from_millis(300));
        clock.advance(Duration::from_secs(60));
        assert_eq!(rate.due(1, i64::MAX as u64), Duration::ZERO, "an idle time is not saved up");
    }

    #[tokio::test]
    async fn memory_is_waited_for_and_comes_back() {
        let budget = Budget::new(10 * PIECE);
        let all = budget.take(1 << 40).await.unwrap();
        assert!(tokio::time::timeout(Duration::from_millis(1), budget.take(1)).await.is_err());
        drop(all);
        assert!(budget.take(1).await.is_some());
    }
}

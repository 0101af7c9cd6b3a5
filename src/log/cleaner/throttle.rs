//! `log.cleaner.io.max.bytes.per.second`, for all threads together. Pure.
use std::time::Duration;

/// Bytes that may go ahead of their time: pauses get neither too many nor too long.
const AHEAD: Duration = Duration::from_millis(100);

/// When the bytes so far are paid for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Throttle {
    paid_at: Duration,
}

impl Throttle {
    /// Counts `bytes` read or written at `now`, with `rate` bytes allowed each second. Gives the pause that is due.
    pub fn spend(&mut self, now: Duration, bytes: u64, rate: f64) -> Duration {
        let cost = Duration::try_from_secs_f64(bytes as f64 / rate).unwrap_or_default();
        self.paid_at = self.paid_at.max(now).saturating_add(cost);
        let owed = self.paid_at.saturating_sub(now);
        if owed > AHEAD { owed } else { Duration::ZERO }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_kept_over_time() {
        let mut throttle = Throttle::default();
        let mut now = Duration::from_secs(50);
        for _ in 0..1000 {
            now += throttle.spend(now, 10_000, 1_000_000.0);
        }
        let took = (now - Duration::from_secs(50)).as_secs_f64();
        assert!((9.8..10.1).contains(&took), "10 MB at 1 MB/s took {took} s");
        assert_eq!(Throttle::default().spend(now, 1 << 40, f64::MAX), Duration::ZERO, "no limit");
        assert_eq!(Throttle::default().spend(now, 1, 0.0), Duration::ZERO, "no rate is no limit");
    }
}

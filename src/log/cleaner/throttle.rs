//! `log.cleaner.io.max.bytes.per.second`, for all threads together. Pure.
use std::time::Duration;

/// Bytes that may go ahead of their time: pauses get neither too many nor too long.
const AHEAD: Duration = Duration::from_millis(100);

/// What was read and written and is not paid for with time yet.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Throttle {
    debt: f64,
    paid_at: Duration,
}

impl Throttle {
    /// Counts `bytes` read or written.
    pub fn spend(&mut self, bytes: u64) {
        self.debt += bytes as f64;
    }

    /// The pause that is due at `now` if `rate` bytes are allowed each second, from the last call on. A rate that
    /// is not positive is no limit.
    pub fn pause(&mut self, now: Duration, rate: f64) -> Duration {
        let passed = now.saturating_sub(self.paid_at);
        self.paid_at = self.paid_at.max(now);
        if rate.is_nan() || rate <= 0.0 {
            self.debt = 0.0;
            return Duration::ZERO;
        }
        self.debt = (self.debt - passed.as_secs_f64() * rate).max(0.0);
        let owed = Duration::try_from_secs_f64(self.debt / rate).unwrap_or(Duration::MAX);
        if owed > AHEAD { owed } else { Duration::ZERO }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGIN: Duration = Duration::from_secs(50);

    #[test]
    fn the_rate_is_kept_over_time() {
        let mut throttle = Throttle::default();
        let mut now = BEGIN;
        for _ in 0..1000 {
            throttle.spend(10_000);
            now += throttle.pause(now, 1_000_000.0);
        }
        let took = (now - BEGIN).as_secs_f64();
        assert!((9.8..10.1).contains(&took), "10 MB at 1 MB/s took {took} s");
    }

    #[test]
    fn a_pause_gets_shorter_with_a_higher_rate() {
        let mut throttle = Throttle::default();
        assert_eq!(throttle.pause(BEGIN, 1.0), Duration::ZERO);
        throttle.spend(1000);
        assert_eq!(throttle.pause(BEGIN, 1.0), Duration::from_secs(1000));
        assert_eq!(throttle.pause(BEGIN + Duration::from_secs(10), 10.0), Duration::from_secs(90));
        throttle.spend(1 << 60);
        assert_eq!(throttle.pause(BEGIN, f64::MAX), Duration::ZERO, "no limit");
        assert_eq!(throttle.pause(BEGIN, 1e-300), Duration::MAX, "almost nothing is allowed");
        assert_eq!(throttle.pause(BEGIN, 0.0), Duration::ZERO, "no rate is no limit");
        assert_eq!(throttle.pause(BEGIN, 1.0), Duration::ZERO, "what was free stays free");
    }
}

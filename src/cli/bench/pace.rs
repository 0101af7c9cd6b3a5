//! When what is due: an open loop keeps its rate, whatever the server does.
use std::time::Duration;

/// The times at which a client intends to send its records. Latency counts from them, not from when the
/// client got round to sending: a server that stalls is charged with all that had to wait meanwhile.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    start: Duration,
    /// Time between two records; `None` is a closed loop, in which the next record is due at once.
    period: Option<Duration>,
}

impl Pace {
    /// `rate` records per second from `start` on; without a rate, as fast as replies come.
    #[must_use]
    pub fn new(start: Duration, rate: Option<f64>) -> Self {
        let period = rate.filter(|&rate| rate > 0.0).map(|rate| {
            // Slower than one record in a day is no load.
            Duration::from_secs_f64((1.0 / rate).min(86_400.0))
        });
        Self { start, period }
    }

    /// Whether the loop is open: records have a time of their own.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.period.is_some()
    }

    /// Time between two records; zero in a closed loop.
    #[must_use]
    pub fn period(&self) -> Duration {
        self.period.unwrap_or_default()
    }

    /// When record `n` (from 0) is due.
    #[must_use]
    pub fn due(&self, n: u64) -> Duration {
        let nanos = self.period().as_nanos().saturating_mul(u128::from(n));
        self.start.saturating_add(Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)))
    }

    /// How many records a batch gets that has room for `full`, if its first one waits `linger` at most.
    #[must_use]
    pub fn batch(&self, full: u64, linger: Duration) -> u64 {
        let company = match self.period {
            Some(period) => linger.as_nanos().checked_div(period.as_nanos()).unwrap_or(u128::MAX),
            None => u128::MAX,
        };
        full.min(u64::try_from(company).unwrap_or(u64::MAX).saturating_add(1)).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_due_at_the_rate() {
        let pace = Pace::new(Duration::from_secs(2), Some(1000.0));
        assert_eq!(pace.due(0), Duration::from_secs(2));
        assert_eq!(pace.due(1500), Duration::from_millis(3500));
        let closed = Pace::new(Duration::from_secs(2), None);
        assert_eq!((closed.due(9), closed.is_open()), (Duration::from_secs(2), false));
    }

    #[test]
    fn a_batch_is_as_large_as_linger_and_room_allow() {
        let pace = |rate| Pace::new(Duration::ZERO, rate);
        let ms = Duration::from_millis;
        // Rate, room, linger, records.
        let cases = [
            (Some(1000.0), 100, ms(0), 1),
            (Some(1000.0), 100, ms(5), 6),
            (Some(1000.0), 4, ms(5), 4),
            (Some(1.0), 100, ms(5), 1),
            (None, 100, ms(0), 100),
            (None, 0, ms(0), 1),
        ];
        for (rate, full, linger, records) in cases {
            assert_eq!(pace(rate).batch(full, linger), records, "{rate:?} {full} {linger:?}");
        }
    }
}

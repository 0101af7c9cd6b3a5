//! What a client counted, and how such counts add up.
use std::time::Duration;

use hdrhistogram::Histogram;
use serde_json::{Value, json};

use crate::cli::CliError;

/// Decimal digits to which latencies are exact.
const DIGITS: u8 = 3;
/// Longest latency told apart, in ns: ten minutes.
const LONGEST: u64 = 600_000_000_000;

/// Latencies, in ns.
#[derive(Clone, Debug)]
pub struct Latencies(Histogram<u64>);

impl Latencies {
    /// None yet.
    ///
    /// # Errors
    /// Never: the bounds are right.
    pub fn new() -> Result<Self, CliError> {
        let histogram = Histogram::new_with_bounds(1, LONGEST, DIGITS);
        histogram.map(Self).map_err(|error| CliError::failed(error.to_string()))
    }

    /// Adds `count` equal ones.
    pub fn add(&mut self, latency: Duration, count: u64) {
        let nanos = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
        self.0.saturating_record_n(nanos.clamp(1, LONGEST), count);
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// The latency below which `share` (0 to 1) of all lie, in ms.
    #[must_use]
    pub fn quantile(&self, share: f64) -> f64 {
        ms(self.0.value_at_quantile(share))
    }

    /// The longest, in ms.
    #[must_use]
    pub fn max(&self) -> f64 {
        ms(self.0.max())
    }

    /// The mean, in ms.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.0.mean() / 1e6
    }

    fn merge(&mut self, other: &Self) {
        // Both have the same bounds, so nothing can be out of range.
        let _ = self.0.add(&other.0);
    }

    /// Count, mean and percentiles, in ms.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "count": self.count(),
            "mean": round(self.mean()),
            "p50": round(self.quantile(0.5)),
            "p90": round(self.quantile(0.9)),
            "p99": round(self.quantile(0.99)),
            "p99.9": round(self.quantile(0.999)),
            "p99.99": round(self.quantile(0.9999)),
            "max": round(self.max()),
        })
    }
}

fn ms(nanos: u64) -> f64 {
    nanos as f64 / 1e6
}

/// To a thousandth.
#[must_use]
pub fn round(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

/// A batch that a broker acknowledged, or that a consumer received: which offsets, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The partition.
    pub partition: i32,
    /// First offset.
    pub base: i64,
    /// Number of records.
    pub records: u64,
    /// Producers: when the first record was due. Consumers: when they had it.
    pub at: Duration,
    /// Producers: time between two records.
    pub period: Duration,
}

/// What one client did inside the measured time.
#[derive(Clone, Debug)]
pub struct Tally {
    /// Records acknowledged or received (or whatever the load counts).
    pub records: u64,
    /// Bytes of their keys and values; of consumers, bytes of batches.
    pub bytes: u64,
    /// Requests answered.
    pub requests: u64,
    /// From the intended time to the reply.
    pub latencies: Latencies,
    /// When the last of them was answered.
    pub last: Duration,
    /// The batches, where they are asked for.
    pub seen: Vec<Seen>,
    /// Further counts by name.
    pub extra: Vec<(&'static str, f64)>,
}

impl Tally {
    /// Nothing yet.
    ///
    /// # Errors
    /// Never: see [`Latencies::new`].
    pub fn new() -> Result<Self, CliError> {
        Ok(Self {
            records: 0,
            bytes: 0,
            requests: 0,
            latencies: Latencies::new()?,
            last: Duration::ZERO,
            seen: Vec::new(),
            extra: Vec::new(),
        })
    }

    /// Adds what another client did.
    pub fn merge(&mut self, other: &Self) {
        self.records = self.records.saturating_add(other.records);
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.requests = self.requests.saturating_add(other.requests);
        self.latencies.merge(&other.latencies);
        self.last = self.last.max(other.last);
        self.seen.extend_from_slice(&other.seen);
        for (name, count) in &other.extra {
            match self.extra.iter_mut().find(|(known, _)| known == name) {
                Some((_, sum)) => *sum += count,
                None => self.extra.push((name, *count)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tallies_add_up() {
        let mut all = Tally::new().unwrap();
        for (latency, count) in [(1, 98), (50, 1), (900, 1)] {
            let mut one = Tally::new().unwrap();
            one.latencies.add(Duration::from_millis(latency), count);
            (one.records, one.last, one.extra) = (count, Duration::from_secs(latency), vec![("n", 1.5)]);
            all.merge(&one);
        }
        assert_eq!((all.records, all.last, all.extra), (100, Duration::from_secs(900), vec![("n", 4.5)]));
        let near = |found: f64, want: f64| assert!((found / want - 1.0).abs() < 0.002, "{found} {want}");
        near(all.latencies.quantile(0.5), 1.0);
        near(all.latencies.quantile(0.99), 50.0);
        near(all.latencies.quantile(0.999), 900.0);
        near(all.latencies.max(), 900.0);
    }
}

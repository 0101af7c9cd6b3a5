//! How values are distributed, to one part in eight, in a few hundred atomics.
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Buckets for each doubling, as a power of two.
const SUB_BITS: u32 = 3;
const SUB: u64 = 1 << SUB_BITS;
/// Values below `SUB` have a bucket each; each doubling above has `SUB` of them.
const BUCKETS: usize = ((u64::BITS - SUB_BITS + 1) as usize) << SUB_BITS;

/// Values as they were measured, by size. What they count (ns, bytes) the table says.
#[derive(Debug)]
pub struct Histogram {
    buckets: Box<[AtomicU64]>,
    sum: AtomicU64,
    max: AtomicU64,
}

impl Default for Histogram {
    fn default() -> Self {
        let buckets = (0..BUCKETS).map(|_| AtomicU64::new(0)).collect();
        Self { buckets, sum: AtomicU64::new(0), max: AtomicU64::new(0) }
    }
}

/// A histogram at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// How many values.
    pub count: u64,
    /// What they add up to.
    pub sum: u64,
    /// The largest.
    pub max: u64,
    /// Upper end of each bucket that holds something, and how many it holds; rising.
    pub buckets: Vec<(u64, u64)>,
}

impl Histogram {
    /// Takes a value in.
    pub fn record(&self, value: u64) {
        if let Some(bucket) = self.buckets.get(index(value)) {
            bucket.fetch_add(1, Relaxed);
        }
        self.sum.fetch_add(value, Relaxed);
        self.max.fetch_max(value, Relaxed);
    }

    /// What it holds. Values that come meanwhile may be in part of it.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let held = self.buckets.iter().map(|bucket| bucket.load(Relaxed)).enumerate();
        let buckets: Vec<_> =
            held.filter(|(_, count)| *count > 0).map(|(at, count)| (upper(at), count)).collect();
        let count = buckets.iter().map(|(_, count)| *count).fold(0, u64::saturating_add);
        Summary { count, sum: self.sum.load(Relaxed), max: self.max.load(Relaxed), buckets }
    }
}

impl Summary {
    /// The value below which `share` (0 to 1) of all lie, at most an eighth too high; 0 if there are none.
    #[must_use]
    pub fn quantile(&self, share: f64) -> u64 {
        let rank = (share.clamp(0.0, 1.0) * self.count as f64).ceil() as u64;
        let mut seen = 0u64;
        for (upper, count) in &self.buckets {
            seen = seen.saturating_add(*count);
            if seen >= rank {
                return (*upper).min(self.max);
            }
        }
        self.max
    }
}

fn index(value: u64) -> usize {
    if value < SUB {
        return value as usize;
    }
    let doubling = u64::BITS.saturating_sub(SUB_BITS + 1).saturating_sub(value.leading_zeros());
    let within = (value >> doubling).saturating_sub(SUB);
    (u64::from(doubling).saturating_add(1).saturating_mul(SUB).saturating_add(within)) as usize
}

/// The largest value of a bucket.
fn upper(index: usize) -> u64 {
    let index = index as u64;
    if index < SUB {
        return index;
    }
    let doubling = (index >> SUB_BITS).saturating_sub(1);
    let within = u128::from((index & (SUB - 1)).saturating_add(SUB + 1));
    u64::try_from((within << doubling).saturating_sub(1)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_lies_in_a_bucket_that_ends_at_most_an_eighth_above_it() {
        let mut values: Vec<u64> = (0..2000).collect();
        values.extend((0..64).flat_map(|bit| [1u64 << bit, (1 << bit) - 1, u64::MAX >> bit]));
        for value in values {
            let (at, end) = (index(value), upper(index(value)));
            assert!(at < BUCKETS && end >= value && end - value <= value / 8, "{value}: {at} ends at {end}");
            assert!(at == 0 || upper(at - 1) < value, "{value}");
        }
    }

    #[test]
    fn quantiles_come_from_the_buckets() {
        let histogram = Histogram::default();
        assert_eq!(histogram.summary().quantile(0.5), 0);
        (1..=1000).for_each(|value| histogram.record(value));
        let summary = histogram.summary();
        assert_eq!((summary.count, summary.sum, summary.max), (1000, 500_500, 1000));
        for (share, exact) in [(0.0, 1), (0.5, 500), (0.99, 990), (1.0, 1000)] {
            let found = summary.quantile(share);
            assert!(found >= exact && found <= exact + exact / 8, "{share}: {found}");
        }
    }
}

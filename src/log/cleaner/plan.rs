//! Which log is cleaned next, and how far. Pure.
use crate::log::config::LogConfig;
use crate::types::{Offset, Timestamp};

/// A sealed segment as a plan sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentInfo {
    /// Its base offset.
    pub base: Offset,
    /// Bytes of its `.log`.
    pub len: u64,
    /// Its largest timestamp; only asked for with `min.compaction.lag.ms`.
    pub newest: Timestamp,
    /// The timestamp of its first batch; only asked for with `max.compaction.lag.ms`.
    pub first: Timestamp,
}

/// A log as a plan sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogState {
    /// All segments but the active one.
    pub sealed: Vec<SegmentInfo>,
    /// Base of the active segment.
    pub active: Offset,
    /// Log start offset.
    pub log_start: Offset,
    /// Log end offset.
    pub log_end: Offset,
    /// First offset of the oldest open transaction.
    pub first_open: Option<Offset>,
}

/// What a cleaning of a log would do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plan {
    /// The dirty part begins here.
    pub from: Offset,
    /// It ends here, at the base of a segment.
    pub upto: Offset,
    /// Bytes cleaned before.
    pub clean_bytes: u64,
    /// Bytes of the dirty part.
    pub dirty_bytes: u64,
    /// `max.compaction.lag.ms` has passed for a record of it.
    pub is_overdue: bool,
}

impl Plan {
    /// The plan for a log that was cleaned up to `cleaned`.
    #[must_use]
    pub fn new(log: &LogState, cleaned: Option<Offset>, config: &LogConfig, now: Timestamp) -> Self {
        let cleaned = cleaned.filter(|cleaned| *cleaned <= log.log_end);
        let from = cleaned.unwrap_or(log.log_start).max(log.log_start);
        let ends = |at: usize| log.sealed.get(at.saturating_add(1)).map_or(log.active, |next| next.base);
        let dirty = || log.sealed.iter().enumerate().filter(|(at, _)| ends(*at) > from).map(|(_, s)| s);
        let youngest = now.get().saturating_sub(config.min_compaction_lag_ms);
        let too_young = dirty()
            .find(|segment| config.min_compaction_lag_ms > 0 && segment.newest.get() > youngest)
            .map(|segment| segment.base);
        let limit =
            [Some(log.active), log.first_open, too_young].into_iter().flatten().fold(log.active, Offset::min);
        // Segments are cleaned whole: the one that holds the limit is not.
        let upto = log.sealed.iter().enumerate().find(|(at, _)| ends(*at) > limit);
        let upto = upto.map_or(log.active.min(limit), |(_, segment)| segment.base).max(from);
        let bytes = |is_dirty: bool| {
            let counted =
                log.sealed.iter().enumerate().filter(|(at, segment)| {
                    (ends(*at) > from) == is_dirty && (!is_dirty || segment.base < upto)
                });
            counted.map(|(_, segment)| segment.len).fold(0, u64::saturating_add)
        };
        let oldest = dirty().map(|segment| segment.first.get()).filter(|first| *first > 0).min();
        let due_before = now.get().saturating_sub(config.max_compaction_lag_ms);
        let is_overdue = oldest.is_some_and(|oldest| oldest < due_before);
        Self { from, upto, clean_bytes: bytes(false), dirty_bytes: bytes(true), is_overdue }
    }

    /// Which part of the bytes is dirty, from 0 to 1.
    #[must_use]
    pub fn dirty_ratio(&self) -> f64 {
        let all = self.clean_bytes.saturating_add(self.dirty_bytes);
        if all == 0 { 0.0 } else { self.dirty_bytes as f64 / all as f64 }
    }

    /// Whether the log should be cleaned now.
    #[must_use]
    pub fn is_due(&self, config: &LogConfig) -> bool {
        let has_work = self.dirty_bytes > 0 && self.upto > self.from;
        has_work && (self.is_overdue || self.dirty_ratio() > config.min_cleanable_dirty_ratio)
    }
}

/// Most segments that become one: their files are renamed under the log's lock.
const MOST_SEGMENTS: usize = 32;

/// Puts neighbouring segments (base offset, length, offset after it) into groups, each of which will fit
/// into one segment. Gives how many segments each group has.
#[must_use]
pub fn group(segments: &[(Offset, u64, Offset)], segment_bytes: u64) -> Vec<usize> {
    let mut groups: Vec<usize> = Vec::new();
    let (mut bytes, mut base) = (0u64, Offset::ZERO);
    for (segment, len, end) in segments {
        let spans = end.get().saturating_sub(base.get()) > i64::from(i32::MAX);
        let fits = bytes.saturating_add(*len) <= segment_bytes && !spans;
        match groups.last_mut() {
            Some(count) if fits && *count < MOST_SEGMENTS => *count = count.saturating_add(1),
            _ => {
                groups.push(1);
                bytes = 0;
                base = *segment;
            }
        }
        bytes = bytes.saturating_add(*len);
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000);

    /// Sealed segments of 100 bytes and 10 offsets each, written 1000 ms apart, the last just now.
    fn log(sealed: i64) -> LogState {
        let segment = |n: i64| {
            let newest = Timestamp(NOW.get() - 1000 * (sealed - 1 - n));
            SegmentInfo { base: Offset(10 * n), len: 100, newest, first: Timestamp(newest.get() - 1000) }
        };
        LogState {
            sealed: (0..sealed).map(segment).collect(),
            active: Offset(10 * sealed),
            log_start: Offset(0),
            log_end: Offset(10 * sealed + 3),
            first_open: None,
        }
    }

    fn config(min_lag: i64, max_lag: i64) -> LogConfig {
        LogConfig {
            compact: true,
            min_compaction_lag_ms: min_lag,
            max_compaction_lag_ms: max_lag,
            min_cleanable_dirty_ratio: 0.5,
            ..LogConfig::default()
        }
    }

    #[test]
    fn the_dirty_part_ends_before_what_must_not_be_touched() {
        let plain = config(0, i64::MAX);
        // (cleaned, log start, first open, min lag) -> (from, upto, clean bytes, dirty bytes, due)
        let cases = [
            ((None, 0, None, 0), (0, 50, 0, 500, true), "never cleaned"),
            ((Some(20), 0, None, 0), (20, 50, 200, 300, true), "cleaned to a segment's end"),
            ((Some(30), 0, None, 0), (30, 50, 300, 200, false), "not dirty enough"),
            ((Some(50), 0, None, 0), (50, 50, 500, 0, false), "nothing is dirty"),
            ((Some(15), 0, None, 0), (15, 50, 100, 400, true), "cleaned into a segment: it counts as dirty"),
            ((Some(20), 25, None, 0), (25, 50, 200, 300, true), "the log start has passed it"),
            ((Some(99), 0, None, 0), (0, 50, 0, 500, true), "a point past the end is not this log's"),
            ((None, 0, Some(25), 0), (0, 20, 0, 200, true), "an open transaction"),
            ((None, 0, Some(20), 0), (0, 20, 0, 200, true), "an open transaction from a segment's start on"),
            ((None, 0, Some(53), 0), (0, 50, 0, 500, true), "one in the active segment"),
            ((None, 0, Some(5), 0), (0, 0, 0, 0, false), "one in the first segment"),
            ((Some(30), 0, Some(5), 0), (30, 30, 300, 0, false), "one before the dirty part"),
            ((None, 0, None, 1500), (0, 30, 0, 300, true), "segments with young records"),
            ((None, 0, None, 9_000), (0, 0, 0, 0, false), "all are young"),
        ];
        for ((cleaned, start, open, min_lag), want, why) in cases {
            let log = LogState { log_start: Offset(start), first_open: open.map(Offset), ..log(5) };
            let config = LogConfig { min_compaction_lag_ms: min_lag, ..plain.clone() };
            let plan = Plan::new(&log, cleaned.map(Offset), &config, NOW);
            let got =
                (plan.from.get(), plan.upto.get(), plan.clean_bytes, plan.dirty_bytes, plan.is_due(&config));
            assert_eq!(got, want, "{why}");
        }
        assert!(!Plan::new(&log(0), None, &plain, NOW).is_due(&plain), "only an active segment");
    }

    #[test]
    fn an_old_record_makes_a_log_due_whatever_its_ratio() {
        // The dirty segment 4 begins 1000 ms ago.
        for (max_lag, want) in [(999, true), (1000, false), (i64::MAX, false)] {
            let config = config(0, max_lag);
            let plan = Plan::new(&log(5), Some(Offset(40)), &config, NOW);
            assert_eq!((plan.is_overdue, plan.is_due(&config)), (want, want), "{max_lag}");
        }
        let config = config(0, 1);
        assert!(!Plan::new(&log(5), Some(Offset(50)), &config, NOW).is_due(&config), "but not without dirt");
    }

    #[test]
    fn small_segments_become_one_that_is_not_too_large() {
        let segments = |lens: &[u64]| -> Vec<(Offset, u64, Offset)> {
            (0..).zip(lens).map(|(n, len)| (Offset(10 * n), *len, Offset(10 * n + 10))).collect()
        };
        assert_eq!(group(&segments(&[40, 40, 40, 100, 0, 1, 200, 5]), 100), [2, 1, 2, 1, 1, 1]);
        assert_eq!(group(&segments(&[0; 70]), 100), [32, 32, 6]);
        assert!(group(&[], 100).is_empty());
        let far = i64::from(i32::MAX);
        let spread = [
            (Offset(0), 1, Offset(far)),
            (Offset(far), 1, Offset(far + 1)),
            (Offset(far + 1), 1, Offset(far + 2)),
        ];
        assert_eq!(group(&spread, 100), [1, 2], "relative offsets fit into 31 bits");
    }
}

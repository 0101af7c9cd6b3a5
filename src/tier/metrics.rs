//! What the remote tier measures, under Kafka's names.
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::metrics::{Counter, Gauge, Registry, table};
use crate::types::TopicId;

/// Bytes and segments that wait for upload.
type Lag = (u64, u64);

/// What the tier counts; the default ones count for nobody.
#[derive(Debug, Default)]
pub struct TierMetrics {
    /// Segments uploaded and recorded.
    pub copied_segments: Arc<Counter>,
    /// Their bytes.
    pub copied_bytes: Arc<Counter>,
    /// Steps of a partition that failed.
    pub copy_errors: Arc<Counter>,
    /// Objects removed.
    pub removed: Arc<Counter>,
    /// Removals that failed.
    pub remove_errors: Arc<Counter>,
    /// Requests for batches or their indexes.
    pub fetches: Arc<Counter>,
    /// Bytes that they gave.
    pub fetched_bytes: Arc<Counter>,
    /// Those that failed.
    pub fetch_errors: Arc<Counter>,
    lag_bytes: Arc<Gauge>,
    lag_segments: Arc<Gauge>,
    lags: Mutex<HashMap<(TopicId, i32), Lag>>,
}

impl TierMetrics {
    /// Those that `registry` shows.
    #[must_use]
    pub fn new(registry: &Registry) -> Self {
        let counter = |metric| registry.counter(metric, &[]);
        Self {
            copied_segments: counter(&table::REMOTE_COPIES),
            copied_bytes: counter(&table::REMOTE_COPY_BYTES),
            copy_errors: counter(&table::REMOTE_COPY_ERRORS),
            removed: counter(&table::REMOTE_DELETES),
            remove_errors: counter(&table::REMOTE_DELETE_ERRORS),
            fetches: counter(&table::REMOTE_FETCHES),
            fetched_bytes: counter(&table::REMOTE_FETCH_BYTES),
            fetch_errors: counter(&table::REMOTE_FETCH_ERRORS),
            lag_bytes: registry.gauge(&table::REMOTE_COPY_LAG_BYTES, &[]),
            lag_segments: registry.gauge(&table::REMOTE_COPY_LAG_SEGMENTS, &[]),
            lags: Mutex::default(),
        }
    }

    /// Bytes and segments that wait for upload.
    #[must_use]
    pub fn lag(&self) -> (i64, i64) {
        (self.lag_bytes.get(), self.lag_segments.get())
    }

    /// Notes how far a partition is behind; `None` if it is not tiered any more.
    pub(super) fn note_lag(&self, key: (TopicId, i32), lag: Option<Lag>) {
        let mut lags = self.lags.lock().unwrap_or_else(PoisonError::into_inner);
        match lag {
            Some(lag) => lags.insert(key, lag),
            None => lags.remove(&key),
        };
        let signed = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        self.lag_bytes.set(signed(lags.values().map(|lag| lag.0).sum()));
        self.lag_segments.set(signed(lags.values().map(|lag| lag.1).sum()));
    }
}

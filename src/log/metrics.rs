//! What logs measure.
use std::sync::Arc;

use crate::metrics::{Counter, Histogram, Registry, table};

/// What the logs of all directories count together.
#[derive(Clone, Debug, Default)]
pub struct LogMetrics {
    /// How long making a log durable took, in ns.
    pub(super) flush_time: Arc<Histogram>,
    /// How long a round in the journal took, in ns.
    pub(super) journal_time: Arc<Histogram>,
    /// Logs in those rounds.
    pub(super) journal_logs: Arc<Counter>,
    /// Bytes of batches appended.
    pub(super) appended: Arc<Counter>,
}

impl LogMetrics {
    /// Those that `registry` shows; the default ones count for nobody.
    #[must_use]
    pub fn new(registry: &Registry) -> Self {
        Self {
            flush_time: registry.histogram(&table::FLUSH_TIME, &[]),
            journal_time: registry.histogram(&table::JOURNAL_TIME, &[]),
            journal_logs: registry.counter(&table::JOURNAL_LOGS, &[]),
            appended: registry.counter(&table::APPENDED, &[]),
        }
    }
}

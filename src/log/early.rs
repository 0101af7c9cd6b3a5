//! Write times of batches whose timestamps lie ahead of their writing (or that have none): for retention
//! such a batch is as old as its writing, or a wrong clock could keep data for ever. Pure.
use crate::types::{Offset, Timestamp};

/// Neighbouring batches share a write time if they were written within this part of the retention time.
const PRECISION: i64 = 1000;
/// Most runs kept; beyond it the two oldest become one, with the later time.
const MAX_RUNS: usize = 4096;

/// Write times, as runs of batches: each run ends with an offset and has the time its last batch was
/// written. A run also covers what lies between it and the run before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Early {
    runs: Vec<(Offset, Timestamp)>,
}

impl Early {
    /// Puts runs back that [`runs`](Self::runs) gave.
    #[must_use]
    pub fn from_runs(runs: Vec<(Offset, Timestamp)>) -> Self {
        Self { runs }
    }

    /// The runs, by rising offset.
    #[must_use]
    pub fn runs(&self) -> &[(Offset, Timestamp)] {
        &self.runs
    }

    /// Notes that a batch ending at `last_offset` was written at `written`, before its own timestamp.
    pub fn note(&mut self, last_offset: Offset, written: Timestamp, retention_ms: i64) {
        let within = retention_ms.max(0).checked_div(PRECISION).unwrap_or(0);
        // The first time of the run is not kept: a run lasts at most twice as long as it may.
        let joins = |time: Timestamp| {
            let step = within.max(1);
            time.get().div_euclid(step) == written.get().div_euclid(step)
        };
        if let Some(last) = self.runs.last_mut().filter(|(_, time)| joins(*time)) {
            *last = (last_offset, written.max(last.1));
            return;
        }
        self.runs.push((last_offset, written));
        if self.runs.len() > MAX_RUNS {
            self.runs.remove(0);
        }
    }

    /// Notes a write time for a batch that is not the newest, found out late.
    pub fn insert(&mut self, last_offset: Offset, written: Timestamp) {
        let at = self.runs.partition_point(|(run, _)| *run < last_offset);
        self.runs.insert(at, (last_offset, written));
    }

    /// When the batch ending at `last_offset` was written, if that is known; at the latest then.
    #[must_use]
    pub fn written(&self, last_offset: Offset) -> Option<Timestamp> {
        let at = self.runs.partition_point(|(run, _)| *run < last_offset);
        self.runs.get(at).map(|(_, time)| *time)
    }

    /// Forgets what lies below the log start.
    pub fn forget_below(&mut self, log_start: Offset) {
        let gone = self.runs.partition_point(|(run, _)| *run < log_start);
        self.runs.drain(..gone);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_as_old_as_its_run() {
        let mut early = Early::default();
        assert_eq!(early.written(Offset(1)), None);
        early.note(Offset(1), Timestamp(100), 60_000);
        early.note(Offset(2), Timestamp(110), 60_000);
        early.note(Offset(9), Timestamp(500), 60_000);
        assert_eq!(early.runs().len(), 2);
        let written = |offset| early.written(Offset(offset)).map(Timestamp::get);
        assert_eq!([1, 2, 5, 9, 10].map(written), [Some(110), Some(110), Some(500), Some(500), None]);
        early.forget_below(Offset(3));
        assert_eq!(early.runs(), [(Offset(9), Timestamp(500))]);
    }
}

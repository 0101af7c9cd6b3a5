//! Keeps hostile or broken peers from filling the log.
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Lines that pass in each window.
const LINES: u32 = 10;
/// Length of a window.
const WINDOW: Duration = Duration::from_secs(10);

/// Lets the first lines of each window pass and counts the rest.
#[derive(Debug, Default)]
pub(super) struct Gate {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// When the window began; `None` before the first line.
    since: Option<Duration>,
    lines: u32,
    suppressed: u64,
}

impl Gate {
    /// Writes a line at `now`, unless it is one too many.
    pub(super) fn warn(&self, now: Duration, line: fmt::Arguments<'_>) {
        match self.pass(now) {
            None => {}
            Some(0) => tracing::warn!("{line}"),
            Some(left_out) => tracing::warn!(left_out, "{line}"),
        }
    }

    /// Whether a line may be written; if so, how many were left out since the last one.
    fn pass(&self, now: Duration) -> Option<u64> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.since.is_none_or(|since| now.saturating_sub(since) >= WINDOW) {
            state.since = Some(now);
            state.lines = 0;
        }
        if state.lines >= LINES {
            state.suppressed = state.suppressed.saturating_add(1);
            return None;
        }
        state.lines = state.lines.saturating_add(1);
        Some(std::mem::take(&mut state.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_counted() {
        let gate = Gate::default();
        let at = |ms| gate.pass(Duration::from_millis(ms));
        assert!((0..10).all(|i| at(5000 + i) == Some(0)));
        assert_eq!((at(6000), at(7000), at(15_000)), (None, None, Some(2)));
        assert_eq!(at(15_001), Some(0));
    }
}

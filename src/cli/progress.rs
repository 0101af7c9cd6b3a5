//! A line on the terminal that tells how far a long command is.
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use crate::env::{Clock, SystemClock};

/// Time between two updates.
const PERIOD: Duration = Duration::from_millis(200);

/// Counts records, and shows the count on stderr if that is a terminal.
#[derive(Debug)]
pub struct Progress {
    clock: SystemClock,
    shown: Option<Duration>,
    is_on: bool,
    verb: &'static str,
    records: u64,
    bytes: u64,
}

impl Progress {
    /// Starts counting. `verb` says what was done with the records ("sent"); `wanted` is false where
    /// the line would stand among the output.
    #[must_use]
    pub fn new(verb: &'static str, wanted: bool) -> Self {
        let is_on = wanted && io::stderr().is_terminal();
        Self { clock: SystemClock::new(), shown: None, is_on, verb, records: 0, bytes: 0 }
    }

    /// Adds to the counts.
    pub fn add(&mut self, records: u64, bytes: u64) {
        self.records = self.records.saturating_add(records);
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// Shows the counts if it is time.
    pub fn show(&mut self) {
        let now = self.clock.elapsed();
        if self.is_on && self.shown.is_none_or(|shown| now.saturating_sub(shown) >= PERIOD) {
            self.shown = Some(now);
            let _ = write!(io::stderr(), "\r\x1b[K{}", self.line(now));
        }
    }

    /// Removes the line, so that other text may follow.
    pub fn clear(&mut self) {
        if self.shown.take().is_some() {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }

    /// Shows the final counts.
    pub fn finish(&mut self) {
        self.clear();
        if self.is_on {
            let _ = writeln!(io::stderr(), "{}", self.line(self.clock.elapsed()));
        }
    }

    fn line(&self, elapsed: Duration) -> String {
        let per_second = (self.bytes as f64 / elapsed.as_secs_f64().max(0.001)) as u64;
        let (records, bytes, rate) = (self.records, size(self.bytes), size(per_second));
        format!("{records} records {}, {bytes}, {rate}/s", self.verb)
    }
}

/// Bytes for people: "512 B", "1.5 MiB".
#[must_use]
pub fn size(bytes: u64) -> String {
    let mut value = bytes as f64;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if value < 1024.0 {
            return if unit == "B" { format!("{bytes} B") } else { format!("{value:.1} {unit}") };
        }
        value /= 1024.0;
    }
    format!("{value:.1} TiB")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_for_people() {
        let cases =
            [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (3 << 30, "3.0 GiB"), (5 << 40, "5.0 TiB")];
        for (bytes, text) in cases {
            assert_eq!(size(bytes), text);
        }
    }
}

//! What making bytes durable costs, as measured while the broker works, and which way is the cheaper one for
//! the logs that wait now. Pure.
//!
//! No constant could say: on one disk a flush waits for the platter, on another only for the file system's
//! own journal, and on all of them it depends on what else is flushed at the time.

/// What one observation weighs after the next.
const DECAY: f64 = 0.95;
/// What a way that is not chosen is thought to cost less after each decision, so that it is tried again one
/// day.
const FORGET: f64 = 0.995;
/// The other way must promise at least this part of the cost to be chosen over flushing the files: what goes
/// to the journal is written twice.
const CLEARLY: f64 = 0.8;
/// Costs that differ by less count as equal.
const ABOUT: f64 = 1.1;
/// Observations before a log that is alone goes any way but its own: it must never wait longer for a trial.
const KNOWN: u32 = 8;
/// An observation counts at most as this many times what was expected: one hiccup is no rule.
const SURPRISE: f64 = 10.0;
/// What is assumed of a disk before anything is known: us for a flush, and for each KiB.
const PRIOR: (f64, f64) = (300.0, 2.0);

/// Cost in us as a line over KiB, fitted to what was observed lately.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Line {
    weight: f64,
    x: f64,
    y: f64,
    xx: f64,
    xy: f64,
    seen: u32,
}

impl Default for Line {
    fn default() -> Self {
        Self { weight: 1.0, x: 0.0, y: PRIOR.0, xx: 0.0, xy: 0.0, seen: 0 }
    }
}

impl Line {
    /// Takes in that `bytes` took `us`.
    pub fn observe(&mut self, bytes: u64, us: f64) {
        let x = kib(bytes);
        let us = us.clamp(1.0, self.expect(bytes) * SURPRISE);
        for (sum, add) in [
            (&mut self.weight, 1.0),
            (&mut self.x, x),
            (&mut self.y, us),
            (&mut self.xx, x * x),
            (&mut self.xy, x * us),
        ] {
            *sum = *sum * DECAY + add;
        }
        self.seen = self.seen.saturating_add(1);
    }

    /// What `bytes` are expected to take, in us.
    #[must_use]
    pub fn expect(&self, bytes: u64) -> f64 {
        let (mean_x, mean_y) = (self.x / self.weight, self.y / self.weight);
        let spread = self.xx / self.weight - mean_x * mean_x;
        // Where all were of one size, nothing is known of others.
        let slope = if spread > 1.0 {
            ((self.xy / self.weight - mean_x * mean_y) / spread).clamp(0.0, PRIOR.1 * 50.0)
        } else {
            PRIOR.1
        };
        let begin = (mean_y - slope * mean_x).max(mean_y * 0.1);
        (begin + slope * kib(bytes)).max(1.0)
    }

    fn forget(&mut self) {
        self.y *= FORGET;
        self.xy *= FORGET;
    }
}

#[allow(clippy::cast_precision_loss, reason = "an estimate")]
fn kib(bytes: u64) -> f64 {
    bytes as f64 / 1024.0
}

/// What is known of both ways.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Costs {
    /// The flush of one log's files, beside the others that run at the time.
    pub file: Line,
    /// A round in the journal.
    pub journal: Line,
}

impl Costs {
    /// A disk on which the journal is always worth its while.
    #[cfg(test)]
    pub fn with_cheap_journal() -> Self {
        let cheap = Line { y: 1.0, seen: KNOWN, ..Line::default() };
        Self { file: Line { y: 1e12, ..Line::default() }, journal: cheap }
    }

    /// Notes which ways a decision took: a way not taken becomes a little more attractive.
    pub fn decided(&mut self, dirty: usize, journaled: usize) {
        if journaled == dirty {
            self.file.forget();
        } else if journaled == 0 && dirty > 1 {
            self.journal.forget();
        }
    }

    /// How many of the logs that wait should go to the journal: the first so many of `dirty`, which are their
    /// unflushed bytes in rising order; the others are flushed by themselves, `threads` at a time.
    #[must_use]
    pub fn choose(&self, dirty: &[u64], threads: usize) -> usize {
        let files: f64 = dirty.iter().map(|bytes| self.file.expect(*bytes)).sum();
        let largest = dirty.last().copied().unwrap_or(0);
        let mut limit = self.files(files, largest, threads) * CLEARLY;
        if dirty.len() == 1 && self.journal.seen < KNOWN {
            return 0;
        }
        let begin = self.journal.expect(0);
        let (mut bytes, mut rest) = (0u64, files);
        let mut splits = Vec::with_capacity(dirty.len());
        for (count, own) in (1..).zip(dirty) {
            bytes = bytes.saturating_add(*own);
            rest -= self.file.expect(*own);
            let others = if count == dirty.len() {
                0.0
            } else {
                // The journal's flush takes a thread.
                self.files(rest, largest, threads.saturating_sub(1))
            };
            // Its bytes are written once more later.
            let journal = self.journal.expect(bytes) * 2.0 - begin;
            splits.push((count, journal.max(others)));
        }
        let best = splits.iter().map(|(_, cost)| *cost).fold(f64::INFINITY, f64::min);
        limit = limit.min(best * ABOUT);
        // Of those that cost about the same the one with the fewest flushes.
        splits.iter().rev().find(|(_, cost)| *cost <= limit).map_or(0, |(count, _)| *count)
    }

    /// What flushing files takes that would take `sum` one after another.
    fn files(&self, sum: f64, largest: u64, threads: usize) -> f64 {
        let threads = u32::try_from(threads).map_or(1.0, f64::from).max(1.0);
        (sum / threads).max(self.file.expect(largest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Costs as if each way had been observed for long: us for a flush, us for a KiB.
    fn costs(file: (f64, f64), journal: (f64, f64)) -> Costs {
        let mut costs = Costs::default();
        for n in 0..400u64 {
            let bytes = 1024 * (1 + n % 200);
            costs.file.observe(bytes, file.0 + file.1 * kib(bytes));
            costs.journal.observe(bytes, journal.0 + journal.1 * kib(bytes));
        }
        costs
    }

    #[test]
    fn the_line_follows_what_is_observed() {
        let Costs { file, .. } = costs((200.0, 3.0), (1.0, 1.0));
        for (bytes, want) in [(1024, 203.0), (102_400, 500.0), (204_800, 800.0)] {
            assert!((file.expect(bytes) - want).abs() < 5.0, "{bytes}: {}", file.expect(bytes));
        }
        let mut same = Line::default();
        (0..100).for_each(|_| same.observe(1024, 500.0));
        assert!((same.expect(1024) - 500.0).abs() < 5.0);
        assert!(same.expect(1 << 20) > 2000.0, "more bytes take longer though none were seen");
        let before = same.expect(1024);
        same.observe(1024, 1e9);
        assert!(same.expect(1024) < before * 2.0, "one hiccup is no rule");
    }

    #[test]
    fn the_cheaper_way_is_chosen() {
        let even = costs((200.0, 1.0), (200.0, 1.0));
        let slow_files = costs((5000.0, 1.0), (200.0, 1.0));
        let slow_journal = costs((200.0, 1.0), (5000.0, 1.0));
        let small = |n| vec![1024u64; n];
        let cases = [
            (&even, small(1), 0, "alone, a log is flushed by itself when that costs the same"),
            (&even, small(4), 0, "as many as there are threads cost what one does"),
            (&even, small(20), 20, "many small ones share a flush"),
            (&even, vec![300_000; 4], 0, "what is written twice must save something"),
            (&slow_files, small(1), 1, "measured, even one goes the cheaper way"),
            (&slow_journal, small(20), 0, "a slow journal helps nobody"),
            (&slow_journal, small(200), 200, "but very many"),
            (&even, [small(30), vec![600_000]].concat(), 30, "a large one goes its own way"),
            (&even, vec![], 0, "nothing waits"),
        ];
        for (costs, dirty, want, why) in cases {
            assert_eq!(costs.choose(&dirty, 4), want, "{why}");
        }
    }

    #[test]
    fn nobody_who_is_alone_pays_for_a_trial() {
        let mut costs = Costs::default();
        (0..100).for_each(|_| costs.file.observe(1024, 9000.0));
        assert_eq!(costs.choose(&[1024], 4), 0, "nothing is known of the journal");
        for _ in 0..KNOWN {
            costs.journal.observe(1024, 100.0);
        }
        assert_eq!(costs.choose(&[1024], 4), 1);
    }

    #[test]
    fn a_way_not_taken_is_tried_again() {
        let mut costs = costs((200.0, 1.0), (20_000.0, 1.0));
        let dirty = vec![1024u64; 20];
        let mut decisions = 0;
        while costs.choose(&dirty, 4) == 0 {
            costs.decided(dirty.len(), 0);
            decisions += 1;
            assert!(decisions < 2000);
        }
        assert!(decisions > 100, "not all the time: {decisions}");
    }
}

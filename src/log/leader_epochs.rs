//! Leader epochs of a partition: at which offset each began. Pure; the file is
//! `leader-epoch-checkpoint`: `0`, the number of entries, then `epoch start_offset` on each line.
use std::fmt::Write as _;

use crate::types::{LeaderEpoch, Offset};

/// Name of the file in a partition's directory.
pub const FILE: &str = "leader-epoch-checkpoint";

/// Epochs and their first offsets, both rising.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeaderEpochs {
    entries: Vec<(LeaderEpoch, Offset)>,
}

impl LeaderEpochs {
    /// Reads the checkpoint file; `None` if it is not one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let version = lines.next()? == "0";
        let count: usize = lines.next()?.parse().ok()?;
        let mut this = Self::default();
        for line in lines {
            let (epoch, start) = line.split_once(' ')?;
            let (epoch, start) = (LeaderEpoch(epoch.parse().ok()?), Offset(start.parse().ok()?));
            if this.entries.last().is_some_and(|last| last.0 >= epoch || last.1 > start) {
                return None;
            }
            this.entries.push((epoch, start));
        }
        (version && this.entries.len() == count).then_some(this)
    }

    /// Writes the checkpoint file.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut out = format!("0\n{}\n", self.entries.len());
        for (epoch, start) in &self.entries {
            // Writing to a string does not fail.
            let _ = writeln!(out, "{epoch} {start}");
        }
        out
    }

    /// The entries, by rising epoch.
    #[must_use]
    pub fn entries(&self) -> &[(LeaderEpoch, Offset)] {
        &self.entries
    }

    /// The latest epoch, if any.
    #[must_use]
    pub fn latest(&self) -> Option<LeaderEpoch> {
        self.entries.last().map(|entry| entry.0)
    }

    /// Notes that from `start` on batches have `epoch`, and says whether that is news. An epoch in
    /// which nothing was written makes way for the one that starts at the same offset.
    pub fn assign(&mut self, epoch: LeaderEpoch, start: Offset) -> bool {
        if epoch.get() < 0 || self.latest().is_some_and(|latest| latest >= epoch) {
            return false;
        }
        self.truncate_from(start);
        self.entries.push((epoch, start));
        true
    }

    /// The epoch of the record at `offset`.
    #[must_use]
    pub fn epoch_of(&self, offset: Offset) -> Option<LeaderEpoch> {
        let after = self.entries.partition_point(|entry| entry.1 <= offset);
        self.entries.get(after.checked_sub(1)?).map(|entry| entry.0)
    }

    /// Where `epoch` ended: the largest known epoch not above it, and the offset after its last record.
    /// `None` for an epoch of the future or one without an end that is known.
    #[must_use]
    pub fn end_of(&self, epoch: LeaderEpoch, log_end: Offset) -> Option<(LeaderEpoch, Offset)> {
        let latest = self.latest()?;
        if epoch == latest {
            return Some((epoch, log_end));
        }
        if epoch > latest || epoch.get() < 0 {
            return None;
        }
        let after = self.entries.partition_point(|entry| entry.0 <= epoch);
        let next_start = self.entries.get(after)?.1;
        match after.checked_sub(1).and_then(|at| self.entries.get(at)) {
            Some((floor, _)) => Some((*floor, next_start)),
            // Older than all that is known: what is known begins here.
            None => Some((epoch, next_start)),
        }
    }

    /// The epochs that began below `end`, and where.
    #[must_use]
    pub fn until(&self, end: Offset) -> Vec<(LeaderEpoch, Offset)> {
        self.entries.iter().take_while(|entry| entry.1 < end).copied().collect()
    }

    /// Forgets epochs that ended at or below the log start; the one in force there begins there.
    pub fn truncate_before(&mut self, log_start: Offset) {
        let after = self.entries.partition_point(|entry| entry.1 <= log_start);
        if let Some(in_force) = after.checked_sub(1) {
            self.entries.drain(..in_force);
            if let Some(first) = self.entries.first_mut() {
                first.1 = log_start;
            }
        }
    }

    /// Forgets epochs that begin at or after `end`.
    pub fn truncate_from(&mut self, end: Offset) {
        let keep = self.entries.partition_point(|entry| entry.1 < end);
        self.entries.truncate(keep);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epochs(entries: &[(i32, i64)]) -> LeaderEpochs {
        LeaderEpochs { entries: entries.iter().map(|(e, o)| (LeaderEpoch(*e), Offset(*o))).collect() }
    }

    #[test]
    fn the_file_reads_as_it_was_written() {
        let some = epochs(&[(0, 0), (2, 310)]);
        assert_eq!(some.encode(), "0\n2\n0 0\n2 310\n");
        assert_eq!(LeaderEpochs::parse(&some.encode()), Some(some));
        for bad in ["", "0\n", "1\n0\n", "0\n2\n0 0\n", "0\n2\n2 0\n1 5\n", "0\n1\n0 x\n", "0\n2\n0 9\n1 5\n"]
        {
            assert_eq!(LeaderEpochs::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn epochs_end_where_the_next_begins() {
        let some = epochs(&[(1, 0), (2, 310), (5, 400)]);
        let end = |epoch| some.end_of(LeaderEpoch(epoch), Offset(450)).map(|(e, o)| (e.get(), o.get()));
        let cases = [
            (-1, None),
            (0, Some((0, 0))),
            (1, Some((1, 310))),
            (3, Some((2, 400))),
            (5, Some((5, 450))),
            (6, None),
        ];
        for (epoch, want) in cases {
            assert_eq!(end(epoch), want, "epoch {epoch}");
        }
        assert_eq!(some.epoch_of(Offset(399)), Some(LeaderEpoch(2)));
        assert_eq!(LeaderEpochs::default().end_of(LeaderEpoch(0), Offset(9)), None);
    }

    #[test]
    fn an_epoch_without_records_leaves_no_entry() {
        let mut some = epochs(&[(1, 0)]);
        assert!(some.assign(LeaderEpoch(2), Offset(10)));
        assert!(some.assign(LeaderEpoch(4), Offset(10)));
        assert!(!some.assign(LeaderEpoch(3), Offset(12)));
        assert_eq!(some, epochs(&[(1, 0), (4, 10)]));
    }

    #[test]
    fn both_ends_can_be_cut() {
        let mut some = epochs(&[(1, 0), (2, 310), (5, 400)]);
        some.truncate_before(Offset(320));
        assert_eq!(some, epochs(&[(2, 320), (5, 400)]));
        some.truncate_from(Offset(400));
        assert_eq!(some, epochs(&[(2, 320)]));
        some.truncate_before(Offset(0));
        assert_eq!(some, epochs(&[(2, 320)]));
    }
}

//! Whether a partition holds what it must.

use std::collections::BTreeMap;

use super::Contents;
use super::load::Worker;

/// A record as it lies in a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its offset.
    pub offset: i64,
    /// Whose it is.
    pub worker: u8,
    /// Which of that worker's records in this partition, from 0.
    pub number: i32,
}

/// What one worker may expect of one partition.
#[derive(Clone, Debug, Default)]
pub struct Expected {
    /// Records it was told are there: its first ones, so many.
    pub acknowledged: i32,
    /// Records it has sent, acknowledged or not.
    pub sent: i32,
    /// Offset and first number of each acknowledged batch.
    pub batches: Vec<(i64, i32)>,
}

/// Holds the contents of all partitions against what the workers know and what a consumer saw.
pub fn judge(contents: &Contents, workers: &[Worker], seen: &Contents) -> Result<(), String> {
    for (partition, entries) in contents {
        let expected: Vec<(u8, Expected)> = workers.iter().map(|w| (w.id, w.expected(*partition))).collect();
        one_partition(entries, &expected).map_err(|e| format!("partition {partition}: {e}"))?;
        for entry in seen.get(partition).into_iter().flatten() {
            if entries.get(entry.offset as usize) != Some(entry) {
                return Err(format!("partition {partition}: a consumer saw {entry:?}, which is gone"));
            }
        }
    }
    Ok(())
}

fn one_partition(entries: &[Entry], expected: &[(u8, Expected)]) -> Result<(), String> {
    let mut next: BTreeMap<u8, i32> = BTreeMap::new();
    for (i, entry) in entries.iter().enumerate() {
        if entry.offset != i as i64 {
            return Err(format!("offset {} where {i} should be", entry.offset));
        }
        let number = next.entry(entry.worker).or_default();
        if entry.number != *number {
            return Err(format!("{entry:?}, but number {number} should come next"));
        }
        *number += 1;
    }
    for (worker, expected) in expected {
        let there = next.get(worker).copied().unwrap_or_default();
        if there < expected.acknowledged {
            return Err(format!(
                "worker {worker}: {there} records of {} acknowledged",
                expected.acknowledged
            ));
        }
        if there > expected.sent {
            return Err(format!("worker {worker}: {there} records, but only {} were sent", expected.sent));
        }
        for (offset, number) in &expected.batches {
            let found = entries.get(*offset as usize);
            if found.is_none_or(|e| (e.worker, e.number) != (*worker, *number)) {
                return Err(format!(
                    "worker {worker}: number {number} is not at its offset {offset}, but {found:?}"
                ));
            }
        }
    }
    Ok(())
}

fn entries(of: &[(u8, i32)]) -> Vec<Entry> {
    let entry = |(i, &(worker, number)): (usize, &(u8, i32))| Entry { offset: i as i64, worker, number };
    of.iter().enumerate().map(entry).collect()
}

#[test]
fn the_judge_sees_loss_doubles_and_disorder() {
    let expected = [(0, Expected { acknowledged: 2, sent: 3, batches: vec![(1, 1)] })];
    for (of, fine) in [
        (&[(0, 0), (0, 1)][..], true),
        (&[(0, 0), (0, 1), (0, 2)], true),
        (&[(0, 0)], false),
        (&[(0, 1), (0, 0)], false),
        (&[(0, 0), (0, 1), (0, 1)], false),
        (&[(0, 0), (0, 1), (0, 2), (0, 3)], false),
        (&[(0, 0), (1, 0), (0, 1)], false),
    ] {
        assert_eq!(one_partition(&entries(of), &expected).is_ok(), fine, "{of:?}");
    }
}

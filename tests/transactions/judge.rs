//! What a read_committed reader sees, and whether it may.

use std::collections::{BTreeMap, BTreeSet};

use klamm::partition::{Isolation, Partition};
use klamm::record::Batches;
use klamm::record::control::ControlRecord;
use klamm::types::{Offset, ProducerId};

use super::producer::{Outcome, Session};

/// All values that a read_committed reader sees in a partition, by Kafka's rule for clients: an aborted
/// transaction's batches are passed over from its first offset to its marker.
pub fn read_committed(partition: &Partition) -> Vec<u32> {
    let (mut at, mut values) = (Offset::ZERO, Vec::new());
    let mut dropped: BTreeSet<ProducerId> = BTreeSet::new();
    loop {
        let fetched = partition.fetch(at, 300, true, Isolation::ReadCommitted).unwrap();
        let Some(range) = fetched.slice.range else { return values };
        let mut aborted: Vec<(Offset, ProducerId)> =
            fetched.aborted.iter().map(|txn| (txn.first_offset, txn.producer_id)).collect();
        aborted.sort_unstable();
        aborted.reverse();
        let bytes = range.read().unwrap();
        dropped.clear();
        for batch in Batches::new(&bytes) {
            let batch = batch.unwrap();
            let header = *batch.header();
            while aborted.last().is_some_and(|(first, _)| *first <= header.last_offset()) {
                dropped.extend(aborted.pop().map(|(_, producer)| producer));
            }
            let payload = batch.payload(1 << 20).unwrap();
            for record in batch.records(&payload) {
                let record = record.unwrap();
                if header.is_control() {
                    let key = record.key.unwrap_or_default();
                    let control = ControlRecord::decode(key, record.value.unwrap_or_default()).unwrap();
                    if control.commits() == Some(false) {
                        dropped.remove(&header.producer_id);
                    }
                } else if !(header.is_transactional() && dropped.contains(&header.producer_id)) {
                    values.push(std::str::from_utf8(record.value.unwrap()).unwrap().parse().unwrap());
                }
            }
        }
        at = fetched.slice.next_offset;
    }
}

/// Holds what is read at the end against what producers know. `seen` is what each partition holds.
pub fn check(sessions: &[Session], seen: &[Vec<u32>]) {
    let mut places: BTreeMap<u32, (usize, usize)> = BTreeMap::new();
    for (at, values) in seen.iter().enumerate() {
        for (n, value) in values.iter().enumerate() {
            assert!(places.insert(*value, (at, n)).is_none(), "{value} is there twice");
        }
    }
    for attempt in sessions.iter().flat_map(|session| &session.attempts) {
        let there: Vec<bool> = attempt.values.iter().map(|(_, value)| places.contains_key(value)).collect();
        let is_unsure_there = attempt.unsure.iter().any(|value| places.contains_key(value));
        let (all, none) = (there.iter().all(|there| *there), !there.iter().any(|there| *there));
        match attempt.outcome {
            Outcome::Committed => assert!(all, "not all of a committed transaction: {attempt:?} {there:?}"),
            Outcome::Asked { commit: true } => {
                assert!(all || none, "part of a transaction: {attempt:?} {there:?}");
            }
            Outcome::Open | Outcome::Aborted | Outcome::Asked { commit: false } => {
                assert!(none && !is_unsure_there, "of an aborted transaction: {attempt:?} {there:?}");
            }
        }
        let at = |value: &u32| places.get(value);
        let order = attempt.values.iter().filter_map(|(_, value)| at(value)).collect::<Vec<_>>();
        for pair in order.windows(2).filter(|pair| pair[0].0 == pair[1].0) {
            assert!(pair[0].1 < pair[1].1, "out of order: {attempt:?}");
        }
        for ((partition, value), place) in attempt.values.iter().filter_map(|v| Some((v, at(&v.1)?))) {
            assert_eq!(*partition, place.0, "{value} is elsewhere");
        }
    }
}

/// Which offsets a group may have, given what of its transactions is to be read.
pub fn offsets(sessions: &[&Session], seen: &[Vec<u32>]) -> BTreeSet<Option<i64>> {
    let there: BTreeSet<u32> = seen.iter().flatten().copied().collect();
    let mut attempts: Vec<_> = sessions.iter().flat_map(|session| &session.attempts).collect();
    attempts.sort_by_key(|attempt| attempt.offset);
    let mut allowed = BTreeSet::from([None]);
    for attempt in attempts.iter().filter(|attempt| attempt.offset.is_some()) {
        let known = attempt.values.first().map(|(_, value)| there.contains(value));
        match (attempt.outcome, known) {
            (Outcome::Committed, _) | (Outcome::Asked { commit: true }, Some(true)) => {
                allowed = BTreeSet::from([attempt.offset]);
            }
            (Outcome::Asked { commit: true }, None) => drop(allowed.insert(attempt.offset)),
            _ => {}
        }
    }
    allowed
}

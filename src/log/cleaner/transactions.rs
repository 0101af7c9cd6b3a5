//! Transactions as a cleaning meets them, from the log's start on. Pure.
//!
//! Data of aborted transactions go at once. A marker goes, after its delete horizon, when no batch of its
//! transaction is left: readers need the marker as long as there is data that it decides.
use std::collections::{BTreeMap, BTreeSet};

use crate::log::producers::Marker;
use crate::log::txn_index::AbortedTxn;
use crate::record::BatchHeader;
use crate::types::{Offset, ProducerId};

/// An aborted transaction that is being walked over.
#[derive(Clone, Copy, Debug)]
struct Ongoing {
    txn: AbortedTxn,
    has_data: bool,
}

/// What is known of transactions at one point of the walk.
#[derive(Debug, Default)]
pub struct Transactions {
    /// Aborted ones whose first offset was not reached.
    ahead: BTreeMap<(Offset, ProducerId), AbortedTxn>,
    aborted: BTreeMap<ProducerId, Ongoing>,
    /// Producers with data of a transaction that was committed.
    committed: BTreeSet<ProducerId>,
}

/// What a marker means for the copy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MarkerVerdict {
    /// No data of its transaction is left.
    pub spent: bool,
    /// The entry of the transaction index that must stay with it.
    pub aborted: Option<AbortedTxn>,
}

impl Transactions {
    /// Takes in aborted transactions that touch what comes next.
    pub fn learn(&mut self, aborted: &[AbortedTxn]) {
        self.ahead.extend(aborted.iter().map(|txn| ((txn.first_offset, txn.producer_id), *txn)));
    }

    fn reach(&mut self, offset: Offset) {
        while let Some(entry) = self.ahead.first_entry().filter(|entry| entry.key().0 <= offset) {
            let txn = entry.remove();
            self.aborted.entry(txn.producer_id).or_insert(Ongoing { txn, has_data: false });
        }
    }

    /// Walks over a data batch. Whether its transaction was aborted.
    pub fn data(&mut self, header: &BatchHeader) -> bool {
        self.reach(header.last_offset());
        if !header.is_transactional() {
            return false;
        }
        match self.aborted.get_mut(&header.producer_id) {
            Some(ongoing) => {
                ongoing.has_data = true;
                true
            }
            None => {
                self.committed.insert(header.producer_id);
                false
            }
        }
    }

    /// Walks over a control batch; `marker` is `None` if it was emptied already.
    pub fn control(&mut self, header: &BatchHeader, marker: Option<Marker>) -> MarkerVerdict {
        self.reach(header.last_offset());
        match marker {
            None => MarkerVerdict { spent: true, aborted: None },
            Some(marker) if marker.commit => {
                MarkerVerdict { spent: !self.committed.remove(&header.producer_id), aborted: None }
            }
            Some(_) => {
                let ended = self.aborted.remove(&header.producer_id).filter(|ongoing| ongoing.has_data);
                MarkerVerdict { spent: ended.is_none(), aborted: ended.map(|ongoing| ongoing.txn) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{BatchBuilder, NewRecord};
    use crate::types::{LeaderEpoch, ProducerEpoch};

    fn header(producer: i64, offset: i64, transactional: bool) -> BatchHeader {
        let mut builder = BatchBuilder::default().at(Offset(offset), LeaderEpoch(0)).producer(
            ProducerId(producer),
            ProducerEpoch(0),
            0,
        );
        if transactional {
            builder = builder.transactional();
        }
        builder.push(&NewRecord::default());
        *builder.build_uncompressed().header()
    }

    fn aborted(producer: i64, first: i64, last: i64) -> AbortedTxn {
        AbortedTxn {
            producer_id: ProducerId(producer),
            first_offset: Offset(first),
            last_offset: Offset(last),
            last_stable_offset: Offset(last + 1),
        }
    }

    const COMMIT: Option<Marker> = Some(Marker { commit: true, coordinator_epoch: 0 });
    const ABORT: Option<Marker> = Some(Marker { commit: false, coordinator_epoch: 0 });

    #[test]
    fn a_marker_is_spent_when_its_data_is_gone() {
        let mut txns = Transactions::default();
        txns.learn(&[aborted(1, 0, 3), aborted(2, 10, 11)]);
        assert!(txns.data(&header(1, 0, true)));
        assert!(!txns.data(&header(3, 1, true)), "another producer's transaction");
        assert!(!txns.data(&header(1, 2, false)), "outside of a transaction");
        let verdict = txns.control(&header(1, 3, true), ABORT);
        assert_eq!(verdict, MarkerVerdict { spent: false, aborted: Some(aborted(1, 0, 3)) });
        assert!(!txns.control(&header(3, 4, true), COMMIT).spent);
        assert!(txns.control(&header(3, 5, true), COMMIT).spent, "the data was there before the last marker");
        assert!(!txns.data(&header(1, 6, true)), "the next transaction of the same producer");
        assert!(!txns.control(&header(1, 7, true), COMMIT).spent);
        assert_eq!(txns.control(&header(2, 11, true), ABORT), MarkerVerdict { spent: true, aborted: None });
        assert!(txns.control(&header(9, 12, true), None).spent, "emptied before");
    }
}

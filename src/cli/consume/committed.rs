//! Leaving out the records of aborted transactions, as every consumer has to: a broker sends them, and
//! says which they are.
use std::collections::{BTreeSet, VecDeque};

use crate::record::control::ControlRecord;
use crate::record::{BatchView, RecordError};
use crate::schema::clients::fetch_response::AbortedTransaction;

/// Most bytes of a marker.
const MAX_MARKER: usize = 1 << 20;

/// Which producers' records are to be left out, while the batches of one reply pass by in order.
#[derive(Debug, Default)]
pub struct Aborted {
    coming: VecDeque<(i64, i64)>,
    current: BTreeSet<i64>,
}

impl Aborted {
    /// The aborted transactions that a reply names for a partition.
    #[must_use]
    pub fn new(transactions: &[AbortedTransaction]) -> Self {
        let mut coming: Vec<_> = transactions.iter().map(|t| (t.first_offset, t.producer_id)).collect();
        coming.sort_unstable();
        Self { coming: coming.into(), current: BTreeSet::new() }
    }

    /// Whether the records of the next batch belong to the reader.
    ///
    /// # Errors
    /// [`RecordError`] if the batch is a marker that cannot be read.
    pub fn admits(&mut self, batch: &BatchView<'_>) -> Result<bool, RecordError> {
        while let Some(&(first, producer)) = self.coming.front() {
            if first > batch.last_offset().get() {
                break;
            }
            self.coming.pop_front();
            self.current.insert(producer);
        }
        let producer = batch.producer_id.get();
        if batch.is_control() {
            if is_abort(batch)? {
                self.current.remove(&producer);
            }
            return Ok(false);
        }
        Ok(!(batch.is_transactional() && self.current.contains(&producer)))
    }
}

fn is_abort(batch: &BatchView<'_>) -> Result<bool, RecordError> {
    let payload = batch.payload(MAX_MARKER)?;
    let Some(record) = batch.records(&payload).next().transpose()? else { return Ok(false) };
    let marker = ControlRecord::decode(record.key.unwrap_or_default(), record.value.unwrap_or_default());
    Ok(marker.is_ok_and(|marker| marker.commits() == Some(false)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::control::marker_batch;
    use crate::record::{BatchBuilder, NewRecord, ValidBatch};
    use crate::types::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Timestamp};

    fn data(offset: i64, producer: i64) -> ValidBatch<'static> {
        let builder = BatchBuilder::default().at(Offset(offset), LeaderEpoch(0));
        let mut builder = builder.producer(ProducerId(producer), ProducerEpoch(0), 0).transactional();
        builder.push(&NewRecord::default());
        builder.build().unwrap()
    }

    fn marker(offset: i64, producer: i64, commit: bool) -> ValidBatch<'static> {
        let mut batch = marker_batch(ProducerId(producer), ProducerEpoch(0), commit, 0, Timestamp(0));
        batch.place(Offset(offset), LeaderEpoch(0));
        batch
    }

    #[test]
    fn aborted_records_and_markers_are_left_out() {
        let named = |producer_id, first_offset| AbortedTransaction {
            producer_id,
            first_offset,
            ..AbortedTransaction::default()
        };
        let mut aborted = Aborted::new(&[named(1, 4), named(1, 0)]);
        let batches = [
            (data(0, 1), false),
            (data(1, 2), true),
            (marker(2, 1, false), false),
            (data(3, 1), true),
            (data(4, 1), false),
            (marker(5, 2, true), false),
            (marker(6, 1, false), false),
            (data(7, 1), true),
        ];
        for (batch, want) in batches {
            let bytes = batch.to_vec();
            let view = BatchView::parse(&bytes).unwrap();
            assert_eq!(aborted.admits(&view).unwrap(), want, "offset {}", view.base_offset);
        }
    }
}

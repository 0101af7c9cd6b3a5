//! What stays of a batch: Kafka's rules. Pure.
use std::collections::BTreeMap;

use super::offset_map::OffsetMap;
use super::transactions::{MarkerVerdict, Transactions};
use crate::log::markers;
use crate::log::producers::Producer;
use crate::log::txn_index::AbortedTxn;
use crate::record::{BatchHeader, BatchView, Record, RecordError, Survivors, ValidBatch, emptied};
use crate::types::{Offset, ProducerEpoch, ProducerId, Timestamp};

/// Most bytes that the records of one batch may decompress to.
pub const MAX_PAYLOAD: usize = 1 << 30;

/// The last thing that is known of a live producer. The batch that says it is kept, or a restart would
/// forget it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastRecord {
    /// Offset of its last record, unless a marker of a new epoch came after it.
    pub offset: Option<Offset>,
    /// Its epoch.
    pub epoch: ProducerEpoch,
}

impl LastRecord {
    /// What is to be kept of a producer.
    #[must_use]
    pub fn of(producer: &Producer) -> Self {
        let offset = Some(producer.last_offset()).filter(|offset| offset.get() >= 0);
        Self { offset, epoch: producer.epoch }
    }
}

/// The fixed side of one cleaning.
#[derive(Debug)]
pub struct Rules<'a> {
    /// Newest offsets of the dirty part.
    pub map: &'a OffsetMap,
    /// The time of this cleaning.
    pub now: Timestamp,
    /// `delete.retention.ms`.
    pub delete_retention_ms: i64,
    /// Live producers.
    pub producers: &'a BTreeMap<ProducerId, LastRecord>,
    /// Where this cleaning ends: the last batch before it stays, if empty, so that the segment still
    /// says where it ends.
    pub upto: Offset,
}

/// What becomes of a batch.
#[derive(Debug, PartialEq)]
pub enum Outcome {
    /// It goes.
    Drop,
    /// Its bytes stay as they are.
    Keep,
    /// This takes its place, at the same offsets.
    Replace(Box<ValidBatch<'static>>),
}

/// A batch's outcome, and the entry of the transaction index that stays with it.
pub type Judged = (Outcome, Option<AbortedTxn>);

impl Rules<'_> {
    /// Judges the next batch of the walk.
    ///
    /// # Errors
    /// [`RecordError`]: its content is not what its header says.
    pub fn judge(
        &self,
        batch: &BatchView<'_>,
        transactions: &mut Transactions,
    ) -> Result<Judged, RecordError> {
        let header = batch.header();
        let (discard, spent, aborted) = if header.is_control() {
            let marker = (header.record_count > 0).then(|| markers::parse(header, batch.body())).flatten();
            if marker.is_none() && header.record_count > 0 {
                // A control record that ends no transaction is none of the cleaner's business.
                return Ok((Outcome::Keep, None));
            }
            let MarkerVerdict { spent, aborted } = transactions.control(header, marker);
            let is_due = header.delete_horizon().is_some_and(|horizon| horizon <= self.now);
            (spent && is_due, spent, aborted)
        } else {
            (transactions.data(header), false, None)
        };
        let must_stay = self.is_last_of_producer(header) || header.next_offset() == self.upto;
        let outcome = match (discard, must_stay) {
            (true, true) => empty(header),
            (true, false) => Outcome::Drop,
            (false, _) => self.thin(batch, spent, must_stay)?,
        };
        Ok((outcome, aborted))
    }

    fn thin(&self, batch: &BatchView<'_>, spent: bool, must_stay: bool) -> Result<Outcome, RecordError> {
        let header = batch.header();
        let payload = batch.payload(MAX_PAYLOAD)?;
        let survivors =
            Survivors::choose(header, &payload, |record| header.is_control() || self.keeps(header, record))?;
        if survivors.is_none() {
            return Ok(if must_stay { empty(header) } else { Outcome::Drop });
        }
        let needs_horizon = survivors.has_tombstone() || spent;
        let horizon = (needs_horizon && header.delete_horizon().is_none())
            .then(|| Timestamp(self.now.get().saturating_add(self.delete_retention_ms)));
        if survivors.is_all() && horizon.is_none() {
            return Ok(Outcome::Keep);
        }
        Ok(Outcome::Replace(Box::new(survivors.rebuild(header, &payload, horizon)?)))
    }

    /// Whether a data record stays: it is the newest of its key, and if it is a tombstone, its time has
    /// not come.
    fn keeps(&self, header: &BatchHeader, record: &Record<'_>) -> bool {
        if record.offset >= self.map.end() {
            return true;
        }
        let Some(key) = record.key else { return false };
        let is_newest = self.map.get(key).is_none_or(|newest| record.offset >= newest);
        let is_due = || header.delete_horizon().is_some_and(|horizon| horizon <= self.now);
        is_newest && (record.value.is_some() || !is_due())
    }

    fn is_last_of_producer(&self, header: &BatchHeader) -> bool {
        let last = header.has_producer().then(|| self.producers.get(&header.producer_id)).flatten();
        last.is_some_and(|last| match last.offset {
            Some(offset) => header.last_offset() == offset,
            None => header.is_control() && header.producer_epoch == last.epoch,
        })
    }
}

fn empty(header: &BatchHeader) -> Outcome {
    if header.record_count == 0 {
        return Outcome::Keep;
    }
    Outcome::Replace(Box::new(emptied(header)))
}

/// Takes the keys of a data batch into the map. Records below `from` are clean already.
///
/// # Errors
/// [`RecordError`]: its content is not what its header says.
pub fn take_in(map: &mut OffsetMap, batch: &BatchView<'_>, from: Offset) -> Result<Taken, RecordError> {
    let payload = batch.payload(MAX_PAYLOAD)?;
    // No record has fewer than seven bytes, whatever the header claims.
    let most = payload.len().checked_div(7).unwrap_or(0) as u64;
    let keys = u64::try_from(batch.record_count).unwrap_or(0).min(most);
    if !map.has_room_for(keys) {
        if map.end() > from {
            return Ok(Taken::Full);
        }
        map.insist_on(keys);
    }
    for record in batch.records(&payload) {
        let record = record?;
        if let Some(key) = record.key.filter(|_| record.offset >= from) {
            map.put(key, record.offset);
        }
    }
    Ok(Taken::In)
}

/// Whether a batch fitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// Its keys are in the map.
    In,
    /// It stays for the next cleaning.
    Full,
}

//! Producer state of one partition: what makes a producer's retry harmless, and which transactions are
//! open. Pure: batches go in, verdicts and state come out.
//!
//! Of each producer the last [`WINDOW`] batches are known: a batch whose sequence range is among them
//! is a duplicate and is answered with its first offset. A batch must otherwise begin with the
//! sequence after the last one, or with 0 in a new epoch. A producer that is not known (never seen, or
//! forgotten after `producer.id.expiration.ms`) may begin with any sequence.
use std::collections::{BTreeMap, VecDeque};

use super::error::LogError;
use super::txn_index::AbortedTxn;
use crate::record::BatchHeader;
use crate::record::header::NO_SEQUENCE;
use crate::types::{Offset, ProducerEpoch, ProducerId, Timestamp};

/// Batches of a producer that are recognised when they come again; no client has more in flight.
pub const WINDOW: usize = 5;

/// A batch in a producer's window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchEntry {
    /// Sequence of its last record.
    pub last_sequence: i32,
    /// Offset of its last record.
    pub last_offset: Offset,
    /// Last offset - first offset.
    pub offset_delta: i32,
    /// Its largest timestamp.
    pub timestamp: Timestamp,
}

impl BatchEntry {
    /// Offset of its first record.
    #[must_use]
    pub fn first_offset(&self) -> Offset {
        self.last_offset.plus(-i64::from(self.offset_delta))
    }

    fn first_sequence(&self) -> i32 {
        self.last_sequence.wrapping_sub(self.offset_delta) & i32::MAX
    }
}

/// What is known of one producer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Producer {
    /// Its epoch; -1 if nothing was seen yet.
    pub epoch: ProducerEpoch,
    /// The last batches of this epoch, oldest first, at most [`WINDOW`].
    pub batches: VecDeque<BatchEntry>,
    /// Largest timestamp of its last batch or marker, as the snapshot has it.
    pub last_timestamp: Timestamp,
    /// Wall time of its last append: expiry counts from here, whatever the records say.
    pub seen: Timestamp,
    /// Epoch of the coordinator that sent the last marker, or -1.
    pub coordinator_epoch: i32,
    /// First offset of its open transaction.
    pub txn_first_offset: Option<Offset>,
    /// Offset of its last marker; -1 if that came before the last start. In memory only: whoever asks has seen
    /// the log end in this life.
    pub ended_at: Offset,
}

impl Producer {
    fn new(epoch: ProducerEpoch) -> Self {
        Self {
            epoch,
            batches: VecDeque::new(),
            last_timestamp: Timestamp::NONE,
            seen: Timestamp::NONE,
            coordinator_epoch: -1,
            txn_first_offset: None,
            ended_at: Offset::NONE,
        }
    }

    /// Sequence of the last record of this epoch, or -1.
    #[must_use]
    pub fn last_sequence(&self) -> i32 {
        self.batches.back().map_or(NO_SEQUENCE, |batch| batch.last_sequence)
    }

    /// Offset of the last record of this epoch, or -1.
    #[must_use]
    pub fn last_offset(&self) -> Offset {
        self.batches.back().map_or(Offset::NONE, |batch| batch.last_offset)
    }

    fn enter(&mut self, epoch: ProducerEpoch) {
        if epoch != self.epoch {
            self.epoch = epoch;
            self.batches.clear();
        }
    }

    fn duplicate_of(&self, header: &BatchHeader) -> Option<BatchEntry> {
        let same = |batch: &&BatchEntry| {
            batch.first_sequence() == header.base_sequence && batch.last_sequence == header.last_sequence()
        };
        self.batches.iter().find(same).copied().filter(|_| header.producer_epoch == self.epoch)
    }
}

/// A transaction marker, as its control record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marker {
    /// Commit or abort.
    pub commit: bool,
    /// Epoch of the coordinator that sent it.
    pub coordinator_epoch: i32,
}

/// What to do with a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Append it.
    Append,
    /// It is in the log already: this is it.
    Duplicate(BatchEntry),
}

/// A batch that would have begun a producer's transaction, and the coordinator was asked about. What comes
/// behind it must not overtake it if that is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Announced {
    epoch: ProducerEpoch,
    /// Lowest sequence with which a batch was announced.
    sequence: i32,
    /// A producer of whom nothing is known has to begin with sequence 0.
    from_zero: bool,
    at: Timestamp,
}

/// A transaction that was ended but whose marker the high watermark has not passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct EndedTxn {
    first_offset: Offset,
    marker: Offset,
}

/// All producers of a partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Producers {
    known: BTreeMap<ProducerId, Producer>,
    open: BTreeMap<Offset, ProducerId>,
    ended: Vec<EndedTxn>,
    announced: BTreeMap<ProducerId, Announced>,
}

impl Producers {
    /// State made of entries that were saved.
    #[must_use]
    pub fn from_entries(entries: impl IntoIterator<Item = (ProducerId, Producer)>) -> Self {
        let known: BTreeMap<_, _> = entries.into_iter().collect();
        let open = known.iter().filter_map(|(id, p)| Some((p.txn_first_offset?, *id))).collect();
        Self { known, open, ..Self::default() }
    }

    /// All producers, by id.
    pub fn iter(&self) -> impl Iterator<Item = (ProducerId, &Producer)> {
        self.known.iter().map(|(id, producer)| (*id, producer))
    }

    /// Whether no producer is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Decides on a batch that a client sent. `enlisted` is where the log ended before its transaction was found
    /// to be open.
    ///
    /// # Errors
    /// [`LogError::InvalidProducerEpoch`], [`LogError::OutOfOrderSequence`] or
    /// [`LogError::InvalidTransactionState`]; nothing has changed then.
    pub fn check(&self, header: &BatchHeader, enlisted: Option<Offset>) -> Result<Verdict, LogError> {
        let producer = header.producer_id;
        let announced = self.announced.get(&producer).filter(|a| a.epoch == header.producer_epoch);
        let Some(known) = self.known.get(&producer).filter(|_| header.has_producer()) else {
            let is_gap = |a: &Announced| header.base_sequence > if a.from_zero { 0 } else { a.sequence };
            return match announced.is_some_and(is_gap) {
                true => Err(LogError::OutOfOrderSequence {
                    producer,
                    got: header.base_sequence,
                    last: NO_SEQUENCE,
                }),
                false => Ok(Verdict::Append),
            };
        };
        // A batch that comes behind the marker of its transaction would open one that nobody ends.
        let is_late = known.txn_first_offset.is_none() && enlisted.is_some_and(|at| known.ended_at >= at);
        if header.base_sequence == NO_SEQUENCE {
            // Committed offsets of a transaction, which the coordinator writes for the producer.
            check_epoch(producer, known, header.producer_epoch)?;
            return if is_late {
                Err(LogError::InvalidTransactionState { producer })
            } else {
                Ok(Verdict::Append)
            };
        }
        if let Some(batch) = known.duplicate_of(header) {
            return Ok(Verdict::Duplicate(batch));
        }
        check_epoch(producer, known, header.producer_epoch)?;
        let (got, last) = match header.producer_epoch == known.epoch {
            true => (header.base_sequence, known.last_sequence()),
            false => (header.base_sequence, NO_SEQUENCE),
        };
        let due = if last == i32::MAX { 0 } else { last.saturating_add(1) };
        let overtakes = announced.is_some_and(|a| got > a.sequence);
        if overtakes || (known.epoch != ProducerEpoch::NONE && got != due) {
            return Err(LogError::OutOfOrderSequence { producer, got, last });
        }
        if is_late || (known.txn_first_offset.is_some() && !header.is_transactional()) {
            return Err(LogError::InvalidTransactionState { producer });
        }
        Ok(Verdict::Append)
    }

    /// Whether the producer has a transaction open here, begun in this epoch.
    #[must_use]
    pub fn has_open(&self, producer: ProducerId, epoch: ProducerEpoch) -> bool {
        let known = self.known.get(&producer);
        known.is_some_and(|known| known.txn_first_offset.is_some() && known.epoch == epoch)
    }

    /// A batch is about to begin the producer's transaction here, if the coordinator agrees. Until one has,
    /// nothing with a higher sequence is taken. With `from_zero` a producer of whom nothing is known has to
    /// begin with sequence 0: its client numbers anew in every epoch.
    ///
    /// # Errors
    /// [`LogError::InvalidProducerEpoch`]: the coordinator need not be asked.
    pub fn announce(
        &mut self,
        header: &BatchHeader,
        from_zero: bool,
        now: Timestamp,
    ) -> Result<(), LogError> {
        let (epoch, sequence) = (header.producer_epoch, header.base_sequence);
        if let Some(known) = self.known.get(&header.producer_id) {
            check_epoch(header.producer_id, known, epoch)?;
        }
        let mut new = Announced { epoch, sequence, from_zero, at: now };
        if let Some(old) = self.announced.get(&header.producer_id) {
            if old.epoch > epoch {
                return Ok(());
            }
            if old.epoch == epoch {
                new.sequence = new.sequence.min(old.sequence);
            }
        }
        self.announced.insert(header.producer_id, new);
        Ok(())
    }

    /// Decides on a transaction marker. One that ends earlier epochs ends nothing of its own epoch, but may
    /// come again.
    ///
    /// # Errors
    /// [`LogError::InvalidProducerEpoch`] or [`LogError::CoordinatorFenced`].
    pub fn check_marker(
        &self,
        header: &BatchHeader,
        marker: Marker,
        ends_earlier_epochs: bool,
    ) -> Result<(), LogError> {
        let producer = header.producer_id;
        let Some(known) = self.known.get(&producer) else { return Ok(()) };
        check_epoch(producer, known, header.producer_epoch)?;
        if ends_earlier_epochs && self.has_open(producer, header.producer_epoch) {
            let (got, current) = (header.producer_epoch, known.epoch);
            return Err(LogError::InvalidProducerEpoch { producer, got, current });
        }
        if marker.coordinator_epoch < known.coordinator_epoch {
            let (got, current) = (marker.coordinator_epoch, known.coordinator_epoch);
            return Err(LogError::CoordinatorFenced { producer, got, current });
        }
        Ok(())
    }

    /// Takes in a data batch that is in the log. `now` is the wall time of its append.
    pub fn apply(&mut self, header: &BatchHeader, now: Timestamp) {
        if !header.has_producer() || header.is_control() {
            return;
        }
        let id = header.producer_id;
        if header.is_transactional() {
            self.announced.remove(&id);
        }
        let known = self.known.entry(id).or_insert_with(|| Producer::new(header.producer_epoch));
        known.enter(header.producer_epoch);
        while known.batches.len() >= WINDOW {
            known.batches.pop_front();
        }
        known.batches.push_back(BatchEntry {
            last_sequence: header.last_sequence(),
            last_offset: header.last_offset(),
            offset_delta: header.last_offset_delta,
            timestamp: header.max_timestamp,
        });
        known.last_timestamp = header.max_timestamp;
        known.seen = now;
        if header.is_transactional() && known.txn_first_offset.is_none() {
            known.txn_first_offset = Some(header.base_offset);
            self.open.insert(header.base_offset, id);
        }
    }

    /// Takes in a marker that is in the log. Gives the transaction for the index if it was aborted; a
    /// marker for a transaction that has nothing in this partition ends none.
    pub fn apply_marker(
        &mut self,
        header: &BatchHeader,
        marker: Marker,
        now: Timestamp,
    ) -> Option<AbortedTxn> {
        let id = header.producer_id;
        self.announced.remove(&id);
        let known = self.known.entry(id).or_insert_with(|| Producer::new(header.producer_epoch));
        known.enter(header.producer_epoch);
        known.coordinator_epoch = marker.coordinator_epoch;
        known.last_timestamp = header.max_timestamp;
        known.seen = now;
        let last_offset = header.last_offset();
        known.ended_at = last_offset;
        let first_offset = known.txn_first_offset.take()?;
        self.open.remove(&first_offset);
        self.ended.push(EndedTxn { first_offset, marker: last_offset });
        let next_open = self.open.keys().next().copied();
        let last_stable_offset = next_open.unwrap_or(last_offset.plus(1));
        (!marker.commit).then_some(AbortedTxn {
            producer_id: id,
            first_offset,
            last_offset,
            last_stable_offset,
        })
    }

    /// The last stable offset: below it every transaction is decided, and its marker is below `hw`.
    /// `hw` must not fall from call to call.
    pub fn last_stable_offset(&mut self, hw: Offset) -> Offset {
        self.ended.retain(|txn| txn.marker >= hw);
        let open = self.open.keys().next().copied().into_iter();
        open.chain(self.ended.iter().map(|txn| txn.first_offset)).fold(hw, Offset::min)
    }

    /// Forgets producers that have been idle for `expiration_ms` and have no transaction open.
    pub fn expire(&mut self, now: Timestamp, expiration_ms: i64) {
        self.announced.retain(|_, announced| now.get().saturating_sub(announced.at.get()) < expiration_ms);
        self.known.retain(|_, producer| {
            let last = producer.seen.max(producer.last_timestamp.min(now));
            producer.txn_first_offset.is_some() || now.get().saturating_sub(last.get()) < expiration_ms
        });
    }

    /// First offset of the oldest open transaction, and whose it is.
    #[must_use]
    pub fn first_open(&self) -> Option<(Offset, ProducerId)> {
        self.open.first_key_value().map(|(offset, id)| (*offset, *id))
    }
}

fn check_epoch(producer: ProducerId, known: &Producer, got: ProducerEpoch) -> Result<(), LogError> {
    if got < known.epoch {
        return Err(LogError::InvalidProducerEpoch { producer, got, current: known.epoch });
    }
    Ok(())
}

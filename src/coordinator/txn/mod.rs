//! Transactions: which producer holds a transactional id, what its transaction has touched, how it ended.
//!
//! [`TxnShard`] is the state of one partition of `__transaction_state`. Each public method that decides
//! takes a [`View`](crate::coordinator::view::View) and a request and gives a [`Decision`]: the new state of
//! one transactional id as a record, a reply, and the [`Ending`] that the runtime carries out once the
//! record is durable.
//!
//! An end goes in three steps, each durable before the next: the decision (Prepare), a marker in every
//! partition of the transaction, and the end itself (Complete). Whatever stops in between goes on when the
//! shard is loaded again. With transaction.version 2 (KIP-890) every end bumps the producer's epoch, so that
//! nothing late of a transaction gets into the next one.
//!
//! Promises: a producer that was replaced can do nothing any more; a transaction ends, at the latest by its
//! timeout. Must not know: partitions, files, clocks, or where producer ids come from: a decision that needs
//! a fresh one and has none says [`Refused::NeedsProducerId`].

mod describe;
mod end;
mod init;
mod partitions;
mod record;
mod shard;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::coordinator::machine;
use crate::schema::ErrorCode;
use crate::types::{ProducerEpoch, ProducerId, Timestamp};

pub use describe::{Filter, compile};
pub use end::End;
pub use init::Init;
pub use record::TxnRecord;
pub use shard::TxnShard;

/// The partitions of a transaction: topic, then partition.
pub type TxnPartitions = BTreeMap<Arc<str>, BTreeSet<i32>>;

/// What a decision about transactions changes.
pub type Changes = machine::Changes<TxnRecord, Ended, Ending>;
/// Outcome and changes of one request.
pub type Decision<T> = machine::Decision<T, TxnRecord, Ended, Ending>;

/// A producer in one of its epochs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Its id.
    pub id: ProducerId,
    /// Its epoch.
    pub epoch: ProducerEpoch,
}

/// Why a request is not granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Kafka's code.
    Code(ErrorCode),
    /// Ask again with a fresh producer id.
    NeedsProducerId,
}

impl From<ErrorCode> for Refused {
    fn from(code: ErrorCode) -> Self {
        Self::Code(code)
    }
}

/// The reply to an EndTxn: what the producer goes on with.
pub type Ended = Result<Identity, Refused>;

/// An end that was decided: these partitions get markers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// The transactional id.
    pub id: Arc<str>,
    /// Producer and epoch of the markers.
    pub producer: Identity,
    /// Commit or abort.
    pub commit: bool,
    /// The epoch is a bumped one: it lies above that of the transaction's records.
    pub bumped: bool,
    /// Where.
    pub partitions: TxnPartitions,
}

/// States of a transactional id, with Kafka's numbers and names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// No transaction yet.
    Empty,
    /// A transaction is open.
    Ongoing,
    /// It will be committed.
    PrepareCommit,
    /// It will be aborted.
    PrepareAbort,
    /// It was committed.
    CompleteCommit,
    /// It was aborted.
    CompleteAbort,
}

impl State {
    const ALL: [(Self, i8, &str); 6] = [
        (Self::Empty, 0, "Empty"),
        (Self::Ongoing, 1, "Ongoing"),
        (Self::PrepareCommit, 2, "PrepareCommit"),
        (Self::PrepareAbort, 3, "PrepareAbort"),
        (Self::CompleteCommit, 4, "CompleteCommit"),
        (Self::CompleteAbort, 5, "CompleteAbort"),
    ];

    fn row(self) -> (Self, i8, &'static str) {
        Self::ALL.into_iter().find(|row| row.0 == self).unwrap_or((self, -1, ""))
    }

    /// Its number in records.
    #[must_use]
    pub fn number(self) -> i8 {
        self.row().1
    }

    /// Its name for Admin.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().2
    }

    /// The state of that number.
    #[must_use]
    pub fn by_number(number: i8) -> Option<Self> {
        Self::ALL.into_iter().find(|row| row.1 == number).map(|row| row.0)
    }

    /// The state of that name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|row| row.2 == name).map(|row| row.0)
    }

    /// Whether Kafka knows a state of that name. Two of its states never come to light: one that is not
    /// used any more, and one of an id that is being removed.
    #[must_use]
    pub fn is_known(name: &str) -> bool {
        Self::by_name(name).is_some() || matches!(name, "Dead" | "PrepareEpochFence")
    }

    /// Whether an end was decided and is not complete: `Some(true)` for a commit.
    #[must_use]
    pub fn prepared(self) -> Option<bool> {
        match self {
            Self::PrepareCommit => Some(true),
            Self::PrepareAbort => Some(false),
            _ => None,
        }
    }

    /// Whether nothing is going on.
    #[must_use]
    pub fn is_idle(self) -> bool {
        matches!(self, Self::Empty | Self::CompleteCommit | Self::CompleteAbort)
    }
}

/// A transactional id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Txn {
    /// Its producer.
    pub producer_id: ProducerId,
    /// The producer before the last change, or -1.
    pub previous_producer_id: ProducerId,
    /// The producer once the end is complete, if the epochs of this one are used up; else -1.
    pub next_producer_id: ProducerId,
    /// The producer's epoch; -1 before the first one.
    pub epoch: ProducerEpoch,
    /// The epoch before a bump that its own producer asked for, or -1. Only in memory: it tells a retry.
    pub last_epoch: ProducerEpoch,
    /// Longest time in ms that a transaction may be open.
    pub timeout_ms: i32,
    /// What is going on.
    pub state: State,
    /// What the transaction has touched.
    pub partitions: TxnPartitions,
    /// When it changed last.
    pub updated: Timestamp,
    /// When the transaction began, or -1.
    pub started: Timestamp,
    /// The transaction version by which the client ends it.
    pub client_version: i16,
}

impl Txn {
    fn new(producer_id: ProducerId, timeout_ms: i32, now: Timestamp) -> Self {
        Self {
            producer_id,
            // A change notes the producer that was there before it, and this is a change, too.
            previous_producer_id: producer_id,
            next_producer_id: ProducerId::NONE,
            epoch: ProducerEpoch::NONE,
            last_epoch: ProducerEpoch::NONE,
            timeout_ms,
            state: State::Empty,
            partitions: TxnPartitions::new(),
            updated: now,
            started: Timestamp::NONE,
            client_version: 0,
        }
    }

    /// Whether its producer has no epoch left to hand out.
    fn is_exhausted(&self) -> bool {
        is_exhausted(self.epoch)
    }

    fn identity(&self) -> Identity {
        Identity { id: self.producer_id, epoch: self.epoch }
    }

    fn has(&self, topic: &str, partition: i32) -> bool {
        self.partitions.get(topic).is_some_and(|partitions| partitions.contains(&partition))
    }
}

/// The last epoch is kept for the fence of a producer that has reached the one before.
fn is_exhausted(epoch: ProducerEpoch) -> bool {
    epoch.get() >= i16::MAX - 1
}

fn bumped(epoch: ProducerEpoch, by: i16) -> ProducerEpoch {
    ProducerEpoch(epoch.get().saturating_add(by))
}

//! What the runtime and the state machines have in common.
//!
//! A machine keeps the state of one partition of an internal topic. A decision about a request gives
//! [`Changes`]: records to append all or none, which are then replayed, replies of earlier requests, and
//! effects that the runtime runs once the records are durable.

use std::sync::Arc;

use super::view::View;
use crate::schema::{DecodeError, ErrorCode};
use crate::types::{Offset, ProducerEpoch, ProducerId};

/// Stands for a reply that comes later; unique within a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket(pub u64);

/// What a decision answers.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome<T> {
    /// The reply, to be sent when the records are durable.
    Reply(T),
    /// A later decision completes this ticket.
    Parked(Ticket),
}

/// Where a replayed record comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplayAt {
    /// Its offset in the partition.
    pub offset: Offset,
    /// The producer, if the record is part of a transaction.
    pub producer: Option<ProducerId>,
}

/// What a decision changes: records of kind `R`, replies `C` of tickets, effects `E`.
#[derive(Clone, Debug, PartialEq)]
pub struct Changes<R, C, E> {
    /// To be appended all or none, then replayed.
    pub records: Vec<R>,
    /// The producer in whose transaction the records stand.
    pub producer: Option<(ProducerId, ProducerEpoch)>,
    /// Where the log ended before that transaction was found to be open: the records come too late if it was
    /// ended since.
    pub enlisted: Option<Offset>,
    /// Replies to earlier requests, to be sent when the records are durable.
    pub completed: Vec<(Ticket, C)>,
    /// What is to be done when the records are durable.
    pub effects: Vec<E>,
    /// What memory has changed with the records; see [`Machine::refused`].
    pub touched: Option<Arc<str>>,
    /// Nothing is lost with the records but work that would be done again, and no reply reveals them: they
    /// become durable with those that follow, or when someone waits for them.
    pub unhurried: bool,
}

impl<R, C, E> Default for Changes<R, C, E> {
    fn default() -> Self {
        let (records, completed, effects) = (Vec::new(), Vec::new(), Vec::new());
        Self { records, producer: None, enlisted: None, completed, effects, touched: None, unhurried: false }
    }
}

impl<R, C, E> Changes<R, C, E> {
    /// Adds a record.
    pub fn push(&mut self, record: R) {
        self.records.push(record);
    }

    /// Whether nothing happens.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty() && self.completed.is_empty() && self.effects.is_empty()
    }
}

/// Outcome and changes of one request.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision<T, R, C, E> {
    /// What the request gets.
    pub outcome: Outcome<T>,
    /// What else happens.
    pub changes: Changes<R, C, E>,
}

impl<T, R, C, E> Decision<T, R, C, E> {
    /// Answers at once and changes nothing.
    pub fn reply(reply: T) -> Self {
        Self { outcome: Outcome::Reply(reply), changes: Changes::default() }
    }

    /// Runs a decision that collects its changes.
    pub fn collect(decide: impl FnOnce(&mut Changes<R, C, E>) -> Outcome<T>) -> Self {
        let mut changes = Changes::default();
        let outcome = decide(&mut changes);
        Self { outcome, changes }
    }
}

/// Changes of a machine.
pub type ChangesOf<M> = Changes<<M as Machine>::Record, <M as Machine>::Completed, <M as Machine>::Effect>;
/// A decision of a machine.
pub type DecisionOf<M, T> =
    Decision<T, <M as Machine>::Record, <M as Machine>::Completed, <M as Machine>::Effect>;

/// A state machine that the runtime keeps on an internal topic.
pub trait Machine: Send + Sized + 'static {
    /// The topic.
    const TOPIC: &'static str;
    /// A record of the topic.
    type Record: Send + 'static;
    /// The reply of a ticket.
    type Completed: Send + 'static;
    /// What is to be done outside.
    type Effect: Send + 'static;

    /// The state before the first record.
    fn empty() -> Self;
    /// Key and value of a record.
    fn encode(record: &Self::Record) -> (Vec<u8>, Option<Vec<u8>>);
    /// Applies a record that is in the log now.
    fn replay(&mut self, at: ReplayAt, record: &Self::Record);
    /// Applies a record that is read from the log.
    ///
    /// # Errors
    /// The record is damaged; it is left out.
    fn replay_bytes(&mut self, at: ReplayAt, key: &[u8], value: Option<&[u8]>) -> Result<(), DecodeError>;
    /// Applies the end of a producer's transaction.
    fn replay_end(&mut self, producer: ProducerId, commit: bool);
    /// All records have been replayed.
    fn loaded(&mut self, view: &View<'_>) -> ChangesOf<Self>;
    /// Topics were deleted. Asked again, after replay, until it gives nothing.
    fn forget_deleted(&self, view: &View<'_>) -> ChangesOf<Self>;
    /// When [`Machine::on_timer`] should be called, in ticks.
    fn next_deadline(&self) -> Option<i64>;
    /// Handles one deadline that has passed; `None` when there is none.
    fn on_timer(&mut self, view: &View<'_>) -> Option<ChangesOf<Self>>;
    /// The records of a decision were not appended: whoever waits for them gets `code`.
    fn refused(
        &mut self,
        changes: ChangesOf<Self>,
        code: ErrorCode,
        view: &View<'_>,
    ) -> Vec<(Ticket, Self::Completed)>;
}

/// The partition of an internal topic with `partitions` partitions that keeps `id`: the absolute value
/// of Java's hash of the string (0 for the one value that has none), modulo.
#[must_use]
pub fn partition_of(id: &str, partitions: i32) -> i32 {
    let hash = id.encode_utf16().fold(0i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
    hash.checked_abs().unwrap_or(0).checked_rem(partitions).unwrap_or(0)
}

//! Groups: who is a member, who reads what, and how far they have come.
//!
//! How the pieces fit:
//! - [`GroupShard`] is the state of one partition of `__consumer_offsets`: the groups whose ids hash to
//!   it ([`partition_of`]) and their committed [`offsets`]. Each public method is one decision: it takes a
//!   [`View`] (time, metadata, options, fresh ids) and a request, and gives a [`Decision`]: records to
//!   append all or none, a reply or a [`Ticket`] for a later one, and the replies of tickets that this
//!   decision completes.
//! - The caller appends the records and then hands each of them to [`GroupShard::replay`], the only
//!   mutator of what is persisted. Loading is replay from empty, then [`GroupShard::loaded`].
//! - Consumer groups ([`consumer`]) are persisted entirely: a decision about one changes nothing but
//!   timers. A rebalance of a [`classic`] group lives in memory, as in Kafka: who awaits what is gone
//!   after a crash, and the members come back. Such a decision has changed the group already; if its
//!   records are refused, [`GroupShard::refused`] takes the group (`Changes::touched`) back to what the
//!   log says and answers all who wait.
//! - Deadlines count in [`View::tick`] and lie in [`timers`]; [`GroupShard::next_deadline`] says when
//!   [`GroupShard::on_timer`] has something to do.
//!
//! Promises: nothing here fails on any request; replaying the records gives the persisted state again.
//! Must not know: sockets, files, clocks, partitions, or how records reach the disk.

pub mod assignor;
pub mod classic;
mod commit;
pub mod consumer;
mod describe;
mod expiry;
mod fetch;
pub mod offsets;
mod shard;
#[cfg(test)]
mod sim;
#[cfg(test)]
mod tests;
pub mod timers;
mod view;

use std::sync::Arc;

use crate::coordinator::record::CoordinatorRecord;
use crate::schema::ErrorCode;
use crate::schema::clients::join_group_response::JoinGroupResponse;
use crate::schema::clients::sync_group_response::SyncGroupResponse;

pub use commit::{commit_error, offset_record};
pub use fetch::fetch_error;
pub use shard::{Group, GroupShard, ReplayAt};
pub use view::{Client, Cluster, TopicInfo, View};

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

/// The reply of a ticket.
#[derive(Clone, Debug, PartialEq)]
pub enum Completed {
    /// Of a JoinGroup.
    Join(JoinGroupResponse<'static>),
    /// Of a SyncGroup.
    Sync(SyncGroupResponse<'static>),
}

/// What a decision changes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Changes {
    /// To be appended all or none, then replayed.
    pub records: Vec<CoordinatorRecord<'static>>,
    /// Replies to earlier requests, to be sent when the records are durable.
    pub completed: Vec<(Ticket, Completed)>,
    /// The group whose memory has changed with the records; see [`GroupShard::refused`].
    pub touched: Option<Arc<str>>,
}

/// Outcome and changes of one request.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision<T> {
    /// What the request gets.
    pub outcome: Outcome<T>,
    /// What else happens.
    pub changes: Changes,
}

impl<T> Decision<T> {
    /// Answers at once and changes nothing.
    pub fn reply(reply: T) -> Self {
        Self { outcome: Outcome::Reply(reply), changes: Changes::default() }
    }

    /// Runs a decision that collects its changes.
    pub fn collect(decide: impl FnOnce(&mut Changes) -> Outcome<T>) -> Self {
        let mut changes = Changes::default();
        let outcome = decide(&mut changes);
        Self { outcome, changes }
    }
}

impl Changes {
    /// Adds a record.
    pub fn push(&mut self, record: CoordinatorRecord<'static>) {
        self.records.push(record);
    }

    /// Whether nothing happens.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty() && self.completed.is_empty()
    }
}

/// Why a request about a group is refused: Kafka's code, and what a person should read where the reply
/// has room for it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct GroupError {
    /// Kafka's code.
    pub code: ErrorCode,
    /// What happened.
    pub message: String,
}

impl GroupError {
    /// An error with a sentence.
    #[must_use]
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

impl From<ErrorCode> for GroupError {
    fn from(code: ErrorCode) -> Self {
        Self { code, message: String::new() }
    }
}

/// The partition of an internal topic with `partitions` partitions that keeps `id`: the absolute value
/// of Java's hash of the string (0 for the one value that has none), modulo.
#[must_use]
pub fn partition_of(id: &str, partitions: i32) -> i32 {
    let hash = id.encode_utf16().fold(0i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
    hash.checked_abs().unwrap_or(0).checked_rem(partitions).unwrap_or(0)
}

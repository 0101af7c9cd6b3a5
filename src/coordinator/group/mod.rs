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
mod txn_commit;

use std::convert::Infallible;

use crate::coordinator::machine;
use crate::coordinator::record::CoordinatorRecord;
use crate::schema::ErrorCode;
use crate::schema::clients::join_group_response::JoinGroupResponse;
use crate::schema::clients::sync_group_response::SyncGroupResponse;

pub use crate::coordinator::machine::{Outcome, ReplayAt, Ticket, partition_of};
pub use crate::coordinator::view::{Client, Cluster, TopicInfo, View};
pub use commit::{commit_error, offset_record};
pub use fetch::fetch_error;
pub use shard::{Group, GroupShard};
pub use txn_commit::txn_commit_error;

/// The reply of a ticket.
#[derive(Clone, Debug, PartialEq)]
pub enum Completed {
    /// Of a JoinGroup.
    Join(JoinGroupResponse<'static>),
    /// Of a SyncGroup.
    Sync(SyncGroupResponse<'static>),
}

/// What a decision about groups changes.
pub type Changes = machine::Changes<CoordinatorRecord<'static>, Completed, Infallible>;
/// Outcome and changes of one request.
pub type Decision<T> = machine::Decision<T, CoordinatorRecord<'static>, Completed, Infallible>;

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

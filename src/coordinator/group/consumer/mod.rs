//! Consumer groups (KIP-848): the broker assigns, members follow by heartbeats.
//!
//! How the pieces fit:
//! - `group` is the state, `replay` its only mutator; a `member` is what it wants and what it has.
//! - A heartbeat (`heartbeat`), or a JoinGroup of a member that still speaks the `classic` protocol,
//!   becomes an `update`: a new subscription, topics that changed (`hash`, `pattern`) or a member
//!   that came raise the group's epoch; a new epoch has a new target made (`assign`); and the member is
//!   brought closer to its target (`reconcile`).
//! - Members `leave`; groups `migrate` between the protocols.
//!
//! Everything is persisted, and a decision changes nothing but deadlines: its records do, when they are
//! replayed.

mod assign;
mod classic;
mod describe;
mod embedded;
mod group;
mod hash;
mod heartbeat;
mod leave;
mod member;
mod migrate;
mod options;
mod pattern;
mod reconcile;
mod records;
#[cfg(test)]
mod tests;
mod update;

use std::sync::Arc;

use super::{Group, GroupShard};
use crate::coordinator::record::CoordinatorRecord;

pub(super) use classic::{classic_heartbeat, classic_join, classic_leave, classic_sync};
pub use group::{CommitCheck, ConsumerGroup};
pub(super) use leave::{loaded, on_timer};
pub use member::{Classic, Current, Member, Owned, Protocols, State, Subscription};
pub use pattern::Resolved;

/// Applies a record of a consumer group.
pub(super) fn replay(shard: &mut GroupShard, record: &CoordinatorRecord<'_>) {
    let Some((id, exists)) = subject(record) else { return };
    if exists {
        // A classic group without members is only there for its offsets.
        let is_free = |group: &Group| matches!(group, Group::Classic(classic) if classic.is_empty());
        if shard.groups.get(id).is_none_or(is_free) {
            let id: Arc<str> = id.into();
            shard.groups.insert(Arc::clone(&id), Group::Consumer(Box::new(ConsumerGroup::new(id))));
        }
    }
    if let Some(Group::Consumer(group)) = shard.groups.get_mut(id)
        && !group.replay(record)
    {
        shard.groups.remove(id);
    }
}

/// The group that a record speaks of, and whether it has a value.
fn subject<'a>(record: &'a CoordinatorRecord<'_>) -> Option<(&'a str, bool)> {
    use CoordinatorRecord as R;
    Some(match record {
        R::ConsumerGroupMetadata { key, value } => (&key.group_id, value.is_some()),
        R::ConsumerGroupPartitionMetadata { key, value } => (&key.group_id, value.is_some()),
        R::ConsumerGroupMember { key, value } => (&key.group_id, value.is_some()),
        R::ConsumerGroupTargetAssignment { key, value } => (&key.group_id, value.is_some()),
        R::ConsumerGroupTargetAssignmentMember { key, value } => (&key.group_id, value.is_some()),
        R::ConsumerGroupCurrentMember { key, value } => (&key.group_id, value.is_some()),
        R::ConsumerGroupRegularExpression { key, value } => (&key.group_id, value.is_some()),
        _ => return None,
    })
}

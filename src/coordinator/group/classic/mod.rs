//! Classic groups: members join, the broker picks a leader among them, the leader assigns.
//!
//! `group` is the state and its small steps; `join`, `sync` and `leave` are the decisions; `rebalance` is
//! what they lead to. What members subscribe to and what they are assigned is
//! the clients' own: bytes that nobody looks into but to learn which topics consumers read, and that
//! may be malformed.

mod group;
mod join;
mod leave;
mod rebalance;
mod sync;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use super::timers::Timer;
use super::{Changes, Completed, Group, GroupShard, Ticket, View};
use crate::schema::clients::join_group_request::JoinGroupRequest;
use crate::schema::clients::join_group_response::JoinGroupResponse;
use crate::schema::clients::sync_group_response::SyncGroupResponse;
use crate::schema::group_coordinator::group_metadata_value::GroupMetadataValue;
use crate::schema::{ErrorCode, Reader, Writer};
use crate::types::Timestamp;

pub(super) use rebalance::{on_timer, prepare_rebalance};

pub use group::{CONSUMER, ClassicGroup, Member, State};

/// A JoinGroup request and the version it came in, which decides what the client can bear.
#[derive(Clone, Copy, Debug)]
pub struct Join<'a> {
    /// The request.
    pub request: &'a JoinGroupRequest<'a>,
    /// Its version.
    pub version: i16,
}

/// Version in which the value of a group is kept in memory.
const KEPT_VERSION: i16 = 3;

/// Refuses a JoinGroup.
#[must_use]
pub fn join_error(member: &str, code: ErrorCode) -> JoinGroupResponse<'static> {
    JoinGroupResponse {
        error_code: code.code(),
        member_id: member.to_owned().into(),
        protocol_name: None,
        ..Default::default()
    }
}

/// Refuses a SyncGroup.
#[must_use]
pub fn sync_error(code: ErrorCode) -> SyncGroupResponse<'static> {
    SyncGroupResponse { error_code: code.code(), ..Default::default() }
}

/// Applies the record of a classic group. One that lives already has changed when its record was made:
/// only what the log holds is noted.
pub(super) fn replay(shard: &mut GroupShard, id: &str, value: Option<&GroupMetadataValue<'_>>) {
    let Some(value) = value else {
        if shard.classic(id).is_some() {
            shard.groups.remove(id);
        }
        return;
    };
    let mut w = Writer::new();
    value.encode(&mut w, KEPT_VERSION);
    let kept = Some(w.buf.into_boxed_slice());
    let loading = shard.is_loading();
    match shard.classic(id) {
        Some(group) if !loading => {
            group.persisted = kept;
            group.replaced = None;
        }
        _ => {
            let id: Arc<str> = id.into();
            let mut group = ClassicGroup::from_record(Arc::clone(&id), value);
            group.persisted = kept;
            shard.groups.insert(id, Group::Classic(Box::new(group)));
        }
    }
}

/// The log has been replayed: every member gets a fresh session.
pub(super) fn loaded(shard: &mut GroupShard, view: &View<'_>, changes: &mut Changes) {
    let ids: Vec<Arc<str>> = shard.groups.keys().cloned().collect();
    let max = usize::try_from(view.config.group_max_size).unwrap_or(usize::MAX);
    for id in &ids {
        start_sessions(shard, id, view);
        if shard.classic(id).is_some_and(|group| group.members.len() > max)
            && let Some(mut turn) = shard.turn(id, view, changes)
        {
            turn.prepare("the group has more members than group.max.size allows");
        }
    }
}

/// Gives every member of a classic group a fresh session.
pub(super) fn start_sessions(shard: &mut GroupShard, id: &Arc<str>, view: &View<'_>) {
    let Some(Group::Classic(group)) = shard.groups.get(id) else { return };
    for member in group.members.values() {
        let due = view.tick.saturating_add(i64::from(member.session_timeout_ms));
        let (group, member) = (Arc::clone(id), Arc::clone(&member.id));
        shard.timers.set(Timer::ClassicSession { group, member }, due);
    }
}

/// The records of a decision about `id` were refused: back to what the log says.
pub(super) fn refused(
    shard: &mut GroupShard,
    id: &str,
    code: ErrorCode,
    view: &View<'_>,
) -> Vec<(Ticket, Completed)> {
    let mut out = Vec::new();
    let Some(group) = shard.classic(id) else { return out };
    group.answer_all(code, &mut out);
    let (id, kept) = (Arc::clone(&group.id), group.persisted.take());
    let value =
        kept.as_deref().map(|bytes| GroupMetadataValue::decode(&mut Reader::new(bytes), KEPT_VERSION));
    let replaced = group.replaced.take();
    let before = match value {
        Some(Ok(value)) => {
            let mut group = ClassicGroup::from_record(Arc::clone(&id), &value);
            group.persisted.clone_from(&kept);
            Group::Classic(Box::new(group))
        }
        _ => match replaced {
            Some(consumer) => Group::Consumer(consumer),
            None if shard.offsets.has_any(&id) => {
                Group::Classic(Box::new(ClassicGroup::new(Arc::clone(&id), Timestamp::NONE)))
            }
            None => {
                shard.groups.remove(&id);
                return out;
            }
        },
    };
    shard.groups.insert(Arc::clone(&id), before);
    start_sessions(shard, &id, view);
    out
}

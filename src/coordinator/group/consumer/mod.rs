//! Consumer groups (KIP-848): the broker assigns, members follow by heartbeats.

use super::timers::Timer;
use super::{Changes, Client, GroupError, GroupShard, Outcome, View, classic};
use crate::coordinator::record::CoordinatorRecord;
use crate::schema::ErrorCode;
use crate::schema::clients::heartbeat_request::HeartbeatRequest;
use crate::schema::clients::join_group_response::JoinGroupResponse;
use crate::schema::clients::leave_group_request::LeaveGroupRequest;
use crate::schema::clients::sync_group_request::SyncGroupRequest;
use crate::schema::clients::sync_group_response::SyncGroupResponse;

/// A consumer group.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ConsumerGroup {}

impl ConsumerGroup {
    /// Whether it has no member.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        true
    }

    /// Its state, by Kafka's name.
    #[must_use]
    pub fn state_name(&self) -> &'static str {
        "Empty"
    }

    /// Whether a member reads `topic`: its offsets may not be deleted.
    #[must_use]
    pub fn is_subscribed(&self, _topic: &str) -> bool {
        false
    }

    /// Whether a commit with this member and epoch is accepted. `version` is that of OffsetCommit.
    ///
    /// # Errors
    /// Kafka's code.
    pub fn validate_commit(
        &self,
        _member: &str,
        _instance: Option<&str>,
        _epoch: i32,
        _version: i16,
    ) -> Result<(), GroupError> {
        Err(ErrorCode::UNKNOWN_MEMBER_ID.into())
    }

    /// Whether a fetch of offsets with this member and epoch is accepted.
    ///
    /// # Errors
    /// Kafka's code.
    pub fn validate_fetch(&self, _member: Option<&str>, _epoch: i32) -> Result<(), GroupError> {
        Err(ErrorCode::UNKNOWN_MEMBER_ID.into())
    }

    /// The records that delete the group.
    #[must_use]
    pub fn tombstones(&self, _group: &str) -> Vec<CoordinatorRecord<'static>> {
        Vec::new()
    }
}

/// Applies a record of a consumer group.
pub(super) fn replay(_shard: &mut GroupShard, _record: &CoordinatorRecord<'_>) {}

/// The log has been replayed: sessions begin anew.
pub(super) fn loaded(_shard: &mut GroupShard, _view: &View<'_>, _changes: &mut Changes) {}

/// A deadline of a consumer group has passed.
pub(super) fn on_timer(_shard: &mut GroupShard, _view: &View<'_>, _timer: &Timer, _changes: &mut Changes) {}

/// JoinGroup to a consumer group that has members: a classic member joins it. `id` is the group's own
/// copy of its id.
pub(super) fn classic_join(
    _shard: &mut GroupShard,
    _view: &View<'_>,
    _client: Client<'_>,
    _request: &classic::Join<'_>,
    _changes: &mut Changes,
) -> Outcome<JoinGroupResponse<'static>> {
    Outcome::Reply(classic::join_error("", ErrorCode::INCONSISTENT_GROUP_PROTOCOL))
}

/// SyncGroup of a classic member of a consumer group.
pub(super) fn classic_sync(
    _shard: &mut GroupShard,
    _view: &View<'_>,
    _request: &SyncGroupRequest<'_>,
    _changes: &mut Changes,
) -> Outcome<SyncGroupResponse<'static>> {
    Outcome::Reply(classic::sync_error(ErrorCode::UNKNOWN_MEMBER_ID))
}

/// Heartbeat of a classic member of a consumer group.
pub(super) fn classic_heartbeat(
    _shard: &mut GroupShard,
    _view: &View<'_>,
    _request: &HeartbeatRequest<'_>,
    _changes: &mut Changes,
) -> ErrorCode {
    ErrorCode::UNKNOWN_MEMBER_ID
}

/// LeaveGroup of classic members of a consumer group; one result per member of the request.
pub(super) fn classic_leave(
    _shard: &mut GroupShard,
    _view: &View<'_>,
    request: &LeaveGroupRequest<'_>,
    _changes: &mut Changes,
) -> Vec<ErrorCode> {
    request.members.iter().map(|_| ErrorCode::UNKNOWN_MEMBER_ID).collect()
}

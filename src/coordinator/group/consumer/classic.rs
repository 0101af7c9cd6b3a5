//! Members that speak the classic protocol inside of a consumer group, as during a rolling upgrade: the
//! broker assigns to them too, and JoinGroup, SyncGroup and Heartbeat carry it.

use std::sync::Arc;

use super::super::classic::{self, CONSUMER};
use super::super::timers::Timer;
use super::super::{Changes, Client, Group, GroupError, GroupShard, Outcome, View};
use super::embedded;
use super::group::ConsumerGroup;
use super::heartbeat::{check_size, replace_static};
use super::leave::remove_members;
use super::member::{Classic, Member, Protocols, State, Subscription, names};
use super::migrate;
use super::update::{Draft, update};
use crate::schema::ErrorCode;
use crate::schema::clients::heartbeat_request::HeartbeatRequest;
use crate::schema::clients::join_group_request::JoinGroupRequest;
use crate::schema::clients::join_group_response::JoinGroupResponse;
use crate::schema::clients::leave_group_request::LeaveGroupRequest;
use crate::schema::clients::sync_group_request::SyncGroupRequest;
use crate::schema::clients::sync_group_response::SyncGroupResponse;

/// From this version on a dynamic member joins in two steps, the second one under its id.
const JOINS_IN_TWO_STEPS: i16 = 4;

/// JoinGroup to a consumer group that has members: a classic member joins it.
pub(in super::super) fn classic_join(
    shard: &mut GroupShard,
    view: &View<'_>,
    client: Client<'_>,
    join: &classic::Join<'_>,
    changes: &mut Changes,
) -> Outcome<JoinGroupResponse<'static>> {
    let reply = try_join(shard, view, client, join, changes)
        .unwrap_or_else(|refused| classic::join_error(&join.request.member_id, refused.code));
    Outcome::Reply(reply)
}

fn try_join(
    shard: &mut GroupShard,
    view: &View<'_>,
    client: Client<'_>,
    join: &classic::Join<'_>,
    changes: &mut Changes,
) -> Result<JoinGroupResponse<'static>, GroupError> {
    let request = join.request;
    let Some(Group::Consumer(group)) = shard.groups.get(&*request.group_id) else {
        return Err(ErrorCode::UNKNOWN_MEMBER_ID.into());
    };
    let supported = group.supports_classic(request.protocols.iter().map(|p| &*p.name));
    if migrate::Policy::of(view).is_disabled() || request.protocol_type != CONSUMER || !supported {
        return Err(ErrorCode::INCONSISTENT_GROUP_PROTOCOL.into());
    }
    let instance = request.group_instance_id.as_deref();
    check_size(group, view, &request.member_id, instance)?;
    let id: Arc<str> = match &*request.member_id {
        "" => (view.fresh_id)().to_string().into(),
        id => id.into(),
    };
    if request.member_id.is_empty() && instance.is_none() && join.version >= JOINS_IN_TWO_STEPS {
        return Ok(classic::join_error(&id, ErrorCode::MEMBER_ID_REQUIRED));
    }
    let first = request.protocols.first().map(|p| p.metadata.as_ref()).unwrap_or_default();
    let Some(subscription) = embedded::subscription(first) else {
        return Err(ErrorCode::INCONSISTENT_GROUP_PROTOCOL.into());
    };
    let mut draft = Draft::of(group);
    let replaced = instance.and_then(|instance| group.static_member(instance)).cloned();
    let downgrades = replaced.as_ref().is_some_and(|old| migrate::may_downgrade_with(group, view, old));
    let member = match (&replaced, instance) {
        (_, None) => group.members.get(&id).cloned().unwrap_or_else(|| Member::new(id)),
        (Some(old), Some(_)) if request.member_id.is_empty() => replace_static(&mut draft, old, id),
        (None, Some(_)) if request.member_id.is_empty() => Member::new(id),
        (_, Some(_)) => group.identify(&id, instance)?.clone(),
    };
    let protocols = protocols_of(request);
    let protocol = protocols.first().map(|(name, _)| name.to_string()).unwrap_or_default();
    let wants = Subscription {
        instance: instance.map(Into::into),
        rack: subscription.rack_id.as_deref().map(Into::into).or_else(|| member.wants.rack.clone()),
        client_id: client.id.into(),
        client_host: client.host.into(),
        topics: names(&subscription.topics),
        regex: Some("".into()),
        rebalance_timeout_ms: request.rebalance_timeout_ms,
        assignor: member.wants.assignor.clone(),
        classic: Some(Classic { session_timeout_ms: request.session_timeout_ms, protocols }),
    };
    let owned = embedded::owned_partitions(&subscription, view);
    let updated = update(&mut draft, view, &member, Arc::new(wants), Some(&owned))?;

    let Draft { records, .. } = draft;
    let group_id = Arc::clone(&group.id);
    let downgrade = downgrades.then(|| migrate::downgrade_after(group, view, &records)).flatten();
    let is_downgraded = downgrade.is_some();
    changes.records = records;
    changes.records.extend(downgrade.into_iter().flatten());
    if let Some(Group::Consumer(group)) = shard.groups.get_mut(&group_id) {
        group.looked = Some((updated.epoch, view.cluster.version()));
    }
    let member = &updated.member;
    if is_downgraded {
        migrate::rebalance_after(shard, view, &group_id);
    } else {
        set_session(shard, view, &group_id, member);
        let timer = classic_timer(&group_id, &member.id);
        let due = view.tick.saturating_add(i64::from(request.rebalance_timeout_ms.max(0)));
        shard.timers.set(timer, due);
    }
    Ok(JoinGroupResponse {
        generation_id: member.has.epoch,
        protocol_type: Some(CONSUMER.into()),
        protocol_name: Some(protocol.into()),
        member_id: member.id.to_string().into(),
        ..Default::default()
    })
}

fn protocols_of(request: &JoinGroupRequest<'_>) -> Protocols {
    request.protocols.iter().map(|p| (p.name.as_ref().into(), p.metadata.as_ref().into())).collect()
}

fn classic_timer(group: &Arc<str>, member: &Arc<str>) -> Timer {
    Timer::ConsumerClassic { group: Arc::clone(group), member: Arc::clone(member) }
}

fn set_session(shard: &mut GroupShard, view: &View<'_>, group: &Arc<str>, member: &Member) {
    let timeout = member.wants.classic.as_ref().map_or(0, |classic| classic.session_timeout_ms.max(0));
    let timer = Timer::ConsumerSession { group: Arc::clone(group), member: Arc::clone(&member.id) };
    shard.timers.set(timer, view.tick.saturating_add(i64::from(timeout)));
}

/// A classic member that is told to rejoin has its rebalance timeout for it.
fn expect_join(shard: &mut GroupShard, view: &View<'_>, group: &Arc<str>, member: &Member) {
    let timer = classic_timer(group, &member.id);
    if shard.timers.due(&timer).is_none() {
        let timeout = i64::from(member.wants.rebalance_timeout_ms.max(0));
        shard.timers.set(timer, view.tick.saturating_add(timeout));
    }
}

/// The classic member that a request of its generation comes from.
fn find<'a>(
    shard: &'a GroupShard,
    group: &str,
    (id, instance): (&str, Option<&str>),
    generation: i32,
) -> Result<(&'a ConsumerGroup, Member), ErrorCode> {
    let Some(Group::Consumer(group)) = shard.groups.get(group) else {
        return Err(ErrorCode::UNKNOWN_MEMBER_ID);
    };
    let member = group.identify(id, instance).map_err(|refused| refused.code)?;
    if !member.is_classic() {
        return Err(ErrorCode::UNKNOWN_MEMBER_ID);
    }
    if member.has.epoch != generation {
        return Err(ErrorCode::ILLEGAL_GENERATION);
    }
    Ok((group, member.clone()))
}

/// SyncGroup of a classic member of a consumer group.
pub(in super::super) fn classic_sync(
    shard: &mut GroupShard,
    view: &View<'_>,
    request: &SyncGroupRequest<'_>,
    _changes: &mut Changes,
) -> Outcome<SyncGroupResponse<'static>> {
    Outcome::Reply(try_sync(shard, view, request).unwrap_or_else(classic::sync_error))
}

fn try_sync(
    shard: &mut GroupShard,
    view: &View<'_>,
    request: &SyncGroupRequest<'_>,
) -> Result<SyncGroupResponse<'static>, ErrorCode> {
    let who = (&*request.member_id, request.group_instance_id.as_deref());
    let (group, member) = find(shard, &request.group_id, who, request.generation_id)?;
    let protocols = member.wants.classic.as_ref().map(|classic| classic.protocols.as_slice());
    let first = protocols.unwrap_or_default().first();
    let differs = |asked: Option<&str>, agreed: Option<&str>| asked.is_some() && asked != agreed;
    if differs(request.protocol_type.as_deref(), Some(CONSUMER))
        || differs(request.protocol_name.as_deref(), first.map(|(name, _)| &**name))
    {
        return Err(ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
    }
    let id = Arc::clone(&group.id);
    if group.epoch > member.has.epoch && member.has.state != State::UnrevokedPartitions {
        expect_join(shard, view, &id, &member);
        return Err(ErrorCode::REBALANCE_IN_PROGRESS);
    }
    shard.timers.cancel(&classic_timer(&id, &member.id));
    set_session(shard, view, &id, &member);
    let metadata = first.map(|(_, bytes)| &**bytes).unwrap_or_default();
    Ok(SyncGroupResponse {
        protocol_type: request.protocol_type.as_deref().map(super::member::owned),
        protocol_name: request.protocol_name.as_deref().map(super::member::owned),
        assignment: embedded::assignment(&member.has.assigned, embedded::version(metadata), view).into(),
        ..Default::default()
    })
}

/// Heartbeat of a classic member of a consumer group.
pub(in super::super) fn classic_heartbeat(
    shard: &mut GroupShard,
    view: &View<'_>,
    request: &HeartbeatRequest<'_>,
    _changes: &mut Changes,
) -> ErrorCode {
    let who = (&*request.member_id, request.group_instance_id.as_deref());
    let (group, member) = match find(shard, &request.group_id, who, request.generation_id) {
        Ok(found) => found,
        Err(code) => return code,
    };
    let must_rejoin = member.has.epoch < group.epoch
        || match member.has.state {
            State::UnrevokedPartitions => true,
            State::UnreleasedPartitions => !group.awaits_partitions(&member),
            State::Stable | State::Unknown => false,
        };
    let id = Arc::clone(&group.id);
    set_session(shard, view, &id, &member);
    if must_rejoin {
        expect_join(shard, view, &id, &member);
        return ErrorCode::REBALANCE_IN_PROGRESS;
    }
    ErrorCode::NONE
}

/// LeaveGroup of classic members of a consumer group; one result per member of the request.
pub(in super::super) fn classic_leave(
    shard: &mut GroupShard,
    view: &View<'_>,
    request: &LeaveGroupRequest<'_>,
    changes: &mut Changes,
) -> Vec<ErrorCode> {
    let Some(Group::Consumer(group)) = shard.groups.get(&*request.group_id) else {
        return request.members.iter().map(|_| ErrorCode::UNKNOWN_MEMBER_ID).collect();
    };
    let mut gone: Vec<Member> = Vec::new();
    let mut results = Vec::with_capacity(request.members.len());
    for leaver in &request.members {
        let found = match leaver.group_instance_id.as_deref() {
            // An administrator names the instance only.
            Some(instance) if leaver.member_id.is_empty() => {
                group.static_member(instance).ok_or(ErrorCode::UNKNOWN_MEMBER_ID)
            }
            instance => group.identify(&leaver.member_id, instance).map_err(|refused| refused.code),
        };
        let found =
            found.and_then(|m| if m.is_classic() { Ok(m) } else { Err(ErrorCode::UNKNOWN_MEMBER_ID) });
        results.push(found.err().unwrap_or(ErrorCode::NONE));
        gone.extend(found.ok().filter(|m| gone.iter().all(|g| g.id != m.id)).cloned());
    }
    if !gone.is_empty() {
        let id = Arc::clone(&group.id);
        remove_members(shard, view, &id, &gone, changes);
    }
    results
}

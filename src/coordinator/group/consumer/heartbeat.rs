//! ConsumerGroupHeartbeat: members join, stay, change what they want, and leave.

use std::sync::Arc;

use super::super::timers::Timer;
use super::super::{Changes, Client, Decision, Group, GroupError, GroupShard, Outcome, View};
use super::group::ConsumerGroup;
use super::leave::remove_members;
use super::member::{Current, LEAVE, LEAVE_STATIC, Member, Owned, Subscription, names, same_partitions};
use super::migrate;
use super::options::Options;
use super::records::Records;
use super::update::{Draft, Updated, update};
use crate::schema::ErrorCode;
use crate::schema::clients::consumer_group_heartbeat_request::{
    ConsumerGroupHeartbeatRequest, TopicPartitions,
};
use crate::schema::clients::consumer_group_heartbeat_response as response;
use crate::schema::clients::consumer_group_heartbeat_response::ConsumerGroupHeartbeatResponse;
use crate::types::Uuid;

type Request<'a> = ConsumerGroupHeartbeatRequest<'a>;
type Response = ConsumerGroupHeartbeatResponse<'static>;

/// From this version on members make their own ids.
const OWN_IDS: i16 = 1;

impl GroupShard {
    /// ConsumerGroupHeartbeat.
    pub fn consumer_heartbeat(
        &mut self,
        view: &View<'_>,
        client: Client<'_>,
        request: &Request<'_>,
        version: i16,
    ) -> Decision<Response> {
        let mut changes = Changes::default();
        let reply = validate(request, version, view)
            .and_then(|()| match request.member_epoch {
                LEAVE | LEAVE_STATIC => leave(self, view, request, &mut changes),
                _ => heartbeat(self, view, client, request, &mut changes),
            })
            .unwrap_or_else(|refused| Response {
                error_code: refused.code.code(),
                error_message: Some(refused.message.into()),
                ..Response::default()
            });
        Decision { outcome: Outcome::Reply(reply), changes }
    }
}

fn invalid(message: &str) -> GroupError {
    GroupError::new(ErrorCode::INVALID_REQUEST, message)
}

/// What can be said of a request without looking at its group.
fn validate(request: &Request<'_>, version: i16, view: &View<'_>) -> Result<(), GroupError> {
    let blank = |text: &str| text.trim().is_empty();
    let epoch = request.member_epoch;
    if (version >= OWN_IDS || epoch > 0 || epoch == LEAVE) && blank(&request.member_id) {
        return Err(invalid("MemberId must not be empty."));
    }
    if blank(&request.group_id) {
        return Err(invalid("GroupId must not be empty."));
    }
    if request.instance_id.as_deref().is_some_and(blank) {
        return Err(invalid("InstanceId must not be empty; leave it out for a dynamic member."));
    }
    if request.rack_id.as_deref().is_some_and(blank) {
        return Err(invalid("RackId must not be empty; leave it out if there is none."));
    }
    match epoch {
        0 => {
            if request.rebalance_timeout_ms == -1 {
                return Err(invalid("RebalanceTimeoutMs must be set in the first heartbeat."));
            }
            if request.topic_partitions.as_ref().is_none_or(|owned| !owned.is_empty()) {
                return Err(invalid("TopicPartitions must be an empty list in the first heartbeat."));
            }
            if request.subscribed_topic_names.is_none() && request.subscribed_topic_regex.is_none() {
                return Err(invalid(
                    "SubscribedTopicNames or SubscribedTopicRegex must be set in the first heartbeat.",
                ));
            }
        }
        LEAVE_STATIC if request.instance_id.is_none() => {
            return Err(invalid("MemberEpoch -2 is for static members: InstanceId must be set."));
        }
        i32::MIN..LEAVE_STATIC => return Err(invalid("MemberEpoch must be at least -2.")),
        _ => {}
    }
    let allowed = &view.config.group_consumer_assignors;
    match request.server_assignor.as_deref() {
        Some(name) if !allowed.iter().any(|a| a == name) => {
            let message = format!("There is no assignor `{name}` here; there are: {}.", allowed.join(", "));
            Err(GroupError::new(ErrorCode::UNSUPPORTED_ASSIGNOR, message))
        }
        _ => Ok(()),
    }
}

pub(super) fn group_not_found(id: &str) -> GroupError {
    GroupError::new(ErrorCode::GROUP_ID_NOT_FOUND, format!("There is no consumer group {id}."))
}

/// Finds the group, or begins one where `create` says so: in place of an empty classic group, or out of
/// a classic group with members, which then comes along.
fn find_or_create<'a>(
    shard: &'a GroupShard,
    view: &View<'_>,
    id: &str,
    create: bool,
) -> Result<(Draft<'a>, bool), GroupError> {
    match shard.groups.get(id) {
        Some(Group::Consumer(group)) => Ok((Draft::of(group), false)),
        None if create => Ok((Draft::new(id.into()), false)),
        Some(Group::Classic(classic)) if create && classic.is_empty() => {
            let mut draft = Draft::new(Arc::clone(&classic.id));
            draft.records.push(migrate::no_classic_group(id));
            Ok((draft, false))
        }
        Some(Group::Classic(classic)) if create => Ok((migrate::upgrade(view, classic)?, true)),
        _ => Err(group_not_found(id)),
    }
}

fn heartbeat(
    shard: &mut GroupShard,
    view: &View<'_>,
    client: Client<'_>,
    request: &Request<'_>,
    changes: &mut Changes,
) -> Result<Response, GroupError> {
    let joins = request.member_epoch == 0;
    let (mut draft, upgraded) = find_or_create(shard, view, &request.group_id, joins)?;
    check_size(&draft.group, view, &request.member_id, request.instance_id.as_deref())?;
    let member = find_or_begin(&mut draft, view, request)?;
    let wants = wanted(&member, client, request);
    let updated = update(&mut draft, view, &member, wants, request.topic_partitions.as_deref())?;

    let Draft { group, records } = draft;
    let group_id = Arc::clone(&group.id);
    let classic_sessions = if upgraded { sessions(&group, view, &member.id) } else { Vec::new() };
    let options = Options::of(view, &group_id);
    let reply = respond(request, &member, &updated, options);
    let session_ms = i64::from(options.session_timeout_ms(&updated.member));
    changes.records = records;
    if upgraded {
        migrate::answer_waiting(shard, &group_id, changes);
    }
    if let Some(Group::Consumer(group)) = shard.groups.get_mut(&group_id) {
        group.looked = Some((updated.epoch, view.cluster.version()));
    }
    for (member, due) in classic_sessions {
        shard.timers.set(Timer::ConsumerSession { group: Arc::clone(&group_id), member }, due);
    }
    let id = &updated.member.id;
    let timer = Timer::ConsumerSession { group: Arc::clone(&group_id), member: Arc::clone(id) };
    shard.timers.set(timer, view.tick.saturating_add(session_ms));
    move_rebalance_timer(shard, view, &group_id, &updated);
    Ok(reply)
}

/// Deadlines of the members that came along from a classic group.
fn sessions(group: &ConsumerGroup, view: &View<'_>, but: &str) -> Vec<(Arc<str>, i64)> {
    let options = Options::of(view, &group.id);
    let due = |member: &Member| view.tick.saturating_add(i64::from(options.session_timeout_ms(member)));
    group.members.values().filter(|m| &*m.id != but).map(|m| (Arc::clone(&m.id), due(m))).collect()
}

/// A member that must give up partitions has until its rebalance timeout.
fn move_rebalance_timer(shard: &mut GroupShard, view: &View<'_>, group: &Arc<str>, updated: &Updated) {
    if !updated.has_moved {
        return;
    }
    let timer = Timer::ConsumerRebalance { group: Arc::clone(group), member: Arc::clone(&updated.member.id) };
    if updated.must_revoke() {
        let timeout = i64::from(updated.member.wants.rebalance_timeout_ms.max(0));
        shard.timers.set(timer, view.tick.saturating_add(timeout));
    } else {
        shard.timers.cancel(&timer);
    }
}

/// Whether one more member fits in.
pub(super) fn check_size(
    group: &ConsumerGroup,
    view: &View<'_>,
    member: &str,
    instance: Option<&str>,
) -> Result<(), GroupError> {
    let most = view.config.group_consumer_max_size;
    let is_known = group.members.contains_key(member)
        || instance.is_some_and(|instance| group.static_member(instance).is_some());
    if is_known || group.members.len() < usize::try_from(most).unwrap_or(0) {
        return Ok(());
    }
    let message = format!("Group {} is full: it has {most} members.", group.id);
    Err(GroupError::new(ErrorCode::GROUP_MAX_SIZE_REACHED, message))
}

/// The member that sends the request, or a new one.
fn find_or_begin(
    draft: &mut Draft<'_>,
    view: &View<'_>,
    request: &Request<'_>,
) -> Result<Member, GroupError> {
    let joins = request.member_epoch == 0;
    let id = || -> Arc<str> {
        if request.member_id.is_empty() {
            (view.fresh_id)().to_string().into()
        } else {
            (*request.member_id).into()
        }
    };
    let instance = request.instance_id.as_deref();
    let member = match instance.filter(|_| joins) {
        Some(instance) => match draft.group.static_member(instance).cloned() {
            None => return Ok(Member::new(id())),
            // Kafka refuses this too; but it is the same member, whose last reply was lost.
            Some(old) if *old.id == *request.member_id && old.has.epoch != LEAVE_STATIC => Some(old),
            Some(old) => {
                if !old.is_classic() && old.has.epoch != LEAVE_STATIC {
                    let message = format!("The instance id {instance} is in use by member {}.", old.id);
                    return Err(GroupError::new(ErrorCode::UNRELEASED_INSTANCE_ID, message));
                }
                return Ok(replace_static(draft, &old, id()));
            }
        },
        None if joins => draft.group.members.get(&*request.member_id).cloned(),
        None => Some(draft.group.identify(&request.member_id, instance)?.clone()),
    };
    let Some(member) = member else { return Ok(Member::new(id())) };
    check_epoch(&member.has, request)?;
    Ok(member)
}

/// A static member comes back under another id: it takes over what the one before it had.
pub(super) fn replace_static(draft: &mut Draft<'_>, old: &Member, id: Arc<str>) -> Member {
    let has = Current { epoch: 0, previous_epoch: 0, ..(*old.has).clone() };
    let new = Member { id, wants: Arc::clone(&old.wants), has: Arc::new(has) };
    let group_id = Arc::clone(&draft.group.id);
    let records = Records(&group_id);
    let target = draft.group.target(&old.id);
    draft.apply(records.no_member(&old.id));
    draft.apply(records.whole_member(&new, &target));
    new
}

/// A member may be one epoch behind if it has nothing but what it was given: the reply was lost.
fn check_epoch(has: &Current, request: &Request<'_>) -> Result<(), GroupError> {
    let epoch = request.member_epoch;
    let is_behind =
        epoch == has.previous_epoch && is_subset(request.topic_partitions.as_deref(), &has.assigned);
    if epoch == 0 || epoch == has.epoch || (epoch < has.epoch && is_behind) {
        return Ok(());
    }
    let message = format!(
        "Member {} is at epoch {}, not at {epoch}: it must give up all partitions and join again.",
        request.member_id, has.epoch
    );
    Err(GroupError::new(ErrorCode::FENCED_MEMBER_EPOCH, message))
}

fn is_subset(owned: Option<&[TopicPartitions]>, assigned: &Owned) -> bool {
    owned.is_some_and(|owned| {
        owned.iter().all(|topic| {
            let has = assigned.get(&Uuid(topic.topic_id));
            has.is_some_and(|has| topic.partitions.iter().all(|partition| has.contains_key(partition)))
        })
    })
}

/// What the member wants now; the same value, not a copy, if nothing changed.
fn wanted(member: &Member, client: Client<'_>, request: &Request<'_>) -> Arc<Subscription> {
    let old = &member.wants;
    let keeps = |new: Option<&str>, old: Option<&str>| new.is_none() || new == old;
    let unchanged = keeps(request.instance_id.as_deref(), old.instance.as_deref())
        && keeps(request.rack_id.as_deref(), old.rack.as_deref())
        && (request.rebalance_timeout_ms == -1 || request.rebalance_timeout_ms == old.rebalance_timeout_ms)
        && keeps(request.server_assignor.as_deref(), old.assignor.as_deref())
        && keeps(request.subscribed_topic_regex.as_deref(), old.regex.as_deref())
        && request.subscribed_topic_names.as_ref().is_none_or(|new| names(new) == old.topics)
        && *old.client_id == *client.id
        && *old.client_host == *client.host
        && old.classic.is_none();
    if unchanged {
        return Arc::clone(old);
    }
    let mut new = (**old).clone();
    if let Some(instance) = &request.instance_id {
        new.instance = Some((**instance).into());
    }
    if let Some(rack) = &request.rack_id {
        new.rack = Some((**rack).into());
    }
    if request.rebalance_timeout_ms != -1 {
        new.rebalance_timeout_ms = request.rebalance_timeout_ms;
    }
    if let Some(assignor) = &request.server_assignor {
        new.assignor = Some((**assignor).into());
    }
    if let Some(regex) = &request.subscribed_topic_regex {
        new.regex = Some((**regex).into());
    }
    if let Some(topics) = &request.subscribed_topic_names {
        new.topics = names(topics);
    }
    (new.client_id, new.client_host, new.classic) = (client.id.into(), client.host.into(), None);
    Arc::new(new)
}

fn respond(request: &Request<'_>, before: &Member, updated: &Updated, options: Options<'_>) -> Response {
    let member = &updated.member;
    let is_full = request.member_epoch == 0
        || (request.rebalance_timeout_ms != -1
            && (request.subscribed_topic_names.is_some() || request.subscribed_topic_regex.is_some())
            && request.topic_partitions.is_some());
    let assignment = (is_full || !same_partitions(&before.has.assigned, &member.has.assigned)).then(|| {
        let topic =
            |(id, partitions): (&Uuid, &std::collections::BTreeMap<i32, i32>)| response::TopicPartitions {
                topic_id: id.0,
                partitions: partitions.keys().copied().collect(),
                ..Default::default()
            };
        response::Assignment {
            topic_partitions: member.has.assigned.iter().map(topic).collect(),
            ..Default::default()
        }
    });
    // A member whose assignment was put off comes back when it can be made, not a whole interval later.
    let interval = i64::from(options.heartbeat_interval_ms());
    let interval = updated.put_off_ms.map_or(interval, |wait| wait.clamp(1, interval.max(1)));
    Response {
        member_id: Some(member.id.to_string().into()),
        member_epoch: member.has.epoch,
        heartbeat_interval_ms: i32::try_from(interval).unwrap_or(i32::MAX),
        assignment,
        ..Response::default()
    }
}

fn leave(
    shard: &mut GroupShard,
    view: &View<'_>,
    request: &Request<'_>,
    changes: &mut Changes,
) -> Result<Response, GroupError> {
    let Some(Group::Consumer(group)) = shard.groups.get(&*request.group_id) else {
        return Err(group_not_found(&request.group_id));
    };
    let instance = request.instance_id.as_deref();
    let member = group.identify(&request.member_id, instance)?.clone();
    let id = Arc::clone(&group.id);
    if request.member_epoch == LEAVE_STATIC && instance.is_some() {
        // It comes back, or its session ends: until then its partitions wait for it.
        let mut has = Current { epoch: LEAVE_STATIC, revoking: Owned::new(), ..(*member.has).clone() };
        for at in has.assigned.values_mut().flat_map(std::collections::BTreeMap::values_mut) {
            *at = 0;
        }
        changes.push(Records(&id).current(&member.id, Some(&has)));
    } else {
        remove_members(shard, view, &id, std::slice::from_ref(&member), changes);
    }
    Ok(Response {
        member_id: Some(member.id.to_string().into()),
        member_epoch: request.member_epoch,
        ..Response::default()
    })
}

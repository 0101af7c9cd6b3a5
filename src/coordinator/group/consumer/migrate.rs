//! Online migration: a classic group becomes a consumer group when the first member comes that speaks
//! the new protocol, and a classic group again when the last one has gone.

use std::sync::Arc;

use super::super::classic::{self, CONSUMER, ClassicGroup};
use super::super::timers::Timer;
use super::super::{Changes, Group, GroupError, GroupShard, View};
use super::embedded;
use super::group::ConsumerGroup;
use super::member::{Classic, Current, Member, Subscription, names};
use super::records::Records;
use super::update::Draft;
use crate::coordinator::record::CoordinatorRecord;
use crate::schema::ErrorCode;
use crate::schema::group_coordinator::group_metadata_key::GroupMetadataKey;
use crate::schema::group_coordinator::group_metadata_value::{GroupMetadataValue, MemberMetadata};

/// `group.consumer.migration.policy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Policy {
    upgrade: bool,
    downgrade: bool,
}

impl Policy {
    pub fn of(view: &View<'_>) -> Self {
        let is = |name| view.config.group_consumer_migration_policy.eq_ignore_ascii_case(name);
        let both = is("bidirectional");
        Self { upgrade: both || is("upgrade"), downgrade: both || is("downgrade") }
    }

    pub fn is_disabled(self) -> bool {
        !self.upgrade && !self.downgrade
    }
}

fn classic_record(id: &str, value: Option<GroupMetadataValue<'static>>) -> CoordinatorRecord<'static> {
    let key = GroupMetadataKey { group: id.to_owned().into() };
    CoordinatorRecord::GroupMetadata { key, value }
}

/// The classic group of that id is gone.
pub(super) fn no_classic_group(id: &str) -> CoordinatorRecord<'static> {
    classic_record(id, None)
}

/// Makes a consumer group of a classic one. Its members keep what they have and are told to rejoin.
pub(super) fn upgrade(view: &View<'_>, classic: &ClassicGroup) -> Result<Draft<'static>, GroupError> {
    let refuse = |why: &str| {
        let message = format!("Classic group {} can't become a consumer group: {why}.", classic.id);
        GroupError::new(ErrorCode::GROUP_ID_NOT_FOUND, message)
    };
    if !Policy::of(view).upgrade {
        return Err(refuse("group.consumer.migration.policy does not allow it"));
    }
    if !classic.is_consumers() {
        return Err(refuse("its members are not consumers"));
    }
    let most = usize::try_from(view.config.group_consumer_max_size).unwrap_or(0);
    if classic.members().len() > most {
        return Err(refuse("it has more members than group.consumer.max.size"));
    }
    let epoch = classic.generation();
    let mut draft = Draft::new(Arc::clone(&classic.id));
    draft.records.push(no_classic_group(&classic.id));
    let records = Records(&classic.id);
    let mut members = Vec::new();
    for member in classic.members().values() {
        let bytes = member.metadata(classic.protocol().unwrap_or_default());
        let Some(subscription) = embedded::subscription(&bytes) else {
            return Err(refuse("a subscription can't be read"));
        };
        let Some(assigned) = embedded::assigned(&member.assignment, view) else {
            return Err(refuse("an assignment can't be read, or holds an assignor's own data"));
        };
        let wants = Subscription {
            instance: member.instance.clone(),
            rack: subscription.rack_id.as_deref().map(Into::into),
            client_id: member.client_id.clone(),
            client_host: member.client_host.clone(),
            topics: names(&subscription.topics),
            regex: Some("".into()),
            rebalance_timeout_ms: member.rebalance_timeout_ms,
            assignor: None,
            classic: Some(Classic {
                session_timeout_ms: member.session_timeout_ms,
                protocols: member.protocols.clone(),
            }),
        };
        let with_epoch =
            |(id, p): (&_, &std::collections::BTreeSet<i32>)| (*id, p.iter().map(|p| (*p, epoch)).collect());
        let has = Current {
            epoch,
            previous_epoch: epoch,
            assigned: assigned.iter().map(with_epoch).collect(),
            ..Current::default()
        };
        members.push((
            Member { id: Arc::clone(&member.id), wants: Arc::new(wants), has: Arc::new(has) },
            assigned,
        ));
    }
    draft.apply(members.iter().map(|(m, _)| records.subscription(&m.id, Some(&m.wants))));
    draft.apply([records.epoch(epoch, 0)]);
    draft.apply(members.iter().map(|(m, target)| records.target(&m.id, Some(target))));
    draft.apply([records.target_epoch(Some((epoch, 0)))]);
    draft.apply(members.iter().map(|(m, _)| records.current(&m.id, Some(&m.has))));
    Ok(draft)
}

/// Members of a classic group that is being upgraded do not wait any longer: they rejoin.
pub(super) fn answer_waiting(shard: &mut GroupShard, id: &Arc<str>, changes: &mut Changes) {
    if let Some(Group::Classic(classic)) = shard.groups.get_mut(id) {
        classic.answer_all(ErrorCode::REBALANCE_IN_PROGRESS, &mut changes.completed);
        changes.touched = Some(Arc::clone(id));
    }
}

/// Whether the group becomes a classic one when `gone` go.
pub(super) fn may_downgrade(group: &ConsumerGroup, view: &View<'_>, gone: &[Member]) -> bool {
    let stay = group.members.len().saturating_sub(gone.len());
    let classic_gone = gone.iter().filter(|member| member.is_classic()).count();
    stay > 0
        && classic_gone < gone.len()
        && group.classic_members.saturating_sub(classic_gone) == stay
        && Policy::of(view).downgrade
        && stay <= usize::try_from(view.config.group_max_size).unwrap_or(0)
}

/// Whether the group becomes a classic one when static member `old` comes back as a classic member.
pub(super) fn may_downgrade_with(group: &ConsumerGroup, view: &View<'_>, old: &Member) -> bool {
    !old.is_classic()
        && group.classic_members.saturating_add(1) == group.members.len()
        && Policy::of(view).downgrade
        && group.members.len() <= usize::try_from(view.config.group_max_size).unwrap_or(0)
}

/// The records that make a classic group of those who stay; `None` if their protocols do not fit.
pub(super) fn downgrade(
    group: &ConsumerGroup,
    view: &View<'_>,
    gone: &[Member],
) -> Option<Vec<CoordinatorRecord<'static>>> {
    let stay: Vec<(&Member, &Classic)> = group
        .members
        .values()
        .filter(|member| gone.iter().all(|g| g.id != member.id))
        .map(|member| Some((member, member.wants.classic.as_ref()?)))
        .collect::<Option<_>>()?;
    let supports = |classic: &Classic, name: &str| classic.protocols.iter().any(|(n, _)| **n == *name);
    let (leader, first) = stay.first()?;
    let by_all = |name: &str| stay.iter().all(|(_, classic)| supports(classic, name));
    let (protocol, _) = first.protocols.iter().find(|(name, _)| by_all(name))?;
    let member = |(member, classic): &(&Member, &Classic)| {
        let bytes = classic.protocols.iter().find(|(name, _)| name == protocol).map(|(_, bytes)| &**bytes);
        let bytes = bytes.unwrap_or_default();
        MemberMetadata {
            member_id: member.id.to_string().into(),
            group_instance_id: member.instance().map(super::member::owned),
            client_id: member.wants.client_id.to_string().into(),
            client_host: member.wants.client_host.to_string().into(),
            rebalance_timeout: member.wants.rebalance_timeout_ms,
            session_timeout: classic.session_timeout_ms,
            subscription: bytes.to_vec().into(),
            assignment: embedded::assignment(&member.has.assigned, embedded::version(bytes), view).into(),
            ..Default::default()
        }
    };
    let value = GroupMetadataValue {
        protocol_type: CONSUMER.into(),
        generation: group.epoch,
        protocol: Some(protocol.to_string().into()),
        leader: Some(leader.id.to_string().into()),
        current_state_timestamp: view.now.get(),
        members: stay.iter().map(member).collect(),
        ..Default::default()
    };
    let mut records = group.tombstones(&group.id);
    records.push(classic_record(&group.id, Some(value)));
    Some(records)
}

/// As [`downgrade`], of the group as `records` leave it.
pub(super) fn downgrade_after(
    group: &ConsumerGroup,
    view: &View<'_>,
    records: &[CoordinatorRecord<'static>],
) -> Option<Vec<CoordinatorRecord<'static>>> {
    let mut after = group.clone();
    for record in records {
        after.replay(record);
    }
    downgrade(&after, view, &[])
}

/// Has the group rebalance as soon as it is a classic one.
pub(super) fn rebalance_after(shard: &mut GroupShard, view: &View<'_>, id: &Arc<str>) {
    shard.timers.set(Timer::ConsumerGroup { group: Arc::clone(id) }, view.tick);
}

/// The group that was downgraded begins to live as a classic one.
pub(super) fn rebalance_downgraded(
    shard: &mut GroupShard,
    view: &View<'_>,
    id: &Arc<str>,
    changes: &mut Changes,
) {
    classic::start_sessions(shard, id, view);
    classic::prepare_rebalance(shard, view, id, "the group became a classic one", changes);
}

impl ConsumerGroup {
    /// The records that delete the group.
    #[must_use]
    pub fn tombstones(&self, group: &str) -> Vec<CoordinatorRecord<'static>> {
        let records = Records(group);
        let members = || self.members.keys();
        let mut out: Vec<_> = members().map(|member| records.current(member, None)).collect();
        out.extend(members().map(|member| records.target(member, None)));
        out.push(records.target_epoch(None));
        out.extend(members().map(|member| records.subscription(member, None)));
        out.extend(self.resolved.keys().map(|pattern| records.pattern(pattern, None)));
        if self.has_partition_metadata {
            out.push(records.no_partition_metadata());
        }
        out.push(records.no_group());
        out
    }
}

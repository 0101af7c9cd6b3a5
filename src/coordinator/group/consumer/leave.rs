//! Members go: by themselves, or because they were silent or slow.

use std::sync::Arc;

use super::super::timers::Timer;
use super::super::{Changes, Group, GroupShard, View};
use super::group::ConsumerGroup;
use super::hash::group_hash;
use super::member::{Member, State};
use super::migrate;
use super::options::Options;
use super::records::Records;
use crate::coordinator::record::CoordinatorRecord;

/// Takes members out of a group. If only classic members stay, the group may become a classic one.
pub(super) fn remove_members(
    shard: &mut GroupShard,
    view: &View<'_>,
    id: &Arc<str>,
    gone: &[Member],
    changes: &mut Changes,
) {
    let Some(Group::Consumer(group)) = shard.groups.get(id) else { return };
    let downgrade = migrate::may_downgrade(group, view, gone).then(|| migrate::downgrade(group, view, gone));
    if let Some(Some(records)) = downgrade {
        changes.records.extend(records);
        migrate::rebalance_after(shard, view, id);
    } else {
        changes.records.extend(removal(group, view, gone));
    }
    for member in gone {
        cancel_timers(shard, id, &member.id);
    }
}

/// The records that take members out and make the others share what they had.
fn removal(group: &ConsumerGroup, view: &View<'_>, gone: &[Member]) -> Vec<CoordinatorRecord<'static>> {
    let records = Records(&group.id);
    let mut out: Vec<_> = gone.iter().flat_map(|member| records.no_member(&member.id)).collect();
    let left = |pattern: &str| {
        let leaving = gone.iter().filter(|m| m.wants.pattern().is_some_and(|p| **p == *pattern)).count();
        group.pattern_members(pattern) > leaving
    };
    let mut topics = group.named_topics(&gone.iter().collect::<Vec<_>>());
    for (pattern, resolved) in &group.resolved {
        if left(pattern) {
            topics.extend(resolved.topics.iter().cloned());
        } else {
            out.push(records.pattern(pattern, None));
        }
    }
    let epoch = group.epoch.saturating_add(1);
    out.push(records.epoch(epoch, group_hash(topics.iter(), view.cluster)));
    if group.members.len() == gone.len() {
        // Whoever comes next is assigned to at once.
        out.push(records.target_epoch(Some((epoch, 0))));
    }
    out
}

pub(super) fn cancel_timers(shard: &mut GroupShard, group: &Arc<str>, member: &Arc<str>) {
    let (group, member) = (Arc::clone(group), Arc::clone(member));
    shard.timers.cancel(&Timer::ConsumerSession { group: Arc::clone(&group), member: Arc::clone(&member) });
    shard.timers.cancel(&Timer::ConsumerRebalance { group: Arc::clone(&group), member: Arc::clone(&member) });
    shard.timers.cancel(&Timer::ConsumerClassic { group, member });
}

/// The log has been replayed: sessions begin anew.
pub(in super::super) fn loaded(shard: &mut GroupShard, view: &View<'_>, _changes: &mut Changes) {
    let GroupShard { groups, timers, .. } = shard;
    for group in groups.values() {
        let Group::Consumer(group) = group else { continue };
        let options = Options::of(view, &group.id);
        for member in group.members.values() {
            let ids = || (Arc::clone(&group.id), Arc::clone(&member.id));
            let after = |ms: i32| view.tick.saturating_add(i64::from(ms.max(0)));
            let (group, id) = ids();
            timers
                .set(Timer::ConsumerSession { group, member: id }, after(options.session_timeout_ms(member)));
            if member.has.state == State::UnrevokedPartitions && !member.is_classic() {
                let (group, id) = ids();
                let timer = Timer::ConsumerRebalance { group, member: id };
                timers.set(timer, after(member.wants.rebalance_timeout_ms));
            }
        }
    }
}

/// A deadline of a consumer group has passed.
pub(in super::super) fn on_timer(
    shard: &mut GroupShard,
    view: &View<'_>,
    timer: &Timer,
    changes: &mut Changes,
) {
    let (group_id, member, reason) = match timer {
        Timer::ConsumerSession { group, member } => (group, member, "its session ended"),
        Timer::ConsumerRebalance { group, member } => (group, member, "it did not give up its partitions"),
        Timer::ConsumerClassic { group, member } => (group, member, "it did not join or sync in time"),
        Timer::ConsumerGroup { group } => return migrate::rebalance_downgraded(shard, view, group, changes),
        _ => return,
    };
    let Some(Group::Consumer(group)) = shard.groups.get(group_id) else { return };
    let Some(member) = group.members.get(member).cloned() else { return };
    let revokes = member.has.state == State::UnrevokedPartitions;
    if matches!(timer, Timer::ConsumerRebalance { .. }) && !revokes {
        return;
    }
    tracing::info!(group = %group_id, member = %member.id, "member removed: {reason}");
    remove_members(shard, view, group_id, &[member], changes);
}

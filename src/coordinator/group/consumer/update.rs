//! A member says what it wants: the group's epoch, the target assignment and what the member has follow.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::super::assignor::{Assignment, Assignor};
use super::super::{GroupError, View};
use super::assign::changed_targets;
use super::group::ConsumerGroup;
use super::hash::group_hash;
use super::member::{Member, State, Subscription};
use super::options::Options;
use super::pattern::{self, Resolved};
use super::reconcile::{Fenced, Goal, reconcile};
use super::records::Records;
use crate::coordinator::record::CoordinatorRecord;
use crate::schema::ErrorCode;
use crate::schema::clients::consumer_group_heartbeat_request::TopicPartitions;
use crate::types::TopicId;

/// A group and the records of a decision about it. It is the shard's own until a decision needs to see
/// it as its first records leave it: then it is a copy.
pub(super) struct Draft<'a> {
    pub group: Cow<'a, ConsumerGroup>,
    pub records: Vec<CoordinatorRecord<'static>>,
}

impl<'a> Draft<'a> {
    /// A decision about a group as it is.
    pub fn of(group: &'a ConsumerGroup) -> Self {
        Self { group: Cow::Borrowed(group), records: Vec::new() }
    }

    /// A decision about a group that is not there yet.
    pub fn new(id: Arc<str>) -> Self {
        Self { group: Cow::Owned(ConsumerGroup::new(id)), records: Vec::new() }
    }

    /// Adds records that the rest of the decision builds on.
    pub fn apply(&mut self, records: impl IntoIterator<Item = CoordinatorRecord<'static>>) {
        for record in records {
            self.group.to_mut().replay(&record);
            self.records.push(record);
        }
    }
}

/// What came of it.
pub(super) struct Updated {
    /// The member as it is now.
    pub member: Member,
    /// Whether the member moved on, or has partitions to give up.
    pub has_moved: bool,
    /// The group's epoch.
    pub epoch: i32,
    /// When the next target may be made, in ms from now, if one is due and was put off.
    pub put_off_ms: Option<i64>,
}

/// Lets member `old` want `wants`, and brings it as far as it can come. `owned` is what it says it owns.
pub(super) fn update(
    draft: &mut Draft<'_>,
    view: &View<'_>,
    old: &Member,
    wants: Arc<Subscription>,
    owned: Option<&[TopicPartitions]>,
) -> Result<Updated, GroupError> {
    let Draft { group, records: out } = draft;
    let (group, options) = (&**group, Options::of(view, &group.id));
    let records = Records(&group.id);
    let known = group.members.get(&old.id);
    let mut member = Member { wants, ..old.clone() };
    if known.is_none() || old.wants != member.wants {
        out.push(records.subscription(&member.id, Some(&member.wants)));
    }

    let patterns = resolve_patterns(group, view, known, &member, options.regex_refresh_ms(), out)?;
    let topics_changed = member.wants.topics != old.wants.topics;
    let subscription_changed = topics_changed || member.wants.pattern() != old.wants.pattern();
    let old_assignor = options.assignor(group.preferred_assignor(None, None));
    let assignor = options.assignor(group.preferred_assignor(known.map(|m| &*m.wants), Some(&*member.wants)));

    let mut bump = topics_changed || patterns.changed || old_assignor != assignor;
    let mut epoch = group.epoch;
    if bump || group.must_look(view.cluster) {
        let mut topics = group.named_topics(known.as_slice());
        topics.extend(member.wants.topics.iter().cloned());
        topics.extend(patterns.resolved.values().flat_map(|resolved| resolved.topics.iter().cloned()));
        let hash = group_hash(topics.iter(), view.cluster);
        bump |= hash != group.metadata_hash;
        if bump {
            epoch = epoch.saturating_add(1);
            out.push(records.epoch(epoch, hash));
        }
        if group.has_partition_metadata {
            out.push(records.no_partition_metadata());
        }
    }

    let (target_epoch, target, put_off_ms) =
        retarget(group, view, &options, assignor, &patterns.resolved, epoch, &member, out);
    let is_subscribed = |id: TopicId| {
        view.cluster.topic_by_id(id).is_some_and(|topic| {
            member.wants.topics.binary_search(&topic.name).is_ok()
                || member.wants.pattern().is_some_and(|pattern| {
                    patterns.resolved.get(pattern).is_some_and(|r| r.topics.contains(&topic.name))
                })
        })
    };
    let goal = Goal {
        epoch: target_epoch,
        target: &target,
        owned,
        subscription_changed,
        is_subscribed: &is_subscribed,
        is_free: &|topic, partition| group.is_free(topic, partition),
    };
    let next = reconcile(&member.has, &goal).map_err(|Fenced| {
        let message = format!("Member {} must give up all partitions and join again.", member.id);
        GroupError::new(ErrorCode::FENCED_MEMBER_EPOCH, message)
    })?;
    let has_moved = next.is_some();
    if let Some(has) = next {
        out.push(records.current(&member.id, Some(&has)));
        member.has = Arc::new(has);
    }
    Ok(Updated { member, has_moved, epoch, put_off_ms })
}

impl Updated {
    /// Whether the member has partitions to give up, in time.
    pub fn must_revoke(&self) -> bool {
        self.member.has.state == State::UnrevokedPartitions
    }
}

/// Makes a new target assignment if one is due. Gives its epoch, the member's part, and for how long it
/// is put off if it is.
#[expect(clippy::too_many_arguments, reason = "the parts of one decision, each used once")]
fn retarget(
    group: &ConsumerGroup,
    view: &View<'_>,
    options: &Options<'_>,
    assignor: Assignor,
    resolved: &BTreeMap<Arc<str>, Arc<Resolved>>,
    epoch: i32,
    member: &Member,
    out: &mut Vec<CoordinatorRecord<'static>>,
) -> (i32, Arc<Assignment>, Option<i64>) {
    let last = group.target(&member.id);
    if epoch <= group.target_epoch {
        return (group.target_epoch, last, None);
    }
    let (now, interval) = (view.now.get(), i64::from(options.assignment_interval_ms()));
    let wait = group.target_at.saturating_add(interval).saturating_sub(now).min(interval);
    if group.target_at != 0 && wait > 0 {
        return (group.target_epoch, last, Some(wait));
    }
    let records = Records(&group.id);
    let mut target = last;
    for (id, changed) in changed_targets(group, view, assignor, resolved, Some(member)) {
        out.push(records.target(&id, Some(&changed)));
        if id == member.id {
            target = changed;
        }
    }
    out.push(records.target_epoch(Some((epoch, now))));
    (epoch, target, None)
}

/// The group's patterns as they are after the decision.
struct Patterns<'a> {
    resolved: Cow<'a, BTreeMap<Arc<str>, Arc<Resolved>>>,
    /// Whether what they match changed.
    changed: bool,
}

/// Forgets the pattern that nobody has any more, resolves the one that is new, and all of them when
/// topics changed or the last time is long ago.
fn resolve_patterns<'a>(
    group: &'a ConsumerGroup,
    view: &View<'_>,
    known: Option<&Member>,
    member: &Member,
    refresh_ms: i64,
    out: &mut Vec<CoordinatorRecord<'static>>,
) -> Result<Patterns<'a>, GroupError> {
    let (old, new) = (known.and_then(|m| m.wants.pattern()), member.wants.pattern());
    let mut patterns = Patterns { resolved: Cow::Borrowed(&group.resolved), changed: false };
    let records = Records(&group.id);
    if let Some(old) = old.filter(|old| new != Some(*old) && group.pattern_members(old) <= 1) {
        out.push(records.pattern(old, None));
        patterns.changed |= patterns.resolved.to_mut().remove(old).is_some();
    }
    if let Some(new) = new.filter(|new| old != Some(*new)) {
        patterns.changed = true;
        pattern::compile(new)?;
    }
    let now = view.now.get();
    let last = group.resolved.values().map(|resolved| resolved.at).max();
    let is_old = last.is_some_and(|at| now.saturating_sub(at) > refresh_ms);
    let look = is_old || group.must_look(view.cluster);
    let gone = |pattern: &Arc<str>| old == Some(pattern) && new != old && group.pattern_members(pattern) <= 1;
    let wanted: BTreeSet<&Arc<str>> = group.patterns().filter(|pattern| !gone(pattern)).chain(new).collect();
    for pattern in wanted {
        let before = group.resolved.get(pattern);
        if before.is_some() && !look {
            continue;
        }
        // A pattern of an old record that is not understood matches nothing.
        let topics = pattern::compile(pattern).map(|regex| pattern::matching(&regex, view.cluster));
        let topics = topics.unwrap_or_default();
        let differs = before.is_none_or(|before| before.topics != topics);
        if differs || is_old {
            let version = i64::try_from(view.cluster.version()).unwrap_or(i64::MAX);
            let resolved = Resolved { topics, version, at: now };
            out.push(records.pattern(pattern, Some(&resolved)));
            patterns.resolved.to_mut().insert(Arc::clone(pattern), Arc::new(resolved));
            patterns.changed |= differs;
        }
    }
    Ok(patterns)
}

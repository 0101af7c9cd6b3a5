//! Forgetting: offsets that expired, offsets of deleted topics, groups that nothing is left of, and
//! groups that somebody deletes.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::commit::offset_record;
use super::offsets::Committed;
use super::timers::Timer;
use super::{Changes, Decision, Group, GroupShard, Outcome, View};
use crate::schema::ErrorCode;
use crate::schema::clients::delete_groups_response::DeletableGroupResult;
use crate::types::{Timestamp, Uuid};

/// Most tombstones of one decision: they go into one batch. What is left follows in the next one.
const MOST_AT_ONCE: usize = 1000;

/// Since when the offsets of a group may count as unused.
enum UnusedSince {
    /// Someone uses them.
    Used,
    /// Each since it was committed.
    Commit,
    /// All since the group became empty.
    Empty(Timestamp),
}

impl Group {
    fn unused_since(&self) -> UnusedSince {
        match self {
            Self::Classic(group) if group.protocol_type().is_none() => UnusedSince::Commit,
            Self::Classic(group) if group.is_empty() => match group.since() {
                Timestamp::NONE => UnusedSince::Commit,
                since => UnusedSince::Empty(since),
            },
            Self::Classic(group) => {
                let stable = group.state() == super::classic::State::Stable;
                if group.is_consumers() && group.knows_subscription() && stable {
                    UnusedSince::Commit
                } else {
                    UnusedSince::Used
                }
            }
            Self::Consumer(_) => UnusedSince::Commit,
            Self::Share | Self::Streams => UnusedSince::Used,
        }
    }

    pub(super) fn is_subscribed(&self, topic: &str) -> bool {
        match self {
            // Of a group without members and protocol type nobody reads anything.
            Self::Classic(group) => group.is_subscribed(topic),
            Self::Consumer(group) => group.is_subscribed(topic),
            Self::Share | Self::Streams => true,
        }
    }

    /// Whether the group may be deleted. Those of kinds that are not built here stay as they are.
    fn validate_delete(&self) -> Result<(), ErrorCode> {
        match self {
            Self::Classic(group) if group.is_empty() => Ok(()),
            Self::Consumer(group) if group.is_empty() => Ok(()),
            Self::Classic(_) | Self::Consumer(_) => Err(ErrorCode::NON_EMPTY_GROUP),
            Self::Share | Self::Streams => Err(ErrorCode::GROUP_ID_NOT_FOUND),
        }
    }
}

impl GroupShard {
    /// Looks for expired offsets, and for groups that nothing is left of.
    pub(super) fn expire(&mut self, view: &View<'_>, changes: &mut Changes) {
        for (id, group) in &self.groups {
            let room = MOST_AT_ONCE.saturating_sub(changes.records.len());
            if room == 0 {
                self.timers.set(Timer::OffsetExpiry, view.tick);
                return;
            }
            let (expired, all) = self.expired_of(view, id, group);
            let complete = expired.len() <= room;
            for (topic, partition) in expired.into_iter().take(room) {
                changes.push(offset_record((id, &topic, partition), None));
            }
            if all && complete && group.validate_delete().is_ok() {
                changes.records.extend(self.tombstones(id));
            }
        }
        let interval = view.config.offsets_retention_check_interval_ms;
        self.timers.set(Timer::OffsetExpiry, view.tick.saturating_add(interval));
    }

    /// The expired offsets of a group, and whether no other is left.
    fn expired_of(&self, view: &View<'_>, id: &str, group: &Group) -> (Vec<(Arc<str>, i32)>, bool) {
        let mut expired = Vec::new();
        let Some(offsets) = self.offsets.of_group(id) else {
            return (expired, !self.offsets.has_pending(id));
        };
        let since = group.unused_since();
        let retention = i64::from(view.config.offsets_retention_minutes).saturating_mul(60_000);
        let is_expired = |committed: &Committed| {
            let since = match since {
                UnusedSince::Used => return false,
                UnusedSince::Commit => committed.committed_at,
                UnusedSince::Empty(since) => since,
            };
            match committed.expires_at {
                Timestamp::NONE => view.now.get().saturating_sub(since.get()) >= retention,
                at => view.now >= at,
            }
        };
        let mut all = true;
        for (topic, partitions) in offsets {
            let subscribed = group.is_subscribed(topic);
            for (partition, committed) in partitions {
                if !subscribed && is_expired(committed) && !self.offsets.is_pending(id, topic, *partition) {
                    expired.push((Arc::clone(topic), *partition));
                } else {
                    all = false;
                }
            }
        }
        (expired, all && !self.offsets.has_pending(id))
    }

    /// The records that delete a group itself.
    fn tombstones(&self, id: &str) -> Vec<crate::coordinator::record::CoordinatorRecord<'static>> {
        match self.group(id) {
            Some(Group::Classic(group)) => vec![group.tombstone()],
            Some(Group::Consumer(group)) => group.tombstones(id),
            _ => Vec::new(),
        }
    }

    /// The offsets of topics that are gone, or gone and there again under another id. Gives a part of the
    /// tombstones; to be asked again, after their replay, until there is none.
    #[must_use]
    pub fn forget_deleted(&self, view: &View<'_>) -> Changes {
        let mut gone: BTreeSet<(&Arc<str>, &Arc<str>, i32)> = BTreeSet::new();
        for (id, topics) in self.offsets.committed() {
            for (topic, partitions) in topics {
                let known = view.cluster.topic(topic);
                let is_gone = |committed: &Committed| {
                    let is_meant = |known: Uuid| committed.topic_id.is_zero() || committed.topic_id == known;
                    !known.as_ref().is_some_and(|known| is_meant(known.id))
                };
                let of_topic = partitions.iter().filter(|(_, committed)| is_gone(committed));
                gone.extend(of_topic.map(|(partition, _)| (id, topic, *partition)));
            }
        }
        for (id, topics) in self.offsets.pending() {
            let of_topics = topics.iter().filter(|(topic, _)| view.cluster.topic(topic).is_none());
            gone.extend(of_topics.flat_map(|(topic, p)| p.keys().map(move |p| (id, topic, *p))));
        }
        let mut changes = Changes::default();
        for (id, topic, partition) in gone.into_iter().take(MOST_AT_ONCE) {
            changes.push(offset_record((id, topic, partition), None));
        }
        changes
    }

    /// Deletes groups without members, with all their offsets.
    pub fn delete_groups(&mut self, ids: &[&str]) -> Decision<Vec<DeletableGroupResult<'static>>> {
        Decision::collect(|changes| {
            let mut results = Vec::with_capacity(ids.len());
            for &id in ids {
                let verdict =
                    self.group(id).map_or(Err(ErrorCode::GROUP_ID_NOT_FOUND), Group::validate_delete);
                if verdict.is_ok() {
                    for (topic, partition) in self.offsets.all_of(id) {
                        changes.push(offset_record((id, &topic, partition), None));
                    }
                    changes.records.extend(self.tombstones(id));
                }
                results.push(DeletableGroupResult {
                    group_id: id.to_owned().into(),
                    error_code: verdict.err().unwrap_or(ErrorCode::NONE).code(),
                    ..Default::default()
                });
            }
            Outcome::Reply(results)
        })
    }
}

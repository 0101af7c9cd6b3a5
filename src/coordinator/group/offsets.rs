//! Committed offsets: how far each group has come.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::schema::group_coordinator::offset_commit_value::OffsetCommitValue;
use crate::types::{LeaderEpoch, Offset, ProducerId, Timestamp, TopicId, Uuid};

/// A committed offset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The next record to be read.
    pub offset: Offset,
    /// Epoch of the last record read; -1 if the client did not say.
    pub leader_epoch: LeaderEpoch,
    /// The client's note; `None` for an empty one, which costs nothing this way.
    pub metadata: Option<Box<str>>,
    /// When it was committed.
    pub committed_at: Timestamp,
    /// When it expires, if an old client said so; else -1.
    pub expires_at: Timestamp,
    /// Id of the topic; zero if it was not known.
    pub topic_id: TopicId,
    /// Where the record lies in `__consumer_offsets`: of two commits the later one counts, also where
    /// one of them waited for its transaction.
    pub record_offset: Offset,
}

impl Committed {
    /// Takes over a record's value.
    #[must_use]
    pub fn from_record(value: &OffsetCommitValue<'_>, record_offset: Offset) -> Self {
        Self {
            offset: Offset(value.offset),
            leader_epoch: LeaderEpoch(value.leader_epoch),
            metadata: (!value.metadata.is_empty()).then(|| value.metadata.as_ref().into()),
            committed_at: Timestamp(value.commit_timestamp),
            expires_at: Timestamp(value.expire_timestamp),
            topic_id: Uuid(value.topic_id),
            record_offset,
        }
    }

    /// The client's note.
    #[must_use]
    pub fn metadata(&self) -> &str {
        self.metadata.as_deref().unwrap_or_default()
    }
}

/// Offsets of one group: topic, then partition.
pub type GroupOffsets = BTreeMap<Arc<str>, BTreeMap<i32, Committed>>;

/// The offsets of all groups of a shard.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Offsets {
    groups: HashMap<Arc<str>, GroupOffsets>,
    /// Commits whose transaction has not ended, by producer, then group.
    pending: HashMap<ProducerId, HashMap<Arc<str>, GroupOffsets>>,
}

impl Offsets {
    /// All offsets of a group; `None` if it has none.
    #[must_use]
    pub fn of_group(&self, group: &str) -> Option<&GroupOffsets> {
        self.groups.get(group)
    }

    /// One offset.
    #[must_use]
    pub fn get(&self, group: &str, topic: &str, partition: i32) -> Option<&Committed> {
        self.groups.get(group)?.get(topic)?.get(&partition)
    }

    /// The offsets of each group, those of open transactions left out.
    pub fn committed(&self) -> impl Iterator<Item = (&Arc<str>, &GroupOffsets)> {
        self.groups.iter()
    }

    /// What open transactions have committed; a group may come several times.
    pub fn pending(&self) -> impl Iterator<Item = (&Arc<str>, &GroupOffsets)> {
        self.pending.values().flatten()
    }

    /// Whether an open transaction has committed an offset of the partition.
    #[must_use]
    pub fn is_pending(&self, group: &str, topic: &str, partition: i32) -> bool {
        let has = |offsets: &GroupOffsets| offsets.get(topic).is_some_and(|p| p.contains_key(&partition));
        self.pending.values().any(|groups| groups.get(group).is_some_and(has))
    }

    /// Whether there is any offset of the group, be it pending.
    #[must_use]
    pub fn has_any(&self, group: &str) -> bool {
        self.groups.contains_key(group) || self.has_pending(group)
    }

    /// Whether an open transaction has committed any offset of the group.
    #[must_use]
    pub fn has_pending(&self, group: &str) -> bool {
        self.pending.values().any(|groups| groups.contains_key(group))
    }

    /// Every offset of a group, be it pending.
    #[must_use]
    pub fn all_of(&self, group: &str) -> BTreeSet<(Arc<str>, i32)> {
        let pending = self.pending.values().filter_map(|groups| groups.get(group));
        let topics = self.groups.get(group).into_iter().chain(pending).flatten();
        topics.flat_map(|(topic, partitions)| partitions.keys().map(|p| (Arc::clone(topic), *p))).collect()
    }

    /// Replays a commit, or the deletion of one.
    pub fn replay(
        &mut self,
        producer: Option<ProducerId>,
        (group, topic, partition): (&str, &str, i32),
        committed: Option<Committed>,
    ) {
        let groups = match (producer, &committed) {
            (Some(id), Some(_)) => self.pending.entry(id).or_default(),
            _ => &mut self.groups,
        };
        match committed {
            Some(committed) => put(groups, group, topic, partition, committed),
            None => {
                remove(groups, group, topic, partition);
                for groups in self.pending.values_mut() {
                    remove(groups, group, topic, partition);
                }
                self.pending.retain(|_, groups| !groups.is_empty());
            }
        }
    }

    /// Replays the end of a producer's transaction.
    pub fn replay_end(&mut self, producer: ProducerId, commit: bool) {
        let Some(groups) = self.pending.remove(&producer).filter(|_| commit) else { return };
        for (group, topics) in groups {
            for (topic, partitions) in topics {
                for (partition, committed) in partitions {
                    let newer = self
                        .get(&group, &topic, partition)
                        .is_none_or(|old| old.record_offset < committed.record_offset);
                    if newer {
                        put(&mut self.groups, &group, &topic, partition, committed);
                    }
                }
            }
        }
    }
}

fn put(
    groups: &mut HashMap<Arc<str>, GroupOffsets>,
    group: &str,
    topic: &str,
    partition: i32,
    committed: Committed,
) {
    if !groups.contains_key(group) {
        groups.insert(group.into(), GroupOffsets::new());
    }
    let Some(topics) = groups.get_mut(group) else { return };
    if let Some(partitions) = topics.get_mut(topic) {
        partitions.insert(partition, committed);
    } else {
        topics.insert(topic.into(), BTreeMap::from([(partition, committed)]));
    }
}

fn remove(groups: &mut HashMap<Arc<str>, GroupOffsets>, group: &str, topic: &str, partition: i32) {
    let Some(topics) = groups.get_mut(group) else { return };
    if let Some(partitions) = topics.get_mut(topic) {
        partitions.remove(&partition);
        if partitions.is_empty() {
            topics.remove(topic);
        }
    }
    if topics.is_empty() {
        groups.remove(group);
    }
}

//! Topics and partitions: found by name and by id.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::sync::Arc;

use super::ReplayError;
use crate::schema::metadata::partition_change_record::PartitionChangeRecord;
use crate::schema::metadata::partition_record::PartitionRecord;
use crate::schema::metadata::topic_record::TopicRecord;
use crate::types::{LeaderEpoch, NodeId, TopicId, Uuid};

/// A partition as the cluster agreed on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// All replicas, the preferred leader first.
    pub replicas: Vec<NodeId>,
    /// Replicas in sync.
    pub isr: Vec<NodeId>,
    /// Replicas being removed by a reassignment.
    pub removing: Vec<NodeId>,
    /// Replicas being added by a reassignment.
    pub adding: Vec<NodeId>,
    /// Replicas outside the ISR that still hold all that was committed (KIP-966).
    pub elr: Vec<NodeId>,
    /// The last members of ISR and ELR when both are empty (KIP-966).
    pub last_known_elr: Vec<NodeId>,
    /// Log directory of each replica, in the order of `replicas`; empty below metadata.version 3.7-IV2.
    pub directories: Vec<Uuid>,
    /// The leader; `None` while there is none.
    pub leader: Option<NodeId>,
    /// Whether the leader was elected uncleanly and has not recovered yet.
    pub recovering: bool,
    /// Count of leader changes.
    pub leader_epoch: LeaderEpoch,
    /// Count of changes of any kind.
    pub partition_epoch: i32,
}

/// `leader` in a record: there is none.
pub(crate) const NO_LEADER: i32 = -1;
/// `leader` in a change record: as before.
pub(crate) const NO_LEADER_CHANGE: i32 = -2;

fn nodes(ids: &[i32]) -> Vec<NodeId> {
    ids.iter().copied().map(NodeId).collect()
}

fn leader(id: i32) -> Option<NodeId> {
    (id >= 0).then_some(NodeId(id))
}

impl Partition {
    fn from_record(r: &PartitionRecord) -> Self {
        Self {
            replicas: nodes(&r.replicas),
            isr: nodes(&r.isr),
            removing: nodes(&r.removing_replicas),
            adding: nodes(&r.adding_replicas),
            elr: nodes(r.eligible_leader_replicas.as_deref().unwrap_or_default()),
            last_known_elr: nodes(r.last_known_elr.as_deref().unwrap_or_default()),
            directories: r.directories.iter().copied().map(Uuid).collect(),
            leader: leader(r.leader),
            recovering: r.leader_recovery_state == 1,
            leader_epoch: LeaderEpoch(r.leader_epoch),
            partition_epoch: r.partition_epoch,
        }
    }

    /// Takes over what the record names; naming a leader, the same one too, starts a new leader epoch.
    fn change(&mut self, r: &PartitionChangeRecord) {
        let set = |field: &mut Vec<NodeId>, ids: &Option<Vec<i32>>| {
            if let Some(ids) = ids {
                *field = nodes(ids);
            }
        };
        set(&mut self.isr, &r.isr);
        set(&mut self.replicas, &r.replicas);
        set(&mut self.removing, &r.removing_replicas);
        set(&mut self.adding, &r.adding_replicas);
        set(&mut self.elr, &r.eligible_leader_replicas);
        set(&mut self.last_known_elr, &r.last_known_elr);
        if let Some(directories) = &r.directories {
            self.directories = directories.iter().copied().map(Uuid).collect();
        }
        if r.leader != NO_LEADER_CHANGE {
            self.leader = leader(r.leader);
            self.leader_epoch = LeaderEpoch(self.leader_epoch.0.saturating_add(1));
        }
        if r.leader_recovery_state >= 0 {
            self.recovering = r.leader_recovery_state == 1;
        }
        self.partition_epoch = self.partition_epoch.saturating_add(1);
    }

    fn clear_elr(&mut self) {
        if !self.elr.is_empty() || !self.last_known_elr.is_empty() {
            self.elr.clear();
            self.last_known_elr.clear();
            self.partition_epoch = self.partition_epoch.saturating_add(1);
        }
    }
}

/// A topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    /// Its name.
    pub name: Arc<str>,
    /// Its id; a topic created anew under the same name has another one.
    pub id: TopicId,
    /// Its partitions by index.
    pub partitions: BTreeMap<i32, Partition>,
}

/// All topics.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Topics {
    by_name: Arc<BTreeMap<Arc<str>, Arc<Topic>>>,
    names: Arc<HashMap<TopicId, Arc<str>>>,
}

impl Topics {
    /// Finds a topic by its name.
    #[must_use]
    pub fn by_name(&self, name: &str) -> Option<&Arc<Topic>> {
        self.by_name.get(name)
    }

    /// Finds a topic by its id.
    #[must_use]
    pub fn by_id(&self, id: TopicId) -> Option<&Arc<Topic>> {
        self.names.get(&id).and_then(|name| self.by_name.get(name))
    }

    /// One partition of a topic.
    #[must_use]
    pub fn partition(&self, topic: &str, partition: i32) -> Option<&Partition> {
        self.by_name(topic)?.partitions.get(&partition)
    }

    /// All topics, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Topic>> {
        self.by_name.values()
    }

    /// All topics with names from `name` on, sorted by name.
    pub fn iter_from<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a Arc<Topic>> {
        let start = (std::ops::Bound::Included(name), std::ops::Bound::Unbounded);
        self.by_name.range::<str, _>(start).map(|(_, topic)| topic)
    }

    /// Number of topics.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    pub(super) fn create(&mut self, r: &TopicRecord<'_>) -> Result<(), ReplayError> {
        let name: Arc<str> = Arc::from(&*r.name);
        let id = Uuid(r.topic_id);
        if self.by_name.contains_key(&name) {
            return Err(ReplayError::TopicExists(name));
        }
        let topic = Topic { name: name.clone(), id, partitions: BTreeMap::new() };
        Arc::make_mut(&mut self.names).insert(id, name.clone());
        Arc::make_mut(&mut self.by_name).insert(name, Arc::new(topic));
        Ok(())
    }

    pub(super) fn remove(&mut self, id: TopicId) -> Result<Arc<str>, ReplayError> {
        if !self.names.contains_key(&id) {
            return Err(ReplayError::UnknownTopic(id));
        }
        let name = Arc::make_mut(&mut self.names).remove(&id).ok_or(ReplayError::UnknownTopic(id))?;
        Arc::make_mut(&mut self.by_name).remove(&name);
        Ok(name)
    }

    pub(super) fn put_partition(&mut self, r: &PartitionRecord) -> Result<(), ReplayError> {
        let topic = self.topic_mut(Uuid(r.topic_id))?;
        topic.partitions.insert(r.partition_id, Partition::from_record(r));
        Ok(())
    }

    pub(super) fn change_partition(&mut self, r: &PartitionChangeRecord) -> Result<(), ReplayError> {
        let id = Uuid(r.topic_id);
        let topic = self.by_id(id).ok_or(ReplayError::UnknownTopic(id))?;
        if !topic.partitions.contains_key(&r.partition_id) {
            return Err(ReplayError::UnknownPartition(topic.name.clone(), r.partition_id));
        }
        if let Some(partition) = self.topic_mut(id)?.partitions.get_mut(&r.partition_id) {
            partition.change(r);
        }
        Ok(())
    }

    /// Forgets the eligible leaders of a topic, or of all if `name` is empty.
    pub(super) fn clear_elr(&mut self, name: &str) {
        for (topic_name, topic) in Arc::make_mut(&mut self.by_name) {
            let has_some = |p: &Partition| !p.elr.is_empty() || !p.last_known_elr.is_empty();
            let is_meant = name.is_empty() || name == &**topic_name;
            if is_meant && topic.partitions.values().any(has_some) {
                Arc::make_mut(topic).partitions.values_mut().for_each(Partition::clear_elr);
            }
        }
    }

    fn topic_mut(&mut self, id: TopicId) -> Result<&mut Topic, ReplayError> {
        let unknown = ReplayError::UnknownTopic(id);
        let Some(name) = self.names.get(&id) else { return Err(unknown) };
        Arc::make_mut(&mut self.by_name).get_mut(name).map(Arc::make_mut).ok_or(unknown)
    }
}

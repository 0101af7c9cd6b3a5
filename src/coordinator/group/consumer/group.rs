//! The state of a consumer group: what its records say, and what follows from them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::super::assignor::Assignment;
use super::super::{Cluster, GroupError};
use super::member::{Current, Member, Owned, Subscription};
use super::pattern::Resolved;
use crate::coordinator::record::CoordinatorRecord;
use crate::schema::ErrorCode;
use crate::schema::group_coordinator::consumer_group_target_assignment_member_value::ConsumerGroupTargetAssignmentMemberValue;
use crate::types::{TopicId, Uuid};

/// First version of OffsetCommit that carries a member epoch.
const COMMIT_WITH_EPOCH: i16 = 9;

/// A consumer group.
#[derive(Clone, Debug, Default)]
pub struct ConsumerGroup {
    /// Its id.
    pub id: Arc<str>,
    /// Grows when subscriptions, members or topics change.
    pub(super) epoch: i32,
    /// What the topics looked like at that epoch.
    pub(super) metadata_hash: i64,
    pub(super) members: BTreeMap<Arc<str>, Member>,
    /// Group epoch that the target assignment was made for.
    pub(super) target_epoch: i32,
    /// When it was made, ms since 1970; 0 if the next one may be made at once.
    pub(super) target_at: i64,
    pub(super) targets: BTreeMap<Arc<str>, Arc<Assignment>>,
    pub(super) resolved: BTreeMap<Arc<str>, Arc<Resolved>>,
    /// There is a record of the kind that older versions of Kafka wrote about topics.
    pub(super) has_partition_metadata: bool,
    /// Members by instance id.
    statics: HashMap<Arc<str>, Arc<str>>,
    /// Who has a partition, be it to read or to give up.
    owners: HashMap<(TopicId, i32), Arc<str>>,
    /// Subscribers by name of the topic, those by pattern not counted.
    topics: HashMap<Arc<str>, usize>,
    patterns: BTreeMap<Arc<str>, usize>,
    assignors: BTreeMap<Box<str>, usize>,
    /// Members that speak the classic protocol, and what they support.
    pub(super) classic_members: usize,
    classic_support: HashMap<Box<str>, usize>,
    /// Not persisted: the group epoch and the version of the topics at the last look at them. The epoch
    /// is there because that look's records may have been refused.
    pub(super) looked: Option<(i32, u64)>,
}

/// Whether both say the same on disk.
impl PartialEq for ConsumerGroup {
    fn eq(&self, other: &Self) -> bool {
        let numbers =
            |g: &Self| (g.epoch, g.metadata_hash, g.target_epoch, g.target_at, g.has_partition_metadata);
        self.id == other.id
            && numbers(self) == numbers(other)
            && self.members == other.members
            && self.targets == other.targets
            && self.resolved == other.resolved
    }
}

impl ConsumerGroup {
    /// A group without members. As in Kafka its epochs begin with 1, so that 0 is what joins.
    #[must_use]
    pub fn new(id: Arc<str>) -> Self {
        Self { id, epoch: 1, target_epoch: 1, ..Self::default() }
    }

    /// Whether it has no member.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Its members by id.
    #[must_use]
    pub fn members(&self) -> &BTreeMap<Arc<str>, Member> {
        &self.members
    }

    /// Its epoch.
    #[must_use]
    pub fn epoch(&self) -> i32 {
        self.epoch
    }

    /// Its state, by Kafka's name.
    #[must_use]
    pub fn state_name(&self) -> &'static str {
        if self.members.is_empty() {
            "Empty"
        } else if self.epoch > self.target_epoch {
            "Assigning"
        } else if self.members.values().all(|member| member.has.is_at(self.target_epoch)) {
            "Stable"
        } else {
            "Reconciling"
        }
    }

    /// Whether a member reads `topic`: its offsets may not be deleted.
    #[must_use]
    pub fn is_subscribed(&self, topic: &str) -> bool {
        self.topics.contains_key(topic)
            || self.resolved.values().any(|resolved| resolved.topics.contains(topic))
    }

    /// The member of that id.
    pub(super) fn member(&self, id: &str) -> Result<&Member, GroupError> {
        self.members.get(id).ok_or_else(|| {
            let message = format!("Group {} has no member {id}.", self.id);
            GroupError::new(ErrorCode::UNKNOWN_MEMBER_ID, message)
        })
    }

    /// The member of an instance id.
    pub(super) fn static_member(&self, instance: &str) -> Option<&Member> {
        self.statics.get(instance).and_then(|id| self.members.get(id))
    }

    /// The member that an id, with an instance id where it has one, stands for.
    pub(super) fn identify(&self, id: &str, instance: Option<&str>) -> Result<&Member, GroupError> {
        let Some(instance) = instance else { return self.member(id) };
        let member = self.static_member(instance).ok_or_else(|| {
            let message = format!("Group {} has no member with the instance id {instance}.", self.id);
            GroupError::new(ErrorCode::UNKNOWN_MEMBER_ID, message)
        })?;
        if &*member.id != id {
            let message =
                format!("The instance id {instance} belongs to member {}, no longer to {id}.", member.id);
            return Err(GroupError::new(ErrorCode::FENCED_INSTANCE_ID, message));
        }
        Ok(member)
    }

    /// What a member is to have.
    pub(super) fn target(&self, member: &str) -> Arc<Assignment> {
        self.targets.get(member).cloned().unwrap_or_default()
    }

    /// Whether no member has the partition.
    pub(super) fn is_free(&self, topic: TopicId, partition: i32) -> bool {
        !self.owners.contains_key(&(topic, partition))
    }

    /// Subscribers of a pattern.
    pub(super) fn pattern_members(&self, pattern: &str) -> usize {
        self.patterns.get(pattern).copied().unwrap_or(0)
    }

    /// The patterns that members subscribe to.
    pub(super) fn patterns(&self) -> impl Iterator<Item = &Arc<str>> {
        self.patterns.keys()
    }

    /// The topics that members subscribe to by name once `gone` are not there any more.
    pub(super) fn named_topics(&self, gone: &[&Member]) -> BTreeSet<Arc<str>> {
        let mut less: HashMap<&str, usize> = HashMap::new();
        for name in gone.iter().flat_map(|member| &member.wants.topics) {
            let count = less.entry(name).or_default();
            *count = count.saturating_add(1);
        }
        let left = |(name, count): (&Arc<str>, &usize)| {
            (*count > less.get(&**name).copied().unwrap_or(0)).then(|| Arc::clone(name))
        };
        self.topics.iter().filter_map(left).collect()
    }

    /// The assignor that most members would like once `old` wants what `new` does.
    pub(super) fn preferred_assignor(
        &self,
        old: Option<&Subscription>,
        new: Option<&Subscription>,
    ) -> Option<Box<str>> {
        let mut votes = self.assignors.clone();
        count(&mut votes, old.and_then(|s| s.assignor.clone()), false);
        count(&mut votes, new.and_then(|s| s.assignor.clone()), true);
        votes.into_iter().max_by_key(|(_, votes)| *votes).map(|(name, _)| name)
    }

    /// Whether a classic member that supports `protocols` can join the others.
    pub(super) fn supports_classic<'a>(&self, mut protocols: impl Iterator<Item = &'a str>) -> bool {
        let by_all =
            |name: &str| self.classic_support.get(name).copied().unwrap_or(0) == self.classic_members;
        if self.is_empty() { protocols.next().is_some() } else { protocols.any(by_all) }
    }

    /// Whether a partition of the member's target, which it does not have, is still another member's.
    pub(super) fn awaits_partitions(&self, member: &Member) -> bool {
        self.target(&member.id).iter().any(|(&topic, partitions)| {
            let has = member.has.assigned.get(&topic);
            partitions.iter().any(|p| has.is_none_or(|has| !has.contains_key(p)) && !self.is_free(topic, *p))
        })
    }

    /// Whether a commit with this member and epoch is accepted. `version` is that of OffsetCommit; it
    /// does not matter in a transaction.
    ///
    /// # Errors
    /// Kafka's code.
    pub fn validate_commit(
        &self,
        member: &str,
        instance: Option<&str>,
        epoch: i32,
        transactional: bool,
        version: i16,
    ) -> Result<CommitCheck, GroupError> {
        if (epoch < 0 && self.is_empty())
            || (transactional && epoch == -1 && member.is_empty() && instance.is_none())
        {
            return Ok(CommitCheck::All);
        }
        let member = self.member(member)?;
        if !transactional && !member.is_classic() && version < COMMIT_WITH_EPOCH {
            return Err(ErrorCode::UNSUPPORTED_VERSION.into());
        }
        if epoch == member.has.epoch {
            return Ok(CommitCheck::All);
        }
        let code = stale(member);
        if epoch > member.has.epoch {
            return Err(code.into());
        }
        Ok(CommitCheck::Since { epoch, code, has: Arc::clone(&member.has) })
    }

    /// Whether a fetch of offsets with this member and epoch is accepted.
    ///
    /// # Errors
    /// Kafka's code.
    pub fn validate_fetch(&self, member: Option<&str>, epoch: i32) -> Result<(), GroupError> {
        let Some(id) = member else {
            return if epoch < 0 { Ok(()) } else { Err(ErrorCode::UNKNOWN_MEMBER_ID.into()) };
        };
        let member = self.member(id)?;
        if epoch == member.has.epoch { Ok(()) } else { Err(stale(member).into()) }
    }

    /// Applies a record; nothing else changes what is persisted. False if the group is gone with it.
    pub(super) fn replay(&mut self, record: &CoordinatorRecord<'_>) -> bool {
        use CoordinatorRecord as R;
        match record {
            R::ConsumerGroupMetadata { value, .. } => {
                let Some(value) = value else { return false };
                (self.epoch, self.metadata_hash) = (value.epoch, value.metadata_hash);
            }
            R::ConsumerGroupPartitionMetadata { value, .. } => self.has_partition_metadata = value.is_some(),
            R::ConsumerGroupMember { key, value } => {
                let wants = value.as_ref().map(|value| Arc::new(Subscription::from_record(value)));
                self.subscribe(&key.member_id, wants);
            }
            R::ConsumerGroupTargetAssignment { value, .. } => {
                let made = value.as_ref().map(|value| (value.assignment_epoch, value.assignment_timestamp));
                (self.target_epoch, self.target_at) = made.unwrap_or((-1, 0));
            }
            R::ConsumerGroupTargetAssignmentMember { key, value } => {
                let id: Arc<str> = key.member_id.as_ref().into();
                match value {
                    Some(value) => self.targets.insert(id, Arc::new(target_from_record(value))),
                    None => self.targets.remove(&id),
                };
            }
            R::ConsumerGroupCurrentMember { key, value } => {
                let has = value.as_ref().map(Current::from_record);
                self.progress(&key.member_id, has);
            }
            R::ConsumerGroupRegularExpression { key, value } => {
                let pattern: Arc<str> = key.regular_expression.as_ref().into();
                match value {
                    Some(value) => self.resolved.insert(pattern, Arc::new(Resolved::from_record(value))),
                    None => self.resolved.remove(&pattern),
                };
            }
            _ => {}
        }
        true
    }

    fn subscribe(&mut self, id: &str, wants: Option<Arc<Subscription>>) {
        let old = self.members.get(id).cloned();
        if let Some(old) = &old {
            self.count(&old.wants, false);
            if old.instance().is_some_and(|at| self.statics.get(at).is_some_and(|owner| **owner == *id)) {
                self.statics.remove(old.instance().unwrap_or_default());
            }
        }
        let Some(wants) = wants else {
            self.progress(id, None);
            self.members.remove(id);
            return;
        };
        let mut member = old.unwrap_or_else(|| Member::new(id.into()));
        self.count(&wants, true);
        if let Some(instance) = &wants.instance {
            self.statics.insert(Arc::clone(instance), Arc::clone(&member.id));
        }
        member.wants = wants;
        self.members.insert(Arc::clone(&member.id), member);
    }

    fn progress(&mut self, id: &str, has: Option<Current>) {
        let Some(mut member) = self.members.get(id).cloned().or_else(|| {
            // The record of its subscription may be the later one after compaction.
            has.is_some().then(|| Member::new(id.into()))
        }) else {
            return;
        };
        for at in pairs(&member.has.assigned).chain(pairs(&member.has.revoking)) {
            if self.owners.get(&at).is_some_and(|owner| *owner == member.id) {
                self.owners.remove(&at);
            }
        }
        if let Some(has) = &has {
            for at in pairs(&has.assigned).chain(pairs(&has.revoking)) {
                self.owners.insert(at, Arc::clone(&member.id));
            }
        }
        member.has = Arc::new(has.unwrap_or_default());
        if self.members.insert(Arc::clone(&member.id), member.clone()).is_none() {
            self.count(&member.wants, true);
        }
    }

    fn count(&mut self, wants: &Subscription, add: bool) {
        for topic in &wants.topics {
            count_in_map(&mut self.topics, Arc::clone(topic), add);
        }
        count(&mut self.patterns, wants.pattern().cloned(), add);
        count(&mut self.assignors, wants.assignor.clone(), add);
        if let Some(classic) = &wants.classic {
            let members = self.classic_members;
            self.classic_members = if add { members.saturating_add(1) } else { members.saturating_sub(1) };
            for (name, _) in &classic.protocols {
                count_in_map(&mut self.classic_support, name.clone(), add);
            }
        }
    }

    /// Whether the topics may look different from what the group knows.
    pub(super) fn must_look(&self, cluster: &dyn Cluster) -> bool {
        self.looked != Some((self.epoch, cluster.version()))
    }
}

/// Which partitions a member may commit.
#[derive(Clone, Debug)]
pub enum CommitCheck {
    /// All.
    All,
    /// Its epoch is old: those that it has had since then.
    Since {
        /// The epoch of the commit.
        epoch: i32,
        /// What the others get.
        code: ErrorCode,
        /// What the member has.
        has: Arc<Current>,
    },
}

impl CommitCheck {
    /// Whether the member may commit a partition.
    ///
    /// # Errors
    /// Kafka's code.
    pub fn partition(&self, topic: TopicId, partition: i32) -> Result<(), ErrorCode> {
        match self {
            Self::All => Ok(()),
            Self::Since { epoch, code, has } => match has.assigned_at(topic, partition) {
                Some(at) if at <= *epoch => Ok(()),
                _ => Err(*code),
            },
        }
    }
}

/// What a member with an old epoch is told, in its own protocol.
fn stale(member: &Member) -> ErrorCode {
    if member.is_classic() { ErrorCode::ILLEGAL_GENERATION } else { ErrorCode::STALE_MEMBER_EPOCH }
}

fn pairs(owned: &Owned) -> impl Iterator<Item = (TopicId, i32)> + '_ {
    owned.iter().flat_map(|(topic, partitions)| partitions.keys().map(|partition| (*topic, *partition)))
}

fn count<K: Ord>(counts: &mut BTreeMap<K, usize>, key: Option<K>, add: bool) {
    let Some(key) = key else { return };
    let now = counts.get(&key).copied().unwrap_or(0);
    let next = if add { now.saturating_add(1) } else { now.saturating_sub(1) };
    if next == 0 {
        counts.remove(&key);
    } else {
        counts.insert(key, next);
    }
}

fn count_in_map<K: std::hash::Hash + Eq>(counts: &mut HashMap<K, usize>, key: K, add: bool) {
    let now = counts.get(&key).copied().unwrap_or(0);
    let next = if add { now.saturating_add(1) } else { now.saturating_sub(1) };
    if next == 0 {
        counts.remove(&key);
    } else {
        counts.insert(key, next);
    }
}

fn target_from_record(value: &ConsumerGroupTargetAssignmentMemberValue) -> Assignment {
    let mut target = Assignment::new();
    for topic in &value.topic_partitions {
        target.entry(Uuid(topic.topic_id)).or_default().extend(topic.partitions.iter().copied());
    }
    target
}

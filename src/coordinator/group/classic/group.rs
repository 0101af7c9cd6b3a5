//! A classic group: its members, its generation, and who awaits what.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::super::consumer::ConsumerGroup;
use super::super::{Completed, GroupError, Ticket};
use super::{join_error, sync_error};
use crate::coordinator::record::CoordinatorRecord;
use crate::schema::clients::consumer_protocol_subscription::ConsumerProtocolSubscription;
use crate::schema::clients::join_group_response::{JoinGroupResponse, JoinGroupResponseMember};
use crate::schema::clients::sync_group_response::SyncGroupResponse;
use crate::schema::group_coordinator::group_metadata_key::GroupMetadataKey;
use crate::schema::group_coordinator::group_metadata_value::{GroupMetadataValue, MemberMetadata};
use crate::schema::{ErrorCode, Reader};
use crate::types::Timestamp;

/// Protocol type of consumers; others are Connect's workers and whatever clients make up.
pub const CONSUMER: &str = "consumer";

/// Where a classic group stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// No member.
    Empty,
    /// Members are to join the next generation.
    PreparingRebalance,
    /// The generation stands; the leader's assignment is awaited.
    CompletingRebalance,
    /// Every member has its assignment.
    Stable,
}

impl State {
    /// Kafka's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::PreparingRebalance => "PreparingRebalance",
            Self::CompletingRebalance => "CompletingRebalance",
            Self::Stable => "Stable",
        }
    }
}

/// A member.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// Its id, made by the broker.
    pub id: Arc<str>,
    /// `group.instance.id` of a static member.
    pub instance: Option<Arc<str>>,
    /// What its client calls itself.
    pub client_id: Box<str>,
    /// Where its client comes from.
    pub client_host: Box<str>,
    /// How long it may take to rejoin, in ms.
    pub rebalance_timeout_ms: i32,
    /// How long it may be silent, in ms.
    pub session_timeout_ms: i32,
    /// What it supports, the best first, with the subscription for each.
    pub protocols: Vec<(Box<str>, Arc<[u8]>)>,
    /// What the leader gave it.
    pub assignment: Arc<[u8]>,
    /// Its JoinGroup that has no reply yet.
    pub(super) joining: Option<Ticket>,
    /// Its SyncGroup that has no reply yet.
    pub(super) syncing: Option<Ticket>,
    /// Its first JoinGroup has no reply yet.
    pub(super) is_new: bool,
}

impl Member {
    /// Its subscription for a protocol; empty if it does not support it.
    #[must_use]
    pub fn metadata(&self, protocol: &str) -> Arc<[u8]> {
        let found = self.protocols.iter().find(|(name, _)| &**name == protocol);
        found.map(|(_, metadata)| Arc::clone(metadata)).unwrap_or_default()
    }
}

/// A classic group.
#[derive(Clone, Debug, PartialEq)]
pub struct ClassicGroup {
    /// Its id.
    pub id: Arc<str>,
    pub(super) state: State,
    pub(super) previous: State,
    /// When it came into this state.
    pub(super) since: Timestamp,
    pub(super) protocol_type: Option<Box<str>>,
    pub(super) protocol: Option<Box<str>>,
    pub(super) generation: i32,
    pub(super) leader: Option<Arc<str>>,
    pub(super) members: BTreeMap<Arc<str>, Member>,
    /// Member by instance id.
    pub(super) statics: HashMap<Arc<str>, Arc<str>>,
    /// Ids that were handed out and have not joined yet (KIP-394).
    pub(super) pending: HashSet<Arc<str>>,
    /// Members that have not sent SyncGroup in this generation.
    pub(super) unsynced: BTreeSet<Arc<str>>,
    /// How many members have a JoinGroup without reply.
    pub(super) joining: usize,
    /// How many members support each protocol.
    support: HashMap<Box<str>, usize>,
    /// Whether a member came during the initial delay, in which case it may be extended.
    pub(super) member_added: bool,
    /// Length of the initial delay that runs now, and what is left of the time for such delays, in ms.
    pub(super) initial_delay: Option<(i32, i32)>,
    /// Topics that consumers read; `None` if that cannot be told.
    subscribed: Option<HashSet<Box<str>>>,
    /// The value that the log holds, encoded; `None` before the first.
    pub(super) persisted: Option<Box<[u8]>>,
    /// The consumer group without members in whose place this one came, until its record is replayed.
    pub(super) replaced: Option<Box<ConsumerGroup>>,
}

impl ClassicGroup {
    /// A group without members.
    #[must_use]
    pub fn new(id: Arc<str>, now: Timestamp) -> Self {
        Self {
            id,
            state: State::Empty,
            previous: State::Empty,
            since: now,
            protocol_type: None,
            protocol: None,
            generation: 0,
            leader: None,
            members: BTreeMap::new(),
            statics: HashMap::new(),
            pending: HashSet::new(),
            unsynced: BTreeSet::new(),
            joining: 0,
            support: HashMap::new(),
            member_added: false,
            initial_delay: None,
            subscribed: None,
            persisted: None,
            replaced: None,
        }
    }

    /// The group as a record tells it: Stable if it has members, and nobody awaits anything.
    #[must_use]
    pub fn from_record(id: Arc<str>, value: &GroupMetadataValue<'_>) -> Self {
        let mut group = Self::new(id, Timestamp(value.current_state_timestamp));
        group.state = if value.members.is_empty() { State::Empty } else { State::Stable };
        group.previous = group.state;
        group.generation = value.generation;
        group.protocol = value.protocol.as_deref().map(Into::into);
        group.leader = value.leader.as_deref().map(Into::into);
        let protocol_name = value.protocol.as_deref().unwrap_or_default();
        group.protocol_type = (!value.protocol_type.is_empty()).then(|| value.protocol_type.as_ref().into());
        for m in &value.members {
            let rebalance = if m.rebalance_timeout == -1 { m.session_timeout } else { m.rebalance_timeout };
            group.add(Member {
                id: m.member_id.as_ref().into(),
                instance: m.group_instance_id.as_deref().map(Into::into),
                client_id: m.client_id.as_ref().into(),
                client_host: m.client_host.as_ref().into(),
                rebalance_timeout_ms: rebalance,
                session_timeout_ms: m.session_timeout,
                protocols: vec![(protocol_name.into(), m.subscription.as_ref().into())],
                assignment: m.assignment.as_ref().into(),
                joining: None,
                syncing: None,
                is_new: false,
            });
        }
        group.subscribed = group.compute_subscribed();
        group
    }

    /// The value to be written for this group as it stands.
    #[must_use]
    pub fn to_value(&self) -> GroupMetadataValue<'static> {
        let protocol = self.protocol.as_deref().unwrap_or_default();
        let member = |m: &Member| MemberMetadata {
            member_id: m.id.to_string().into(),
            group_instance_id: m.instance.as_deref().map(|id| id.to_owned().into()),
            client_id: m.client_id.to_string().into(),
            client_host: m.client_host.to_string().into(),
            rebalance_timeout: m.rebalance_timeout_ms,
            session_timeout: m.session_timeout_ms,
            subscription: Cow::Owned(m.metadata(protocol).to_vec()),
            assignment: Cow::Owned(m.assignment.to_vec()),
            ..Default::default()
        };
        GroupMetadataValue {
            protocol_type: self.protocol_type.as_deref().unwrap_or_default().to_owned().into(),
            generation: self.generation,
            protocol: self.protocol.as_deref().map(|p| p.to_owned().into()),
            leader: self.leader.as_deref().map(|id| id.to_owned().into()),
            current_state_timestamp: self.since.get(),
            members: self.members.values().map(member).collect(),
            ..Default::default()
        }
    }

    /// The record that keeps this group as it stands.
    #[must_use]
    pub fn to_record(&self) -> CoordinatorRecord<'static> {
        record(&self.id, Some(self.to_value()))
    }

    /// The record that deletes this group.
    #[must_use]
    pub fn tombstone(&self) -> CoordinatorRecord<'static> {
        record(&self.id, None)
    }

    /// The value that the log holds.
    #[cfg(test)]
    pub(in super::super) fn kept(&self) -> Option<GroupMetadataValue<'_>> {
        let bytes = self.persisted.as_deref()?;
        Some(GroupMetadataValue::decode(&mut Reader::new(bytes), super::KEPT_VERSION).unwrap())
    }

    /// Where it stands.
    #[must_use]
    pub fn state(&self) -> State {
        self.state
    }

    /// When it came into its state; -1 if an old record does not say.
    #[must_use]
    pub fn since(&self) -> Timestamp {
        self.since
    }

    /// Count of rebalances.
    #[must_use]
    pub fn generation(&self) -> i32 {
        self.generation
    }

    /// `consumer`, `connect`, or what clients agreed on; `None` of a group that only keeps offsets.
    #[must_use]
    pub fn protocol_type(&self) -> Option<&str> {
        self.protocol_type.as_deref()
    }

    /// The protocol of this generation.
    #[must_use]
    pub fn protocol(&self) -> Option<&str> {
        self.protocol.as_deref()
    }

    /// The member that assigns.
    #[must_use]
    pub fn leader(&self) -> Option<&str> {
        self.leader.as_deref()
    }

    /// Its members.
    #[must_use]
    pub fn members(&self) -> &BTreeMap<Arc<str>, Member> {
        &self.members
    }

    /// Whether it has no member. A member that has not joined yet does not count.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.state == State::Empty
    }

    /// Whether consumers use it.
    #[must_use]
    pub fn is_consumers(&self) -> bool {
        self.protocol_type() == Some(CONSUMER)
    }

    /// Whether the topics that its consumers read are known.
    #[must_use]
    pub fn knows_subscription(&self) -> bool {
        self.subscribed.is_some()
    }

    /// Whether a consumer reads `topic`. Where the subscription is not known, one may.
    #[must_use]
    pub fn is_subscribed(&self, topic: &str) -> bool {
        self.subscribed.as_ref().map_or(self.is_consumers(), |topics| topics.contains(topic))
    }

    pub(super) fn enter(&mut self, state: State, now: Timestamp) {
        self.previous = self.state;
        self.state = state;
        self.since = now;
    }

    pub(super) fn add(&mut self, member: Member) {
        if let Some(instance) = &member.instance {
            self.statics.insert(Arc::clone(instance), Arc::clone(&member.id));
        }
        self.leader.get_or_insert_with(|| Arc::clone(&member.id));
        self.count_support(&member.protocols, true);
        self.joining = self.joining.saturating_add(usize::from(member.joining.is_some()));
        self.pending.remove(&member.id);
        self.members.insert(Arc::clone(&member.id), member);
    }

    /// Takes a member out, or an id that has not joined yet. If it was the leader, another one is.
    pub(super) fn remove(&mut self, id: &str) -> Option<Member> {
        let removed = self.members.remove(id);
        if let Some(member) = &removed {
            self.count_support(&member.protocols, false);
            self.joining = self.joining.saturating_sub(usize::from(member.joining.is_some()));
            if let Some(instance) = &member.instance {
                self.statics.remove(instance);
            }
        }
        if self.leader() == Some(id) {
            self.leader = self.members.keys().next().cloned();
        }
        self.pending.remove(id);
        self.unsynced.remove(id);
        removed
    }

    fn count_support(&mut self, protocols: &[(Box<str>, Arc<[u8]>)], add: bool) {
        for (name, _) in protocols {
            let count = self.support.entry(name.clone()).or_default();
            *count = if add { count.saturating_add(1) } else { count.saturating_sub(1) };
            if *count == 0 {
                self.support.remove(name);
            }
        }
    }

    /// A member says anew what it supports and awaits the next generation.
    pub(super) fn update(&mut self, id: &str, protocols: Vec<(Box<str>, Arc<[u8]>)>, timeouts: (i32, i32)) {
        let Some(mut member) = self.members.remove(id) else { return };
        self.count_support(&member.protocols, false);
        self.count_support(&protocols, true);
        member.protocols = protocols;
        (member.rebalance_timeout_ms, member.session_timeout_ms) = timeouts;
        self.members.insert(Arc::clone(&member.id), member);
    }

    /// Sets or takes the JoinGroup that a member awaits; gives the one before.
    pub(super) fn set_joining(&mut self, id: &str, ticket: Option<Ticket>) -> Option<Ticket> {
        let member = self.members.get_mut(id)?;
        let before = std::mem::replace(&mut member.joining, ticket);
        self.joining = self.joining.saturating_sub(usize::from(before.is_some()));
        self.joining = self.joining.saturating_add(usize::from(ticket.is_some()));
        before
    }

    /// Gives a static member a new id; it keeps all else. Its requests have been answered.
    pub(super) fn rename(&mut self, old: &str, new: &Arc<str>) {
        let Some(mut member) = self.members.remove(old) else { return };
        if let Some(instance) = &member.instance {
            self.statics.insert(Arc::clone(instance), Arc::clone(new));
        }
        if self.leader() == Some(old) {
            self.leader = Some(Arc::clone(new));
        }
        if self.unsynced.remove(old) {
            self.unsynced.insert(Arc::clone(new));
        }
        member.id = Arc::clone(new);
        self.members.insert(Arc::clone(new), member);
    }

    /// Whether a leader has joined; another member that has takes the place of one that has not.
    pub(super) fn elect_leader(&mut self) -> bool {
        let joined = |m: &Member| m.joining.is_some();
        let Some(leader) = self.leader.clone() else { return false };
        if self.members.get(&leader).is_some_and(joined) {
            return true;
        }
        let Some(next) = self.members.values().find(|m| joined(m)) else { return false };
        self.leader = Some(Arc::clone(&next.id));
        true
    }

    pub(super) fn all_joined(&self) -> bool {
        self.members.len() == self.joining && self.pending.is_empty()
    }

    /// The longest time that a member may take to rejoin, in ms.
    pub(super) fn rebalance_timeout_ms(&self) -> i32 {
        self.members.values().map(|m| m.rebalance_timeout_ms).max().unwrap_or(0).max(0)
    }

    /// Whether the id may act for the member.
    pub(super) fn validate(&self, id: &str, instance: Option<&str>) -> Result<(), ErrorCode> {
        if let Some(instance) = instance {
            match self.statics.get(instance) {
                None => return Err(ErrorCode::UNKNOWN_MEMBER_ID),
                Some(owner) if &**owner != id => return Err(ErrorCode::FENCED_INSTANCE_ID),
                Some(_) => {}
            }
        }
        if self.members.contains_key(id) { Ok(()) } else { Err(ErrorCode::UNKNOWN_MEMBER_ID) }
    }

    /// Whether a member with these protocols fits in.
    pub(super) fn accepts(&self, protocol_type: &str, protocols: &[(Box<str>, Arc<[u8]>)]) -> bool {
        if self.is_empty() {
            return !protocol_type.is_empty() && !protocols.is_empty();
        }
        let by_all = |name: &str| self.support.get(name).copied().unwrap_or(0) == self.members.len();
        self.protocol_type() == Some(protocol_type) && protocols.iter().any(|(name, _)| by_all(name))
    }

    /// The protocol that most members like best, of those that all support.
    pub(super) fn select_protocol(&self) -> Option<Box<str>> {
        let by_all = |name: &str| self.support.get(name).copied().unwrap_or(0) == self.members.len();
        let mut votes: BTreeMap<&str, usize> = BTreeMap::new();
        for member in self.members.values() {
            if let Some((name, _)) = member.protocols.iter().find(|(name, _)| by_all(name)) {
                let count = votes.entry(name).or_default();
                *count = count.saturating_add(1);
            }
        }
        votes.into_iter().max_by_key(|(_, count)| *count).map(|(name, _)| name.into())
    }

    /// The next generation: of all members, or of none.
    pub(super) fn next_generation(&mut self, now: Timestamp) {
        self.generation = self.generation.checked_add(1).unwrap_or(0);
        self.protocol = self.select_protocol();
        self.subscribed = self.compute_subscribed();
        let state = if self.members.is_empty() { State::Empty } else { State::CompletingRebalance };
        self.enter(state, now);
        self.unsynced.clear();
    }

    /// What the members' subscriptions name, as far as they can be read. Version and what follows the
    /// topics do not matter, so clients that write the newer parts wrongly are understood too.
    fn compute_subscribed(&self) -> Option<HashSet<Box<str>>> {
        if !self.is_consumers() {
            return None;
        }
        if self.members.is_empty() {
            return Some(HashSet::new());
        }
        let protocol = self.protocol()?;
        let mut topics = HashSet::new();
        for member in self.members.values() {
            let metadata = member.metadata(protocol);
            let mut r = Reader::new(&metadata);
            r.i16().ok()?;
            let subscription = ConsumerProtocolSubscription::decode(&mut r, 0).ok()?;
            topics.extend(subscription.topics.iter().map(|t| Box::from(t.as_ref())));
        }
        Some(topics)
    }

    /// What a leader learns of the members.
    pub(super) fn for_leader(&self) -> Vec<JoinGroupResponseMember<'static>> {
        let protocol = self.protocol.as_deref().unwrap_or_default();
        let tell = |m: &Member| JoinGroupResponseMember {
            member_id: m.id.to_string().into(),
            group_instance_id: m.instance.as_deref().map(|id| id.to_owned().into()),
            metadata: Cow::Owned(m.metadata(protocol).to_vec()),
            ..Default::default()
        };
        self.members.values().map(tell).collect()
    }

    /// The reply to a JoinGroup of a member of this generation.
    pub(super) fn joined(&self, member: &str) -> JoinGroupResponse<'static> {
        let leads = self.leader() == Some(member);
        JoinGroupResponse {
            generation_id: self.generation,
            protocol_type: self.protocol_type.as_deref().map(|p| p.to_owned().into()),
            protocol_name: self.protocol.as_deref().map(|p| p.to_owned().into()),
            leader: self.leader().unwrap_or_default().to_owned().into(),
            member_id: member.to_owned().into(),
            members: if leads { self.for_leader() } else { Vec::new() },
            ..Default::default()
        }
    }

    /// The reply to a SyncGroup of a member of this generation.
    pub(super) fn synced(&self, member: &str) -> SyncGroupResponse<'static> {
        let assignment = self.members.get(member).map(|m| m.assignment.to_vec()).unwrap_or_default();
        SyncGroupResponse {
            protocol_type: self.protocol_type.as_deref().map(|p| p.to_owned().into()),
            protocol_name: self.protocol.as_deref().map(|p| p.to_owned().into()),
            assignment: Cow::Owned(assignment),
            ..Default::default()
        }
    }

    /// Answers all who wait with an error; they wait no more.
    pub(in super::super) fn answer_all(&mut self, code: ErrorCode, out: &mut Vec<(Ticket, Completed)>) {
        for member in self.members.values_mut() {
            if let Some(ticket) = member.joining.take() {
                out.push((ticket, Completed::Join(join_error(&member.id, code))));
            }
            if let Some(ticket) = member.syncing.take() {
                out.push((ticket, Completed::Sync(sync_error(code))));
            }
        }
        self.joining = 0;
    }

    /// Whether a commit of offsets with this member and generation is accepted.
    ///
    /// # Errors
    /// Kafka's code.
    pub fn validate_commit(
        &self,
        member: &str,
        instance: Option<&str>,
        generation: i32,
        transactional: bool,
    ) -> Result<(), GroupError> {
        // Without members and generation anyone may commit: the group is used for its offsets only.
        if generation < 0 && self.is_empty() {
            return Ok(());
        }
        if generation >= 0 || !member.is_empty() || instance.is_some() {
            self.validate(member, instance)?;
            if generation != self.generation {
                return Err(ErrorCode::ILLEGAL_GENERATION.into());
            }
        } else if !transactional && !self.is_empty() {
            // A commit that names no member, into a group that has some: of a member that was removed.
            return Err(ErrorCode::UNKNOWN_MEMBER_ID.into());
        }
        // Members know of the coming assignment; what they still did under the old one counts.
        if self.state == State::CompletingRebalance && !transactional {
            return Err(ErrorCode::REBALANCE_IN_PROGRESS.into());
        }
        Ok(())
    }
}

pub(super) fn record(id: &str, value: Option<GroupMetadataValue<'static>>) -> CoordinatorRecord<'static> {
    let key = GroupMetadataKey { group: id.to_owned().into() };
    CoordinatorRecord::GroupMetadata { key, value }
}

//! A member: what it asks for, and how far it has come towards its assignment. Each of the two is one
//! record of the log.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::assignor::Assignment;
use crate::schema::group_coordinator::consumer_group_current_member_assignment_value as current;
use crate::schema::group_coordinator::consumer_group_member_metadata_value as metadata;
use crate::types::{TopicId, Uuid};

/// Epoch of a member that leaves, on the wire; on disk, of one whose records are being deleted.
pub const LEAVE: i32 = -1;
/// Epoch of a static member that leaves for a while.
pub const LEAVE_STATIC: i32 = -2;

/// What a classic member supports, the best first, with the subscription for each.
pub type Protocols = Vec<(Box<str>, Arc<[u8]>)>;

/// What a member asks for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Subscription {
    /// `group.instance.id` of a static member.
    pub instance: Option<Arc<str>>,
    /// Where it runs, if it says so.
    pub rack: Option<Box<str>>,
    /// What its client calls itself.
    pub client_id: Box<str>,
    /// Where its client comes from.
    pub client_host: Box<str>,
    /// Topics by name, in order, each once.
    pub topics: Vec<Arc<str>>,
    /// Topics by pattern; an empty one counts as none, and is what Kafka writes of members without.
    pub regex: Option<Arc<str>>,
    /// How long it may take to give up partitions, in ms; -1 if it never said.
    pub rebalance_timeout_ms: i32,
    /// The assignor that it would like.
    pub assignor: Option<Box<str>>,
    /// Set while it speaks the classic protocol.
    pub classic: Option<Classic>,
}

/// What a member is that speaks the classic protocol.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Classic {
    /// How long it may be silent, in ms.
    pub session_timeout_ms: i32,
    /// What it supports.
    pub protocols: Protocols,
}

impl Subscription {
    /// The pattern that it subscribes to.
    #[must_use]
    pub fn pattern(&self) -> Option<&Arc<str>> {
        self.regex.as_ref().filter(|regex| !regex.is_empty())
    }

    pub(super) fn from_record(value: &metadata::ConsumerGroupMemberMetadataValue<'_>) -> Self {
        let classic = value.classic_member_metadata.as_ref().map(|classic| Classic {
            session_timeout_ms: classic.session_timeout_ms,
            protocols: classic
                .supported_protocols
                .iter()
                .map(|p| (p.name.as_ref().into(), p.metadata.as_ref().into()))
                .collect(),
        });
        Self {
            instance: value.instance_id.as_deref().map(Into::into),
            rack: value.rack_id.as_deref().map(Into::into),
            client_id: value.client_id.as_ref().into(),
            client_host: value.client_host.as_ref().into(),
            topics: names(&value.subscribed_topic_names),
            regex: value.subscribed_topic_regex.as_deref().map(Into::into),
            rebalance_timeout_ms: value.rebalance_timeout_ms,
            assignor: value.server_assignor.as_deref().map(Into::into),
            classic,
        }
    }

    pub(super) fn to_record(&self) -> metadata::ConsumerGroupMemberMetadataValue<'static> {
        let protocol = |(name, bytes): &(Box<str>, Arc<[u8]>)| metadata::ClassicProtocol {
            name: name.to_string().into(),
            metadata: bytes.to_vec().into(),
            ..Default::default()
        };
        metadata::ConsumerGroupMemberMetadataValue {
            instance_id: self.instance.as_deref().map(owned),
            rack_id: self.rack.as_deref().map(owned),
            client_id: owned(&self.client_id),
            client_host: owned(&self.client_host),
            subscribed_topic_names: self.topics.iter().map(|name| owned(name)).collect(),
            subscribed_topic_regex: self.regex.as_deref().map(owned),
            rebalance_timeout_ms: self.rebalance_timeout_ms,
            server_assignor: self.assignor.as_deref().map(owned),
            classic_member_metadata: self.classic.as_ref().map(|classic| metadata::ClassicMemberMetadata {
                session_timeout_ms: classic.session_timeout_ms,
                supported_protocols: classic.protocols.iter().map(protocol).collect(),
                ..Default::default()
            }),
            ..Default::default()
        }
    }
}

/// Names in order, each once.
pub(super) fn names<S: AsRef<str>>(names: &[S]) -> Vec<Arc<str>> {
    let mut names: Vec<Arc<str>> = names.iter().map(|name| name.as_ref().into()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

pub(super) fn owned(text: &str) -> std::borrow::Cow<'static, str> {
    text.to_owned().into()
}

/// Where a member stands on the way to its target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// It has what its epoch gives it.
    #[default]
    Stable,
    /// It must give up partitions first.
    UnrevokedPartitions,
    /// It awaits partitions that others have not given up.
    UnreleasedPartitions,
    /// Written by a newer program.
    Unknown,
}

impl State {
    fn from_code(code: i8) -> Self {
        match code {
            0 => Self::Stable,
            1 => Self::UnrevokedPartitions,
            2 => Self::UnreleasedPartitions,
            _ => Self::Unknown,
        }
    }

    fn code(self) -> i8 {
        match self {
            Self::Stable => 0,
            Self::UnrevokedPartitions => 1,
            Self::UnreleasedPartitions => 2,
            Self::Unknown => 127,
        }
    }
}

/// Partitions by topic, each with the epoch at which the member got it: an older commit of it is stale.
pub type Owned = BTreeMap<TopicId, BTreeMap<i32, i32>>;

/// What a member has now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Current {
    /// The epoch that its heartbeats must carry.
    pub epoch: i32,
    /// The epoch before; a heartbeat may carry it if the reply with the new one was lost.
    pub previous_epoch: i32,
    /// Where it stands.
    pub state: State,
    /// What it may read.
    pub assigned: Owned,
    /// What it must give up.
    pub revoking: Owned,
}

impl Current {
    /// Whether it has all that `target_epoch` gives it.
    #[must_use]
    pub fn is_at(&self, target_epoch: i32) -> bool {
        self.state == State::Stable && self.epoch == target_epoch
    }

    /// The epoch at which the member got a partition that it reads or gives up.
    #[must_use]
    pub fn assigned_at(&self, topic: TopicId, partition: i32) -> Option<i32> {
        let at = |owned: &Owned| owned.get(&topic)?.get(&partition).copied();
        at(&self.assigned).or_else(|| at(&self.revoking))
    }

    /// The same at another epoch.
    pub(super) fn enter(&mut self, epoch: i32) {
        if self.epoch != epoch {
            self.previous_epoch = std::mem::replace(&mut self.epoch, epoch);
        }
    }

    pub(super) fn from_record(value: &current::ConsumerGroupCurrentMemberAssignmentValue) -> Self {
        let owned = |list: &[current::TopicPartitions]| {
            let mut owned = Owned::new();
            for topic in list {
                let epochs = topic.assignment_epochs.as_deref().unwrap_or_default();
                let epochs = epochs.iter().copied().chain(std::iter::repeat(value.member_epoch));
                owned
                    .entry(Uuid(topic.topic_id))
                    .or_default()
                    .extend(topic.partitions.iter().copied().zip(epochs));
            }
            owned
        };
        Self {
            epoch: value.member_epoch,
            previous_epoch: value.previous_member_epoch,
            state: State::from_code(value.state),
            assigned: owned(&value.assigned_partitions),
            revoking: owned(&value.partitions_pending_revocation),
        }
    }

    pub(super) fn to_record(&self) -> current::ConsumerGroupCurrentMemberAssignmentValue {
        let list = |owned: &Owned| {
            let topic = |(id, partitions): (&TopicId, &BTreeMap<i32, i32>)| current::TopicPartitions {
                topic_id: id.0,
                partitions: partitions.keys().copied().collect(),
                assignment_epochs: Some(partitions.values().copied().collect()),
                ..Default::default()
            };
            owned.iter().map(topic).collect()
        };
        current::ConsumerGroupCurrentMemberAssignmentValue {
            member_epoch: self.epoch,
            previous_member_epoch: self.previous_epoch,
            state: self.state.code(),
            assigned_partitions: list(&self.assigned),
            partitions_pending_revocation: list(&self.revoking),
            ..Default::default()
        }
    }
}

/// The partitions without their epochs.
pub(super) fn partitions(owned: &Owned) -> Assignment {
    owned.iter().map(|(id, partitions)| (*id, partitions.keys().copied().collect())).collect()
}

/// Whether both name the same partitions, whatever their epochs.
pub(super) fn same_partitions(a: &Owned, b: &Owned) -> bool {
    a.len() == b.len()
        && a.iter().zip(b).all(|((x, p), (y, q))| x == y && p.len() == q.len() && p.keys().eq(q.keys()))
}

/// A member of a consumer group.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Member {
    /// Its id.
    pub id: Arc<str>,
    /// What it asks for.
    pub wants: Arc<Subscription>,
    /// What it has.
    pub has: Arc<Current>,
}

impl Member {
    /// A member that nothing is known of yet.
    #[must_use]
    pub fn new(id: Arc<str>) -> Self {
        let regex = Some("".into());
        let wants = Subscription { rebalance_timeout_ms: -1, regex, ..Subscription::default() };
        Self { id, wants: Arc::new(wants), has: Arc::default() }
    }

    /// Its instance id.
    #[must_use]
    pub fn instance(&self) -> Option<&str> {
        self.wants.instance.as_deref()
    }

    /// Whether it speaks the classic protocol.
    #[must_use]
    pub fn is_classic(&self) -> bool {
        self.wants.classic.is_some()
    }
}

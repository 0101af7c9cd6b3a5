//! Which member reads which partition: pure functions of topics, members and what members have now.
//!
//! Owns the two server-side assignors of KIP-848: [`uniform`](Assignor::Uniform) spreads all partitions
//! evenly and moves as few as it can; [`range`](Assignor::Range) gives each member a run of partitions
//! of each topic, the same run where topics are alike, so that joins find both sides at one member.
//!
//! Promises: every partition that has a subscriber goes to exactly one of them; the result depends on
//! nothing but the problem. Must not know groups, epochs or records.
#![allow(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "indices are dense and made here, counts are bounded by the partitions of the cluster"
)]

mod mixed;
mod range;
#[cfg(test)]
mod tests;
mod uniform;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::types::TopicId;

/// Partitions by topic; a topic without partitions is left out.
pub type Assignment = BTreeMap<TopicId, BTreeSet<i32>>;

/// A topic that has a subscriber.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Topic {
    /// Its id.
    pub id: TopicId,
    /// Number of its partitions, counted from 0.
    pub partitions: i32,
    /// Racks of the replicas of each partition; empty if none is known.
    pub racks: Vec<Vec<Arc<str>>>,
}

/// A member that wants partitions.
#[derive(Clone, Debug)]
pub struct Member<'a> {
    /// Its id.
    pub id: &'a str,
    /// `group.instance.id` of a static member.
    pub instance: Option<&'a str>,
    /// Where it runs, if it says so.
    pub rack: Option<&'a str>,
    /// What it subscribes to: positions in [`Problem::topics`], ascending, each once.
    pub topics: Vec<usize>,
    /// What it was assigned last.
    pub current: &'a Assignment,
}

/// What is to be assigned, and to whom.
#[derive(Clone, Debug, Default)]
pub struct Problem<'a> {
    /// Topics in ascending order of their ids.
    pub topics: Vec<Topic>,
    /// The members.
    pub members: Vec<Member<'a>>,
}

/// A server-side assignor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Assignor {
    /// Even and sticky.
    Uniform,
    /// A run of each topic's partitions for each member.
    Range,
}

impl Assignor {
    /// The assignor of that name, as it stands in `group.consumer.assignors` and in heartbeats.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "uniform" => Some(Self::Uniform),
            "range" => Some(Self::Range),
            _ => None,
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Uniform => "uniform",
            Self::Range => "range",
        }
    }

    /// The new assignment of each member, in the order of [`Problem::members`].
    #[must_use]
    pub fn assign(self, problem: &Problem<'_>) -> Vec<Assignment> {
        match self {
            Self::Range => range::assign(problem),
            Self::Uniform if problem.is_homogeneous() => uniform::assign(problem),
            Self::Uniform => mixed::assign(problem),
        }
    }
}

impl Problem<'_> {
    /// Whether all members subscribe to the same topics.
    fn is_homogeneous(&self) -> bool {
        self.members.windows(2).all(|pair| pair[0].topics == pair[1].topics)
    }

    /// Position of a topic.
    fn position(&self, id: TopicId) -> Option<usize> {
        self.topics.binary_search_by_key(&id, |topic| topic.id).ok()
    }

    /// What each member has and may keep: partitions that exist, of topics that it subscribes to, and
    /// that no member before it has.
    fn kept(&self) -> Kept {
        let mut taken: Vec<Vec<bool>> = vec![Vec::new(); self.topics.len()];
        for &topic in self.members.iter().flat_map(|member| &member.topics) {
            taken[topic].resize(usize::try_from(self.topics[topic].partitions).unwrap_or(0), false);
        }
        let mut by_member = Vec::with_capacity(self.members.len());
        for member in &self.members {
            let mut partitions = Vec::new();
            for (id, owned) in member.current {
                let Some(topic) = self.position(*id).filter(|t| member.topics.binary_search(t).is_ok())
                else {
                    continue;
                };
                for &partition in owned {
                    let mark = usize::try_from(partition).ok().and_then(|at| taken[topic].get_mut(at));
                    if let Some(mark) = mark.filter(|mark| !**mark) {
                        *mark = true;
                        partitions.push(Slot { topic, partition });
                    }
                }
            }
            by_member.push(partitions);
        }
        Kept { taken, by_member }
    }

    /// Whether a replica of the partition is where the member is.
    fn is_near(&self, member: usize, slot: Slot) -> bool {
        let racks = usize::try_from(slot.partition).ok().and_then(|at| self.topics[slot.topic].racks.get(at));
        match (self.members[member].rack, racks) {
            (Some(rack), Some(racks)) => racks.iter().any(|r| r.as_ref() == rack),
            _ => false,
        }
    }

    fn assignments(&self, by_member: &[Vec<Slot>]) -> Vec<Assignment> {
        by_member.iter().map(|slots| self.assignment(slots)).collect()
    }

    fn assignment(&self, slots: &[Slot]) -> Assignment {
        let mut assignment = Assignment::new();
        for slot in slots {
            assignment.entry(self.topics[slot.topic].id).or_default().insert(slot.partition);
        }
        assignment
    }
}

/// One partition, by position of its topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Slot {
    topic: usize,
    partition: i32,
}

/// What the members have before anything moves.
struct Kept {
    /// By topic and partition: whether a member has it. Empty for a topic without subscribers.
    taken: Vec<Vec<bool>>,
    by_member: Vec<Vec<Slot>>,
}

impl Kept {
    /// The partitions that nobody has, topic by topic.
    fn free(&self) -> impl Iterator<Item = Slot> + '_ {
        self.taken.iter().enumerate().flat_map(|(topic, taken)| {
            (0i32..)
                .zip(taken)
                .filter(|(_, taken)| !**taken)
                .map(move |(partition, _)| Slot { topic, partition })
        })
    }

    fn release(&mut self, slot: Slot) {
        if let Some(taken) =
            usize::try_from(slot.partition).ok().and_then(|at| self.taken[slot.topic].get_mut(at))
        {
            *taken = false;
        }
    }
}

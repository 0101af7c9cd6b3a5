//! How a member comes from what it has to its target: first it gives up what it must, then it moves to
//! the target's epoch and gets what others have given up.

use super::super::assignor::Assignment;
use super::member::{Current, Owned, State};
use crate::schema::clients::consumer_group_heartbeat_request::TopicPartitions;
use crate::types::{TopicId, Uuid};

/// What a member is reconciled with.
pub(super) struct Goal<'a> {
    /// Epoch of the target assignment.
    pub epoch: i32,
    /// The member's part in it.
    pub target: &'a Assignment,
    /// What the member says it owns; `None` if it did not say.
    pub owned: Option<&'a [TopicPartitions]>,
    /// Whether the member has just changed its subscription.
    pub subscription_changed: bool,
    /// Whether the member subscribes to a topic.
    pub is_subscribed: &'a dyn Fn(TopicId) -> bool,
    /// Whether no member has a partition.
    pub is_free: &'a dyn Fn(TopicId, i32) -> bool,
}

/// The member is in a state that is not understood here: it must come back without any partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fenced;

/// What the member has next; `None` if nothing changes.
pub(super) fn reconcile(member: &Current, goal: &Goal<'_>) -> Result<Option<Current>, Fenced> {
    if !goal.subscription_changed && member.is_at(goal.epoch) {
        return Ok(None);
    }
    let next = match member.state {
        State::Stable if member.epoch != goal.epoch => advance(member, member.epoch, goal),
        State::UnrevokedPartitions if !owns_any(goal.owned, &member.revoking) => {
            advance(member, member.epoch, goal)
        }
        State::Stable | State::UnrevokedPartitions if goal.subscription_changed => unsubscribe(member, goal),
        State::Stable | State::UnrevokedPartitions => return Ok(None),
        State::UnreleasedPartitions => advance(member, member.epoch, goal),
        State::Unknown if goal.owned.is_some_and(<[_]>::is_empty) => advance(member, goal.epoch, goal),
        State::Unknown => return Err(Fenced),
    };
    Ok(Some(next).filter(|next| next != member))
}

/// Whether the member still has any of the partitions. If it does not say, it may.
fn owns_any(owned: Option<&[TopicPartitions]>, partitions: &Owned) -> bool {
    let Some(owned) = owned else { return true };
    owned.iter().any(|topic| {
        let wanted = partitions.get(&Uuid(topic.topic_id));
        wanted.is_some_and(|wanted| topic.partitions.iter().any(|partition| wanted.contains_key(partition)))
    })
}

fn advance(member: &Current, epoch: i32, goal: &Goal<'_>) -> Current {
    let (mut assigned, mut revoking) = (Owned::new(), Owned::new());
    for (&topic, partitions) in &member.assigned {
        let target = goal.target.get(&topic).filter(|_| (goal.is_subscribed)(topic));
        for (&partition, &at) in partitions {
            let stays = target.is_some_and(|target| target.contains(&partition));
            let owned = if stays { &mut assigned } else { &mut revoking };
            owned.entry(topic).or_default().insert(partition, at);
        }
    }
    if !revoking.is_empty() && owns_any(goal.owned, &revoking) {
        return moved(member, epoch, State::UnrevokedPartitions, assigned, revoking);
    }
    let mut unreleased = false;
    for (&topic, partitions) in goal.target.iter().filter(|(topic, _)| (goal.is_subscribed)(**topic)) {
        let has = member.assigned.get(&topic);
        for &partition in partitions.iter().filter(|p| has.is_none_or(|has| !has.contains_key(*p))) {
            if (goal.is_free)(topic, partition) {
                assigned.entry(topic).or_default().insert(partition, goal.epoch);
            } else {
                unreleased = true;
            }
        }
    }
    let state = if unreleased { State::UnreleasedPartitions } else { State::Stable };
    moved(member, goal.epoch, state, assigned, Owned::new())
}

/// Takes what is no longer subscribed to from the member at once, before the next target is known.
fn unsubscribe(member: &Current, goal: &Goal<'_>) -> Current {
    let (mut assigned, mut revoking) = (Owned::new(), member.revoking.clone());
    for (&topic, partitions) in &member.assigned {
        if (goal.is_subscribed)(topic) {
            assigned.insert(topic, partitions.clone());
        } else {
            revoking.entry(topic).or_default().extend(partitions);
        }
    }
    if assigned == member.assigned {
        return member.clone();
    }
    if owns_any(goal.owned, &revoking) {
        return moved(member, member.epoch, State::UnrevokedPartitions, assigned, revoking);
    }
    moved(member, member.epoch, member.state, assigned, member.revoking.clone())
}

fn moved(member: &Current, epoch: i32, state: State, assigned: Owned, revoking: Owned) -> Current {
    let mut next =
        Current { epoch: member.epoch, previous_epoch: member.previous_epoch, state, assigned, revoking };
    next.enter(epoch);
    next
}

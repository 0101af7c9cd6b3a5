//! Uniform, where all members subscribe to the same topics: nobody has two partitions more than another.

use std::collections::{HashMap, VecDeque};

use super::{Assignment, Problem, Slot};

/// Balance comes first, then what members have, then racks: what is free goes to members of its rack
/// that have room, and the rest in turn, so that each topic spreads over the members.
pub(super) fn assign(problem: &Problem<'_>) -> Vec<Assignment> {
    let members = problem.members.len();
    let Some(first) = problem.members.first() else { return Vec::new() };
    let total: usize =
        first.topics.iter().map(|&t| usize::try_from(problem.topics[t].partitions).unwrap_or(0)).sum();
    let (quota, mut extra) = (total / members, total % members);

    let mut kept = problem.kept();
    let mut slots = std::mem::take(&mut kept.by_member);
    let mut room = vec![0usize; members];
    for (at, slots) in slots.iter_mut().enumerate() {
        let mine = if slots.len() > quota && extra > 0 {
            extra -= 1;
            quota + 1
        } else {
            quota
        };
        if problem.members[at].rack.is_some() && slots.len() > mine {
            slots.sort_by_key(|slot| !problem.is_near(at, *slot));
        }
        for slot in slots.drain(mine.min(slots.len())..) {
            kept.release(slot);
        }
        room[at] = mine - slots.len();
    }
    // The members that are not above the quota get what is left over, one each.
    for (at, slots) in slots.iter().enumerate() {
        if extra > 0 && slots.len() + room[at] == quota {
            extra -= 1;
            room[at] += 1;
        }
    }

    let far = place_near(problem, kept.free().collect(), &mut slots, &mut room);
    let mut open: Vec<usize> = (0..members).filter(|&at| room[at] > 0).collect();
    let mut turn = 0;
    for slot in far {
        if turn >= open.len() {
            open.retain(|&at| room[at] > 0);
            turn = 0;
        }
        let Some(&at) = open.get(turn) else { break };
        slots[at].push(slot);
        room[at] -= 1;
        turn += 1;
    }
    problem.assignments(&slots)
}

/// Gives partitions to members of their racks while those have room; returns the others.
fn place_near(
    problem: &Problem<'_>,
    free: Vec<Slot>,
    slots: &mut [Vec<Slot>],
    room: &mut [usize],
) -> Vec<Slot> {
    let mut by_rack: HashMap<&str, VecDeque<usize>> = HashMap::new();
    for (at, member) in problem.members.iter().enumerate() {
        if let Some(rack) = member.rack.filter(|_| room[at] > 0) {
            by_rack.entry(rack).or_default().push_back(at);
        }
    }
    if by_rack.is_empty() {
        return free;
    }
    let mut far = Vec::new();
    'slots: for slot in free {
        let racks =
            usize::try_from(slot.partition).ok().and_then(|p| problem.topics[slot.topic].racks.get(p));
        for rack in racks.into_iter().flatten() {
            let Some(near) = by_rack.get_mut(rack.as_ref()) else { continue };
            if let Some(at) = near.pop_front() {
                slots[at].push(slot);
                room[at] -= 1;
                if room[at] > 0 {
                    // At the end: the next partition goes to another member.
                    near.push_back(at);
                }
                continue 'slots;
            }
        }
        far.push(slot);
    }
    far
}

//! Uniform, where members subscribe to different topics: as even as the subscriptions let it be.
//!
//! Topics with the same subscribers are one class; only between the members of a class can its partitions
//! move. What is free goes to the member of the class that has least; then partitions move from members
//! that have more to members that have less, class by class, until nothing improves.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap};

use super::{Assignment, Problem, Slot};

/// Rounds over all classes. One suffices where subscriptions do not overlap; where they do, each round
/// about halves what is uneven.
const MAX_ROUNDS: usize = 16;

/// Topics with the same subscribers.
struct Class {
    members: Vec<usize>,
    free: Vec<Slot>,
    /// By position in `members`: its partitions of this class, those that it had before first.
    owned: Vec<Vec<Slot>>,
}

pub(super) fn assign(problem: &Problem<'_>) -> Vec<Assignment> {
    let (mut classes, mut load) = classes(problem);
    // The classes with fewest members have the least choice.
    classes.sort_by_key(|class| class.members.len());
    for class in &mut classes {
        fill(problem, class, &mut load);
    }
    for _ in 0..MAX_ROUNDS {
        let moved = classes.iter_mut().map(|class| even_out(class, &mut load)).fold(false, |a, b| a | b);
        if !moved {
            break;
        }
    }
    let mut slots = vec![Vec::new(); problem.members.len()];
    for class in &classes {
        for (&member, owned) in class.members.iter().zip(&class.owned) {
            slots[member].extend_from_slice(owned);
        }
    }
    problem.assignments(&slots)
}

/// The classes with what members keep, and how many partitions each member has.
fn classes(problem: &Problem<'_>) -> (Vec<Class>, Vec<usize>) {
    let mut subscribers: Vec<Vec<usize>> = vec![Vec::new(); problem.topics.len()];
    for (at, member) in problem.members.iter().enumerate() {
        for &topic in &member.topics {
            subscribers[topic].push(at);
        }
    }
    let mut index: HashMap<Vec<usize>, usize> = HashMap::new();
    let class_of: Vec<usize> = subscribers
        .into_iter()
        .map(|members| {
            let next = index.len();
            *index.entry(members).or_insert(next)
        })
        .collect();
    let mut classes: Vec<Class> = Vec::with_capacity(index.len());
    let mut by_number: Vec<(Vec<usize>, usize)> = index.into_iter().collect();
    by_number.sort_unstable_by_key(|(_, number)| *number);
    for (members, _) in by_number {
        let owned = vec![Vec::new(); members.len()];
        classes.push(Class { members, free: Vec::new(), owned });
    }
    let kept = problem.kept();
    for slot in kept.free() {
        classes[class_of[slot.topic]].free.push(slot);
    }
    let load = kept.by_member.iter().map(Vec::len).collect();
    for (member, slots) in kept.by_member.into_iter().enumerate() {
        for slot in slots {
            let class = &mut classes[class_of[slot.topic]];
            if let Ok(at) = class.members.binary_search(&member) {
                class.owned[at].push(slot);
            }
        }
    }
    (classes, load)
}

/// Gives each free partition to the member of the class that has least; of equals, to one of its rack.
fn fill(problem: &Problem<'_>, class: &mut Class, load: &mut [usize]) {
    let mut least: BinaryHeap<Reverse<(usize, usize)>> =
        class.members.iter().enumerate().map(|(at, &member)| Reverse((load[member], at))).collect();
    for slot in std::mem::take(&mut class.free) {
        let Some(mut chosen) = least.pop() else { return };
        if !problem.is_near(class.members[chosen.0.1], slot) {
            // Looking at a few of the equals keeps the cost of a partition constant.
            let mut passed = vec![chosen];
            while let Some(next) = least.pop() {
                passed.push(next);
                if next.0.0 > chosen.0.0 || passed.len() > 8 {
                    break;
                }
                if problem.is_near(class.members[next.0.1], slot) {
                    chosen = next;
                    break;
                }
            }
            least.extend(passed.into_iter().filter(|entry| *entry != chosen));
        }
        let Reverse((have, at)) = chosen;
        class.owned[at].push(slot);
        load[class.members[at]] = have + 1;
        least.push(Reverse((have + 1, at)));
    }
}

/// Moves partitions of the class from members that have most to members that have least while that
/// evens them out. Returns whether any moved.
fn even_out(class: &mut Class, load: &mut [usize]) -> bool {
    let least = class.members.iter().map(|&member| load[member]).min();
    let giver = |(member, owned): (&usize, &Vec<Slot>)| (!owned.is_empty()).then_some(load[*member]);
    let most = class.members.iter().zip(&class.owned).filter_map(giver).max();
    if !matches!((least, most), (Some(least), Some(most)) if most > least + 1) {
        return false;
    }
    let mut all: BTreeSet<(usize, usize)> =
        class.members.iter().enumerate().map(|(at, &member)| (load[member], at)).collect();
    let mut givers: BTreeSet<(usize, usize)> =
        all.iter().copied().filter(|&(_, at)| !class.owned[at].is_empty()).collect();
    let mut moved = false;
    while let (Some(&(least, to)), Some(&(most, from))) = (all.first(), givers.last()) {
        if most <= least + 1 {
            break;
        }
        let Some(slot) = class.owned[from].pop() else { break };
        class.owned[to].push(slot);
        for (at, old, new) in [(from, most, most - 1), (to, least, least + 1)] {
            load[class.members[at]] = new;
            all.remove(&(old, at));
            all.insert((new, at));
            givers.remove(&(old, at));
            if !class.owned[at].is_empty() {
                givers.insert((new, at));
            }
        }
        moved = true;
    }
    moved
}

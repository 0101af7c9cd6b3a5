//! Range: each member gets a run of each topic's partitions.

use super::{Assignment, Problem};

/// Static members come first, by their instance ids, so that a restart under a new member id changes
/// nothing; the others follow by member id. Topics with equally many partitions and the same subscribers
/// come out alike: they are co-partitioned.
pub(super) fn assign(problem: &Problem<'_>) -> Vec<Assignment> {
    let mut order: Vec<usize> = (0..problem.members.len()).collect();
    order.sort_by_key(|&at| {
        let member = &problem.members[at];
        (member.instance.is_none(), member.instance, member.id)
    });
    let mut subscribers = vec![0i32; problem.topics.len()];
    for topic in problem.members.iter().flat_map(|member| &member.topics) {
        subscribers[*topic] += 1;
    }
    let mut next = vec![0i32; problem.topics.len()];
    let mut seen = vec![0i32; problem.topics.len()];
    let mut assignments = vec![Assignment::new(); problem.members.len()];
    for at in order {
        for &topic in &problem.members[at].topics {
            let (partitions, members) = (problem.topics[topic].partitions.max(0), subscribers[topic]);
            let run = partitions / members + i32::from(seen[topic] < partitions % members);
            if run > 0 {
                let start = next[topic];
                assignments[at].insert(problem.topics[topic].id, (start..start + run).collect());
            }
            next[topic] += run;
            seen[topic] += 1;
        }
    }
    assignments
}

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;

fn id(n: u8) -> TopicId {
    crate::types::Uuid([n; 16])
}

fn topics(partitions: &[i32]) -> Vec<Topic> {
    (1u8..)
        .zip(partitions)
        .map(|(n, &partitions)| Topic { id: id(n), partitions, racks: Vec::new() })
        .collect()
}

/// Members as (id, subscribed positions, what it has).
type Spec = (String, Vec<usize>, Assignment);

fn solve(assignor: Assignor, topics: &[Topic], members: &[Spec]) -> Vec<Assignment> {
    let members = members.iter().map(|(id, topics, current)| Member {
        id,
        instance: None,
        rack: None,
        topics: topics.clone(),
        current,
    });
    assignor.assign(&Problem { topics: topics.to_vec(), members: members.collect() })
}

fn size(assignment: &Assignment) -> usize {
    assignment.values().map(BTreeSet::len).sum()
}

fn sizes(assignments: &[Assignment]) -> Vec<usize> {
    assignments.iter().map(size).collect()
}

fn pairs(assignment: &Assignment) -> BTreeSet<(TopicId, i32)> {
    assignment.iter().flat_map(|(id, partitions)| partitions.iter().map(|p| (*id, *p))).collect()
}

fn fresh(n: usize, topics: &[usize]) -> Vec<Spec> {
    (0..n).map(|at| (format!("m{at:04}"), topics.to_vec(), Assignment::new())).collect()
}

/// Every partition with a subscriber is assigned once, to one that subscribes to it.
fn assert_sound(topics: &[Topic], members: &[Spec], got: &[Assignment]) {
    let mut seen = BTreeSet::new();
    for ((_, subscribed, _), assignment) in members.iter().zip(got) {
        for (topic, partition) in pairs(assignment) {
            assert!(subscribed.iter().any(|&at| topics[at].id == topic), "not subscribed");
            assert!(seen.insert((topic, partition)), "twice");
        }
    }
    for (at, topic) in topics.iter().enumerate() {
        if members.iter().any(|(_, subscribed, _)| subscribed.contains(&at)) {
            for partition in 0..topic.partitions {
                assert!(seen.remove(&(topic.id, partition)), "left out");
            }
        }
    }
    assert!(seen.is_empty(), "does not exist");
}

#[test]
fn names_are_kafkas() {
    for assignor in [Assignor::Uniform, Assignor::Range] {
        assert_eq!(Assignor::parse(assignor.name()), Some(assignor));
    }
    assert_eq!(Assignor::parse("sticky"), None);
}

#[test]
fn nobody_gets_nothing_of_nothing() {
    for assignor in [Assignor::Uniform, Assignor::Range] {
        assert!(solve(assignor, &topics(&[3]), &[]).is_empty());
        assert_eq!(sizes(&solve(assignor, &[], &fresh(2, &[]))), [0, 0]);
        assert_eq!(sizes(&solve(assignor, &topics(&[1]), &fresh(3, &[0]))), [1, 0, 0]);
    }
}

#[test]
fn range_gives_the_same_run_of_each_topic() {
    let got = solve(Assignor::Range, &topics(&[3, 3]), &fresh(2, &[0, 1]));
    let run = |partitions: &[i32]| -> Assignment {
        [id(1), id(2)].map(|t| (t, partitions.iter().copied().collect())).into()
    };
    assert_eq!(got, [run(&[0, 1]), run(&[2])]);
}

#[test]
fn range_puts_static_members_first_by_instance() {
    let (topics, none) = (topics(&[4]), Assignment::new());
    let member = |id, instance| Member { id, instance, rack: None, topics: vec![0], current: &none };
    let first = Problem {
        topics: topics.clone(),
        members: vec![member("z", None), member("b", Some("i1")), member("c", Some("i0"))],
    };
    let after_restart = Problem {
        topics,
        members: vec![member("z", None), member("x", Some("i1")), member("y", Some("i0"))],
    };
    let got = Assignor::Range.assign(&first);
    assert_eq!(got, Assignor::Range.assign(&after_restart));
    assert_eq!(
        got.iter().map(|a| pairs(a).into_iter().map(|(_, p)| p).collect()).collect::<Vec<Vec<_>>>(),
        [vec![3], vec![2], vec![0, 1]]
    );
}

#[test]
fn range_with_different_subscriptions_shares_topic_by_topic() {
    let topics = topics(&[4, 3]);
    let mut members = fresh(3, &[0]);
    members[1].1 = vec![0, 1];
    members[2].1 = vec![1];
    let got = solve(Assignor::Range, &topics, &members);
    assert_sound(&topics, &members, &got);
    assert_eq!(sizes(&got), [2, 4, 1]);
}

#[test]
fn uniform_spreads_each_topic_over_the_members() {
    let topics = topics(&[4, 4]);
    let members = fresh(4, &[0, 1]);
    let got = solve(Assignor::Uniform, &topics, &members);
    assert_sound(&topics, &members, &got);
    assert!(got.iter().all(|a| a.len() == 2), "one of each topic: {got:?}");
}

#[test]
fn uniform_moves_only_what_a_new_member_needs() {
    let topics = topics(&[9]);
    let mut members = fresh(3, &[0]);
    for (at, got) in solve(Assignor::Uniform, &topics, &fresh(2, &[0])).into_iter().enumerate() {
        members[at].2 = got;
    }
    let got = solve(Assignor::Uniform, &topics, &members);
    assert_sound(&topics, &members, &got);
    assert_eq!(sizes(&got), [3, 3, 3]);
    for at in [0, 1] {
        assert!(pairs(&got[at]).is_subset(&pairs(&members[at].2)), "an old member gained a partition");
    }
}

#[test]
fn uniform_prefers_members_of_the_rack() {
    let rack = |at: i32| vec![Arc::from(if at % 2 == 0 { "even" } else { "odd" })];
    let topics = vec![Topic { id: id(1), partitions: 6, racks: (0..6).map(rack).collect() }];
    let none = Assignment::new();
    let member = |id, rack, subscribed: &[usize]| Member {
        id,
        instance: None,
        rack: Some(rack),
        topics: subscribed.to_vec(),
        current: &none,
    };
    let problem = Problem {
        topics: topics.clone(),
        members: vec![member("a", "odd", &[0]), member("b", "even", &[0])],
    };
    let got = Assignor::Uniform.assign(&problem);
    assert_eq!(pairs(&got[0]).into_iter().map(|(_, p)| p).collect::<Vec<_>>(), [1, 3, 5]);
    assert_eq!(pairs(&got[1]).into_iter().map(|(_, p)| p).collect::<Vec<_>>(), [0, 2, 4]);
    // The same, and a third member with another subscription.
    let problem = Problem {
        topics,
        members: vec![member("a", "odd", &[0]), member("b", "even", &[0]), member("c", "even", &[])],
    };
    let got = Assignor::Uniform.assign(&problem);
    assert_eq!(pairs(&got[0]).into_iter().map(|(_, p)| p).collect::<Vec<_>>(), [1, 3, 5]);
}

#[test]
fn uniform_fills_the_narrow_members_first() {
    // One member reads only topic 0, the other one both: the wide one takes all of topic 1.
    let topics = topics(&[4, 4]);
    let mut members = fresh(2, &[0, 1]);
    members[0].1 = vec![0];
    let got = solve(Assignor::Uniform, &topics, &members);
    assert_sound(&topics, &members, &got);
    assert_eq!(sizes(&got), [4, 4]);
}

#[test]
fn a_thousand_members_share_ten_thousand_partitions() {
    for (topic_count, wide) in [(100usize, true), (100, false), (1, true)] {
        let partitions = 10_000 / i32::try_from(topic_count).unwrap();
        let topics: Vec<Topic> = (0..topic_count)
            .map(|n| Topic {
                id: crate::types::Uuid((n as u128).to_be_bytes()),
                partitions,
                racks: Vec::new(),
            })
            .collect();
        let mut members = fresh(1000, &(0..topic_count).collect::<Vec<_>>());
        if !wide {
            for (at, member) in members.iter_mut().enumerate() {
                member.1.retain(|t| t % 3 != at % 4);
            }
        }
        let got = solve(Assignor::Uniform, &topics, &members);
        assert_sound(&topics, &members, &got);
        let sizes = sizes(&got);
        assert!(sizes.iter().max() <= sizes.iter().min().map(|n| n + 1).as_ref(), "{sizes:?}");
    }
}

/// Topics' partitions, and members with subscriptions; several may share one.
fn problems() -> impl Strategy<Value = (Vec<i32>, Vec<Vec<usize>>)> {
    proptest::collection::vec(0i32..12, 1..5).prop_flat_map(|partitions| {
        let topics = partitions.len();
        let subscription = proptest::collection::btree_set(0..topics, 0..=topics);
        let members = proptest::collection::vec(subscription, 1..8);
        (Just(partitions), members.prop_map(|m| m.into_iter().map(|s| s.into_iter().collect()).collect()))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_problem_is_solved_soundly((partitions, subscriptions) in problems()) {
        let topics = topics(&partitions);
        let members: Vec<Spec> = (0..)
            .zip(subscriptions)
            .map(|(at, subscribed)| (format!("m{at}"), subscribed, Assignment::new()))
            .collect();
        for assignor in [Assignor::Uniform, Assignor::Range] {
            let got = solve(assignor, &topics, &members);
            assert_sound(&topics, &members, &got);
        }
    }

    #[test]
    fn uniform_is_even_and_settles((partitions, subscriptions) in problems()) {
        let topics = topics(&partitions);
        let mut members: Vec<Spec> = (0..)
            .zip(subscriptions)
            .map(|(at, subscribed)| (format!("m{at}"), subscribed, Assignment::new()))
            .collect();
        let got = solve(Assignor::Uniform, &topics, &members);
        // No partition could move to a subscriber that has two less.
        for (from, (_, _, _)) in members.iter().enumerate() {
            for (topic, _) in pairs(&got[from]) {
                for (to, (_, subscribed, _)) in members.iter().enumerate() {
                    if subscribed.iter().any(|&at| topics[at].id == topic) {
                        prop_assert!(size(&got[from]) <= size(&got[to]) + 1);
                    }
                }
            }
        }
        for (member, got) in members.iter_mut().zip(&got) {
            member.2.clone_from(got);
        }
        prop_assert_eq!(solve(Assignor::Uniform, &topics, &members), got, "nothing changed, nothing moves");
    }

    /// With one subscription for all, no more moves than balance asks for when a member goes or comes.
    #[test]
    fn uniform_moves_little(partitions in proptest::collection::vec(1i32..20, 1..4), n in 2usize..8, leaver in 0usize..8) {
        let topics = topics(&partitions);
        let all: Vec<usize> = (0..topics.len()).collect();
        let total: usize = partitions.iter().map(|&p| p as usize).sum();
        let mut members = fresh(n, &all);
        let before = solve(Assignor::Uniform, &topics, &members);
        for (member, got) in members.iter_mut().zip(before) {
            member.2 = got;
        }
        let mut fewer = members.clone();
        let gone = fewer.remove(leaver % n);
        let got = solve(Assignor::Uniform, &topics, &fewer);
        assert_sound(&topics, &fewer, &got);
        let moved: usize =
            fewer.iter().zip(&got).map(|((_, _, old), new)| pairs(new).difference(&pairs(old)).count()).sum();
        prop_assert_eq!(moved, size(&gone.2), "only what the leaver had");

        let mut more = members.clone();
        more.extend(fresh(1, &all).into_iter().map(|(_, t, a)| ("new".to_owned(), t, a)));
        let got = solve(Assignor::Uniform, &topics, &more);
        assert_sound(&topics, &more, &got);
        let moved: usize =
            more.iter().zip(&got).map(|((_, _, old), new)| pairs(new).difference(&pairs(old)).count()).sum();
        prop_assert!(moved <= total / (n + 1) + 1, "moved {moved} of {total} to {n}+1");
    }
}

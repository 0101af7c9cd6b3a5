//! Offsets, their expiry, the admin's requests, and that replay gives the same state.

use proptest::prelude::*;

use super::sim::{Sim, joining};
use super::*;
use crate::schema::ErrorCode as E;
use crate::schema::clients::offset_delete_request::{
    OffsetDeleteRequest, OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use crate::schema::clients::offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use crate::schema::group_coordinator::offset_commit_value::OffsetCommitValue;
use crate::types::{Offset, ProducerId, Timestamp, Uuid};

const NOBODY: (&str, i32) = ("", -1);
const MINUTE: i64 = 60_000;
/// A subscription to topic `a`, as version 1 clients write it when they leave out its last field.
const READS_A: &[u8] = &[0, 1, 0, 0, 0, 1, 0, 1, b'a', 0xff, 0xff, 0xff, 0xff];

#[test]
fn groups_lie_where_kafka_looks_for_them() {
    // The hash of the third one is -2^31, which has no absolute value.
    let cases = [("", 0), ("a", 47), ("polygenelubricants", 0), ("test-group", 12), ("group-ü", 2)];
    for (id, partition) in cases {
        assert_eq!(partition_of(id, 50), partition, "{id}");
    }
    assert_eq!(partition_of("a", 0), 0);
}

#[test]
fn who_may_commit() {
    type Case = (&'static str, &'static str, fn(i32) -> i32, i16, E);
    let cases: &[Case] = &[
        // group, member ("0": the stable group's first), generation (of the stable group's), version
        ("", "", |_| -1, 9, E::NONE),
        ("new", "", |_| -1, 2, E::NONE),
        ("new", "who", |g| g, 8, E::ILLEGAL_GENERATION),
        ("new", "who", |g| g, 9, E::GROUP_ID_NOT_FOUND),
        ("g", "0", |g| g, 9, E::NONE),
        ("g", "0", |g| g - 1, 9, E::ILLEGAL_GENERATION),
        ("g", "0", |_| -1, 9, E::ILLEGAL_GENERATION),
        ("g", "who", |g| g, 9, E::UNKNOWN_MEMBER_ID),
        ("g", "", |_| -1, 9, E::UNKNOWN_MEMBER_ID),
    ];
    for &(group, member, generation, version, want) in cases {
        let mut sim = Sim::new();
        let (ids, current) = sim.stable("g", 1);
        let member = if member == "0" { ids[0].as_str() } else { member };
        let got = sim.commit(group, (member, generation(current)), ("a", 7), version);
        assert_eq!(got, want, "{group} {member} v{version}");
        assert_eq!(sim.offset(group, "a"), want.is_none().then_some(7));
    }
}

#[test]
fn what_a_commit_keeps() {
    let mut sim = Sim::new();
    let long = "é".repeat(4096);
    let code = sim.commit_with("g", NOBODY, "a", 6, |p| {
        p.committed_offset = 7;
        p.committed_leader_epoch = 3;
        p.committed_metadata = Some(long.clone().into());
    });
    assert_eq!(code, E::NONE, "4096 characters, whatever their bytes");
    let kept = sim.shard.offsets().get("g", "a", 0).unwrap();
    assert_eq!((kept.offset, kept.leader_epoch.get(), kept.metadata()), (Offset(7), 3, long.as_str()));
    assert_eq!(kept.topic_id, Uuid([1; 16]));
    let code = sim.commit_with("g", NOBODY, "a", 6, |p| p.committed_metadata = Some("x".repeat(4097).into()));
    assert_eq!((code, sim.offset("g", "a")), (E::OFFSET_METADATA_TOO_LARGE, Some(7)));
    for (topic, version, want) in
        [("none", 9, E::UNKNOWN_TOPIC_OR_PARTITION), ("none", 10, E::UNKNOWN_TOPIC_ID), ("a", 10, E::NONE)]
    {
        assert_eq!(sim.commit("g", NOBODY, (topic, 8), version), want, "{topic} v{version}");
    }
    assert_eq!(
        sim.commit_with("g", NOBODY, "a", 9, |p| p.partition_index = 4),
        E::UNKNOWN_TOPIC_OR_PARTITION
    );
}

fn fetch(
    sim: &mut Sim,
    group: &str,
    topics: Option<&[(&str, u8)]>,
    stable: bool,
    version: i16,
) -> Vec<(i64, E)> {
    let topics = topics.map(|topics| {
        let topic = |(name, id): &(&str, u8)| OffsetFetchRequestTopics {
            name: (*name).to_owned().into(),
            topic_id: [*id; 16],
            partition_indexes: vec![0],
            ..Default::default()
        };
        topics.iter().map(topic).collect()
    });
    let request = OffsetFetchRequestGroup { group_id: group.into(), topics, ..Default::default() };
    let reply = sim.decide(|shard, view| Decision::reply(shard.fetch(view, &request, stable, version))).0;
    let Outcome::Reply(reply) = reply else { panic!() };
    assert_eq!(reply.error_code, 0);
    let partitions = reply.topics.iter().flat_map(|t| &t.partitions);
    partitions.map(|p| (p.committed_offset, E(p.error_code))).collect()
}

#[test]
fn what_a_fetch_tells() {
    let mut sim = Sim::new();
    sim.commit("g", NOBODY, ("a", 7), 9);
    assert_eq!(fetch(&mut sim, "none", Some(&[("a", 1)]), false, 9), [(-1, E::NONE)]);
    assert_eq!(fetch(&mut sim, "none", None, false, 9), []);
    assert_eq!(fetch(&mut sim, "g", Some(&[("a", 0), ("b", 0)]), false, 9), [(7, E::NONE), (-1, E::NONE)]);
    assert_eq!(fetch(&mut sim, "g", None, false, 8), [(7, E::NONE)]);
    assert_eq!(
        fetch(&mut sim, "g", Some(&[("", 1), ("", 8)]), false, 10),
        [(7, E::NONE), (-1, E::UNKNOWN_TOPIC_ID)]
    );
    assert_eq!(fetch(&mut sim, "g", None, false, 10), [(7, E::NONE)]);
    // A topic that was made anew has another id: what was committed for the old one is not its.
    sim.topics.0[0].id = Uuid([3; 16]);
    assert_eq!(fetch(&mut sim, "g", Some(&[("", 3)]), false, 10), [(-1, E::NONE)]);
}

fn transactional(sim: &mut Sim, producer: i64, offset: i64) {
    let value = OffsetCommitValue { offset, ..Default::default() };
    let record = offset_record(("g", "a", 0), Some(value));
    let at = ReplayAt { offset: Offset(100), producer: Some(ProducerId(producer)) };
    sim.shard.replay(at, &record);
}

#[test]
fn an_open_transaction_hides_its_offset_until_it_ends() {
    for (commit, want) in [(true, 9), (false, 7)] {
        let mut sim = Sim::new();
        sim.commit("g", NOBODY, ("a", 7), 9);
        transactional(&mut sim, 5, 9);
        assert_eq!(fetch(&mut sim, "g", Some(&[("a", 1)]), true, 9), [(-1, E::UNSTABLE_OFFSET_COMMIT)]);
        assert_eq!(fetch(&mut sim, "g", Some(&[("a", 1)]), false, 9), [(7, E::NONE)]);
        sim.shard.replay_end(ProducerId(5), commit);
        assert_eq!(fetch(&mut sim, "g", Some(&[("a", 1)]), true, 9), [(want, E::NONE)]);
    }
}

#[test]
fn of_a_transaction_and_a_later_commit_the_later_counts() {
    let mut sim = Sim::new();
    transactional(&mut sim, 5, 9);
    let value = OffsetCommitValue { offset: 11, ..Default::default() };
    let later = ReplayAt { offset: Offset(101), producer: None };
    sim.shard.replay(later, &offset_record(("g", "a", 0), Some(value)));
    sim.shard.replay_end(ProducerId(5), true);
    assert_eq!(sim.offset("g", "a"), Some(11));
}

/// Commits at the start, then lets the retention pass but for a minute, then two.
#[test]
fn offsets_expire_when_kafkas_do() {
    let reads = |sim: &mut Sim| {
        let member = joining("").version(3).protocols(&[("range", READS_A)]);
        let outcome = sim.join("g", &member);
        let joined = sim.joined(outcome);
        let me = joined.member_id.into_owned();
        let outcome = sim.sync("g", (&me, 1), &[(&me, b"x")]);
        assert_eq!(sim.synced(outcome).0, E::NONE);
        me
    };
    // A group without members: by the commit.
    let mut sim = Sim::new();
    sim.config.offsets_retention_minutes = 60;
    sim.commit("g", NOBODY, ("a", 7), 9);
    sim.advance(59 * MINUTE);
    assert_eq!(sim.offset("g", "a"), Some(7));
    sim.advance(12 * MINUTE);
    assert_eq!((sim.offset("g", "a"), sim.state("g")), (None, "none"));

    // A group that has members: not what they read, but the rest; then from when they left.
    let mut sim = Sim::new();
    sim.config.offsets_retention_minutes = 60;
    let me = reads(&mut sim);
    sim.commit("g", (&me, 1), ("a", 7), 9);
    sim.commit("g", (&me, 1), ("b", 7), 9);
    for _ in 0..75 * 12 {
        sim.advance(MINUTE / 12);
        assert_eq!(sim.heartbeat("g", (&me, 1)), E::NONE);
    }
    assert_eq!((sim.offset("g", "a"), sim.offset("g", "b")), (Some(7), None));
    sim.leave("g", &[(&me, None)]);
    sim.advance(55 * MINUTE);
    assert_eq!(sim.offset("g", "a"), Some(7));
    sim.advance(20 * MINUTE);
    assert_eq!((sim.offset("g", "a"), sim.state("g")), (None, "none"));
    sim.reload();
    assert_eq!((sim.offset("g", "a"), sim.state("g")), (None, "none"));
}

#[test]
fn an_open_transaction_keeps_a_group() {
    let mut sim = Sim::new();
    sim.config.offsets_retention_minutes = 1;
    sim.commit("g", NOBODY, ("b", 7), 9);
    transactional(&mut sim, 5, 9);
    sim.advance(30 * MINUTE);
    assert_eq!((sim.offset("g", "b"), sim.state("g")), (None, "Empty"));
}

#[test]
fn offsets_of_deleted_topics_go_with_them() {
    let mut sim = Sim::new();
    sim.commit("g", NOBODY, ("a", 7), 9);
    sim.commit("g", NOBODY, ("b", 7), 9);
    sim.topics.0.remove(0);
    sim.topics.0[0].id = Uuid([5; 16]);
    let forgotten = sim
        .decide(|shard, view| Decision { outcome: Outcome::Reply(()), changes: shard.forget_deleted(view) });
    assert_eq!((forgotten.1.len(), sim.offset("g", "a"), sim.offset("g", "b")), (2, None, None));
}

fn delete_offset(sim: &mut Sim, group: &str, topic: &str) -> (E, E) {
    let partitions = vec![OffsetDeleteRequestPartition { partition_index: 0 }];
    let topics = vec![OffsetDeleteRequestTopic { name: topic.to_owned().into(), partitions }];
    let request = OffsetDeleteRequest { group_id: group.to_owned().into(), topics };
    let Outcome::Reply(reply) = sim.decide(|shard, view| shard.delete_offsets(view, &request)).0 else {
        panic!()
    };
    let one = reply.topics.first().map_or(E::NONE, |t| E(t.partitions[0].error_code));
    (E(reply.error_code), one)
}

#[test]
fn offsets_that_nobody_reads_can_be_deleted() {
    let mut sim = Sim::new();
    let member = joining("").version(3).protocols(&[("range", READS_A)]);
    let outcome = sim.join("g", &member);
    let me = sim.joined(outcome).member_id.into_owned();
    let outcome = sim.sync("g", (&me, 1), &[]);
    sim.synced(outcome);
    sim.commit("g", (&me, 1), ("a", 7), 9);
    sim.commit("g", (&me, 1), ("b", 7), 9);
    assert_eq!(delete_offset(&mut sim, "g", "a"), (E::NONE, E::GROUP_SUBSCRIBED_TO_TOPIC));
    assert_eq!(delete_offset(&mut sim, "g", "b"), (E::NONE, E::NONE));
    assert_eq!(delete_offset(&mut sim, "g", "c"), (E::NONE, E::UNKNOWN_TOPIC_OR_PARTITION));
    assert_eq!((sim.offset("g", "a"), sim.offset("g", "b")), (Some(7), None));
    assert_eq!(delete_offset(&mut sim, "none", "a").0, E::GROUP_ID_NOT_FOUND);
    assert_eq!(delete_offset(&mut sim, "", "a").0, E::INVALID_GROUP_ID);
}

#[test]
fn groups_are_deleted_when_they_are_empty() {
    let mut sim = Sim::new();
    sim.stable("busy", 1);
    sim.commit("idle", NOBODY, ("a", 7), 9);
    let Outcome::Reply(results) = sim.decide(|shard, _| shard.delete_groups(&["busy", "idle", "none"])).0
    else {
        panic!()
    };
    let codes: Vec<E> = results.iter().map(|r| E(r.error_code)).collect();
    assert_eq!(codes, [E::NON_EMPTY_GROUP, E::NONE, E::GROUP_ID_NOT_FOUND]);
    assert_eq!((sim.offset("idle", "a"), sim.state("idle"), sim.state("busy")), (None, "none", "Stable"));
    sim.reload();
    assert_eq!((sim.offset("idle", "a"), sim.state("idle")), (None, "none"));
}

#[test]
fn groups_are_listed_by_state_and_type() {
    let mut sim = Sim::new();
    sim.stable("busy", 1);
    sim.commit("idle", NOBODY, ("a", 7), 9);
    let ids = |states: &[&str], types: &[&str]| -> Vec<String> {
        sim.shard.list(states, types).iter().map(|g| g.group_id.to_string()).collect()
    };
    assert_eq!(ids(&[], &[]), ["busy", "idle"]);
    assert_eq!(ids(&["stable"], &[]), ["busy"]);
    assert_eq!(ids(&["Empty", "Dead"], &["Classic"]), ["idle"]);
    assert_eq!(ids(&[], &["consumer"]), [""; 0]);
    let described = sim.shard.describe("busy", 6);
    assert_eq!(
        (described.protocol_data.as_ref(), &*described.members[0].member_metadata),
        ("range", &b"sub"[..])
    );
    assert_eq!(E(sim.shard.describe("none", 6).error_code), E::GROUP_ID_NOT_FOUND);
    let dead = sim.shard.describe("none", 5);
    assert_eq!((dead.error_code, dead.group_state.as_ref()), (0, "Dead"));
}

#[derive(Clone, Debug)]
enum Step {
    Join(usize, bool),
    Sync(usize),
    Heartbeat(usize),
    Leave(usize),
    Commit(usize, i64),
    CommitAlone(i64),
    Delete,
    Pass(i64),
    Full(bool),
    Reload,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let member = 0..4usize;
    let step = prop_oneof![
        4 => (member.clone(), any::<bool>()).prop_map(|(m, s)| Step::Join(m, s)),
        3 => member.clone().prop_map(Step::Sync),
        1 => member.clone().prop_map(Step::Heartbeat),
        1 => member.clone().prop_map(Step::Leave),
        2 => (member, 0..100i64).prop_map(|(m, o)| Step::Commit(m, o)),
        1 => (0..100i64).prop_map(Step::CommitAlone),
        1 => Just(Step::Delete),
        2 => (0..70_000i64).prop_map(Step::Pass),
        1 => any::<bool>().prop_map(Step::Full),
        1 => Just(Step::Reload),
    ];
    prop::collection::vec(step, 1..60)
}

/// What a member of the schedule knows of itself.
#[derive(Clone, Default)]
struct Known {
    id: String,
    generation: i32,
}

fn take(sim: &mut Sim, known: &mut [Known; 4], step: &Step) {
    match step {
        Step::Join(m, is_static) => {
            let instance = format!("i{m}");
            let mut request = joining(&known[*m].id);
            if *is_static {
                request = request.instance(&instance);
            }
            if let Outcome::Reply(reply) = sim.join("g", &request) {
                if E(reply.error_code) == E::UNKNOWN_MEMBER_ID {
                    known[*m] = Known::default();
                } else {
                    known[*m].id = reply.member_id.into_owned();
                }
            }
        }
        Step::Sync(m) => {
            drop(sim.sync("g", (&known[*m].id, known[*m].generation), &[(&known[*m].id, b"all")]))
        }
        Step::Heartbeat(m) => drop(sim.heartbeat("g", (&known[*m].id, known[*m].generation))),
        Step::Leave(m) => drop(sim.leave("g", &[(&known[*m].id, None)])),
        Step::Commit(m, offset) => {
            sim.commit("g", (&known[*m].id, known[*m].generation), ("a", *offset), 9);
        }
        Step::CommitAlone(offset) => drop(sim.commit("alone", NOBODY, ("b", *offset), 9)),
        Step::Delete => drop(sim.decide(|shard, _| shard.delete_groups(&["g", "alone"]))),
        Step::Pass(ms) => drop(sim.advance(*ms)),
        Step::Full(full) => sim.full = *full,
        Step::Reload => sim.reload(),
    }
    for completed in std::mem::take(&mut sim.completed).into_values() {
        if let Completed::Join(reply) = completed
            && let Some(known) = known.iter_mut().find(|k| k.id == reply.member_id)
        {
            known.generation = reply.generation_id;
        }
    }
}

/// What must be the same after a start: all of a group that rests, the last generation of one that does not.
fn persisted(sim: &Sim) -> Vec<String> {
    let mut out =
        vec![format!("{:?} {:?}", sim.shard.offsets().of_group("g"), sim.shard.offsets().of_group("alone"))];
    for id in ["g", "alone"] {
        out.push(match sim.shard.group(id) {
            Some(Group::Classic(group)) => format!("{:?}", group.kept()),
            other => format!("{other:?}"),
        });
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]
    #[test]
    fn replaying_the_records_gives_the_same_state(steps in steps()) {
        let mut sim = Sim::new();
        sim.config.offsets_retention_minutes = 1;
        let mut known: [Known; 4] = Default::default();
        for step in &steps {
            take(&mut sim, &mut known, step);
            // A group at rest is what the log says of it.
            if let Some(Group::Classic(group)) = sim.shard.group("g")
                && group.state() == classic::State::Stable
            {
                let kept = group.kept().unwrap();
                let again = classic::ClassicGroup::from_record("g".into(), &kept);
                prop_assert_eq!(again.to_value(), group.to_value());
                prop_assert!(group.since() != Timestamp::NONE);
            }
        }
        let before = persisted(&sim);
        sim.reload();
        prop_assert_eq!(persisted(&sim), before);
    }
}

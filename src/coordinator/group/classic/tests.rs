//! The classic protocol, request by request.

use super::super::sim::{Joining, Sim, joining};
use super::super::*;
use super::*;
use crate::schema::ErrorCode as E;

fn code(reply: &JoinGroupResponse<'_>) -> E {
    E(reply.error_code)
}

fn join(sim: &mut Sim, member: &Joining) -> JoinGroupResponse<'static> {
    let outcome = sim.join("g", member);
    sim.joined(outcome)
}

#[test]
fn a_new_member_is_told_its_id_and_joins_with_it() {
    let mut sim = Sim::new();
    let told = join(&mut sim, &joining(""));
    assert_eq!((code(&told), told.generation_id), (E::MEMBER_ID_REQUIRED, -1));
    assert_eq!(told.member_id, "client-00000000-0000-0000-0000-000000000000");
    assert_eq!(sim.log.len(), 1, "the group is kept from now on");
    let joined = join(&mut sim, &joining(&told.member_id));
    assert_eq!((code(&joined), joined.generation_id), (E::NONE, 1));
    assert_eq!((joined.leader.as_ref(), joined.members.len()), (told.member_id.as_ref(), 1));
    assert_eq!(joined.protocol_name.as_deref(), Some("range"));
    let outcome = sim.sync("g", (&told.member_id, 1), &[(&told.member_id, b"mine")]);
    assert_eq!(sim.synced(outcome), (E::NONE, b"mine".to_vec()));
    assert_eq!((sim.state("g"), sim.log.len()), ("Stable", 2));
}

#[test]
fn an_old_client_joins_in_one_step() {
    let mut sim = Sim::new();
    let joined = join(&mut sim, &joining("").version(3));
    assert_eq!((code(&joined), joined.generation_id), (E::NONE, 1));
}

#[test]
fn requests_that_no_group_takes() {
    type Case = (&'static str, fn(&mut Joining), E);
    let cases: &[Case] = &[
        ("", |_| (), E::INVALID_GROUP_ID),
        ("g", |j| j.session = 5_999, E::INVALID_SESSION_TIMEOUT),
        ("g", |j| j.session = 1_800_001, E::INVALID_SESSION_TIMEOUT),
        ("g", |j| j.member = "who".into(), E::UNKNOWN_MEMBER_ID),
        ("g", |j| j.protocols.clear(), E::INCONSISTENT_GROUP_PROTOCOL),
        ("g", |j| j.protocol_type.clear(), E::INCONSISTENT_GROUP_PROTOCOL),
        ("stable", |j| j.protocol_type = "connect".into(), E::INCONSISTENT_GROUP_PROTOCOL),
        ("stable", |j| j.protocols[0].0 = "sticky".into(), E::INCONSISTENT_GROUP_PROTOCOL),
        ("stable", |j| j.member = "who".into(), E::UNKNOWN_MEMBER_ID),
        (
            "stable",
            |j| {
                j.member = "who".into();
                j.instance = Some("i".into())
            },
            E::UNKNOWN_MEMBER_ID,
        ),
    ];
    for (group, change, want) in cases {
        let mut sim = Sim::new();
        sim.stable("stable", 1);
        let mut request = joining("");
        change(&mut request);
        let outcome = sim.join(group, &request);
        assert_eq!(code(&sim.joined(outcome)), *want, "{group} {}", request.member);
    }
}

#[test]
fn an_id_that_was_handed_out_and_is_not_used_expires() {
    let mut sim = Sim::new();
    let (ids, generation) = sim.stable("g", 1);
    let abandoned = join(&mut sim, &joining("")).member_id;
    // A rebalance would wait for the one that was told its id...
    let waiting = sim.join("g", &joining(&ids[0]));
    assert!(matches!(waiting, Outcome::Parked(_)));
    assert_eq!(sim.heartbeat("g", (&ids[0], generation)), E::REBALANCE_IN_PROGRESS);
    // ...until its session ends.
    sim.advance(10_000);
    let joined = sim.joined(waiting);
    assert_eq!((joined.generation_id, joined.members.len()), (generation + 1, 1));
    assert_eq!(code(&join(&mut sim, &joining(&abandoned))), E::UNKNOWN_MEMBER_ID);
}

#[test]
fn many_join_at_once_and_none_is_unknown() {
    let mut sim = Sim::new();
    sim.config.group_initial_rebalance_delay_ms = 3000;
    let ids: Vec<String> = (0..1000).map(|_| join(&mut sim, &joining("")).member_id.into_owned()).collect();
    let waiting: Vec<_> = ids.iter().map(|id| sim.join("g", &joining(id))).collect();
    sim.advance(2999);
    assert!(sim.completed.is_empty());
    sim.advance(4000);
    let replies: Vec<_> = waiting.into_iter().map(|outcome| sim.joined(outcome)).collect();
    assert!(replies.iter().all(|r| r.error_code == 0 && r.generation_id == 1));
    let leaders: Vec<_> = replies.iter().filter(|r| !r.members.is_empty()).collect();
    assert_eq!((leaders.len(), leaders[0].members.len()), (1, 1000));
}

#[test]
fn the_first_rebalance_waits_longer_while_members_come() {
    let mut sim = Sim::new();
    sim.config.group_initial_rebalance_delay_ms = 3000;
    let first = sim.join("g", &joining("").version(3));
    sim.advance(2000);
    let second = sim.join("g", &joining("").version(3));
    sim.advance(1500);
    assert!(sim.completed.is_empty(), "a member came, so it waits once more");
    sim.advance(2500);
    assert_eq!(sim.joined(first).generation_id, 1);
    assert_eq!(sim.joined(second).generation_id, 1);
}

#[test]
fn members_learn_of_a_rebalance_by_heartbeat_sync_and_join() {
    let mut sim = Sim::new();
    let (ids, generation) = sim.stable("g", 2);
    assert_eq!(sim.heartbeat("g", (&ids[0], generation)), E::NONE);
    let newcomer = sim.join("g", &joining("").version(3));
    assert_eq!(sim.state("g"), "PreparingRebalance");
    assert_eq!(sim.heartbeat("g", (&ids[0], generation)), E::REBALANCE_IN_PROGRESS);
    let outcome = sim.sync("g", (&ids[0], generation), &[]);
    assert_eq!(sim.synced(outcome).0, E::REBALANCE_IN_PROGRESS);
    assert_eq!(sim.commit("g", (&ids[0], generation), ("a", 5), 8), E::NONE, "commits still count");
    let first = sim.join("g", &joining(&ids[0]));
    let second = sim.join("g", &joining(&ids[1]));
    assert_eq!(sim.joined(first).generation_id, generation + 1);
    assert_eq!(sim.joined(second).generation_id, generation + 1);
    let newcomer = sim.joined(newcomer);
    assert_eq!(sim.heartbeat("g", (&newcomer.member_id, generation + 1)), E::NONE);
    assert_eq!(sim.heartbeat("g", (&ids[0], generation)), E::ILLEGAL_GENERATION);
    assert_eq!(sim.commit("g", (&ids[0], generation + 1), ("a", 6), 8), E::REBALANCE_IN_PROGRESS);
}

#[test]
fn a_member_that_does_not_rejoin_in_time_is_gone() {
    let mut sim = Sim::new();
    let (ids, generation) = sim.stable("g", 2);
    let first =
        sim.join("g", &Joining { protocols: vec![("range".into(), b"new".to_vec())], ..joining(&ids[0]) });
    assert_eq!(sim.state("g"), "PreparingRebalance");
    // The other one lives, but does not join.
    for _ in 0..13 {
        sim.heartbeat("g", (&ids[1], generation));
        sim.advance(5000);
    }
    let joined = sim.joined(first);
    assert_eq!((joined.generation_id, joined.members.len()), (generation + 1, 1));
    assert_eq!(sim.heartbeat("g", (&ids[1], generation)), E::UNKNOWN_MEMBER_ID);
}

#[test]
fn a_silent_member_is_gone_and_the_others_share_anew() {
    let mut sim = Sim::new();
    let (ids, generation) = sim.stable("g", 2);
    sim.advance(6000);
    assert_eq!(sim.heartbeat("g", (&ids[0], generation)), E::NONE);
    sim.advance(6000);
    assert_eq!(sim.heartbeat("g", (&ids[1], generation)), E::UNKNOWN_MEMBER_ID);
    assert_eq!(sim.heartbeat("g", (&ids[0], generation)), E::REBALANCE_IN_PROGRESS);
    sim.advance(20_000);
    assert_eq!((sim.state("g"), sim.heartbeat("g", (&ids[0], generation))), ("Empty", E::UNKNOWN_MEMBER_ID));
}

#[test]
fn a_member_that_joins_and_does_not_sync_is_gone() {
    let mut sim = Sim::new();
    let (ids, generation) = sim.stable("g", 2);
    let waiting: Vec<_> =
        ids.iter().map(|id| sim.join("g", &joining(id).protocols(&[("range", b"new")]))).collect();
    let leader = waiting.into_iter().map(|o| sim.joined(o).leader).last().unwrap();
    let outcome = sim.sync("g", (&leader, generation + 1), &[]);
    assert_eq!(sim.synced(outcome).0, E::NONE);
    let idle = ids.iter().find(|id| **id != leader).unwrap();
    for _ in 0..13 {
        sim.heartbeat("g", (idle, generation + 1));
        sim.heartbeat("g", (&leader, generation + 1));
        sim.advance(5000);
    }
    assert_eq!(sim.heartbeat("g", (idle, generation + 1)), E::UNKNOWN_MEMBER_ID);
    assert_eq!(sim.heartbeat("g", (&leader, generation + 1)), E::REBALANCE_IN_PROGRESS);
}

#[test]
fn a_generation_settles_on_what_all_support_and_most_prefer() {
    let lists: [&[(&str, &[u8])]; 3] = [
        &[("sticky", b"1"), ("range", b"1"), ("mine", b"1")],
        &[("range", b"2"), ("sticky", b"2")],
        &[("sticky", b"3"), ("range", b"3")],
    ];
    let mut sim = Sim::new();
    sim.config.group_initial_rebalance_delay_ms = 1000;
    let waiting: Vec<_> =
        lists.iter().map(|list| sim.join("g", &joining("").version(3).protocols(list))).collect();
    sim.advance(10_000);
    for outcome in waiting {
        assert_eq!(sim.joined(outcome).protocol_name.as_deref(), Some("sticky"));
    }
}

#[test]
fn only_so_many_members_get_in() {
    let mut sim = Sim::new();
    sim.config.group_max_size = 2;
    let (ids, _) = sim.stable("g", 2);
    assert_eq!(code(&join(&mut sim, &joining(""))), E::GROUP_MAX_SIZE_REACHED);
    assert_eq!(code(&join(&mut sim, &joining("").instance("i"))), E::GROUP_MAX_SIZE_REACHED);
    assert!(matches!(sim.join("g", &joining(&ids[0]).protocols(&[("range", b"new")])), Outcome::Parked(_)));
    // A limit that was lowered meanwhile shows at loading.
    sim.config.group_max_size = 1;
    sim.reload();
    assert_eq!(sim.state("g"), "PreparingRebalance");
    let first = sim.join("g", &joining(&ids[0]));
    assert_eq!(code(&join(&mut sim, &joining(&ids[1]))), E::GROUP_MAX_SIZE_REACHED);
    assert_eq!(sim.joined(first).members.len(), 1);
}

#[test]
fn leaving_frees_at_once_and_by_name_or_instance() {
    let mut sim = Sim::new();
    let (ids, generation) = sim.stable("g", 2);
    let known = join(&mut sim, &joining("")).member_id;
    let left = sim.leave("g", &[(&ids[1], None), ("who", None), ("", Some("nobody")), (&known, None)]);
    assert_eq!(left, [E::NONE, E::UNKNOWN_MEMBER_ID, E::UNKNOWN_MEMBER_ID, E::NONE]);
    assert_eq!(sim.heartbeat("g", (&ids[0], generation)), E::REBALANCE_IN_PROGRESS);
    let rejoined = join(&mut sim, &joining(&ids[0]));
    assert_eq!((rejoined.generation_id, rejoined.members.len()), (generation + 1, 1));
    assert_eq!(sim.leave("g", &[(&ids[0], None)]), [E::NONE]);
    assert_eq!(sim.state("g"), "Empty");
    assert_eq!(sim.leave("g", &[(&ids[0], None)]), [E::UNKNOWN_MEMBER_ID]);
    assert_eq!(sim.leave("none", &[("m", None)]), [E::UNKNOWN_MEMBER_ID]);
}

/// A stable group of two static members `i1` and `i2`; the first leads.
fn with_statics(sim: &mut Sim) -> (Vec<String>, i32) {
    sim.config.group_initial_rebalance_delay_ms = 100;
    let waiting: Vec<_> = ["i1", "i2"].iter().map(|i| sim.join("g", &joining("").instance(i))).collect();
    sim.advance(1000);
    let replies: Vec<_> = waiting.into_iter().map(|o| sim.joined(o)).collect();
    let ids: Vec<String> = replies.iter().map(|r| r.member_id.to_string()).collect();
    assert_eq!(replies[0].leader, ids[0]);
    let outcome = sim.sync("g", (&ids[0], 1), &[(&ids[0], b"1"), (&ids[1], b"2")]);
    assert_eq!(sim.synced(outcome).0, E::NONE);
    let outcome = sim.sync("g", (&ids[1], 1), &[]);
    assert_eq!(sim.synced(outcome).1, b"2");
    (ids, 1)
}

#[test]
fn a_static_member_comes_back_without_a_rebalance_and_fences_its_former_self() {
    let mut sim = Sim::new();
    let (ids, generation) = with_statics(&mut sim);
    let written = sim.log.len();
    let back = join(&mut sim, &joining("").instance("i2"));
    assert_eq!((code(&back), back.generation_id, sim.state("g")), (E::NONE, generation, "Stable"));
    assert_ne!(back.member_id, ids[1]);
    assert_eq!((back.leader.as_ref(), back.skip_assignment, back.members.len()), (ids[0].as_str(), false, 0));
    assert_eq!(sim.log.len(), written + 1, "its new id is kept");
    let outcome = sim.sync("g", (&back.member_id, generation), &[]);
    assert_eq!(sim.synced(outcome), (E::NONE, b"2".to_vec()));
    let request = crate::schema::clients::heartbeat_request::HeartbeatRequest {
        group_id: "g".into(),
        generation_id: generation,
        member_id: ids[1].clone().into(),
        group_instance_id: Some("i2".into()),
        ..Default::default()
    };
    let fenced = sim.decide(|shard, view| shard.heartbeat(view, &request)).0;
    assert_eq!(fenced, Outcome::Reply(E::FENCED_INSTANCE_ID));
    assert_eq!(sim.leave("g", &[(&ids[1], Some("i2"))]), [E::FENCED_INSTANCE_ID]);
    let fenced = join(&mut sim, &joining(&ids[1]).instance("i2"));
    assert_eq!(code(&fenced), E::FENCED_INSTANCE_ID);
    assert_eq!(sim.leave("g", &[("", Some("i2"))]), [E::NONE], "an administrator removes it by instance");
}

#[test]
fn a_static_leader_that_comes_back_need_not_assign() {
    for (version, leads, skips) in [(9, true, true), (8, false, false)] {
        let mut sim = Sim::new();
        let (ids, _) = with_statics(&mut sim);
        let back = join(&mut sim, &joining("").instance("i1").version(version));
        assert_eq!(back.leader == back.member_id, leads, "version {version}");
        assert_eq!((back.skip_assignment, !back.members.is_empty()), (skips, leads));
        assert_eq!(back.leader == ids[0], !leads);
    }
}

#[test]
fn a_static_member_that_comes_back_amid_a_rebalance_calls_for_another() {
    let mut sim = Sim::new();
    let (ids, generation) = with_statics(&mut sim);
    let first = sim.join("g", &joining(&ids[0]).instance("i1"));
    let second = sim.join("g", &joining(&ids[1]).instance("i2"));
    assert_eq!(sim.joined(first).generation_id, generation + 1);
    sim.joined(second);
    let waits = sim.sync("g", (&ids[0], generation + 1), &[]);
    // The leader's assignment has come for the second one's id already, or is under way with it.
    sim.synced(waits);
    assert_eq!(sim.state("g"), "Stable");
    let first = sim.join("g", &joining(&ids[0]).instance("i1"));
    let second = sim.join("g", &joining(&ids[1]).instance("i2"));
    sim.joined(first);
    sim.joined(second);
    let waits = sim.sync("g", (&ids[1], generation + 2), &[]);
    assert_eq!(sim.state("g"), "CompletingRebalance");
    let back = sim.join("g", &joining("").instance("i2"));
    assert_eq!(sim.state("g"), "PreparingRebalance");
    assert_eq!(sim.synced(waits).0, E::FENCED_INSTANCE_ID);
    assert_eq!(sim.heartbeat("g", (&ids[0], generation + 2)), E::REBALANCE_IN_PROGRESS);
    let first = sim.join("g", &joining(&ids[0]).instance("i1"));
    assert_eq!(sim.joined(first).generation_id, generation + 3);
    assert_eq!(sim.joined(back).generation_id, generation + 3);
}

#[test]
fn a_request_that_is_sent_again_leaves_none_waiting() {
    let mut sim = Sim::new();
    let (ids, _) = sim.stable("g", 2);
    let changed = joining(&ids[0]).protocols(&[("range", b"new")]);
    let lost = sim.join("g", &changed);
    let again = sim.join("g", &changed);
    assert_eq!(code(&sim.joined(lost)), E::REBALANCE_IN_PROGRESS);
    sim.join("g", &joining(&ids[1]));
    assert_eq!(code(&sim.joined(again)), E::NONE);
}

#[test]
fn what_the_log_does_not_take_has_not_happened() {
    let mut sim = Sim::new();
    let (ids, generation) = sim.stable("g", 1);
    let newcomer = sim.join("g", &joining("").version(3));
    let rejoined = sim.join("g", &joining(&ids[0]));
    let (newcomer, rejoined) = (sim.joined(newcomer), sim.joined(rejoined));
    let waits = sim.sync("g", (&newcomer.member_id, generation + 1), &[]);
    sim.full = true;
    let leads = sim.sync("g", (&rejoined.leader, generation + 1), &[(&ids[0], b"x")]);
    assert_eq!(sim.synced(leads).0, E::COORDINATOR_NOT_AVAILABLE);
    assert_eq!(sim.synced(waits).0, E::COORDINATOR_NOT_AVAILABLE);
    // The generation before is in force again, and who belongs to it goes on.
    assert_eq!(sim.heartbeat("g", (&ids[0], generation)), E::NONE);
    assert_eq!(sim.heartbeat("g", (&newcomer.member_id, generation + 1)), E::UNKNOWN_MEMBER_ID);
    let new = sim.join("new", &joining(""));
    assert_eq!(sim.joined(new).error_code, E::MEMBER_ID_REQUIRED.code());
    assert_eq!(sim.state("new"), "none");
}

#[test]
fn a_loaded_group_keeps_its_members_and_gives_them_time() {
    let mut sim = Sim::new();
    let (ids, generation) = sim.stable("g", 2);
    sim.advance(8000);
    sim.reload();
    sim.advance(8000);
    assert_eq!(sim.heartbeat("g", (&ids[1], generation)), E::NONE);
    assert_eq!(sim.commit("g", (&ids[0], generation), ("a", 3), 9), E::NONE);
    let outcome = sim.sync("g", (&ids[0], generation), &[]);
    assert_eq!(sim.synced(outcome), (E::NONE, ids[0].as_bytes().to_vec()));
}

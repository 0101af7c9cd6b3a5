//! Members of both protocols in one group, and the way from one to the other.

use super::*;
use crate::coordinator::group::classic::Join;
use crate::schema::clients::consumer_protocol_assignment::ConsumerProtocolAssignment;
use crate::schema::clients::consumer_protocol_subscription::ConsumerProtocolSubscription;
use crate::schema::clients::heartbeat_request::HeartbeatRequest;
use crate::schema::clients::join_group_request::{JoinGroupRequest, JoinGroupRequestProtocol};
use crate::schema::clients::join_group_response::JoinGroupResponse;
use crate::schema::clients::leave_group_request::{LeaveGroupRequest, MemberIdentity};
use crate::schema::clients::sync_group_request::{SyncGroupRequest, SyncGroupRequestAssignment};
use crate::schema::clients::sync_group_response::SyncGroupResponse;
use crate::schema::{Reader, Writer};

/// A subscription to topic t as a client embeds it, owning nothing.
fn subscription() -> Vec<u8> {
    let mut w = Writer::new();
    w.i16(1);
    ConsumerProtocolSubscription { topics: vec!["t".into()], ..Default::default() }.encode(&mut w, 1);
    w.buf
}

fn assignment(partitions: &[i32]) -> Vec<u8> {
    let topic = crate::schema::clients::consumer_protocol_assignment::TopicPartition {
        topic: "t".into(),
        partitions: partitions.to_vec(),
    };
    let mut w = Writer::new();
    w.i16(1);
    ConsumerProtocolAssignment { assigned_partitions: vec![topic], ..Default::default() }.encode(&mut w, 1);
    w.buf
}

impl World {
    fn classic_join(&mut self, member: &str) -> Option<JoinGroupResponse<'static>> {
        self.static_join(member, None)
    }

    fn static_join(&mut self, member: &str, instance: Option<&str>) -> Option<JoinGroupResponse<'static>> {
        let metadata = subscription();
        let protocol = JoinGroupRequestProtocol {
            name: "range".into(),
            metadata: metadata.into(),
            ..Default::default()
        };
        let request = JoinGroupRequest {
            group_id: "g".into(),
            member_id: member.to_owned().into(),
            group_instance_id: instance.map(|i| i.to_owned().into()),
            protocol_type: "consumer".into(),
            session_timeout_ms: 10_000,
            rebalance_timeout_ms: 20_000,
            protocols: vec![protocol],
            ..Default::default()
        };
        let join = Join { request: &request, version: 9 };
        let decision = self.with_view(|shard, view| shard.join(view, CLIENT, join));
        self.commit(decision.changes);
        match decision.outcome {
            Outcome::Reply(reply) => Some(reply),
            Outcome::Parked(_) => {
                self.pass(0);
                match self.completed.pop() {
                    Some(Completed::Join(reply)) => Some(reply),
                    _ => None,
                }
            }
        }
    }

    fn classic_sync(
        &mut self,
        member: &str,
        generation: i32,
        give: &[(&str, &[i32])],
    ) -> SyncGroupResponse<'static> {
        let assignments = give.iter().map(|(member, partitions)| SyncGroupRequestAssignment {
            member_id: (*member).to_owned().into(),
            assignment: assignment(partitions).into(),
            ..Default::default()
        });
        let request = SyncGroupRequest {
            group_id: "g".into(),
            member_id: member.into(),
            generation_id: generation,
            assignments: assignments.collect(),
            ..Default::default()
        };
        let decision = self.with_view(|shard, view| shard.sync(view, &request, 4));
        self.commit(decision.changes);
        match decision.outcome {
            Outcome::Reply(reply) => reply,
            Outcome::Parked(_) => match self.completed.pop() {
                Some(Completed::Sync(reply)) => reply,
                other => panic!("still waiting: {other:?}"),
            },
        }
    }

    fn classic_beat(&mut self, member: &str, generation: i32) -> ErrorCode {
        let request = HeartbeatRequest {
            group_id: "g".into(),
            member_id: member.into(),
            generation_id: generation,
            ..Default::default()
        };
        let decision = self.with_view(|shard, view| shard.heartbeat(view, &request));
        self.commit(decision.changes);
        let Outcome::Reply(code) = decision.outcome else { panic!("a heartbeat does not wait") };
        code
    }

    /// A classic group with one member that has both partitions of t; its id and generation.
    fn classic_group(&mut self) -> (String, i32) {
        let id = self.classic_join("").unwrap().member_id.into_owned();
        let joined = self.classic_join(&id).unwrap();
        let reply = self.classic_sync(&id, joined.generation_id, &[(&id, &[0, 1])]);
        assert_eq!(reply.error_code, 0);
        (id, joined.generation_id)
    }

    fn is_classic(&self) -> bool {
        matches!(self.shard.groups.get("g"), Some(Group::Classic(_)))
    }
}

/// What a SyncGroup reply assigns of t.
fn synced(reply: &SyncGroupResponse<'_>) -> Vec<i32> {
    assert_eq!(reply.error_code, 0);
    let mut r = Reader::new(&reply.assignment);
    let version = r.i16().unwrap();
    let read = ConsumerProtocolAssignment::decode(&mut r, version).unwrap();
    read.assigned_partitions.iter().flat_map(|t| t.partitions.iter().copied()).collect()
}

#[test]
fn a_classic_group_is_upgraded_and_downgraded_while_it_runs() {
    let mut world = World::new(&[("t", 2)]);
    let (old, generation) = world.classic_group();
    let new = ok(world.beat(&join("new", &["t"])));
    assert_eq!(given(&new), Some(BTreeSet::new()), "the classic member has both");
    assert_eq!(world.group().members().len(), 2);
    let described = world.with_view(|shard, view| shard.consumer_describe(view, "g"));
    let mut kinds: Vec<i8> = described.members.iter().map(|m| m.member_type).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, [0, 1]);

    assert_eq!(world.classic_beat(&old, generation), ErrorCode::REBALANCE_IN_PROGRESS);
    let joined = world.classic_join(&old).unwrap();
    assert_eq!((joined.error_code, joined.generation_id), (0, new.member_epoch));
    assert_eq!(joined.leader, "", "the broker leads");
    let kept = synced(&world.classic_sync(&old, joined.generation_id, &[]));
    assert_eq!(kept.len(), 1);
    assert_eq!(given(&ok(world.beat(&stay("new", new.member_epoch)))).unwrap().len(), 1);
    assert_eq!(world.classic_beat(&old, joined.generation_id), ErrorCode::NONE);
    assert_eq!(world.classic_beat(&old, generation), ErrorCode::ILLEGAL_GENERATION);

    ok(world.beat(&stay("new", -1)));
    assert!(world.is_classic(), "only classic members are left");
    world.pass(0);
    let code = world.classic_beat(&old, joined.generation_id);
    assert_eq!(code, ErrorCode::REBALANCE_IN_PROGRESS, "they are called to share anew");
    let again = world.classic_join(&old).unwrap();
    assert_eq!((again.error_code, &*again.leader), (0, &*old));
    assert!(again.generation_id > joined.generation_id);
}

#[test]
fn the_policy_decides() {
    for (policy, up, down) in [
        ("disabled", false, false),
        ("upgrade", true, false),
        ("DOWNGRADE", false, true),
        ("bidirectional", true, true),
    ] {
        let mut world = World::new(&[("t", 2)]);
        world.classic_group();
        world.config.group_consumer_migration_policy = policy.into();
        let expected = if up { ErrorCode::NONE } else { ErrorCode::GROUP_ID_NOT_FOUND };
        assert_eq!(code(&world.beat(&join("new", &["t"]))), expected, "{policy}");

        let mut world = World::new(&[("t", 2)]);
        world.config.group_consumer_migration_policy = policy.into();
        let epoch = ok(world.beat(&join("new", &["t"]))).member_epoch;
        let reply = world.classic_join("").unwrap();
        let refused =
            if up || down { ErrorCode::MEMBER_ID_REQUIRED } else { ErrorCode::INCONSISTENT_GROUP_PROTOCOL };
        assert_eq!(ErrorCode(reply.error_code), refused, "{policy}");
        if up || down {
            let id = reply.member_id.into_owned();
            assert_eq!(world.classic_join(&id).unwrap().error_code, 0);
            ok(world.beat(&stay("new", -1)));
            assert_eq!(world.is_classic(), down, "{policy}, epoch {epoch}");
        }
    }
}

#[test]
fn an_upgrade_calls_those_who_wait() {
    let mut world = World::new(&[("t", 2)]);
    let (old, _) = world.classic_group();
    let second = world.classic_join("").unwrap().member_id.into_owned();
    assert!(world.classic_join(&second).is_none(), "it waits for the first one");
    ok(world.beat(&join("new", &["t"])));
    let Some(Completed::Join(reply)) = world.completed.pop() else { panic!("it still waits") };
    assert_eq!(ErrorCode(reply.error_code), ErrorCode::REBALANCE_IN_PROGRESS);
    assert!(world.group().members().contains_key(&*old));
}

#[test]
fn classic_members_have_their_own_deadlines() {
    let mut world = World::new(&[("t", 2)]);
    let (old, generation) = world.classic_group();
    let mut epoch = ok(world.beat(&join("new", &["t"]))).member_epoch;
    world.pass(9_999);
    assert_eq!(world.classic_beat(&old, generation), ErrorCode::REBALANCE_IN_PROGRESS);
    for _ in 0..3 {
        world.pass(5_000);
        epoch = ok(world.beat(&stay("new", epoch))).member_epoch;
        assert_eq!(world.classic_beat(&old, generation), ErrorCode::REBALANCE_IN_PROGRESS);
    }
    world.pass(5_000);
    assert_eq!(world.group().members().len(), 1, "it beats, but it did not rejoin in 20 s");
    assert_eq!(world.classic_beat(&old, generation), ErrorCode::UNKNOWN_MEMBER_ID);

    let id = world.classic_join("").unwrap().member_id.into_owned();
    world.classic_join(&id).unwrap();
    world.pass(10_000);
    assert_eq!(world.group().members().len(), 1, "its session is its own, of 10 s");
}

#[test]
fn classic_members_leave() {
    let mut world = World::new(&[("t", 2)]);
    ok(world.beat(&join("new", &["t"])));
    let id = world.classic_join("").unwrap().member_id.into_owned();
    world.classic_join(&id).unwrap();
    world.static_join("", Some("i")).unwrap();
    let leave = |id: &str, instance: Option<&str>| MemberIdentity {
        member_id: id.to_owned().into(),
        group_instance_id: instance.map(|i| i.to_owned().into()),
        ..Default::default()
    };
    let members = vec![leave(&id, None), leave("", Some("i")), leave("new", None), leave("x", None)];
    let request = LeaveGroupRequest { group_id: "g".into(), members, ..Default::default() };
    let decision = world.with_view(|shard, view| shard.leave(view, &request));
    world.commit(decision.changes);
    let Outcome::Reply(reply) = decision.outcome else { panic!("leaving does not wait") };
    let codes: Vec<ErrorCode> = reply.members.iter().map(|m| ErrorCode(m.error_code)).collect();
    let unknown = ErrorCode::UNKNOWN_MEMBER_ID;
    assert_eq!(codes, [ErrorCode::NONE, ErrorCode::NONE, unknown, unknown]);
    assert_eq!(world.group().members().len(), 1);
}

#[test]
fn a_static_member_changes_its_protocol_and_keeps_its_partitions() {
    let mut world = World::new(&[("t", 2)]);
    let fixed = |request| Request { instance_id: Some("i".into()), ..request };
    let id = world.static_join("", Some("i")).unwrap().member_id.into_owned();
    let generation = world.static_join(&id, Some("i")).unwrap().generation_id;
    world.classic_sync(&id, generation, &[(&id, &[0, 1])]);
    let reply = ok(world.beat(&fixed(join("new", &["t"]))));
    assert_eq!(given(&reply).unwrap().len(), 2, "up");
    assert_eq!(world.group().members().len(), 1);
    ok(world.beat(&fixed(stay("new", -2))));
    let reply = world.static_join("", Some("i")).unwrap();
    assert_eq!(reply.error_code, 0, "down");
    assert!(world.is_classic());
}

//! A shard with its log, clock and topics, for tests: every decision's records go through their bytes.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::classic::Join;
use super::*;
use crate::config::BrokerConfig;
use crate::schema::clients::heartbeat_request::HeartbeatRequest;
use crate::schema::clients::join_group_request::{JoinGroupRequest, JoinGroupRequestProtocol};
use crate::schema::clients::leave_group_request::{LeaveGroupRequest, MemberIdentity};
use crate::schema::clients::offset_commit_request::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use crate::schema::clients::sync_group_request::{SyncGroupRequest, SyncGroupRequestAssignment};
use crate::types::{Offset, Timestamp, TopicId, Uuid};

/// Topics by name.
#[derive(Default)]
pub(super) struct Topics(pub(super) Vec<TopicInfo>);

impl Cluster for Topics {
    fn version(&self) -> u64 {
        self.0.len() as u64
    }
    fn topic(&self, name: &str) -> Option<TopicInfo> {
        self.0.iter().find(|t| &*t.name == name).cloned()
    }
    fn topic_by_id(&self, id: TopicId) -> Option<TopicInfo> {
        self.0.iter().find(|t| t.id == id).cloned()
    }
    fn topics(&self) -> Box<dyn Iterator<Item = TopicInfo> + '_> {
        Box::new(self.0.iter().cloned())
    }
    fn racks(&self, _: TopicId, _: i32) -> Vec<Arc<str>> {
        Vec::new()
    }
    fn group_option(&self, _: &str, _: &str) -> Option<String> {
        None
    }
}

type Written = (Vec<u8>, Option<Vec<u8>>);

pub(super) struct Sim {
    pub(super) shard: GroupShard,
    pub(super) log: Vec<Written>,
    pub(super) config: BrokerConfig,
    pub(super) topics: Topics,
    pub(super) now: i64,
    /// Whether the log takes records.
    pub(super) full: bool,
    pub(super) completed: HashMap<Ticket, Completed>,
    ids: AtomicU64,
}

/// A JoinGroup that is still to be sent.
#[derive(Clone)]
pub(super) struct Joining {
    pub(super) member: String,
    pub(super) instance: Option<String>,
    pub(super) version: i16,
    pub(super) protocols: Vec<(String, Vec<u8>)>,
    pub(super) session: i32,
    pub(super) rebalance: i32,
    pub(super) protocol_type: String,
}

pub(super) fn joining(member: &str) -> Joining {
    Joining {
        member: member.into(),
        instance: None,
        version: 9,
        protocols: vec![("range".into(), b"sub".to_vec())],
        session: 10_000,
        rebalance: 60_000,
        protocol_type: "consumer".into(),
    }
}

impl Joining {
    pub(super) fn instance(mut self, id: &str) -> Self {
        self.instance = Some(id.into());
        self
    }
    pub(super) fn version(mut self, version: i16) -> Self {
        self.version = version;
        self
    }
    pub(super) fn protocols(mut self, protocols: &[(&str, &[u8])]) -> Self {
        self.protocols = protocols.iter().map(|(n, m)| ((*n).to_owned(), m.to_vec())).collect();
        self
    }
}

impl Sim {
    pub(super) fn new() -> Self {
        let topic = |name: &str, n| TopicInfo { name: name.into(), id: Uuid([n; 16]), partitions: 4 };
        let mut sim = Self {
            shard: GroupShard::new(),
            log: Vec::new(),
            config: BrokerConfig::default(),
            topics: Topics(vec![topic("a", 1), topic("b", 2)]),
            now: 1_000_000,
            full: false,
            completed: HashMap::new(),
            ids: AtomicU64::new(0),
        };
        sim.with(|shard, view| shard.loaded(view));
        sim
    }

    fn with<T>(&mut self, f: impl FnOnce(&mut GroupShard, &View<'_>) -> T) -> T {
        let fresh_id = || {
            let n = self.ids.fetch_add(1, Ordering::Relaxed);
            Uuid(u128::from(n).to_be_bytes())
        };
        let view = View {
            now: Timestamp(self.now),
            tick: self.now,
            cluster: &self.topics,
            config: &self.config,
            fresh_id: &fresh_id,
        };
        f(&mut self.shard, &view)
    }

    fn settle(&mut self, changes: Changes) -> Vec<CoordinatorRecord<'static>> {
        if self.full && !changes.records.is_empty() {
            let code = ErrorCode::COORDINATOR_NOT_AVAILABLE;
            let told = self.with(|shard, view| shard.refused(changes, code, view));
            self.completed.extend(told);
            return Vec::new();
        }
        for record in &changes.records {
            let written = record.encode();
            self.replay(self.log.len(), &written);
            self.log.push(written);
        }
        for (ticket, reply) in changes.completed {
            assert!(self.completed.insert(ticket, reply).is_none(), "a ticket is answered once");
        }
        changes.records
    }

    fn replay(&mut self, offset: usize, (key, value): &Written) {
        let record = CoordinatorRecord::decode(key, value.as_deref()).unwrap();
        let offset = Offset(i64::try_from(offset).unwrap());
        self.shard.replay(ReplayAt { offset, producer: None }, &record);
    }

    /// Decides, appends, replays and handles what is due.
    pub(super) fn decide<T>(
        &mut self,
        decide: impl FnOnce(&mut GroupShard, &View<'_>) -> Decision<T>,
    ) -> (Outcome<T>, Vec<CoordinatorRecord<'static>>) {
        let decision = self.with(decide);
        let mut records = self.settle(decision.changes);
        records.extend(self.advance(0));
        (decision.outcome, records)
    }

    /// Lets time pass, deadline by deadline.
    pub(super) fn advance(&mut self, ms: i64) -> Vec<CoordinatorRecord<'static>> {
        let end = self.now.saturating_add(ms);
        let mut records = Vec::new();
        loop {
            while let Some(changes) = self.with(GroupShard::on_timer) {
                records.extend(self.settle(changes));
            }
            match self.shard.next_deadline().filter(|at| *at <= end) {
                Some(at) => self.now = self.now.max(at),
                None => break,
            }
        }
        self.now = end;
        records
    }

    /// The state that another start would load.
    pub(super) fn reload(&mut self) {
        self.shard = GroupShard::new();
        let log = std::mem::take(&mut self.log);
        for (offset, written) in log.iter().enumerate() {
            self.replay(offset, written);
        }
        self.log = log;
        let changes = self.with(|shard, view| shard.loaded(view));
        self.settle(changes);
    }

    pub(super) fn join(&mut self, group: &str, joining: &Joining) -> Outcome<JoinGroupResponse<'static>> {
        let protocols = joining.protocols.iter().map(|(name, metadata)| JoinGroupRequestProtocol {
            name: name.clone().into(),
            metadata: metadata.clone().into(),
            ..Default::default()
        });
        let request = JoinGroupRequest {
            group_id: group.into(),
            session_timeout_ms: joining.session,
            rebalance_timeout_ms: joining.rebalance,
            member_id: joining.member.clone().into(),
            group_instance_id: joining.instance.clone().map(Into::into),
            protocol_type: joining.protocol_type.clone().into(),
            protocols: protocols.collect(),
            ..Default::default()
        };
        let join = Join { request: &request, version: joining.version };
        let client = Client { id: "client", host: "/127.0.0.1" };
        self.decide(|shard, view| shard.join(view, client, join)).0
    }

    /// The reply to a JoinGroup: at once, or by now.
    pub(super) fn joined(
        &mut self,
        outcome: Outcome<JoinGroupResponse<'static>>,
    ) -> JoinGroupResponse<'static> {
        match outcome {
            Outcome::Reply(reply) => reply,
            Outcome::Parked(ticket) => match self.completed.remove(&ticket) {
                Some(Completed::Join(reply)) => reply,
                other => panic!("no reply yet: {other:?}"),
            },
        }
    }

    pub(super) fn sync(
        &mut self,
        group: &str,
        (member, generation): (&str, i32),
        assignments: &[(&str, &[u8])],
    ) -> Outcome<SyncGroupResponse<'static>> {
        let assignments = assignments.iter().map(|(member, assignment)| SyncGroupRequestAssignment {
            member_id: (*member).into(),
            assignment: assignment.to_vec().into(),
            ..Default::default()
        });
        let request = SyncGroupRequest {
            group_id: group.into(),
            generation_id: generation,
            member_id: member.into(),
            protocol_type: Some("consumer".into()),
            protocol_name: Some("range".into()),
            assignments: assignments.collect(),
            ..Default::default()
        };
        self.decide(|shard, view| shard.sync(view, &request, 5)).0
    }

    pub(super) fn synced(&mut self, outcome: Outcome<SyncGroupResponse<'static>>) -> (ErrorCode, Vec<u8>) {
        let reply = match outcome {
            Outcome::Reply(reply) => reply,
            Outcome::Parked(ticket) => match self.completed.remove(&ticket) {
                Some(Completed::Sync(reply)) => reply,
                other => panic!("no reply yet: {other:?}"),
            },
        };
        (ErrorCode(reply.error_code), reply.assignment.to_vec())
    }

    pub(super) fn heartbeat(&mut self, group: &str, (member, generation): (&str, i32)) -> ErrorCode {
        let request = HeartbeatRequest {
            group_id: group.into(),
            generation_id: generation,
            member_id: member.into(),
            ..Default::default()
        };
        match self.decide(|shard, view| shard.heartbeat(view, &request)).0 {
            Outcome::Reply(code) => code,
            Outcome::Parked(_) => panic!("a heartbeat never waits"),
        }
    }

    pub(super) fn leave(&mut self, group: &str, members: &[(&str, Option<&str>)]) -> Vec<ErrorCode> {
        let members = members.iter().map(|(member, instance)| MemberIdentity {
            member_id: (*member).into(),
            group_instance_id: instance.map(Into::into),
            ..Default::default()
        });
        let request =
            LeaveGroupRequest { group_id: group.into(), members: members.collect(), ..Default::default() };
        match self.decide(|shard, view| shard.leave(view, &request)).0 {
            Outcome::Reply(reply) => reply.members.iter().map(|m| ErrorCode(m.error_code)).collect(),
            Outcome::Parked(_) => panic!("leaving never waits"),
        }
    }

    /// Commits an offset of partition 0 of a topic.
    pub(super) fn commit(
        &mut self,
        group: &str,
        (member, generation): (&str, i32),
        (topic, offset): (&str, i64),
        version: i16,
    ) -> ErrorCode {
        self.commit_with(group, (member, generation), topic, version, |partition| {
            partition.committed_offset = offset;
        })
    }

    pub(super) fn commit_with(
        &mut self,
        group: &str,
        (member, generation): (&str, i32),
        topic: &str,
        version: i16,
        change: impl FnOnce(&mut OffsetCommitRequestPartition<'_>),
    ) -> ErrorCode {
        let mut partition = OffsetCommitRequestPartition::default();
        change(&mut partition);
        let id = self.topics.topic(topic).map_or(Uuid([9; 16]), |t| t.id);
        let topic = OffsetCommitRequestTopic {
            name: topic.into(),
            topic_id: id.0,
            partitions: vec![partition],
            ..Default::default()
        };
        let request = OffsetCommitRequest {
            group_id: group.into(),
            generation_id_or_member_epoch: generation,
            member_id: member.into(),
            topics: vec![topic],
            ..Default::default()
        };
        match self.decide(|shard, view| shard.commit(view, &request, version)).0 {
            Outcome::Reply(reply) => ErrorCode(reply.topics[0].partitions[0].error_code),
            Outcome::Parked(_) => panic!("a commit never waits for others"),
        }
    }

    pub(super) fn offset(&self, group: &str, topic: &str) -> Option<i64> {
        self.shard.offsets().get(group, topic, 0).map(|committed| committed.offset.get())
    }

    /// Brings dynamic members into a stable group; the first leads. Gives their ids and the generation.
    pub(super) fn stable(&mut self, group: &str, members: usize) -> (Vec<String>, i32) {
        let ids: Vec<String> = (0..members)
            .map(|_| {
                let outcome = self.join(group, &joining(""));
                self.joined(outcome).member_id.into_owned()
            })
            .collect();
        let mut generation = 0;
        // The first comes at once; the others call it back.
        for _ in 0..2 {
            let waiting: Vec<_> = ids.iter().map(|id| self.join(group, &joining(id))).collect();
            let replies: Vec<_> = waiting
                .into_iter()
                .filter_map(|outcome| match outcome {
                    Outcome::Parked(ticket) => self.completed.remove(&ticket),
                    Outcome::Reply(reply) => Some(Completed::Join(reply)),
                })
                .collect();
            if let Some(Completed::Join(reply)) = replies.last() {
                generation = reply.generation_id;
            }
        }
        let leader = match self.shard.group(group) {
            Some(Group::Classic(group)) => group.leader().unwrap().to_owned(),
            other => panic!("{other:?}"),
        };
        let assignments: Vec<(&str, &[u8])> = ids.iter().map(|id| (id.as_str(), id.as_bytes())).collect();
        let outcome = self.sync(group, (&leader, generation), &assignments);
        assert_eq!(self.synced(outcome).0, ErrorCode::NONE);
        for id in ids.iter().filter(|id| **id != leader) {
            let outcome = self.sync(group, (id, generation), &[]);
            assert_eq!(self.synced(outcome), (ErrorCode::NONE, id.as_bytes().to_vec()));
        }
        (ids, generation)
    }

    pub(super) fn state(&self, group: &str) -> &'static str {
        self.shard.group(group).map_or("none", Group::state_name)
    }
}

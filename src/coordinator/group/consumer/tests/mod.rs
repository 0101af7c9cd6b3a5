//! Consumer groups as members see them. Every step is also replayed, bytes and all, into a second state,
//! which must come out the same.
#![allow(clippy::arithmetic_side_effects, clippy::type_complexity, reason = "small numbers and tables")]

mod classic;
mod heartbeats;
mod rebalance;
mod schedules;

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::super::{
    Changes, Client, Cluster, Completed, Group, GroupShard, Outcome, ReplayAt, TopicInfo, View,
};
use super::group::ConsumerGroup;
use crate::config::BrokerConfig;
use crate::coordinator::record::CoordinatorRecord;
use crate::schema::ErrorCode;
use crate::schema::clients::consumer_group_heartbeat_request::{
    ConsumerGroupHeartbeatRequest as Request, TopicPartitions,
};
use crate::schema::clients::consumer_group_heartbeat_response::ConsumerGroupHeartbeatResponse as Response;
use crate::types::{Offset, Timestamp, TopicId, Uuid};

#[derive(Default)]
struct Topics {
    by_name: BTreeMap<Arc<str>, TopicInfo>,
    version: u64,
    options: BTreeMap<String, String>,
}

impl Cluster for Topics {
    fn version(&self) -> u64 {
        self.version
    }

    fn topic(&self, name: &str) -> Option<TopicInfo> {
        self.by_name.get(name).cloned()
    }

    fn topic_by_id(&self, id: TopicId) -> Option<TopicInfo> {
        self.by_name.values().find(|topic| topic.id == id).cloned()
    }

    fn topics(&self) -> Box<dyn Iterator<Item = TopicInfo> + '_> {
        Box::new(self.by_name.values().cloned())
    }

    fn racks(&self, _topic: TopicId, _partition: i32) -> Vec<Arc<str>> {
        Vec::new()
    }

    fn group_option(&self, _group: &str, option: &str) -> Option<String> {
        self.options.get(option).cloned()
    }
}

struct World {
    topics: Topics,
    config: BrokerConfig,
    shard: GroupShard,
    shadow: GroupShard,
    now: i64,
    ids: Cell<u8>,
    written: Vec<CoordinatorRecord<'static>>,
    completed: Vec<Completed>,
}

/// Client that all requests come from.
const CLIENT: Client<'static> = Client { id: "c", host: "/127.0.0.1" };

impl World {
    fn new(topics: &[(&str, i32)]) -> Self {
        let config = BrokerConfig {
            group_initial_rebalance_delay_ms: 0,
            group_consumer_assignment_interval_ms: 0,
            ..BrokerConfig::default()
        };
        let mut world = Self {
            topics: Topics::default(),
            config,
            shard: GroupShard::new(),
            shadow: GroupShard::new(),
            now: 1_000_000,
            ids: Cell::new(0),
            written: Vec::new(),
            completed: Vec::new(),
        };
        world.with_view(|shard, view| shard.loaded(view));
        for (name, partitions) in topics {
            world.set_topic(name, *partitions);
        }
        world
    }

    /// Creates a topic, or gives it more partitions; 0 deletes it.
    fn set_topic(&mut self, name: &str, partitions: i32) {
        self.topics.version += 1;
        let id = self.topics.topic(name).map_or(Uuid([self.topics.version as u8; 16]), |topic| topic.id);
        if partitions == 0 {
            self.topics.by_name.remove(name);
        } else {
            self.topics.by_name.insert(name.into(), TopicInfo { name: name.into(), id, partitions });
        }
    }

    fn id_of(&self, topic: &str) -> TopicId {
        self.topics.topic(topic).unwrap().id
    }

    fn with_view<T>(&mut self, decide: impl FnOnce(&mut GroupShard, &View<'_>) -> T) -> T {
        let ids = &self.ids;
        let fresh_id = || {
            ids.set(ids.get() + 1);
            Uuid([200 + ids.get(); 16])
        };
        let view = View {
            now: Timestamp(self.now),
            tick: self.now,
            cluster: &self.topics,
            config: &self.config,
            fresh_id: &fresh_id,
        };
        decide(&mut self.shard, &view)
    }

    /// Writes what a decision changes.
    fn commit(&mut self, changes: Changes) {
        for record in changes.records {
            let at = ReplayAt { offset: Offset(0), producer: None };
            self.shard.replay(at, &record);
            let (key, value) = record.encode();
            self.shadow.replay(at, &CoordinatorRecord::decode(&key, value.as_deref()).unwrap());
            self.written.push(record);
        }
        self.completed.extend(changes.completed.into_iter().map(|(_, reply)| reply));
        for (id, group) in &self.shard.groups {
            if let Group::Consumer(group) = group {
                let replayed = self.shadow.groups.get(id);
                assert!(matches!(replayed, Some(Group::Consumer(g)) if g == group), "replay differs");
            }
        }
    }

    fn beat_as(&mut self, version: i16, request: &Request<'_>) -> Response<'static> {
        let decision = self.with_view(|shard, view| shard.consumer_heartbeat(view, CLIENT, request, version));
        let Outcome::Reply(reply) = decision.outcome else { panic!("a heartbeat does not wait") };
        if reply.error_code != 0 {
            assert_eq!(decision.changes, Changes::default(), "a refusal changes nothing");
        }
        self.commit(decision.changes);
        reply
    }

    fn beat(&mut self, request: &Request<'_>) -> Response<'static> {
        self.beat_as(1, request)
    }

    /// Lets time pass and deadlines with it.
    fn pass(&mut self, ms: i64) {
        let end = self.now + ms;
        loop {
            let due = self.shard.next_deadline().filter(|due| *due <= end);
            self.now = due.map_or(end, |due| due.max(self.now));
            while let Some(changes) = self.with_view(|shard, view| shard.on_timer(view)) {
                self.commit(changes);
            }
            if due.is_none() {
                return;
            }
        }
    }

    fn group(&self) -> &ConsumerGroup {
        match self.shard.groups.get("g") {
            Some(Group::Consumer(group)) => group,
            other => panic!("no consumer group: {other:?}"),
        }
    }

    /// The kinds of the records written since the last time.
    fn kinds(&mut self) -> Vec<i16> {
        std::mem::take(&mut self.written).iter().map(CoordinatorRecord::kind).collect()
    }
}

fn join<'a>(member: &'a str, topics: &[&'a str]) -> Request<'a> {
    Request {
        group_id: "g".into(),
        member_id: member.into(),
        rebalance_timeout_ms: 300_000,
        subscribed_topic_names: Some(topics.iter().map(|t| (*t).into()).collect()),
        topic_partitions: Some(Vec::new()),
        ..Request::default()
    }
}

fn stay(member: &str, epoch: i32) -> Request<'_> {
    Request { group_id: "g".into(), member_id: member.into(), member_epoch: epoch, ..Request::default() }
}

/// Partitions of one topic that a member says it owns.
fn owns<'a>(request: Request<'a>, topic: TopicId, partitions: &[i32]) -> Request<'a> {
    let owned = TopicPartitions { topic_id: topic.0, partitions: partitions.to_vec(), ..Default::default() };
    let owned = if partitions.is_empty() { Vec::new() } else { vec![owned] };
    Request { topic_partitions: Some(owned), ..request }
}

fn given(reply: &Response<'_>) -> Option<BTreeSet<(TopicId, i32)>> {
    let assignment = reply.assignment.as_ref()?;
    let topics = assignment.topic_partitions.iter();
    Some(topics.flat_map(|t| t.partitions.iter().map(|p| (Uuid(t.topic_id), *p))).collect())
}

fn ok(reply: Response<'static>) -> Response<'static> {
    assert_eq!(reply.error_code, 0, "{:?}", reply.error_message);
    reply
}

fn code(reply: &Response<'_>) -> ErrorCode {
    ErrorCode(reply.error_code)
}

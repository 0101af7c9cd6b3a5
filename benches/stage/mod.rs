//! A broker without sockets, on real files in a temporary folder, and the work that both kinds of benchmark
//! give it: one list, so that what is timed is what is counted.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "benchmarks"
)]
#![allow(dead_code, reason = "each program uses its part")]

use std::collections::{BTreeMap, BTreeSet};
use std::hint::black_box;
use std::sync::Arc;

use klamm::api::table::dispatch;
use klamm::api::{Arrival, Context, Handling, ListenerKind};
use klamm::broker::{Broker, Environment};
use klamm::config::{Sources, load};
use klamm::coordinator::group::assignor::{Assignor, Member, Problem, Topic};
use klamm::env::{Clock, RealFiles, SystemClock, SystemRng};
use klamm::record::{BatchBuilder, Codec, Compression, NewRecord, Rules, validate};
use klamm::schema::clients::consumer_group_heartbeat_request::ConsumerGroupHeartbeatRequest;
use klamm::schema::clients::create_topics_request::{CreatableTopic, CreateTopicsRequest};
use klamm::schema::clients::fetch_request::{FetchPartition, FetchRequest, FetchTopic};
use klamm::schema::clients::list_offsets_request::{
    ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic,
};
use klamm::schema::clients::metadata_request::{MetadataRequest, MetadataRequestTopic};
use klamm::schema::clients::offset_commit_request::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use klamm::schema::clients::produce_request::{PartitionProduceData, ProduceRequest, TopicProduceData};
use klamm::schema::{Api, Reader, Records, Writer, api_key};
use klamm::types::{Timestamp, Uuid};
use klamm::wire::{RequestHead, frame, request};
use tokio::runtime::Runtime;

/// The last versions that name topics by their names.
const PRODUCE: i16 = 12;
const FETCH: i16 = 12;
const COMMIT: i16 = 9;
/// Partitions of the wide topic.
const WIDE: i32 = 100;
/// The time of all records.
const NOW: Timestamp = Timestamp(1_700_000_000_000);

/// A broker, and how a request reaches it.
pub struct Stage {
    runtime: Runtime,
    broker: Option<Broker>,
    arrival: Arrival,
    /// Removed with the stage.
    _dir: tempfile::TempDir,
}

/// A piece of work, to be done over and over.
pub struct Work<'a> {
    /// Its name in results.
    pub name: &'static str,
    /// Bytes of records that go through, if that is the measure.
    pub bytes: usize,
    /// The work.
    pub once: Box<dyn FnMut() + 'a>,
}

impl Stage {
    /// Starts a broker that answers from the page cache: what is measured is its own work, not the disk's.
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let options = [
            "listeners=PLAINTEXT://127.0.0.1:0".to_owned(),
            format!("log.dirs={}", dir.path().display()),
            format!("log.flush.interval.messages={}", i64::MAX),
            "num.partitions=1".to_owned(),
            "log.segment.bytes=67108864".to_owned(),
            "log.retention.bytes=134217728".to_owned(),
            "log.retention.ms=-1".to_owned(),
        ];
        let loaded =
            load(&Sources { overrides: &options, ..Sources::default() }).unwrap_or_else(|e| panic!("{e}"));
        let environment = Environment {
            files: Arc::new(RealFiles),
            clock: Arc::new(SystemClock::new()) as Arc<dyn Clock>,
            rng: Arc::new(SystemRng),
        };
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let broker = runtime.block_on(Broker::start(loaded, environment)).unwrap_or_else(|e| panic!("{e}"));
        let local = broker.addresses()[0].1;
        let arrival =
            Arrival { listener: "PLAINTEXT".into(), kind: ListenerKind::Broker, local, peer: local };
        let stage = Self { runtime, broker: Some(broker), arrival, _dir: dir };
        stage.create("narrow", 1);
        stage.create("wide", WIDE);
        stage
    }

    fn create(&self, name: &'static str, partitions: i32) {
        let topic = CreatableTopic {
            name: name.into(),
            num_partitions: partitions,
            replication_factor: 1,
            ..Default::default()
        };
        let request = CreateTopicsRequest { topics: vec![topic], timeout_ms: 10_000, ..Default::default() };
        let length = self.call(&frame_of(api_key::CREATE_TOPICS, 7, |w| request.encode(w, 7)));
        assert!(length > 0, "{name} is there");
    }

    /// Does what a connection does with a frame, but for the socket. Gives the length of the reply.
    pub fn call(&self, frame: &[u8]) -> usize {
        let services = self.broker.as_ref().unwrap().services();
        let mut reader = Reader::new(frame);
        let head = RequestHead::decode(&mut reader).unwrap();
        let context = Context::new(&head, &self.arrival, NOW);
        match dispatch(services, &context, reader) {
            Handling::Ready(reply) => reply.into_chunks().iter().map(|chunk| chunk.len()).sum(),
            Handling::Parked(reply) => {
                let reply = self.runtime.block_on(reply);
                reply.into_chunks().iter().map(|chunk| chunk.len()).sum()
            }
            Handling::NoReply => 0,
            Handling::Close(_) => panic!("the broker closes the connection"),
        }
    }

    /// All work, in a fixed order. Each does itself once first, so that nothing is measured that happens
    /// only the first time.
    pub fn work(&self) -> Vec<Work<'_>> {
        let one = batch(1, 1024, Codec::None);
        let full = batch(63, 1024, Codec::None);
        let small = batch(590, 100, Codec::None);
        let lz4 = batch(63, 1024, Codec::Lz4);
        let mut work = vec![
            Self::decode("decode a produce of 1 KiB", produce("narrow", &one)),
            Self::decode_fetch("decode a fetch of 100 partitions", fetch("wide", WIDE, 0)),
            Self::validate("validate 1 x 1 KiB", one.clone()),
            Self::validate("validate 63 x 1 KiB", full.clone()),
            Self::validate("validate 590 x 100 B", small),
            Self::validate("validate 63 x 1 KiB, lz4", lz4),
            self.request("produce 1 x 1 KiB", one.len(), produce("narrow", &one)),
            self.request("produce 63 x 1 KiB", full.len(), produce("narrow", &full)),
        ];
        // The offsets of the topic begin at 0, and retention has not come by yet.
        work.push(self.request("fetch 1 MiB of one partition", 0, fetch("narrow", 1, 0)));
        self.call(&produce("wide", &one));
        work.push(self.request("fetch the tail: 1 x 1 KiB", 0, fetch("wide", 1, 0)));
        work.push(self.request("fetch nothing of 100 partitions", 0, fetch("wide", WIDE, 1)));
        work.push(self.request("find an offset by time", 0, list_offsets("narrow")));
        work.push(self.request("metadata of 1 topic", 0, metadata("narrow")));
        work.push(self.request("metadata of 100 partitions", 0, metadata("wide")));
        let member = self.join();
        work.push(self.request("heartbeat of a member", 0, heartbeat(&member, 1)));
        work.push(self.request("commit an offset", 0, commit(&member)));
        work.push(assignment());
        for one in &mut work {
            (one.once)();
        }
        work
    }

    fn decode<'a>(name: &'static str, frame: Vec<u8>) -> Work<'a> {
        let once = move || {
            let mut reader = Reader::new(black_box(&frame));
            let head = RequestHead::decode(&mut reader).unwrap();
            black_box(ProduceRequest::decode(&mut reader, head.version).unwrap());
        };
        Work { name, bytes: 0, once: Box::new(once) }
    }

    fn decode_fetch<'a>(name: &'static str, frame: Vec<u8>) -> Work<'a> {
        let once = move || {
            let mut reader = Reader::new(black_box(&frame));
            let head = RequestHead::decode(&mut reader).unwrap();
            black_box(FetchRequest::decode(&mut reader, head.version).unwrap());
        };
        Work { name, bytes: 0, once: Box::new(once) }
    }

    fn validate<'a>(name: &'static str, batch: Vec<u8>) -> Work<'a> {
        let rules = Rules::default();
        let bytes = batch.len();
        let once = move || {
            black_box(validate(black_box(&batch), PRODUCE, &rules, NOW).unwrap());
        };
        Work { name, bytes, once: Box::new(once) }
    }

    fn request(&self, name: &'static str, bytes: usize, frame: Vec<u8>) -> Work<'_> {
        Work { name, bytes, once: Box::new(move || assert!(black_box(self.call(black_box(&frame))) > 0)) }
    }

    /// Joins a group; gives the member's id.
    fn join(&self) -> String {
        let member = Uuid([7; 16]).to_string();
        self.call(&heartbeat(&member, 0));
        // The first heartbeat after that brings the assignment.
        self.call(&heartbeat(&member, 1));
        member
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Some(broker) = self.broker.take() {
            let _ = self.runtime.block_on(broker.stop());
        }
    }
}

/// The content of a frame.
fn frame_of(key: i16, version: i16, body: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let api = Api::by_key(key).unwrap();
    request::encode(api, version, 7, Some("bench"), body).split_off(frame::PREFIX)
}

/// A batch as a producer sends it.
fn batch(records: usize, size: usize, codec: Codec) -> Vec<u8> {
    let value: Vec<u8> = (0..size).map(|at| (at * 7 % 251) as u8).collect();
    let mut builder = BatchBuilder::new(Compression::of(codec));
    for _ in 0..records {
        builder.push(&NewRecord { timestamp: NOW, value: Some(&value), ..NewRecord::default() });
    }
    builder.build().unwrap().to_vec()
}

fn produce(topic: &'static str, batch: &[u8]) -> Vec<u8> {
    let data =
        PartitionProduceData { index: 0, records: Some(Records::Bytes(batch.into())), ..Default::default() };
    let request = ProduceRequest {
        acks: -1,
        timeout_ms: 1000,
        topic_data: vec![TopicProduceData {
            name: topic.into(),
            partition_data: vec![data],
            ..Default::default()
        }],
        ..Default::default()
    };
    frame_of(api_key::PRODUCE, PRODUCE, |w| request.encode(w, PRODUCE))
}

fn fetch(topic: &'static str, partitions: i32, offset: i64) -> Vec<u8> {
    let partition = |index: i32| FetchPartition {
        partition: index,
        current_leader_epoch: -1,
        // Only the first one has records.
        fetch_offset: if index == 0 { offset } else { 0 },
        last_fetched_epoch: -1,
        log_start_offset: -1,
        partition_max_bytes: 1 << 20,
        ..Default::default()
    };
    let request = FetchRequest {
        replica_id: -1,
        max_wait_ms: 0,
        min_bytes: 0,
        max_bytes: 1 << 20,
        session_epoch: -1,
        topics: vec![FetchTopic {
            topic: topic.into(),
            partitions: (0..partitions).map(partition).collect(),
            ..Default::default()
        }],
        ..Default::default()
    };
    frame_of(api_key::FETCH, FETCH, |w| request.encode(w, FETCH))
}

fn list_offsets(topic: &'static str) -> Vec<u8> {
    let partition = ListOffsetsPartition {
        partition_index: 0,
        current_leader_epoch: -1,
        timestamp: NOW.get(),
        ..Default::default()
    };
    let request = ListOffsetsRequest {
        replica_id: -1,
        topics: vec![ListOffsetsTopic {
            name: topic.into(),
            partitions: vec![partition],
            ..Default::default()
        }],
        ..Default::default()
    };
    frame_of(api_key::LIST_OFFSETS, 7, |w| request.encode(w, 7))
}

fn metadata(topic: &'static str) -> Vec<u8> {
    let request = MetadataRequest {
        topics: Some(vec![MetadataRequestTopic { name: Some(topic.into()), ..Default::default() }]),
        ..Default::default()
    };
    frame_of(api_key::METADATA, 12, |w| request.encode(w, 12))
}

fn heartbeat(member: &str, epoch: i32) -> Vec<u8> {
    let request = ConsumerGroupHeartbeatRequest {
        group_id: "group".into(),
        member_id: member.to_owned().into(),
        member_epoch: epoch,
        rebalance_timeout_ms: if epoch == 0 { 60_000 } else { -1 },
        subscribed_topic_names: (epoch == 0).then(|| vec!["narrow".into()]),
        topic_partitions: (epoch == 0).then(Vec::new),
        ..Default::default()
    };
    frame_of(api_key::CONSUMER_GROUP_HEARTBEAT, 1, |w| request.encode(w, 1))
}

fn commit(member: &str) -> Vec<u8> {
    let partition =
        OffsetCommitRequestPartition { partition_index: 0, committed_offset: 1, ..Default::default() };
    let request = OffsetCommitRequest {
        group_id: "group".into(),
        generation_id_or_member_epoch: 1,
        member_id: member.to_owned().into(),
        topics: vec![OffsetCommitRequestTopic {
            name: "narrow".into(),
            partitions: vec![partition],
            ..Default::default()
        }],
        ..Default::default()
    };
    frame_of(api_key::OFFSET_COMMIT, COMMIT, |w| request.encode(w, COMMIT))
}

/// One of 100 members leaves; 1,000 partitions find a new home, the others stay.
fn assignment() -> Work<'static> {
    let topics: Vec<Topic> =
        (1..=10u8).map(|n| Topic { id: Uuid([n; 16]), partitions: 100, racks: Vec::new() }).collect();
    let ids: Vec<String> = (0..100).map(|n| format!("member-{n:03}")).collect();
    let nothing = BTreeMap::new();
    fn member<'a>(id: &'a str, current: &'a BTreeMap<Uuid, BTreeSet<i32>>) -> Member<'a> {
        Member { id, instance: None, rack: None, topics: (0..10).collect(), current }
    }
    let members = ids.iter().map(|id| member(id, &nothing)).collect();
    let before = Assignor::Uniform.assign(&Problem { topics: topics.clone(), members });
    assert_eq!(before.iter().flatten().map(|(_, own): (_, &BTreeSet<i32>)| own.len()).sum::<usize>(), 1000);
    let once = move || {
        let rest = ids.iter().zip(&before).skip(1);
        let members = rest.map(|(id, current)| member(id, current)).collect();
        black_box(Assignor::Uniform.assign(&Problem { topics: topics.clone(), members }));
    };
    Work { name: "assign 1,000 partitions to 99 members", bytes: 0, once: Box::new(once) }
}

//! Shards on logs in memory: what was answered survives, what fails is told.

use std::path::PathBuf;
use std::sync::Mutex;

use super::*;
use crate::config::{BrokerConfig, TopicConfig};
use crate::coordinator::group::{Client, Decision, classic};
use crate::env::{FakeClock, Fault, FaultOp, MemoryFiles, SeededRng};
use crate::log::{LogDirectory, LogEnv};
use crate::partition::{LocalLog, log_config};
use crate::schema::clients::join_group_request::{JoinGroupRequest, JoinGroupRequestProtocol};
use crate::schema::clients::join_group_response::JoinGroupResponse;
use crate::schema::clients::offset_commit_request::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use crate::schema::metadata::MetadataRecord;
use crate::schema::metadata::partition_record::PartitionRecord;
use crate::schema::metadata::topic_record::TopicRecord;
use crate::types::{LeaderEpoch, TopicPartition, Uuid};

const OFFSETS_TOPIC: &str = GroupShard::TOPIC;
const OFFSETS: Uuid = Uuid([7; 16]);
const T: Uuid = Uuid([8; 16]);

/// An image that a test changes.
struct Given(Mutex<Arc<Image>>);

impl Metadata for Given {
    fn image(&self) -> Arc<Image> {
        Arc::clone(&self.0.lock().unwrap())
    }
    fn config(&self, _: &Image) -> BrokerConfig {
        BrokerConfig::default()
    }
    fn create_topic(&self, name: &'static str) -> Later<bool> {
        let mut image = Image::clone(&self.image());
        add_topic(&mut image, name, OFFSETS);
        *self.0.lock().unwrap() = Arc::new(image);
        Box::pin(async { true })
    }
}

fn add_topic(image: &mut Image, name: &str, id: Uuid) {
    let topic = TopicRecord { name: name.to_owned().into(), topic_id: id.0, ..Default::default() };
    image.replay(&MetadataRecord::Topic(topic)).unwrap();
    let partition = PartitionRecord {
        topic_id: id.0,
        partition_id: 0,
        leader: 1,
        replicas: vec![1],
        ..Default::default()
    };
    image.replay(&MetadataRecord::Partition(partition)).unwrap();
}

struct Node {
    files: MemoryFiles,
    clock: Arc<FakeClock>,
    metadata: Arc<Given>,
    partitions: Arc<Partitions>,
}

impl Node {
    fn new() -> Self {
        let mut image = Image::default();
        add_topic(&mut image, "t", T);
        let node = Self {
            files: MemoryFiles::new(1),
            clock: Arc::new(FakeClock::new(1_000_000)),
            metadata: Arc::new(Given(Mutex::new(Arc::new(image)))),
            partitions: Arc::default(),
        };
        let path = PathBuf::from("/data");
        let rng = Arc::new(SeededRng::new(1));
        let env = LogEnv::new(Arc::new(node.files.clone()), node.clock.clone(), rng, path.clone());
        let directory = Arc::new(LogDirectory::open(env, path, 1).unwrap().0);
        let name = TopicPartition::new(OFFSETS_TOPIC, 0);
        let config = TopicConfig::default();
        let log = directory.create_log(&name, OFFSETS, Arc::new(log_config(&config, 1))).unwrap();
        let storage = Arc::new(LocalLog::new(log, directory));
        let partition = Partition::new(name, OFFSETS, LeaderEpoch(0), storage, Arc::new(config));
        node.partitions.insert(Arc::new(partition));
        node
    }

    /// A coordinator that knows nothing yet, on what is there.
    fn groups(&self) -> Arc<Groups> {
        let (metadata, partitions) = (Arc::clone(&self.metadata), Arc::clone(&self.partitions));
        Groups::new(metadata, partitions, self.clock.clone(), Arc::new(SeededRng::new(2)))
    }
}

/// One thread: what is spawned runs only while the test waits.
fn run<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(test)
}

async fn commit(groups: &Arc<Groups>, offset: i64) -> Answer<i16> {
    let partition = OffsetCommitRequestPartition { committed_offset: offset, ..Default::default() };
    let topic =
        OffsetCommitRequestTopic { name: "t".into(), partitions: vec![partition], ..Default::default() };
    let request = OffsetCommitRequest { group_id: "g".into(), topics: vec![topic], ..Default::default() };
    let pending = groups.decide("g", |shard, view| shard.commit(view, &request, 9));
    pending.wait().await.map(|reply| reply.topics[0].partitions[0].error_code)
}

async fn offset(groups: &Arc<Groups>) -> Answer<Option<i64>> {
    let read = |shard: &mut GroupShard, _: &View<'_>| {
        Decision::reply(shard.offsets().get("g", "t", 0).map(|committed| committed.offset.get()))
    };
    groups.decide("g", read).wait().await
}

/// Asks again while the log is being read, as clients do.
async fn offset_when_loaded(groups: &Arc<Groups>) -> Option<i64> {
    loop {
        match offset(groups).await {
            Err(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS) => tokio::task::yield_now().await,
            answer => return answer.unwrap(),
        }
    }
}

#[test]
fn the_topic_is_made_on_first_use() {
    run(async {
        let node = Node::new();
        let groups = node.groups();
        assert_eq!(offset(&groups).await, Err(ErrorCode::COORDINATOR_NOT_AVAILABLE));
        assert_eq!(groups.prepare("g").wait().await, Ok(()));
        assert_eq!(offset(&groups).await, Ok(None), "an empty log is loaded on the spot");
    });
}

#[test]
fn what_was_committed_is_there_after_a_start() {
    run(async {
        let node = Node::new();
        let groups = node.groups();
        groups.prepare("g").wait().await.unwrap();
        assert_eq!(commit(&groups, 5).await, Ok(0));
        assert_eq!(commit(&groups, 6).await, Ok(0));
        let again = node.groups();
        assert_eq!(offset(&again).await, Err(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS));
        assert_eq!(offset_when_loaded(&again).await, Some(6));
        let at_start = node.groups();
        at_start.load_all();
        assert_eq!(offset_when_loaded(&at_start).await, Some(6));
    });
}

#[test]
fn offsets_of_a_deleted_topic_are_gone_at_once_and_after_a_start() {
    run(async {
        let node = Node::new();
        let groups = node.groups();
        groups.prepare("g").wait().await.unwrap();
        commit(&groups, 5).await.unwrap();
        let mut without = Image::default();
        add_topic(&mut without, OFFSETS_TOPIC, OFFSETS);
        let with = std::mem::replace(&mut *node.metadata.0.lock().unwrap(), Arc::new(without));
        let late = node.groups();
        assert_eq!(offset_when_loaded(&late).await, None, "found out at loading");
        *node.metadata.0.lock().unwrap() = with;
        let again = node.groups();
        assert_eq!(commit_when_loaded(&again).await, 0);
        let mut without = Image::default();
        add_topic(&mut without, OFFSETS_TOPIC, OFFSETS);
        again.topics_deleted(&Arc::new(without));
        assert_eq!(offset(&again).await, Ok(None));
    });
}

async fn commit_when_loaded(groups: &Arc<Groups>) -> i16 {
    offset_when_loaded(groups).await;
    commit(groups, 7).await.unwrap()
}

#[test]
fn a_full_disk_refuses_and_changes_nothing() {
    run(async {
        let node = Node::new();
        let groups = node.groups();
        groups.prepare("g").wait().await.unwrap();
        commit(&groups, 5).await.unwrap();
        node.files.inject(Fault {
            op: FaultOp::Write,
            path: OFFSETS_TOPIC.into(),
            skip: 0,
            times: 1,
            kind: std::io::ErrorKind::StorageFull,
        });
        assert_eq!(commit(&groups, 6).await, Err(ErrorCode::COORDINATOR_NOT_AVAILABLE));
        assert_eq!(offset(&groups).await, Ok(Some(5)));
    });
}

fn join(groups: &Arc<Groups>, member: &str) -> Pending<JoinGroupResponse<'static>> {
    let protocols = vec![JoinGroupRequestProtocol {
        name: "range".into(),
        metadata: vec![].into(),
        ..Default::default()
    }];
    let request = JoinGroupRequest {
        group_id: "g".into(),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 60_000,
        member_id: member.into(),
        protocol_type: "consumer".into(),
        protocols,
        ..Default::default()
    };
    let join = classic::Join { request: &request, version: 3 };
    groups.decide_or_park("g", |shard, view| shard.join(view, Client { id: "c", host: "/h" }, join))
}

#[test]
fn a_ticket_is_answered_when_another_decision_completes_it_or_when_the_partition_fails() {
    run(async {
        let node = Node::new();
        let groups = node.groups();
        groups.prepare("g").wait().await.unwrap();
        let first = join(&groups, "").wait().await.unwrap();
        assert_eq!(first.generation_id, 1);
        let second = join(&groups, "");
        let again = join(&groups, &first.member_id);
        assert_eq!(again.wait().await.unwrap().generation_id, 2);
        assert_eq!(second.wait().await.unwrap().generation_id, 2);
        let third = join(&groups, "");
        node.partitions.get(OFFSETS, 0).unwrap().close();
        assert_eq!(third.wait().await.map(|r| r.generation_id), Err(ErrorCode::NOT_COORDINATOR));
        assert_eq!(offset(&groups).await, Err(ErrorCode::NOT_COORDINATOR));
    });
}

#[test]
fn a_decision_everywhere_reaches_each_partition() {
    run(async {
        let node = Node::new();
        let groups = node.groups();
        let list = |shard: &mut GroupShard, _: &View<'_>| Decision::reply(shard.list(&[], &[]).len());
        assert_eq!(groups.decide_everywhere(list).len(), 0);
        groups.prepare("g").wait().await.unwrap();
        commit(&groups, 1).await.unwrap();
        let mut counts = Vec::new();
        for pending in groups.decide_everywhere(list) {
            counts.push(pending.wait().await.unwrap());
        }
        assert_eq!(counts, [1]);
    });
}

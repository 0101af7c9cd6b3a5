//! How long a restarted broker takes until its coordinators answer: a million committed offsets, a hundred thousand
//! transactional ids. Prints time, processor time and memory; no statistics, each case is a start.
//!
//! The records are written into the partitions of the internal topics directly; files are in memory, which stands
//! for a warm page cache. `KLAMM_LOADING=offsets-1` runs one case alone.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a benchmark"
)]
#![allow(clippy::print_stdout, reason = "it prints figures")]

#[path = "../tests/support/mod.rs"]
mod support;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use klamm::coordinator::machine::partition_of;
use klamm::coordinator::record::CoordinatorRecord;
use klamm::env::{Files, SeededRng, SystemClock, read_small};
use klamm::log::{Log, LogConfig, LogEnv, OpenState, partition_metadata};
use klamm::record::{BatchBuilder, NewRecord};
use klamm::schema::clients::describe_transactions_request::DescribeTransactionsRequest;
use klamm::schema::clients::find_coordinator_request::FindCoordinatorRequest;
use klamm::schema::clients::offset_fetch_request::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopics,
};
use klamm::schema::group_coordinator::offset_commit_key::OffsetCommitKey;
use klamm::schema::group_coordinator::offset_commit_value::OffsetCommitValue;
use klamm::schema::transaction_coordinator::transaction_log_key::TransactionLogKey;
use klamm::schema::transaction_coordinator::transaction_log_value::TransactionLogValue;
use klamm::schema::{ErrorCode, Writer};
use klamm::types::{LeaderEpoch, Timestamp, TopicPartition};
use support::broker::TestBroker;
use support::client::Client;

/// Records of a batch, as a commit of many partitions makes them.
const BATCH: usize = 100;
/// Topics of 100 partitions.
const TOPICS: usize = 10;
const OFFSETS: &str = "__consumer_offsets";
const TRANSACTIONS: &str = "__transaction_state";

type Bytes = (Vec<u8>, Vec<u8>);
/// Makes the id and the record of a number, with these ids of topics.
type MakeRecord = fn(usize, Timestamp, &[[u8; 16]]) -> (String, Bytes);

/// Key and value of a committed offset: 1000 groups, 10 topics, 100 partitions.
fn committed(n: usize, now: Timestamp, topics: &[[u8; 16]]) -> (String, Bytes) {
    let which = n / 100 % TOPICS;
    let (group, topic, partition) = (group(n / 1000), format!("topic-{which}"), (n % 100) as i32);
    let key = OffsetCommitKey { group: group.clone().into(), topic: topic.into(), partition };
    let value = OffsetCommitValue {
        offset: n as i64,
        leader_epoch: 3,
        commit_timestamp: now.get(),
        topic_id: topics[which],
        ..Default::default()
    };
    let (key, value) = CoordinatorRecord::OffsetCommit { key, value: Some(value) }.encode();
    (group, (key, value.unwrap()))
}

fn group(n: usize) -> String {
    format!("a-group-with-a-name-{n}")
}

/// Key and value of a transactional id whose last transaction is complete.
fn transaction(n: usize, now: Timestamp, _: &[[u8; 16]]) -> (String, Bytes) {
    let id = transactional_id(n);
    let (mut key, mut value) = (Writer::new(), Writer::new());
    key.i16(0);
    TransactionLogKey { transactional_id: id.clone().into() }.encode(&mut key, 0);
    value.i16(1);
    TransactionLogValue {
        producer_id: n as i64,
        previous_producer_id: n as i64,
        next_producer_id: -1,
        producer_epoch: 5,
        transaction_timeout_ms: 60_000,
        transaction_status: 4,
        transaction_partitions: Some(Vec::new()),
        transaction_last_update_timestamp_ms: now.get(),
        transaction_start_timestamp_ms: now.get(),
        client_transaction_version: 2,
        ..Default::default()
    }
    .encode(&mut value, 1);
    (id, (key.buf, value.buf))
}

fn transactional_id(n: usize) -> String {
    format!("a-transactional-id-with-a-name-{n}")
}

/// Asks for the coordinator of an id (kind 0 group, 1 transactional id), which makes the topic.
fn find(client: &mut Client, key_type: i8, id: &str) {
    let coordinator_keys = vec![id.to_owned().into()];
    let request = FindCoordinatorRequest { key_type, coordinator_keys, ..Default::default() };
    support::wait_for("the coordinator", || {
        (client.ask_latest(&request).coordinators[0].error_code == 0).then_some(())
    });
}

/// Appends records to a partition of a stopped broker.
fn fill(broker: &TestBroker, topic: &str, partition: i32, records: &[Bytes], now: Timestamp) {
    let dir: PathBuf = broker.directory_of(topic, partition);
    let files: Arc<dyn Files> = Arc::new(broker.files.clone());
    let id = read_small(files.as_ref(), &dir.join(partition_metadata::FILE)).unwrap();
    let id = partition_metadata::parse(&String::from_utf8(id).unwrap()).unwrap();
    let env = LogEnv::new(files, Arc::new(SystemClock::new()), Arc::new(SeededRng::new(1)), "/data".into());
    let state = OpenState { own_points: true, clean_shutdown: true, ..OpenState::default() };
    let config = Arc::new(LogConfig { delete: false, compact: true, ..LogConfig::default() });
    let tp = TopicPartition::new(topic, partition);
    let (log, _) = Log::open(env, dir, tp, id, config, state).unwrap();
    for chunk in records.chunks(BATCH) {
        let mut builder = BatchBuilder::default();
        for (key, value) in chunk {
            let (key, value) = (Some(key.as_slice()), Some(value.as_slice()));
            builder.push(&NewRecord { timestamp: now, key, value, headers: &[] });
        }
        log.append(&builder.build().unwrap(), LeaderEpoch(0), now).unwrap();
    }
    log.close().unwrap();
}

/// Whether the group's partition is loaded.
fn has_offsets(client: &mut Client, group: &str) -> bool {
    let topics = vec![OffsetFetchRequestTopics {
        name: "topic-0".into(),
        partition_indexes: vec![0],
        ..Default::default()
    }];
    let groups = vec![OffsetFetchRequestGroup {
        group_id: group.to_owned().into(),
        topics: Some(topics),
        ..Default::default()
    }];
    let reply = client.ask(8, &OffsetFetchRequest { groups, ..Default::default() });
    let group = &reply.groups[0];
    if ErrorCode(group.error_code) == ErrorCode::COORDINATOR_LOAD_IN_PROGRESS {
        return false;
    }
    assert_eq!(group.error_code, 0);
    assert!(group.topics[0].partitions[0].committed_offset >= 0, "an offset is lost");
    true
}

fn has_transaction(client: &mut Client, id: &str) -> bool {
    let transactional_ids = vec![id.to_owned().into()];
    let reply = client.ask_latest(&DescribeTransactionsRequest { transactional_ids, ..Default::default() });
    let state = &reply.transaction_states[0];
    if ErrorCode(state.error_code) == ErrorCode::COORDINATOR_LOAD_IN_PROGRESS {
        return false;
    }
    assert_eq!((state.error_code, state.transaction_state.as_ref()), (0, "CompleteCommit"));
    true
}

/// What is loaded, and how.
#[derive(Clone, Copy)]
struct Case {
    name: &'static str,
    topic: &'static str,
    partitions: i32,
    records: usize,
    key_type: i8,
    record: MakeRecord,
    /// Ids, of which each partition has one.
    id: fn(usize) -> String,
    is_loaded: fn(&mut Client, &str) -> bool,
}

fn run(case: &Case) {
    let options = [
        format!("offsets.topic.num.partitions={}", case.partitions),
        format!("transaction.state.log.num.partitions={}", case.partitions),
    ];
    let mut broker = TestBroker::with(&options.each_ref().map(String::as_str));
    let mut client = broker.client();
    find(&mut client, case.key_type, "x");
    let topics: Vec<[u8; 16]> =
        (0..TOPICS).map(|n| client.topic(&format!("topic-{n}"), 100, &[]).id).collect();
    broker.stop();
    let now = klamm::env::Clock::now(broker.clock.as_ref());
    let mut by_partition = vec![Vec::new(); case.partitions as usize];
    for n in 0..case.records {
        let (id, record) = (case.record)(n, now, &topics);
        by_partition[partition_of(&id, case.partitions) as usize].push(record);
    }
    for (partition, records) in (0..).zip(&by_partition) {
        fill(&broker, case.topic, partition, records, now);
    }
    drop(by_partition);
    let mut ids = vec![None; case.partitions as usize];
    for id in (0..1000).map(case.id) {
        ids[partition_of(&id, case.partitions) as usize].get_or_insert(id);
    }
    let ids: Vec<String> = ids.into_iter().flatten().collect();
    let (memory, cpu, start) = (resident(), cpu_time(), Instant::now());
    broker.run();
    let mut client = broker.client();
    let started = start.elapsed();
    let mut waiting = ids;
    while !waiting.is_empty() {
        waiting.retain(|id| !(case.is_loaded)(&mut client, id));
        std::thread::sleep(Duration::from_millis(1));
    }
    let (all, used) = (start.elapsed(), cpu_time() - cpu);
    let grown = resident().saturating_sub(memory);
    println!(
        "{:<16} {:>9} records in {:>2} partitions: start {started:.2?}, loaded after {all:.2?} ({used:.2?} of processors), \
         {} MB more in memory ({} bytes a record)",
        case.name,
        case.records,
        case.partitions,
        grown >> 20,
        grown / case.records as u64,
    );
}

/// Bytes of this process in memory.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap();
    status.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

/// What all threads have used of the processors.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}

fn main() {
    let offsets = Case {
        name: "offsets-1",
        topic: OFFSETS,
        partitions: 1,
        records: 1_000_000,
        key_type: 0,
        record: committed,
        id: group,
        is_loaded: has_offsets,
    };
    let transactions = Case {
        name: "transactions-1",
        topic: TRANSACTIONS,
        partitions: 1,
        records: 100_000,
        key_type: 1,
        record: transaction,
        id: transactional_id,
        is_loaded: has_transaction,
    };
    let only = std::env::var("KLAMM_LOADING").ok();
    let spread = Case { name: "offsets-50", partitions: 50, ..offsets };
    let spread_transactions = Case { name: "transactions-50", partitions: 50, ..transactions };
    for case in [offsets, spread, transactions, spread_transactions] {
        if only.as_ref().is_none_or(|only| only == case.name) {
            run(&case);
        }
    }
}

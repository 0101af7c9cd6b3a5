//! Transactions: what a read_committed reader sees, who is fenced, and what a crash leaves.

use klamm::schema::ErrorCode;
use klamm::schema::clients::add_partitions_to_txn_request::{
    AddPartitionsToTxnRequest, AddPartitionsToTxnTopic,
};
use klamm::schema::clients::describe_transactions_request::DescribeTransactionsRequest;
use klamm::schema::clients::end_txn_request::EndTxnRequest;
use klamm::schema::clients::fetch_request::FetchRequest;
use klamm::schema::clients::find_coordinator_request::FindCoordinatorRequest;
use klamm::schema::clients::init_producer_id_request::InitProducerIdRequest;
use klamm::schema::clients::produce_request::ProduceRequest;
use klamm::types::{ProducerEpoch, ProducerId, Timestamp};

use crate::support::batches;
use crate::support::broker::TestBroker;
use crate::support::client::{Client, Topic, bytes_of, fetch, produce};
use crate::support::wait_for;

/// A producer and where it stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Producer {
    pub(super) id: i64,
    pub(super) epoch: i16,
    pub(super) sequence: i32,
}

/// The last versions of KIP-890's clients, and those before.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    New,
    Old,
}

fn batch(producer: Producer, values: usize) -> Vec<u8> {
    use klamm::record::{BatchBuilder, Compression, NewRecord};
    let (id, epoch) = (ProducerId(producer.id), ProducerEpoch(producer.epoch));
    let mut builder =
        BatchBuilder::new(Compression::NONE).producer(id, epoch, producer.sequence).transactional();
    for _ in 0..values {
        let timestamp = Timestamp(batches::now());
        builder.push(&NewRecord { timestamp, value: Some(b"v"), ..NewRecord::default() });
    }
    builder.build().unwrap().to_vec()
}

fn try_init(client: &mut Client, id: &str, timeout_ms: i32) -> Result<Producer, ErrorCode> {
    let request = InitProducerIdRequest {
        transactional_id: Some(id.to_owned().into()),
        transaction_timeout_ms: timeout_ms,
        ..Default::default()
    };
    let reply = client.ask(5, &request);
    match ErrorCode(reply.error_code) {
        ErrorCode::NONE => Ok(Producer { id: reply.producer_id, epoch: reply.producer_epoch, sequence: 0 }),
        code => Err(code),
    }
}

/// Finds the coordinator of a group (kind 0) or a transactional id (1).
pub(super) fn find(client: &mut Client, key_type: i8, id: &str) {
    let coordinator_keys = vec![id.to_owned().into()];
    let request = FindCoordinatorRequest { key_type, coordinator_keys, ..Default::default() };
    assert_eq!(client.ask_latest(&request).coordinators[0].error_code, 0);
}

/// Finds the coordinator and becomes the id's producer.
pub(super) fn init(client: &mut Client, id: &str) -> Producer {
    init_with_timeout(client, id, 60_000)
}

pub(super) fn init_with_timeout(client: &mut Client, id: &str, timeout_ms: i32) -> Producer {
    find(client, 1, id);
    wait_for("the producer's id", || match try_init(client, id, timeout_ms) {
        Ok(producer) => Some(producer),
        Err(ErrorCode::CONCURRENT_TRANSACTIONS | ErrorCode::COORDINATOR_LOAD_IN_PROGRESS) => None,
        Err(code) => panic!("{code}"),
    })
}

pub(super) fn send(client: &mut Client, topic: &Topic, producer: &mut Producer, kind: Kind) -> ErrorCode {
    let bytes = batch(*producer, 2);
    let request = ProduceRequest { transactional_id: Some("t".into()), ..produce(topic, -1, &[(0, &bytes)]) };
    let reply = client.ask(if kind == Kind::New { 12 } else { 11 }, &request);
    let code = ErrorCode(reply.responses[0].partition_responses[0].error_code);
    producer.sequence += if code.is_none() { 2 } else { 0 };
    code
}

fn add(client: &mut Client, topic: &Topic, producer: Producer) -> ErrorCode {
    let request = AddPartitionsToTxnRequest {
        v3_and_below_transactional_id: "t".into(),
        v3_and_below_producer_id: producer.id,
        v3_and_below_producer_epoch: producer.epoch,
        v3_and_below_topics: vec![AddPartitionsToTxnTopic {
            name: topic.name.clone().into(),
            partitions: vec![0],
            ..Default::default()
        }],
        ..Default::default()
    };
    let reply = client.ask(3, &request);
    ErrorCode(reply.results_by_topic_v3_and_below[0].results_by_partition[0].partition_error_code)
}

pub(super) fn end(client: &mut Client, producer: &mut Producer, commit: bool, kind: Kind) -> ErrorCode {
    let request = EndTxnRequest {
        transactional_id: "t".into(),
        producer_id: producer.id,
        producer_epoch: producer.epoch,
        committed: commit,
        ..Default::default()
    };
    let reply = client.ask(if kind == Kind::New { 5 } else { 4 }, &request);
    if reply.error_code == 0 && kind == Kind::New {
        *producer = Producer { id: reply.producer_id, epoch: reply.producer_epoch, sequence: 0 };
    }
    ErrorCode(reply.error_code)
}

/// High watermark, last stable offset, aborted transactions (first offsets), offsets of what is read.
pub(super) fn read_committed(client: &mut Client, topic: &Topic) -> (i64, i64, Vec<i64>, Vec<i64>) {
    let request = FetchRequest { isolation_level: 1, max_wait_ms: 0, ..fetch(topic, &[(0, 0)]) };
    let reply = client.ask(12, &request);
    let data = &reply.responses[0].partitions[0];
    let aborted = data.aborted_transactions.iter().flatten().map(|txn| txn.first_offset).collect();
    (data.high_watermark, data.last_stable_offset, aborted, batches::offsets(bytes_of(data)))
}

pub(super) fn state_of(client: &mut Client, id: &str) -> String {
    let request =
        DescribeTransactionsRequest { transactional_ids: vec![id.to_owned().into()], ..Default::default() };
    client.ask_latest(&request).transaction_states[0].transaction_state.to_string()
}

#[test]
fn readers_see_what_is_committed_and_nothing_else() {
    for kind in [Kind::New, Kind::Old] {
        let broker = TestBroker::start();
        let mut client = broker.client();
        let topic = client.topic("a", 1, &[]);
        let mut me = init(&mut client, "t");
        for commit in [true, false] {
            if kind == Kind::Old {
                assert_eq!(add(&mut client, &topic, me), ErrorCode::NONE);
            }
            let before = read_committed(&mut client, &topic);
            assert_eq!(send(&mut client, &topic, &mut me, kind), ErrorCode::NONE);
            let open = read_committed(&mut client, &topic);
            assert_eq!((open.0, open.1), (before.0 + 2, before.1), "{kind:?}");
            assert_eq!(end(&mut client, &mut me, commit, kind), ErrorCode::NONE);
        }
        // Two records and a marker each.
        let (high, stable, aborted, _) = read_committed(&mut client, &topic);
        assert_eq!((high, stable, aborted), (6, 6, vec![3]), "{kind:?}");
        assert_eq!(state_of(&mut client, "t"), "CompleteAbort");
        assert_eq!(me.epoch, if kind == Kind::New { 2 } else { 0 });
    }
}

#[test]
fn what_was_not_added_is_refused() {
    let broker = TestBroker::start();
    let mut client = broker.client();
    let (added, other) = (client.topic("a", 1, &[]), client.topic("b", 1, &[]));
    let mut me = init(&mut client, "t");
    assert_eq!(send(&mut client, &added, &mut me, Kind::Old), ErrorCode::TRANSACTION_ABORTABLE);
    assert_eq!(add(&mut client, &added, me), ErrorCode::NONE);
    assert_eq!(send(&mut client, &added, &mut me, Kind::Old), ErrorCode::NONE);
    assert_eq!(send(&mut client, &other, &mut me, Kind::Old), ErrorCode::TRANSACTION_ABORTABLE);
    let bytes = batch(Producer { sequence: 0, ..me }, 1);
    let reply = client.ask(11, &produce(&other, -1, &[(0, &bytes)]));
    let code = ErrorCode(reply.responses[0].partition_responses[0].error_code);
    assert_eq!(code, ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
}

#[test]
fn a_second_producer_takes_over() {
    let broker = TestBroker::start();
    let mut client = broker.client();
    let topic = client.topic("a", 1, &[]);
    let mut zombie = init(&mut client, "t");
    assert_eq!(send(&mut client, &topic, &mut zombie, Kind::New), ErrorCode::NONE);
    assert_eq!(try_init(&mut client, "t", 60_000), Err(ErrorCode::CONCURRENT_TRANSACTIONS));
    let mut me = init(&mut client, "t");
    assert_eq!(me.id, zombie.id);
    assert_eq!(me.epoch, zombie.epoch + 2);
    assert_eq!(send(&mut client, &topic, &mut zombie, Kind::New), ErrorCode::INVALID_PRODUCER_EPOCH);
    assert_eq!(end(&mut client, &mut zombie, true, Kind::New), ErrorCode::PRODUCER_FENCED);
    assert_eq!(read_committed(&mut client, &topic).1, 3);
    assert_eq!(send(&mut client, &topic, &mut me, Kind::New), ErrorCode::NONE);
    assert_eq!(end(&mut client, &mut me, true, Kind::New), ErrorCode::NONE);
    let (high, stable, aborted, _) = read_committed(&mut client, &topic);
    assert_eq!((high, stable, aborted), (6, 6, vec![0]));
}

#[test]
fn requests_that_are_sent_at_once_keep_their_order() {
    let broker = TestBroker::start();
    let mut client = broker.client();
    let topic = client.topic("a", 1, &[]);
    let mut me = init(&mut client, "t");
    for _ in 0..20 {
        let sent: Vec<i32> = (0..5)
            .map(|n| {
                let bytes = batch(Producer { sequence: n * 2, ..me }, 2);
                let request = ProduceRequest {
                    transactional_id: Some("t".into()),
                    ..produce(&topic, -1, &[(0, &bytes)])
                };
                client.send(12, &request)
            })
            .collect();
        for id in sent {
            let reply = client.receive::<ProduceRequest<'_>>(12, id);
            assert_eq!(reply.responses[0].partition_responses[0].error_code, 0);
        }
        assert_eq!(end(&mut client, &mut me, true, Kind::New), ErrorCode::NONE);
    }
    assert_eq!(read_committed(&mut client, &topic).1, 20 * 11);
}

#[test]
fn an_open_transaction_outlives_every_kind_of_restart_until_someone_ends_it() {
    let mut broker = TestBroker::start();
    let mut client = broker.client();
    let topic = client.topic("a", 1, &[]);
    let ends: [fn(&mut TestBroker); 3] = [|b| b.stop(), |b| b.kill(), |b| b.crash()];
    for (n, end_broker) in ends.iter().enumerate() {
        let mut client = broker.client();
        let start = read_committed(&mut client, &topic).0;
        let mut me = init(&mut client, "t");
        assert_eq!(send(&mut client, &topic, &mut me, Kind::New), ErrorCode::NONE);
        end_broker(&mut broker);
        broker.run();
        let mut client = broker.client();
        assert_eq!(read_committed(&mut client, &topic).1, start, "restart {n}");
        wait_for("the coordinator", || (state_of(&mut client, "t") == "Ongoing").then_some(()));
        // The producer goes on where it was.
        assert_eq!(send(&mut client, &topic, &mut me, Kind::New), ErrorCode::NONE);
        assert_eq!(end(&mut client, &mut me, true, Kind::New), ErrorCode::NONE);
        assert_eq!(read_committed(&mut client, &topic).1, start + 5, "restart {n}");
    }
}

#[test]
fn a_deleted_topic_does_not_hold_up_the_end() {
    let broker = TestBroker::start();
    let mut client = broker.client();
    let topic = client.topic("a", 1, &[]);
    let mut me = init(&mut client, "t");
    assert_eq!(send(&mut client, &topic, &mut me, Kind::New), ErrorCode::NONE);
    client.delete_topic("a");
    assert_eq!(end(&mut client, &mut me, true, Kind::New), ErrorCode::NONE);
    wait_for("the end", || (state_of(&mut client, "t") == "CompleteCommit").then_some(()));
}

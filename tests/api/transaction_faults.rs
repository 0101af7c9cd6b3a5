//! Transactions and what may go wrong around them: time, full disks, crashes at the worst moment. None is left
//! hanging.

use std::io::ErrorKind;
use std::time::Duration;

use klamm::env::{Fault, FaultOp};
use klamm::schema::ErrorCode;
use klamm::schema::clients::describe_transactions_request::DescribeTransactionsRequest;
use klamm::schema::clients::describe_transactions_response::TransactionState;

use super::transactions::{Kind, Producer, end, init, init_with_timeout, read_committed, send, state_of};
use crate::support::broker::TestBroker;
use crate::support::client::{Client, Topic};
use crate::support::wait_for;

fn describe(client: &mut Client, id: &str) -> TransactionState<'static> {
    let transactional_ids = vec![id.to_owned().into()];
    let request = DescribeTransactionsRequest { transactional_ids, ..Default::default() };
    client.ask_latest(&request).transaction_states.remove(0)
}

/// Writes to a partition fail for want of space, over and over.
fn full(broker: &TestBroker, path: &str) {
    let (op, kind, path) = (FaultOp::Write, ErrorKind::StorageFull, path.to_owned());
    broker.files.inject(Fault { op, path, skip: 0, times: u32::MAX, kind });
}

/// A commit that is decided, while one of its two partitions takes no marker.
fn half_committed(broker: &TestBroker, client: &mut Client) -> (Topic, Topic, Producer) {
    let (good, bad) = (client.topic("good", 1, &[]), client.topic("bad", 1, &[]));
    let mut me = init(client, "t");
    assert_eq!(send(client, &good, &mut me, Kind::New), ErrorCode::NONE);
    assert_eq!(send(client, &bad, &mut Producer { sequence: 0, ..me }, Kind::New), ErrorCode::NONE);
    full(broker, "bad-0");
    assert_eq!(end(client, &mut me, true, Kind::New), ErrorCode::NONE, "it is decided");
    let state = describe(client, "t");
    assert_eq!((&*state.transaction_state, state.topics.len()), ("PrepareCommit", 1));
    assert_eq!((&*state.topics[0].topic, &state.topics[0].partitions[..]), ("bad", &[0][..]));
    assert_eq!(read_committed(client, &good).1, 3, "its marker is there");
    assert_eq!(read_committed(client, &bad).1, 0, "what has none is not to be read yet");
    (good, bad, me)
}

#[test]
fn what_is_open_too_long_is_aborted_by_itself() {
    let broker = TestBroker::with(&["transaction.abort.timed.out.transaction.cleanup.interval.ms=50"]);
    let mut client = broker.client();
    let topic = client.topic("a", 1, &[]);
    let mut me = init_with_timeout(&mut client, "t", 200);
    assert_eq!(send(&mut client, &topic, &mut me, Kind::New), ErrorCode::NONE);
    // Nobody asks the coordinator for anything.
    wait_for("the abort", || (read_committed(&mut client, &topic).1 == 3).then_some(()));
    assert_eq!(read_committed(&mut client, &topic).2, [0]);
    assert_eq!(send(&mut client, &topic, &mut me, Kind::New), ErrorCode::INVALID_PRODUCER_EPOCH);
    // As Kafka says it: the end that is asked for came, but it was another.
    assert_eq!(end(&mut client, &mut me, true, Kind::New), ErrorCode::INVALID_TXN_STATE);
}

#[test]
fn ids_are_forgotten_when_they_are_not_used() {
    let broker = TestBroker::start();
    let mut client = broker.client();
    let topic = client.topic("a", 1, &[]);
    let mut me = init(&mut client, "t");
    assert_eq!(send(&mut client, &topic, &mut me, Kind::New), ErrorCode::NONE);
    assert_eq!(end(&mut client, &mut me, true, Kind::New), ErrorCode::NONE);
    wait_for("the end", || (state_of(&mut client, "t") == "CompleteCommit").then_some(()));
    broker.clock.advance(Duration::from_secs(8 * 86_400));
    wait_for("the id to be forgotten", || {
        let code = ErrorCode(describe(&mut client, "t").error_code);
        (code == ErrorCode::TRANSACTIONAL_ID_NOT_FOUND).then_some(())
    });
    assert_eq!(end(&mut client, &mut me, true, Kind::New), ErrorCode::INVALID_PRODUCER_ID_MAPPING);
}

#[test]
fn a_marker_that_finds_no_space_comes_later() {
    let broker = TestBroker::start();
    let mut client = broker.client();
    let (_, bad, mut me) = half_committed(&broker, &mut client);
    assert_eq!(send(&mut client, &bad, &mut me, Kind::New), ErrorCode::CONCURRENT_TRANSACTIONS);
    broker.files.heal();
    wait_for("the end", || (state_of(&mut client, "t") == "CompleteCommit").then_some(()));
    assert_eq!(read_committed(&mut client, &bad).1, 3);
}

#[test]
fn what_was_decided_is_carried_out_after_a_crash() {
    let ends: [fn(&mut TestBroker); 2] = [|broker| broker.kill(), |broker| broker.crash()];
    for end_broker in ends {
        let mut broker = TestBroker::start();
        let (good, bad, _) = half_committed(&broker, &mut broker.client());
        end_broker(&mut broker);
        broker.files.heal();
        broker.run();
        // By itself: nobody asks for the transaction.
        let mut client = broker.client();
        wait_for("the marker", || (read_committed(&mut client, &bad).1 == 3).then_some(()));
        wait_for("the end", || (state_of(&mut client, "t") == "CompleteCommit").then_some(()));
        assert_eq!(read_committed(&mut client, &good).2, [0i64; 0]);
    }
}

#[test]
fn a_full_disk_holds_a_transaction_up_and_does_not_harm_it() {
    let broker = TestBroker::start();
    let mut client = broker.client();
    let topic = client.topic("a", 1, &[]);
    let mut me = init(&mut client, "t");
    assert_eq!(send(&mut client, &topic, &mut me, Kind::New), ErrorCode::NONE);
    full(&broker, "a-0");
    full(&broker, "__transaction_state");
    assert!(send(&mut client, &topic, &mut me, Kind::New).is_retriable());
    assert!(end(&mut client, &mut me, true, Kind::New).is_retriable());
    broker.files.heal();
    wait_for("space", || (send(&mut client, &topic, &mut me, Kind::New).is_none()).then_some(()));
    assert_eq!(end(&mut client, &mut me, true, Kind::New), ErrorCode::NONE);
    assert_eq!(read_committed(&mut client, &topic).1, 5);
}

/// In the order in which they wait for each other: the partition's entry, the records, the decision, the marker.
/// That it is complete goes to disk with the next transaction's entry.
#[test]
fn a_transaction_costs_four_flushes() {
    const MANY: u64 = 50;
    let broker = TestBroker::start();
    let mut client = broker.client();
    let topic = client.topic("a", 1, &[]);
    let mut me = init(&mut client, "t");
    let before = broker.files.syncs();
    for _ in 0..MANY {
        // Never CONCURRENT_TRANSACTIONS, for which clients pause: the last one is complete.
        assert_eq!(send(&mut client, &topic, &mut me, Kind::New), ErrorCode::NONE);
        assert_eq!(end(&mut client, &mut me, true, Kind::New), ErrorCode::NONE);
    }
    let syncs = broker.files.syncs() - before;
    // The clock's own flushes may add a few.
    let range = 4 * MANY - 1..=4 * MANY + MANY / 2;
    assert!(range.contains(&syncs), "{syncs} for {MANY} transactions");
}

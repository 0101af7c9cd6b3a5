//! Idempotent producers: the window of five batches, sequences, epochs, and what a restart keeps of them.

use klamm::schema::ErrorCode;
use klamm::schema::clients::produce_request::ProduceRequest;

use crate::support::batches::{self, sequenced};
use crate::support::broker::TestBroker;
use crate::support::client::{Client, Topic, produce};

/// Code and base offset of a batch of the producer.
fn send(
    client: &mut Client,
    topic: &Topic,
    id: i64,
    epoch: i16,
    sequence: i32,
    count: usize,
) -> (ErrorCode, i64) {
    let answer = client.produce(topic, 0, &sequenced(id, epoch, sequence, count));
    (ErrorCode(answer.error_code), answer.base_offset)
}

const OK: ErrorCode = ErrorCode::NONE;

#[test]
fn five_batches_are_remembered_over_every_kind_of_restart() {
    let mut broker = TestBroker::start();
    let mut client = broker.client();
    let topic = client.topic("t", 1, &[]);
    let id = client.producer_id();
    for n in 0..7 {
        assert_eq!(send(&mut client, &topic, id, 0, n * 2, 2), (OK, i64::from(n) * 2));
    }
    let ends: [fn(&mut TestBroker); 4] = [|_| {}, |b| b.stop(), |b| b.kill(), |b| b.crash()];
    for (which, end) in ends.iter().enumerate() {
        if which > 0 {
            end(&mut broker);
            broker.run();
        }
        let mut client = broker.client();
        for n in 2..7 {
            assert_eq!(
                send(&mut client, &topic, id, 0, n * 2, 2),
                (OK, i64::from(n) * 2),
                "after end {which}"
            );
        }
        let gone = send(&mut client, &topic, id, 0, 2, 2);
        assert_eq!(gone, (ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, -1), "after end {which}");
        assert_eq!(client.offsets(&topic, 0, 0).len(), 14);
    }
    assert_eq!(send(&mut broker.client(), &topic, id, 0, 14, 1), (OK, 14));
}

#[test]
fn gaps_halves_and_epochs() {
    let broker = TestBroker::start();
    let mut client = broker.client();
    let topic = client.topic("t", 1, &[]);
    let id = client.producer_id();
    let out_of_order = (ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, -1);
    assert_eq!(send(&mut client, &topic, id, 0, 0, 4), (OK, 0));
    assert_eq!(send(&mut client, &topic, id, 0, 5, 1), out_of_order, "a gap");
    assert_eq!(send(&mut client, &topic, id, 0, 0, 2), out_of_order, "a half is no duplicate");
    assert_eq!(send(&mut client, &topic, id, 0, 4, 1), (OK, 4), "a refused batch changes nothing");
    assert_eq!(send(&mut client, &topic, id, 1, 3, 1), out_of_order, "an epoch begins at 0");
    assert_eq!(send(&mut client, &topic, id, 1, 0, 1), (OK, 5));
    assert_eq!(send(&mut client, &topic, id, 0, 5, 1), (ErrorCode::INVALID_PRODUCER_EPOCH, -1));
    assert_eq!(send(&mut client, &topic, id, 1, 0, 1), (OK, 5), "a duplicate");
    let other = client.producer_id();
    assert_ne!(other, id);
    assert_eq!(send(&mut client, &topic, other, 0, 0, 1), (OK, 6), "another producer counts for itself");
}

#[test]
fn sequences_wrap() {
    let mut broker = TestBroker::start();
    let mut client = broker.client();
    let topic = client.topic("t", 1, &[]);
    let id = client.producer_id();
    // A producer that the log does not know may begin anywhere: its records may have expired.
    assert_eq!(send(&mut client, &topic, id, 0, i32::MAX - 2, 2), (OK, 0));
    assert_eq!(send(&mut client, &topic, id, 0, i32::MAX, 3), (OK, 2), "MAX, 0, 1");
    assert_eq!(send(&mut client, &topic, id, 0, 2, 1), (OK, 5));
    assert_eq!(send(&mut client, &topic, id, 0, i32::MAX, 3), (OK, 2), "a duplicate across the wrap");
    broker.kill();
    broker.run();
    let mut client = broker.client();
    assert_eq!(send(&mut client, &topic, id, 0, i32::MAX, 3), (OK, 2), "after a kill too");
    assert_eq!(send(&mut client, &topic, id, 0, 3, 1), (OK, 6));
}

#[test]
fn producer_ids_are_never_handed_out_twice() {
    let mut broker = TestBroker::start();
    let mut seen = std::collections::HashSet::new();
    for end in [TestBroker::stop, TestBroker::kill, TestBroker::crash] {
        let mut clients: Vec<Client> = (0..3).map(|_| broker.client()).collect();
        for client in &mut clients {
            for _ in 0..50 {
                assert!(seen.insert(client.producer_id()));
            }
        }
        end(&mut broker);
        broker.run();
    }
    let mut client = broker.client();
    for _ in 0..1100 {
        assert!(seen.insert(client.producer_id()), "beyond a block of 1000 too");
    }
}

#[test]
fn the_first_batch_after_the_create_reply_succeeds() {
    let broker = TestBroker::start();
    let mut client = broker.client();
    let id = client.producer_id();
    let batch = sequenced(id, 0, 0, 1);
    for n in 0..1000 {
        let topic = client.topic(&format!("t{n}"), 1, &[]);
        assert_eq!(client.append(&topic, 0, &batch), 0, "topic {n}");
    }
}

#[test]
fn several_partitions_in_one_request_count_apart() {
    let broker = TestBroker::start();
    let mut client = broker.client();
    let topic = client.topic("t", 3, &[]);
    let id = client.producer_id();
    let (first, second) = (sequenced(id, 0, 0, 1), sequenced(id, 0, 1, 1));
    client.append(&topic, 1, &first);
    let reply = client.ask_latest(&produce(&topic, -1, &[(0, &first), (1, &second), (2, &second)]));
    let got: Vec<_> =
        reply.responses[0].partition_responses.iter().map(|a| (a.error_code, a.base_offset)).collect();
    // A producer that partition 2 does not know may begin anywhere.
    assert_eq!(got, [(0, 0), (0, 1), (0, 0)]);
    assert_eq!(batches::offsets(crate::support::client::bytes_of(&client.fetch(&topic, 1, 0))), [0, 1]);
}

#[test]
fn the_same_batch_twice_in_flight_is_stored_once() {
    let broker = TestBroker::start();
    let mut client = broker.client();
    let topic = client.topic("t", 1, &[]);
    let id = client.producer_id();
    for sequence in 0..20 {
        let batch = sequenced(id, 0, sequence, 1);
        let request = produce(&topic, -1, &[(0, &batch), (0, &batch)]);
        let sent = [client.send(13, &request), client.send(13, &request)];
        for sent in sent {
            let reply = client.receive::<ProduceRequest<'_>>(13, sent);
            for answer in &reply.responses[0].partition_responses {
                assert_eq!((answer.error_code, answer.base_offset), (0, i64::from(sequence)));
            }
        }
    }
    assert_eq!(client.offsets(&topic, 0, 0).len(), 20);
}

#[test]
fn a_producer_may_come_back_after_its_records_expired() {
    let mut broker = TestBroker::start();
    let mut client = broker.client();
    let topic = client.topic("t", 1, &[("retention.ms", "60000")]);
    let id = client.producer_id();
    assert_eq!(send(&mut client, &topic, id, 0, 0, 1), (OK, 0));
    broker.clock.advance(std::time::Duration::from_secs(100));
    assert_eq!(client.offsets(&topic, 0, 1), [0i64; 0]);
    assert_eq!(send(&mut client, &topic, id, 0, 0, 1), (OK, 0), "still a duplicate");
    broker.kill();
    broker.run();
    let mut client = broker.client();
    assert_eq!(send(&mut client, &topic, id, 0, 1, 1), (OK, 1));
}

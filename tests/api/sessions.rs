//! Fetch sessions (KIP-227).

use std::borrow::Cow;
use std::time::Duration;

use klamm::schema::ErrorCode;
use klamm::schema::clients::fetch_request::{FetchRequest, ForgottenTopic};
use klamm::schema::clients::fetch_response::FetchResponse;

use crate::support::batches;
use crate::support::broker::TestBroker;
use crate::support::client::{Client, Topic, bytes_of, fetch};

/// One request of a session.
fn next<'a>(topic: &'a Topic, id: i32, epoch: i32, partitions: &[(i32, i64)]) -> FetchRequest<'a> {
    let mut request = FetchRequest { session_id: id, session_epoch: epoch, ..fetch(topic, partitions) };
    if partitions.is_empty() {
        request.topics.clear();
    }
    request
}

/// Partitions of a reply and how many records each has.
fn told(reply: &FetchResponse<'_>) -> Vec<(i32, usize)> {
    assert_eq!(reply.error_code, 0);
    let partitions = reply.responses.iter().flat_map(|topic| &topic.partitions);
    partitions.map(|p| (p.partition_index, batches::offsets(bytes_of(p)).len())).collect()
}

fn open(client: &mut Client, version: i16, topic: &Topic, partitions: &[(i32, i64)]) -> i32 {
    let reply = client.ask(version, &next(topic, 0, 0, partitions));
    assert_eq!(told(&reply).len(), partitions.len(), "a full reply tells of all");
    assert_ne!(reply.session_id, 0);
    reply.session_id
}

#[test]
fn incremental_replies_tell_what_is_new() {
    let broker = TestBroker::start();
    let mut client = broker.client();
    for version in [7, 12, 13, 18] {
        let topic = client.topic(&format!("t{version}"), 3, &[]);
        let batch = batches::count(1);
        let id = open(&mut client, version, &topic, &[(0, 0), (1, 0)]);
        let mut step = |epoch, partitions: &[(i32, i64)]| {
            let reply = client.ask(version, &next(&topic, id, epoch, partitions));
            assert_eq!(reply.session_id, id);
            told(&reply)
        };
        assert_eq!(step(1, &[]), [], "nothing is new");
        broker.client().append(&topic, 1, &batch);
        assert_eq!(step(2, &[]), [(1, 1)]);
        assert_eq!(step(3, &[]), [(1, 1)], "as long as the client does not move on");
        assert_eq!(step(4, &[(1, 1)]), [], "its position moved, and there is no more");
        assert_eq!(step(5, &[(2, 0)]), [(2, 0)], "a new partition is told of");
        let forget = FetchRequest {
            forgotten_topics_data: vec![ForgottenTopic {
                topic: Cow::Borrowed(&topic.name),
                topic_id: topic.id,
                partitions: vec![1],
                ..Default::default()
            }],
            ..next(&topic, id, 6, &[])
        };
        assert_eq!(told(&client.ask(version, &forget)), []);
        broker.client().append(&topic, 1, &batch);
        broker.client().append(&topic, 2, &batch);
        let reply = client.ask(version, &next(&topic, id, 7, &[]));
        assert_eq!(told(&reply), [(2, 1)], "what is forgotten is not told of");
    }
}

#[test]
fn what_does_not_fit_is_refused_and_changes_nothing() {
    let broker = TestBroker::start();
    let mut client = broker.client();
    let topic = client.topic("t", 1, &[]);
    let id = open(&mut client, 18, &topic, &[(0, 0)]);
    let mut code = |id, epoch| ErrorCode(client.ask(18, &next(&topic, id, epoch, &[])).error_code);
    assert_eq!(code(id, 2), ErrorCode::INVALID_FETCH_SESSION_EPOCH);
    assert_eq!(code(id.wrapping_add(1), 1), ErrorCode::FETCH_SESSION_ID_NOT_FOUND);
    assert_eq!(code(0, 1), ErrorCode::FETCH_SESSION_ID_NOT_FOUND);
    assert_eq!(code(id, 1), ErrorCode::NONE);
    assert_eq!(code(id, 1), ErrorCode::INVALID_FETCH_SESSION_EPOCH, "each epoch once");
    let reply = client.ask(12, &next(&topic, id, 2, &[]));
    assert_eq!(reply.error_code, ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR.code());
    let closed = client.ask(18, &next(&topic, id, -1, &[]));
    assert_eq!((closed.error_code, closed.session_id), (0, 0));
    let reply = client.ask(18, &next(&topic, id, 2, &[]));
    assert_eq!(reply.error_code, ErrorCode::FETCH_SESSION_ID_NOT_FOUND.code());
}

#[test]
fn a_session_belongs_to_no_connection_and_is_kept_while_it_waits() {
    let broker = TestBroker::start();
    let (mut client, mut other) = (broker.client(), broker.client());
    let topic = client.topic("t", 2, &[]);
    let id = open(&mut client, 18, &topic, &[(0, 0), (1, 0)]);
    let waiting = FetchRequest { max_wait_ms: 9_000, min_bytes: 1, ..next(&topic, id, 1, &[]) };
    let sent = other.send(18, &waiting);
    assert!(
        !other.has_reply(Duration::from_millis(50)),
        "an incremental request without partitions waits too"
    );
    client.append(&topic, 1, &batches::count(2));
    assert_eq!(told(&other.receive::<FetchRequest<'_>>(18, sent)), [(1, 2)]);
}

#[test]
fn partitions_take_turns_when_a_reply_is_too_small_for_all() {
    let broker = TestBroker::start();
    let mut client = broker.client();
    let count = 40;
    let topic = client.topic("t", count, &[]);
    let batch = batches::sized(100);
    for partition in 0..count {
        for _ in 0..2 {
            client.append(&topic, partition, &batch);
        }
    }
    let some = i32::try_from(batch.len() * 10).unwrap();
    let all: Vec<_> = (0..count).map(|partition| (partition, 0)).collect();
    let mut opening = FetchRequest { max_bytes: some, ..next(&topic, 0, 0, &all) };
    for partition in &mut opening.topics[0].partitions {
        partition.partition_max_bytes = i32::try_from(batch.len()).unwrap();
    }
    let reply = client.ask(18, &opening);
    let mut served: Vec<i32> = told(&reply).into_iter().filter(|(_, n)| *n > 0).map(|(p, _)| p).collect();
    assert_eq!(served, (0..10).collect::<Vec<_>>());
    for epoch in 1..4 {
        // The client stays where it is: its turn is over nevertheless.
        let request = FetchRequest { max_bytes: some, ..next(&topic, reply.session_id, epoch, &[]) };
        served.extend(told(&client.ask(18, &request)).into_iter().filter(|(_, n)| *n > 0).map(|(p, _)| p));
    }
    assert_eq!(served, (0..count).collect::<Vec<_>>(), "each once before any twice");
}

#[test]
fn without_a_free_slot_a_client_does_without() {
    let broker = TestBroker::with(&["max.incremental.fetch.session.cache.slots=1"]);
    let mut client = broker.client();
    let topic = client.topic("t", 1, &[]);
    open(&mut client, 18, &topic, &[(0, 0)]);
    let reply = client.ask(18, &next(&topic, 0, 0, &[(0, 0)]));
    assert_eq!((reply.error_code, reply.session_id), (0, 0));
}

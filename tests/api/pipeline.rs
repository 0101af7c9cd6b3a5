//! Requests that do not wait for replies: they are handled, and answered, in their order.

use std::time::Duration;

use klamm::schema::clients::fetch_request::FetchRequest;
use klamm::schema::clients::metadata_request::MetadataRequest;
use klamm::schema::clients::produce_request::ProduceRequest;

use crate::fetch::instant;
use crate::support::batches;
use crate::support::broker::TestBroker;
use crate::support::client::{bytes_of, create, fetch, produce};

#[test]
fn replies_come_in_the_order_of_the_requests() {
    let broker = TestBroker::start();
    let mut client = broker.client();
    let topic = client.topic("t", 1, &[]);
    let mut expected = Vec::new();
    let mut end = 0;
    for round in 0..50 {
        let batch = batches::count(1 + round % 3);
        let count = i64::try_from(1 + round % 3).unwrap();
        let acks = [-1, 0, 1][round % 3];
        let id = client.send(13, &produce(&topic, acks, &[(0, &batch)]));
        if acks != 0 {
            expected.push((id, 'p', end));
        }
        end += count;
        if round % 5 == 0 {
            expected.push((client.send(13, &MetadataRequest { topics: None, ..Default::default() }), 'm', 0));
        }
        if round % 7 == 0 {
            // Waits for what only the flush behind it makes visible.
            let wait = FetchRequest { max_wait_ms: 9_000, min_bytes: 1, ..fetch(&topic, &[(0, end - 1)]) };
            expected.push((client.send(18, &wait), 'f', end - 1));
        }
    }
    for (id, kind, offset) in expected {
        match kind {
            'p' => {
                let reply = client.receive::<ProduceRequest<'_>>(13, id);
                let answer = &reply.responses[0].partition_responses[0];
                assert_eq!((answer.error_code, answer.base_offset), (0, offset));
            }
            'f' => {
                let reply = client.receive::<FetchRequest<'_>>(18, id);
                let offsets = batches::offsets(bytes_of(&reply.responses[0].partitions[0]));
                assert!(offsets.contains(&offset), "{offset} is not in {offsets:?}");
            }
            _ => assert_eq!(client.receive::<MetadataRequest<'_>>(13, id).topics.len(), 1),
        }
    }
}

#[test]
fn a_long_poll_holds_up_no_request_behind_it_but_its_reply() {
    let broker = TestBroker::start();
    let mut client = broker.client();
    let topic = client.topic("t", 1, &[]);
    let wait = FetchRequest { max_wait_ms: 9_000, min_bytes: 1, ..fetch(&topic, &[(0, 0)]) };
    let poll = client.send(18, &wait);
    let batch = batches::count(1);
    let append = client.send(13, &produce(&topic, -1, &[(0, &batch)]));
    let reply = client.receive::<FetchRequest<'_>>(18, poll);
    assert_eq!(
        batches::offsets(bytes_of(&reply.responses[0].partitions[0])),
        [0],
        "woken by the next request"
    );
    client.receive::<ProduceRequest<'_>>(13, append);
}

#[test]
fn what_was_sent_before_the_end_is_handled_and_answered() {
    let broker = TestBroker::start();
    let mut client = broker.client();
    let topic = client.topic("t", 1, &[]);
    let batch = batches::count(1);
    let ids: Vec<i32> = (0..20).map(|_| client.send(13, &produce(&topic, -1, &[(0, &batch)]))).collect();
    client.finish();
    for id in ids {
        let reply = client.receive::<ProduceRequest<'_>>(13, id);
        assert_eq!(reply.responses[0].partition_responses[0].error_code, 0);
    }
    client.assert_closed();
}

#[test]
fn requests_that_change_metadata_keep_their_order() {
    let broker = TestBroker::start();
    let mut client = broker.client();
    let ids: Vec<i32> = (0..20).map(|n| client.send(7, &create(&format!("t{n}"), 1, &[]))).collect();
    let after = client.send(13, &crate::topics::named(&["t19"]));
    for id in ids {
        let reply =
            client.receive::<klamm::schema::clients::create_topics_request::CreateTopicsRequest<'_>>(7, id);
        assert_eq!(reply.topics[0].error_code, 0);
    }
    client.receive::<MetadataRequest<'_>>(13, after);
}

#[test]
fn a_stop_answers_what_was_accepted_and_does_not_wait_for_long_polls() {
    let mut broker = TestBroker::start();
    let (mut client, mut poller) = (broker.client(), broker.client());
    let topic = client.topic("t", 1, &[]);
    let wait = FetchRequest { max_wait_ms: 60_000, min_bytes: 1 << 20, ..fetch(&topic, &[(0, 0)]) };
    let poll = poller.send(18, &wait);
    assert!(!poller.has_reply(Duration::from_millis(50)));
    let batch = batches::count(1);
    let ids: Vec<i32> = (0..20).map(|_| client.send(13, &produce(&topic, -1, &[(0, &batch)]))).collect();
    let reply = client.receive::<ProduceRequest<'_>>(13, ids[0]);
    assert_eq!(reply.responses[0].partition_responses[0].error_code, 0);
    let start = instant();
    broker.stop();
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    let reply = poller.receive::<FetchRequest<'_>>(18, poll);
    assert_eq!(reply.error_code, 0);
    poller.assert_closed();
    let mut acknowledged = 1;
    while client.receive_raw().is_some() {
        acknowledged += 1;
    }
    broker.run();
    let stored = broker.client().offsets(&topic, 0, 0).len();
    assert_eq!(stored, acknowledged, "what was accepted was answered");
}

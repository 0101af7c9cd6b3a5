//! Topics as they come and go: Metadata, automatic creation, deletion, more partitions.

use klamm::schema::ErrorCode;
use klamm::schema::clients::create_topics_request::CreateTopicsRequest;
use klamm::schema::clients::delete_topics_request::{DeleteTopicState, DeleteTopicsRequest};
use klamm::schema::clients::describe_topic_partitions_request::{
    Cursor, DescribeTopicPartitionsRequest, TopicRequest,
};
use klamm::schema::clients::metadata_request::{MetadataRequest, MetadataRequestTopic};

use crate::support::batches;
use crate::support::broker::TestBroker;
use crate::support::client::{Ask, Client, create};

/// Metadata of topics by name, without creating them.
pub fn named<'a>(names: &[&'a str]) -> MetadataRequest<'a> {
    let topic = |name: &&'a str| MetadataRequestTopic { name: Some((*name).into()), ..Default::default() };
    let topics = Some(names.iter().map(topic).collect());
    MetadataRequest { topics, allow_auto_topic_creation: false, ..Default::default() }
}

/// Code and number of partitions of each topic.
fn seen(client: &mut Client, version: i16, request: &MetadataRequest<'_>) -> Vec<(ErrorCode, usize)> {
    let reply = client.ask(version, request);
    reply.topics.iter().map(|t| (ErrorCode(t.error_code), t.partitions.len())).collect()
}

const OK: ErrorCode = ErrorCode::NONE;
const UNKNOWN: ErrorCode = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;

#[test]
fn a_topic_is_made_on_the_way_where_client_and_broker_allow_it() {
    let broker = TestBroker::with(&["num.partitions=3"]);
    let mut client = broker.client();
    for version in MetadataRequest::versions() {
        let name = format!("new-{version}");
        let quiet = MetadataRequest { allow_auto_topic_creation: false, ..named(&[&name]) };
        if version >= 4 {
            assert_eq!(seen(&mut client, version, &quiet), [(UNKNOWN, 0)], "version {version}");
        }
        let asking = MetadataRequest { allow_auto_topic_creation: true, ..named(&[&name, "../x", "a/b"]) };
        let invalid = (ErrorCode::INVALID_TOPIC_EXCEPTION, 0);
        let first = seen(&mut client, version, &asking);
        assert_eq!(first[1..], [invalid, invalid], "version {version}");
        assert_eq!(seen(&mut client, version, &asking)[0], (OK, 3), "version {version}");
    }
    let closed = TestBroker::with(&["auto.create.topics.enable=false"]);
    let asking = MetadataRequest { allow_auto_topic_creation: true, ..named(&["new"]) };
    for _ in 0..2 {
        assert_eq!(seen(&mut closed.client(), 13, &asking), [(UNKNOWN, 0)]);
    }
}

#[test]
fn a_leader_is_told_only_when_it_takes_writes() {
    let broker = TestBroker::start();
    let mut client = broker.client();
    for n in 0..100 {
        let name = format!("t{n}");
        let asking = MetadataRequest { allow_auto_topic_creation: true, ..named(&[&name]) };
        let reply = crate::support::wait_for("a leader", || {
            let reply = client.ask_latest(&asking);
            (reply.topics[0].error_code == 0).then_some(reply)
        });
        let topic = crate::support::client::Topic { name, id: reply.topics[0].topic_id };
        assert_eq!(client.append(&topic, 0, &batches::count(1)), 0);
    }
}

#[test]
fn deleted_and_made_again_a_topic_is_empty() {
    let broker = TestBroker::start();
    let mut client = broker.client();
    let mut ids = std::collections::HashSet::new();
    for version in DeleteTopicsRequest::versions() {
        let topic = client.topic("t", 2, &[]);
        assert!(ids.insert(topic.id));
        assert_eq!(client.append(&topic, 1, &batches::count(3)), 0);
        let by_id = DeleteTopicState { name: None, topic_id: topic.id, ..Default::default() };
        let request = DeleteTopicsRequest {
            topics: vec![by_id, DeleteTopicState { name: Some("none".into()), ..Default::default() }],
            topic_names: vec!["t".into(), "none".into()],
            timeout_ms: 5000,
            ..Default::default()
        };
        let reply = client.ask(version, &request);
        let codes: Vec<_> = reply.responses.iter().map(|r| ErrorCode(r.error_code)).collect();
        assert_eq!(codes, [OK, UNKNOWN], "version {version}");
        assert_eq!(seen(&mut client, 13, &named(&["t"])), [(UNKNOWN, 0)]);
    }
}

#[test]
fn new_partitions_take_writes_at_once() {
    let mut broker = TestBroker::start();
    let mut client = broker.client();
    let topic = client.topic("t", 1, &[]);
    let id = client.producer_id();
    for count in 2..50 {
        client.add_partitions("t", count);
        assert_eq!(client.append(&topic, count - 1, &batches::sequenced(id, 0, 0, 1)), 0);
    }
    broker.kill();
    broker.run();
    let mut client = broker.client();
    assert_eq!(client.append(&topic, 48, &batches::sequenced(id, 0, 1, 1)), 1);
}

#[test]
fn every_version_creates_and_names_that_lead_elsewhere_are_refused() {
    let broker = TestBroker::start();
    let mut client = broker.client();
    for version in CreateTopicsRequest::versions() {
        let good = format!("made-in-{version}");
        let mut request = create(&good, 2, &[("retention.ms", "1000")]);
        let elsewhere = ["..", ".", "../x", "a/b", "/etc", "", "a\0b", "ä"];
        for name in elsewhere {
            request.topics.push(create(name, 1, &[]).topics.remove(0));
        }
        request.topics.push(create("wrong", 1, &[("retention.ms", "soon")]).topics.remove(0));
        request.topics[0].replication_factor = 1;
        let reply = client.ask(version, &request);
        let codes: Vec<_> = reply.topics.iter().map(|t| (&*t.name, ErrorCode(t.error_code))).collect();
        for name in elsewhere {
            assert!(
                codes.contains(&(name, ErrorCode::INVALID_TOPIC_EXCEPTION)),
                "{name:?}, version {version}"
            );
        }
        assert!(codes.contains(&("wrong", ErrorCode::INVALID_CONFIG)));
        assert!(codes.contains(&(&good, OK)));
        assert_eq!(seen(&mut client, 13, &named(&[&good])), [(OK, 2)]);
    }
}

#[test]
fn a_description_comes_page_by_page() {
    let broker = TestBroker::start();
    let mut client = broker.client();
    for name in ["b", "a", "c"] {
        client.topic(name, 3, &[]);
    }
    let mut cursor = None;
    let mut pages = Vec::new();
    loop {
        let topics = ["c", "a", "b"].map(|name| TopicRequest { name: name.into(), ..Default::default() });
        let request = DescribeTopicPartitionsRequest {
            topics: topics.to_vec(),
            response_partition_limit: 4,
            cursor: cursor.take(),
            ..Default::default()
        };
        let reply = client.ask_latest(&request);
        let page = reply.topics.iter().flat_map(|t| {
            t.partitions.iter().map(|p| format!("{}{}", t.name.as_deref().unwrap_or(""), p.partition_index))
        });
        pages.push(page.collect::<Vec<_>>().join(" "));
        let Some(next) = reply.next_cursor else { break };
        let (topic_name, partition_index) = (next.topic_name, next.partition_index);
        cursor = Some(Cursor { topic_name, partition_index, ..Default::default() });
    }
    assert_eq!(pages, ["a0 a1 a2 b0", "b1 b2 c0 c1", "c2"]);
}

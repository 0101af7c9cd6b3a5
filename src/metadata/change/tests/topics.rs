//! CreateTopics and DeleteTopics.

use super::*;
use crate::schema::ErrorCode as E;
use crate::schema::clients::create_topics_request::*;
use crate::schema::clients::delete_topics_request::{DeleteTopicState, DeleteTopicsRequest};

fn topic(name: &str, num_partitions: i32, replication_factor: i16) -> CreatableTopic<'_> {
    CreatableTopic { name: name.into(), num_partitions, replication_factor, ..Default::default() }
}

fn assigned(replicas: &[(i32, &[i32])]) -> CreatableTopic<'static> {
    let assignment = |(partition_index, brokers): &(i32, &[i32])| CreatableReplicaAssignment {
        partition_index: *partition_index,
        broker_ids: brokers.to_vec(),
        ..Default::default()
    };
    CreatableTopic { assignments: replicas.iter().map(assignment).collect(), ..topic("as", -1, -1) }
}

fn configured(configs: &[(&'static str, Option<&'static str>)]) -> CreatableTopic<'static> {
    let config = |(name, value): &(&'static str, Option<&'static str>)| CreatableTopicConfig {
        name: (*name).into(),
        value: value.map(Into::into),
        ..Default::default()
    };
    CreatableTopic { configs: configs.iter().map(config).collect(), ..topic("cf", 1, 1) }
}

fn create(
    image: &Image,
    topics: Vec<CreatableTopic<'_>>,
    validate_only: bool,
) -> Decision<Vec<(String, i16, i32)>> {
    let request = CreateTopicsRequest { topics, validate_only, ..Default::default() };
    let decision = with_settings(|site| create_topics(image, &request, site, ids()));
    assert!(decision.reply.topics.iter().all(|t| t.error_message.is_some() == (t.error_code != 0)));
    let short = decision.reply.topics.iter().map(|t| (t.name.to_string(), t.error_code, t.num_partitions));
    Decision { reply: short.collect(), records: decision.records }
}

#[test]
fn what_cannot_be_created_changes_nothing() {
    let mut image = cluster();
    let made = create(&image, vec![topic("ok", 1, 1), topic("a.b", 1, 1)], false);
    replay(&mut image, &made.records);
    let long = "x".repeat(250);
    let cases = [
        (topic("ok", 1, 1), E::TOPIC_ALREADY_EXISTS),
        (topic("", 1, 1), E::INVALID_TOPIC_EXCEPTION),
        (topic(".", 1, 1), E::INVALID_TOPIC_EXCEPTION),
        (topic("..", 1, 1), E::INVALID_TOPIC_EXCEPTION),
        (topic("a/b", 1, 1), E::INVALID_TOPIC_EXCEPTION),
        (topic("ü", 1, 1), E::INVALID_TOPIC_EXCEPTION),
        (topic(&long, 1, 1), E::INVALID_TOPIC_EXCEPTION),
        (topic("a_b", 1, 1), E::INVALID_TOPIC_EXCEPTION),
        (topic("z", 0, 1), E::INVALID_PARTITIONS),
        (topic("z", -2, 1), E::INVALID_PARTITIONS),
        (topic("z", 1, 0), E::INVALID_REPLICATION_FACTOR),
        (topic("z", 1, -2), E::INVALID_REPLICATION_FACTOR),
        (topic("z", 1, 3), E::INVALID_REPLICATION_FACTOR),
        (topic("z", 10_001, 1), E::POLICY_VIOLATION),
        (topic("__cluster_metadata", 1, 1), E::INVALID_REQUEST),
        (CreatableTopic { num_partitions: 1, ..assigned(&[(0, &[1])]) }, E::INVALID_REQUEST),
        (assigned(&[(0, &[1]), (2, &[1])]), E::INVALID_REPLICA_ASSIGNMENT),
        (assigned(&[(0, &[1]), (0, &[1])]), E::INVALID_REPLICA_ASSIGNMENT),
        (assigned(&[(0, &[7])]), E::INVALID_REPLICA_ASSIGNMENT),
        (assigned(&[(0, &[1, 1])]), E::INVALID_REPLICA_ASSIGNMENT),
        (assigned(&[(0, &[])]), E::INVALID_REPLICA_ASSIGNMENT),
        (configured(&[("nope", Some("1"))]), E::INVALID_CONFIG),
        (configured(&[("retention.ms", Some("x"))]), E::INVALID_CONFIG),
        (configured(&[("segment.bytes", Some("1"))]), E::INVALID_CONFIG),
        (configured(&[("retention.ms", None)]), E::INVALID_CONFIG),
    ];
    for (topic, code) in cases {
        let name = topic.name.to_string();
        let got = create(&image, vec![topic], false);
        assert_eq!(got.reply, [(name.clone(), code.code(), -1)], "{name}");
        assert_eq!(got.records, [], "{name}");
    }
}

#[test]
fn what_is_created_is_there_after_replay() {
    let mut image = cluster();
    let topics = vec![
        topic("one", 3, 1),
        topic("defaults", -1, -1),
        assigned(&[(1, &[1]), (0, &[1])]),
        // The last value of a config that is named twice counts.
        configured(&[("retention.ms", Some("1")), ("retention.ms", Some("5"))]),
        topic("__consumer_offsets", 2, 1),
        // Names that differ in `.` and `_` only collide with topics that exist, not within a request.
        topic("c.d", 1, 1),
        topic("c_d", 1, 1),
    ];
    let got = create(&image, topics.clone(), false);
    let partitions: Vec<_> = got.reply.iter().map(|(name, code, n)| (&**name, *code, *n)).collect();
    let want = [
        ("one", 0, 3),
        ("defaults", 0, 1),
        ("as", 0, 2),
        ("cf", 0, 1),
        ("__consumer_offsets", 0, 2),
        ("c.d", 0, 1),
        ("c_d", 0, 1),
    ];
    assert_eq!(partitions, want);
    assert_eq!(create(&image, topics, true).records, [], "validate_only writes nothing");
    replay(&mut image, &got.records);
    let one = image.topics().by_name("one").unwrap();
    let p = &one.partitions[&2];
    assert_eq!(
        (p.leader, &p.replicas[..], &p.isr[..]),
        (Some(NodeId(1)), &[NodeId(1)][..], &[NodeId(1)][..])
    );
    assert_eq!((p.leader_epoch.0, p.partition_epoch, &p.directories[..]), (0, 0, &[DIRECTORY][..]));
    assert_eq!(image.configs().of_topic("cf").get("retention.ms").map(String::as_str), Some("5"));
}

#[test]
fn a_name_that_stands_twice_is_refused_once_and_the_others_pass() {
    let got = create(&cluster(), vec![topic("d", 1, 1), topic("d", 2, 1), topic("e", 1, 1)], false);
    assert_eq!(got.reply, [("d".into(), E::INVALID_REQUEST.code(), -1), ("e".into(), 0, 1)]);
}

#[test]
fn configs_are_echoed_with_their_sources() {
    let request = CreateTopicsRequest {
        topics: vec![configured(&[("retention.ms", Some("5"))])],
        ..Default::default()
    };
    let decision = with_settings(|site| create_topics(&cluster(), &request, site, ids()));
    let configs = decision.reply.topics[0].configs.clone().unwrap();
    let source = |name: &str| {
        configs.iter().find(|c| c.name == name).map(|c| (c.value.clone().unwrap(), c.config_source)).unwrap()
    };
    assert_eq!(source("retention.ms"), ("5".into(), 1));
    assert_eq!(source("min.insync.replicas"), ("1".into(), 3), "set by the bootstrap for all brokers");
    assert_eq!(source("cleanup.policy"), ("delete".into(), 5));
}

#[test]
fn new_replicas_go_to_the_emptiest_directory() {
    let mut image = Image::default();
    let (a, b) = (Uuid([1; 16]), Uuid([2; 16]));
    let registration = Registration { node: NodeId(1), log_dirs: vec![a, b], ..Default::default() };
    replay(&mut image, &register(&registration, 30, 0));
    let made = create(&image, vec![topic("t", 4, 1)], false);
    replay(&mut image, &made.records);
    let topic = image.topics().by_name("t").unwrap();
    let in_a = topic.partitions.values().filter(|p| p.directories == [a]).count();
    assert_eq!(in_a, 2);
}

#[test]
fn topics_are_deleted_by_name_and_by_id() {
    let mut image = cluster();
    let made = create(&image, vec![topic("a", 1, 1), topic("b", 1, 1)], false);
    replay(&mut image, &made.records);
    let id_of = |name: &str| image.topics().by_name(name).unwrap().id.0;
    let by = |name: Option<&'static str>, topic_id| DeleteTopicState {
        name: name.map(Into::into),
        topic_id,
        ..Default::default()
    };
    let delete = |topics: Vec<DeleteTopicState<'_>>| {
        let decision = with_settings(|site| {
            delete_topics(&image, &DeleteTopicsRequest { topics, ..Default::default() }, site)
        });
        (decision.reply.responses.iter().map(|r| r.error_code).collect::<Vec<_>>(), decision.records.len())
    };
    let none = [0; 16];
    let cases = [
        (vec![by(Some("a"), none), by(None, id_of("b"))], vec![E::NONE, E::NONE], 2),
        (vec![by(Some("nope"), none)], vec![E::UNKNOWN_TOPIC_OR_PARTITION], 0),
        (vec![by(None, [9; 16])], vec![E::UNKNOWN_TOPIC_ID], 0),
        (vec![by(None, none)], vec![E::INVALID_REQUEST], 0),
        (vec![by(Some("a"), [9; 16])], vec![E::INVALID_REQUEST], 0),
        (
            vec![by(Some("a"), none), by(Some("a"), none), by(Some("b"), none)],
            vec![E::INVALID_REQUEST, E::NONE],
            1,
        ),
        (vec![by(Some("a"), none), by(None, id_of("a"))], vec![E::INVALID_REQUEST, E::INVALID_REQUEST], 0),
        (vec![by(Some("a/b"), none)], vec![E::UNKNOWN_TOPIC_OR_PARTITION], 0),
    ];
    for (topics, codes, records) in cases {
        let what = format!("{topics:?}");
        assert_eq!(delete(topics), (codes.iter().map(|c| c.code()).collect(), records), "{what}");
    }
}

#[test]
fn a_deleted_topic_is_gone_with_its_configs_after_replay() {
    let mut image = cluster();
    let before = image.clone();
    let made = create(&image, vec![configured(&[("retention.ms", Some("5"))])], false);
    replay(&mut image, &made.records);
    let request = DeleteTopicsRequest { topic_names: vec!["cf".into()], ..Default::default() };
    let decision = with_settings(|site| delete_topics(&image, &request, site));
    replay(&mut image, &decision.records);
    assert_eq!(image, before);
}

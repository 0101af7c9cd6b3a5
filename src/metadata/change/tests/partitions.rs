//! CreatePartitions, ElectLeaders, reassignments, producer ids, features, registration.

use super::*;
use crate::schema::ErrorCode as E;
use crate::schema::clients::alter_partition_reassignments_request as reassign;
use crate::schema::clients::create_partitions_request::*;
use crate::schema::clients::create_topics_request::{CreatableTopic, CreateTopicsRequest};
use crate::schema::clients::elect_leaders_request::{ElectLeadersRequest, TopicPartitions};
use crate::schema::clients::update_features_request::{FeatureUpdateKey, UpdateFeaturesRequest};
use crate::schema::metadata::partition_change_record::PartitionChangeRecord;
use crate::types::LeaderEpoch;

/// A cluster with topic `t` of two partitions.
fn with_topic() -> Image {
    let mut image = cluster();
    let topic =
        CreatableTopic { name: "t".into(), num_partitions: 2, replication_factor: 1, ..Default::default() };
    let request = CreateTopicsRequest { topics: vec![topic], ..Default::default() };
    let made = with_settings(|site| create_topics(&image, &request, site, ids()));
    replay(&mut image, &made.records);
    image
}

#[test]
fn partitions_are_added_or_refused() {
    let image = with_topic();
    type Manual = Option<Vec<Vec<i32>>>;
    let cases: [(&str, i32, Manual, E, usize); 11] = [
        ("t", 4, None, E::NONE, 2),
        ("t", 3, Some(vec![vec![1]]), E::NONE, 1),
        ("nope", 3, None, E::UNKNOWN_TOPIC_OR_PARTITION, 0),
        ("t", 2, None, E::INVALID_PARTITIONS, 0),
        ("t", 0, None, E::INVALID_PARTITIONS, 0),
        ("t", -3, None, E::INVALID_PARTITIONS, 0),
        ("t", 4, Some(vec![vec![1]]), E::INVALID_REPLICA_ASSIGNMENT, 0),
        ("t", 3, Some(vec![]), E::INVALID_REPLICA_ASSIGNMENT, 0),
        ("t", 3, Some(vec![vec![7]]), E::INVALID_REPLICA_ASSIGNMENT, 0),
        ("t", 3, Some(vec![vec![1, 1]]), E::INVALID_REPLICA_ASSIGNMENT, 0),
        ("t", 3, Some(vec![vec![]]), E::INVALID_REPLICA_ASSIGNMENT, 0),
    ];
    for (name, count, assignments, code, records) in cases {
        let manual = |broker_ids: Vec<i32>| CreatePartitionsAssignment { broker_ids, ..Default::default() };
        let assignments = assignments.map(|l| l.into_iter().map(manual).collect());
        let topic = CreatePartitionsTopic { name: name.into(), count, assignments, ..Default::default() };
        for validate_only in [true, false] {
            let request =
                CreatePartitionsRequest { topics: vec![topic.clone()], validate_only, ..Default::default() };
            let got = create_partitions(&image, &request);
            assert_eq!(got.reply.results[0].error_code, code.code(), "{topic:?}");
            assert_eq!(got.records.len(), if validate_only { 0 } else { records }, "{topic:?}");
            let mut after = image.clone();
            replay(&mut after, &got.records);
            let grown = if validate_only { 2 } else { 2 + records };
            assert_eq!(after.topics().by_name("t").unwrap().partitions.len(), grown);
        }
    }
}

#[test]
fn an_election_is_not_needed_where_the_leader_leads() {
    let image = with_topic();
    let one = |topic: &'static str, partitions| TopicPartitions {
        topic: topic.into(),
        partitions,
        ..Default::default()
    };
    let request = ElectLeadersRequest {
        topic_partitions: Some(vec![one("t", vec![0, 99]), one("nope", vec![0])]),
        ..Default::default()
    };
    let got = elect_leaders(&image, &request);
    let codes: Vec<i16> = got
        .reply
        .replica_election_results
        .iter()
        .flat_map(|r| &r.partition_result)
        .map(|p| p.error_code)
        .collect();
    assert_eq!(
        codes,
        [
            E::ELECTION_NOT_NEEDED.code(),
            E::UNKNOWN_TOPIC_OR_PARTITION.code(),
            E::UNKNOWN_TOPIC_OR_PARTITION.code()
        ]
    );
    let all = elect_leaders(&image, &ElectLeadersRequest::default());
    assert!(all.reply.replica_election_results.iter().all(|r| r.partition_result.is_empty()));
    let unknown = elect_leaders(&image, &ElectLeadersRequest { election_type: 5, ..Default::default() });
    assert_eq!(unknown.reply.error_code, E::INVALID_REQUEST.code());
}

#[test]
fn only_the_assignment_in_force_can_be_asked_for() {
    let image = with_topic();
    let cases: [(&str, i32, Option<Vec<i32>>, E); 7] = [
        ("t", 0, Some(vec![1]), E::NONE),
        ("t", 0, None, E::NO_REASSIGNMENT_IN_PROGRESS),
        ("t", 0, Some(vec![7]), E::INVALID_REPLICA_ASSIGNMENT),
        ("t", 0, Some(vec![]), E::INVALID_REPLICA_ASSIGNMENT),
        ("t", 0, Some(vec![1, 1]), E::INVALID_REPLICA_ASSIGNMENT),
        ("t", 99, Some(vec![1]), E::UNKNOWN_TOPIC_OR_PARTITION),
        ("nope", 0, None, E::UNKNOWN_TOPIC_OR_PARTITION),
    ];
    for (name, partition_index, replicas, code) in cases {
        let partition = reassign::ReassignablePartition { partition_index, replicas, ..Default::default() };
        let topic = reassign::ReassignableTopic {
            name: name.into(),
            partitions: vec![partition],
            ..Default::default()
        };
        let request =
            reassign::AlterPartitionReassignmentsRequest { topics: vec![topic], ..Default::default() };
        let got = alter_partition_reassignments(&image, &request);
        assert_eq!(got.reply.responses[0].partitions[0].error_code, code.code(), "{request:?}");
        assert_eq!(got.records, []);
    }
}

#[test]
fn producer_ids_come_in_blocks_that_do_not_overlap() {
    let mut image = cluster();
    for block in 0..3 {
        let got = allocate_producer_ids(&image, NodeId(1), 12);
        assert_eq!(got.reply.map(|b| (b.first.0, b.len)), Some((block * 1000, 1000)));
        replay(&mut image, &got.records);
    }
    let used_up = crate::schema::metadata::producer_ids_record::ProducerIdsRecord {
        next_producer_id: i64::MAX,
        ..Default::default()
    };
    replay(&mut image, &[MetadataRecord::ProducerIds(used_up)]);
    assert_eq!(allocate_producer_ids(&image, NodeId(1), 12), Decision::reply(None));
}

#[test]
fn features_move_within_their_ranges() {
    let image = cluster();
    let cases = [
        ("metadata.version", 30, 1, E::NONE, 0),
        ("metadata.version", 99, 1, E::INVALID_UPDATE_VERSION, 0),
        ("metadata.version", 29, 1, E::INVALID_UPDATE_VERSION, 0),
        ("metadata.version", 29, 2, E::INVALID_UPDATE_VERSION, 0),
        ("metadata.version", 28, 3, E::INVALID_UPDATE_VERSION, 0),
        ("metadata.version", 0, 3, E::INVALID_UPDATE_VERSION, 0),
        ("nope", 1, 1, E::INVALID_UPDATE_VERSION, 0),
        ("group.version", 0, 1, E::INVALID_UPDATE_VERSION, 0),
        ("group.version", 0, 2, E::NONE, 1),
        ("group.version", 0, 3, E::NONE, 1),
        ("group.version", 2, 1, E::INVALID_UPDATE_VERSION, 0),
        ("group.version", -1, 1, E::INVALID_UPDATE_VERSION, 0),
        ("group.version", 1, 0, E::INVALID_UPDATE_VERSION, 0),
        ("group.version", 1, 9, E::INVALID_UPDATE_VERSION, 0),
        ("group.version", 1, 2, E::NONE, 0),
        ("kraft.version", 1, 1, E::NONE, 0),
        ("kraft.version", 0, 3, E::INVALID_UPDATE_VERSION, 0),
        ("kraft.version", 2, 1, E::INVALID_UPDATE_VERSION, 0),
        ("eligible.leader.replicas.version", 0, 2, E::NONE, 2),
        ("", 1, 1, E::INVALID_UPDATE_VERSION, 0),
    ];
    for (feature, level, upgrade_type, code, records) in cases {
        let update = FeatureUpdateKey {
            feature: feature.into(),
            max_version_level: level,
            upgrade_type,
            ..Default::default()
        };
        let request = UpdateFeaturesRequest { feature_updates: vec![update], ..Default::default() };
        let got = update_features(&image, &request, 2, 1);
        assert_eq!(
            (got.reply.error_code, got.records.len()),
            (code.code(), records),
            "{feature} {level} {upgrade_type}"
        );
        assert_eq!(got.reply.results, []);
        assert_eq!(got.reply.error_message.is_some(), code != E::NONE);
        let named = update_features(&image, &request, 1, 1).reply.results.len();
        assert_eq!(named, usize::from(code == E::NONE), "version 1 names the features of a success");
    }
}

#[test]
fn a_start_gives_leaders_to_those_without_and_new_epochs_after_an_unclean_stop() {
    let mut image = with_topic();
    let id = image.topics().by_name("t").unwrap().id;
    // What Kafka leaves behind when it stops: no leader, the last one still in sync.
    let stopped = PartitionChangeRecord { partition_id: 0, topic_id: id.0, leader: -1, ..Default::default() };
    replay(&mut image, &[MetadataRecord::PartitionChange(stopped)]);
    let started = |was_unclean| {
        let mut after = image.clone();
        replay(&mut after, &lead_again(&image, NodeId(1), was_unclean, |_, _| None));
        let of = |index| after.topics().partition("t", index).map(|p| (p.leader, p.leader_epoch)).unwrap();
        (of(0), of(1))
    };
    let led = |epoch| (Some(NodeId(1)), LeaderEpoch(epoch));
    assert_eq!(started(false), (led(2), led(0)));
    assert_eq!(started(true), (led(2), led(1)));
}

#[test]
fn a_replica_found_in_another_directory_is_recorded_there() {
    let image = with_topic();
    let found = Uuid([3; 16]);
    let records = lead_again(&image, NodeId(1), false, |_, index| (index == 1).then_some(found));
    let mut after = image.clone();
    replay(&mut after, &records);
    let partition = after.topics().partition("t", 1).unwrap();
    assert_eq!(
        (records.len(), &partition.directories[..], partition.leader_epoch),
        (1, &[found][..], LeaderEpoch(0))
    );
}

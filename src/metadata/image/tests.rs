//! The rules of replay as a table, and the round trip through a snapshot.

use super::*;
use crate::schema::metadata::*;
use crate::types::LeaderEpoch;
use MetadataRecord as R;

fn topic(name: &'static str, id: u8) -> R<'static> {
    R::Topic(topic_record::TopicRecord { name: name.into(), topic_id: [id; 16], ..Default::default() })
}

fn partition(id: u8, index: i32) -> R<'static> {
    R::Partition(partition_record::PartitionRecord {
        partition_id: index,
        topic_id: [id; 16],
        replicas: vec![1],
        isr: vec![1],
        leader: 1,
        leader_epoch: 0,
        partition_epoch: 0,
        directories: vec![[9; 16]],
        ..Default::default()
    })
}

fn config(
    kind: ResourceKind,
    resource: &'static str,
    name: &'static str,
    value: Option<&'static str>,
) -> R<'static> {
    R::Config(config_record::ConfigRecord {
        resource_type: kind.0,
        resource_name: resource.into(),
        name: name.into(),
        value: value.map(Into::into),
        ..Default::default()
    })
}

fn replayed(records: &[R<'_>]) -> Image {
    let mut image = Image::default();
    for record in records {
        image.replay(record).unwrap();
    }
    image
}

fn one_of_each() -> Vec<R<'static>> {
    let quota = |name: Option<&'static str>| {
        R::ClientQuota(client_quota_record::ClientQuotaRecord {
            entity: vec![client_quota_record::EntityData {
                entity_type: "user".into(),
                entity_name: name.map(Into::into),
                ..Default::default()
            }],
            key: "producer_byte_rate".into(),
            value: 1.5,
            ..Default::default()
        })
    };
    let feature = |name: &'static str, level| {
        R::FeatureLevel(feature_level_record::FeatureLevelRecord {
            name: name.into(),
            feature_level: level,
            ..Default::default()
        })
    };
    vec![
        feature("metadata.version", 30),
        feature("group.version", 1),
        R::ZkMigrationState(zk_migration_state_record::ZkMigrationStateRecord {
            zk_migration_state: 1,
            ..Default::default()
        }),
        R::RegisterBroker(register_broker_record::RegisterBrokerRecord {
            broker_id: 1,
            broker_epoch: 7,
            rack: Some("r".into()),
            ..Default::default()
        }),
        R::RegisterController(register_controller_record::RegisterControllerRecord {
            controller_id: 1,
            ..Default::default()
        }),
        topic("a", 1),
        partition(1, 0),
        partition(1, 1),
        topic("b", 2),
        config(ResourceKind::TOPIC, "a", "retention.ms", Some("5")),
        config(ResourceKind::BROKER, "", "min.insync.replicas", Some("1")),
        config(ResourceKind(99), "x", "y", Some("z")),
        R::ProducerIds(producer_ids_record::ProducerIdsRecord {
            next_producer_id: 1000,
            ..Default::default()
        }),
        quota(Some("alice")),
        quota(None),
        R::AccessControlEntry(access_control_entry_record::AccessControlEntryRecord {
            id: [4; 16],
            resource_name: "a".into(),
            ..Default::default()
        }),
        R::UserScramCredential(user_scram_credential_record::UserScramCredentialRecord {
            name: "alice".into(),
            mechanism: 1,
            ..Default::default()
        }),
        R::DelegationToken(delegation_token_record::DelegationTokenRecord {
            token_id: "t".into(),
            ..Default::default()
        }),
    ]
}

#[test]
fn a_snapshot_gives_the_same_image() {
    let image = replayed(&one_of_each());
    let records = image.to_records();
    assert_eq!(records.len(), one_of_each().len());
    assert_eq!(replayed(&records), image);
}

#[test]
fn a_clone_does_not_see_later_changes() {
    let mut image = replayed(&one_of_each());
    let before = image.clone();
    image
        .replay(&R::RemoveTopic(remove_topic_record::RemoveTopicRecord {
            topic_id: [1; 16],
            ..Default::default()
        }))
        .unwrap();
    assert!(before.topics().by_name("a").is_some());
    assert!(image.topics().by_name("a").is_none());
    assert!(image.topics().by_id(Uuid([1; 16])).is_none());
    assert!(image.configs().of_topic("a").is_empty(), "a topic's configs go with it");
}

#[test]
fn a_change_record_changes_what_it_names() {
    let base = [topic("a", 1), partition(1, 0)];
    let change = partition_change_record::PartitionChangeRecord {
        partition_id: 0,
        topic_id: [1; 16],
        ..Default::default()
    };
    let after = |change| {
        let mut image = replayed(&base);
        image.replay(&R::PartitionChange(change)).unwrap();
        image.topics().partition("a", 0).unwrap().clone()
    };
    let p = after(partition_change_record::PartitionChangeRecord { isr: Some(vec![1, 2]), ..change.clone() });
    assert_eq!((p.isr, p.leader_epoch, p.partition_epoch), (vec![NodeId(1), NodeId(2)], LeaderEpoch(0), 1));
    let p = after(partition_change_record::PartitionChangeRecord {
        leader: -1,
        isr: Some(vec![]),
        last_known_elr: Some(vec![1]),
        ..change.clone()
    });
    assert_eq!((p.leader, p.leader_epoch, p.last_known_elr), (None, LeaderEpoch(1), vec![NodeId(1)]));
    let p = after(partition_change_record::PartitionChangeRecord {
        leader: 1,
        leader_recovery_state: 1,
        ..change
    });
    assert_eq!((p.leader, p.leader_epoch, p.recovering), (Some(NodeId(1)), LeaderEpoch(1), true));
}

#[test]
fn records_that_do_not_fit_change_nothing() {
    let base = replayed(&one_of_each());
    let id = Uuid([8; 16]);
    let cases: Vec<(R<'_>, ReplayError)> = vec![
        (topic("a", 5), ReplayError::TopicExists("a".into())),
        (partition(8, 0), ReplayError::UnknownTopic(id)),
        (
            R::PartitionChange(partition_change_record::PartitionChangeRecord {
                partition_id: 3,
                topic_id: [1; 16],
                ..Default::default()
            }),
            ReplayError::UnknownPartition("a".into(), 3),
        ),
        (
            R::RemoveTopic(remove_topic_record::RemoveTopicRecord { topic_id: id.0, ..Default::default() }),
            ReplayError::UnknownTopic(id),
        ),
        (
            R::UnfenceBroker(unfence_broker_record::UnfenceBrokerRecord {
                id: 2,
                epoch: 7,
                ..Default::default()
            }),
            ReplayError::UnknownBroker(NodeId(2)),
        ),
        (
            R::UnfenceBroker(unfence_broker_record::UnfenceBrokerRecord {
                id: 1,
                epoch: 6,
                ..Default::default()
            }),
            ReplayError::BrokerEpoch { id: NodeId(1), epoch: 7, found: 6 },
        ),
        (R::EndTransaction(Default::default()), ReplayError::NoTransaction),
    ];
    for (record, want) in cases {
        let mut image = base.clone();
        assert_eq!(image.replay(&record), Err(want), "{record:?}");
        assert_eq!(image, base, "{record:?}");
    }
}

#[test]
fn a_broker_is_unfenced_by_a_change_of_its_registration() {
    let mut image = replayed(&one_of_each());
    assert_eq!(image.cluster().live_brokers().count(), 0);
    let change = broker_registration_change_record::BrokerRegistrationChangeRecord {
        broker_id: 1,
        broker_epoch: 7,
        fenced: -1,
        log_dirs: vec![[3; 16]],
        ..Default::default()
    };
    image.replay(&R::BrokerRegistrationChange(change)).unwrap();
    assert_eq!(image.cluster().live_brokers().collect::<Vec<_>>(), [NodeId(1)]);
    assert_eq!(image.cluster().broker(NodeId(1)).unwrap().log_dirs, [[3; 16]]);
}

#[test]
fn an_aborted_transaction_of_the_log_leaves_nothing() {
    let base = replayed(&one_of_each());
    let mut image = base.clone();
    image.replay(&R::BeginTransaction(Default::default())).unwrap();
    image.replay(&topic("c", 3)).unwrap();
    assert!(image.in_transaction());
    assert_eq!(replayed(&image.to_records()), base, "a snapshot holds nothing of an open transaction");
    assert_eq!(image.replay(&R::BeginTransaction(Default::default())), Err(ReplayError::NestedTransaction));
    let mut committed = image.clone();
    image.replay(&R::AbortTransaction(Default::default())).unwrap();
    assert_eq!(image, base);
    committed.replay(&R::EndTransaction(Default::default())).unwrap();
    assert!(committed.topics().by_name("c").is_some() && !committed.in_transaction());
}

#[test]
fn a_null_value_deletes_a_config_and_level_zero_a_feature() {
    let mut image = replayed(&one_of_each());
    image.replay(&config(ResourceKind::TOPIC, "a", "retention.ms", None)).unwrap();
    image.replay(&config(ResourceKind::TOPIC, "never", "retention.ms", None)).unwrap();
    assert_eq!(image.configs().iter().count(), 2);
    let gone = feature_level_record::FeatureLevelRecord {
        name: "group.version".into(),
        feature_level: 0,
        ..Default::default()
    };
    image.replay(&R::FeatureLevel(gone)).unwrap();
    assert_eq!((image.feature("group.version"), image.feature("metadata.version")), (0, 30));
}

//! An image as records that, replayed on an empty one, give it again.

use super::{Image, Partition, Topic};
use crate::metadata::features::METADATA_VERSION;
use crate::schema::metadata::MetadataRecord;
use crate::schema::metadata::config_record::ConfigRecord;
use crate::schema::metadata::feature_level_record::FeatureLevelRecord;
use crate::schema::metadata::partition_record::PartitionRecord;
use crate::schema::metadata::producer_ids_record::ProducerIdsRecord;
use crate::schema::metadata::topic_record::TopicRecord;
use crate::schema::metadata::zk_migration_state_record::ZkMigrationStateRecord;
use crate::types::NodeId;

fn ids(nodes: &[NodeId]) -> Vec<i32> {
    nodes.iter().map(|n| n.0).collect()
}

impl Partition {
    /// The record that makes this partition of the topic with this id.
    #[must_use]
    pub fn to_record(&self, topic_id: crate::types::TopicId, partition_id: i32) -> PartitionRecord {
        let some = |nodes: &[NodeId]| (!nodes.is_empty()).then(|| ids(nodes));
        PartitionRecord {
            partition_id,
            topic_id: topic_id.0,
            replicas: ids(&self.replicas),
            isr: ids(&self.isr),
            removing_replicas: ids(&self.removing),
            adding_replicas: ids(&self.adding),
            leader: self.leader.map_or(super::topics::NO_LEADER, |n| n.0),
            leader_recovery_state: i8::from(self.recovering),
            leader_epoch: self.leader_epoch.0,
            partition_epoch: self.partition_epoch,
            directories: self.directories.iter().map(|d| d.0).collect(),
            eligible_leader_replicas: some(&self.elr),
            last_known_elr: some(&self.last_known_elr),
            ..Default::default()
        }
    }
}

impl Topic {
    fn to_records(&self, out: &mut Vec<MetadataRecord<'static>>) {
        let name = self.name.to_string().into();
        out.push(MetadataRecord::Topic(TopicRecord { name, topic_id: self.id.0, ..Default::default() }));
        for (index, partition) in &self.partitions {
            out.push(MetadataRecord::Partition(partition.to_record(self.id, *index)));
        }
    }
}

impl Image {
    /// The records of a snapshot, metadata.version first, in the order in which Kafka writes them. An
    /// open transaction is no part of it.
    #[must_use]
    pub fn to_records(&self) -> Vec<MetadataRecord<'static>> {
        if let Some(before) = &self.before_transaction {
            return before.to_records();
        }
        let mut out = Vec::new();
        let (first, others): (Vec<_>, Vec<_>) =
            self.features.iter().partition(|(name, _)| &***name == METADATA_VERSION);
        for (name, level) in first.into_iter().chain(others) {
            let name = name.to_string().into();
            let record = FeatureLevelRecord { name, feature_level: *level, ..Default::default() };
            out.push(MetadataRecord::FeatureLevel(record));
        }
        if let Some(zk_migration_state) = self.zk_migration_state {
            let record = ZkMigrationStateRecord { zk_migration_state, ..Default::default() };
            out.push(MetadataRecord::ZkMigrationState(record));
        }
        self.cluster.to_records(&mut out);
        self.topics.iter().for_each(|topic| topic.to_records(&mut out));
        for (resource, values) in self.configs.iter() {
            for (name, value) in values {
                out.push(MetadataRecord::Config(ConfigRecord {
                    resource_type: resource.kind.0,
                    resource_name: resource.name.to_string().into(),
                    name: name.to_string().into(),
                    value: Some(value.to_string().into()),
                    ..Default::default()
                }));
            }
        }
        if let Some(next_producer_id) = self.next_producer_id {
            // A snapshot names no broker: the block is nobody's any more.
            let (broker_id, broker_epoch) = (-1, -1);
            let record =
                ProducerIdsRecord { broker_id, broker_epoch, next_producer_id, ..Default::default() };
            out.push(MetadataRecord::ProducerIds(record));
        }
        self.security.to_records(&mut out);
        out
    }
}

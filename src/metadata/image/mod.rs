//! The cluster at one moment. Clones share everything until one of them changes.

mod cluster;
mod configs;
mod security;
mod snapshot;
#[cfg(test)]
mod tests;
mod topics;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::schema::metadata::MetadataRecord;
use crate::types::{NodeId, TopicId, Uuid};

pub use cluster::Cluster;
pub use configs::{ConfigResource, Configs, ResourceKind};
pub use security::{QuotaEntity, Security};
pub use topics::{Partition, Topic, Topics};

/// Why a record does not fit the image it is replayed on: the log is damaged, or was written by rules
/// that this program does not know. The image is unchanged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// A record about a topic that does not exist.
    #[error("a record speaks of topic id {0}, which no earlier record created")]
    UnknownTopic(TopicId),
    /// A record about a partition that does not exist.
    #[error("a record changes partition {1} of topic {0}, which no earlier record created")]
    UnknownPartition(Arc<str>, i32),
    /// A topic is created under a name that exists.
    #[error("topic {0} is created a second time")]
    TopicExists(Arc<str>),
    /// A record about a broker that is not registered.
    #[error("a record changes broker {0}, which is not registered")]
    UnknownBroker(NodeId),
    /// A record about a registration that was replaced.
    #[error("a record changes broker {id} at epoch {found}, and its registration has epoch {epoch}")]
    BrokerEpoch {
        /// The broker.
        id: NodeId,
        /// Epoch of its registration.
        epoch: i64,
        /// Epoch in the record.
        found: i64,
    },
    /// A transaction begins inside another one.
    #[error("a transaction begins before the one before it ended")]
    NestedTransaction,
    /// A transaction ends that did not begin.
    #[error("a transaction ends that did not begin")]
    NoTransaction,
}

/// Everything the metadata log says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Image {
    /// Topics and their partitions.
    pub(super) topics: Topics,
    /// Configs set at run time.
    pub(super) configs: Configs,
    /// Registered brokers and controllers.
    pub(super) cluster: Cluster,
    /// Credentials, ACLs, quotas, delegation tokens.
    pub(super) security: Security,
    /// Level of each finalized feature; one at level 0 is not here.
    pub(super) features: Arc<BTreeMap<Arc<str>, i16>>,
    /// The first producer id not handed out; `None` before the first block.
    pub(super) next_producer_id: Option<i64>,
    /// A leftover of the migration from ZooKeeper, kept as it was found.
    pub(super) zk_migration_state: Option<i8>,
    /// The image as it was before the transaction that is open in the log.
    before_transaction: Option<Arc<Image>>,
}

impl Image {
    /// Topics and their partitions.
    #[must_use]
    pub fn topics(&self) -> &Topics {
        &self.topics
    }

    /// Configs set at run time: by topic, broker, cluster (a broker with an empty name), group and
    /// client-metrics subscription.
    #[must_use]
    pub fn configs(&self) -> &Configs {
        &self.configs
    }

    /// Registered brokers and controllers.
    #[must_use]
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// Credentials, ACLs, quotas and delegation tokens.
    #[must_use]
    pub fn security(&self) -> &Security {
        &self.security
    }

    /// Finalized features and their levels, by name; those at level 0 are left out.
    #[must_use]
    pub fn features(&self) -> &BTreeMap<Arc<str>, i16> {
        &self.features
    }

    /// Level of one feature; 0 if it is not finalized.
    #[must_use]
    pub fn feature(&self, name: &str) -> i16 {
        self.features.get(name).copied().unwrap_or(0)
    }

    /// The first producer id that was not handed out yet.
    #[must_use]
    pub fn next_producer_id(&self) -> i64 {
        self.next_producer_id.unwrap_or(0)
    }

    /// Whether the log has begun a transaction that has not ended: such an image is not to be shown.
    #[must_use]
    pub fn in_transaction(&self) -> bool {
        self.before_transaction.is_some()
    }

    /// Applies one record. Nothing else changes an image.
    ///
    /// # Errors
    /// The record does not fit; the image is unchanged.
    pub fn replay(&mut self, record: &MetadataRecord<'_>) -> Result<(), ReplayError> {
        use MetadataRecord as R;
        match record {
            R::Topic(r) => self.topics.create(r)?,
            R::Partition(r) => self.topics.put_partition(r)?,
            R::PartitionChange(r) => self.topics.change_partition(r)?,
            R::RemoveTopic(r) => {
                let name = self.topics.remove(Uuid(r.topic_id))?;
                self.configs.remove_resource(&ConfigResource::topic(name));
            }
            R::ClearElr(r) => self.topics.clear_elr(&r.topic_name),
            R::Config(r) => self.configs.set(r),
            R::RegisterBroker(r) => self.cluster.register_broker(r),
            R::UnregisterBroker(r) => self.cluster.unregister_broker(r.broker_id, r.broker_epoch)?,
            R::FenceBroker(r) => self.cluster.fence(r.id, r.epoch, true)?,
            R::UnfenceBroker(r) => self.cluster.fence(r.id, r.epoch, false)?,
            R::BrokerRegistrationChange(r) => self.cluster.change_broker(r)?,
            R::RegisterController(r) => self.cluster.register_controller(r),
            R::UnregisterController(r) => self.cluster.unregister_controller(r.controller_id),
            R::FeatureLevel(r) => {
                let features = Arc::make_mut(&mut self.features);
                match r.feature_level {
                    0 => features.remove(&*r.name),
                    level => features.insert(Arc::from(&*r.name), level),
                };
            }
            R::ProducerIds(r) => self.next_producer_id = Some(r.next_producer_id),
            R::UserScramCredential(_)
            | R::RemoveUserScramCredential(_)
            | R::AccessControlEntry(_)
            | R::RemoveAccessControlEntry(_)
            | R::ClientQuota(_)
            | R::DelegationToken(_)
            | R::RemoveDelegationToken(_) => self.security.replay(record),
            R::ZkMigrationState(r) => self.zk_migration_state = Some(r.zk_migration_state),
            R::NoOp(_) => {}
            R::BeginTransaction(_) => {
                if self.in_transaction() {
                    return Err(ReplayError::NestedTransaction);
                }
                self.before_transaction = Some(Arc::new(self.clone()));
            }
            R::EndTransaction(_) => {
                self.before_transaction.take().ok_or(ReplayError::NoTransaction)?;
            }
            R::AbortTransaction(_) => {
                let before = self.before_transaction.take().ok_or(ReplayError::NoTransaction)?;
                *self = Arc::unwrap_or_clone(before);
            }
        }
        Ok(())
    }
}

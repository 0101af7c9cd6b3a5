//! What the state machines see of the cluster: an image with the options in force, kept until the next.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock};

use crate::config::{BrokerConfig, Settings};
use crate::coordinator::view::{Cluster, TopicInfo};
use crate::env::Rng;
use crate::metadata::change::{Site, automatic_topic, create_topics};
use crate::metadata::store::Store;
use crate::metadata::{ConfigResource, Image, ResourceKind, Topic};
use crate::schema::clients::create_topics_request::CreateTopicsRequest;
use crate::types::{NodeId, TopicId};

/// A future that is sent between threads.
pub type Later<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// The cluster's metadata, as the runtime needs it.
pub trait Metadata: Send + Sync {
    /// The image in force.
    fn image(&self) -> Arc<Image>;
    /// The broker's options under an image.
    fn config(&self, image: &Image) -> BrokerConfig;
    /// Creates an internal topic; false if that failed. No harm if it is there.
    fn create_topic(&self, name: &'static str) -> Later<bool>;
}

/// The metadata store of this node.
pub struct StoredMetadata {
    /// The store.
    pub store: Arc<Store>,
    /// What the node's file, environment and command line set.
    pub settings: Arc<Settings>,
    /// The node.
    pub node: NodeId,
    /// Makes the topic's id.
    pub rng: Arc<dyn Rng>,
}

impl Metadata for StoredMetadata {
    fn image(&self) -> Arc<Image> {
        self.store.image()
    }

    fn config(&self, image: &Image) -> BrokerConfig {
        BrokerConfig::resolve(&Site { node: self.node, settings: &self.settings }.layers(image))
    }

    fn create_topic(&self, name: &'static str) -> Later<bool> {
        let (node, settings, rng) = (self.node, Arc::clone(&self.settings), Arc::clone(&self.rng));
        let decided = self.store.submit(move |image, _| {
            let site = Site { node, settings: &settings };
            let topics = vec![automatic_topic(image, site, name)];
            create_topics(image, &CreateTopicsRequest { topics, ..Default::default() }, site, || rng.uuid())
        });
        Box::pin(async move {
            match decided.await {
                Ok(reply) => {
                    for topic in reply.topics.iter().filter(|topic| topic.error_code != 0) {
                        // That it exists by now is as good.
                        tracing::debug!(code = topic.error_code, message = ?topic.error_message, "{name}");
                    }
                    true
                }
                Err(error) => {
                    tracing::warn!(%error, "{name} was not created");
                    false
                }
            }
        })
    }
}

/// An image and the options that go with it.
#[derive(Debug)]
pub(super) struct Snapshot {
    pub(super) image: Arc<Image>,
    pub(super) config: BrokerConfig,
    version: u64,
}

/// The newest snapshot; options are resolved once per image.
pub(super) struct World {
    metadata: Arc<dyn Metadata>,
    newest: RwLock<Arc<Snapshot>>,
}

impl World {
    pub(super) fn new(metadata: Arc<dyn Metadata>) -> Self {
        let image = metadata.image();
        let config = metadata.config(&image);
        Self { newest: RwLock::new(Arc::new(Snapshot { image, config, version: 0 })), metadata }
    }

    pub(super) fn metadata(&self) -> &dyn Metadata {
        &*self.metadata
    }

    /// The snapshot of the image in force.
    pub(super) fn now(&self) -> Arc<Snapshot> {
        self.of(self.metadata.image())
    }

    /// The snapshot of an image.
    pub(super) fn of(&self, image: Arc<Image>) -> Arc<Snapshot> {
        let newest = Arc::clone(&self.newest.read().unwrap_or_else(PoisonError::into_inner));
        if Arc::ptr_eq(&newest.image, &image) {
            return newest;
        }
        let config = self.metadata.config(&image);
        let mut place = self.newest.write().unwrap_or_else(PoisonError::into_inner);
        let version = place.version.wrapping_add(1);
        *place = Arc::new(Snapshot { image, config, version });
        Arc::clone(&place)
    }
}

fn info(topic: &Arc<Topic>) -> TopicInfo {
    TopicInfo {
        name: Arc::clone(&topic.name),
        id: topic.id,
        partitions: i32::try_from(topic.partitions.len()).unwrap_or(i32::MAX),
    }
}

impl Cluster for Snapshot {
    fn version(&self) -> u64 {
        self.version
    }

    fn topic(&self, name: &str) -> Option<TopicInfo> {
        self.image.topics().by_name(name).map(info)
    }

    fn topic_by_id(&self, id: TopicId) -> Option<TopicInfo> {
        self.image.topics().by_id(id).map(info)
    }

    fn topics(&self) -> Box<dyn Iterator<Item = TopicInfo> + '_> {
        Box::new(self.image.topics().iter().map(info))
    }

    fn racks(&self, topic: TopicId, partition: i32) -> Vec<Arc<str>> {
        let topic = self.image.topics().by_id(topic);
        let Some(partition) = topic.and_then(|topic| topic.partitions.get(&partition)) else {
            return Vec::new();
        };
        let rack = |id: &NodeId| self.image.cluster().broker(*id)?.rack.as_deref().map(Arc::from);
        partition.replicas.iter().filter_map(rack).collect()
    }

    fn feature(&self, name: &str) -> i16 {
        self.image.feature(name)
    }

    fn group_option(&self, group: &str, option: &str) -> Option<String> {
        let resource = ConfigResource::new(ResourceKind::GROUP, group);
        self.image.configs().get(&resource, option).map(str::to_owned)
    }
}

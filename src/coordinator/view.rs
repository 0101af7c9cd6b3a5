//! What a decision may look at besides the state and the request.

use std::sync::Arc;

use crate::config::BrokerConfig;
use crate::types::{Timestamp, TopicId, Uuid};

/// A topic as coordinators see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicInfo {
    /// Its name.
    pub name: Arc<str>,
    /// Its id.
    pub id: TopicId,
    /// Number of its partitions, counted from 0.
    pub partitions: i32,
}

/// The cluster's metadata as coordinators see it.
pub trait Cluster: Send + Sync {
    /// Changes whenever a topic comes, goes or changes; the same number means the same topics.
    fn version(&self) -> u64;
    /// Finds a topic by its name.
    fn topic(&self, name: &str) -> Option<TopicInfo>;
    /// Finds a topic by its id.
    fn topic_by_id(&self, id: TopicId) -> Option<TopicInfo>;
    /// All topics, sorted by name.
    fn topics(&self) -> Box<dyn Iterator<Item = TopicInfo> + '_>;
    /// Racks of the replicas of a partition; empty if none is known.
    fn racks(&self, topic: TopicId, partition: i32) -> Vec<Arc<str>>;
    /// Level of a finalized feature, for instance `transaction.version`; 0 if it is not.
    fn feature(&self, _name: &str) -> i16 {
        0
    }
    /// An option that is set on the group itself, for instance `consumer.session.timeout.ms`.
    fn group_option(&self, group: &str, option: &str) -> Option<String>;
}

/// Time, metadata, options and fresh ids for one decision.
#[derive(Clone, Copy)]
pub struct View<'a> {
    /// Wall time, for what is written.
    pub now: Timestamp,
    /// Milliseconds since some fixed moment of this process; never goes back. Deadlines count in it.
    pub tick: i64,
    /// The cluster's metadata.
    pub cluster: &'a dyn Cluster,
    /// The broker's options.
    pub config: &'a BrokerConfig,
    /// Makes a random id.
    pub fresh_id: &'a dyn Fn() -> Uuid,
}

/// Who sends a request.
#[derive(Clone, Copy, Debug)]
pub struct Client<'a> {
    /// What the client calls itself; empty if it has no name.
    pub id: &'a str,
    /// Where it comes from, as Kafka prints it: `/127.0.0.1`.
    pub host: &'a str,
}

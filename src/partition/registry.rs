//! All partitions of this broker.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use super::partition::Partition;
use crate::types::TopicId;

/// The partitions that this broker leads, by topic id and index.
#[derive(Debug, Default)]
pub struct Partitions {
    by_topic: RwLock<HashMap<TopicId, Vec<Option<Arc<Partition>>>>>,
}

impl Partitions {
    /// Finds a partition.
    #[must_use]
    pub fn get(&self, topic: TopicId, index: i32) -> Option<Arc<Partition>> {
        let topics = self.by_topic.read().unwrap_or_else(PoisonError::into_inner);
        topics.get(&topic)?.get(usize::try_from(index).ok()?)?.clone()
    }

    /// Adds a partition, in place of one with the same id and index.
    pub fn insert(&self, partition: Arc<Partition>) {
        let Ok(index) = usize::try_from(partition.name().partition) else { return };
        let mut topics = self.by_topic.write().unwrap_or_else(PoisonError::into_inner);
        let places = topics.entry(partition.topic_id()).or_default();
        if places.len() <= index {
            places.resize(index.saturating_add(1), None);
        }
        if let Some(place) = places.get_mut(index) {
            *place = Some(partition);
        }
    }

    /// Takes out all partitions of a topic.
    pub fn remove_topic(&self, topic: TopicId) -> Vec<Arc<Partition>> {
        let mut topics = self.by_topic.write().unwrap_or_else(PoisonError::into_inner);
        topics.remove(&topic).unwrap_or_default().into_iter().flatten().collect()
    }

    /// The partitions of a topic, by index.
    #[must_use]
    pub fn of_topic(&self, topic: TopicId) -> Vec<Arc<Partition>> {
        let topics = self.by_topic.read().unwrap_or_else(PoisonError::into_inner);
        topics.get(&topic).into_iter().flatten().flatten().cloned().collect()
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        let topics = self.by_topic.read().unwrap_or_else(PoisonError::into_inner);
        topics.values().flatten().flatten().count()
    }

    /// All partitions, in no order.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Partition>> {
        let topics = self.by_topic.read().unwrap_or_else(PoisonError::into_inner);
        topics.values().flatten().flatten().cloned().collect()
    }
}

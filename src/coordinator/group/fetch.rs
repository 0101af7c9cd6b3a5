//! OffsetFetch.

use super::offsets::Committed;
use super::{Group, GroupShard, View};
use crate::schema::ErrorCode;
use crate::schema::clients::offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use crate::schema::clients::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartitions, OffsetFetchResponseTopics,
};
use crate::types::{TopicId, Uuid};

/// From this version on topics go by their ids.
const TOPIC_IDS_FROM: i16 = 10;

/// The reply about a group of which nothing is told but an error.
#[must_use]
pub fn fetch_error(group: &str, code: ErrorCode) -> OffsetFetchResponseGroup<'static> {
    OffsetFetchResponseGroup {
        group_id: group.to_owned().into(),
        error_code: code.code(),
        ..Default::default()
    }
}

fn nothing(partition: i32, code: ErrorCode) -> OffsetFetchResponsePartitions<'static> {
    OffsetFetchResponsePartitions {
        partition_index: partition,
        committed_offset: -1,
        committed_leader_epoch: -1,
        metadata: Some("".into()),
        error_code: code.code(),
        ..Default::default()
    }
}

fn tell(partition: i32, committed: &Committed) -> OffsetFetchResponsePartitions<'static> {
    OffsetFetchResponsePartitions {
        partition_index: partition,
        committed_offset: committed.offset.get(),
        committed_leader_epoch: committed.leader_epoch.get(),
        metadata: Some(committed.metadata().to_owned().into()),
        ..Default::default()
    }
}

impl GroupShard {
    /// How far a group has come. A group that is not there has come nowhere, which is no error. With
    /// `stable`, an offset that an open transaction has committed is not told.
    #[must_use]
    pub fn fetch(
        &self,
        view: &View<'_>,
        request: &OffsetFetchRequestGroup<'_>,
        stable: bool,
        version: i16,
    ) -> OffsetFetchResponseGroup<'static> {
        let group = request.group_id.as_ref();
        if let Some(Group::Consumer(found)) = self.group(group)
            && let Err(error) = found.validate_fetch(request.member_id.as_deref(), request.member_epoch)
        {
            return fetch_error(group, error.code);
        }
        let topics = match &request.topics {
            None => self.all_topics(view, group, stable, version),
            Some(topics) => {
                topics.iter().map(|topic| self.one_topic(view, group, topic, stable, version)).collect()
            }
        };
        OffsetFetchResponseGroup { group_id: group.to_owned().into(), topics, ..Default::default() }
    }

    fn one_topic(
        &self,
        view: &View<'_>,
        group: &str,
        topic: &OffsetFetchRequestTopics<'_>,
        stable: bool,
        version: i16,
    ) -> OffsetFetchResponseTopics<'static> {
        let id = Uuid(topic.topic_id);
        let by_id = version >= TOPIC_IDS_FROM;
        let info = if by_id { view.cluster.topic_by_id(id) } else { None };
        let name = if by_id { info.as_ref().map(|info| &*info.name) } else { Some(topic.name.as_ref()) };
        let one = |&partition: &i32| match name {
            None => nothing(partition, ErrorCode::UNKNOWN_TOPIC_ID),
            Some(name) => self.one_partition((group, name, partition), id, stable),
        };
        OffsetFetchResponseTopics {
            name: topic.name.to_string().into(),
            topic_id: topic.topic_id,
            partitions: topic.partition_indexes.iter().map(one).collect(),
            ..Default::default()
        }
    }

    fn one_partition(
        &self,
        (group, topic, partition): (&str, &str, i32),
        id: TopicId,
        stable: bool,
    ) -> OffsetFetchResponsePartitions<'static> {
        if stable && self.offsets.is_pending(group, topic, partition) {
            return nothing(partition, ErrorCode::UNSTABLE_OFFSET_COMMIT);
        }
        match self.offsets.get(group, topic, partition) {
            // What was committed for a topic of this name that was deleted since says nothing.
            Some(found) if id.is_zero() || found.topic_id.is_zero() || found.topic_id == id => {
                tell(partition, found)
            }
            _ => nothing(partition, ErrorCode::NONE),
        }
    }

    fn all_topics(
        &self,
        view: &View<'_>,
        group: &str,
        stable: bool,
        version: i16,
    ) -> Vec<OffsetFetchResponseTopics<'static>> {
        let Some(offsets) = self.offsets.of_group(group) else { return Vec::new() };
        let mut topics = Vec::with_capacity(offsets.len());
        for (name, partitions) in offsets {
            let id = if version >= TOPIC_IDS_FROM {
                // Without an id the topic could not be named.
                let Some(info) = view.cluster.topic(name) else { continue };
                info.id
            } else {
                Uuid::ZERO
            };
            let one = |&partition: &i32| self.one_partition((group, name, partition), id, stable);
            topics.push(OffsetFetchResponseTopics {
                name: name.to_string().into(),
                topic_id: id.0,
                partitions: partitions.keys().map(one).collect(),
                ..Default::default()
            });
        }
        topics
    }
}

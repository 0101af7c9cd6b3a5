//! DescribeTopicPartitions (key 75), version 0: topics in the order of their names, page by page (KIP-966).

use std::borrow::Cow;

use super::{Context, Handling, Services};
use crate::metadata::change::{is_internal, validate_topic_name};
use crate::metadata::{Image, Topic};
use crate::schema::clients::describe_topic_partitions_request::{
    DescribeTopicPartitionsRequest, TopicRequest,
};
use crate::schema::clients::describe_topic_partitions_response::{
    Cursor, DescribeTopicPartitionsResponse, DescribeTopicPartitionsResponsePartition,
    DescribeTopicPartitionsResponseTopic,
};
use crate::schema::{DecodeError, ErrorCode, Reader};
use crate::types::NodeId;

/// Collects a page of at most `left` partitions.
struct Page<'a> {
    image: &'a Image,
    node: NodeId,
    left: usize,
    topics: Vec<DescribeTopicPartitionsResponseTopic<'a>>,
}

/// Describes.
pub(super) fn handle(
    services: &Services,
    ctx: &Context<'_>,
    mut body: Reader<'_>,
) -> Result<Handling, DecodeError> {
    let request = DescribeTopicPartitionsRequest::decode(&mut body, ctx.version)?;
    let cursor = request.cursor.as_ref();
    let is_listed = |name: &str| request.topics.is_empty() || request.topics.iter().any(|t| t.name == name);
    if cursor.is_some_and(|c| c.partition_index < 0 || !is_listed(&c.topic_name)) {
        // The reply has no place for an error of its own, so each topic carries it.
        let refused = |t: &TopicRequest<'_>| DescribeTopicPartitionsResponseTopic {
            error_code: ErrorCode::INVALID_REQUEST.code(),
            name: Some(Cow::Owned(t.name.to_string())),
            ..Default::default()
        };
        let topics = request.topics.iter().map(refused).collect();
        let response = DescribeTopicPartitionsResponse { topics, ..Default::default() };
        return Ok(super::reply(ctx, |w| response.encode(w, ctx.version)));
    }
    let image = services.metadata.image();
    let limit = services.config().max_request_partition_size_limit;
    let asked = usize::try_from(request.response_partition_limit).unwrap_or(0).max(1);
    let all: Vec<&str>;
    let mut names: Vec<&str> = match request.topics.is_empty() {
        true => {
            all = image.topics().iter().map(|t| &*t.name).collect();
            all
        }
        false => request.topics.iter().map(|t| &*t.name).collect(),
    };
    names.sort_unstable();
    names.dedup();
    let from = cursor.map_or("", |c| &*c.topic_name);
    let left = asked.min(usize::try_from(limit).unwrap_or(1).max(1));
    let mut page = Page { image: &image, node: services.node_id, left, topics: Vec::new() };
    let mut next = None;
    for name in names.into_iter().filter(|name| *name >= from) {
        let first = cursor.filter(|c| c.topic_name == name).map_or(0, |c| c.partition_index);
        if page.left == 0 {
            next = Some(Cursor { topic_name: Cow::Borrowed(name), partition_index: 0, ..Default::default() });
            break;
        }
        next = page.add(name, first);
        if next.is_some() {
            break;
        }
    }
    let response =
        DescribeTopicPartitionsResponse { topics: page.topics, next_cursor: next, ..Default::default() };
    Ok(super::reply(ctx, |w| response.encode(w, ctx.version)))
}

impl<'a> Page<'a> {
    /// Adds a topic from partition `first` on; gives where to go on if not all of it had place.
    fn add(&mut self, name: &'a str, first: i32) -> Option<Cursor<'a>> {
        let Some(topic) = self.image.topics().by_name(name) else {
            let code = match validate_topic_name(name) {
                Ok(()) => ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
                Err(_) => ErrorCode::INVALID_TOPIC_EXCEPTION,
            };
            self.topics.push(DescribeTopicPartitionsResponseTopic {
                error_code: code.code(),
                name: Some(Cow::Borrowed(name)),
                is_internal: is_internal(name),
                topic_authorized_operations: super::operations::UNKNOWN,
                ..Default::default()
            });
            return None;
        };
        let all = self.partitions(topic, first);
        let rest = all.len().saturating_sub(self.left);
        let partitions: Vec<_> = all.into_iter().take(self.left).collect();
        let next = partitions.last().map_or(first, |p| p.partition_index.saturating_add(1));
        self.left = self.left.saturating_sub(partitions.len());
        self.topics.push(DescribeTopicPartitionsResponseTopic {
            name: Some(Cow::Borrowed(name)),
            topic_id: topic.id.0,
            is_internal: is_internal(name),
            partitions,
            topic_authorized_operations: super::operations::ON_TOPIC,
            ..Default::default()
        });
        (rest > 0).then(|| Cursor {
            topic_name: Cow::Borrowed(name),
            partition_index: next,
            ..Default::default()
        })
    }

    fn partitions(&self, topic: &Topic, first: i32) -> Vec<DescribeTopicPartitionsResponsePartition> {
        let ids = |nodes: &[NodeId]| nodes.iter().map(|n| n.get()).collect::<Vec<_>>();
        let describe = |(&index, p): (&i32, &crate::metadata::Partition)| {
            let away: Vec<NodeId> = p.replicas.iter().copied().filter(|n| *n != self.node).collect();
            DescribeTopicPartitionsResponsePartition {
                error_code: if p.leader.is_some() { 0 } else { ErrorCode::LEADER_NOT_AVAILABLE.code() },
                partition_index: index,
                leader_id: p.leader.map_or(-1, NodeId::get),
                leader_epoch: p.leader_epoch.get(),
                replica_nodes: ids(&p.replicas),
                isr_nodes: ids(&p.isr),
                eligible_leader_replicas: Some(ids(&p.elr)),
                last_known_elr: Some(ids(&p.last_known_elr)),
                offline_replicas: ids(&away),
                ..Default::default()
            }
        };
        topic.partitions.range(first..).map(describe).collect()
    }
}

//! Metadata (key 3), versions 0 to 13: where the partitions are. A topic that is asked for by name and does
//! not exist is created where client and broker allow it.

use std::borrow::Cow;
use std::collections::HashSet;

use super::addresses::advertised;
use super::operations;
use super::{Context, Handling, Services};
use crate::metadata::change::{Site, automatic_topic, create_topics, is_internal, validate_topic_name};
use crate::metadata::{Image, Topic};
use crate::schema::clients::create_topics_request::CreateTopicsRequest;
use crate::schema::clients::metadata_request::{MetadataRequest, MetadataRequestTopic};
use crate::schema::clients::metadata_response::{
    MetadataResponse, MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use crate::schema::{DecodeError, ErrorCode, Reader};
use crate::types::{NodeId, Uuid};
use crate::wire::{Reply, ReplyHead};

/// First version in which an empty list of topics means none, and null all.
const FIRST_WITH_NULL_FOR_ALL: i16 = 1;
/// First version that takes topic ids.
const FIRST_WITH_TOPIC_IDS: i16 = 10;

/// What the answer needs beyond the image; it outlives the frame.
struct Asked {
    topics: Option<Vec<MetadataRequestTopic<'static>>>,
    topic_operations: bool,
    cluster_operations: bool,
    head: ReplyHead,
    node: NodeId,
    cluster_id: String,
    host: String,
    port: i32,
    rack: Option<String>,
}

/// Answers from the image, after creating what is to be created.
pub(super) fn handle(
    services: &Services,
    ctx: &Context<'_>,
    mut body: Reader<'_>,
) -> Result<Handling, DecodeError> {
    let request = MetadataRequest::decode(&mut body, ctx.version)?.into_static();
    let config = services.config();
    let (host, port) = advertised(services, ctx);
    let all = ctx.version < FIRST_WITH_NULL_FOR_ALL && request.topics.as_ref().is_some_and(Vec::is_empty);
    let asked = Asked {
        topics: request.topics.filter(|_| !all),
        topic_operations: request.include_topic_authorized_operations,
        cluster_operations: request.include_cluster_authorized_operations,
        head: ctx.head(),
        node: services.node_id,
        cluster_id: services.cluster_id.to_string(),
        host,
        port,
        rack: config.broker_rack.clone(),
    };
    let image = services.metadata.image();
    let missing = if config.auto_create_topics_enable && request.allow_auto_topic_creation {
        asked.missing(&image)
    } else {
        Vec::new()
    };
    if missing.is_empty() {
        return Ok(Handling::Ready(asked.answer(&image)));
    }
    let (node, settings) = (services.node_id, std::sync::Arc::clone(&services.settings));
    let (rng, metadata) = (std::sync::Arc::clone(&services.rng), std::sync::Arc::clone(&services.metadata));
    let created = services.metadata.submit(move |image, _| {
        let site = Site { node, settings: &settings };
        let topics = missing.iter().filter(|name| image.topics().by_name(name).is_none());
        let topics = topics.map(|name| automatic_topic(image, site, name)).collect();
        let request = CreateTopicsRequest { topics, ..Default::default() };
        create_topics(image, &request, site, || rng.uuid())
    });
    Ok(Handling::parked(async move {
        // What could not be created is told as unknown, as in Kafka; the client asks again.
        let _ = created.await;
        asked.answer(&metadata.image())
    }))
}

impl Asked {
    fn missing(&self, image: &Image) -> Vec<String> {
        let topics = self.topics.iter().flatten();
        let names = topics.filter(|t| Uuid(t.topic_id).is_zero()).filter_map(|t| t.name.as_deref());
        let mut names: Vec<String> = names
            .filter(|name| image.topics().by_name(name).is_none() && validate_topic_name(name).is_ok())
            .map(str::to_owned)
            .collect();
        names.sort();
        names.dedup();
        names
    }

    fn answer(&self, image: &Image) -> Reply {
        let topics = match &self.topics {
            None => image.topics().iter().map(|topic| self.topic(topic)).collect(),
            Some(topics) => {
                let mut seen = HashSet::new();
                let once = topics.iter().filter(|t| seen.insert((t.topic_id, t.name.as_deref())));
                once.map(|asked| self.asked_topic(image, asked)).collect()
            }
        };
        let broker = MetadataResponseBroker {
            node_id: self.node.get(),
            host: Cow::Borrowed(&self.host),
            port: self.port,
            rack: self.rack.as_deref().map(Cow::Borrowed),
            ..Default::default()
        };
        let response = MetadataResponse {
            brokers: vec![broker],
            cluster_id: Some(Cow::Borrowed(&self.cluster_id)),
            controller_id: self.node.get(),
            topics,
            cluster_authorized_operations: match self.cluster_operations {
                true => operations::ON_CLUSTER,
                false => operations::UNKNOWN,
            },
            ..Default::default()
        };
        self.head.reply(|w| response.encode(w, self.head.version))
    }

    fn asked_topic(&self, image: &Image, asked: &MetadataRequestTopic<'_>) -> MetadataResponseTopic<'static> {
        let id = Uuid(asked.topic_id);
        let (found, code) = match asked.name.as_deref() {
            _ if !id.is_zero() && self.head.version >= FIRST_WITH_TOPIC_IDS => {
                (image.topics().by_id(id), ErrorCode::UNKNOWN_TOPIC_ID)
            }
            Some(name) if validate_topic_name(name).is_err() => (None, ErrorCode::INVALID_TOPIC_EXCEPTION),
            Some(name) => (image.topics().by_name(name), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
            None => (None, ErrorCode::UNKNOWN_TOPIC_ID),
        };
        match found {
            Some(topic) => self.topic(topic),
            None => MetadataResponseTopic {
                error_code: code.code(),
                // Asked by its id, an unknown topic has no name.
                name: asked.name.as_ref().filter(|_| id.is_zero()).map(|n| Cow::Owned(n.to_string())),
                topic_id: asked.topic_id,
                is_internal: asked.name.as_deref().is_some_and(is_internal),
                ..Default::default()
            },
        }
    }

    fn topic(&self, topic: &Topic) -> MetadataResponseTopic<'static> {
        let ids = |nodes: &[NodeId]| nodes.iter().map(|n| n.get()).collect::<Vec<_>>();
        let partitions = topic.partitions.iter().map(|(&partition_index, p)| MetadataResponsePartition {
            error_code: if p.leader.is_some() { 0 } else { ErrorCode::LEADER_NOT_AVAILABLE.code() },
            partition_index,
            leader_id: p.leader.map_or(-1, NodeId::get),
            leader_epoch: p.leader_epoch.get(),
            replica_nodes: ids(&p.replicas),
            isr_nodes: ids(&p.isr),
            offline_replicas: ids(&p
                .replicas
                .iter()
                .copied()
                .filter(|n| *n != self.node)
                .collect::<Vec<_>>()),
            ..Default::default()
        });
        MetadataResponseTopic {
            name: Some(Cow::Owned(topic.name.to_string())),
            topic_id: topic.id.0,
            is_internal: is_internal(&topic.name),
            partitions: partitions.collect(),
            topic_authorized_operations: match self.topic_operations {
                true => operations::ON_TOPIC,
                false => operations::UNKNOWN,
            },
            ..Default::default()
        }
    }
}

//! DescribeQuorum (key 55), versions 0 to 2: a quorum of one.

use std::borrow::Cow;

use super::addresses::advertised;
use super::{Context, Handling, ListenerKind, Services};
use crate::schema::clients::describe_quorum_request::DescribeQuorumRequest;
use crate::schema::clients::describe_quorum_response::{
    DescribeQuorumResponse, Listener, Node, PartitionData, ReplicaState, TopicData,
};
use crate::schema::{DecodeError, ErrorCode, Reader};

const METADATA_TOPIC: &str = "__cluster_metadata";

/// Describes.
pub(super) fn handle(
    services: &Services,
    ctx: &Context<'_>,
    mut body: Reader<'_>,
) -> Result<Handling, DecodeError> {
    let request = DescribeQuorumRequest::decode(&mut body, ctx.version)?;
    let (node, (_, log_end)) = (services.node_id.get(), services.metadata.image_and_offset());
    let state = ReplicaState {
        replica_id: node,
        replica_directory_id: services.directory_id.0,
        log_end_offset: log_end.get(),
        last_fetch_timestamp: ctx.now.get(),
        last_caught_up_timestamp: ctx.now.get(),
        ..Default::default()
    };
    let mut response = DescribeQuorumResponse::default();
    for topic in &request.topics {
        let partitions = topic.partitions.iter().map(|asked| {
            if topic.topic_name != METADATA_TOPIC || asked.partition_index != 0 {
                return PartitionData {
                    partition_index: asked.partition_index,
                    error_code: ErrorCode::UNKNOWN_TOPIC_OR_PARTITION.code(),
                    error_message: None,
                    ..Default::default()
                };
            }
            PartitionData {
                partition_index: 0,
                error_message: None,
                leader_id: node,
                leader_epoch: services.metadata.epoch().get(),
                high_watermark: log_end.get(),
                current_voters: vec![state.clone()],
                ..Default::default()
            }
        });
        response.topics.push(TopicData {
            topic_name: Cow::Borrowed(&*topic.topic_name),
            partitions: partitions.collect(),
            ..Default::default()
        });
    }
    let (host, port) = advertised(services, ctx);
    let config = services.config();
    let controller = config.controller_listener_names.first();
    let name = match ctx.kind {
        ListenerKind::Controller => ctx.listener.to_owned(),
        ListenerKind::Broker => controller.cloned().unwrap_or_else(|| ctx.listener.to_owned()),
    };
    let port = config.listeners.iter().find(|e| e.listener == name).map_or(port, |e| i32::from(e.port));
    response.nodes.push(Node {
        node_id: node,
        listeners: vec![Listener {
            name: Cow::Owned(name),
            host: Cow::Owned(host),
            port: u16::try_from(port).unwrap_or(0),
            ..Default::default()
        }],
        ..Default::default()
    });
    Ok(super::reply(ctx, |w| response.encode(w, ctx.version)))
}

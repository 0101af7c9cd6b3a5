//! DescribeCluster (key 60), versions 0 to 2: this node, as broker or as controller.

use std::borrow::Cow;

use super::addresses::advertised;
use super::operations;
use super::{Context, Handling, ListenerKind, Services};
use crate::schema::clients::describe_cluster_request::DescribeClusterRequest;
use crate::schema::clients::describe_cluster_response::{DescribeClusterBroker, DescribeClusterResponse};
use crate::schema::{DecodeError, ErrorCode, Reader};

/// `endpoint_type` of brokers and of controllers.
const BROKERS: i8 = 1;
const CONTROLLERS: i8 = 2;

/// Describes.
pub(super) fn handle(
    services: &Services,
    ctx: &Context<'_>,
    mut body: Reader<'_>,
) -> Result<Handling, DecodeError> {
    let request = DescribeClusterRequest::decode(&mut body, ctx.version)?;
    let served = if ctx.kind == ListenerKind::Controller { CONTROLLERS } else { BROKERS };
    if request.endpoint_type != served {
        let code = match request.endpoint_type {
            BROKERS | CONTROLLERS => ErrorCode::MISMATCHED_ENDPOINT_TYPE,
            _ => ErrorCode::UNSUPPORTED_ENDPOINT_TYPE,
        };
        let text = "this listener serves the other kind of endpoint";
        let response = DescribeClusterResponse {
            error_code: code.code(),
            error_message: Some(Cow::Borrowed(text)),
            ..Default::default()
        };
        return Ok(super::reply(ctx, |w| response.encode(w, ctx.version)));
    }
    let (host, port) = advertised(services, ctx);
    let config = services.config();
    let node = DescribeClusterBroker {
        broker_id: services.node_id.get(),
        host: Cow::Owned(host),
        port,
        rack: config.broker_rack.as_deref().map(Cow::Borrowed),
        ..Default::default()
    };
    let response = DescribeClusterResponse {
        endpoint_type: served,
        cluster_id: Cow::Borrowed(&services.cluster_id),
        controller_id: services.node_id.get(),
        brokers: vec![node],
        cluster_authorized_operations: match request.include_cluster_authorized_operations {
            true => operations::ON_CLUSTER,
            false => operations::UNKNOWN,
        },
        ..Default::default()
    };
    Ok(super::reply(ctx, |w| response.encode(w, ctx.version)))
}

//! ListConfigResources (key 74), versions 0 and 1: what has configs, or could have. Version 0 lists
//! client-metrics subscriptions.

use std::borrow::Cow;

use super::{Context, Handling, Services};
use crate::metadata::ResourceKind;
use crate::schema::clients::list_config_resources_request::ListConfigResourcesRequest;
use crate::schema::clients::list_config_resources_response::{ConfigResource, ListConfigResourcesResponse};
use crate::schema::{DecodeError, ErrorCode, Reader};

/// Kinds listed when the request names none.
const ALL: [i8; 5] = [
    ResourceKind::TOPIC.0,
    ResourceKind::BROKER.0,
    ResourceKind::BROKER_LOGGER.0,
    ResourceKind::CLIENT_METRICS.0,
    ResourceKind::GROUP.0,
];

/// Lists.
pub(super) fn handle(
    services: &Services,
    ctx: &Context<'_>,
    mut body: Reader<'_>,
) -> Result<Handling, DecodeError> {
    let request = ListConfigResourcesRequest::decode(&mut body, ctx.version)?;
    let kinds = match (ctx.version, request.resource_types.as_slice()) {
        (0, _) => vec![ResourceKind::CLIENT_METRICS.0],
        (_, []) => ALL.to_vec(),
        (_, kinds) => kinds.to_vec(),
    };
    if kinds.iter().any(|kind| !ALL.contains(kind)) {
        let code = ErrorCode::UNSUPPORTED_VERSION.code();
        let response = ListConfigResourcesResponse { error_code: code, ..Default::default() };
        return Ok(super::reply(ctx, |w| response.encode(w, ctx.version)));
    }
    let image = services.metadata.image();
    let mut found: Vec<(i8, String)> = Vec::new();
    for kind in ALL.into_iter().filter(|kind| kinds.contains(kind)) {
        match ResourceKind(kind) {
            ResourceKind::TOPIC => found.extend(image.topics().iter().map(|t| (kind, t.name.to_string()))),
            ResourceKind::BROKER | ResourceKind::BROKER_LOGGER => {
                found.push((kind, services.node_id.to_string()));
            }
            _ => {
                let of_kind = image.configs().iter().filter(|(resource, _)| resource.kind.0 == kind);
                found.extend(of_kind.map(|(resource, _)| (kind, resource.name.to_string())));
            }
        }
    }
    let config_resources = found.into_iter().map(|(resource_type, name)| ConfigResource {
        resource_type,
        resource_name: Cow::Owned(name),
        ..Default::default()
    });
    let response =
        ListConfigResourcesResponse { config_resources: config_resources.collect(), ..Default::default() };
    Ok(super::reply(ctx, |w| response.encode(w, ctx.version)))
}

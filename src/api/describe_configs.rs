//! DescribeConfigs (key 32), versions 1 to 4: values with their sources, synonyms, types and documentation.

use std::borrow::Cow;

use super::{Context, Handling, Services};
use crate::config::{
    Described, describe_broker, describe_client_metrics, describe_cluster_default, describe_group,
    describe_topic,
};
use crate::metadata::change::{Site, validate_topic_name};
use crate::metadata::{ConfigResource, Image, ResourceKind};
use crate::schema::clients::describe_configs_request::{DescribeConfigsRequest, DescribeConfigsResource};
use crate::schema::clients::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResponse, DescribeConfigsResult, DescribeConfigsSynonym,
};
use crate::schema::{DecodeError, ErrorCode, Reader};

/// Code and sentence for a resource that cannot be described.
type Refused = (ErrorCode, String);

/// Describes.
pub(super) fn handle(
    services: &Services,
    ctx: &Context<'_>,
    mut body: Reader<'_>,
) -> Result<Handling, DecodeError> {
    let request = DescribeConfigsRequest::decode(&mut body, ctx.version)?;
    let image = services.metadata.image();
    let results = request.resources.iter().map(|asked| {
        let mut result = DescribeConfigsResult {
            resource_type: asked.resource_type,
            resource_name: Cow::Borrowed(&*asked.resource_name),
            error_message: Some(Cow::Borrowed("")),
            ..Default::default()
        };
        match describe(services, &image, asked) {
            Ok(entries) => {
                // As in Kafka, a list that names nothing asks for everything.
                let keys = asked.configuration_keys.as_deref().filter(|keys| !keys.is_empty());
                let is_asked = |d: &Described| keys.is_none_or(|keys| keys.iter().any(|k| **k == d.name));
                let told = entries.into_iter().filter(is_asked);
                let entry = |d| entry(d, request.include_synonyms, request.include_documentation);
                result.configs = told.map(entry).collect();
            }
            Err((code, text)) => {
                result.error_code = code.code();
                result.error_message = Some(Cow::Owned(text));
            }
        }
        result
    });
    let response = DescribeConfigsResponse { results: results.collect(), ..Default::default() };
    Ok(super::reply(ctx, |w| response.encode(w, ctx.version)))
}

fn describe(
    services: &Services,
    image: &Image,
    asked: &DescribeConfigsResource<'_>,
) -> Result<Vec<Described>, Refused> {
    let layers = Site { node: services.node_id, settings: &services.settings }.layers(image);
    let name = &*asked.resource_name;
    let own = |kind| image.configs().of(&ConfigResource::new(kind, name));
    match ResourceKind(asked.resource_type) {
        ResourceKind::TOPIC => {
            validate_topic_name(name).map_err(|text| (ErrorCode::INVALID_TOPIC_EXCEPTION, text))?;
            if image.topics().by_name(name).is_none() {
                return Err((ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, format!("there is no topic {name}")));
            }
            Ok(describe_topic(&layers, own(ResourceKind::TOPIC)))
        }
        ResourceKind::BROKER if name.is_empty() => Ok(describe_cluster_default(layers.cluster)),
        ResourceKind::BROKER => {
            this_node(services, name)?;
            Ok(describe_broker(&layers))
        }
        ResourceKind::BROKER_LOGGER => {
            this_node(services, name)?;
            Ok(Vec::new())
        }
        ResourceKind::GROUP if name.is_empty() => {
            Err((ErrorCode::INVALID_REQUEST, "a group's name cannot be empty".to_owned()))
        }
        ResourceKind::GROUP => Ok(describe_group(&layers, own(ResourceKind::GROUP))),
        ResourceKind::CLIENT_METRICS if name.is_empty() => {
            Err((ErrorCode::INVALID_REQUEST, "a subscription's name cannot be empty".to_owned()))
        }
        ResourceKind::CLIENT_METRICS => Ok(describe_client_metrics(own(ResourceKind::CLIENT_METRICS))),
        ResourceKind(other) => {
            Err((ErrorCode::INVALID_REQUEST, format!("there is no kind of resource with number {other}")))
        }
    }
}

fn this_node(services: &Services, name: &str) -> Result<(), Refused> {
    let node = services.node_id;
    match name.parse::<i32>() {
        Ok(id) if id == node.get() => Ok(()),
        Ok(_) => Err((ErrorCode::INVALID_REQUEST, format!("broker {name} was asked, but this is {node}"))),
        Err(_) => Err((ErrorCode::INVALID_REQUEST, format!("`{name}` is not the number of a broker"))),
    }
}

fn entry(d: Described, synonyms: bool, documentation: bool) -> DescribeConfigsResourceResult<'static> {
    let synonyms = d.synonyms.into_iter().filter(|_| synonyms).map(|s| DescribeConfigsSynonym {
        name: Cow::Owned(s.name),
        value: s.value.map(Cow::Owned),
        source: s.source.code(),
        ..Default::default()
    });
    DescribeConfigsResourceResult {
        name: Cow::Owned(d.name),
        value: d.value.map(Cow::Owned),
        read_only: d.is_read_only,
        config_source: d.source.code(),
        is_sensitive: d.is_sensitive,
        synonyms: synonyms.collect(),
        config_type: d.kind.code(),
        documentation: d.doc.filter(|_| documentation).map(Cow::Borrowed),
        ..Default::default()
    }
}

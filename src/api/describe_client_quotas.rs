//! DescribeClientQuotas (key 48), versions 0 and 1: quotas are not enforced yet; what the metadata log has of
//! them is told.

use std::borrow::Cow;

use super::{Context, Handling, Services};
use crate::metadata::image::QuotaEntity;
use crate::schema::clients::describe_client_quotas_request::{ComponentData, DescribeClientQuotasRequest};
use crate::schema::clients::describe_client_quotas_response::{
    DescribeClientQuotasResponse, EntityData, EntryData, ValueData,
};
use crate::schema::{DecodeError, ErrorCode, Reader};

const EXACT: i8 = 0;
const DEFAULT: i8 = 1;
const SPECIFIED: i8 = 2;
const ENTITY_TYPES: [&str; 3] = ["user", "client-id", "ip"];

/// Describes.
pub(super) fn handle(
    services: &Services,
    ctx: &Context<'_>,
    mut body: Reader<'_>,
) -> Result<Handling, DecodeError> {
    let request = DescribeClientQuotasRequest::decode(&mut body, ctx.version)?;
    let image = services.metadata.image();
    let mut response = DescribeClientQuotasResponse::default();
    if let Some((code, text)) = refusal(&request) {
        response.error_code = code.code();
        response.error_message = Some(Cow::Borrowed(text));
        return Ok(super::reply(ctx, |w| response.encode(w, ctx.version)));
    }
    let matching = image.security().quotas().filter(|(entity, _)| matches(&request, entity));
    let entries = matching.map(|(entity, values)| EntryData {
        entity: entity
            .iter()
            .map(|(kind, name)| EntityData {
                entity_type: Cow::Borrowed(&**kind),
                entity_name: name.as_deref().map(Cow::Borrowed),
                ..Default::default()
            })
            .collect(),
        values: values
            .iter()
            .map(|(key, value)| ValueData { key: Cow::Borrowed(&**key), value: *value, ..Default::default() })
            .collect(),
        ..Default::default()
    });
    response.entries = Some(entries.collect());
    Ok(super::reply(ctx, |w| response.encode(w, ctx.version)))
}

fn refusal(request: &DescribeClientQuotasRequest<'_>) -> Option<(ErrorCode, &'static str)> {
    for (at, component) in request.components.iter().enumerate() {
        let kind = &*component.entity_type;
        if kind.is_empty() {
            return Some((ErrorCode::INVALID_REQUEST, "the type of an entity cannot be empty"));
        }
        if !ENTITY_TYPES.contains(&kind) {
            return Some((ErrorCode::UNSUPPORTED_VERSION, "there is no such type of entity"));
        }
        if request.components.iter().take(at).any(|c| c.entity_type == kind) {
            return Some((ErrorCode::INVALID_REQUEST, "a type of entity is named more than once"));
        }
        let names_one = component.r#match.is_some();
        if (component.match_type == EXACT) != names_one
            || !(EXACT..=SPECIFIED).contains(&component.match_type)
        {
            return Some((ErrorCode::INVALID_REQUEST, "match type and name do not go together"));
        }
    }
    None
}

fn matches(request: &DescribeClientQuotasRequest<'_>, entity: &QuotaEntity) -> bool {
    let part_of =
        |component: &ComponentData<'_>| entity.iter().find(|(kind, _)| **kind == *component.entity_type);
    let fits = |component: &ComponentData<'_>| match (component.match_type, part_of(component)) {
        (_, None) => false,
        (EXACT, Some((_, name))) => name.as_deref() == component.r#match.as_deref(),
        (DEFAULT, Some((_, name))) => name.is_none(),
        (_, Some(_)) => true,
    };
    request.components.iter().all(fits) && (!request.strict || entity.len() == request.components.len())
}

//! CreateTopics (key 19), versions 2 to 7. A leader is announced when its partition takes writes: the first
//! batch after the reply succeeds.

use super::decide::decide;
use super::{Context, Handling, Services};
use crate::metadata::change;
use crate::schema::clients::create_topics_request::CreateTopicsRequest;
use crate::schema::clients::create_topics_response::CreateTopicsResponse;
use crate::schema::{DecodeError, Reader};

/// Decides and answers.
pub(super) fn handle(
    services: &Services,
    ctx: &Context<'_>,
    mut body: Reader<'_>,
) -> Result<Handling, DecodeError> {
    let request = CreateTopicsRequest::decode(&mut body, ctx.version)?.into_static();
    let rng = std::sync::Arc::clone(&services.rng);
    Ok(decide(services, ctx, request, CreateTopicsResponse::encode, move |image, site, request| {
        change::create_topics(image, request, site, || rng.uuid())
    }))
}

//! DeleteTopics (key 20), versions 1 to 6: by name, and by id since version 6.

use super::decide::decide;
use super::{Context, Handling, Services};
use crate::metadata::change;
use crate::schema::clients::delete_topics_request::DeleteTopicsRequest;
use crate::schema::clients::delete_topics_response::DeleteTopicsResponse;
use crate::schema::{DecodeError, Reader};

/// Decides and answers.
pub(super) fn handle(
    services: &Services,
    ctx: &Context<'_>,
    mut body: Reader<'_>,
) -> Result<Handling, DecodeError> {
    let request = DeleteTopicsRequest::decode(&mut body, ctx.version)?.into_static();
    Ok(decide(services, ctx, request, DeleteTopicsResponse::encode, move |image, site, request| {
        change::delete_topics(image, request, site)
    }))
}

//! AlterConfigs (key 33), versions 0 to 2: replaces all configs of a resource.

use super::decide::decide;
use super::{Context, Handling, Services};
use crate::metadata::change;
use crate::schema::clients::alter_configs_request::AlterConfigsRequest;
use crate::schema::clients::alter_configs_response::AlterConfigsResponse;
use crate::schema::{DecodeError, Reader};

/// Decides and answers.
pub(super) fn handle(
    services: &Services,
    ctx: &Context<'_>,
    mut body: Reader<'_>,
) -> Result<Handling, DecodeError> {
    let request = AlterConfigsRequest::decode(&mut body, ctx.version)?.into_static();
    Ok(decide(services, ctx, request, AlterConfigsResponse::encode, move |image, site, request| {
        change::alter_configs(image, request, site)
    }))
}

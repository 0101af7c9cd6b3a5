//! IncrementalAlterConfigs (key 44), versions 0 and 1: set, delete, append, subtract.

use super::decide::decide;
use super::{Context, Handling, Services};
use crate::metadata::change;
use crate::schema::clients::incremental_alter_configs_request::IncrementalAlterConfigsRequest;
use crate::schema::clients::incremental_alter_configs_response::IncrementalAlterConfigsResponse;
use crate::schema::{DecodeError, Reader};

/// Decides and answers.
pub(super) fn handle(
    services: &Services,
    ctx: &Context<'_>,
    mut body: Reader<'_>,
) -> Result<Handling, DecodeError> {
    let request = IncrementalAlterConfigsRequest::decode(&mut body, ctx.version)?.into_static();
    Ok(decide(
        services,
        ctx,
        request,
        IncrementalAlterConfigsResponse::encode,
        move |image, site, request| change::incremental_alter_configs(image, request, site),
    ))
}

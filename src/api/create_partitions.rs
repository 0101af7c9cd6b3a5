//! CreatePartitions (key 37), versions 0 to 3.

use super::decide::decide;
use super::{Context, Handling, Services};
use crate::metadata::change;
use crate::schema::clients::create_partitions_request::CreatePartitionsRequest;
use crate::schema::clients::create_partitions_response::CreatePartitionsResponse;
use crate::schema::{DecodeError, Reader};

/// Decides and answers.
pub(super) fn handle(
    services: &Services,
    ctx: &Context<'_>,
    mut body: Reader<'_>,
) -> Result<Handling, DecodeError> {
    let request = CreatePartitionsRequest::decode(&mut body, ctx.version)?.into_static();
    Ok(decide(services, ctx, request, CreatePartitionsResponse::encode, move |image, _, request| {
        change::create_partitions(image, request)
    }))
}

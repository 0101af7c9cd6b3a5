//! ElectLeaders (key 43), versions 0 to 2: one replica leads already.

use super::decide::decide;
use super::{Context, Handling, Services};
use crate::metadata::change;
use crate::schema::clients::elect_leaders_request::ElectLeadersRequest;
use crate::schema::clients::elect_leaders_response::ElectLeadersResponse;
use crate::schema::{DecodeError, Reader};

/// Decides and answers.
pub(super) fn handle(
    services: &Services,
    ctx: &Context<'_>,
    mut body: Reader<'_>,
) -> Result<Handling, DecodeError> {
    let request = ElectLeadersRequest::decode(&mut body, ctx.version)?.into_static();
    Ok(decide(services, ctx, request, ElectLeadersResponse::encode, move |image, _, request| {
        change::elect_leaders(image, request)
    }))
}

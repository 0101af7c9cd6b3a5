//! UpdateFeatures (key 57), versions 0 to 2.

use super::decide::decide;
use super::{Context, Handling, Services};
use crate::metadata::change;
use crate::schema::clients::update_features_request::UpdateFeaturesRequest;
use crate::schema::clients::update_features_response::UpdateFeaturesResponse;
use crate::schema::{DecodeError, Reader};

/// Decides and answers.
pub(super) fn handle(
    services: &Services,
    ctx: &Context<'_>,
    mut body: Reader<'_>,
) -> Result<Handling, DecodeError> {
    let request = UpdateFeaturesRequest::decode(&mut body, ctx.version)?.into_static();
    let (version, kraft) = (ctx.version, services.metadata.quorum().kraft_version);
    Ok(decide(services, ctx, request, UpdateFeaturesResponse::encode, move |image, _, request| {
        change::update_features(image, request, version, kraft)
    }))
}

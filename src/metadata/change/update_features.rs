//! UpdateFeatures (KIP-584): all updates of a request or none.

use super::{Decision, Rejection};
use crate::metadata::Image;
use crate::metadata::features::{Feature, KRAFT_VERSION, METADATA_VERSION, metadata_version_name};
use crate::schema::ErrorCode;
use crate::schema::clients::update_features_request::{FeatureUpdateKey, UpdateFeaturesRequest};
use crate::schema::clients::update_features_response::{UpdatableFeatureResult, UpdateFeaturesResponse};
use crate::schema::metadata::MetadataRecord;
use crate::schema::metadata::clear_elr_record::ClearElrRecord;
use crate::schema::metadata::feature_level_record::FeatureLevelRecord;

/// How a feature may move, by the codes of the request.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Upgrade,
    SafeDowngrade,
    UnsafeDowngrade,
}

fn direction(update: &FeatureUpdateKey<'_>, version: i16) -> Option<Direction> {
    if version == 0 {
        return Some(if update.allow_downgrade { Direction::SafeDowngrade } else { Direction::Upgrade });
    }
    match update.upgrade_type {
        1 => Some(Direction::Upgrade),
        2 => Some(Direction::SafeDowngrade),
        3 => Some(Direction::UnsafeDowngrade),
        _ => None,
    }
}

/// Decides an UpdateFeatures request of `version`. `kraft_version` is the level of the quorum, which is kept
/// outside the image.
#[must_use]
pub fn update_features(
    image: &Image,
    request: &UpdateFeaturesRequest<'_>,
    version: i16,
    kraft_version: i16,
) -> Decision<UpdateFeaturesResponse<'static>> {
    let mut records = Vec::new();
    for update in &request.feature_updates {
        match decide(image, update, version, kraft_version) {
            Ok(decided) => records.extend(decided),
            Err(rejection) => {
                let text = rejection.message.unwrap_or_default();
                let reply = UpdateFeaturesResponse {
                    error_code: rejection.code.code(),
                    error_message: Some(format!("no feature was changed: {text}").into()),
                    ..Default::default()
                };
                return Decision::reply(reply);
            }
        }
    }
    // From version 2 on, success needs no entry for each feature (KIP-1022).
    let entry = |update: &FeatureUpdateKey<'_>| UpdatableFeatureResult {
        feature: update.feature.to_string().into(),
        error_message: None,
        ..Default::default()
    };
    let results = if version <= 1 { request.feature_updates.iter().map(entry).collect() } else { Vec::new() };
    let records = if request.validate_only { Vec::new() } else { records };
    Decision { records, reply: UpdateFeaturesResponse { error_message: None, results, ..Default::default() } }
}

fn decide(
    image: &Image,
    update: &FeatureUpdateKey<'_>,
    version: i16,
    kraft_version: i16,
) -> Result<Vec<MetadataRecord<'static>>, Rejection> {
    let (name, level) = (&*update.feature, update.max_version_level);
    let reject = |why: String| {
        Err(Rejection::new(ErrorCode::INVALID_UPDATE_VERSION, format!("{name} to level {level}: {why}")))
    };
    let Some(feature) = Feature::by_name(name) else {
        return reject("this feature is not known here".to_owned());
    };
    let Some(direction) = direction(update, version) else {
        return reject(format!("upgrade type {} is not known", update.upgrade_type));
    };
    if level < 0 {
        return reject("a level is 0 or more".to_owned());
    }
    if !(feature.min..=feature.max).contains(&level) {
        return reject(format!("this node supports levels {} to {}", feature.min, feature.max));
    }
    let current = if name == KRAFT_VERSION { kraft_version } else { image.feature(name) };
    if level == current {
        return Ok(Vec::new());
    }
    if name == KRAFT_VERSION {
        return reject("the quorum's version is chosen when the directory is formatted".to_owned());
    }
    if level < current && direction == Direction::Upgrade {
        return reject(format!("it is at level {current}; going back must be asked for as a downgrade"));
    }
    if name == METADATA_VERSION {
        if level < current {
            return reject(format!("going back from level {current} would lose metadata"));
        }
        if metadata_version_name(level).is_none() {
            return reject("this metadata.version has no name".to_owned());
        }
    } else if let Some(needed) = feature.needed_metadata_version(level)
        && image.feature(METADATA_VERSION) < needed
    {
        return reject(format!("it needs metadata.version {needed} first"));
    }
    let record =
        FeatureLevelRecord { name: name.to_owned().into(), feature_level: level, ..Default::default() };
    let mut records = vec![MetadataRecord::FeatureLevel(record)];
    if name == crate::metadata::features::ELR_VERSION && level == 0 {
        records.push(MetadataRecord::ClearElr(ClearElrRecord::default()));
    }
    Ok(records)
}

//! DeleteTopics, by name and by id.

use super::{Decision, Rejection, Site};
use crate::config::BrokerConfig;
use crate::metadata::{Image, Topic};
use crate::schema::ErrorCode;
use crate::schema::clients::delete_topics_request::{DeleteTopicState, DeleteTopicsRequest};
use crate::schema::clients::delete_topics_response::{DeletableTopicResult, DeleteTopicsResponse};
use crate::schema::metadata::MetadataRecord;
use crate::schema::metadata::remove_topic_record::RemoveTopicRecord;
use crate::types::Uuid;

/// Decides a DeleteTopics request of any version: `topic_names` up to version 5, `topics` from version 6.
#[must_use]
pub fn delete_topics(
    image: &Image,
    request: &DeleteTopicsRequest<'_>,
    site: Site<'_>,
) -> Decision<DeleteTopicsResponse<'static>> {
    let is_enabled = BrokerConfig::resolve(&site.layers(image)).delete_topic_enable;
    let named = request.topic_names.iter().map(|name| DeleteTopicState {
        name: Some(name.clone()),
        topic_id: Uuid::ZERO.0,
        ..Default::default()
    });
    let asked: Vec<DeleteTopicState<'_>> = named.chain(request.topics.iter().cloned()).collect();
    let mut records = Vec::new();
    let mut responses: Vec<DeletableTopicResult<'static>> = Vec::new();
    for topic in &asked {
        let outcome = match duplicate(image, &asked, topic) {
            Some(rejection) if responses.iter().any(|r| is_same(r, topic)) => {
                drop(rejection);
                continue;
            }
            Some(rejection) => Err(rejection),
            None if is_enabled => find(image, topic),
            None => Err(Rejection::new(ErrorCode::TOPIC_DELETION_DISABLED, "delete.topic.enable is false")),
        };
        responses.push(match outcome {
            Ok(found) => {
                let record = RemoveTopicRecord { topic_id: found.id.0, ..Default::default() };
                records.push(MetadataRecord::RemoveTopic(record));
                DeletableTopicResult {
                    name: Some(found.name.to_string().into()),
                    topic_id: found.id.0,
                    ..Default::default()
                }
            }
            Err(rejection) => DeletableTopicResult {
                name: topic.name.as_ref().map(|name| name.to_string().into()),
                topic_id: topic.topic_id,
                error_code: rejection.code.code(),
                error_message: rejection.text(),
                ..Default::default()
            },
        });
    }
    Decision { records, reply: DeleteTopicsResponse { responses, ..Default::default() } }
}

fn is_same(result: &DeletableTopicResult<'_>, topic: &DeleteTopicState<'_>) -> bool {
    result.name == topic.name && result.topic_id == topic.topic_id
}

fn find<'a>(image: &'a Image, topic: &DeleteTopicState<'_>) -> Result<&'a Topic, Rejection> {
    let id = Uuid(topic.topic_id);
    match &topic.name {
        Some(_) if !id.is_zero() => Err(Rejection::new(
            ErrorCode::INVALID_REQUEST,
            "a topic is named by its name or its id, not by both",
        )),
        None if id.is_zero() => Err(Rejection::new(
            ErrorCode::INVALID_REQUEST,
            "a topic is named by its name or its id; both are missing",
        )),
        Some(name) => image.topics().by_name(name).map(|t| &**t).ok_or_else(|| {
            Rejection::new(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, "there is no topic of that name")
        }),
        None => image
            .topics()
            .by_id(id)
            .map(|t| &**t)
            .ok_or_else(|| Rejection::new(ErrorCode::UNKNOWN_TOPIC_ID, "there is no topic of that id")),
    }
}

/// Whether the request means this topic twice, by name, by id, or once by each.
fn duplicate(
    image: &Image,
    asked: &[DeleteTopicState<'_>],
    topic: &DeleteTopicState<'_>,
) -> Option<Rejection> {
    let meant = |t: &DeleteTopicState<'_>| find(image, t).ok().map(|t| t.id);
    let is_twin = |other: &&DeleteTopicState<'_>| {
        (other.name == topic.name && other.topic_id == topic.topic_id)
            || meant(other).is_some_and(|id| meant(topic) == Some(id))
    };
    (asked.iter().filter(is_twin).count() > 1)
        .then(|| Rejection::new(ErrorCode::INVALID_REQUEST, "the request names this topic more than once"))
}

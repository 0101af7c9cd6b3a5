//! The reply to a request that could not be decided at all, because the metadata log took nothing: every
//! item of it carries the same code.

use crate::schema::clients::{
    alter_configs_request as alter, alter_configs_response as alter_reply,
    alter_partition_reassignments_request as reassign,
    alter_partition_reassignments_response as reassign_reply, create_partitions_request as partitions,
    create_partitions_response as partitions_reply, create_topics_request as create,
    create_topics_response as create_reply, delete_topics_request as delete,
    delete_topics_response as delete_reply, elect_leaders_request as elect,
    elect_leaders_response as elect_reply, incremental_alter_configs_request as incremental,
    incremental_alter_configs_response as incremental_reply, update_features_request as features,
    update_features_response as features_reply,
};
use crate::schema::{ErrorCode, Str};

/// A request that the controller decides.
pub trait Refuse {
    /// Its reply.
    type Reply;

    /// The reply that says of everything asked for that it was not done. `text` is for a person.
    fn refuse(&self, code: ErrorCode, text: &str) -> Self::Reply;
}

fn owned(text: &str) -> Option<Str<'static>> {
    Some(text.to_owned().into())
}

macro_rules! refuse {
    ($($request:ty => $reply:ty, |$asked:ident, $code:ident, $text:ident| $make:expr;)*) => {
        $(impl Refuse for $request {
            type Reply = $reply;

            fn refuse(&self, code: ErrorCode, text: &str) -> Self::Reply {
                let ($asked, $code, $text) = (self, code.code(), text);
                $make
            }
        })*
    };
}

refuse! {
    create::CreateTopicsRequest<'_> => create_reply::CreateTopicsResponse<'static>, |asked, code, text| {
        let topics = asked.topics.iter().map(|topic| create_reply::CreatableTopicResult {
            name: topic.name.to_string().into(),
            error_code: code,
            error_message: owned(text),
            configs: Some(Vec::new()),
            ..Default::default()
        });
        create_reply::CreateTopicsResponse { topics: topics.collect(), ..Default::default() }
    };
    delete::DeleteTopicsRequest<'_> => delete_reply::DeleteTopicsResponse<'static>, |asked, code, text| {
        let named = asked.topic_names.iter().map(|name| (Some(name.to_string().into()), [0; 16]));
        let listed = asked.topics.iter().map(|t| (t.name.as_ref().map(|n| n.to_string().into()), t.topic_id));
        let responses = named.chain(listed).map(|(name, topic_id)| delete_reply::DeletableTopicResult {
            name,
            topic_id,
            error_code: code,
            error_message: owned(text),
            ..Default::default()
        });
        delete_reply::DeleteTopicsResponse { responses: responses.collect(), ..Default::default() }
    };
    partitions::CreatePartitionsRequest<'_> => partitions_reply::CreatePartitionsResponse<'static>, |asked, code, text| {
        let results = asked.topics.iter().map(|topic| partitions_reply::CreatePartitionsTopicResult {
            name: topic.name.to_string().into(),
            error_code: code,
            error_message: owned(text),
            ..Default::default()
        });
        partitions_reply::CreatePartitionsResponse { results: results.collect(), ..Default::default() }
    };
    alter::AlterConfigsRequest<'_> => alter_reply::AlterConfigsResponse<'static>, |asked, code, text| {
        let responses = asked.resources.iter().map(|resource| alter_reply::AlterConfigsResourceResponse {
            error_code: code,
            error_message: owned(text),
            resource_type: resource.resource_type,
            resource_name: resource.resource_name.to_string().into(),
            ..Default::default()
        });
        alter_reply::AlterConfigsResponse { responses: responses.collect(), ..Default::default() }
    };
    incremental::IncrementalAlterConfigsRequest<'_> => incremental_reply::IncrementalAlterConfigsResponse<'static>, |asked, code, text| {
        let responses = asked.resources.iter().map(|resource| incremental_reply::AlterConfigsResourceResponse {
            error_code: code,
            error_message: owned(text),
            resource_type: resource.resource_type,
            resource_name: resource.resource_name.to_string().into(),
            ..Default::default()
        });
        incremental_reply::IncrementalAlterConfigsResponse { responses: responses.collect(), ..Default::default() }
    };
    elect::ElectLeadersRequest<'_> => elect_reply::ElectLeadersResponse<'static>, |_asked, code, _text| {
        elect_reply::ElectLeadersResponse { error_code: code, ..Default::default() }
    };
    reassign::AlterPartitionReassignmentsRequest<'_> => reassign_reply::AlterPartitionReassignmentsResponse<'static>, |_asked, code, text| {
        reassign_reply::AlterPartitionReassignmentsResponse {
            error_code: code,
            error_message: owned(text),
            ..Default::default()
        }
    };
    features::UpdateFeaturesRequest<'_> => features_reply::UpdateFeaturesResponse<'static>, |_asked, code, text| {
        features_reply::UpdateFeaturesResponse { error_code: code, error_message: owned(text), ..Default::default() }
    };
}

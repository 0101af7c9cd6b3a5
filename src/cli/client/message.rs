//! Which response belongs to which request.
use crate::schema::clients as m;
use crate::schema::{DecodeError, Reader, Writer};

/// A request of Kafka's protocol that the client sends, with its response.
pub trait Request {
    /// Number of the API.
    const API_KEY: i16;
    /// Lowest version that the schema knows.
    const MIN_VERSION: i16;
    /// Highest version that is sent.
    const MAX_VERSION: i16;
    /// The response; it borrows from its frame.
    type Response<'a>;

    /// Writes the request's body.
    fn encode(&self, writer: &mut Writer, version: i16);

    /// Reads the response's body.
    ///
    /// # Errors
    /// [`DecodeError`] if the bytes are not such a response.
    fn decode<'a>(reader: &mut Reader<'a>, version: i16) -> Result<Self::Response<'a>, DecodeError>;
}

macro_rules! requests {
    ($($module:ident :: $request:ident $(<$lt:lifetime>)? => $answer:ident :: $response:ident $(<$rt:lifetime>)?
        $(, up to $max:literal)?;)*) => {$(
        impl Request for m::$module::$request $(<$lt>)? {
            const API_KEY: i16 = m::$module::API_KEY;
            const MIN_VERSION: i16 = m::$module::MIN_VERSION;
            const MAX_VERSION: i16 = requests!(@max m::$module::MAX_VERSION $(, $max)?);
            type Response<'a> = m::$answer::$response $(<$rt>)?;

            fn encode(&self, writer: &mut Writer, version: i16) {
                Self::encode(self, writer, version);
            }

            fn decode<'a>(reader: &mut Reader<'a>, version: i16) -> Result<Self::Response<'a>, DecodeError> {
                m::$answer::$response::decode(reader, version)
            }
        }
    )*};
    (@max $schema:expr) => { $schema };
    (@max $schema:expr, $max:literal) => { $max };
}

requests! {
    api_versions_request::ApiVersionsRequest<'_> => api_versions_response::ApiVersionsResponse<'a>, up to 3;
    metadata_request::MetadataRequest<'_> => metadata_response::MetadataResponse<'a>;
    create_topics_request::CreateTopicsRequest<'_> => create_topics_response::CreateTopicsResponse<'a>;
    delete_topics_request::DeleteTopicsRequest<'_> => delete_topics_response::DeleteTopicsResponse<'a>;
    create_partitions_request::CreatePartitionsRequest<'_>
        => create_partitions_response::CreatePartitionsResponse<'a>;
    describe_configs_request::DescribeConfigsRequest<'_>
        => describe_configs_response::DescribeConfigsResponse<'a>;
    incremental_alter_configs_request::IncrementalAlterConfigsRequest<'_>
        => incremental_alter_configs_response::IncrementalAlterConfigsResponse<'a>;
    init_producer_id_request::InitProducerIdRequest<'_>
        => init_producer_id_response::InitProducerIdResponse, up to 5;
    produce_request::ProduceRequest<'_> => produce_response::ProduceResponse<'a>;
    list_offsets_request::ListOffsetsRequest<'_> => list_offsets_response::ListOffsetsResponse<'a>, up to 10;
    fetch_request::FetchRequest<'_> => fetch_response::FetchResponse<'a>, up to 17;
    find_coordinator_request::FindCoordinatorRequest<'_>
        => find_coordinator_response::FindCoordinatorResponse<'a>;
    list_groups_request::ListGroupsRequest<'_> => list_groups_response::ListGroupsResponse<'a>;
    describe_groups_request::DescribeGroupsRequest<'_> => describe_groups_response::DescribeGroupsResponse<'a>;
    consumer_group_describe_request::ConsumerGroupDescribeRequest<'_>
        => consumer_group_describe_response::ConsumerGroupDescribeResponse<'a>;
    delete_groups_request::DeleteGroupsRequest<'_> => delete_groups_response::DeleteGroupsResponse<'a>;
    offset_fetch_request::OffsetFetchRequest<'_> => offset_fetch_response::OffsetFetchResponse<'a>, up to 9;
    offset_commit_request::OffsetCommitRequest<'_> => offset_commit_response::OffsetCommitResponse<'a>, up to 9;
    offset_delete_request::OffsetDeleteRequest<'_> => offset_delete_response::OffsetDeleteResponse<'a>;
    // The coordinator of version 4 and later is asked by brokers.
    add_partitions_to_txn_request::AddPartitionsToTxnRequest<'_>
        => add_partitions_to_txn_response::AddPartitionsToTxnResponse<'a>, up to 3;
    // From version 5 on, the end of a transaction changes the producer's epoch.
    end_txn_request::EndTxnRequest<'_> => end_txn_response::EndTxnResponse, up to 4;
    join_group_request::JoinGroupRequest<'_> => join_group_response::JoinGroupResponse<'a>;
    sync_group_request::SyncGroupRequest<'_> => sync_group_response::SyncGroupResponse<'a>;
    heartbeat_request::HeartbeatRequest<'_> => heartbeat_response::HeartbeatResponse;
    leave_group_request::LeaveGroupRequest<'_> => leave_group_response::LeaveGroupResponse<'a>;
    consumer_group_heartbeat_request::ConsumerGroupHeartbeatRequest<'_>
        => consumer_group_heartbeat_response::ConsumerGroupHeartbeatResponse<'a>;
}

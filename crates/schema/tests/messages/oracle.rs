//! An independent implementation reads and writes the same bytes as the generated code.
use crate::grammar::{Rng, Schemas};
use kafka_protocol::messages as oracle;
use kafka_protocol::protocol::{Decodable, Encodable, Message, VersionRange};
use klamm_schema::MESSAGES;

/// Random messages for each version of each schema.
const ROUNDS: usize = 12;

type Recode = fn(&[u8], i16) -> Option<Vec<u8>>;

fn recode<T: Decodable + Encodable>(mut bytes: &[u8], version: i16) -> Option<Vec<u8>> {
    let message = T::decode(&mut bytes, version).ok()?;
    let mut out = Vec::new();
    message.encode(&mut out, version).ok()?;
    bytes.is_empty().then_some(out)
}

macro_rules! oracles {
    ($($name:ident)*) => {
        [$((stringify!($name), <oracle::$name as Message>::VERSIONS, recode::<oracle::$name> as Recode)),*]
    };
}

fn oracles() -> Vec<(&'static str, VersionRange, Recode)> {
    oracles![
        AddOffsetsToTxnRequest
        AddOffsetsToTxnResponse
        AddPartitionsToTxnRequest
        AddPartitionsToTxnResponse
        AddRaftVoterRequest
        AddRaftVoterResponse
        AllocateProducerIdsRequest
        AllocateProducerIdsResponse
        AlterClientQuotasRequest
        AlterClientQuotasResponse
        AlterConfigsRequest
        AlterConfigsResponse
        AlterPartitionReassignmentsRequest
        AlterPartitionReassignmentsResponse
        AlterPartitionRequest
        AlterPartitionResponse
        AlterReplicaLogDirsRequest
        AlterReplicaLogDirsResponse
        AlterShareGroupOffsetsRequest
        AlterShareGroupOffsetsResponse
        AlterUserScramCredentialsRequest
        AlterUserScramCredentialsResponse
        ApiVersionsRequest
        ApiVersionsResponse
        AssignReplicasToDirsRequest
        AssignReplicasToDirsResponse
        BeginQuorumEpochRequest
        BeginQuorumEpochResponse
        BrokerHeartbeatRequest
        BrokerHeartbeatResponse
        BrokerRegistrationRequest
        BrokerRegistrationResponse
        ConsumerGroupDescribeRequest
        ConsumerGroupDescribeResponse
        ConsumerGroupHeartbeatRequest
        ConsumerGroupHeartbeatResponse
        ConsumerProtocolAssignment
        ConsumerProtocolSubscription
        ControllerRegistrationRequest
        ControllerRegistrationResponse
        CreateAclsRequest
        CreateAclsResponse
        CreateDelegationTokenRequest
        CreateDelegationTokenResponse
        CreatePartitionsRequest
        CreatePartitionsResponse
        CreateTopicsRequest
        CreateTopicsResponse
        DefaultPrincipalData
        DeleteAclsRequest
        DeleteAclsResponse
        DeleteGroupsRequest
        DeleteGroupsResponse
        DeleteRecordsRequest
        DeleteRecordsResponse
        DeleteShareGroupOffsetsRequest
        DeleteShareGroupOffsetsResponse
        DeleteShareGroupStateRequest
        DeleteShareGroupStateResponse
        DeleteTopicsRequest
        DeleteTopicsResponse
        DescribeAclsRequest
        DescribeAclsResponse
        DescribeClientQuotasRequest
        DescribeClientQuotasResponse
        DescribeClusterRequest
        DescribeClusterResponse
        DescribeConfigsRequest
        DescribeConfigsResponse
        DescribeDelegationTokenRequest
        DescribeDelegationTokenResponse
        DescribeGroupsRequest
        DescribeGroupsResponse
        DescribeLogDirsRequest
        DescribeLogDirsResponse
        DescribeProducersRequest
        DescribeProducersResponse
        DescribeQuorumRequest
        DescribeQuorumResponse
        DescribeShareGroupOffsetsRequest
        DescribeShareGroupOffsetsResponse
        DescribeTopicPartitionsRequest
        DescribeTopicPartitionsResponse
        DescribeTransactionsRequest
        DescribeTransactionsResponse
        DescribeUserScramCredentialsRequest
        DescribeUserScramCredentialsResponse
        ElectLeadersRequest
        ElectLeadersResponse
        EndQuorumEpochRequest
        EndQuorumEpochResponse
        EndTxnMarker
        EndTxnRequest
        EndTxnResponse
        EnvelopeRequest
        EnvelopeResponse
        ExpireDelegationTokenRequest
        ExpireDelegationTokenResponse
        FetchRequest
        FetchResponse
        FetchSnapshotRequest
        FetchSnapshotResponse
        FindCoordinatorRequest
        FindCoordinatorResponse
        GetTelemetrySubscriptionsRequest
        GetTelemetrySubscriptionsResponse
        HeartbeatRequest
        HeartbeatResponse
        IncrementalAlterConfigsRequest
        IncrementalAlterConfigsResponse
        InitProducerIdRequest
        InitProducerIdResponse
        InitializeShareGroupStateRequest
        InitializeShareGroupStateResponse
        JoinGroupRequest
        JoinGroupResponse
        KRaftVersionRecord
        LeaderChangeMessage
        LeaveGroupRequest
        LeaveGroupResponse
        ListConfigResourcesRequest
        ListConfigResourcesResponse
        ListGroupsRequest
        ListGroupsResponse
        ListOffsetsRequest
        ListOffsetsResponse
        ListPartitionReassignmentsRequest
        ListPartitionReassignmentsResponse
        ListTransactionsRequest
        ListTransactionsResponse
        MetadataRequest
        MetadataResponse
        OffsetCommitRequest
        OffsetCommitResponse
        OffsetDeleteRequest
        OffsetDeleteResponse
        OffsetFetchRequest
        OffsetFetchResponse
        OffsetForLeaderEpochRequest
        OffsetForLeaderEpochResponse
        ProduceRequest
        ProduceResponse
        PushTelemetryRequest
        PushTelemetryResponse
        ReadShareGroupStateRequest
        ReadShareGroupStateResponse
        ReadShareGroupStateSummaryRequest
        ReadShareGroupStateSummaryResponse
        RemoveRaftVoterRequest
        RemoveRaftVoterResponse
        RenewDelegationTokenRequest
        RenewDelegationTokenResponse
        RequestHeader
        ResponseHeader
        SaslAuthenticateRequest
        SaslAuthenticateResponse
        SaslHandshakeRequest
        SaslHandshakeResponse
        ShareAcknowledgeRequest
        ShareAcknowledgeResponse
        ShareFetchRequest
        ShareFetchResponse
        ShareGroupDescribeRequest
        ShareGroupDescribeResponse
        ShareGroupHeartbeatRequest
        ShareGroupHeartbeatResponse
        SnapshotFooterRecord
        SnapshotHeaderRecord
        SyncGroupRequest
        SyncGroupResponse
        TxnOffsetCommitRequest
        TxnOffsetCommitResponse
        UnregisterBrokerRequest
        UnregisterBrokerResponse
        UpdateFeaturesRequest
        UpdateFeaturesResponse
        UpdateRaftVoterRequest
        UpdateRaftVoterResponse
        VoteRequest
        VoteResponse
        VotersRecord
        WriteShareGroupStateRequest
        WriteShareGroupStateResponse
        WriteTxnMarkersRequest
        WriteTxnMarkersResponse
    ]
    .to_vec()
}

#[test]
fn random_messages_are_written_back_as_they_were() {
    let (schemas, oracles, mut rng) = (Schemas::read(), oracles(), Rng(1));
    let (mut compared, mut failures) = (0, Vec::new());
    for m in MESSAGES {
        let oracle = oracles.iter().find(|(name, ..)| *name == m.name);
        for version in m.min_version..=m.max_version {
            for _ in 0..ROUNDS {
                let bytes = schemas.random(m.room, m.name, version, &mut rng);
                let ours = (m.recode)(&bytes, version);
                if ours.as_deref() != Ok(&bytes[..]) {
                    failures.push(format!("{} v{version}: {bytes:02x?} became {ours:02x?}", m.name));
                    break;
                }
                let Some((_, range, recode)) = oracle else { continue };
                if (range.min..=range.max).contains(&version) {
                    let theirs = recode(&bytes, version);
                    if theirs.as_deref() != Some(&bytes[..]) {
                        failures.push(format!(
                            "{} v{version}: {bytes:02x?}, the oracle has {theirs:02x?}",
                            m.name
                        ));
                        break;
                    }
                    compared += 1;
                }
            }
        }
    }
    assert!(
        failures.is_empty(),
        "{}",
        failures.join(
            "
"
        )
    );
    assert!(compared > 5000, "only {compared} messages were compared with the oracle");
}

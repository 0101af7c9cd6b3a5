//! ElectLeaders.

use super::{Decision, Rejection};
use crate::metadata::{Image, Partition};
use crate::schema::ErrorCode;
use crate::schema::clients::elect_leaders_request::ElectLeadersRequest;
use crate::schema::clients::elect_leaders_response::{
    ElectLeadersResponse, PartitionResult, ReplicaElectionResult,
};
use crate::schema::metadata::MetadataRecord;
use crate::schema::metadata::partition_change_record::PartitionChangeRecord;
use crate::types::{NodeId, TopicId};

/// Elect the preferred leader, the first replica.
const PREFERRED: i8 = 0;
/// Elect any live replica where there is no leader.
const UNCLEAN: i8 = 1;

/// Decides an ElectLeaders request. Asked for all partitions, it answers only for those it changed.
#[must_use]
pub fn elect_leaders(
    image: &Image,
    request: &ElectLeadersRequest<'_>,
) -> Decision<ElectLeadersResponse<'static>> {
    if !matches!(request.election_type, PREFERRED | UNCLEAN) {
        let error_code = ErrorCode::INVALID_REQUEST.code();
        return Decision::reply(ElectLeadersResponse { error_code, ..Default::default() });
    }
    let asked: Vec<(String, Vec<i32>)> = match &request.topic_partitions {
        Some(topics) => topics.iter().map(|t| (t.topic.to_string(), t.partitions.clone())).collect(),
        None => image
            .topics()
            .iter()
            .map(|t| (t.name.to_string(), t.partitions.keys().copied().collect()))
            .collect(),
    };
    let is_unclean = request.election_type == UNCLEAN;
    let mut records = Vec::new();
    let mut results = Vec::new();
    for (topic, partitions) in asked {
        let mut partition_result = Vec::new();
        for partition_id in partitions {
            let mut result = PartitionResult { partition_id, error_message: None, ..Default::default() };
            match elect(image, &topic, partition_id, is_unclean) {
                Ok(record) => records.push(MetadataRecord::PartitionChange(record)),
                Err(r) if r.code == ErrorCode::ELECTION_NOT_NEEDED && request.topic_partitions.is_none() => {
                    continue;
                }
                Err(rejection) => {
                    result.error_code = rejection.code.code();
                    result.error_message = rejection.text();
                }
            }
            partition_result.push(result);
        }
        results.push(ReplicaElectionResult { topic: topic.into(), partition_result, ..Default::default() });
    }
    Decision {
        records,
        reply: ElectLeadersResponse { replica_election_results: results, ..Default::default() },
    }
}

fn elect(
    image: &Image,
    topic: &str,
    index: i32,
    is_unclean: bool,
) -> Result<PartitionChangeRecord, Rejection> {
    let unknown = |what: String| Rejection::new(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, what);
    let found =
        image.topics().by_name(topic).ok_or_else(|| unknown(format!("there is no topic `{topic}`")))?;
    let partition = found
        .partitions
        .get(&index)
        .ok_or_else(|| unknown(format!("there is no partition {topic}-{index}")))?;
    let preferred = partition.replicas.first().copied();
    let is_settled = if is_unclean { partition.leader.is_some() } else { partition.leader == preferred };
    if is_settled {
        let text = "the partition has the leader that was asked for";
        return Err(Rejection::new(ErrorCode::ELECTION_NOT_NEEDED, text));
    }
    let live: Vec<NodeId> = image.cluster().live_brokers().collect();
    let candidate = if is_unclean {
        partition.replicas.iter().find(|n| live.contains(n)).copied()
    } else {
        preferred.filter(|n| live.contains(n) && partition.isr.contains(n))
    };
    let none = if is_unclean {
        ErrorCode::ELIGIBLE_LEADERS_NOT_AVAILABLE
    } else {
        ErrorCode::PREFERRED_LEADER_NOT_AVAILABLE
    };
    let leader = candidate.ok_or_else(|| Rejection::new(none, "no replica that may lead is available"))?;
    Ok(make_leader(found.id, index, partition, leader))
}

/// Makes a replica the leader; one outside the ISR becomes all of it and has yet to recover.
pub(super) fn make_leader(
    topic: TopicId,
    index: i32,
    partition: &Partition,
    leader: NodeId,
) -> PartitionChangeRecord {
    let is_in_sync = partition.isr.contains(&leader);
    PartitionChangeRecord {
        partition_id: index,
        topic_id: topic.0,
        leader: leader.0,
        isr: (!is_in_sync).then(|| vec![leader.0]),
        eligible_leader_replicas: (!partition.elr.is_empty()).then(Vec::new),
        last_known_elr: (!partition.last_known_elr.is_empty()).then(Vec::new),
        ..Default::default()
    }
}

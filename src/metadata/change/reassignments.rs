//! AlterPartitionReassignments and ListPartitionReassignments.
//!
//! Replicas move only between brokers, and there is one: what is asked is checked as Kafka checks it, and
//! the only assignment that passes is the one that is in force.

use super::assignment::Placer;
use super::{Decision, Rejection};
use crate::metadata::{Image, Partition};
use crate::schema::ErrorCode;
use crate::schema::clients::alter_partition_reassignments_request::AlterPartitionReassignmentsRequest;
use crate::schema::clients::alter_partition_reassignments_response::{
    AlterPartitionReassignmentsResponse, ReassignablePartitionResponse, ReassignableTopicResponse,
};
use crate::schema::clients::list_partition_reassignments_request::ListPartitionReassignmentsRequest;
use crate::schema::clients::list_partition_reassignments_response::{
    ListPartitionReassignmentsResponse, OngoingPartitionReassignment, OngoingTopicReassignment,
};
use crate::schema::metadata::MetadataRecord;
use crate::schema::metadata::partition_change_record::PartitionChangeRecord;
use crate::types::NodeId;

/// Decides an AlterPartitionReassignments request.
#[must_use]
pub fn alter_partition_reassignments(
    image: &Image,
    request: &AlterPartitionReassignmentsRequest<'_>,
) -> Decision<AlterPartitionReassignmentsResponse<'static>> {
    let mut records = Vec::new();
    let mut responses = Vec::new();
    for topic in &request.topics {
        let mut partitions = Vec::new();
        for asked in &topic.partitions {
            let partition_index = asked.partition_index;
            let mut response =
                ReassignablePartitionResponse { partition_index, error_message: None, ..Default::default() };
            let replicas = asked.replicas.as_deref();
            let may_grow = request.allow_replication_factor_change;
            match reassign(image, &topic.name, partition_index, replicas, may_grow) {
                Ok(record) => records.extend(record.map(MetadataRecord::PartitionChange)),
                Err(rejection) => {
                    response.error_code = rejection.code.code();
                    response.error_message = rejection.text();
                }
            }
            partitions.push(response);
        }
        let name = topic.name.to_string().into();
        responses.push(ReassignableTopicResponse { name, partitions, ..Default::default() });
    }
    let allow_replication_factor_change = request.allow_replication_factor_change;
    let reply = AlterPartitionReassignmentsResponse {
        allow_replication_factor_change,
        error_message: None,
        responses,
        ..Default::default()
    };
    Decision { records, reply }
}

fn reassign(
    image: &Image,
    topic: &str,
    index: i32,
    replicas: Option<&[i32]>,
    may_change_count: bool,
) -> Result<Option<PartitionChangeRecord>, Rejection> {
    let unknown = |text: String| Rejection::new(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, text);
    let found =
        image.topics().by_name(topic).ok_or_else(|| unknown(format!("there is no topic `{topic}`")))?;
    let partition = found
        .partitions
        .get(&index)
        .ok_or_else(|| unknown(format!("there is no partition {topic}-{index}")))?;
    let is_moving = !partition.adding.is_empty() || !partition.removing.is_empty();
    let Some(replicas) = replicas else {
        if !is_moving {
            return Err(Rejection::bare(ErrorCode::NO_REASSIGNMENT_IN_PROGRESS));
        }
        let kept = partition.replicas.iter().filter(|n| !partition.adding.contains(n)).map(|n| n.0).collect();
        return Ok(Some(settle(found.id.0, index, partition, kept)));
    };
    let placer = Placer::new(image);
    placer.check_manual(replicas, None)?;
    let count = partition.replicas.len().saturating_sub(partition.adding.len());
    if !may_change_count && replicas.len() != count {
        let text =
            format!("partition {topic}-{index} has {count} replicas, and {} are asked for", replicas.len());
        return Err(Rejection::new(ErrorCode::INVALID_REPLICATION_FACTOR, text));
    }
    let is_in_force = partition.replicas.iter().map(|n| n.0).eq(replicas.iter().copied());
    if is_in_force && !is_moving {
        return Ok(None);
    }
    if !replicas.iter().all(|id| partition.isr.contains(&NodeId(*id))) {
        let text = "replicas are not copied between brokers here";
        return Err(Rejection::new(ErrorCode::INVALID_REPLICA_ASSIGNMENT, text));
    }
    Ok(Some(settle(found.id.0, index, partition, replicas.to_vec())))
}

/// Ends a reassignment at these replicas, all of which are in sync already.
fn settle(
    topic_id: [u8; 16],
    partition_id: i32,
    partition: &Partition,
    replicas: Vec<i32>,
) -> PartitionChangeRecord {
    let in_sync: Vec<i32> = partition.isr.iter().map(|n| n.0).filter(|id| replicas.contains(id)).collect();
    let directory_of = |id: &i32| {
        let at = partition.replicas.iter().position(|n| n.0 == *id)?;
        partition.directories.get(at).map(|d| d.0)
    };
    let directories: Option<Vec<[u8; 16]>> = replicas.iter().map(directory_of).collect();
    let leader = partition.leader.filter(|l| replicas.contains(&l.0));
    let leader = if leader.is_some() {
        super::registration::SAME_LEADER
    } else {
        in_sync.first().copied().unwrap_or(-1)
    };
    PartitionChangeRecord {
        partition_id,
        topic_id,
        isr: Some(in_sync),
        replicas: Some(replicas),
        removing_replicas: (!partition.removing.is_empty()).then(Vec::new),
        adding_replicas: (!partition.adding.is_empty()).then(Vec::new),
        leader,
        directories,
        ..Default::default()
    }
}

/// Answers a ListPartitionReassignments request.
#[must_use]
pub fn list_partition_reassignments(
    image: &Image,
    request: &ListPartitionReassignmentsRequest<'_>,
) -> ListPartitionReassignmentsResponse<'static> {
    let is_asked = |topic: &str, index: i32| match &request.topics {
        None => true,
        Some(topics) => topics.iter().any(|t| t.name == topic && t.partition_indexes.contains(&index)),
    };
    let ids = |nodes: &[NodeId]| nodes.iter().map(|n| n.0).collect::<Vec<_>>();
    let mut topics = Vec::new();
    for topic in image.topics().iter() {
        let moving = topic.partitions.iter().filter(|(_, p)| !p.adding.is_empty() || !p.removing.is_empty());
        let partitions: Vec<_> = moving
            .filter(|(index, _)| is_asked(&topic.name, **index))
            .map(|(index, p)| OngoingPartitionReassignment {
                partition_index: *index,
                replicas: ids(&p.replicas),
                adding_replicas: ids(&p.adding),
                removing_replicas: ids(&p.removing),
                ..Default::default()
            })
            .collect();
        if !partitions.is_empty() {
            let name = topic.name.to_string().into();
            topics.push(OngoingTopicReassignment { name, partitions, ..Default::default() });
        }
    }
    ListPartitionReassignmentsResponse { error_message: None, topics, ..Default::default() }
}

//! CreatePartitions.

use super::assignment::Placer;
use super::create_topics::MAX_PARTITIONS_PER_REQUEST;
use super::{Decision, Rejection};
use crate::metadata::Image;
use crate::schema::ErrorCode;
use crate::schema::clients::create_partitions_request::{CreatePartitionsRequest, CreatePartitionsTopic};
use crate::schema::clients::create_partitions_response::{
    CreatePartitionsResponse, CreatePartitionsTopicResult,
};
use crate::schema::metadata::MetadataRecord;

/// Decides a CreatePartitions request.
#[must_use]
pub fn create_partitions(
    image: &Image,
    request: &CreatePartitionsRequest<'_>,
) -> Decision<CreatePartitionsResponse<'static>> {
    let mut placer = Placer::new(image);
    let mut records = Vec::new();
    let mut results: Vec<CreatePartitionsTopicResult<'static>> = Vec::new();
    for topic in &request.topics {
        let is_repeated = request.topics.iter().filter(|t| t.name == topic.name).count() > 1;
        if is_repeated && results.iter().any(|r| r.name == topic.name) {
            continue;
        }
        let outcome = if is_repeated {
            Err(Rejection::new(ErrorCode::INVALID_REQUEST, "the request names this topic more than once"))
        } else {
            add(image, &mut placer, topic)
        };
        let mut result =
            CreatePartitionsTopicResult { name: topic.name.to_string().into(), ..Default::default() };
        match outcome {
            Ok(added) => records.extend(added),
            Err(rejection) => {
                result.error_code = rejection.code.code();
                result.error_message = rejection.text();
            }
        }
        results.push(result);
    }
    let records = if request.validate_only { Vec::new() } else { records };
    Decision { records, reply: CreatePartitionsResponse { results, ..Default::default() } }
}

fn add(
    image: &Image,
    placer: &mut Placer<'_>,
    asked: &CreatePartitionsTopic<'_>,
) -> Result<Vec<MetadataRecord<'static>>, Rejection> {
    let topic =
        image.topics().by_name(&asked.name).ok_or(Rejection::bare(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION))?;
    let existing = i32::try_from(topic.partitions.len()).unwrap_or(i32::MAX);
    let replicas = topic.partitions.first_key_value().map_or(1, |(_, p)| p.replicas.len());
    if asked.count <= existing {
        let text =
            format!("topic `{}` has {existing} partitions, and {} are not more", topic.name, asked.count);
        return Err(Rejection::new(ErrorCode::INVALID_PARTITIONS, text));
    }
    let additional = asked.count.saturating_sub(existing);
    if i64::from(additional) > MAX_PARTITIONS_PER_REQUEST {
        let text = format!("one request can create at most {MAX_PARTITIONS_PER_REQUEST} partitions");
        return Err(Rejection::new(ErrorCode::POLICY_VIOLATION, text));
    }
    let assignments = match &asked.assignments {
        None => placer.spread(existing, asked.count, replicas)?,
        Some(manual) if manual.len() != usize::try_from(additional).unwrap_or(0) => {
            let text = format!("{additional} partitions are to be added, but {} are assigned", manual.len());
            return Err(Rejection::new(ErrorCode::INVALID_REPLICA_ASSIGNMENT, text));
        }
        Some(manual) => manual
            .iter()
            .map(|a| placer.check_manual(&a.broker_ids, Some(replicas)).map(|()| a.broker_ids.clone()))
            .collect::<Result<_, _>>()?,
    };
    (existing..)
        .zip(assignments)
        .map(|(index, brokers)| placer.partition(topic.id, index, brokers).map(MetadataRecord::Partition))
        .collect()
}

//! OffsetFetch (key 9), versions 1 to 10: how far groups have come. Up to version 7 a request is about one
//! group; topics go by name, and by id since version 10. A group that is not there is no error.

use super::groups::answer_all;
use super::{Context, Handling, Services};
use crate::coordinator::group::{Decision, fetch_error};
use crate::coordinator::runtime::Answer;
use crate::schema::clients::offset_fetch_request::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopics,
};
use crate::schema::clients::offset_fetch_response::{
    OffsetFetchResponse, OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponseTopic,
};
use crate::schema::{DecodeError, Reader};

/// First version that asks for several groups.
const GROUPS_FROM: i16 = 8;
/// First version with a code for the whole reply.
const ERROR_FROM: i16 = 2;

type Topics = Vec<(String, Vec<i32>)>;

/// Answers for each group.
pub(super) fn handle(
    services: &Services,
    ctx: &Context<'_>,
    mut body: Reader<'_>,
) -> Result<Handling, DecodeError> {
    let mut request = OffsetFetchRequest::decode(&mut body, ctx.version)?;
    if ctx.version < GROUPS_FROM {
        request.groups = vec![as_group(&request)];
    }
    let (stable, version) = (request.require_stable, ctx.version);
    let one = |group: &OffsetFetchRequestGroup<'_>| {
        services
            .groups
            .decide(&group.group_id, |shard, view| Decision::reply(shard.fetch(view, group, stable, version)))
    };
    let pending = request.groups.iter().map(one).collect();
    let ids: Vec<String> = request.groups.iter().map(|group| group.group_id.to_string()).collect();
    let asked = if version < ERROR_FROM { names_of(&request) } else { Topics::new() };
    Ok(answer_all(ctx, pending, move |answers, w, version| {
        let answer = |(answer, id): (Answer<_>, &String)| answer.unwrap_or_else(|code| fetch_error(id, code));
        let groups: Vec<OffsetFetchResponseGroup<'static>> =
            answers.into_iter().zip(&ids).map(answer).collect();
        let response = if version < GROUPS_FROM {
            groups.into_iter().next().map(|group| as_single(group, asked)).unwrap_or_default()
        } else {
            OffsetFetchResponse { groups, ..Default::default() }
        };
        response.encode(w, version);
    }))
}

/// A request about one group, in the form of those about several.
fn as_group<'a>(request: &OffsetFetchRequest<'a>) -> OffsetFetchRequestGroup<'a> {
    let topics = request.topics.as_ref().map(|topics| {
        let topic = |topic: &crate::schema::clients::offset_fetch_request::OffsetFetchRequestTopic<'a>| {
            OffsetFetchRequestTopics {
                name: topic.name.clone(),
                partition_indexes: topic.partition_indexes.clone(),
                ..Default::default()
            }
        };
        topics.iter().map(topic).collect()
    });
    OffsetFetchRequestGroup { group_id: request.group_id.clone(), topics, ..Default::default() }
}

fn names_of(request: &OffsetFetchRequest<'_>) -> Topics {
    let topics = request.topics.iter().flatten();
    topics.map(|topic| (topic.name.to_string(), topic.partition_indexes.clone())).collect()
}

/// The reply about one group. In version 1 an error stands at each partition that was `asked` for.
fn as_single(group: OffsetFetchResponseGroup<'static>, asked: Topics) -> OffsetFetchResponse<'static> {
    let code = group.error_code;
    let mut topics: Vec<OffsetFetchResponseTopic<'static>> = Vec::new();
    for topic in group.topics {
        let partition =
            |p: crate::schema::clients::offset_fetch_response::OffsetFetchResponsePartitions<'static>| {
                OffsetFetchResponsePartition {
                    partition_index: p.partition_index,
                    committed_offset: p.committed_offset,
                    committed_leader_epoch: p.committed_leader_epoch,
                    metadata: p.metadata,
                    error_code: p.error_code,
                    ..Default::default()
                }
            };
        let partitions = topic.partitions.into_iter().map(partition).collect();
        topics.push(OffsetFetchResponseTopic { name: topic.name, partitions, ..Default::default() });
    }
    if code != 0 {
        let nothing = |index| OffsetFetchResponsePartition {
            partition_index: index,
            committed_offset: -1,
            committed_leader_epoch: -1,
            metadata: Some("".into()),
            error_code: code,
            ..Default::default()
        };
        topics.extend(asked.into_iter().map(|(name, indexes)| OffsetFetchResponseTopic {
            name: name.into(),
            partitions: indexes.into_iter().map(nothing).collect(),
            ..Default::default()
        }));
    }
    OffsetFetchResponse { error_code: code, topics, ..Default::default() }
}

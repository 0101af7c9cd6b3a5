//! OffsetCommit and OffsetDelete.

use std::sync::Arc;

use super::consumer::CommitCheck;
use super::timers::Timer;
use super::{Decision, Group, GroupError, GroupShard, Outcome, TopicInfo, View};
use crate::coordinator::record::CoordinatorRecord;
use crate::schema::ErrorCode;
use crate::schema::clients::offset_commit_request::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use crate::schema::clients::offset_commit_response::{
    OffsetCommitResponse, OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use crate::schema::clients::offset_delete_request::{OffsetDeleteRequest, OffsetDeleteRequestTopic};
use crate::schema::clients::offset_delete_response::{
    OffsetDeleteResponse, OffsetDeleteResponsePartition, OffsetDeleteResponseTopic,
};
use crate::schema::group_coordinator::offset_commit_key::OffsetCommitKey;
use crate::schema::group_coordinator::offset_commit_value::OffsetCommitValue;

/// From this version on a commit names topics by their ids.
const TOPIC_IDS_FROM: i16 = 10;
/// From this version on a client knows that a group may not be there.
const GROUP_NOT_FOUND_FROM: i16 = 9;

/// The record of an offset; `None` deletes it.
#[must_use]
pub fn offset_record(
    (group, topic, partition): (&str, &str, i32),
    value: Option<OffsetCommitValue<'static>>,
) -> CoordinatorRecord<'static> {
    let (group, topic) = (group.to_owned().into(), topic.to_owned().into());
    CoordinatorRecord::OffsetCommit { key: OffsetCommitKey { group, topic, partition }, value }
}

/// The reply that gives every partition of a commit the same error.
#[must_use]
pub fn commit_error(request: &OffsetCommitRequest<'_>, code: ErrorCode) -> OffsetCommitResponse<'static> {
    let topics = request.topics.iter().map(|topic| reply_topic(topic, |_| code)).collect();
    OffsetCommitResponse { topics, ..Default::default() }
}

fn reply_topic(
    topic: &OffsetCommitRequestTopic<'_>,
    code: impl Fn(&OffsetCommitRequestPartition<'_>) -> ErrorCode,
) -> OffsetCommitResponseTopic<'static> {
    let reply = |partition: &OffsetCommitRequestPartition<'_>| OffsetCommitResponsePartition {
        partition_index: partition.partition_index,
        error_code: code(partition).code(),
        ..Default::default()
    };
    OffsetCommitResponseTopic {
        name: topic.name.to_string().into(),
        topic_id: topic.topic_id,
        partitions: topic.partitions.iter().map(reply).collect(),
        ..Default::default()
    }
}

impl GroupShard {
    /// A group has come so far.
    pub fn commit(
        &mut self,
        view: &View<'_>,
        request: &OffsetCommitRequest<'_>,
        version: i16,
    ) -> Decision<OffsetCommitResponse<'static>> {
        let topic_of = |topic: &OffsetCommitRequestTopic<'_>| {
            if version >= TOPIC_IDS_FROM {
                view.cluster.topic_by_id(topic.topic_id.into()).ok_or(ErrorCode::UNKNOWN_TOPIC_ID)
            } else {
                view.cluster.topic(&topic.name).ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)
            }
        };
        let found: Vec<Result<TopicInfo, ErrorCode>> = request.topics.iter().map(topic_of).collect();
        let verdict = if found.iter().any(Result::is_ok) {
            self.validate_commit(view, request, version).map_err(|error| error.code)
        } else {
            Ok(CommitCheck::All)
        };
        let max_note = usize::try_from(view.config.offset_metadata_max_bytes).unwrap_or(0);
        let check = |info: &TopicInfo, partition: &OffsetCommitRequestPartition<'_>| {
            if !(0..info.partitions).contains(&partition.partition_index) {
                return ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
            }
            let verdict = verdict.as_ref().map_err(|code| *code);
            match verdict.and_then(|check| check.partition(info.id, partition.partition_index)) {
                Err(code) => code,
                Ok(()) if is_longer(partition.committed_metadata.as_deref(), max_note) => {
                    ErrorCode::OFFSET_METADATA_TOO_LARGE
                }
                Ok(()) => ErrorCode::NONE,
            }
        };
        Decision::collect(|changes| {
            let mut topics = Vec::with_capacity(request.topics.len());
            for (topic, found) in request.topics.iter().zip(&found) {
                let info = match found {
                    Ok(info) => info,
                    Err(code) => {
                        topics.push(reply_topic(topic, |_| *code));
                        continue;
                    }
                };
                topics.push(reply_topic(topic, |partition| check(info, partition)));
                for partition in topic.partitions.iter().filter(|p| check(info, p).is_none()) {
                    let key = (request.group_id.as_ref(), info.name.as_ref(), partition.partition_index);
                    let value = value_of(view, request.retention_time_ms, info, partition);
                    changes.push(offset_record(key, Some(value)));
                }
            }
            Outcome::Reply(OffsetCommitResponse { topics, ..Default::default() })
        })
    }

    /// Whether the sender may commit for the group; a member of a classic group has given a sign of life.
    fn validate_commit(
        &mut self,
        view: &View<'_>,
        request: &OffsetCommitRequest<'_>,
        version: i16,
    ) -> Result<CommitCheck, GroupError> {
        let epoch = request.generation_id_or_member_epoch;
        let instance = request.group_instance_id.as_deref();
        let not_found = || {
            let message = format!("there is no group {}", request.group_id);
            GroupError::new(ErrorCode::GROUP_ID_NOT_FOUND, message)
        };
        match self.groups.get(request.group_id.as_ref()) {
            // Whoever keeps offsets without being a member begins a group by this.
            None if epoch < 0 => Ok(CommitCheck::All),
            None if version >= GROUP_NOT_FOUND_FROM => Err(not_found()),
            None => Err(ErrorCode::ILLEGAL_GENERATION.into()),
            Some(Group::Share | Group::Streams) => Err(not_found()),
            Some(Group::Consumer(group)) => {
                group.validate_commit(&request.member_id, instance, epoch, false, version)
            }
            Some(Group::Classic(group)) => {
                group.validate_commit(&request.member_id, instance, epoch, false)?;
                if let Some(member) = group.members().get(request.member_id.as_ref()) {
                    let timer = Timer::ClassicSession {
                        group: Arc::clone(&group.id),
                        member: Arc::clone(&member.id),
                    };
                    let due = view.tick.saturating_add(i64::from(member.session_timeout_ms));
                    self.timers.set(timer, due);
                }
                Ok(CommitCheck::All)
            }
        }
    }

    /// Forgets offsets of topics that nobody in the group reads.
    pub fn delete_offsets(
        &mut self,
        view: &View<'_>,
        request: &OffsetDeleteRequest<'_>,
    ) -> Decision<OffsetDeleteResponse<'static>> {
        let refuse = |code: ErrorCode| {
            Decision::reply(OffsetDeleteResponse { error_code: code.code(), ..Default::default() })
        };
        if request.group_id.is_empty() {
            return refuse(ErrorCode::INVALID_GROUP_ID);
        }
        let group = match self.group(&request.group_id) {
            None | Some(Group::Share | Group::Streams) => return refuse(ErrorCode::GROUP_ID_NOT_FOUND),
            Some(Group::Classic(group)) if !group.is_empty() && !group.is_consumers() => {
                return refuse(ErrorCode::NON_EMPTY_GROUP);
            }
            Some(group) => group,
        };
        let code_of = |topic: &str, partition: i32| match view.cluster.topic(topic) {
            Some(info) if (0..info.partitions).contains(&partition) => {
                if group.is_subscribed(topic) {
                    ErrorCode::GROUP_SUBSCRIBED_TO_TOPIC
                } else {
                    ErrorCode::NONE
                }
            }
            _ => ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
        };
        Decision::collect(|changes| {
            let mut topics = Vec::with_capacity(request.topics.len());
            for topic in &request.topics {
                topics.push(deleted_topic(topic, |partition| code_of(&topic.name, partition)));
                for partition in topic.partitions.iter().map(|p| p.partition_index) {
                    let key = (request.group_id.as_ref(), topic.name.as_ref(), partition);
                    let is_there = self.offsets.get(key.0, key.1, key.2).is_some()
                        || self.offsets.is_pending(key.0, key.1, key.2);
                    if is_there && code_of(key.1, partition).is_none() {
                        changes.push(offset_record(key, None));
                    }
                }
            }
            Outcome::Reply(OffsetDeleteResponse { topics, ..Default::default() })
        })
    }
}

fn deleted_topic(
    topic: &OffsetDeleteRequestTopic<'_>,
    code: impl Fn(i32) -> ErrorCode,
) -> OffsetDeleteResponseTopic<'static> {
    let partitions = topic.partitions.iter().map(|partition| OffsetDeleteResponsePartition {
        partition_index: partition.partition_index,
        error_code: code(partition.partition_index).code(),
    });
    OffsetDeleteResponseTopic { name: topic.name.to_string().into(), partitions: partitions.collect() }
}

/// Whether a note is longer than allowed, counted as Java counts.
pub(super) fn is_longer(note: Option<&str>, max: usize) -> bool {
    note.is_some_and(|note| note.len() > max && note.encode_utf16().count() > max)
}

fn value_of(
    view: &View<'_>,
    retention_ms: i64,
    info: &TopicInfo,
    partition: &OffsetCommitRequestPartition<'_>,
) -> OffsetCommitValue<'static> {
    let expires = (retention_ms != -1).then(|| view.now.get().saturating_add(retention_ms));
    OffsetCommitValue {
        offset: partition.committed_offset,
        leader_epoch: partition.committed_leader_epoch,
        metadata: partition.committed_metadata.as_deref().unwrap_or_default().to_owned().into(),
        commit_timestamp: view.now.get(),
        expire_timestamp: expires.unwrap_or(-1),
        topic_id: info.id.0,
        ..Default::default()
    }
}

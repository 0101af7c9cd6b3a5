//! TxnOffsetCommit: offsets that wait for the end of a transaction.

use super::commit::{is_longer, offset_record};
use super::consumer::CommitCheck;
use super::{Decision, Group, GroupError, GroupShard, Outcome, TopicInfo, View};
use crate::schema::ErrorCode;
use crate::schema::clients::txn_offset_commit_request::{
    TxnOffsetCommitRequest, TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use crate::schema::clients::txn_offset_commit_response::{
    TxnOffsetCommitResponse, TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic,
};
use crate::schema::group_coordinator::offset_commit_value::OffsetCommitValue;
use crate::types::{ProducerEpoch, ProducerId, Uuid};

/// From this version on topics go by their ids, and clients know the codes of consumer groups.
const TOPIC_IDS_FROM: i16 = 6;

/// The reply that gives every partition of a commit the same error.
#[must_use]
pub fn txn_commit_error(
    request: &TxnOffsetCommitRequest<'_>,
    code: ErrorCode,
) -> TxnOffsetCommitResponse<'static> {
    let topics = request.topics.iter().map(|topic| reply_topic(topic, |_| code)).collect();
    TxnOffsetCommitResponse { topics, ..Default::default() }
}

fn reply_topic(
    topic: &TxnOffsetCommitRequestTopic<'_>,
    code: impl Fn(&TxnOffsetCommitRequestPartition<'_>) -> ErrorCode,
) -> TxnOffsetCommitResponseTopic<'static> {
    let reply = |partition: &TxnOffsetCommitRequestPartition<'_>| TxnOffsetCommitResponsePartition {
        partition_index: partition.partition_index,
        error_code: code(partition).code(),
        ..Default::default()
    };
    TxnOffsetCommitResponseTopic {
        name: topic.name.to_string().into(),
        topic_id: topic.topic_id,
        partitions: topic.partitions.iter().map(reply).collect(),
        ..Default::default()
    }
}

impl GroupShard {
    /// A group has come so far, if the producer's transaction is committed.
    pub fn commit_in_transaction(
        &mut self,
        view: &View<'_>,
        request: &TxnOffsetCommitRequest<'_>,
        version: i16,
    ) -> Decision<TxnOffsetCommitResponse<'static>> {
        let by_id = version >= TOPIC_IDS_FROM;
        let topic_of = |topic: &TxnOffsetCommitRequestTopic<'_>| {
            if by_id {
                view.cluster.topic_by_id(topic.topic_id.into()).ok_or(ErrorCode::UNKNOWN_TOPIC_ID)
            } else {
                view.cluster.topic(&topic.name).ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)
            }
        };
        let verdict = self.validate_txn_commit(request, version).map_err(|error| match error.code {
            ErrorCode::STALE_MEMBER_EPOCH if !by_id => ErrorCode::ILLEGAL_GENERATION,
            code => code,
        });
        let max_note = usize::try_from(view.config.offset_metadata_max_bytes).unwrap_or(0);
        let check = |info: &TopicInfo, partition: &TxnOffsetCommitRequestPartition<'_>| {
            if !(0..info.partitions).contains(&partition.partition_index) {
                return ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
            }
            let verdict = verdict.as_ref().map_err(|code| *code);
            match verdict.and_then(|check| check.partition(info.id, partition.partition_index)) {
                Err(ErrorCode::STALE_MEMBER_EPOCH) if !by_id => ErrorCode::ILLEGAL_GENERATION,
                Err(code) => code,
                Ok(()) if is_longer(partition.committed_metadata.as_deref(), max_note) => {
                    ErrorCode::OFFSET_METADATA_TOO_LARGE
                }
                Ok(()) => ErrorCode::NONE,
            }
        };
        Decision::collect(|changes| {
            changes.producer = Some((ProducerId(request.producer_id), ProducerEpoch(request.producer_epoch)));
            let mut topics = Vec::with_capacity(request.topics.len());
            for topic in &request.topics {
                let info = match topic_of(topic) {
                    Ok(info) => info,
                    Err(code) => {
                        topics.push(reply_topic(topic, |_| code));
                        continue;
                    }
                };
                topics.push(reply_topic(topic, |partition| check(&info, partition)));
                for partition in topic.partitions.iter().filter(|p| check(&info, p).is_none()) {
                    let key = (request.group_id.as_ref(), info.name.as_ref(), partition.partition_index);
                    let value = OffsetCommitValue {
                        offset: partition.committed_offset,
                        leader_epoch: partition.committed_leader_epoch,
                        metadata: partition
                            .committed_metadata
                            .as_deref()
                            .unwrap_or_default()
                            .to_owned()
                            .into(),
                        commit_timestamp: view.now.get(),
                        // As Kafka has it: only a client that names the topic by its id is sure of it.
                        topic_id: if by_id { info.id } else { Uuid::ZERO }.0,
                        ..Default::default()
                    };
                    changes.push(offset_record(key, Some(value)));
                }
            }
            Outcome::Reply(TxnOffsetCommitResponse { topics, ..Default::default() })
        })
    }

    fn validate_txn_commit(
        &self,
        request: &TxnOffsetCommitRequest<'_>,
        version: i16,
    ) -> Result<CommitCheck, GroupError> {
        let epoch = request.generation_id_or_member_epoch;
        let instance = request.group_instance_id.as_deref();
        match self.group(&request.group_id) {
            // Whoever keeps offsets without being a member begins a group by this.
            None if epoch < 0 => Ok(CommitCheck::All),
            None | Some(Group::Share | Group::Streams) if version >= TOPIC_IDS_FROM => {
                Err(ErrorCode::GROUP_ID_NOT_FOUND.into())
            }
            None | Some(Group::Share | Group::Streams) => Err(ErrorCode::ILLEGAL_GENERATION.into()),
            Some(Group::Consumer(group)) => {
                group.validate_commit(&request.member_id, instance, epoch, true, version)
            }
            Some(Group::Classic(group)) => {
                group.validate_commit(&request.member_id, instance, epoch, true)?;
                Ok(CommitCheck::All)
            }
        }
    }
}

//! From what a request names to a partition, or to Kafka's error code; and from errors to codes.

use std::sync::Arc;

use super::Services;
use crate::log::LogError;
use crate::partition::{Partition, PartitionError};
use crate::schema::ErrorCode;
use crate::types::Uuid;

/// Finds a partition by the topic's name.
pub(super) fn by_name(services: &Services, topic: &str, index: i32) -> Result<Arc<Partition>, ErrorCode> {
    let image = services.metadata.image();
    let topic = image.topics().by_name(topic).ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?;
    find(services, topic.id, index)
}

/// Finds a partition by the topic's id.
pub(super) fn by_id(services: &Services, id: Uuid, index: i32) -> Result<Arc<Partition>, ErrorCode> {
    let image = services.metadata.image();
    let topic = image.topics().by_id(id).ok_or(ErrorCode::UNKNOWN_TOPIC_ID)?;
    find(services, topic.id, index)
}

fn find(services: &Services, id: Uuid, index: i32) -> Result<Arc<Partition>, ErrorCode> {
    match services.partitions.get(id, index) {
        Some(partition) if partition.is_gone() => Err(gone_code(&partition)),
        Some(partition) => Ok(partition),
        None => {
            let image = services.metadata.image();
            let known = image.topics().by_id(id).is_some_and(|topic| topic.partitions.contains_key(&index));
            Err(if known { ErrorCode::KAFKA_STORAGE_ERROR } else { ErrorCode::UNKNOWN_TOPIC_OR_PARTITION })
        }
    }
}

/// Kafka's code for a partition that failed or was deleted.
pub(super) fn gone_code(partition: &Partition) -> ErrorCode {
    if partition.is_deleted() {
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
    } else {
        ErrorCode::KAFKA_STORAGE_ERROR
    }
}

/// Kafka's code for what a log says.
pub(super) fn log_code(error: &LogError) -> ErrorCode {
    match error {
        LogError::OutOfOrderSequence { .. } => ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER,
        LogError::InvalidProducerEpoch { .. } => ErrorCode::INVALID_PRODUCER_EPOCH,
        LogError::InvalidTransactionState { .. } => ErrorCode::INVALID_TXN_STATE,
        LogError::CoordinatorFenced { .. } => ErrorCode::TRANSACTION_COORDINATOR_FENCED,
        LogError::BatchTooLarge { .. } => ErrorCode::RECORD_LIST_TOO_LARGE,
        LogError::InvalidBatch(_) => ErrorCode::CORRUPT_MESSAGE,
        LogError::OffsetOutOfRange { .. } => ErrorCode::OFFSET_OUT_OF_RANGE,
        LogError::Locked(_)
        | LogError::NotLocal { .. }
        | LogError::Remote(_)
        | LogError::NoSpace { .. }
        | LogError::TooManyFiles { .. }
        | LogError::Offline { .. }
        | LogError::Damaged { .. }
        | LogError::UnsupportedFormat { .. }
        | LogError::Corrupt { .. }
        | LogError::Io { .. } => ErrorCode::KAFKA_STORAGE_ERROR,
    }
}

/// Kafka's code for what a partition says.
pub(super) fn partition_code(error: &PartitionError) -> ErrorCode {
    match error {
        PartitionError::FencedLeaderEpoch { .. } => ErrorCode::FENCED_LEADER_EPOCH,
        PartitionError::UnknownLeaderEpoch { .. } => ErrorCode::UNKNOWN_LEADER_EPOCH,
        PartitionError::Log(error) => log_code(error),
    }
}

//! AlterReplicaLogDirs (key 34), versions 1 and 2: replicas stay where they are. To the directory where
//! one lies already the answer is yes; moving it elsewhere is not supported.

use std::borrow::Cow;
use std::path::Path;

use super::lookup::by_name;
use super::{Context, Handling, Services};
use crate::schema::clients::alter_replica_log_dirs_request::AlterReplicaLogDirsRequest;
use crate::schema::clients::alter_replica_log_dirs_response::{
    AlterReplicaLogDirPartitionResult, AlterReplicaLogDirTopicResult, AlterReplicaLogDirsResponse,
};
use crate::schema::{DecodeError, ErrorCode, Reader};

/// Answers.
pub(super) fn handle(
    services: &Services,
    ctx: &Context<'_>,
    mut body: Reader<'_>,
) -> Result<Handling, DecodeError> {
    let request = AlterReplicaLogDirsRequest::decode(&mut body, ctx.version)?;
    let mut results = Vec::new();
    for dir in &request.dirs {
        for topic in &dir.topics {
            let partitions = topic.partitions.iter().map(|&partition_index| {
                let code = answer(services, Path::new(&*dir.path), &topic.name, partition_index);
                AlterReplicaLogDirPartitionResult {
                    partition_index,
                    error_code: code.code(),
                    ..Default::default()
                }
            });
            results.push(AlterReplicaLogDirTopicResult {
                topic_name: Cow::Borrowed(&*topic.name),
                partitions: partitions.collect(),
                ..Default::default()
            });
        }
    }
    let response = AlterReplicaLogDirsResponse { results, ..Default::default() };
    Ok(super::reply(ctx, |w| response.encode(w, ctx.version)))
}

fn answer(services: &Services, dir: &Path, topic: &str, index: i32) -> ErrorCode {
    if !services.log_dirs.contains(dir) {
        return ErrorCode::LOG_DIR_NOT_FOUND;
    }
    match by_name(services, topic, index) {
        // Kafka would place a replica to come there.
        Err(_) => ErrorCode::REPLICA_NOT_AVAILABLE,
        Ok(leader) if leader.directory() == dir => ErrorCode::NONE,
        Ok(_) => ErrorCode::KAFKA_STORAGE_ERROR,
    }
}

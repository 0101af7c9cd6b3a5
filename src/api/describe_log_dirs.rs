//! DescribeLogDirs (key 35), versions 1 to 5: log directories, their space, and what lies in them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::{Context, Handling, Services};
use crate::schema::clients::describe_log_dirs_request::DescribeLogDirsRequest;
use crate::schema::clients::describe_log_dirs_response::{
    DescribeLogDirsPartition, DescribeLogDirsResponse, DescribeLogDirsResult, DescribeLogDirsTopic,
};
use crate::schema::{DecodeError, ErrorCode, Reader};

/// Which partitions of which topics are asked for.
type Asked = BTreeMap<String, Vec<i32>>;

/// Describes. Sizes come from memory, the space from the file system, beside the connections.
pub(super) fn handle(
    services: &Services,
    ctx: &Context<'_>,
    mut body: Reader<'_>,
) -> Result<Handling, DecodeError> {
    let request = DescribeLogDirsRequest::decode(&mut body, ctx.version)?;
    let asked: Option<Asked> = request
        .topics
        .as_ref()
        .map(|topics| topics.iter().map(|t| (t.topic.to_string(), t.partitions.clone())).collect());
    let (head, partitions) = (ctx.head(), std::sync::Arc::clone(&services.partitions));
    let dirs = std::sync::Arc::clone(&services.log_dirs);
    Ok(Handling::blocking(move || {
        let mut results = Vec::new();
        for dir in dirs.describe() {
            let mut topics: BTreeMap<String, Vec<DescribeLogDirsPartition>> = BTreeMap::new();
            for partition in partitions.all() {
                let name = partition.name();
                let wanted = asked
                    .as_ref()
                    .is_none_or(|a| a.get(&*name.topic).is_some_and(|p| p.contains(&name.partition)));
                let description = partition.describe();
                if wanted && partition.directory() == dir.path {
                    topics.entry(name.topic.to_string()).or_default().push(DescribeLogDirsPartition {
                        partition_index: name.partition,
                        partition_size: i64::try_from(description.size).unwrap_or(i64::MAX),
                        ..Default::default()
                    });
                }
            }
            let topics = topics.into_iter().map(|(name, mut partitions)| {
                partitions.sort_by_key(|p| p.partition_index);
                DescribeLogDirsTopic { name: Cow::Owned(name), partitions, ..Default::default() }
            });
            let code = if dir.online { ErrorCode::NONE } else { ErrorCode::KAFKA_STORAGE_ERROR };
            let bytes = |n: Option<u64>| n.map_or(-1, |n| i64::try_from(n).unwrap_or(i64::MAX));
            results.push(DescribeLogDirsResult {
                error_code: code.code(),
                log_dir: Cow::Owned(dir.path.to_string_lossy().into_owned()),
                topics: topics.collect(),
                total_bytes: bytes(dir.total),
                usable_bytes: bytes(dir.usable),
                ..Default::default()
            });
        }
        let response = DescribeLogDirsResponse { results, ..Default::default() };
        head.reply(|w| response.encode(w, head.version))
    }))
}

//! `klamm group delete` and `delete-offsets`.
use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::no_such_group;
use super::scope::TopicScope;
use crate::cli::CliError;
use crate::cli::client::{ClientError, Cluster, Committed};
use crate::cli::session::{Session, count, unless_failed};
use crate::schema::ErrorCode;
use crate::schema::clients::delete_groups_request::DeleteGroupsRequest;
use crate::schema::clients::offset_delete_request::{
    OffsetDeleteRequest, OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};

/// Delete groups without members, and all that they have committed
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Delete {
    /// Which groups
    #[arg(value_name = "GROUP", required = true)]
    groups: Vec<String>,
}

/// Forget what a group has committed for topics that it does not read now
#[derive(Clone, Debug, clap::Args)]
pub(super) struct DeleteOffsets {
    /// Which group
    group: String,
    /// A topic, or some of its partitions; may be repeated
    #[arg(long = "topic", value_name = "TOPIC[:PARTITION,...]", value_parser = TopicScope::parse)]
    #[arg(required = true)]
    topics: Vec<TopicScope>,
}

pub(super) fn delete(session: &mut Session<'_>, args: &Delete) -> Result<(), CliError> {
    let mut failures = Vec::new();
    for group in &args.groups {
        match delete_one(session.cluster, group) {
            Ok(()) => session
                .said(&json!({ "group": group, "deleted": true }), || format!("deleted group {group}"))?,
            Err(error) if error.code() == Some(ErrorCode::GROUP_ID_NOT_FOUND) => {
                failures.push(no_such_group(group));
            }
            Err(error) => failures.push(error.to_string()),
        }
    }
    unless_failed(&failures)
}

fn delete_one(cluster: &mut Cluster, group: &str) -> Result<(), ClientError> {
    let request = DeleteGroupsRequest { groups_names: vec![group.into()], ..Default::default() };
    cluster.retrying(|cluster| {
        let reply = cluster.ask_coordinator(group, &request)?;
        let result = reply.decode()?.results.into_iter().next().unwrap_or_default();
        // What a code means is said better in our words than in most brokers'.
        let message = result.error_message.as_deref().filter(|_| !is_explained(result.error_code));
        ClientError::check(result.error_code, message, || format!("group {group}"))
    })
}

fn is_explained(code: i16) -> bool {
    matches!(ErrorCode(code), ErrorCode::NON_EMPTY_GROUP | ErrorCode::GROUP_ID_NOT_FOUND)
}

pub(super) fn delete_offsets(session: &mut Session<'_>, args: &DeleteOffsets) -> Result<(), CliError> {
    let group = &args.group;
    let committed = session.cluster.committed(group)?;
    let mut doomed: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
    for scope in &args.topics {
        let found = within(&committed, scope);
        if found.is_empty() {
            let of = format!("group {group} has committed nothing for topic {}", scope.topic);
            return Err(CliError::failed(format!("{of}; `klamm group describe {group}` shows what it has")));
        }
        doomed.entry(&scope.topic).or_default().extend(found);
    }
    forget(session.cluster, group, &doomed)?;
    let partitions = doomed.values().map(Vec::len).sum();
    let topics: Value = doomed
        .iter()
        .map(|(topic, partitions)| json!({ "topic": topic, "partitions": partitions }))
        .collect();
    session.said(&json!({ "group": group, "deleted_offsets": topics }), || {
        format!("deleted the offsets of {} of group {group}", count(partitions, "partition"))
    })
}

/// The partitions of a scope that have a committed offset.
fn within(committed: &Committed, scope: &TopicScope) -> Vec<i32> {
    let of_topic = committed.keys().filter(|(topic, _)| *topic == scope.topic).map(|(_, index)| *index);
    of_topic.filter(|index| scope.partitions.as_ref().is_none_or(|named| named.contains(index))).collect()
}

fn forget(cluster: &mut Cluster, group: &str, doomed: &BTreeMap<&str, Vec<i32>>) -> Result<(), ClientError> {
    let partition = |&partition_index: &i32| OffsetDeleteRequestPartition { partition_index };
    let topics = doomed.iter().map(|(&name, partitions)| OffsetDeleteRequestTopic {
        name: name.into(),
        partitions: partitions.iter().map(partition).collect(),
    });
    let request = OffsetDeleteRequest { group_id: group.into(), topics: topics.collect() };
    let reply = cluster.retrying(|cluster| {
        let reply = cluster.ask_coordinator(group, &request)?;
        ClientError::check(reply.decode()?.error_code, None, || format!("group {group}"))?;
        Ok(reply)
    })?;
    // What is refused for one partition stays refused: these are not tried again.
    for topic in reply.decode()?.topics {
        for partition in topic.partitions {
            let of = || format!("partition {}-{}", topic.name, partition.partition_index);
            ClientError::check(partition.error_code, None, of)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_committed_is_deleted() {
        let keys = [("a", 0), ("a", 2), ("b", 1)];
        let committed: Committed = keys.iter().map(|(topic, index)| (((*topic).into(), *index), 5)).collect();
        let cases: [(&str, &[i32]); 5] =
            [("a", &[0, 2]), ("a:2,3", &[2]), ("a:1", &[]), ("b", &[1]), ("c", &[])];
        for (text, want) in cases {
            assert_eq!(within(&committed, &TopicScope::parse(text).unwrap()), want, "{text}");
        }
    }
}

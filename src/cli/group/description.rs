//! A group with its members, whichever protocol they speak.
use std::collections::BTreeMap;

use crate::cli::CliError;
use crate::cli::client::{ClientError, Cluster, ListedGroup};
use crate::schema::Reader;
use crate::schema::clients::consumer_group_describe_request::ConsumerGroupDescribeRequest;
use crate::schema::clients::consumer_group_describe_response::Member as ConsumerMember;
use crate::schema::clients::consumer_protocol_assignment::{
    ConsumerProtocolAssignment, MAX_VERSION, MIN_VERSION,
};
use crate::schema::clients::describe_groups_request::DescribeGroupsRequest;
use crate::schema::clients::describe_groups_response::DescribedGroupMember as ClassicMember;

/// The protocol type of groups that read topics.
const CONSUMER: &str = "consumer";

/// The partitions of each topic.
pub(super) type Assignment = BTreeMap<String, Vec<i32>>;

/// A group as its coordinator describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Description {
    /// Its name.
    pub group: String,
    /// `classic` or `consumer`.
    pub kind: String,
    /// `Empty`, `Stable`, ...
    pub state: String,
    /// Node id of its coordinator.
    pub coordinator: i32,
    /// How partitions are shared out: the assignor's name; empty while there is none.
    pub assignor: String,
    /// Group epoch; a classic group does not tell.
    pub epoch: Option<i32>,
    /// In the order of their ids.
    pub members: Vec<Member>,
}

/// A member of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Member {
    /// Its id.
    pub id: String,
    /// Its id across restarts, if it is static.
    pub instance: Option<String>,
    /// What it calls itself.
    pub client: String,
    /// Where it runs.
    pub host: String,
    /// Member epoch; a classic group does not tell.
    pub epoch: Option<i32>,
    /// What it reads now.
    pub assignment: Assignment,
}

impl Description {
    /// Whether nobody is in the group, so that its offsets may be set from outside.
    pub fn is_inactive(&self) -> bool {
        self.members.is_empty() && matches!(self.state.as_str(), "Empty" | "Dead" | "")
    }

    /// The member that reads a partition.
    pub fn reader_of(&self, topic: &str, partition: i32) -> Option<&Member> {
        let reads = |member: &&Member| {
            member.assignment.get(topic).is_some_and(|partitions| partitions.contains(&partition))
        };
        self.members.iter().find(reads)
    }

    /// Describes a group; `None` if there is none.
    ///
    /// # Errors
    /// Those of a request; a group that does not keep its offsets as consumer groups do.
    pub fn of(cluster: &mut Cluster, group: &str) -> Result<Option<Self>, CliError> {
        let Some(listed) = cluster.group(group)? else { return Ok(None) };
        let mut described = match listed.kind.as_str() {
            "classic" => cluster.retrying(|cluster| classic(cluster, &listed))?,
            "consumer" => cluster.retrying(|cluster| consumer(cluster, &listed))?,
            kind => {
                return Err(CliError::failed(format!(
                    "group {group} is a {kind} group, not one of consumers"
                )));
            }
        };
        described.members.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(Some(described))
    }
}

fn classic(cluster: &mut Cluster, listed: &ListedGroup) -> Result<Description, ClientError> {
    let request = DescribeGroupsRequest { groups: vec![listed.id.as_str().into()], ..Default::default() };
    let reply = cluster.ask_coordinator(&listed.id, &request)?;
    let group = reply.decode()?.groups.into_iter().next().unwrap_or_default();
    ClientError::check(group.error_code, group.error_message.as_deref(), || format!("group {}", listed.id))?;
    let reads = group.protocol_type == CONSUMER;
    Ok(Description {
        group: listed.id.clone(),
        kind: listed.kind.clone(),
        state: group.group_state.into_owned(),
        coordinator: listed.coordinator,
        assignor: group.protocol_data.into_owned(),
        epoch: None,
        members: group.members.into_iter().map(|member| classic_member(member, reads)).collect(),
    })
}

fn classic_member(member: ClassicMember<'_>, reads: bool) -> Member {
    Member {
        id: member.member_id.into_owned(),
        instance: member.group_instance_id.map(|id| id.into_owned()),
        client: member.client_id.into_owned(),
        host: member.client_host.into_owned(),
        epoch: None,
        assignment: if reads { assignment(&member.member_assignment) } else { Assignment::new() },
    }
}

/// Reads what the leader of a classic group gave a member: a version, then the partitions. The bytes
/// are the clients' affair, so those that cannot be read are an empty assignment.
fn assignment(bytes: &[u8]) -> Assignment {
    let Some((version, body)) = bytes.split_first_chunk() else { return Assignment::new() };
    // A newer version only adds fields at the end.
    let version = i16::from_be_bytes(*version).min(MAX_VERSION);
    if version < MIN_VERSION {
        return Assignment::new();
    }
    let decoded = ConsumerProtocolAssignment::decode(&mut Reader::new(body), version);
    let topics = decoded.map(|assigned| assigned.assigned_partitions).unwrap_or_default();
    topics.into_iter().map(|topic| (topic.topic.into_owned(), topic.partitions)).collect()
}

fn consumer(cluster: &mut Cluster, listed: &ListedGroup) -> Result<Description, ClientError> {
    let request =
        ConsumerGroupDescribeRequest { group_ids: vec![listed.id.as_str().into()], ..Default::default() };
    let reply = cluster.ask_coordinator(&listed.id, &request)?;
    let group = reply.decode()?.groups.into_iter().next().unwrap_or_default();
    ClientError::check(group.error_code, group.error_message.as_deref(), || format!("group {}", listed.id))?;
    Ok(Description {
        group: listed.id.clone(),
        kind: listed.kind.clone(),
        state: group.group_state.into_owned(),
        coordinator: listed.coordinator,
        assignor: group.assignor_name.into_owned(),
        epoch: Some(group.group_epoch),
        members: group.members.into_iter().map(consumer_member).collect(),
    })
}

fn consumer_member(member: ConsumerMember<'_>) -> Member {
    let topics = member.assignment.topic_partitions.into_iter();
    Member {
        id: member.member_id.into_owned(),
        instance: member.instance_id.map(|id| id.into_owned()),
        client: member.client_id.into_owned(),
        host: member.client_host.into_owned(),
        epoch: Some(member.member_epoch),
        assignment: topics.map(|topic| (topic.topic_name.into_owned(), topic.partitions)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_assignment_is_read_whatever_its_version_and_junk_is_none() {
        let body =
            [&[0, 0, 0, 1, 0, 1, b'a', 0, 0, 0, 2][..], &[0, 0, 0, 0, 0, 0, 0, 3], &[0xff; 4]].concat();
        let read = Assignment::from([("a".to_owned(), vec![0, 3])]);
        for version in [0i16, 1, 3, 9] {
            let bytes = [&version.to_be_bytes()[..], &body].concat();
            assert_eq!(assignment(&bytes), read, "version {version}");
        }
        let cases: [&[u8]; 5] =
            [&[], &[0], &[0, 1], &[0xff, 0xff, 0, 0, 0, 0], &[0, 1, 0x7f, 0xff, 0xff, 0xff]];
        for bytes in cases {
            assert_eq!(assignment(bytes), Assignment::new(), "{bytes:?}");
        }
    }
}

//! Asking coordinators: which groups there are, and what they have committed.
use std::collections::BTreeMap;

use super::cluster::Cluster;
use super::connection::Reply;
use super::error::ClientError;
use super::message::Request;
use crate::schema::clients::find_coordinator_request::FindCoordinatorRequest;
use crate::schema::clients::list_groups_request::ListGroupsRequest;
use crate::schema::clients::offset_commit_request::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use crate::schema::clients::offset_fetch_request::{OffsetFetchRequest, OffsetFetchRequestGroup};

/// FindCoordinator's key type of groups.
const GROUP_KEY: i8 = 0;
/// FindCoordinator's key type of transactional ids.
const TRANSACTION_KEY: i8 = 1;
/// The type of a group on brokers that do not know types yet.
const CLASSIC: &str = "classic";

/// A group as its coordinator lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedGroup {
    /// Its name.
    pub id: String,
    /// `classic`, `consumer`, `share` or `streams`: how its members speak to the coordinator.
    pub kind: String,
    /// What its members do: `consumer`, `connect`, ...; empty if it only keeps offsets.
    pub protocol_type: String,
    /// `Empty`, `Stable`, ...; empty on brokers older than Kafka 2.6.
    pub state: String,
    /// Node id of its coordinator.
    pub coordinator: i32,
}

/// The offset committed for each topic and partition.
pub type Committed = BTreeMap<(String, i32), i64>;

/// How errors name a group.
pub fn subject(group: &str) -> String {
    format!("group {group}")
}

impl Cluster {
    /// Node id of the broker that coordinates a group; asked for once.
    ///
    /// # Errors
    /// [`ClientError::Refused`], retriable while there is no coordinator.
    pub fn coordinator(&mut self, group: &str) -> Result<i32, ClientError> {
        self.find_coordinator(group, GROUP_KEY, || subject(group))
    }

    /// Node id of the broker that coordinates the transactions of a transactional id; asked for once.
    ///
    /// # Errors
    /// [`ClientError::Refused`], retriable while there is no coordinator.
    pub fn transaction_coordinator(&mut self, id: &str) -> Result<i32, ClientError> {
        self.find_coordinator(id, TRANSACTION_KEY, || format!("transactional id {id}"))
    }

    fn find_coordinator(
        &mut self,
        key: &str,
        key_type: i8,
        subject: impl FnOnce() -> String,
    ) -> Result<i32, ClientError> {
        // Old brokers take one key, newer ones a list.
        let request = FindCoordinatorRequest {
            key: key.into(),
            key_type,
            coordinator_keys: vec![key.into()],
            ..Default::default()
        };
        let reply = self.ask(&request)?;
        let response = reply.decode()?;
        let (code, message, node) = match response.coordinators.first() {
            Some(found) => (found.error_code, &found.error_message, found.node_id),
            None => (response.error_code, &response.error_message, response.node_id),
        };
        ClientError::check(code, message.as_deref(), || format!("the coordinator of {}", subject()))?;
        Ok(node)
    }

    /// Asks a group's coordinator, once.
    ///
    /// # Errors
    /// Those of finding it and of the request.
    pub fn ask_coordinator<R: Request>(&mut self, group: &str, request: &R) -> Result<Reply<R>, ClientError> {
        let coordinator = self.coordinator(group)?;
        self.broker(coordinator)?.ask(request)
    }

    /// All groups, in the order of their names.
    ///
    /// # Errors
    /// Those of a request; tried again like all that is worth it.
    pub fn groups(&mut self) -> Result<Vec<ListedGroup>, ClientError> {
        self.retrying(|cluster| {
            let mut groups = Vec::new();
            for broker in cluster.broker_ids() {
                groups.extend(cluster.groups_at(broker)?);
            }
            groups.sort_by(|a, b| a.id.cmp(&b.id));
            Ok(groups)
        })
    }

    /// A group as its coordinator lists it; `None` if there is none.
    ///
    /// # Errors
    /// Those of a request; tried again like all that is worth it.
    pub fn group(&mut self, id: &str) -> Result<Option<ListedGroup>, ClientError> {
        self.retrying(|cluster| {
            let coordinator = cluster.coordinator(id)?;
            Ok(cluster.groups_at(coordinator)?.into_iter().find(|group| group.id == id))
        })
    }

    fn groups_at(&mut self, coordinator: i32) -> Result<Vec<ListedGroup>, ClientError> {
        let reply = self.broker(coordinator)?.ask(&ListGroupsRequest::default())?;
        let response = reply.decode()?;
        ClientError::check(response.error_code, None, || format!("the groups of broker {coordinator}"))?;
        let listed = response.groups.into_iter().map(|group| ListedGroup {
            id: group.group_id.into_owned(),
            kind: match group.group_type.to_lowercase() {
                kind if kind.is_empty() => CLASSIC.to_owned(),
                kind => kind,
            },
            protocol_type: group.protocol_type.into_owned(),
            state: group.group_state.into_owned(),
            coordinator,
        });
        Ok(listed.collect())
    }

    /// All that a group has committed; nothing for an unknown group.
    ///
    /// # Errors
    /// Those of a request; tried again like all that is worth it.
    pub fn committed(&mut self, group: &str) -> Result<Committed, ClientError> {
        // Old brokers take one group, newer ones a list; no topics are all topics.
        let request = OffsetFetchRequest {
            group_id: group.into(),
            topics: None,
            groups: vec![OffsetFetchRequestGroup {
                group_id: group.into(),
                topics: None,
                ..Default::default()
            }],
            ..Default::default()
        };
        self.retrying(|cluster| {
            let reply = cluster.ask_coordinator(group, &request)?;
            let response = reply.decode()?;
            ClientError::check(response.error_code, None, || subject(group))?;
            let mut found = Vec::new();
            for topic in &response.topics {
                let partitions = topic.partitions.iter();
                let partitions = partitions.map(|p| (p.partition_index, p.committed_offset, p.error_code));
                found.extend(partitions.map(|partition| (&topic.name, partition)));
            }
            for described in &response.groups {
                ClientError::check(described.error_code, None, || subject(group))?;
                for topic in &described.topics {
                    let partitions = topic.partitions.iter();
                    let partitions =
                        partitions.map(|p| (p.partition_index, p.committed_offset, p.error_code));
                    found.extend(partitions.map(|partition| (&topic.name, partition)));
                }
            }
            let mut committed = Committed::new();
            for (topic, (index, offset, code)) in found {
                ClientError::check(code, None, || format!("partition {topic}-{index}"))?;
                if offset >= 0 {
                    committed.insert((topic.clone().into_owned(), index), offset);
                }
            }
            Ok(committed)
        })
    }

    /// Commits offsets for a group without being its member: the group must have none.
    ///
    /// # Errors
    /// [`ClientError::Refused`] for the first partition that the coordinator refuses.
    pub fn commit(&mut self, group: &str, offsets: &Committed) -> Result<(), ClientError> {
        let mut topics: Vec<OffsetCommitRequestTopic<'_>> = Vec::new();
        for ((name, index), offset) in offsets {
            let partition = OffsetCommitRequestPartition {
                partition_index: *index,
                committed_offset: *offset,
                committed_metadata: Some("".into()),
                ..Default::default()
            };
            match topics.last_mut() {
                Some(topic) if topic.name == *name => topic.partitions.push(partition),
                _ => topics.push(OffsetCommitRequestTopic {
                    name: name.as_str().into(),
                    partitions: vec![partition],
                    ..Default::default()
                }),
            }
        }
        let request = OffsetCommitRequest { group_id: group.into(), topics, ..Default::default() };
        self.retrying(|cluster| {
            let reply = cluster.ask_coordinator(group, &request)?;
            for topic in reply.decode()?.topics {
                for partition in topic.partitions {
                    let of =
                        || format!("group {group}, partition {}-{}", topic.name, partition.partition_index);
                    ClientError::check(partition.error_code, None, of)?;
                }
            }
            Ok(())
        })
    }
}

//! Asking leaders for offsets: the ends of partitions, and the first record at or after a time.
use std::collections::BTreeMap;

use super::cluster::Cluster;
use super::error::ClientError;
use crate::schema::ErrorCode;
use crate::schema::clients::list_offsets_request::{
    ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic,
};

/// Asks for the offset after the last record that may be read.
pub const LATEST: i64 = -1;
/// Asks for the first offset that is still there.
pub const EARLIEST: i64 = -2;

/// What a consumer may see of transactions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Isolation {
    /// Everything up to the high watermark.
    #[default]
    ReadUncommitted,
    /// What is committed, up to the last stable offset.
    ReadCommitted,
}

impl Isolation {
    /// The number on the wire.
    #[must_use]
    pub const fn id(self) -> i8 {
        match self {
            Self::ReadUncommitted => 0,
            Self::ReadCommitted => 1,
        }
    }
}

impl Cluster {
    /// For each partition asked for, the offset that belongs to its timestamp (ms, [`LATEST`] or
    /// [`EARLIEST`]); `None` if no record is that late.
    ///
    /// # Errors
    /// Those of a request; tried again like all that is worth it.
    pub fn offsets(
        &mut self,
        topic: &str,
        timestamps: &BTreeMap<i32, i64>,
        isolation: Isolation,
    ) -> Result<BTreeMap<i32, Option<i64>>, ClientError> {
        self.retrying(|cluster| cluster.offsets_once(topic, timestamps, isolation))
    }

    fn offsets_once(
        &mut self,
        topic: &str,
        timestamps: &BTreeMap<i32, i64>,
        isolation: Isolation,
    ) -> Result<BTreeMap<i32, Option<i64>>, ClientError> {
        let mut found = BTreeMap::new();
        for (leader, partitions) in self.by_leader(topic, timestamps.keys().copied())? {
            let asked = |index: i32| ListOffsetsPartition {
                partition_index: index,
                current_leader_epoch: -1,
                timestamp: timestamps.get(&index).copied().unwrap_or(LATEST),
                ..Default::default()
            };
            let request = ListOffsetsRequest {
                replica_id: -1,
                isolation_level: isolation.id(),
                topics: vec![ListOffsetsTopic {
                    name: topic.into(),
                    partitions: partitions.into_iter().map(asked).collect(),
                    ..Default::default()
                }],
                timeout_ms: self.timeout_ms(),
                ..Default::default()
            };
            let reply = self.broker(leader)?.ask(&request)?;
            for partition in reply.decode()?.topics.iter().flat_map(|topic| &topic.partitions) {
                let index = partition.partition_index;
                ClientError::check(partition.error_code, None, || format!("partition {topic}-{index}"))?;
                found.insert(index, Some(partition.offset).filter(|&offset| offset >= 0));
            }
        }
        Ok(found)
    }

    /// Sorts partitions of a topic by the node that leads them.
    ///
    /// # Errors
    /// [`ClientError::Refused`] if a partition does not exist, or has no leader (retriable).
    pub fn by_leader(
        &mut self,
        topic: &str,
        partitions: impl IntoIterator<Item = i32>,
    ) -> Result<BTreeMap<i32, Vec<i32>>, ClientError> {
        let known = self.topic(topic, false)?;
        let mut leaders: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
        for index in partitions {
            let leader = known.leader(index)?;
            leaders.entry(leader).or_default().push(index);
        }
        Ok(leaders)
    }
}

impl super::Topic {
    /// The node that leads a partition.
    ///
    /// # Errors
    /// [`ClientError::Refused`] if the partition does not exist, or has no leader (retriable).
    pub fn leader(&self, index: i32) -> Result<i32, ClientError> {
        let refused = |code, message| ClientError::Refused {
            subject: format!("partition {}-{index}", self.name),
            code,
            message,
        };
        let Some(partition) = self.partitions.iter().find(|partition| partition.index == index) else {
            let last = self.partitions.len().saturating_sub(1);
            let message = format!("the topic has partitions 0 to {last}");
            // Not the code of an unknown topic, which is worth another try.
            return Err(refused(ErrorCode::INVALID_PARTITIONS, Some(message)));
        };
        partition.leader.ok_or_else(|| refused(ErrorCode::LEADER_NOT_AVAILABLE, None))
    }
}

//! Where the replicas of new partitions go.

use std::collections::BTreeMap;

use super::Rejection;
use crate::metadata::Image;
use crate::schema::ErrorCode;
use crate::schema::metadata::partition_record::PartitionRecord;
use crate::types::{NodeId, TopicId, Uuid};

/// Chooses brokers and directories, and remembers what it chose within one request.
pub(super) struct Placer<'a> {
    image: &'a Image,
    live: Vec<NodeId>,
    replicas_in: Option<BTreeMap<Uuid, usize>>,
}

impl<'a> Placer<'a> {
    pub(super) fn new(image: &'a Image) -> Self {
        Self { image, live: image.cluster().live_brokers().collect(), replicas_in: None }
    }

    pub(super) fn live_brokers(&self) -> usize {
        self.live.len()
    }

    /// `replicas` brokers for each of the partitions from `first` up to `end`.
    pub(super) fn spread(&self, first: i32, end: i32, replicas: usize) -> Result<Vec<Vec<i32>>, Rejection> {
        if replicas > self.live.len() {
            let text =
                format!("{replicas} replicas need {replicas} brokers; {} can take them", self.live.len());
            return Err(Rejection::new(ErrorCode::INVALID_REPLICATION_FACTOR, text));
        }
        let of = |partition: i32| {
            let start = usize::try_from(partition).unwrap_or(0).checked_rem(self.live.len()).unwrap_or(0);
            self.live.iter().cycle().skip(start).take(replicas).map(|n| n.0).collect()
        };
        Ok((first..end).map(of).collect())
    }

    /// Checks replicas that a client named. `replicas`: how many there must be, if that is settled.
    pub(super) fn check_manual(&self, brokers: &[i32], replicas: Option<usize>) -> Result<(), Rejection> {
        let reject = |text: String| Err(Rejection::new(ErrorCode::INVALID_REPLICA_ASSIGNMENT, text));
        if brokers.is_empty() {
            return reject("an assignment names no replica".to_owned());
        }
        let mut sorted = brokers.to_vec();
        sorted.sort_unstable();
        for pair in sorted.windows(2) {
            if let [a, b] = pair
                && a == b
            {
                return reject(format!("an assignment names broker {a} more than once"));
            }
        }
        if let Some(unknown) = sorted.iter().find(|id| self.image.cluster().broker(NodeId(**id)).is_none()) {
            return reject(format!("an assignment names broker {unknown}, which is not registered"));
        }
        match replicas {
            Some(replicas) if replicas != brokers.len() => reject(format!(
                "an assignment names {} replicas where the other partitions have {replicas}",
                brokers.len()
            )),
            _ => Ok(()),
        }
    }

    /// The record of a new partition on these brokers.
    pub(super) fn partition(
        &mut self,
        topic: TopicId,
        index: i32,
        brokers: Vec<i32>,
    ) -> Result<PartitionRecord, Rejection> {
        let isr: Vec<i32> = brokers.iter().copied().filter(|id| self.live.contains(&NodeId(*id))).collect();
        let Some(&leader) = isr.first() else {
            let text = format!("no broker of the assignment of partition {index} is available");
            return Err(Rejection::new(ErrorCode::INVALID_REPLICA_ASSIGNMENT, text));
        };
        let directories = brokers.iter().map(|id| self.directory(NodeId(*id)).0).collect();
        Ok(PartitionRecord {
            partition_id: index,
            topic_id: topic.0,
            replicas: brokers,
            isr,
            leader,
            leader_epoch: 0,
            partition_epoch: 0,
            directories,
            ..Default::default()
        })
    }

    /// The broker's log directory with the fewest replicas; all zeros, "not chosen", if it named none.
    fn directory(&mut self, broker: NodeId) -> Uuid {
        let Some(registration) = self.image.cluster().broker(broker) else { return Uuid::ZERO };
        let cordoned = registration.cordoned_log_dirs.as_deref().unwrap_or_default();
        let open: Vec<Uuid> =
            registration.log_dirs.iter().filter(|d| !cordoned.contains(d)).copied().map(Uuid).collect();
        match open.as_slice() {
            [] => Uuid::ZERO,
            [only] => *only,
            _ => {
                let image = self.image;
                let counts = self.replicas_in.get_or_insert_with(|| replicas_by_directory(image));
                let chosen = open.iter().min_by_key(|d| counts.get(*d).copied().unwrap_or(0));
                let chosen = chosen.copied().unwrap_or(Uuid::ZERO);
                let count = counts.entry(chosen).or_default();
                *count = count.saturating_add(1);
                chosen
            }
        }
    }
}

fn replicas_by_directory(image: &Image) -> BTreeMap<Uuid, usize> {
    let mut counts = BTreeMap::new();
    let partitions = image.topics().iter().flat_map(|topic| topic.partitions.values());
    for directory in partitions.flat_map(|partition| &partition.directories) {
        let count: &mut usize = counts.entry(*directory).or_default();
        *count = count.saturating_add(1);
    }
    counts
}

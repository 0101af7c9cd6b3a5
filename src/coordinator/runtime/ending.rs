//! Carries out the ends of transactions: a marker in every partition, and when all are durable the end
//! itself. What cannot be done now is tried again for as long as it takes.

use std::sync::{Arc, Weak};
use std::time::Duration;

use super::shard::refusal;
use super::{Groups, Metadata, Transactions};
use crate::coordinator::group::GroupShard;
use crate::coordinator::machine::{Decision, Machine};
use crate::coordinator::txn::{Ending, Identity, TxnPartitions, TxnShard};
use crate::env::Clock;
use crate::partition::{Partition, Partitions};
use crate::record::control::marker_batch;
use crate::schema::ErrorCode;
use crate::types::Offset;

/// The first pause before another attempt; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// A marker that ends a producer's transaction in one partition.
#[derive(Clone, Copy, Debug)]
pub struct Marker<'a> {
    /// Name of the topic.
    pub topic: &'a str,
    /// Index of the partition.
    pub partition: i32,
    /// Whose transaction ends, in the epoch of the marker.
    pub producer: Identity,
    /// Commit or abort.
    pub commit: bool,
    /// Leader epoch of the coordinator's partition.
    pub coordinator_epoch: i32,
    /// The epoch is a bumped one (KIP-890), above that of the records that the marker ends.
    pub bumped: bool,
}

/// Writes markers.
pub struct Markers {
    metadata: Arc<dyn Metadata>,
    partitions: Arc<Partitions>,
    groups: Arc<Groups>,
    transactions: Weak<Transactions>,
    clock: Arc<dyn Clock>,
}

/// A partition that has not got its marker yet.
type Left = (Arc<str>, i32);

impl Markers {
    /// Lets `transactions` carry out what they decide.
    #[must_use]
    pub fn new(
        metadata: Arc<dyn Metadata>,
        partitions: Arc<Partitions>,
        groups: Arc<Groups>,
        transactions: &Arc<Transactions>,
        clock: Arc<dyn Clock>,
    ) -> Arc<Self> {
        let weak = Arc::downgrade(transactions);
        let markers = Arc::new(Self { metadata, partitions, groups, transactions: weak, clock });
        let writer = Arc::clone(&markers);
        transactions.set_runner(move |ending| {
            let markers = Arc::clone(&writer);
            Box::pin(async move { markers.finish(ending).await })
        });
        markers
    }

    /// Appends a marker. Gives where, and how far the log must be durable for it.
    ///
    /// # Errors
    /// Kafka's code; UNKNOWN_TOPIC_OR_PARTITION if there is no such partition.
    pub fn write(&self, marker: &Marker<'_>) -> Result<(Arc<Partition>, Offset), ErrorCode> {
        let image = self.metadata.image();
        let topic = image.topics().by_name(marker.topic).ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?;
        if !topic.partitions.contains_key(&marker.partition) {
            return Err(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
        }
        let (at, commit, now) = ((topic.id, marker.partition), marker.commit, self.clock.now());
        let Identity { id, epoch } = marker.producer;
        let mut batch = marker_batch(id, epoch, commit, marker.coordinator_epoch, now);
        if marker.bumped {
            batch = batch.ending_earlier_epochs();
        }
        match marker.topic {
            GroupShard::TOPIC => self.groups.end_transaction(at, batch, commit),
            TxnShard::TOPIC => {
                let transactions = self.transactions.upgrade().ok_or(ErrorCode::NOT_COORDINATOR)?;
                transactions.end_transaction(at, batch, commit)
            }
            _ => {
                let partition = self.partitions.get(at.0, at.1).filter(|partition| !partition.is_gone());
                let partition = partition.ok_or(ErrorCode::KAFKA_STORAGE_ERROR)?;
                let appended = partition.append(batch, now).map_err(|error| refusal(&error))?;
                Ok((partition, appended.last_offset.plus(1)))
            }
        }
    }

    async fn finish(&self, ending: Ending) {
        let mut left: Vec<Left> = ending
            .partitions
            .iter()
            .flat_map(|(topic, indexes)| indexes.iter().map(|index| (Arc::clone(topic), *index)))
            .collect();
        let mut pause = FIRST_PAUSE;
        loop {
            left = self.mark(&ending, left).await;
            let Some(transactions) = self.transactions.upgrade() else { return };
            if left.is_empty() {
                let completed = transactions.decide(&ending.id, |shard, view| shard.complete(view, &ending));
                if !completed.is_refused() {
                    return;
                }
            }
            let left_now = as_partitions(&left);
            drop(transactions.decide(&ending.id, |shard, _| shard.delayed(&ending, &left_now)));
            tokio::time::sleep(pause).await;
            pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
            let unfinished = transactions
                .decide(&ending.id, |shard, _| Decision::reply(shard.is_unfinished(&ending)))
                .wait()
                .await;
            // A shard that is out of service goes on with its ends when it is loaded again.
            if unfinished != Ok(true) {
                return;
            }
        }
    }

    /// Writes markers and waits until they are durable; gives where that did not work.
    async fn mark(&self, ending: &Ending, partitions: Vec<Left>) -> Vec<Left> {
        let epoch = self.transactions.upgrade().and_then(|coordinator| coordinator.leader_epoch(&ending.id));
        let Some(coordinator_epoch) = epoch else { return partitions };
        let (mut left, mut written) = (Vec::new(), Vec::new());
        for (topic, index) in partitions {
            let (producer, commit, bumped) = (ending.producer, ending.commit, ending.bumped);
            let (topic_name, partition) = (&*topic, index);
            match self.write(&Marker {
                topic: topic_name,
                partition,
                producer,
                commit,
                coordinator_epoch,
                bumped,
            }) {
                Ok((partition, end)) => written.push((topic, index, partition, end)),
                // There is nothing left to end.
                Err(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION) => {}
                Err(
                    code @ (ErrorCode::INVALID_PRODUCER_EPOCH | ErrorCode::TRANSACTION_COORDINATOR_FENCED),
                ) => {
                    tracing::info!(topic = &*topic, index, %code, "the transaction was ended here by someone else");
                }
                Err(code) => {
                    tracing::debug!(topic = &*topic, index, %code, "a marker was not written; it is tried again");
                    left.push((topic, index));
                }
            }
        }
        for (topic, index, partition, end) in written {
            if !partition.visible(end).await {
                left.push((topic, index));
            }
        }
        left
    }
}

fn as_partitions(left: &[Left]) -> TxnPartitions {
    let mut partitions = TxnPartitions::new();
    for (topic, index) in left {
        partitions.entry(Arc::clone(topic)).or_default().insert(*index);
    }
    partitions
}

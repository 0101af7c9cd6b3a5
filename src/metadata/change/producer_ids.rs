//! Blocks of producer ids: taken from the log in steps, so that not every producer costs a write.

use super::Decision;
use crate::metadata::Image;
use crate::schema::metadata::MetadataRecord;
use crate::schema::metadata::producer_ids_record::ProducerIdsRecord;
use crate::types::{NodeId, ProducerId};

/// How many ids a block has, as in Kafka.
pub const PRODUCER_ID_BLOCK: i32 = 1000;

/// Ids that belong to one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProducerIdBlock {
    /// The first of them.
    pub first: ProducerId,
    /// How many there are.
    pub len: i32,
}

/// Takes the next block for a node. `None` if all ids are used up.
#[must_use]
pub fn allocate_producer_ids(
    image: &Image,
    node: NodeId,
    broker_epoch: i64,
) -> Decision<Option<ProducerIdBlock>> {
    let first = image.next_producer_id();
    let Some(next_producer_id) = first.checked_add(PRODUCER_ID_BLOCK.into()) else {
        return Decision::reply(None);
    };
    let record =
        ProducerIdsRecord { broker_id: node.0, broker_epoch, next_producer_id, ..Default::default() };
    let block = ProducerIdBlock { first: ProducerId(first), len: PRODUCER_ID_BLOCK };
    Decision { records: vec![MetadataRecord::ProducerIds(record)], reply: Some(block) }
}

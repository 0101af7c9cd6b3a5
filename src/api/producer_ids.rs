//! Producer ids, handed out from blocks of the metadata log.

use std::sync::{Mutex, PoisonError};

use crate::metadata::change::allocate_producer_ids;
use crate::metadata::store::{Store, StoreFailed};
use crate::types::{NodeId, Offset, ProducerId};

/// Ids that this broker may hand out.
#[derive(Debug)]
pub struct ProducerIds {
    node: NodeId,
    broker_epoch: Offset,
    /// The next id, and the first that is not in the block.
    block: Mutex<(i64, i64)>,
    refilling: tokio::sync::Mutex<()>,
}

impl ProducerIds {
    /// Without a block: the first id fetches one.
    #[must_use]
    pub fn new(node: NodeId, broker_epoch: Offset) -> Self {
        Self { node, broker_epoch, block: Mutex::new((0, 0)), refilling: tokio::sync::Mutex::new(()) }
    }

    /// An id of the block at hand, if one is left.
    pub fn take(&self) -> Option<ProducerId> {
        let mut block = self.block.lock().unwrap_or_else(PoisonError::into_inner);
        let (next, end) = *block;
        (next < end).then(|| {
            block.0 = next.saturating_add(1);
            ProducerId(next)
        })
    }

    /// An id, of a new block if need be; the block is durable before its first id leaves.
    ///
    /// # Errors
    /// The metadata log failed, or all ids are used up.
    pub async fn next(&self, metadata: &Store) -> Result<ProducerId, StoreFailed> {
        let _turn = self.refilling.lock().await;
        loop {
            if let Some(id) = self.take() {
                return Ok(id);
            }
            let (node, epoch) = (self.node, self.broker_epoch.get());
            let decided = metadata.submit(move |image, _| allocate_producer_ids(image, node, epoch));
            let block = decided
                .await?
                .ok_or_else(|| StoreFailed::Refused("all producer ids are used up".to_owned()))?;
            let first = block.first.get();
            let end = first.saturating_add(i64::from(block.len));
            *self.block.lock().unwrap_or_else(PoisonError::into_inner) = (first, end);
        }
    }
}

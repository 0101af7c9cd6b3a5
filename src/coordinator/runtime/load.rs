//! Loading: the log of a partition is replayed from its start.

use crate::coordinator::machine::{Machine, ReplayAt};
use crate::log::LogError;
use crate::partition::{Isolation, Partition};
use crate::record::control::ControlRecord;
use crate::record::{BatchError, BatchView, Batches, CompressionError, RecordError};
use crate::types::Offset;

/// Bytes that are read at a time; a batch that is larger comes alone.
const READ_BYTES: usize = 4 << 20;
/// Most bytes that a compressed batch may hold.
const PAYLOAD_LIMIT: usize = 256 << 20;

/// Why a partition cannot be loaded. What was read of it is of no use alone.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The log refuses to be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The file cannot be read.
    #[error("the log cannot be read: {0}")]
    Io(#[from] std::io::Error),
    /// A batch is damaged.
    #[error("a batch behind offset {at} is damaged: {error}")]
    Batch {
        /// Where the read began.
        at: Offset,
        /// What is wrong.
        error: BatchError,
    },
    /// A batch cannot be unpacked.
    #[error("a batch cannot be unpacked: {0}")]
    Compression(#[from] CompressionError),
    /// The records of a batch are damaged.
    #[error("a record is damaged: {0}")]
    Record(#[from] RecordError),
}

/// Replays everything that is visible; gives the state and where the log ended.
pub(super) fn load<M: Machine>(partition: &Partition) -> Result<(M, Offset), LoadError> {
    let mut shard = M::empty();
    let mut at = partition.marks().log_start;
    loop {
        let fetched = partition.fetch(at, READ_BYTES, true, Isolation::ReadUncommitted)?;
        let Some(range) = fetched.slice.range else { return Ok((shard, fetched.marks.high_watermark)) };
        let bytes = range.read()?;
        for batch in Batches::new(&bytes) {
            replay_batch(&mut shard, &batch.map_err(|error| LoadError::Batch { at, error })?)?;
        }
        at = fetched.slice.next_offset;
    }
}

fn replay_batch<M: Machine>(shard: &mut M, batch: &BatchView<'_>) -> Result<(), LoadError> {
    let header = *batch.header();
    let payload = batch.payload(PAYLOAD_LIMIT)?;
    for record in batch.records(&payload) {
        let record = record?;
        if header.is_control() {
            let key = record.key.unwrap_or_default();
            match ControlRecord::decode(key, record.value.unwrap_or_default()) {
                Ok(control) => {
                    if let Some(commit) = control.commits() {
                        shard.replay_end(header.producer_id, commit);
                    }
                }
                Err(error) => tracing::warn!(%error, "a control record is left out"),
            }
            continue;
        }
        let producer = header.is_transactional().then_some(header.producer_id);
        let at = ReplayAt { offset: record.offset, producer };
        if let Err(error) = shard.replay_bytes(at, record.key.unwrap_or_default(), record.value) {
            tracing::warn!(topic = M::TOPIC, offset = %record.offset, %error, "a record is left out");
        }
    }
    Ok(())
}

//! Kafka's producer snapshot (`<offset>.snapshot`, version 1): producer state just before an offset,
//! with only the last batch of each producer.
//!
//! int16 version, uint32 CRC of what follows it, int32 count, then 46 bytes for each producer.
use std::collections::VecDeque;

use super::index::Fields;
use super::producers::{BatchEntry, Producer, Producers};
use crate::record::header::NO_SEQUENCE;
use crate::types::{Offset, ProducerEpoch, ProducerId, Timestamp};

/// One producer in a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotEntry {
    /// Whose state it is.
    pub producer_id: ProducerId,
    /// Its epoch.
    pub epoch: ProducerEpoch,
    /// Sequence of its last record in this epoch, or -1.
    pub last_sequence: i32,
    /// Offset of its last record in this epoch, or -1.
    pub last_offset: Offset,
    /// Last offset - first offset of its last batch.
    pub offset_delta: i32,
    /// Largest timestamp of its last batch or marker.
    pub timestamp: Timestamp,
    /// Epoch of the coordinator that sent the last marker, or -1.
    pub coordinator_epoch: i32,
    /// First offset of its open transaction, or -1.
    pub txn_first_offset: Offset,
}

/// Why bytes are not a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// The bytes end too early, or go on too long.
    #[error("the snapshot has not the length that its count of producers asks for")]
    WrongLength,
    /// A version other than 1.
    #[error("snapshot version {0} is not known, only 1 is")]
    UnknownVersion(i16),
    /// The bytes were changed, or not all of them reached the disk.
    #[error("the snapshot's CRC does not match its bytes")]
    BadCrc,
}

const VERSION: i16 = 1;
/// Bytes before the part under the CRC.
const CRC_START: usize = 6;

/// Reads a snapshot.
///
/// # Errors
/// [`SnapshotError`].
pub fn parse(bytes: &[u8]) -> Result<Vec<SnapshotEntry>, SnapshotError> {
    let mut fields = Fields(bytes);
    let version = fields.i16().ok_or(SnapshotError::WrongLength)?;
    if version != VERSION {
        return Err(SnapshotError::UnknownVersion(version));
    }
    let crc = fields.u32().ok_or(SnapshotError::WrongLength)?;
    if crc32c::crc32c(fields.0) != crc {
        return Err(SnapshotError::BadCrc);
    }
    let count = fields.i32().ok_or(SnapshotError::WrongLength)?;
    let mut entries = Vec::new();
    while !fields.0.is_empty() {
        entries.push(entry(&mut fields).ok_or(SnapshotError::WrongLength)?);
    }
    if i32::try_from(entries.len()) == Ok(count) { Ok(entries) } else { Err(SnapshotError::WrongLength) }
}

fn entry(fields: &mut Fields<'_>) -> Option<SnapshotEntry> {
    Some(SnapshotEntry {
        producer_id: ProducerId(fields.i64()?),
        epoch: ProducerEpoch(fields.i16()?),
        last_sequence: fields.i32()?,
        last_offset: Offset(fields.i64()?),
        offset_delta: fields.i32()?,
        timestamp: Timestamp(fields.i64()?),
        coordinator_epoch: fields.i32()?,
        txn_first_offset: Offset(fields.i64()?),
    })
}

/// Writes a snapshot.
#[must_use]
pub fn encode(producers: &Producers) -> Vec<u8> {
    let mut body = Vec::new();
    let count = i32::try_from(producers.iter().count()).unwrap_or(i32::MAX);
    body.extend(count.to_be_bytes());
    for (id, producer) in producers.iter() {
        let last = producer.batches.back();
        body.extend(id.get().to_be_bytes());
        body.extend(producer.epoch.get().to_be_bytes());
        body.extend(producer.last_sequence().to_be_bytes());
        body.extend(producer.last_offset().get().to_be_bytes());
        body.extend(last.map_or(0, |batch| batch.offset_delta).to_be_bytes());
        body.extend(producer.last_timestamp.get().to_be_bytes());
        body.extend(producer.coordinator_epoch.to_be_bytes());
        body.extend(producer.txn_first_offset.unwrap_or(Offset::NONE).get().to_be_bytes());
    }
    let mut out = Vec::with_capacity(body.len().saturating_add(CRC_START));
    out.extend(VERSION.to_be_bytes());
    out.extend(crc32c::crc32c(&body).to_be_bytes());
    out.extend(body);
    out
}

/// The state that a snapshot stands for.
#[must_use]
pub fn restore(entries: &[SnapshotEntry], now: Timestamp) -> Producers {
    Producers::from_entries(entries.iter().map(|entry| {
        let batch = BatchEntry {
            last_sequence: entry.last_sequence,
            last_offset: entry.last_offset,
            offset_delta: entry.offset_delta,
            timestamp: entry.timestamp,
        };
        let has_batch = entry.last_offset.get() >= 0 && entry.last_sequence != NO_SEQUENCE;
        let producer = Producer {
            epoch: entry.epoch,
            batches: has_batch.then_some(batch).into_iter().collect::<VecDeque<_>>(),
            last_timestamp: entry.timestamp,
            // When it was written is not in the file; what it says is right unless it is in the future.
            seen: entry.timestamp.min(now),
            coordinator_epoch: entry.coordinator_epoch,
            txn_first_offset: (entry.txn_first_offset.get() >= 0).then_some(entry.txn_first_offset),
            ended_at: Offset::NONE,
        };
        (entry.producer_id, producer)
    }))
}

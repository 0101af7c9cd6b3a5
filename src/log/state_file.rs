//! `klamm.state`: what a partition must remember and Kafka's files cannot say. One file for each
//! partition, replaced at every checkpoint; Kafka leaves it alone.
//!
//! | at | size | field |
//! |----|------|-------|
//! | 0  | 4 | `KLST` |
//! | 4  | 2 | version, 1 |
//! | 6  | 4 | CRC-32C of everything after this field |
//! | 10 | 8 | offset: the state is that just before it |
//! | 18 | 8 | DeleteRecords point: nothing below it may be read; -1 none |
//! | 26 | 4 | producers; each: id 8, epoch 2, coordinator epoch 4, transaction's first offset 8, last timestamp 8, seen 8, batches 1 (each: last sequence 4, last offset 8, delta 4, timestamp 8) |
//! | .. | 4 | batches with timestamps ahead of their time; each: last offset 8, write time 8 |
//!
//! A file that is torn or was made for another log end is worth nothing: the state is then replayed
//! from Kafka's snapshot, with what that has.
use super::early::Early;
use super::index::Fields;
use super::producers::{BatchEntry, Producer, Producers, WINDOW};
use crate::types::{Offset, ProducerEpoch, ProducerId, Timestamp};

const MAGIC: [u8; 4] = *b"KLST";
const VERSION: i16 = 1;
/// Bytes before the part under the CRC.
const CRC_END: usize = 10;

/// What the file holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// The state is that just before this offset.
    pub offset: Offset,
    /// Where DeleteRecords last put the log start, or -1.
    pub deleted_before: Offset,
    /// Producers with their whole windows.
    pub producers: Producers,
    /// Write times of batches whose timestamps lay ahead of them.
    pub early: Early,
}

impl State {
    /// Writes the file's content.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut body = Vec::new();
        body.extend(self.offset.get().to_be_bytes());
        body.extend(self.deleted_before.get().to_be_bytes());
        body.extend(u32::try_from(self.producers.iter().count()).unwrap_or(u32::MAX).to_be_bytes());
        for (id, producer) in self.producers.iter() {
            body.extend(id.get().to_be_bytes());
            body.extend(producer.epoch.get().to_be_bytes());
            body.extend(producer.coordinator_epoch.to_be_bytes());
            body.extend(producer.txn_first_offset.unwrap_or(Offset::NONE).get().to_be_bytes());
            body.extend(producer.last_timestamp.get().to_be_bytes());
            body.extend(producer.seen.get().to_be_bytes());
            body.push(u8::try_from(producer.batches.len()).unwrap_or(u8::MAX));
            for batch in &producer.batches {
                body.extend(batch.last_sequence.to_be_bytes());
                body.extend(batch.last_offset.get().to_be_bytes());
                body.extend(batch.offset_delta.to_be_bytes());
                body.extend(batch.timestamp.get().to_be_bytes());
            }
        }
        body.extend(u32::try_from(self.early.runs().len()).unwrap_or(u32::MAX).to_be_bytes());
        for (last_offset, written) in self.early.runs() {
            body.extend(last_offset.get().to_be_bytes());
            body.extend(written.get().to_be_bytes());
        }
        let mut out = Vec::with_capacity(body.len().saturating_add(CRC_END));
        out.extend(MAGIC);
        out.extend(VERSION.to_be_bytes());
        out.extend(crc32c::crc32c(&body).to_be_bytes());
        out.extend(body);
        out
    }

    /// Reads the file's content; `None` if it is torn, changed or of another version.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let mut fields = Fields(bytes);
        let known = fields.take::<4>()? == MAGIC && fields.i16()? == VERSION;
        let crc = fields.u32()?;
        if !known || crc32c::crc32c(fields.0) != crc {
            return None;
        }
        let offset = Offset(fields.i64()?);
        let deleted_before = Offset(fields.i64()?);
        let mut producers = Vec::new();
        for _ in 0..fields.u32()? {
            producers.push(producer(&mut fields)?);
        }
        let mut runs = Vec::new();
        for _ in 0..fields.u32()? {
            runs.push((Offset(fields.i64()?), Timestamp(fields.i64()?)));
        }
        let producers = Producers::from_entries(producers);
        Some(Self { offset, deleted_before, producers, early: Early::from_runs(runs) })
    }
}

fn producer(fields: &mut Fields<'_>) -> Option<(ProducerId, Producer)> {
    let id = ProducerId(fields.i64()?);
    let epoch = ProducerEpoch(fields.i16()?);
    let coordinator_epoch = fields.i32()?;
    let txn_first_offset = Some(Offset(fields.i64()?)).filter(|offset| offset.get() >= 0);
    let last_timestamp = Timestamp(fields.i64()?);
    let seen = Timestamp(fields.i64()?);
    let count = usize::from(fields.u8()?);
    let mut batches = std::collections::VecDeque::new();
    for _ in 0..count {
        batches.push_back(BatchEntry {
            last_sequence: fields.i32()?,
            last_offset: Offset(fields.i64()?),
            offset_delta: fields.i32()?,
            timestamp: Timestamp(fields.i64()?),
        });
    }
    let ended_at = Offset::NONE;
    let producer =
        Producer { epoch, batches, last_timestamp, seen, coordinator_epoch, txn_first_offset, ended_at };
    (count <= WINDOW).then_some((id, producer))
}

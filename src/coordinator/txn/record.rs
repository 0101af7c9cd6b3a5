//! The records of `__transaction_state`.

use std::sync::Arc;

use super::{State, Txn, TxnPartitions};
use crate::schema::transaction_coordinator::transaction_log_key::TransactionLogKey;
use crate::schema::transaction_coordinator::transaction_log_value::{PartitionsSchema, TransactionLogValue};
use crate::schema::{DecodeError, Reader, Writer};
use crate::types::{ProducerEpoch, ProducerId, Timestamp};

/// The only type of record.
const TRANSACTION: i16 = 0;

/// What is said of a transactional id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TxnRecord {
    /// The id.
    pub id: Arc<str>,
    /// Its state; `None` deletes it.
    pub txn: Option<Txn>,
    /// Version of the value: 1 with transaction.version 1 and above, else 0, which keeps less.
    pub version: i16,
}

impl TxnRecord {
    /// Key and value.
    #[must_use]
    pub fn encode(&self) -> (Vec<u8>, Option<Vec<u8>>) {
        let mut key = Writer::new();
        key.i16(TRANSACTION);
        TransactionLogKey { transactional_id: self.id.to_string().into() }.encode(&mut key, 0);
        let value = self.txn.as_ref().map(|txn| {
            let mut value = Writer::new();
            value.i16(self.version);
            to_value(txn).encode(&mut value, self.version);
            value.buf
        });
        (key.buf, value)
    }

    /// Reads a record; `None` for one that is not understood here.
    ///
    /// # Errors
    /// It is damaged.
    pub fn decode(key: &[u8], value: Option<&[u8]>) -> Result<Option<Self>, DecodeError> {
        let mut key = Reader::new(key);
        if key.i16()? != TRANSACTION {
            return Ok(None);
        }
        let id = TransactionLogKey::decode(&mut key, 0)?.transactional_id.as_ref().into();
        let Some(bytes) = value else { return Ok(Some(Self { id, txn: None, version: 0 })) };
        let mut r = Reader::new(bytes);
        let version = r.i16()?;
        let value = match TransactionLogValue::decode(&mut r, version) {
            Err(DecodeError::UnsupportedVersion(_)) => return Ok(None),
            decoded => decoded?,
        };
        Ok(from_value(&value).map(|txn| Self { id, txn: Some(txn), version }))
    }
}

fn to_value(txn: &Txn) -> TransactionLogValue<'static> {
    let partitions = txn.partitions.iter().map(|(topic, ids)| PartitionsSchema {
        topic: topic.to_string().into(),
        partition_ids: ids.iter().copied().collect(),
        ..Default::default()
    });
    TransactionLogValue {
        producer_id: txn.producer_id.get(),
        previous_producer_id: txn.previous_producer_id.get(),
        next_producer_id: txn.next_producer_id.get(),
        producer_epoch: txn.epoch.get(),
        transaction_timeout_ms: txn.timeout_ms,
        transaction_status: txn.state.number(),
        // Kafka writes null here before the first transaction, and an empty list after one.
        transaction_partitions: (txn.state != State::Empty).then(|| partitions.collect()),
        transaction_last_update_timestamp_ms: txn.updated.get(),
        transaction_start_timestamp_ms: txn.started.get(),
        client_transaction_version: txn.client_version,
        ..Default::default()
    }
}

fn from_value(value: &TransactionLogValue<'_>) -> Option<Txn> {
    let mut partitions = TxnPartitions::new();
    for topic in value.transaction_partitions.iter().flatten() {
        let ids = partitions.entry(topic.topic.as_ref().into()).or_default();
        ids.extend(&topic.partition_ids);
    }
    Some(Txn {
        producer_id: ProducerId(value.producer_id),
        previous_producer_id: ProducerId(value.previous_producer_id),
        next_producer_id: ProducerId(value.next_producer_id),
        epoch: ProducerEpoch(value.producer_epoch),
        last_epoch: ProducerEpoch::NONE,
        timeout_ms: value.transaction_timeout_ms,
        state: State::by_number(value.transaction_status)?,
        partitions,
        updated: Timestamp(value.transaction_last_update_timestamp_ms),
        started: Timestamp(value.transaction_start_timestamp_ms),
        client_version: value.client_transaction_version,
    })
}

//! Metadata records in record batches: no producer, no compression, null keys; and what stands beside them
//! in control batches.

use std::borrow::Cow;

use super::{features, frame};
use crate::record::control::ControlRecord;
use crate::record::{
    BatchBuilder, BatchError, BatchView, CompressionError, NewRecord, RecordError, ValidBatch,
};
use crate::schema::DecodeError;
use crate::schema::metadata::MetadataRecord;
use crate::types::{Offset, Timestamp};

/// The most bytes that a batch of metadata may take when it is read; Kafka writes at most 8 MiB.
const MAX_PAYLOAD: usize = 128 << 20;

/// Why bytes of a metadata log or snapshot cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum BadBatch {
    /// The batch is damaged.
    #[error("a batch is damaged: {0}")]
    Batch(#[from] BatchError),
    /// Its records cannot be decompressed.
    #[error("the batch at offset {0} cannot be decompressed: {1}")]
    Compression(Offset, CompressionError),
    /// A record does not have the form of one.
    #[error("a record at or after offset {0} is damaged: {1}")]
    Record(Offset, RecordError),
    /// A record is none that this program knows: written by a newer version, or damaged.
    #[error("the record at offset {0} cannot be read: {1}. If a newer version wrote it, use that version")]
    Decode(Offset, DecodeError),
}

/// One record of a metadata log.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry<'a> {
    /// A record for the image.
    Data(MetadataRecord<'a>),
    /// A record about the log itself.
    Control(ControlRecord<'a>),
}

/// A batch of records, each in the version that goes with `metadata_version`. `None` for no records.
#[must_use]
pub fn data_batch(
    records: &[MetadataRecord<'_>],
    metadata_version: i16,
    now: Timestamp,
) -> Option<ValidBatch<'static>> {
    let mut builder = BatchBuilder::default();
    for record in records {
        let value = frame::encode(record, features::record_version(record, metadata_version));
        builder.push(&NewRecord { timestamp: now, key: None, value: Some(&value), headers: &[] });
    }
    (!records.is_empty()).then(|| builder.build_uncompressed())
}

/// Hands each record of a batch to `each`, with its offset.
///
/// # Errors
/// The batch or a record in it cannot be read, or `each` says so.
pub fn for_each<E: From<BadBatch>>(
    batch: &BatchView<'_>,
    mut each: impl FnMut(Offset, Entry<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let base = batch.header().base_offset;
    let payload: Cow<'_, [u8]> = batch.payload(MAX_PAYLOAD).map_err(|e| BadBatch::Compression(base, e))?;
    for record in batch.records(&payload) {
        let record = record.map_err(|e| BadBatch::Record(base, e))?;
        let offset = record.offset;
        let value = record.value.unwrap_or_default();
        let entry = if batch.header().is_control() {
            let key = record.key.unwrap_or_default();
            Entry::Control(ControlRecord::decode(key, value).map_err(|e| BadBatch::Decode(offset, e))?)
        } else {
            Entry::Data(frame::decode(value).map_err(|e| BadBatch::Decode(offset, e))?.0)
        };
        each(offset, entry)?;
    }
    Ok(())
}

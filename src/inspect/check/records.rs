//! Whether the records of a batch are what its header says. Pure.

use crate::inspect::walk::MAX_BATCH;
use crate::record::BatchView;
use crate::types::Offset;

/// Walks over the records; `dense` asks for one at every offset, as long as nothing was compacted.
///
/// # Errors
/// A sentence that says what is wrong.
pub(super) fn verify(batch: &BatchView<'_>, dense: bool) -> Result<(), String> {
    let payload = batch.payload(MAX_BATCH).map_err(|e| e.to_string())?;
    let (first, last) = (batch.base_offset, batch.last_offset());
    let mut previous = None;
    let mut count = 0i32;
    for record in batch.records(&payload) {
        let offset = record.map_err(|e| e.to_string())?.offset;
        if offset < first || offset > last {
            return Err(format!("a record has offset {offset}, outside of {first} to {last}"));
        }
        if previous.is_some_and(|previous: Offset| previous >= offset) {
            return Err(format!("offset {offset} does not rise"));
        }
        previous = Some(offset);
        count = count.saturating_add(1);
    }
    if count != batch.record_count {
        return Err(format!("{count} records are there, the header says {}", batch.record_count));
    }
    let whole = batch.last_offset_delta.saturating_add(1);
    if dense && count != whole {
        return Err(format!("{count} records for {whole} offsets, though the topic is not compacted"));
    }
    Ok(())
}

//! Transaction markers: control batches with one record that ends a transaction.
use super::index::Fields;
use super::producers::Marker;
use crate::record::{BatchHeader, Records};

const ABORT: i16 = 0;
const COMMIT: i16 = 1;

/// The marker in a control batch with this body; `None` for other control records (those of KRaft).
#[must_use]
pub fn parse(header: &BatchHeader, body: &[u8]) -> Option<Marker> {
    let record = Records::new(header, body).next()?.ok()?;
    let mut key = Fields(record.key?);
    let (_version, kind) = (key.i16()?, key.i16()?);
    if kind != ABORT && kind != COMMIT {
        return None;
    }
    let mut value = Fields(record.value?);
    let (_version, coordinator_epoch) = (value.i16()?, value.i32()?);
    Some(Marker { commit: kind == COMMIT, coordinator_epoch })
}

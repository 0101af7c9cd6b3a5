//! The sparse time index (`.timeindex`): 12-byte entries, int64 timestamp, int32 offset relative to the
//! segment's base. An entry says: no record up to this offset has a later timestamp. The timestamp is
//! the largest of the segment so far, the offset the last one of the batch that holds it.
use super::index::{Entry, Fields};
use crate::types::Timestamp;

/// An entry: the largest timestamp so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeEntry {
    /// Largest timestamp of the segment up to the offset.
    pub timestamp: Timestamp,
    /// Last offset of the batch that holds it, minus the segment's base offset.
    pub relative_offset: u32,
}

impl Entry for TimeEntry {
    const SIZE: usize = 12;

    fn read(bytes: &[u8]) -> Option<Self> {
        let mut fields = Fields(bytes);
        Some(Self { timestamp: Timestamp(fields.i64()?), relative_offset: fields.u32()? })
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.timestamp.get().to_be_bytes());
        out.extend(self.relative_offset.to_be_bytes());
    }

    fn follows(&self, previous: Option<&Self>) -> bool {
        let in_range = self.relative_offset <= i32::MAX as u32;
        in_range
            && match previous {
                Some(last) => self.timestamp > last.timestamp && self.relative_offset > last.relative_offset,
                // Twelve zero bytes are preallocated space; timestamps before 1970 do not occur.
                None => self.timestamp.get() >= 0 && (self.timestamp.get() > 0 || self.relative_offset > 0),
            }
    }
}

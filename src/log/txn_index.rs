//! The transaction index (`.txnindex`): 34-byte entries, one for each transaction whose abort marker
//! lies in the segment, in the order of the markers. Not preallocated.
use super::index::{Entry, Fields};
use crate::types::{Offset, ProducerId};

/// An aborted transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AbortedTxn {
    /// Whose it was.
    pub producer_id: ProducerId,
    /// Its first offset in this partition.
    pub first_offset: Offset,
    /// Offset of its abort marker.
    pub last_offset: Offset,
    /// The last stable offset once it was aborted.
    pub last_stable_offset: Offset,
}

const VERSION: i16 = 0;

impl Entry for AbortedTxn {
    const SIZE: usize = 34;

    fn read(bytes: &[u8]) -> Option<Self> {
        let mut fields = Fields(bytes);
        if fields.i16()? != VERSION {
            return None;
        }
        Some(Self {
            producer_id: ProducerId(fields.i64()?),
            first_offset: Offset(fields.i64()?),
            last_offset: Offset(fields.i64()?),
            last_stable_offset: Offset(fields.i64()?),
        })
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend(VERSION.to_be_bytes());
        out.extend(self.producer_id.get().to_be_bytes());
        out.extend(self.first_offset.get().to_be_bytes());
        out.extend(self.last_offset.get().to_be_bytes());
        out.extend(self.last_stable_offset.get().to_be_bytes());
    }

    fn follows(&self, previous: Option<&Self>) -> bool {
        self.first_offset.get() >= 0
            && self.last_offset > self.first_offset
            && previous.is_none_or(|last| self.last_offset > last.last_offset)
    }
}

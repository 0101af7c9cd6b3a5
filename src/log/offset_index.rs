//! The sparse offset index (`.index`): 8-byte entries, int32 offset relative to the segment's base,
//! int32 position. The offset is the **last** offset of the batch that starts at the position, so the
//! batch that holds an offset is at or after the largest entry not above it. The first batch of a
//! segment never has an entry.
use super::index::{Entry, Fields};

/// An entry: where a batch begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OffsetEntry {
    /// Last offset of the batch minus the segment's base offset.
    pub relative_offset: u32,
    /// Byte position of the batch in the `.log`.
    pub position: u32,
}

impl Entry for OffsetEntry {
    const SIZE: usize = 8;

    fn read(bytes: &[u8]) -> Option<Self> {
        let mut fields = Fields(bytes);
        Some(Self { relative_offset: fields.u32()?, position: fields.u32()? })
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.relative_offset.to_be_bytes());
        out.extend(self.position.to_be_bytes());
    }

    fn follows(&self, previous: Option<&Self>) -> bool {
        let previous = previous.copied().unwrap_or(Self { relative_offset: 0, position: 0 });
        let in_range = self.relative_offset <= i32::MAX as u32 && self.position <= i32::MAX as u32;
        in_range && self.relative_offset > previous.relative_offset && self.position > previous.position
    }
}

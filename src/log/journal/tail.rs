//! What the journal has of one log: the bytes with which recovery restores its tail.
use std::io;

use super::format::EntryHeader;
use crate::env::FileRange;
use crate::log::scan::Found;
use crate::record::{BatchHeader, HEADER_LEN};
use crate::types::{LeaderEpoch, Offset};

/// One entry of the journal.
#[derive(Clone, Debug)]
pub struct Piece {
    /// What it says of its bytes.
    pub header: EntryHeader,
    /// The bytes, in the journal's file.
    pub bytes: FileRange,
}

impl Piece {
    fn covers(&self, base: Offset, at: u64) -> bool {
        let end = self.header.position.saturating_add(u64::from(self.header.length));
        self.header.base == base && (self.header.position..end).contains(&at)
    }

    /// The header of the batch that the journal has at a position of the segment, if one begins there.
    fn batch_at(&self, at: u64) -> io::Result<Option<BatchHeader>> {
        let skip = at.saturating_sub(self.header.position);
        let left = (self.bytes.len as u64).saturating_sub(skip);
        if left < HEADER_LEN as u64 {
            return Ok(None);
        }
        let mut bytes = [0; HEADER_LEN];
        self.bytes.file.read_exact_at(&mut bytes, self.bytes.pos.saturating_add(skip))?;
        let header = BatchHeader::parse(&bytes).ok();
        Ok(header.filter(|header| header.size() as u64 <= left))
    }
}

/// What the journal has of one log, in the order in which it was written.
#[derive(Clone, Debug, Default)]
pub struct Tail {
    pieces: Vec<Piece>,
}

impl Tail {
    pub(super) fn push(&mut self, piece: Piece) {
        self.pieces.push(piece);
    }

    /// Its entries.
    #[must_use]
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// Everything below this offset was durable; `None` if the journal says nothing.
    #[must_use]
    pub fn durable(&self) -> Option<Offset> {
        self.pieces.iter().map(|piece| piece.header.next_offset).max()
    }

    /// Whether the journal has nothing against a batch that lies in the log.
    ///
    /// # Errors
    /// The system's.
    pub fn agrees(&self, base: Offset, found: &Found) -> io::Result<bool> {
        let Some(piece) = self.pieces.iter().find(|piece| piece.covers(base, found.pos)) else {
            return Ok(true);
        };
        Ok(piece.batch_at(found.pos)?.is_some_and(|batch| batch == found.header))
    }

    /// The bytes that belong at position `at` of the segment with this base, where the batch at `expected` is
    /// due and the log's latest epoch is `epoch`; `None` if the journal has none that fit there.
    ///
    /// # Errors
    /// The system's.
    pub fn bytes_at(
        &self,
        base: Offset,
        at: u64,
        expected: Offset,
        epoch: Option<LeaderEpoch>,
    ) -> io::Result<Option<FileRange>> {
        let Some(piece) = self.pieces.iter().find(|piece| piece.covers(base, at)) else { return Ok(None) };
        let fits = |batch: &BatchHeader| {
            // After compaction a batch may begin past the offset that is due.
            batch.base_offset == expected && epoch.is_none_or(|epoch| batch.partition_leader_epoch >= epoch)
        };
        if !piece.batch_at(at)?.as_ref().is_some_and(fits) {
            return Ok(None);
        }
        let skip = at.saturating_sub(piece.header.position);
        let len = piece.bytes.len.saturating_sub(usize::try_from(skip).unwrap_or(usize::MAX));
        let pos = piece.bytes.pos.saturating_add(skip);
        Ok(Some(FileRange { file: std::sync::Arc::clone(&piece.bytes.file), pos, len }))
    }
}

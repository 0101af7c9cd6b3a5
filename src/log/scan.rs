//! Walking over the batches of a segment's file, header by header.
use std::io;
use std::sync::Arc;

use crate::env::File;
use crate::record::header::CRC_START;
use crate::record::{BatchError, BatchHeader, HEADER_LEN};

/// Bytes read at once when only a few batches are looked at.
pub const SHORT: usize = 4096;
/// Bytes read at once when all of them are.
pub const LONG: usize = 256 * 1024;

/// A batch that was met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its byte position in the file.
    pub pos: u64,
    /// Its header.
    pub header: BatchHeader,
}

impl Found {
    /// Position after the batch.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.pos.saturating_add(self.header.size() as u64)
    }
}

/// A walk over the batches of a file.
#[derive(Debug)]
pub struct Scan {
    file: Arc<dyn File>,
    pos: u64,
    end: u64,
    block: usize,
    buf: Vec<u8>,
    buf_pos: u64,
}

impl Scan {
    /// Walks from `pos`, where a batch begins, to `end`; reads `block` bytes at once.
    #[must_use]
    pub fn new(file: Arc<dyn File>, pos: u64, end: u64, block: usize) -> Self {
        Self { file, pos, end, block, buf: Vec::new(), buf_pos: 0 }
    }

    /// Where the next batch begins.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.pos
    }

    /// The next batch, if its header is sound and all of it lies before the end; `None` at the end.
    ///
    /// # Errors
    /// The outer one is the system's; the inner one says why the bytes are no batch, and the walk
    /// does not move on from there.
    #[allow(clippy::should_implement_trait, reason = "two kinds of error, unlike an iterator's item")]
    pub fn next(&mut self) -> io::Result<Option<Result<Found, BatchError>>> {
        let left = self.end.saturating_sub(self.pos);
        if left == 0 {
            return Ok(None);
        }
        let pos = self.pos;
        let header = match BatchHeader::parse(self.bytes(pos, HEADER_LEN)?) {
            Ok(header) => header,
            Err(error) => return Ok(Some(Err(error))),
        };
        if header.size() as u64 > left {
            let available = usize::try_from(left).unwrap_or(usize::MAX);
            return Ok(Some(Err(BatchError::Incomplete { needed: header.size(), available })));
        }
        let found = Found { pos, header };
        self.pos = found.end();
        Ok(Some(Ok(found)))
    }

    /// Compares a batch's CRC with its bytes, in pieces.
    pub fn verify(&mut self, found: &Found) -> io::Result<Result<(), BatchError>> {
        let (mut at, mut computed) = (found.pos.saturating_add(CRC_START as u64), 0u32);
        while at < found.end() {
            let left = usize::try_from(found.end().saturating_sub(at)).unwrap_or(usize::MAX);
            let want = left.min(self.block.max(HEADER_LEN));
            let bytes = self.bytes(at, want)?;
            if bytes.len() < want {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            computed = crc32c::crc32c_append(computed, bytes);
            at = at.saturating_add(want as u64);
        }
        let stored = found.header.crc;
        Ok(if stored == computed { Ok(()) } else { Err(BatchError::BadCrc { stored, computed }) })
    }

    /// Up to `len` bytes at `pos`; fewer only at the end.
    fn bytes(&mut self, pos: u64, len: usize) -> io::Result<&[u8]> {
        let left = usize::try_from(self.end.saturating_sub(pos)).unwrap_or(usize::MAX);
        let len = len.min(left);
        let mut skip = pos.checked_sub(self.buf_pos).and_then(|n| usize::try_from(n).ok());
        if skip.is_none_or(|skip| skip.saturating_add(len) > self.buf.len()) {
            self.buf.resize(self.block.max(len).min(left), 0);
            let read = self.file.read_at(&mut self.buf, pos)?;
            self.buf.truncate(read);
            self.buf_pos = pos;
            skip = Some(0);
        }
        let rest = skip.and_then(|skip| self.buf.get(skip..)).unwrap_or_default();
        Ok(rest.get(..len).unwrap_or(rest))
    }
}

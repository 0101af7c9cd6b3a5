//! A segment under construction: `.cleaned` files beside the segments that it will replace.
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::env::{File, Files, OpenMode};
use crate::log::config::LogConfig;
use crate::log::error::{At, LogError};
use crate::log::names::{CLEANED, Kind, SWAP, file_name};
use crate::log::scan::Found;
use crate::log::segment::{Indexes, Segment};
use crate::log::txn_index::AbortedTxn;
use crate::record::{BatchView, ValidBatch};
use crate::types::Offset;

/// Positions in a segment are 31-bit numbers.
const MOST_BYTES: u64 = i32::MAX as u64;

/// The path of one of the files of the segment at `base`, with a suffix.
pub fn path(dir: &Path, base: Offset, kind: Kind, suffix: &str) -> PathBuf {
    dir.join(file_name(base, kind) + suffix)
}

/// Takes batches one after the other.
#[derive(Debug)]
pub struct Output {
    segment: Segment,
    file: Arc<dyn File>,
    dir: PathBuf,
    /// Bytes that wait to be written.
    buf: Vec<u8>,
    buf_bytes: usize,
    written: u64,
    has_aborted: bool,
}

impl Output {
    /// Begins a segment; `buf_bytes` are written at once.
    pub fn create(files: &dyn Files, dir: &Path, base: Offset, buf_bytes: usize) -> Result<Self, LogError> {
        let at = path(dir, base, Kind::Log, CLEANED);
        let file = files.open(&at, OpenMode::Create).at(&at)?;
        file.set_len(0).at(&at)?;
        let mut segment = Segment::new(base, 0);
        segment.set_indexes(Indexes::default());
        let buf = Vec::with_capacity(buf_bytes);
        Ok(Self { segment, file, dir: dir.to_owned(), buf, buf_bytes, written: 0, has_aborted: false })
    }

    /// Base offset of the segment.
    pub fn base(&self) -> Offset {
        self.segment.base
    }

    /// Bytes taken so far.
    pub fn len(&self) -> u64 {
        self.segment.len
    }

    /// Whether an aborted transaction was noted.
    pub fn has_aborted(&self) -> bool {
        self.has_aborted
    }

    /// Takes a batch as it is.
    pub fn keep(&mut self, batch: &BatchView<'_>, config: &LogConfig) -> Result<(), LogError> {
        self.buf.extend_from_slice(batch.bytes());
        self.note(Found { pos: self.segment.len, header: *batch.header() }, config)
    }

    /// Takes a batch that was rewritten.
    pub fn put(&mut self, batch: &ValidBatch<'_>, config: &LogConfig) -> Result<(), LogError> {
        self.buf.extend_from_slice(&batch.header().to_bytes());
        self.buf.extend_from_slice(batch.body());
        self.note(Found { pos: self.segment.len, header: *batch.header() }, config)
    }

    /// Notes an aborted transaction whose marker stays.
    pub fn note_aborted(&mut self, files: &dyn Files, aborted: AbortedTxn) -> Result<(), LogError> {
        self.has_aborted = true;
        self.segment.indexes(files, &self.dir)?.txns.push(aborted);
        Ok(())
    }

    fn note(&mut self, found: Found, config: &LogConfig) -> Result<(), LogError> {
        self.segment.note(&found, config);
        if self.segment.len > MOST_BYTES {
            let at = path(&self.dir, self.segment.base, Kind::Log, CLEANED);
            return Err(LogError::corrupt(
                &at,
                "it grows beyond what a segment can hold while it is compacted",
            ));
        }
        if self.buf.len() >= self.buf_bytes { self.write() } else { Ok(()) }
    }

    fn write(&mut self) -> Result<(), LogError> {
        let at = path(&self.dir, self.segment.base, Kind::Log, CLEANED);
        self.file.write_all_at(&self.buf, self.written).at(&at)?;
        self.written = self.written.saturating_add(self.buf.len() as u64);
        self.buf.clear();
        Ok(())
    }

    /// Writes and syncs what is left, with the indexes. The names are not durable yet.
    pub fn finish(&mut self, files: &dyn Files) -> Result<(), LogError> {
        self.write()?;
        let base = self.segment.base;
        let at = |kind| path(&self.dir, base, kind, CLEANED);
        self.segment.seal_at(files, &at)?;
        // Empty or not: it takes the place of one that speaks of transactions that are gone.
        let txns = at(Kind::TxnIndex);
        let indexes = self.segment.indexes(files, &self.dir)?;
        indexes.txns.trim(files, &txns).at(&txns)?;
        let log = at(Kind::Log);
        self.file.sync_data().at(&log)?;
        self.segment.index_files().try_for_each(|file| file.sync_data()).at(&log)
    }
}

/// Removes what is left of an output that nobody wants. As long as a `.cleaned` log is there, the start
/// throws its indexes away: it goes last, and a finished log becomes one again first.
pub fn discard(files: &dyn Files, dir: &Path, base: Offset) {
    let log = path(dir, base, Kind::Log, CLEANED);
    let mut result = files.rename(&path(dir, base, Kind::Log, SWAP), &log);
    let indexes = Kind::SEGMENT.into_iter().filter(|kind| *kind != Kind::Log);
    let indexes = indexes.flat_map(|kind| [SWAP, CLEANED].map(|suffix| path(dir, base, kind, suffix)));
    for at in indexes.chain([log.clone()]) {
        if result.as_ref().is_err_and(|error| error.kind() != std::io::ErrorKind::NotFound) {
            break;
        }
        result = files.remove_file(&at);
    }
    if let Err(error) = result
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(%error, "cannot remove what compaction left; the next start tries again");
    }
}

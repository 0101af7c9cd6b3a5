//! Reading a journal that a crash has left.
//!
//! A round that is not whole ends the journal if it may be the last one: its flush never ended. Where a round
//! after it is found, its own flush had ended, and what it held was durable: that is damage.
use std::collections::BTreeMap;
use std::io;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use super::format::{BLOCK, EntryHeader, MAX_ROUND, ROUND_HEADER, RoundHeader, RoundId, Slot};
use super::tail::{Piece, Tail};
use crate::env::{File, FileRange, Files, OpenMode};
use crate::log::error::{At, LogError};
use crate::types::TopicId;

/// Bytes looked through at once for a round after a bad one.
const SEARCH: u64 = 256 << 10;

/// A journal as it was found.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its id.
    pub id: i64,
    /// What it has of each partition.
    pub tails: BTreeMap<(TopicId, i32), Tail>,
}

/// A round as it was found.
#[derive(Clone, Copy, Debug)]
pub struct FoundRound {
    /// Its header.
    pub header: RoundHeader,
    /// Where it begins in the file.
    pub position: u64,
}

/// Reads the journal at `path`; `None` if there is none.
///
/// # Errors
/// [`LogError::Corrupt`] if something in it was damaged that was durable; the system's.
pub fn read(files: &dyn Files, path: &Path) -> Result<Option<Found>, LogError> {
    let mut tails: BTreeMap<(TopicId, i32), Tail> = BTreeMap::new();
    let slot = walk(files, path, &mut |_, pieces| {
        for piece in pieces {
            let key = (piece.header.topic_id, piece.header.partition);
            tails.entry(key).or_default().push(piece);
        }
        ControlFlow::Continue(())
    })?;
    Ok(slot.map(|slot| Found { id: slot.id, tails }))
}

/// Walks over the rounds in the order in which they were written; gives the newest slot, `None` if there is
/// no file.
///
/// # Errors
/// As [`read`].
pub fn walk(
    files: &dyn Files,
    path: &Path,
    visit: &mut dyn FnMut(&FoundRound, Vec<Piece>) -> ControlFlow<()>,
) -> Result<Option<Slot>, LogError> {
    let file = match files.open(path, OpenMode::Read) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.at(path)?,
    };
    let slots = [slot(file.as_ref(), 0).at(path)?, slot(file.as_ref(), BLOCK).at(path)?];
    let newest = slots.into_iter().flatten().max_by_key(|slot| slot.generation);
    let Some(slot) = newest else {
        return Err(damage(path, 0, "neither of its two headers is whole"));
    };
    let mut side = Side { file: &file, path, slot: &slot, visit };
    let (first, previous) = (slot.first_round, slot.previous_first_round);
    if side.rounds(slot.generation.saturating_sub(1), previous, Some(first))?.is_continue() {
        let _ = side.rounds(slot.generation, first, None)?;
    }
    Ok(Some(slot))
}

fn damage(path: &Path, position: u64, what: &str) -> LogError {
    let reason = format!(
        "damaged at byte {position}: {what}. It held records that were acknowledged, and nobody can tell of which \
         partitions. Restore the file; or move it away, and each partition starts with what its own files hold"
    );
    LogError::corrupt(path, reason)
}

fn slot(file: &dyn File, at: u64) -> io::Result<Option<Slot>> {
    let mut block = vec![0; usize::try_from(BLOCK).unwrap_or(0)];
    let read = file.read_at(&mut block, at)?;
    block.truncate(read);
    Ok(Slot::parse(&block))
}

struct Side<'a> {
    file: &'a Arc<dyn File>,
    path: &'a Path,
    slot: &'a Slot,
    visit: &'a mut dyn FnMut(&FoundRound, Vec<Piece>) -> ControlFlow<()>,
}

impl Side<'_> {
    /// Walks over a generation's rounds from number `first` on. All below `upto` must be there; without it the
    /// first bad one is the end, unless rounds follow it.
    fn rounds(
        &mut self,
        generation: u64,
        first: u64,
        upto: Option<u64>,
    ) -> Result<ControlFlow<()>, LogError> {
        let begin = self.slot.side_at(generation);
        let end = begin.saturating_add(self.slot.side_bytes);
        let (mut at, mut round) = (begin, first);
        while upto.is_none_or(|upto| round < upto) {
            let id = RoundId { journal: self.slot.id, generation, round };
            let Some((header, pieces)) = self.round(id, at, end).at(self.path)? else {
                if upto.is_some() {
                    return Err(damage(self.path, at, "a round of the generation before is not whole"));
                }
                if self.later(id, at, end).at(self.path)? {
                    return Err(damage(self.path, at, "a round is not whole, though a later one is there"));
                }
                break;
            };
            if (self.visit)(&FoundRound { header, position: at }, pieces).is_break() {
                return Ok(ControlFlow::Break(()));
            }
            at = at.saturating_add(header.blocks());
            round = round.saturating_add(1);
        }
        Ok(ControlFlow::Continue(()))
    }

    /// The round at `at`, if it is whole and the one that is due.
    fn round(&self, id: RoundId, at: u64, end: u64) -> io::Result<Option<(RoundHeader, Vec<Piece>)>> {
        let mut header = [0; ROUND_HEADER];
        if at >= end || self.file.read_at(&mut header, at)? < ROUND_HEADER {
            return Ok(None);
        }
        let length = |header: &RoundHeader| usize::try_from(header.length).unwrap_or(usize::MAX);
        let due = RoundHeader::parse(&header, id.journal).filter(|header| {
            header.id == id && length(header) <= MAX_ROUND && at.saturating_add(header.blocks()) <= end
        });
        let Some(header) = due else { return Ok(None) };
        let mut bytes = vec![0; length(&header)];
        let begin = at.saturating_add(ROUND_HEADER as u64);
        if self.file.read_at(&mut bytes, begin)? < bytes.len() {
            return Ok(None);
        }
        let (mut front, mut pieces) = (bytes.as_slice(), Vec::new());
        while !front.is_empty() {
            let Some((entry, batches)) = EntryHeader::take(&mut front, id) else { return Ok(None) };
            let behind = batches.len().saturating_add(front.len()) as u64;
            let pos = begin.saturating_add(u64::from(header.length)).saturating_sub(behind);
            let range = FileRange { file: Arc::clone(self.file), pos, len: batches.len() };
            pieces.push(Piece { header: entry, bytes: range });
        }
        Ok((pieces.len() as u64 == u64::from(header.entries)).then_some((header, pieces)))
    }

    /// Whether a round that was begun after `id` lies behind `at`.
    fn later(&self, id: RoundId, at: u64, end: u64) -> io::Result<bool> {
        let mut at = at.saturating_add(BLOCK);
        while at < end {
            let len = SEARCH.min(end.saturating_sub(at));
            let mut chunk = vec![0; usize::try_from(len).unwrap_or(0)];
            let read = self.file.read_at(&mut chunk, at)?;
            chunk.truncate(read);
            let blocks = chunk.chunks(usize::try_from(BLOCK).unwrap_or(usize::MAX));
            let mut headers = blocks.filter_map(|block| RoundHeader::parse(block, id.journal));
            if headers.any(|later| (later.id.generation, later.id.round) > (id.generation, id.round)) {
                return Ok(true);
            }
            at = at.saturating_add(len);
        }
        Ok(false)
    }
}

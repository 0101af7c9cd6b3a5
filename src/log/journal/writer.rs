//! The journal at work: rounds go to one side until it is full; it is used again when every log that is in
//! it was flushed by itself.
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::format::{
    BLOCK, ENTRY_HEADER, EntryHeader, MAX_ROUND, ROUND_HEADER, RoundHeader, RoundId, SIDES_AT, Slot,
    whole_blocks,
};
use crate::env::{self, File, Files, OpenMode};
use crate::log::partition_log::Log;
use crate::types::Offset;

/// Bytes written at a time when the file is made.
const CHUNK: usize = 256 << 10;

/// Bytes of one log that a round is to make durable.
#[derive(Debug)]
pub struct Part {
    /// The log.
    pub log: Arc<Log>,
    /// Its segment's file.
    pub file: Arc<dyn File>,
    /// Which bytes they are.
    pub header: EntryHeader,
}

/// Why a round was not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The logs in the other side were not flushed yet: flush files meanwhile.
    #[error("both sides of the journal are full")]
    Full,
    /// The system refused; nothing may be said about what is on disk.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// The journal of a log directory.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: Arc<dyn File>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    slot: Slot,
    /// Number of the next round.
    round: u64,
    /// Where in its side the next round goes.
    at: u64,
    /// Logs in the side that is written: by address, and up to which offset they are in it.
    current: BTreeMap<usize, (Arc<Log>, Offset)>,
    /// Those in the other side that may not have been flushed since.
    other: Vec<(Arc<Log>, Offset)>,
    /// The bytes of a round, kept to be used again.
    buffer: Vec<u8>,
}

impl Journal {
    /// Makes the journal, durably, in place of any other: `bytes` long, all of it written, so that no later write
    /// changes what the file system knows of the file. `id` must be a number that no other journal had.
    ///
    /// # Errors
    /// The system's; nothing is left behind then.
    pub fn create(files: &dyn Files, dir: &Path, bytes: u64, id: i64) -> io::Result<Self> {
        let side_bytes = (bytes / 2 / BLOCK).max(1).saturating_mul(BLOCK);
        let slot = Slot { id, generation: 1, first_round: 1, previous_first_round: 1, side_bytes };
        let path = dir.join(super::FILE);
        let tmp = dir.join(super::UNFINISHED);
        let make = || {
            let file = files.open(&tmp, OpenMode::Create)?;
            file.set_len(0)?;
            let zeros = vec![0; CHUNK];
            let len = SIDES_AT.saturating_add(side_bytes.saturating_mul(2));
            let mut at = 0u64;
            while at < len {
                let chunk = usize::try_from(len.saturating_sub(at)).unwrap_or(CHUNK).min(CHUNK);
                file.write_all_at(zeros.get(..chunk).unwrap_or(&zeros), at)?;
                at = at.saturating_add(chunk as u64);
            }
            file.write_all_at(&slot.encode(), Slot::slot_at(1))?;
            file.sync_data()?;
            files.rename(&tmp, &path)?;
            files.sync_dir(dir)?;
            Ok(file)
        };
        let file = make().inspect_err(|_: &io::Error| {
            let _ = files.remove_file(&tmp);
        })?;
        let (current, other, buffer) = Default::default();
        let state = State { slot, round: 1, at: 0, current, other, buffer };
        Ok(Self { path, file, state: Mutex::new(state) })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether a round of this many bytes, headers included, can be written now.
    #[must_use]
    pub fn has_room(&self, bytes: u64) -> bool {
        let mut state = self.state();
        let blocks = whole_blocks(bytes.saturating_add(ROUND_HEADER as u64));
        blocks <= state.slot.side_bytes && (state.fits(blocks) || state.is_other_free())
    }

    /// Writes a round and makes it durable. Gives the logs that should be flushed by themselves soon, so that
    /// their side can be used again.
    ///
    /// # Errors
    /// [`WriteError`]. After one of no space the next round takes this one's place; after any other the journal
    /// must not be used again.
    pub fn write(&self, parts: &[Part]) -> Result<Vec<Arc<Log>>, WriteError> {
        let mut state = self.state();
        let state = &mut *state;
        let length = parts.iter().map(|part| part.bytes()).fold(0, usize::saturating_add);
        let blocks = whole_blocks(length.saturating_add(ROUND_HEADER) as u64);
        let mut retiring = Vec::new();
        if !state.fits(blocks) {
            if blocks > state.slot.side_bytes || length > MAX_ROUND || !state.is_other_free() {
                return Err(WriteError::Full);
            }
            self.turn_over(state)?;
            retiring = state.other.iter().map(|(log, _)| Arc::clone(log)).collect();
        }
        let id = RoundId { journal: state.slot.id, generation: state.slot.generation, round: state.round };
        let entries = u32::try_from(parts.len()).unwrap_or(u32::MAX);
        let header = RoundHeader { id, entries, length: u32::try_from(length).unwrap_or(u32::MAX) };
        state.buffer.clear();
        state.buffer.extend(header.encode());
        for part in parts {
            part.read_into(&mut state.buffer, id)?;
        }
        // Whole blocks, so that none of them is read from the disk first.
        state.buffer.resize(usize::try_from(blocks).unwrap_or(0).max(state.buffer.len()), 0);
        let at = state.slot.side_at(id.generation).saturating_add(state.at);
        self.file.write_all_at(&state.buffer, at)?;
        self.file.sync_data()?;
        state.at = state.at.saturating_add(blocks);
        state.round = state.round.saturating_add(1);
        for part in parts {
            let key = Arc::as_ptr(&part.log).addr();
            let upto = part.header.next_offset;
            let held = state.current.entry(key).or_insert_with(|| (Arc::clone(&part.log), upto));
            held.1 = held.1.max(upto);
        }
        Ok(retiring)
    }

    /// Announces the next generation, durably, before anything of the one that lies in its side is overwritten.
    fn turn_over(&self, state: &mut State) -> io::Result<()> {
        let slot = Slot {
            generation: state.slot.generation.saturating_add(1),
            first_round: state.round,
            previous_first_round: state.slot.first_round,
            ..state.slot
        };
        self.file.write_all_at(&slot.encode(), Slot::slot_at(slot.generation))?;
        self.file.sync_data()?;
        state.slot = slot;
        state.at = 0;
        state.other = std::mem::take(&mut state.current).into_values().collect();
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whether a round goes to the side that is written. A log in it keeps its file open, so that its own flush
    /// hears of every error: the two sides hold no more of them than logs may keep open.
    fn fits(&self, blocks: u64) -> bool {
        let most = (env::most_kept_files() / 2).max(1);
        self.at.saturating_add(blocks) <= self.slot.side_bytes && self.current.len() < most
    }

    /// Whether all logs in the other side were flushed by themselves since, or are gone.
    fn is_other_free(&mut self) -> bool {
        while let Some((log, upto)) = self.other.last() {
            if log.relies_on_journal(*upto) {
                return false;
            }
            self.other.pop();
        }
        true
    }
}

impl Part {
    /// Length of its entry.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let batches = usize::try_from(self.header.length).unwrap_or(usize::MAX);
        batches.saturating_add(ENTRY_HEADER)
    }

    /// Appends its entry to a round.
    fn read_into(&self, buffer: &mut Vec<u8>, id: RoundId) -> io::Result<()> {
        let begin = buffer.len();
        let batches = begin.saturating_add(ENTRY_HEADER);
        buffer.resize(begin.saturating_add(self.bytes()), 0);
        let Some(bytes) = buffer.get_mut(batches..) else { return Ok(()) };
        self.file.read_exact_at(bytes, self.header.position)?;
        let header = self.header.encode(id, bytes);
        if let Some(place) = buffer.get_mut(begin..batches) {
            place.copy_from_slice(&header);
        }
        Ok(())
    }
}

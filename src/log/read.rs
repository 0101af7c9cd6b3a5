//! Reading from a log: ranges of whole batches.
//!
//! Where things are is found out under the log's lock from what is in memory; what must be looked up on
//! disk is looked up without it.
use std::collections::VecDeque;
use std::sync::Arc;

use super::error::{At, LogError};
use super::index::{Known, Search};
use super::names::Kind;
use super::offset_index::OffsetEntry;
use super::partition_log::{Inner, Log};
use super::scan::{Found, SHORT, Scan};
use crate::env::{File, FileRange};
use crate::types::Offset;

/// Batches at the log's end whose positions are kept.
const RECENT: usize = 32;
/// Ends of earlier reads that are kept: as many readers go on without a look-up.
const READERS: usize = 4;

/// What to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadRequest {
    /// The first batch is the one that holds this offset.
    pub from: Offset,
    /// At most this many bytes.
    pub max_bytes: usize,
    /// Nothing at or above this offset (high watermark or last stable offset).
    pub upto: Offset,
    /// Give the first batch even if it alone is larger than `max_bytes`.
    pub at_least_one: bool,
}

/// Whole batches, one after the other, in one file.
#[derive(Clone, Debug)]
pub struct Slice {
    /// The bytes; `None` if there are none to give.
    pub range: Option<FileRange>,
    /// Base offset of the first batch, or where the read would begin.
    pub base_offset: Offset,
    /// Where the next read goes on.
    pub next_offset: Offset,
    /// First offset of the log.
    pub log_start: Offset,
    /// Log end offset.
    pub log_end: Offset,
}

impl Slice {
    /// Length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.range.as_ref().map_or(0, |range| range.len)
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A place where a batch begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    /// Base of the segment.
    segment: Offset,
    /// The batch is the first of the log that ends at or after this offset.
    offset: Offset,
    pos: u64,
}

/// One of the newest batches.
#[derive(Clone, Copy, Debug)]
struct Recent {
    base: Offset,
    last: Offset,
    pos: u64,
}

/// Places that will be asked for soon.
#[derive(Debug, Default)]
pub(super) struct Cursors {
    /// The newest batches of the active segment, without a gap up to its end.
    recent: VecDeque<Recent>,
    readers: VecDeque<Mark>,
    /// Counts the times that positions became void.
    generation: u64,
}

impl Cursors {
    pub fn appended(&mut self, found: &Found) {
        if self.recent.len() >= RECENT {
            self.recent.pop_front();
        }
        let (base, last) = (found.header.base_offset, found.header.last_offset());
        self.recent.push_back(Recent { base, last, pos: found.pos });
    }

    pub fn rolled(&mut self) {
        self.recent.clear();
    }

    /// Sealed segments were replaced: positions in them mean nothing any more.
    pub fn replaced(&mut self) {
        self.readers.clear();
        self.generation = self.generation.wrapping_add(1);
    }

    fn recent(&self, offset: Offset) -> Option<u64> {
        let after = self.recent.partition_point(|batch| batch.base <= offset);
        self.recent.get(after.checked_sub(1)?).map(|batch| batch.pos)
    }

    /// The batches from the one that holds `from` up to `upto`, if that is the tail that readers follow:
    /// base offset, position, and the position after them in a segment of `len` bytes.
    fn tail(&self, from: Offset, upto: Offset, len: u64) -> Option<(Offset, u64, u64)> {
        let ending_at = |offset: Offset| self.recent.partition_point(|batch| batch.last < offset);
        let first = self.recent.get(ending_at(from)).filter(|batch| batch.base <= from)?;
        let end = self.recent.get(ending_at(upto)).map_or(len, |beyond| beyond.pos);
        Some((first.base, first.pos, end))
    }

    fn reader(&self, segment: Offset, offset: Offset) -> Option<u64> {
        let mark = self.readers.iter().find(|mark| mark.segment == segment && mark.offset == offset);
        mark.map(|mark| mark.pos)
    }

    fn remember(&mut self, mark: Mark, generation: u64) {
        if self.generation != generation || self.readers.contains(&mark) {
            return;
        }
        if self.readers.len() >= READERS {
            self.readers.pop_front();
        }
        self.readers.push_back(mark);
    }
}

/// Where to begin looking for a batch.
#[derive(Debug)]
enum Hint {
    /// It begins here, or at the end of the segment.
    Exactly(u64),
    /// It begins at or after what the index says.
    After(Search<OffsetEntry>),
}

/// A segment as a reader sees it, free of the log's lock.
#[derive(Debug)]
struct View {
    file: Arc<dyn File>,
    path: std::path::PathBuf,
    base: Offset,
    len: u64,
    /// Offset after the segment.
    end: Offset,
    /// See [`Cursors`].
    generation: u64,
}

impl View {
    fn scan(&self, pos: u64) -> Scan {
        Scan::new(Arc::clone(&self.file), pos, self.len, SHORT)
    }

    fn next(&self, scan: &mut Scan) -> Result<Option<Found>, LogError> {
        match scan.next().at(&self.path)? {
            None => Ok(None),
            Some(Ok(found)) => Ok(Some(found)),
            Some(Err(error)) => {
                let at = scan.position();
                Err(LogError::corrupt(&self.path, format!("at byte {at}: {error}")))
            }
        }
    }

    fn relative(&self, offset: Offset) -> u32 {
        let relative = offset.get().saturating_sub(self.base.get()).max(0);
        u32::try_from(relative).unwrap_or(u32::MAX)
    }

    /// The first batch that ends at or after `offset`.
    fn find(&self, offset: Offset, hint: &Hint) -> Result<Option<Found>, LogError> {
        let relative = self.relative(offset);
        let pos = match hint {
            Hint::Exactly(pos) => *pos,
            Hint::After(search) => {
                let entry = search.finish(|entry| entry.relative_offset <= relative).at(&self.path)?;
                entry.map_or(0, |entry| u64::from(entry.position))
            }
        };
        let mut scan = self.scan(pos.min(self.len));
        while let Some(found) = self.next(&mut scan)? {
            if found.header.last_offset() >= offset {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}

impl Log {
    /// Finds whole batches from the one that holds `from`. A `from` below the log start is taken as the
    /// log start if only expiry has passed it and its segment is still there.
    ///
    /// # Errors
    /// [`LogError::OffsetOutOfRange`], [`LogError::Offline`], or the system's.
    pub fn read(&self, request: &ReadRequest) -> Result<Slice, LogError> {
        let mut from = request.from;
        loop {
            let mut inner = self.lock();
            self.check_online(&inner)?;
            self.expire_head(&mut inner);
            from = start_of_read(&inner, request.from)?.max(from);
            let upto = request.upto.min(inner.end);
            let nothing = Slice {
                range: None,
                base_offset: from,
                next_offset: from,
                log_start: inner.log_start,
                log_end: inner.end,
            };
            if from >= upto {
                return Ok(nothing);
            }
            if let Some(slice) = self.tail(&mut inner, request, from, upto, &nothing)? {
                return Ok(slice);
            }
            let (view, hint) = self.view(&mut inner, from)?;
            let limit = if upto >= view.end { None } else { Some(self.hint(&mut inner, upto)?) };
            let ahead = self.by_position(&mut inner, from, request.max_bytes as u64)?;
            drop(inner);
            let Some(first) = view.find(from, &hint)? else {
                // The rest of this segment was compacted away.
                from = view.end;
                continue;
            };
            let end = match limit {
                None => view.len,
                Some(hint) => view.find(upto, &hint)?.map_or(view.len, |beyond| beyond.pos),
            };
            if first.pos >= end {
                return Ok(nothing);
            }
            return self.cut_to_size(request, nothing, &view, &first, end, ahead.as_ref());
        }
    }

    /// What a reader that follows the tail gets, if all that is known: no file is looked into.
    fn tail(
        &self,
        inner: &mut Inner,
        request: &ReadRequest,
        from: Offset,
        upto: Offset,
        nothing: &Slice,
    ) -> Result<Option<Slice>, LogError> {
        let len = inner.active().len;
        let Some((base_offset, pos, end)) = inner.cursors.tail(from, upto, len) else { return Ok(None) };
        let size = end.saturating_sub(pos);
        if size == 0 || size > request.max_bytes as u64 {
            return Ok(None);
        }
        let Ok(size) = usize::try_from(size) else { return Ok(None) };
        let (active, dir, _) = inner.active_and_dir();
        let file = active.file(self.env.files.as_ref(), dir)?;
        let range = Some(FileRange { file, pos, len: size });
        Ok(Some(Slice { range, base_offset, next_offset: upto, ..nothing.clone() }))
    }

    fn cut_to_size(
        &self,
        request: &ReadRequest,
        mut slice: Slice,
        view: &View,
        first: &Found,
        end: u64,
        ahead: Option<&Known<OffsetEntry>>,
    ) -> Result<Slice, LogError> {
        slice.base_offset = first.header.base_offset;
        let max = request.max_bytes as u64;
        let (stop, next_offset) = if end.saturating_sub(first.pos) <= max {
            (end, if end == view.len { view.end } else { request.upto })
        } else if first.end().saturating_sub(first.pos) > max {
            if !request.at_least_one {
                return Ok(slice);
            }
            (first.end(), first.header.next_offset())
        } else {
            self.last_within(view, first, first.pos.saturating_add(max), ahead)?
        };
        let len = usize::try_from(stop.saturating_sub(first.pos)).unwrap_or(0);
        slice.range = Some(FileRange { file: Arc::clone(&view.file), pos: first.pos, len });
        slice.next_offset = next_offset;
        if stop < view.len {
            let mark = Mark { segment: view.base, offset: next_offset, pos: stop };
            self.lock().cursors.remember(mark, view.generation);
        }
        Ok(slice)
    }

    /// The last place at or before byte `most` where a batch ends, and the offset after it.
    fn last_within(
        &self,
        view: &View,
        first: &Found,
        most: u64,
        ahead: Option<&Known<OffsetEntry>>,
    ) -> Result<(u64, Offset), LogError> {
        let entry = match ahead {
            Some(known) => known.last_where(|e| u64::from(e.position) <= most).at(&view.path)?,
            None => None,
        };
        let known = entry.map_or(0, |entry| u64::from(entry.position));
        let mut scan = view.scan(if known <= most { known.max(first.pos) } else { first.pos });
        let (mut stop, mut next) = (first.end(), first.header.next_offset());
        while let Some(found) = view.next(&mut scan)? {
            if found.end() > most {
                if found.pos > stop {
                    stop = found.pos;
                    next = found.header.base_offset;
                }
                break;
            }
            (stop, next) = (found.end(), found.header.next_offset());
        }
        Ok((stop, next))
    }

    fn view(&self, inner: &mut Inner, offset: Offset) -> Result<(View, Hint), LogError> {
        let at = inner.segment_of(offset).unwrap_or(0);
        let end = inner.segments.get(at.saturating_add(1)).map_or(inner.end, |next| next.base);
        let hint = self.hint(inner, offset)?;
        let Inner { segments, dir, cursors, .. } = inner;
        let Some(segment) = segments.get_mut(at) else {
            return Err(LogError::corrupt(dir, "the log has no segment"));
        };
        let file = segment.file(self.env.files.as_ref(), dir)?;
        let path = segment.path(dir, Kind::Log);
        let generation = cursors.generation;
        Ok((View { file, path, base: segment.base, len: segment.len, end, generation }, hint))
    }

    fn hint(&self, inner: &mut Inner, offset: Offset) -> Result<Hint, LogError> {
        let at = inner.segment_of(offset).unwrap_or(0);
        let is_active = at.saturating_add(1) == inner.segments.len();
        let Inner { segments, dir, cursors, .. } = inner;
        let Some(segment) = segments.get_mut(at) else { return Ok(Hint::Exactly(0)) };
        let recent = cursors.recent(offset).filter(|_| is_active);
        if let Some(pos) = recent.or_else(|| cursors.reader(segment.base, offset)) {
            return Ok(Hint::Exactly(pos));
        }
        let relative = offset.get().saturating_sub(segment.base.get()).max(0);
        let relative = u32::try_from(relative).unwrap_or(u32::MAX);
        let indexes = segment.indexes(self.env.files.as_ref(), dir)?;
        Ok(Hint::After(indexes.offsets.search(|entry| entry.relative_offset <= relative)))
    }

    /// The index entries among which the end of a read is looked for, if it may end inside the segment.
    fn by_position(
        &self,
        inner: &mut Inner,
        from: Offset,
        max_bytes: u64,
    ) -> Result<Option<Known<OffsetEntry>>, LogError> {
        let at = inner.segment_of(from).unwrap_or(0);
        let Inner { segments, dir, .. } = inner;
        match segments.get_mut(at).filter(|segment| segment.len > max_bytes) {
            Some(segment) => Ok(Some(segment.indexes(self.env.files.as_ref(), dir)?.offsets.known())),
            None => Ok(None),
        }
    }
}

/// Where a read at `from` begins.
fn start_of_read(inner: &Inner, from: Offset) -> Result<Offset, LogError> {
    let (start, end) = (inner.log_start, inner.end);
    let first = inner.segments.first().map_or(start, |first| first.base);
    if start <= from && from < first {
        return Err(LogError::NotLocal { offset: from, local_start: first });
    }
    if from > end || from < first || from < inner.deleted_before {
        return Err(LogError::OffsetOutOfRange { offset: from, start, end });
    }
    Ok(from.max(start))
}

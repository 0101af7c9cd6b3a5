//! Reading the remote part of a partition: batches by offset, records by time, aborted transactions.
use std::sync::Arc;

use bytes::Bytes;

use super::manifest::{Manifest, RemoteSegment};
use super::object::Section;
use super::objects::Place;
use super::remote_log::{Mark, RemoteLog};
use super::store::StoreError;
use crate::log::index;
use crate::log::{AbortedTxn, LogError, OffsetEntry, ReadRequest, TimeEntry, TimedOffset};
use crate::record::{BatchHeader, BatchView, HEADER_LEN};
use crate::types::{Offset, Timestamp};

/// Bytes that are looked at together when a batch is looked for.
const STRIDE: u64 = 64 << 10;
/// Most bytes that the records of one batch may decompress to when one is looked for.
const MAX_PAYLOAD: usize = 1 << 30;
/// Largest batch that is read, in bytes.
const MAX_BATCH: u64 = 1 << 30;

/// Whole batches, one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteSlice {
    /// The bytes; empty if there are none to give.
    pub bytes: Bytes,
    /// Where the next read goes on.
    pub next_offset: Offset,
    /// Aborted transactions that touch them, as far as the remote part knows.
    pub aborted: Vec<AbortedTxn>,
}

/// A batch that was met.
struct Met {
    pos: u64,
    header: BatchHeader,
}

impl Met {
    fn end(&self) -> u64 {
        self.pos.saturating_add(self.header.size() as u64)
    }
}

/// A walk over the batches of a remote segment.
struct Walk<'a> {
    log: &'a RemoteLog,
    place: &'a Place,
    pos: u64,
    held: Bytes,
    held_pos: u64,
}

impl<'a> Walk<'a> {
    fn new(log: &'a RemoteLog, place: &'a Place, pos: u64) -> Self {
        Self { log, place, pos, held: Bytes::new(), held_pos: 0 }
    }

    async fn bytes(&mut self, pos: u64, len: u64) -> Result<Bytes, StoreError> {
        let within = |held: &Bytes, held_pos: u64| {
            let skip = usize::try_from(pos.checked_sub(held_pos)?).ok()?;
            let end = skip.checked_add(usize::try_from(len).ok()?)?;
            (end <= held.len()).then(|| held.slice(skip..end))
        };
        if let Some(bytes) = within(&self.held, self.held_pos) {
            return Ok(bytes);
        }
        let end = pos.saturating_add(len.max(STRIDE)).min(self.place.segment.log_bytes);
        self.held = self.log.objects.batches(self.place, pos..end).await?;
        self.held_pos = pos;
        within(&self.held, self.held_pos).ok_or_else(|| {
            StoreError::damaged(&self.place.name, format!("it ends inside a batch at byte {pos}"))
        })
    }

    async fn next(&mut self) -> Result<Option<Met>, StoreError> {
        if self.pos >= self.place.segment.log_bytes {
            return Ok(None);
        }
        let pos = self.pos;
        let head = self.bytes(pos, HEADER_LEN as u64).await?;
        let damaged =
            |what: String| StoreError::damaged(&self.place.name, format!("the batch at byte {pos}: {what}"));
        let header = BatchHeader::parse(&head).map_err(|error| damaged(error.to_string()))?;
        if header.size() as u64 > MAX_BATCH {
            return Err(damaged(format!("{} bytes are more than a batch can have", header.size())));
        }
        let met = Met { pos, header };
        self.pos = met.end();
        Ok(Some(met))
    }

    /// The first batch that ends at or after `offset`.
    async fn find(&mut self, offset: Offset) -> Result<Option<Met>, StoreError> {
        while let Some(met) = self.next().await? {
            if met.header.last_offset() >= offset {
                return Ok(Some(met));
            }
        }
        Ok(None)
    }
}

impl RemoteLog {
    /// Reads whole batches from the one that holds `request.from`, or the first after it. Runs on the tier's own
    /// threads and goes on there if the caller stops waiting, so that a second try finds more.
    ///
    /// # Errors
    /// [`LogError::OffsetOutOfRange`] below the log start, [`LogError::NotLocal`] if the remote part has nothing from
    /// there on, [`LogError::Remote`].
    pub async fn read(
        self: &Arc<Self>,
        request: ReadRequest,
        with_aborted: bool,
    ) -> Result<RemoteSlice, LogError> {
        let this = Arc::clone(self);
        self.beside(async move { this.read_here(&request, with_aborted).await }).await
    }

    /// The first record, in the order of offsets, whose timestamp is not before `time`; `None` if the remote part
    /// holds none.
    ///
    /// # Errors
    /// [`LogError::Remote`].
    pub async fn find_time(self: &Arc<Self>, time: Timestamp) -> Result<Option<TimedOffset>, LogError> {
        let this = Arc::clone(self);
        self.beside(async move { this.find_time_here(time).await }).await
    }

    async fn beside<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, LogError>> + Send + 'static,
    ) -> Result<T, LogError> {
        match self.runtime.spawn(work).await {
            Ok(done) => done,
            Err(error) => Err(LogError::Remote(error.to_string())),
        }
    }

    async fn read_here(&self, request: &ReadRequest, with_aborted: bool) -> Result<RemoteSlice, LogError> {
        let mut before = None;
        loop {
            let manifest = self.loaded().await?;
            match self.read_in(&manifest, request, with_aborted).await {
                // What was read has been replaced or deleted meanwhile; the manifest in force may tell.
                Err(Failure::Store(StoreError::NotFound(_)))
                    if before != Some(manifest.version)
                        && self.manifest().is_some_and(|now| now.version != manifest.version) =>
                {
                    before = Some(manifest.version);
                }
                Err(Failure::Store(error)) => return Err(self.failed(&error)),
                Err(Failure::Log(error)) => return Err(error),
                Ok(slice) => return Ok(slice),
            }
        }
    }

    fn failed(&self, error: &StoreError) -> LogError {
        tracing::warn!(partition = %self.log.topic_partition(), %error, "a remote read failed");
        LogError::Remote(error.to_string())
    }

    async fn read_in(
        &self,
        manifest: &Manifest,
        request: &ReadRequest,
        with_aborted: bool,
    ) -> Result<RemoteSlice, Failure> {
        let log_start = self.log.log_start().max(manifest.log_start);
        if request.from < log_start {
            let (start, end) = (log_start, self.log.log_end());
            return Err(LogError::OffsetOutOfRange { offset: request.from, start, end }.into());
        }
        for (at, segment) in manifest.segments.iter().enumerate().skip(manifest.segment_at(request.from)) {
            let place = Place::new(&self.dir, segment);
            let from = request.from.max(segment.base);
            let mark = self.position(segment.id, from).or_else(|| (from <= segment.base).then_some(0));
            let Some((bytes, next_offset, stop)) = self.read_segment(&place, from, mark, request).await?
            else {
                // The rest of this segment was compacted away.
                continue;
            };
            if mark.is_some() {
                self.go_ahead(manifest, at, &place, stop);
            }
            let aborted = match with_aborted && !bytes.is_empty() {
                true => self.aborted(manifest, at, from, next_offset).await?,
                false => Vec::new(),
            };
            return Ok(RemoteSlice { bytes, next_offset, aborted });
        }
        Err(LogError::NotLocal { offset: request.from, local_start: self.log.local_start() }.into())
    }

    /// The batches of one segment from `from` on, the offset after them, and where they end; `None` if there are
    /// none. `mark` is where to begin, if that is known.
    async fn read_segment(
        &self,
        place: &Place,
        from: Offset,
        mark: Option<u64>,
        request: &ReadRequest,
    ) -> Result<Option<(Bytes, Offset, u64)>, StoreError> {
        let segment = &place.segment;
        let start = match mark {
            Some(pos) => pos,
            None => self.look_up(place, from).await?,
        };
        let mut walk = Walk::new(self, place, start);
        let Some(first) = walk.find(from).await? else { return Ok(None) };
        if first.header.base_offset >= request.upto {
            return Ok(Some((Bytes::new(), from, first.pos)));
        }
        let budget = self.objects.cache().budget().checked_div(4).unwrap_or(0);
        let max = (request.max_bytes as u64).min(budget);
        let len = first.end().saturating_sub(first.pos);
        if len > max && !request.at_least_one {
            return Ok(Some((Bytes::new(), from, first.pos)));
        }
        let most = first.pos.saturating_add(max.max(len)).min(segment.log_bytes);
        let bytes = self.objects.batches(place, first.pos..most).await?;
        let (mut stop, mut next) = (first.end(), first.header.next_offset());
        loop {
            let skip = usize::try_from(stop.saturating_sub(first.pos)).unwrap_or(usize::MAX);
            let Some(rest) = bytes.get(skip..).filter(|rest| rest.len() >= HEADER_LEN) else { break };
            let header = BatchHeader::parse(rest).map_err(|error| {
                StoreError::damaged(&place.name, format!("the batch at byte {stop}: {error}"))
            })?;
            if header.size() > rest.len() || header.base_offset >= request.upto {
                break;
            }
            (stop, next) = (stop.saturating_add(header.size() as u64), header.next_offset());
        }
        if stop >= segment.log_bytes {
            next = segment.end;
        } else {
            self.remember(Mark { segment: segment.id, offset: next, pos: stop });
        }
        let len = usize::try_from(stop.saturating_sub(first.pos)).unwrap_or(usize::MAX);
        Ok(Some((bytes.slice(..len.min(bytes.len())), next, stop)))
    }

    /// Where to begin looking for the batch that holds `offset`.
    async fn look_up(&self, place: &Place, offset: Offset) -> Result<u64, StoreError> {
        if offset <= place.segment.base {
            return Ok(0);
        }
        let bytes = self.objects.section(place, Section::OffsetIndex).await?;
        let entries: Vec<OffsetEntry> = index::parse(&bytes);
        let relative = offset.get().saturating_sub(place.segment.base.get());
        let after = entries.partition_point(|entry| i64::from(entry.relative_offset) <= relative);
        Ok(after.checked_sub(1).and_then(|at| entries.get(at)).map_or(0, |entry| u64::from(entry.position)))
    }

    /// Fetches what the reader will want next, into the next segment if this one ends.
    fn go_ahead(&self, manifest: &Manifest, at: usize, place: &Place, stop: u64) {
        let window = self.objects.window();
        let (objects, place) = (self.objects.clone(), place.clone());
        let next = manifest.segments.get(at.saturating_add(1)).map(|next| Place::new(&self.dir, next));
        let end = stop.saturating_add(window);
        tokio::spawn(async move {
            // A failure here is met again by whoever reads there.
            if objects.ahead(&place, stop..end).await.is_ok()
                && let Some(next) = next
            {
                let _ = objects.ahead(&next, 0..end.saturating_sub(place.segment.log_bytes)).await;
            }
        });
    }

    /// Aborted transactions that touch `[from, upto)`: their markers may lie in later segments, in the bucket or here.
    async fn aborted(
        &self,
        manifest: &Manifest,
        at: usize,
        from: Offset,
        upto: Offset,
    ) -> Result<Vec<AbortedTxn>, Failure> {
        let mut aborted = Vec::new();
        for segment in manifest.segments.iter().skip(at).filter(|segment| segment.aborted) {
            let bytes = self.objects.section(&Place::new(&self.dir, segment), Section::TxnIndex).await?;
            for entry in index::parse::<AbortedTxn>(&bytes) {
                if entry.last_offset >= from && entry.first_offset < upto && !aborted.contains(&entry) {
                    aborted.push(entry);
                }
                // All that comes later began at or after this.
                if entry.last_stable_offset >= upto {
                    return Ok(aborted);
                }
            }
        }
        let beyond = manifest.end().unwrap_or(Offset::ZERO);
        for entry in self.log.aborted_transactions(from, upto)? {
            if entry.last_offset >= beyond && !aborted.contains(&entry) {
                aborted.push(entry);
            }
        }
        Ok(aborted)
    }

    async fn find_time_here(&self, time: Timestamp) -> Result<Option<TimedOffset>, LogError> {
        let manifest = self.loaded().await?;
        let log_start = self.log.log_start().max(manifest.log_start);
        let may_hold = |segment: &&RemoteSegment| segment.newest >= time && segment.end > log_start;
        for segment in manifest.segments.iter().filter(may_hold) {
            let place = Place::new(&self.dir, segment);
            let found = self.find_time_in(&place, time, log_start).await;
            if let Some(found) = found.map_err(|error| self.failed(&error))? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    async fn find_time_in(
        &self,
        place: &Place,
        time: Timestamp,
        log_start: Offset,
    ) -> Result<Option<TimedOffset>, StoreError> {
        let bytes = self.objects.section(place, Section::TimeIndex).await?;
        let entries: Vec<TimeEntry> = index::parse(&bytes);
        let after = entries.partition_point(|entry| entry.timestamp < time);
        let relative = after.checked_sub(1).and_then(|at| entries.get(at)).map_or(0, |e| e.relative_offset);
        let from = place.segment.base.plus(i64::from(relative));
        let mut walk = Walk::new(self, place, self.look_up(place, from).await?);
        while let Some(met) = walk.next().await? {
            if met.header.max_timestamp < time {
                continue;
            }
            let bytes = walk.bytes(met.pos, met.header.size() as u64).await?;
            let damaged = |what: &dyn std::fmt::Display| {
                StoreError::damaged(&place.name, format!("the batch at byte {}: {what}", met.pos))
            };
            let batch = BatchView::parse(&bytes).map_err(|error| damaged(&error))?;
            let payload = batch.payload(MAX_PAYLOAD).map_err(|error| damaged(&error))?;
            for record in batch.records(&payload) {
                let record = record.map_err(|error| damaged(&error))?;
                if record.timestamp >= time && record.offset >= log_start {
                    let leader_epoch = met.header.partition_leader_epoch;
                    let (offset, timestamp) = (record.offset, record.timestamp);
                    return Ok(Some(TimedOffset { offset, timestamp, leader_epoch }));
                }
            }
        }
        Ok(None)
    }
}

enum Failure {
    Store(StoreError),
    Log(LogError),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<LogError> for Failure {
    fn from(error: LogError) -> Self {
        Self::Log(error)
    }
}

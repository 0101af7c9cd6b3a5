//! Reading the objects of segments: through the cache, checked, several parts with one request, and ahead of a
//! reader that goes on.
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use super::cache::{Cache, Duty, Wish, outcome};
use super::layout;
use super::limit::Rate;
use super::manifest::RemoteSegment;
use super::metrics::TierMetrics;
use super::object::{CHUNK, Checksums, Directory, HEAD_LEN, Section};
use super::store::{Store, StoreError};

/// Most chunks that are asked for with one request.
const MOST_AT_ONCE: u64 = 4;
/// The share of the cache that one reader's look-ahead takes, as a divisor, and the most it takes in bytes.
const AHEAD_SHARE: u64 = 16;
const MOST_AHEAD: u64 = 16 << 20;
/// Longest time that one request for a part may take.
const TIME_LIMIT: Duration = Duration::from_secs(60);
/// Numbers of what lies in the tail, see [`Key`](super::cache::Key).
const FRONT: u64 = u64::MAX;

/// The objects of segments, and the cache of what was read of them.
#[derive(Clone, Debug)]
pub struct Objects {
    store: Store,
    cache: Arc<Cache>,
    rate: Arc<Rate>,
    bytes_per_second: Arc<AtomicU64>,
    metrics: Arc<TierMetrics>,
}

/// A segment of a partition.
#[derive(Clone, Debug)]
pub struct Place {
    /// Name of its object.
    pub name: Arc<str>,
    /// What the manifest says of it.
    pub segment: RemoteSegment,
}

impl Place {
    /// The segment of the partition in `dir`.
    #[must_use]
    pub fn new(dir: &str, segment: &RemoteSegment) -> Self {
        Self { name: layout::segment(dir, segment.base, segment.id).into(), segment: *segment }
    }
}

/// What every reader of an object needs.
#[derive(Clone, Debug)]
struct Front {
    directory: Directory,
    checksums: Checksums,
}

impl Objects {
    /// Reads from `store`, through `cache`.
    #[must_use]
    pub fn new(store: Store, cache: Arc<Cache>, rate: Rate, metrics: Arc<TierMetrics>) -> Self {
        let bytes_per_second = Arc::new(AtomicU64::new(u64::MAX));
        Self { store, cache, rate: Arc::new(rate), bytes_per_second, metrics }
    }

    /// Reads at most so many bytes per second from now on.
    pub fn set_rate(&self, bytes_per_second: u64) {
        self.bytes_per_second.store(bytes_per_second, Ordering::Relaxed);
    }

    /// The cache.
    #[must_use]
    pub fn cache(&self) -> &Arc<Cache> {
        &self.cache
    }

    /// Batches of a segment, checked.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn batches(&self, place: &Place, range: Range<u64>) -> Result<Bytes, StoreError> {
        let end = range.end.min(place.segment.log_bytes);
        if range.start >= end {
            return Ok(Bytes::new());
        }
        // First, and without any duty: nobody may wait for room while others wait for him.
        let front = self.front(place).await?;
        let first = chunk_of(range.start);
        let chunks =
            self.chunks(place, &front, first..chunk_of(end.saturating_sub(1)).saturating_add(1)).await?;
        let skip = usize::try_from(range.start.saturating_sub(first.saturating_mul(CHUNK))).unwrap_or(0);
        let len = usize::try_from(end.saturating_sub(range.start)).unwrap_or(0);
        let whole = match <[Bytes; 1]>::try_from(chunks) {
            Ok([one]) => one,
            Err(several) => {
                let mut joined = BytesMut::with_capacity(several.iter().map(Bytes::len).sum());
                several.iter().for_each(|chunk| joined.extend_from_slice(chunk));
                joined.freeze()
            }
        };
        let last = skip.saturating_add(len);
        if whole.len() < last {
            return Err(StoreError::damaged(&place.name, "it ends before its batches do"));
        }
        Ok(whole.slice(skip..last))
    }

    /// How far ahead of a reader that goes on is fetched, in bytes.
    #[must_use]
    pub fn window(&self) -> u64 {
        self.cache.budget().checked_div(AHEAD_SHARE).unwrap_or(0).min(MOST_AHEAD)
    }

    /// Begins to fetch batches that a reader will want next, as far as there is room: only what fills a request, so
    /// that a reader's steps are not as many requests.
    ///
    /// # Errors
    /// [`StoreError`] from the front of the object; what comes of the batches their reader will be told.
    pub async fn ahead(&self, place: &Place, range: Range<u64>) -> Result<(), StoreError> {
        let end = range.end.min(place.segment.log_bytes);
        if range.start >= end {
            return Ok(());
        }
        let front = self.front(place).await?;
        let mut duties = Vec::new();
        let last = match end == place.segment.log_bytes {
            true => chunk_of(end.saturating_add(CHUNK).saturating_sub(1)),
            false => chunk_of(end).saturating_sub(chunk_of(end).checked_rem(MOST_AT_ONCE).unwrap_or(0)),
        };
        for chunk in chunk_of(range.start)..last {
            match self.cache.wish((place.segment.id, chunk), chunk_len(place, chunk)) {
                Wish::Fetch(duty) => duties.push((chunk, duty)),
                Wish::Here(_) | Wish::Coming(_) => {}
                Wish::Full => break,
            }
        }
        self.fetch(place, &front, duties);
        Ok(())
    }

    async fn chunks(
        &self,
        place: &Place,
        front: &Front,
        range: Range<u64>,
    ) -> Result<Vec<Bytes>, StoreError> {
        let mut coming = Vec::new();
        let mut duties = Vec::new();
        for chunk in range {
            let (key, len) = ((place.segment.id, chunk), chunk_len(place, chunk));
            let mut wish = self.cache.wish(key, len);
            if matches!(wish, Wish::Full) {
                // What is ours to fetch must come before anybody can wait for it.
                self.fetch(place, front, std::mem::take(&mut duties));
                wish = self.cache.wish_when_free(key, len).await;
            }
            match wish {
                Wish::Here(bytes) => coming.push(Ok(bytes)),
                Wish::Coming(outcome) => coming.push(Err(outcome)),
                Wish::Fetch(duty) => {
                    coming.push(Err(duty.coming()));
                    duties.push((chunk, duty));
                }
                Wish::Full => {}
            }
        }
        self.fetch(place, front, duties);
        let mut chunks = Vec::with_capacity(coming.len());
        for each in coming {
            chunks.push(match each {
                Ok(bytes) => bytes,
                Err(coming) => outcome(coming).await?,
            });
        }
        Ok(chunks)
    }

    /// Fetches chunks, neighbours with one request, beside the caller.
    fn fetch(&self, place: &Place, front: &Front, duties: Vec<(u64, Duty)>) {
        let mut run: Vec<(u64, Duty)> = Vec::new();
        for (chunk, duty) in duties {
            let joins = run.last().is_some_and(|(last, _)| last.saturating_add(1) == chunk)
                && chunk.checked_rem(MOST_AT_ONCE) != Some(0);
            if !joins && !run.is_empty() {
                self.spawn(place, front, std::mem::take(&mut run));
            }
            run.push((chunk, duty));
        }
        if !run.is_empty() {
            self.spawn(place, front, run);
        }
    }

    fn spawn(&self, place: &Place, front: &Front, run: Vec<(u64, Duty)>) {
        let (this, place, front) = (self.clone(), place.clone(), front.clone());
        tokio::spawn(async move {
            let fetched = this.fetch_run(&place, &front, &run).await;
            for (at, (_, duty)) in run.into_iter().enumerate() {
                duty.done(match &fetched {
                    Ok(chunks) => chunks
                        .get(at)
                        .cloned()
                        .ok_or_else(|| StoreError::damaged(&place.name, "it is shorter than it was")),
                    Err(error) => Err(error.clone()),
                });
            }
        });
    }

    async fn fetch_run(
        &self,
        place: &Place,
        front: &Front,
        run: &[(u64, Duty)],
    ) -> Result<Vec<Bytes>, StoreError> {
        let (Some((first, _)), Some((last, _))) = (run.first(), run.last()) else { return Ok(Vec::new()) };
        let start = first.saturating_mul(CHUNK);
        let end = last.saturating_add(1).saturating_mul(CHUNK).min(place.segment.log_bytes);
        let bytes = self.get(&place.name, start..end).await?;
        let mut chunks = Vec::with_capacity(run.len());
        for ((number, _), bytes) in run.iter().zip(bytes.chunks(CHUNK as usize)) {
            front.checksums.check(*number, bytes).map_err(|error| {
                StoreError::damaged(
                    &place.name,
                    format!("batches from byte {}: {error}", number.saturating_mul(CHUNK)),
                )
            })?;
            // A copy, so that one chunk does not hold the memory of all.
            chunks.push(Bytes::copy_from_slice(bytes));
        }
        Ok(chunks)
    }

    async fn front(&self, place: &Place) -> Result<Front, StoreError> {
        let range = Directory::front(place.segment.log_bytes);
        let bytes = self.part(place, FRONT, range, |bytes| parse_front(place, bytes).map(|_| ())).await?;
        parse_front(place, &bytes)
    }

    /// A section of the tail, checked.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn section(&self, place: &Place, section: Section) -> Result<Bytes, StoreError> {
        let front = self.front(place).await?;
        let range = front.directory.range(section);
        if range.is_empty() {
            return Ok(Bytes::new());
        }
        let number = Section::ALL.iter().position(|each| *each == section).unwrap_or(0) as u64;
        let check = |bytes: &Bytes| {
            let checked = front.directory.check(section, bytes);
            checked.map_err(|error| StoreError::damaged(&place.name, format!("{section:?}: {error}")))
        };
        self.part(place, FRONT.saturating_sub(1).saturating_sub(number), range, check).await
    }

    /// A part that is fetched by itself.
    async fn part(
        &self,
        place: &Place,
        number: u64,
        range: Range<u64>,
        check: impl Fn(&Bytes) -> Result<(), StoreError>,
    ) -> Result<Bytes, StoreError> {
        let len = range.end.saturating_sub(range.start);
        match self.cache.wish_when_free((place.segment.id, number), len).await {
            Wish::Here(bytes) => Ok(bytes),
            Wish::Coming(coming) => outcome(coming).await,
            Wish::Fetch(duty) => {
                let fetched =
                    self.get(&place.name, range).await.and_then(|bytes| check(&bytes).map(|()| bytes));
                duty.done(fetched.clone());
                fetched
            }
            Wish::Full => Ok(Bytes::new()),
        }
    }

    async fn get(&self, name: &str, range: Range<u64>) -> Result<Bytes, StoreError> {
        let len = range.end.saturating_sub(range.start);
        self.rate.take(len, self.bytes_per_second.load(Ordering::Relaxed)).await;
        self.metrics.fetches.inc();
        let got = tokio::time::timeout(TIME_LIMIT, self.store.get_range(name, range)).await;
        let got = got.unwrap_or_else(|_| {
            let reason = format!("no answer within {} s", TIME_LIMIT.as_secs());
            Err(StoreError::Failed { object: name.to_owned(), reason })
        });
        match &got {
            Ok(bytes) => self.metrics.fetched_bytes.add(bytes.len() as u64),
            Err(_) => self.metrics.fetch_errors.inc(),
        }
        got
    }
}

fn parse_front(place: &Place, bytes: &Bytes) -> Result<Front, StoreError> {
    let damaged = |error| StoreError::damaged(&place.name, error);
    let directory = Directory::parse(bytes, place.segment.log_bytes).map_err(damaged)?;
    let checksums = bytes.slice(HEAD_LEN.min(bytes.len())..);
    directory.check(Section::Checksums, &checksums).map_err(damaged)?;
    Ok(Front { directory, checksums: Checksums(checksums) })
}

fn chunk_of(pos: u64) -> u64 {
    pos.checked_div(CHUNK).unwrap_or(0)
}

fn chunk_len(place: &Place, chunk: u64) -> u64 {
    place.segment.log_bytes.saturating_sub(chunk.saturating_mul(CHUNK)).min(CHUNK)
}

//! Parts of objects in memory, within a budget: each is fetched once however many wait for it, and the ones not used
//! for longest make room.
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::{Notify, watch};

use super::store::StoreError;
use crate::types::Uuid;

/// A part: of which object, and which of its parts. Batches are numbered in chunks from 0; what lies in the tail has
/// numbers of its own.
pub type Key = (Uuid, u64);

/// A part, or why there is none; `None` until that is known.
pub type Outcome = Option<Result<Bytes, StoreError>>;

/// Parts of objects.
#[derive(Debug)]
pub struct Cache {
    inner: Mutex<Inner>,
    budget: u64,
    /// Told when something can make room.
    settled: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    parts: HashMap<Key, Part>,
    /// Parts that are here, by their last use.
    by_use: BTreeMap<u64, Key>,
    bytes: u64,
    uses: u64,
    hits: u64,
    misses: u64,
}

#[derive(Debug)]
enum Part {
    Here { bytes: Bytes, used: u64 },
    Coming { bytes: u64, outcome: watch::Receiver<Outcome> },
}

/// What became of a wish for a part.
#[derive(Debug)]
pub enum Wish {
    /// It is here.
    Here(Bytes),
    /// Somebody fetches it.
    Coming(watch::Receiver<Outcome>),
    /// The one who asked has to fetch it, and say so.
    Fetch(Duty),
    /// There is no room now.
    Full,
}

/// The duty to fetch a part. Dropped without an outcome it tells those who wait that it failed.
#[derive(Debug)]
pub struct Duty {
    cache: Arc<Cache>,
    key: Key,
    tell: watch::Sender<Outcome>,
    is_done: bool,
}

impl Cache {
    /// An empty cache that holds at most so many bytes.
    #[must_use]
    pub fn new(budget: u64) -> Arc<Self> {
        Arc::new(Self { inner: Mutex::default(), budget, settled: Notify::new() })
    }

    /// The bytes that it may hold.
    #[must_use]
    pub fn budget(&self) -> u64 {
        self.budget
    }

    /// Bytes held now, wishes that were met at once, and wishes that were not.
    #[must_use]
    pub fn counts(&self) -> (u64, u64, u64) {
        let inner = self.lock();
        (inner.bytes, inner.hits, inner.misses)
    }

    /// Asks for a part of `len` bytes.
    #[must_use]
    pub fn wish(self: &Arc<Self>, key: Key, len: u64) -> Wish {
        let mut guard = self.lock();
        let inner = &mut *guard;
        inner.uses = inner.uses.wrapping_add(1);
        match inner.parts.get_mut(&key) {
            Some(Part::Here { bytes, used }) => {
                let bytes = bytes.clone();
                inner.by_use.remove(&std::mem::replace(used, inner.uses));
                inner.by_use.insert(inner.uses, key);
                inner.hits = inner.hits.wrapping_add(1);
                return Wish::Here(bytes);
            }
            Some(Part::Coming { outcome, .. }) => return Wish::Coming(outcome.clone()),
            None => {}
        }
        while inner.bytes.saturating_add(len) > self.budget {
            let Some((_, oldest)) = inner.by_use.pop_first() else { break };
            inner.forget(&oldest);
        }
        // What is larger than all may come when nothing else is held.
        if inner.bytes > 0 && inner.bytes.saturating_add(len) > self.budget {
            return Wish::Full;
        }
        inner.bytes = inner.bytes.saturating_add(len);
        inner.misses = inner.misses.wrapping_add(1);
        let (tell, outcome) = watch::channel(None);
        inner.parts.insert(key, Part::Coming { bytes: len, outcome });
        Wish::Fetch(Duty { cache: Arc::clone(self), key, tell, is_done: false })
    }

    /// As [`wish`](Self::wish), but waits while there is no room. Who calls this must have no duty left.
    pub async fn wish_when_free(self: &Arc<Self>, key: Key, len: u64) -> Wish {
        loop {
            let settled = self.settled.notified();
            tokio::pin!(settled);
            // What settles between the wish and the wait counts.
            settled.as_mut().enable();
            match self.wish(key, len) {
                Wish::Full => settled.await,
                wish => return wish,
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn settle(&self, key: Key, outcome: &Result<Bytes, StoreError>) {
        let mut guard = self.lock();
        let inner = &mut *guard;
        inner.forget(&key);
        if let Ok(bytes) = outcome {
            inner.uses = inner.uses.wrapping_add(1);
            inner.bytes = inner.bytes.saturating_add(bytes.len() as u64);
            inner.by_use.insert(inner.uses, key);
            inner.parts.insert(key, Part::Here { bytes: bytes.clone(), used: inner.uses });
        }
        drop(guard);
        self.settled.notify_waiters();
    }
}

impl Inner {
    fn forget(&mut self, key: &Key) {
        let bytes = match self.parts.remove(key) {
            Some(Part::Here { bytes, .. }) => bytes.len() as u64,
            Some(Part::Coming { bytes, .. }) => bytes,
            None => 0,
        };
        self.bytes = self.bytes.saturating_sub(bytes);
    }
}

impl Duty {
    /// What comes of it, for the one who asked.
    #[must_use]
    pub fn coming(&self) -> watch::Receiver<Outcome> {
        self.tell.subscribe()
    }

    /// Hands the part, or why there is none, to all who wait.
    pub fn done(mut self, outcome: Result<Bytes, StoreError>) {
        self.is_done = true;
        self.cache.settle(self.key, &outcome);
        self.tell.send_replace(Some(outcome));
    }
}

impl Drop for Duty {
    fn drop(&mut self) {
        if !self.is_done {
            let outcome = Err(StoreError::Failed {
                object: self.key.0.to_string(),
                reason: "nobody fetched it".to_owned(),
            });
            self.cache.settle(self.key, &outcome);
            self.tell.send_replace(Some(outcome));
        }
    }
}

/// Waits for a part that comes.
///
/// # Errors
/// What the one who fetched it was told.
pub async fn outcome(mut coming: watch::Receiver<Outcome>) -> Result<Bytes, StoreError> {
    let lost = || StoreError::Failed { object: String::new(), reason: "the fetch was given up".to_owned() };
    match coming.wait_for(Option::is_some).await {
        Ok(outcome) => outcome.clone().unwrap_or_else(|| Err(lost())),
        Err(_) => Err(lost()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: u64) -> Key {
        (Uuid([1; 16]), n)
    }

    fn put(cache: &Arc<Cache>, n: u64, len: usize) {
        let Wish::Fetch(duty) = cache.wish(key(n), len as u64) else { panic!("{n} is not to be fetched") };
        duty.done(Ok(Bytes::from(vec![0; len])));
    }

    fn is_here(cache: &Arc<Cache>, n: u64) -> bool {
        matches!(cache.lock().parts.get(&key(n)), Some(Part::Here { .. }))
    }

    #[test]
    fn the_parts_not_used_for_longest_make_room() {
        let cache = Cache::new(30);
        (0..3).for_each(|n| put(&cache, n, 10));
        assert!(matches!(cache.wish(key(0), 10), Wish::Here(_)));
        put(&cache, 3, 10);
        assert_eq!([0, 1, 2, 3].map(|n| is_here(&cache, n)), [true, false, true, true]);
        assert_eq!(cache.counts().0, 30);
        put(&cache, 4, 100);
        assert!(is_here(&cache, 4), "a part larger than the budget is held alone");
    }

    #[tokio::test]
    async fn a_part_is_fetched_once_and_a_failure_is_not_kept() {
        let cache = Cache::new(30);
        let Wish::Fetch(duty) = cache.wish(key(1), 20) else { panic!("nobody fetches it yet") };
        let Wish::Coming(coming) = cache.wish(key(1), 20) else { panic!("it is being fetched") };
        assert!(matches!(cache.wish(key(2), 20), Wish::Full), "what comes has its room already");
        drop(duty);
        assert!(outcome(coming).await.is_err());
        assert!(matches!(cache.wish(key(1), 20), Wish::Fetch(_)));
        assert_eq!(cache.counts().0, 0, "a duty that was dropped gives its room back");
    }
}

//! [`RemoteLog`]: the remote part of one partition, as those who read it and those who keep it see it.
use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::decide::Rules;
use super::layout;
use super::manifest::Manifest;
use super::objects::Objects;
use crate::log::{Log, LogError};
use crate::types::{Offset, Timestamp, TopicId, Uuid};

/// Ends of earlier reads that are kept: as many readers go on without a look-up.
const READERS: usize = 16;

/// What is known of the bucket's part of a partition.
#[derive(Clone, Debug)]
pub enum Known {
    /// Nothing yet: the store has not answered.
    NotYet,
    /// This is in it.
    Manifest(Arc<Manifest>),
    /// It cannot be used; a person has to see to it.
    Broken(Arc<str>),
}

/// The remote part of one partition.
pub struct RemoteLog {
    /// The local log, whose log start is that of the whole.
    pub(super) log: Arc<Log>,
    pub(super) topic_id: TopicId,
    pub(super) dir: String,
    pub(super) objects: Objects,
    pub(super) runtime: tokio::runtime::Handle,
    known: watch::Sender<Known>,
    inner: Mutex<Inner>,
    /// Wakes the one who keeps it.
    pub(super) wake: Arc<tokio::sync::Notify>,
}

#[derive(Debug, Default)]
struct Inner {
    /// `None` while the topic is not tiered.
    rules: Option<Rules>,
    /// The topic was deleted, or tiering was taken off it with all that is there.
    is_dropped: bool,
    readers: VecDeque<Mark>,
}

/// Where a batch begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub segment: Uuid,
    pub offset: Offset,
    pub pos: u64,
}

impl fmt::Debug for RemoteLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RemoteLog({})", self.log.topic_partition())
    }
}

impl RemoteLog {
    /// The remote part of `log`; nothing is known of it yet.
    #[must_use]
    pub fn new(
        log: Arc<Log>,
        objects: Objects,
        runtime: tokio::runtime::Handle,
        wake: Arc<tokio::sync::Notify>,
    ) -> Arc<Self> {
        let topic_id = log.topic_id();
        let dir = layout::partition(topic_id, log.topic_partition().partition);
        let (known, inner) = (watch::Sender::new(Known::NotYet), Mutex::default());
        Arc::new(Self { log, topic_id, dir, objects, runtime, known, inner, wake })
    }

    /// Puts the topic's options in force; `None` if it is not tiered.
    pub fn set_rules(&self, rules: Option<Rules>) {
        self.lock().rules = rules;
        self.wake.notify_one();
    }

    /// The options in force; `None` if the topic is not tiered.
    #[must_use]
    pub fn rules(&self) -> Option<Rules> {
        self.lock().rules
    }

    /// All that is in the bucket of it is to go.
    pub fn discard(&self) {
        self.lock().is_dropped = true;
        self.wake.notify_one();
    }

    /// Whether all that is in the bucket of it is to go.
    #[must_use]
    pub fn is_dropped(&self) -> bool {
        self.lock().is_dropped
    }

    /// What is known now.
    #[must_use]
    pub fn known(&self) -> Known {
        self.known.borrow().clone()
    }

    /// The manifest, if it is known.
    #[must_use]
    pub fn manifest(&self) -> Option<Arc<Manifest>> {
        match &*self.known.borrow() {
            Known::Manifest(manifest) => Some(Arc::clone(manifest)),
            _ => None,
        }
    }

    /// The manifest, once it is known.
    ///
    /// # Errors
    /// [`LogError::Remote`] if it never will be.
    pub async fn loaded(&self) -> Result<Arc<Manifest>, LogError> {
        let mut known = self.known.subscribe();
        match known.wait_for(|known| !matches!(known, Known::NotYet)).await.as_deref() {
            Ok(Known::Manifest(manifest)) => Ok(Arc::clone(manifest)),
            Ok(Known::Broken(reason)) => Err(LogError::Remote(reason.to_string())),
            Ok(Known::NotYet) | Err(_) => Err(LogError::Remote("the broker is stopping".to_owned())),
        }
    }

    /// Takes in what the bucket holds now, and tells the log.
    pub(super) fn learn(&self, manifest: Arc<Manifest>) {
        let uploaded = manifest.end().unwrap_or(Offset::ZERO);
        self.log.set_uploaded(manifest.start(), uploaded);
        self.known.send_replace(Known::Manifest(manifest));
    }

    /// Notes why the bucket's part cannot be used. What is on the local disk stays there.
    pub(super) fn give_up(&self, reason: &str) {
        tracing::error!(
            partition = %self.log.topic_partition(), reason,
            "nothing of this partition is uploaded or read remotely until that is mended"
        );
        self.known.send_replace(Known::Broken(reason.into()));
    }

    /// All of it is gone from the bucket: what comes begins anew.
    pub(super) fn emptied(&self) {
        self.lock().is_dropped = false;
        let tp = self.log.topic_partition();
        self.learn(Arc::new(Manifest::empty(&tp.topic, self.topic_id, tp.partition)));
    }

    /// Largest timestamp in the bucket as far as the manifest says.
    #[must_use]
    pub fn newest(&self) -> Option<Timestamp> {
        self.manifest()?.segments.iter().map(|segment| segment.newest).max()
    }

    pub(super) fn position(&self, segment: Uuid, offset: Offset) -> Option<u64> {
        let inner = self.lock();
        let mark = inner.readers.iter().find(|mark| mark.segment == segment && mark.offset == offset);
        mark.map(|mark| mark.pos)
    }

    pub(super) fn remember(&self, mark: Mark) {
        let mut inner = self.lock();
        if inner.readers.contains(&mark) {
            return;
        }
        if inner.readers.len() >= READERS {
            inner.readers.pop_front();
        }
        inner.readers.push_back(mark);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

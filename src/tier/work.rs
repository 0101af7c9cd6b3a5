//! [`Tier`]: the work by the clock. One task looks at all partitions at an interval and lets those that have
//! something to do do it, a few at a time, on threads of its own.
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::sync::{Notify, Semaphore};

use super::cache::Cache;
use super::keep;
use super::known::KnownTopics;
use super::layout;
use super::limit::{Budget, Rate};
use super::manifest::Manifest;
use super::metrics::TierMetrics;
use super::objects::Objects;
use super::remote_log::RemoteLog;
use super::store::{Store, StoreError};
use super::upload::UploadLimits;
use super::writer::{self, Claim, ClaimError};
use crate::env::{Clock, Rng};
use crate::log::Log;
use crate::types::TopicId;

/// Threads of the tier: they move bytes to and from sockets; files are read beside them.
const THREADS: usize = 2;
/// Longest time that one step of a partition may take; longer means that the store hangs.
const STEP_LIMIT: Duration = Duration::from_secs(3600);

/// What the options say now.
#[derive(Clone, Copy, Debug)]
pub struct TierOptions {
    /// `remote.log.manager.task.interval.ms`.
    pub interval: Duration,
    /// `remote.log.manager.task.retry.backoff.ms`.
    pub backoff: Duration,
    /// `remote.log.manager.task.retry.backoff.max.ms`.
    pub backoff_max: Duration,
    /// `remote.log.manager.task.retry.jitter`, 0 to 0.5.
    pub jitter: f64,
    /// `remote.log.manager.copier.thread.pool.size`: partitions that are worked on at one time.
    pub copiers: usize,
    /// `remote.log.manager.copy.max.bytes.per.second`.
    pub copy_bytes_per_second: u64,
    /// `remote.log.manager.fetch.max.bytes.per.second`.
    pub fetch_bytes_per_second: u64,
    /// `klamm.remote.upload.interval.ms`.
    pub upload_interval_ms: i64,
    /// `klamm.remote.sweep.grace.ms`.
    pub sweep_grace_ms: i64,
}

/// What a tier is made of.
pub struct TierParts {
    /// The store.
    pub store: Store,
    /// Id of the cluster to which the prefix belongs.
    pub cluster: String,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub rng: Arc<dyn Rng>,
    /// What is in the bucket, for deletions after a crash.
    pub known: KnownTopics,
    /// What the options say now.
    pub options: Box<dyn Fn() -> TierOptions + Send + Sync>,
    /// `klamm.remote.cache.bytes`.
    pub cache_bytes: u64,
    /// `klamm.remote.upload.bytes`.
    pub upload_bytes: u64,
    /// What is counted.
    pub metrics: Arc<TierMetrics>,
}

type LogKey = (TopicId, i32);

/// What all work of a tier shares.
pub(super) struct Shared {
    pub(super) store: Store,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) rng: Arc<dyn Rng>,
    pub(super) known: KnownTopics,
    pub(super) limits: UploadLimits,
    pub(super) metrics: Arc<TierMetrics>,
    cluster: String,
    objects: Objects,
    options: Box<dyn Fn() -> TierOptions + Send + Sync>,
    wake: Arc<Notify>,
    stopping: AtomicBool,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    logs: HashMap<LogKey, Arc<RemoteLog>>,
    /// Topics that are gone and whose objects are not yet.
    gone_topics: HashSet<TopicId>,
    claim: Option<Claim>,
    /// Why nothing may be written any more.
    refused: Option<String>,
    /// Partitions that are being worked on.
    busy: HashSet<LogKey>,
    /// How often a partition has failed in a row, and when it is tried again, by the monotonic clock.
    failures: HashMap<LogKey, (u32, Duration)>,
    swept: HashMap<LogKey, Duration>,
}

/// The remote tier of a broker.
pub struct Tier {
    shared: Arc<Shared>,
    runtime: Mutex<Option<Runtime>>,
}

impl fmt::Debug for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tier").field("store", &self.shared.store).finish_non_exhaustive()
    }
}

impl Tier {
    /// Starts the work.
    ///
    /// # Errors
    /// The system gives no threads.
    pub fn start(parts: TierParts) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("tier")
            .enable_all()
            .build()?;
        let objects = Objects::new(
            parts.store.clone(),
            Cache::new(parts.cache_bytes),
            Rate::new(Arc::clone(&parts.clock)),
            Arc::clone(&parts.metrics),
        );
        let limits = UploadLimits {
            memory: Budget::new(parts.upload_bytes),
            rate: Rate::new(Arc::clone(&parts.clock)),
        };
        let shared = Arc::new(Shared {
            store: parts.store,
            clock: parts.clock,
            rng: parts.rng,
            known: parts.known,
            limits,
            metrics: parts.metrics,
            cluster: parts.cluster,
            objects,
            options: parts.options,
            wake: Arc::default(),
            stopping: AtomicBool::new(false),
            inner: Mutex::default(),
        });
        Ok(Self { shared, runtime: Mutex::new(Some(runtime)) })
    }

    /// Claims the prefix, so that a store that cannot be used is known at once. Blocks at most `patience`.
    ///
    /// # Errors
    /// [`ClaimError::IgnoresConditions`], [`ClaimError::OtherCluster`]: this must be mended. A store that does not
    /// answer is no error: it is tried again.
    pub fn first_contact(&self, patience: Duration) -> Result<(), ClaimError> {
        let Some(runtime) = self.handle() else { return Ok(()) };
        let claimed = runtime.block_on(async { tokio::time::timeout(patience, self.shared.claimed()).await });
        match claimed {
            Ok(Err(error @ (ClaimError::IgnoresConditions | ClaimError::OtherCluster { .. }))) => Err(error),
            Ok(Ok(_)) => Ok(()),
            Ok(Err(ClaimError::Store(error))) => {
                tracing::warn!(%error, "the remote store cannot be used yet; uploads wait, and nothing leaves the local disk");
                Ok(())
            }
            Err(_) => {
                tracing::warn!(
                    "the remote store does not answer; uploads wait, and nothing leaves the local disk"
                );
                Ok(())
            }
        }
    }

    /// Begins to look at the partitions. `is_there` tells whether a topic exists: those that are noted as being in
    /// the bucket and do not are removed from it.
    pub fn run(&self, is_there: &dyn Fn(TopicId) -> bool) {
        let gone = self.shared.known.topics().into_iter().filter(|topic| !is_there(*topic));
        self.shared.lock().gone_topics.extend(gone);
        if let Some(runtime) = self.handle() {
            runtime.spawn(Arc::clone(&self.shared).work());
        }
    }

    /// The remote part of a partition, from now on looked after.
    #[must_use]
    pub fn attach(&self, log: Arc<Log>) -> Option<Arc<RemoteLog>> {
        let runtime = self.handle()?;
        let key = (log.topic_id(), log.topic_partition().partition);
        let remote = RemoteLog::new(log, self.shared.objects.clone(), runtime, Arc::clone(&self.shared.wake));
        self.shared.lock().logs.insert(key, Arc::clone(&remote));
        Some(remote)
    }

    /// A topic was deleted: what is in the bucket of it goes.
    pub fn topic_deleted(&self, topic: TopicId) {
        let mut inner = self.shared.lock();
        inner.logs.retain(|key, _| {
            if key.0 == topic {
                self.shared.metrics.note_lag(*key, None);
            }
            key.0 != topic
        });
        if self.shared.known.topics().contains(&topic) {
            inner.gone_topics.insert(topic);
        }
        drop(inner);
        self.shared.wake.notify_one();
    }

    /// Looks at the partitions now and not at the next interval.
    pub fn hurry(&self) {
        self.shared.wake.notify_one();
    }

    /// Lets every partition do now what is due, one after the other.
    #[cfg(test)]
    pub(super) fn settle(&self) {
        let shared = Arc::clone(&self.shared);
        self.wait(async move {
            let Ok(claim) = shared.claimed().await else { return };
            for log in shared.due() {
                shared.step(&log, &claim).await;
            }
            shared.remove_gone_topics(&claim).await;
        });
    }

    #[cfg(test)]
    pub(super) fn wait<T>(&self, work: impl Future<Output = T>) -> T {
        self.handle().unwrap().block_on(work)
    }

    /// Why nothing may be written any more.
    #[must_use]
    pub fn refused(&self) -> Option<String> {
        self.shared.lock().refused.clone()
    }

    /// What was done so far.
    #[must_use]
    pub fn metrics(&self) -> &TierMetrics {
        &self.shared.metrics
    }

    /// The cache of what was read.
    #[must_use]
    pub fn cache(&self) -> &Arc<Cache> {
        self.shared.objects.cache()
    }

    /// Stops all work; what is cut short is swept or done again after the next start.
    pub fn stop(&self) {
        self.shared.stopping.store(true, Ordering::Release);
        self.shared.wake.notify_one();
        let runtime = self.runtime.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(runtime) = runtime {
            runtime.shutdown_background();
        }
    }

    fn handle(&self) -> Option<tokio::runtime::Handle> {
        let runtime = self.runtime.lock().unwrap_or_else(PoisonError::into_inner);
        runtime.as_ref().map(|runtime| runtime.handle().clone())
    }
}

impl Drop for Tier {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    pub(super) fn options(&self) -> TierOptions {
        (self.options)()
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    async fn work(self: Arc<Self>) {
        while !self.is_stopping() {
            let options = self.options();
            self.objects.set_rate(options.fetch_bytes_per_second);
            let slots = Arc::new(Semaphore::new(options.copiers.max(1)));
            match self.claimed().await {
                Ok(claim) => {
                    for log in self.due() {
                        let (this, claim, slots) = (Arc::clone(&self), claim.clone(), Arc::clone(&slots));
                        tokio::spawn(async move {
                            let _slot = slots.acquire_owned().await;
                            this.step(&log, &claim).await;
                        });
                    }
                    self.remove_gone_topics(&claim).await;
                }
                Err(error) => tracing::warn!(%error, "the remote store cannot be written to"),
            }
            // Work that was wished for waits for the interval only if nobody wakes it.
            let _ = tokio::time::timeout(options.interval, self.wake.notified()).await;
        }
    }

    /// The claim of this start.
    async fn claimed(&self) -> Result<Claim, ClaimError> {
        {
            let inner = self.lock();
            if let Some(reason) = &inner.refused {
                let (object, reason) = (layout::WRITERS.to_owned(), reason.clone());
                return Err(StoreError::Failed { object, reason }.into());
            }
            if let Some(claim) = &inner.claim {
                return Ok(claim.clone());
            }
        }
        let claim = writer::claim(&self.store, &self.cluster, self.rng.uuid()).await?;
        tracing::info!(store = ?self.store, writer = claim.epoch, "the remote store is there");
        self.lock().claim = Some(claim.clone());
        Ok(claim)
    }

    /// Partitions that may have something to do, marked as busy.
    fn due(&self) -> Vec<Arc<RemoteLog>> {
        let now = self.clock.elapsed();
        let mut guard = self.lock();
        let inner = &mut *guard;
        let may = |key: &LogKey, log: &RemoteLog| {
            let waits = inner.failures.get(key).is_some_and(|(_, until)| *until > now);
            (log.rules().is_some() || log.is_dropped()) && !waits && !inner.busy.contains(key)
        };
        let due: Vec<_> =
            inner.logs.iter().filter(|(key, log)| may(key, log)).map(|(_, log)| Arc::clone(log)).collect();
        inner.busy.extend(due.iter().map(|log| key_of(log)));
        due
    }

    async fn step(&self, log: &Arc<RemoteLog>, claim: &Claim) {
        let key = key_of(log);
        let done = tokio::time::timeout(STEP_LIMIT, keep::keep(self, log, claim)).await;
        let mut inner = self.lock();
        inner.busy.remove(&key);
        match done {
            Ok(Ok(())) => {
                inner.failures.remove(&key);
            }
            Ok(Err(keep::KeepError::Store(error @ StoreError::Fenced { .. }))) => {
                tracing::error!(%error, "tiered storage stops writing");
                inner.refused = Some(error.to_string());
            }
            Ok(Err(keep::KeepError::Log(crate::log::LogError::Offline { .. }))) => {}
            other => {
                let error = match other {
                    Ok(Err(error)) => error.to_string(),
                    _ => "the step took too long".to_owned(),
                };
                let times = inner.failures.get(&key).map_or(0, |(times, _)| *times);
                let wait = self.pause(times);
                inner
                    .failures
                    .insert(key, (times.saturating_add(1), self.clock.elapsed().saturating_add(wait)));
                self.metrics.copy_errors.inc();
                tracing::warn!(partition = %log.log.topic_partition(), %error, retry_in = ?wait, "a step of the remote tier failed");
                let wake = Arc::clone(&self.wake);
                tokio::spawn(async move {
                    tokio::time::sleep(wait).await;
                    wake.notify_one();
                });
            }
        }
    }

    /// How long to wait after so many failures before.
    fn pause(&self, times: u32) -> Duration {
        let options = self.options();
        let grown = options.backoff.saturating_mul(1u32.checked_shl(times.min(16)).unwrap_or(u32::MAX));
        let share = self.rng.below(1_000) as f64 / 1_000.0 * 2.0 - 1.0;
        grown.min(options.backoff_max).mul_f64(1.0 + share * options.jitter.clamp(0.0, 0.5))
    }

    async fn remove_gone_topics(&self, claim: &Claim) {
        let gone: Vec<TopicId> = self.lock().gone_topics.iter().copied().collect();
        for topic in gone {
            // A step that is still under way might store one more object.
            if self.lock().busy.iter().any(|(id, _)| *id == topic) {
                continue;
            }
            let removed = keep::remove_dir(self, &layout::topic(topic), claim).await;
            match removed
                .map_err(|error| error.to_string())
                .and_then(|()| self.known.strike(topic).map_err(|error| error.to_string()))
            {
                Ok(()) => {
                    self.lock().gone_topics.remove(&topic);
                    tracing::info!(%topic, "a deleted topic is gone from the remote tier");
                }
                Err(error) => {
                    self.metrics.remove_errors.inc();
                    tracing::warn!(%topic, error, "a deleted topic cannot be removed from the remote tier now");
                }
            }
        }
    }

    /// Nothing is left in the bucket of a partition whose topic is not tiered any more.
    pub(super) fn partition_is_gone(&self, log: &RemoteLog) -> io::Result<()> {
        let inner = self.lock();
        let is_left = |other: &Arc<RemoteLog>| {
            other.topic_id == log.topic_id && (other.is_dropped() || other.rules().is_some())
        };
        let any = inner.logs.values().any(is_left);
        drop(inner);
        if any { Ok(()) } else { self.known.strike(log.topic_id) }
    }

    /// Whether a sweep is due; the first one is when the partition is first looked at.
    pub(super) fn sweep_is_due(&self, log: &RemoteLog) -> bool {
        let now = self.clock.elapsed();
        let every =
            Duration::from_millis(u64::try_from(self.options().sweep_grace_ms).unwrap_or(0).max(1_000));
        let mut inner = self.lock();
        let last = inner.swept.get(&key_of(log));
        let due = last.is_none_or(|last| now.saturating_sub(*last) >= every);
        if due {
            inner.swept.insert(key_of(log), now);
        }
        due
    }

    /// Notes how far a partition's uploads are behind.
    pub(super) fn note_lag(&self, log: &RemoteLog, manifest: &Manifest) {
        let behind = |end| {
            let sealed = log.log.sealed_segments().unwrap_or_default();
            let late: Vec<u64> = sealed.iter().filter(|s| s.end > end).map(|s| s.len).collect();
            (late.iter().sum(), late.len() as u64)
        };
        let lag = behind(manifest.end().unwrap_or(manifest.log_start));
        self.metrics.note_lag(key_of(log), Some(lag));
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key_of(log: &RemoteLog) -> LogKey {
    (log.topic_id, log.log.topic_partition().partition)
}

//! Whether a log directory works, and whether its volume has room.
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError, Weak};

use super::error::LogError;
use super::partition_log::Observer;

/// Whether a log directory works. Once it has failed it stays offline until the process ends.
pub struct Health {
    dir: PathBuf,
    failed: OnceLock<String>,
    appended: AtomicU64,
    /// Those of all its logs: a failure concerns each of them.
    observers: Mutex<Vec<Weak<dyn Observer>>>,
}

impl std::fmt::Debug for Health {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Health").field("dir", &self.dir).field("failed", &self.failed).finish_non_exhaustive()
    }
}

impl Health {
    pub(super) fn new(dir: PathBuf) -> Self {
        Self { dir, failed: OnceLock::new(), appended: AtomicU64::new(0), observers: Mutex::default() }
    }

    /// Takes the directory offline and tells the observers of its logs; the first reason stays.
    pub fn fail(&self, reason: &str) {
        if self.failed.set(reason.to_owned()).is_err() {
            return;
        }
        tracing::error!(dir = %self.dir.display(), reason, "log directory goes offline");
        let observers = std::mem::take(&mut *self.observers());
        for observer in observers.iter().filter_map(Weak::upgrade) {
            observer.offline(reason);
        }
    }

    /// Why the directory is offline, if it is.
    #[must_use]
    pub fn failure(&self) -> Option<&str> {
        self.failed.get().map(String::as_str)
    }

    /// Bytes appended to the directory's logs since the last call with `reset`.
    pub fn appended(&self, reset: bool) -> u64 {
        if reset { self.appended.swap(0, Ordering::Relaxed) } else { self.appended.load(Ordering::Relaxed) }
    }

    pub(super) fn count(&self, bytes: u64) {
        self.appended.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn check(&self) -> Result<(), LogError> {
        match self.failure() {
            None => Ok(()),
            Some(reason) => Err(LogError::Offline { path: self.dir.clone(), reason: reason.to_owned() }),
        }
    }

    /// Whom a failure is told, now if there was one.
    pub(super) fn tell(&self, observer: Weak<dyn Observer>) {
        {
            let mut observers = self.observers();
            // Now and then those of deleted logs are dropped.
            if observers.len().is_power_of_two() {
                observers.retain(|observer| observer.strong_count() > 0);
            }
            observers.push(observer.clone());
        }
        // The failure may have come before the observer was in.
        if let (Some(reason), Some(observer)) = (self.failure(), observer.upgrade()) {
            observer.offline(reason);
        }
    }

    fn observers(&self) -> std::sync::MutexGuard<'_, Vec<Weak<dyn Observer>>> {
        self.observers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

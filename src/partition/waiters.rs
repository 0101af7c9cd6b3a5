//! Who waits for a partition to move on.
//!
//! A parked request registers the offset that the high watermark must reach; the advance that reaches
//! it wakes the request, once. Nothing polls, and an advance costs nothing for those who wait for more.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use crate::types::Offset;

/// The parked requests of one partition, by the offset they wait for.
#[derive(Debug, Default)]
pub struct Waiters {
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    next_ticket: u64,
    by_offset: BTreeMap<(Offset, u64), Arc<Notify>>,
}

impl Waiters {
    /// Wakes `signal` once when an advance reaches `offset`, or when all are woken. Dropping the
    /// registration takes it back.
    #[must_use]
    pub fn register(self: &Arc<Self>, offset: Offset, signal: &Arc<Notify>) -> Registration {
        let mut waiting = self.lock();
        let ticket = waiting.next_ticket;
        waiting.next_ticket = ticket.wrapping_add(1);
        waiting.by_offset.insert((offset, ticket), Arc::clone(signal));
        Registration { waiters: Arc::clone(self), key: (offset, ticket) }
    }

    /// The high watermark is now `offset`.
    pub fn advance(&self, offset: Offset) {
        let mut waiting = self.lock();
        while let Some(entry) = waiting.by_offset.first_entry() {
            if entry.key().0 > offset {
                break;
            }
            entry.remove().notify_one();
        }
    }

    /// Something other than the high watermark changed (the partition failed, or is gone): all look again.
    pub fn wake_all(&self) {
        for signal in std::mem::take(&mut self.lock().by_offset).into_values() {
            signal.notify_one();
        }
    }

    /// How many wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().by_offset.len()
    }

    /// Whether nobody waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place among the waiters, held until it is dropped.
#[derive(Debug)]
pub struct Registration {
    waiters: Arc<Waiters>,
    key: (Offset, u64),
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.waiters.lock().by_offset.remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Waker};

    fn woken(signal: &Notify) -> bool {
        pin!(signal.notified()).poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    #[test]
    fn an_advance_wakes_those_whom_it_reaches_once() {
        let waiters = Arc::new(Waiters::default());
        let (near, far) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let _near = waiters.register(Offset(5), &near);
        let _far = waiters.register(Offset(6), &far);
        waiters.advance(Offset(4));
        assert!(!woken(&near) && !woken(&far));
        waiters.advance(Offset(5));
        assert!(woken(&near) && !woken(&far));
        waiters.advance(Offset(5));
        assert!(!woken(&near));
        waiters.wake_all();
        assert!(woken(&far));
        assert!(waiters.is_empty());
    }

    #[test]
    fn a_dropped_registration_leaves_no_trace() {
        let waiters = Arc::new(Waiters::default());
        let signal = Arc::new(Notify::new());
        drop(waiters.register(Offset(1), &signal));
        assert!(waiters.is_empty());
        waiters.advance(Offset(1));
        assert!(!woken(&signal));
    }
}

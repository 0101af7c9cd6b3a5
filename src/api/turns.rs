//! Keeps a producer's batches in order where the first one of a transaction has to wait.
//!
//! Before the first batch goes into a partition the coordinator must know of the partition, durably. What
//! the producer has sent behind it meanwhile must not pass: whoever has to wait takes the producer's turn,
//! and while one is taken all others of the producer queue for theirs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OwnedMutexGuard;

use crate::types::ProducerId;

type Queue = Arc<tokio::sync::Mutex<()>>;

/// The producers that wait. Empty most of the time.
#[derive(Debug, Default)]
pub(super) struct Turns(Mutex<HashMap<ProducerId, Queue>>);

/// A turn, over when it is dropped.
pub(super) struct Turn {
    turns: Arc<Turns>,
    producer: ProducerId,
    guard: Option<OwnedMutexGuard<()>>,
}

impl Turns {
    /// Whether someone of the producer waits.
    pub(super) fn is_taken(&self, producer: ProducerId) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&producer)
    }

    /// Queues for the producer's turn. Those who wait come in the order in which they first wait.
    pub(super) fn take(self: &Arc<Self>, producer: ProducerId) -> impl Future<Output = Turn> + use<> {
        let queue = Arc::clone(
            self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(producer).or_default(),
        );
        // Made now: dropping it before its turn comes leaves the queue in order, too.
        let mut turn = Turn { turns: Arc::clone(self), producer, guard: None };
        async move {
            turn.guard = Some(queue.lock_owned().await);
            turn
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.guard = None;
        let mut queues = self.turns.0.lock().unwrap_or_else(PoisonError::into_inner);
        // One for the map itself; whoever else waits holds another.
        if queues.get(&self.producer).is_some_and(|queue| Arc::strong_count(queue) == 1) {
            queues.remove(&self.producer);
        }
    }
}

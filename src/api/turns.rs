//! Keeps a producer's batches in order where the first one of a transaction has to wait.
//!
//! Before the first batch goes into a partition the coordinator must know of the partition, durably. What
//! the producer has sent behind it meanwhile must not pass: whoever has to wait takes the producer's turn,
//! and while one is taken all others of the producer queue for theirs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::OwnedMutexGuard;

use crate::types::ProducerId;

type Queue = Arc<tokio::sync::Mutex<()>>;

/// The producers that wait. Empty most of the time.
#[derive(Debug, Default)]
pub struct Turns(Mutex<HashMap<ProducerId, Queue>>);

/// A place in a producer's queue, held until it is dropped.
pub(super) struct Turn {
    turns: Arc<Turns>,
    producer: ProducerId,
    queue: Option<Queue>,
    guard: Option<OwnedMutexGuard<()>>,
}

impl Turns {
    fn lock(&self) -> MutexGuard<'_, HashMap<ProducerId, Queue>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether someone of the producer waits.
    pub(super) fn is_taken(&self, producer: ProducerId) -> bool {
        self.lock().contains_key(&producer)
    }

    /// Announces someone who waits for the producer's turn.
    pub(super) fn enter(self: &Arc<Self>, producer: ProducerId) -> Turn {
        let queue = Arc::clone(self.lock().entry(producer).or_default());
        Turn { turns: Arc::clone(self), producer, queue: Some(queue), guard: None }
    }
}

impl Turn {
    /// Waits for the turn. Those who wait come in the order in which they are first polled.
    pub(super) async fn come(&mut self) {
        if let Some(queue) = &self.queue {
            self.guard = Some(Arc::clone(queue).lock_owned().await);
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.guard = None;
        let mut queues = self.turns.lock();
        self.queue = None;
        // One for the map itself; whoever else waits holds another.
        if queues.get(&self.producer).is_some_and(|queue| Arc::strong_count(queue) == 1) {
            queues.remove(&self.producer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn turns_come_in_order_and_leave_nothing_behind() {
        let turns = Arc::new(Turns::default());
        let (a, b) = (ProducerId(1), ProducerId(2));
        let (mut first, mut second) = (turns.enter(a), turns.enter(a));
        assert!(turns.is_taken(a) && !turns.is_taken(b));
        first.come().await;
        let order = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&order);
        let waiting = tokio::spawn(async move {
            second.come().await;
            noted.lock().unwrap().push(2);
        });
        tokio::task::yield_now().await;
        order.lock().unwrap().push(1);
        drop(first);
        waiting.await.unwrap();
        assert_eq!(*order.lock().unwrap(), [1, 2]);
        assert!(!turns.is_taken(a));
    }
}

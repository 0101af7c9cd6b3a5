//! The flusher of a log directory: a few threads that make logs durable, each flush for all who wait.
//!
//! A log is in the queue at most once, and is flushed by one thread at a time. Whoever appends while its
//! flush runs is served by the next one, which all of them share: under load the batches that one flush
//! covers grow, and its cost for each falls.
use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use super::partition_log::Log;

/// Where a log stands with its directory's flusher. Changed only under the flusher's lock.
#[derive(Debug, Default)]
pub(super) struct Turn(AtomicU8);

const IDLE: u8 = 0;
const QUEUED: u8 = 1;
const RUNNING: u8 = 2;
/// Running, and asked for again since.
const AGAIN: u8 = 3;

#[derive(Debug, Default)]
struct Queue {
    logs: VecDeque<Arc<Log>>,
    stopping: bool,
}

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    work: Condvar,
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        while let Some(log) = self.next() {
            // A failure has taken the directory offline and told the observer: nobody waits in vain.
            let _ = log.flush();
            let mut queue = self.queue();
            if log.turn.0.swap(IDLE, Ordering::Relaxed) == AGAIN {
                log.turn.0.store(QUEUED, Ordering::Relaxed);
                queue.logs.push_back(log);
            }
        }
    }

    fn next(&self) -> Option<Arc<Log>> {
        let mut queue = self.queue();
        loop {
            if let Some(log) = queue.logs.pop_front() {
                log.turn.0.store(RUNNING, Ordering::Relaxed);
                return Some(log);
            }
            if queue.stopping {
                return None;
            }
            queue = self.work.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// The flusher of one log directory.
#[derive(Debug)]
pub struct Flusher {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Flusher {
    /// Starts `threads` threads: as many flushes as the disk is to be given at once.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(threads: usize) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let spawn = |_| {
            let shared = Arc::clone(&shared);
            thread::Builder::new().name("flush".to_owned()).spawn(move || shared.run())
        };
        let threads = (0..threads.max(1)).map(spawn).collect::<io::Result<_>>()?;
        Ok(Self { shared, threads: Mutex::new(threads) })
    }

    /// Asks for a flush of everything that is in the log now. Its observer is told when it is done.
    pub fn request(&self, log: &Arc<Log>) {
        let mut queue = self.shared.queue();
        match log.turn.0.load(Ordering::Relaxed) {
            IDLE => {
                log.turn.0.store(QUEUED, Ordering::Relaxed);
                queue.logs.push_back(Arc::clone(log));
                drop(queue);
                self.shared.work.notify_one();
            }
            RUNNING => log.turn.0.store(AGAIN, Ordering::Relaxed),
            _ => {}
        }
    }

    /// Flushes what was asked for, and ends the threads.
    pub fn stop(&self) {
        self.shared.queue().stopping = true;
        self.shared.work.notify_all();
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a flush thread panicked");
            }
        }
    }
}

impl Drop for Flusher {
    fn drop(&mut self) {
        self.stop();
    }
}

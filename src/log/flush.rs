//! The flusher of a log directory: a few threads that make logs durable, each flush for all who wait.
//!
//! A log is in the queue at most once. Whoever appends while its flush runs is served by the next one, which
//! all of them share: under load the batches that one flush covers grow, and its cost for each falls.
//!
//! A round takes all that waits and decides by [`Costs`]: a log is flushed by itself, side by side with
//! others, or goes to the journal, which is flushed once for all that are in it. While a round in the journal
//! runs, what comes meanwhile waits for the next. Threads that nobody waits for flush the logs that a side of
//! the journal still holds, so that it can be used again.
use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::cost::Costs;
use super::journal::format::{ENTRY_HEADER, MAX_ROUND};
use super::journal::{Journal, Part, WriteError};
use super::partition_log::{Log, LogEnv};

/// Where a log stands with its directory's flusher. Changed only under the flusher's lock.
#[derive(Debug, Default)]
pub(super) struct Turn(AtomicU8);

const IDLE: u8 = 0;
const QUEUED: u8 = 1;
const RUNNING: u8 = 2;
/// Running, and asked for again since.
const AGAIN: u8 = 3;

/// Logs that a round looks at.
const MAX_LOGS: usize = 4096;
/// Logs that wait while all threads are at work: from then on a journal could help.
const CROWD: usize = 3;

#[derive(Debug, Default)]
struct Queue {
    logs: VecDeque<Arc<Log>>,
    /// So many at the front are to be flushed by themselves.
    by_themselves: usize,
    /// A thread decides, or writes a round into the journal.
    in_round: bool,
    /// Logs to be flushed so that a side of the journal is free; at most those that are in it.
    retiring: VecDeque<Arc<Log>>,
    /// Threads that do so.
    retirers: usize,
    stopping: bool,
}

/// What a thread does next.
enum Work {
    /// Decides about these.
    Round(Vec<Arc<Log>>),
    /// Flushes this one by itself; somebody waits.
    File(Arc<Log>),
    /// Flushes this one by itself, so that the journal can let go of it.
    Retire(Arc<Log>),
}

#[derive(Debug)]
struct Shared {
    env: Arc<LogEnv>,
    threads: usize,
    queue: Mutex<Queue>,
    work: Condvar,
    costs: Mutex<Costs>,
    journal: OnceLock<Arc<Journal>>,
    /// There was a crowd, and there is no journal yet.
    wants_journal: AtomicBool,
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn costs(&self) -> MutexGuard<'_, Costs> {
        self.costs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        while let Some(work) = self.next() {
            match work {
                Work::Round(logs) => self.round(logs),
                Work::File(log) => {
                    self.flush(&log);
                    self.done(log);
                }
                Work::Retire(log) => {
                    self.retire(&log);
                    self.queue().retirers -= 1;
                }
            }
        }
    }

    fn next(&self) -> Option<Work> {
        let mut queue = self.queue();
        loop {
            let journal = self.journal.get();
            if journal.is_none() || queue.by_themselves > 0 {
                if let Some(log) = queue.logs.pop_front() {
                    log.turn.0.store(RUNNING, Ordering::Relaxed);
                    queue.by_themselves = queue.by_themselves.saturating_sub(1);
                    if journal.is_none() && queue.logs.len() >= CROWD {
                        self.wants_journal.store(true, Ordering::Relaxed);
                    }
                    return Some(Work::File(log));
                }
                queue.by_themselves = 0;
            } else if !queue.logs.is_empty() && !queue.in_round {
                queue.in_round = true;
                let count = queue.logs.len().min(MAX_LOGS);
                let logs: Vec<_> = queue.logs.drain(..count).collect();
                for log in &logs {
                    log.turn.0.store(RUNNING, Ordering::Relaxed);
                }
                return Some(Work::Round(logs));
            }
            if queue.stopping && queue.logs.is_empty() {
                return None;
            }
            if queue.retirers < self.threads.div_ceil(2)
                && !queue.stopping
                && let Some(log) = queue.retiring.pop_front()
            {
                queue.retirers += 1;
                return Some(Work::Retire(log));
            }
            queue = self.work.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Flushes a log by itself. A failure has taken the directory offline and told the observer: nobody waits
    /// in vain.
    fn flush(&self, log: &Arc<Log>) {
        let bytes = log.undurable_bytes();
        let begun = self.env.clock.elapsed();
        if log.make_durable().is_ok() {
            let took = self.env.clock.elapsed().saturating_sub(begun);
            self.costs().file.observe(bytes, micros(took));
        }
    }

    fn retire(&self, log: &Arc<Log>) {
        let begun = self.env.clock.elapsed();
        let bytes = log.unflushed_bytes();
        if bytes > 0 && log.flush().is_ok() {
            let took = self.env.clock.elapsed().saturating_sub(begun);
            self.costs().file.observe(bytes, micros(took));
        }
    }

    /// The log's flush is over: it waits for another one, or not.
    fn done(&self, log: Arc<Log>) {
        let mut queue = self.queue();
        self.settle(&mut queue, log);
    }

    fn settle(&self, queue: &mut Queue, log: Arc<Log>) {
        if log.turn.0.swap(IDLE, Ordering::Relaxed) == AGAIN {
            log.turn.0.store(QUEUED, Ordering::Relaxed);
            queue.logs.push_back(log);
        }
    }

    /// Decides about what waits, and makes that part of it durable that goes to the journal.
    fn round(&self, logs: Vec<Arc<Log>>) {
        let Some(journal) = self.journal.get() else { return };
        let (mut parts, mut others) = (Vec::new(), Vec::new());
        for log in logs {
            match log.part(MAX_ROUND.saturating_sub(ENTRY_HEADER)) {
                Some(part) => parts.push(part),
                None => others.push(log),
            }
        }
        parts.sort_by_key(|part| part.header.length);
        let mut sizes: Vec<u64> = parts.iter().map(|part| part.bytes() as u64).collect();
        let mut sum = 0u64;
        let fits = sizes.iter().take_while(|bytes| {
            sum = sum.saturating_add(**bytes);
            sum <= MAX_ROUND as u64
        });
        sizes.truncate(fits.count());
        let mut count = self.costs().choose(&sizes, self.threads);
        let bytes: u64 = sizes.iter().take(count).fold(0, |sum, bytes| sum.saturating_add(*bytes));
        if count > 0 && !journal.has_room(bytes) {
            count = 0;
        }
        self.costs().decided(sizes.len(), count);
        if count > 0 {
            // What does not fit waits for the next round.
            self.wait(parts.drain(sizes.len()..).map(|part| part.log));
        }
        others.extend(parts.drain(count..).map(|part| part.log));
        // One of them is this thread's, if it has no round to write.
        let own = usize::from(parts.is_empty());
        self.hand_on(others, own);
        let retiring = if parts.is_empty() { Vec::new() } else { self.write(journal, &mut parts, bytes) };
        let mut queue = self.queue();
        queue.in_round = false;
        for part in parts {
            self.settle(&mut queue, part.log);
        }
        queue.retiring.extend(retiring);
        // This thread goes on with one of those that wait.
        let others_have_work = queue.logs.len() > 1 || !queue.retiring.is_empty();
        drop(queue);
        if others_have_work {
            self.work.notify_all();
        }
    }

    /// Puts logs back that are to be decided about again.
    fn wait(&self, logs: impl Iterator<Item = Arc<Log>>) {
        let mut queue = self.queue();
        for log in logs {
            log.turn.0.store(QUEUED, Ordering::Relaxed);
            queue.logs.push_back(log);
        }
    }

    /// Puts logs back that are to be flushed by themselves, all but `own` of them by other threads.
    fn hand_on(&self, logs: Vec<Arc<Log>>, own: usize) {
        let wanted = logs.len().saturating_sub(own).min(self.threads);
        let mut queue = self.queue();
        queue.by_themselves = queue.by_themselves.saturating_add(logs.len());
        for log in logs.into_iter().rev() {
            // Who asked meanwhile is served by the flush to come.
            log.turn.0.store(QUEUED, Ordering::Relaxed);
            queue.logs.push_front(log);
        }
        drop(queue);
        (0..wanted).for_each(|_| self.work.notify_one());
    }

    /// Writes a round; what could not be written is handed on and no longer among `parts`.
    fn write(&self, journal: &Journal, parts: &mut Vec<Part>, bytes: u64) -> Vec<Arc<Log>> {
        let begun = self.env.clock.elapsed();
        let written = match self.env.health.check() {
            Ok(()) => journal.write(parts),
            // Offline: nobody waits any more.
            Err(_) => return Vec::new(),
        };
        match written {
            Ok(retiring) => {
                let took = self.env.clock.elapsed().saturating_sub(begun);
                self.costs().journal.observe(bytes, micros(took));
                let metrics = &self.env.metrics;
                metrics.journal_time.record(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
                metrics.journal_logs.add(parts.len() as u64);
                parts.iter().for_each(|part| part.log.journaled(&part.header));
                retiring
            }
            Err(WriteError::Io(error)) if !is_no_space(&error) => {
                // What the round should have saved may be lost though a second try would succeed.
                let path = journal.path().display();
                self.env.health.fail(&format!("a write or flush of {path} failed: {error}"));
                Vec::new()
            }
            Err(_) => {
                self.hand_on(parts.drain(..).map(|part| part.log).collect(), 1);
                Vec::new()
            }
        }
    }
}

fn is_no_space(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
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
    pub fn start(env: Arc<LogEnv>, threads: usize) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            env,
            threads: threads.max(1),
            queue: Mutex::default(),
            work: Condvar::new(),
            costs: Mutex::default(),
            journal: OnceLock::new(),
            wants_journal: AtomicBool::new(false),
        });
        let spawn = |_| {
            let shared = Arc::clone(&shared);
            thread::Builder::new().name("flush".to_owned()).spawn(move || shared.run())
        };
        let threads = (0..threads.max(1)).map(spawn).collect::<io::Result<_>>()?;
        Ok(Self { shared, threads: Mutex::new(threads) })
    }

    /// Asks for everything that is in the log now to be made durable. Its observer is told when it is done.
    pub fn request(&self, log: &Arc<Log>) {
        let mut queue = self.shared.queue();
        match log.turn.0.load(Ordering::Relaxed) {
            IDLE => {
                log.turn.0.store(QUEUED, Ordering::Relaxed);
                queue.logs.push_back(Arc::clone(log));
                // The thread that writes a round takes what came meanwhile.
                let is_waiting = queue.in_round && queue.by_themselves == 0;
                drop(queue);
                if !is_waiting {
                    self.shared.work.notify_one();
                }
            }
            RUNNING => log.turn.0.store(AGAIN, Ordering::Relaxed),
            _ => {}
        }
    }

    /// Whether more logs waited than threads can serve, so that a journal would be of use.
    #[must_use]
    pub fn wants_journal(&self) -> bool {
        self.shared.wants_journal.load(Ordering::Relaxed) && self.shared.journal.get().is_none()
    }

    /// The journal, if it has one.
    #[must_use]
    pub fn journal(&self) -> Option<&Arc<Journal>> {
        self.shared.journal.get()
    }

    /// Makes it think that flushing files is very dear: for tests.
    #[cfg(test)]
    pub(super) fn force_journal(&self) {
        *self.shared.costs() = Costs::with_cheap_journal();
    }

    /// Gives it the journal. Only the first call counts.
    pub fn use_journal(&self, journal: Arc<Journal>) {
        let _ = self.shared.journal.set(journal);
    }

    /// Makes what was asked for durable, and ends the threads.
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

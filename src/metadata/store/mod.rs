//! Keeps the image in the metadata log: one thread decides, writes, applies and publishes.
//!
//! Owns [`Journal`] (the log and its snapshots) and [`Store`] (the mailbox in front of it). A turn of the
//! mailbox takes all waiting requests: each is decided on the image that the ones before it left, its
//! records are appended, all of them are made durable by one flush, the [`Applier`] makes them true (a
//! leader is announced only once its partition takes writes), the new image is published, and only then
//! do the replies leave, rejections too.
//!
//! Promises: what a reply tells survives a power cut; a request that was refused changed nothing. A log
//! that cannot be written ends the process by the callback that the broker gave.
//! Must not know: what the decisions are, or sockets.

mod journal;
mod quorum_state;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::oneshot;

use super::Image;
use super::change::Decision;
use super::snapshot::Quorum;
use crate::env::Clock;
use crate::log::LogError;
use crate::schema::ErrorCode;
use crate::schema::metadata::MetadataRecord;
use crate::types::{LeaderEpoch, Offset, Timestamp};

pub use journal::{Journal, StoreError, StoreOptions};

/// Requests that may wait for the thread.
const QUEUE: usize = 1024;
/// Requests decided in one turn, before the flush that they share.
const TURN: usize = 256;
/// How often an idle thread looks whether a snapshot is due by time.
const IDLE: Duration = Duration::from_secs(60);

/// Makes a new image true outside of it: creates and deletes partitions, puts configs in force.
pub trait Applier: Send {
    /// `after` is durable and about to be published. Runs on the metadata thread; what fails here is the
    /// applier's to report, for the decision stands.
    fn apply(&mut self, before: &Arc<Image>, after: &Arc<Image>);
}

/// Why a request to the metadata got no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreFailed {
    /// Too many requests wait; try again.
    #[error("too many changes of metadata wait; try again")]
    Busy,
    /// The volume is full; try again when there is space.
    #[error("no space is left for the metadata log")]
    NoSpace,
    /// The records of the decision do not fit the log or the image: a fault of this program.
    #[error("the change cannot be recorded: {0}")]
    Refused(String),
    /// The store has stopped, or is stopping because its log failed.
    #[error("the metadata log takes no more changes: {0}")]
    Stopped(String),
}

impl StoreFailed {
    /// The code for a client; one that it retries, unless the change itself is at fault.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Busy => ErrorCode::REQUEST_TIMED_OUT,
            Self::NoSpace => ErrorCode::KAFKA_STORAGE_ERROR,
            Self::Refused(_) => ErrorCode::UNKNOWN_SERVER_ERROR,
            Self::Stopped(_) => ErrorCode::NOT_CONTROLLER,
        }
    }
}

/// When and where a decision is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct At {
    /// Wall time.
    pub now: Timestamp,
    /// The offset that the decision's first record will have.
    pub next_offset: Offset,
}

type Outcome = Result<(), StoreFailed>;
type Answer = Box<dyn FnOnce(Outcome) + Send>;
/// Decides, and gives the records with what to call when they are durable and applied.
type Job = Box<dyn FnOnce(&Image, At) -> (Vec<MetadataRecord<'static>>, Answer) + Send>;

enum Message {
    Decide(Job),
    Stop,
}

/// What readers see.
#[derive(Debug)]
struct Published {
    image: Arc<Image>,
    end_offset: Offset,
}

/// The metadata of this node, open for reading and for decisions.
#[derive(Debug)]
pub struct Store {
    published: Arc<RwLock<Published>>,
    queue: SyncSender<Message>,
    thread: Mutex<Option<JoinHandle<()>>>,
    epoch: LeaderEpoch,
    quorum: Quorum,
}

impl Store {
    /// Starts the thread. `on_failure` is called, once, when the log can no longer be written; it should
    /// end the process.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(
        journal: Journal,
        clock: Arc<dyn Clock>,
        applier: Box<dyn Applier>,
        on_failure: Box<dyn FnOnce(&StoreError) + Send>,
    ) -> io::Result<Self> {
        let image = Arc::new(journal.image().clone());
        let published = Arc::new(RwLock::new(Published { image, end_offset: journal.end_offset() }));
        let (queue, messages) = sync_channel(QUEUE);
        let (epoch, quorum) = (journal.epoch(), journal.quorum().clone());
        let worker = Worker { journal, clock, applier, published: Arc::clone(&published) };
        let thread = std::thread::Builder::new().name("metadata".to_owned()).spawn(move || {
            // Nothing of the worker is used after a panic.
            let ended = catch_unwind(AssertUnwindSafe(|| worker.run(&messages)));
            if let Err(error) = ended.unwrap_or(Err(StoreError::Fault)) {
                tracing::error!(%error, "the metadata log failed");
                on_failure(&error);
            }
        })?;
        Ok(Self { published, queue, thread: Mutex::new(Some(thread)), epoch, quorum })
    }

    /// The image that is in force. Cheap; take it once per request.
    #[must_use]
    pub fn image(&self) -> Arc<Image> {
        Arc::clone(&self.published.read().unwrap_or_else(PoisonError::into_inner).image)
    }

    /// The image, and the offset of the first record that it does not hold.
    #[must_use]
    pub fn image_and_offset(&self) -> (Arc<Image>, Offset) {
        let published = self.published.read().unwrap_or_else(PoisonError::into_inner);
        (Arc::clone(&published.image), published.end_offset)
    }

    /// The epoch of the quorum in which this node leads.
    #[must_use]
    pub fn epoch(&self) -> LeaderEpoch {
        self.epoch
    }

    /// Version and voters of the quorum.
    #[must_use]
    pub fn quorum(&self) -> &Quorum {
        &self.quorum
    }

    /// Hands a decision to the thread at once; the future waits until it is durable, applied and published.
    pub fn submit<R: Send + 'static>(
        &self,
        decide: impl FnOnce(&Image, At) -> Decision<R> + Send + 'static,
    ) -> impl Future<Output = Result<R, StoreFailed>> + Send + 'static {
        let (sender, receiver) = oneshot::channel();
        let job: Job = Box::new(move |image, at| {
            let Decision { records, reply } = decide(image, at);
            let answer: Answer = Box::new(move |outcome: Outcome| {
                let _ = sender.send(outcome.map(|()| reply));
            });
            (records, answer)
        });
        let refused = match self.queue.try_send(Message::Decide(job)) {
            Ok(()) => None,
            Err(TrySendError::Full(_)) => Some(StoreFailed::Busy),
            Err(TrySendError::Disconnected(_)) => Some(stopped()),
        };
        async move {
            match refused {
                Some(refused) => Err(refused),
                None => receiver.await.unwrap_or_else(|_| Err(stopped())),
            }
        }
    }

    /// Answers what waits, saves the log, and ends the thread.
    pub fn stop(&self) {
        let _ = self.queue.send(Message::Stop);
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

fn stopped() -> StoreFailed {
    StoreFailed::Stopped("the node is stopping".to_owned())
}

struct Worker {
    journal: Journal,
    clock: Arc<dyn Clock>,
    applier: Box<dyn Applier>,
    published: Arc<RwLock<Published>>,
}

impl Worker {
    fn run(mut self, messages: &Receiver<Message>) -> Result<(), StoreError> {
        loop {
            match messages.recv_timeout(IDLE) {
                Ok(Message::Decide(job)) => {
                    let more = || match messages.try_recv() {
                        Ok(Message::Decide(job)) => Some(Some(job)),
                        Ok(Message::Stop) => Some(None),
                        Err(_) => None,
                    };
                    let (mut jobs, mut stops) = (vec![job], false);
                    while jobs.len() < TURN && !stops {
                        match more() {
                            Some(Some(job)) => jobs.push(job),
                            Some(None) => stops = true,
                            None => break,
                        }
                    }
                    self.turn(jobs)?;
                    if stops {
                        return self.journal.close();
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => return self.journal.close(),
            }
            self.snapshot_if_due();
        }
    }

    fn turn(&mut self, jobs: Vec<Job>) -> Result<(), StoreError> {
        let now = self.clock.now();
        let start = self.journal.end_offset();
        let mut answers: Vec<(Answer, Outcome)> = Vec::new();
        let mut failure = None;
        for job in jobs {
            let at = At { now, next_offset: self.journal.end_offset() };
            let (records, answer) = job(self.journal.image(), at);
            let outcome = match self.journal.append(&records, now) {
                Ok(()) => Ok(()),
                Err(StoreError::Log(LogError::NoSpace { .. })) => Err(StoreFailed::NoSpace),
                Err(
                    error @ (StoreError::Replay { .. } | StoreError::Log(LogError::BatchTooLarge { .. })),
                ) => {
                    tracing::error!(%error, "a decision was refused by the metadata log");
                    Err(StoreFailed::Refused(error.to_string()))
                }
                Err(error) => {
                    failure = Some(error);
                    Ok(())
                }
            };
            answers.push((answer, outcome));
            if failure.is_some() {
                break;
            }
        }
        if failure.is_none() && self.journal.end_offset() > start {
            failure = self.journal.flush().err();
        }
        if let Some(error) = failure {
            for (answer, _) in answers {
                answer(Err(StoreFailed::Stopped(error.to_string())));
            }
            return Err(error);
        }
        if self.journal.end_offset() > start {
            self.publish();
        }
        for (answer, outcome) in answers {
            answer(outcome);
        }
        Ok(())
    }

    fn publish(&mut self) {
        let after = Arc::new(self.journal.image().clone());
        let before = Arc::clone(&self.published.read().unwrap_or_else(PoisonError::into_inner).image);
        self.applier.apply(&before, &after);
        let mut published = self.published.write().unwrap_or_else(PoisonError::into_inner);
        *published = Published { image: after, end_offset: self.journal.end_offset() };
    }

    /// A snapshot only shortens the next start: if it fails, the log still has everything.
    fn snapshot_if_due(&mut self) {
        let now = self.clock.now();
        if self.journal.snapshot_due(now)
            && let Err(error) = self.journal.take_snapshot(now)
        {
            tracing::warn!(%error, "no metadata snapshot could be written; the next attempt comes later");
        }
    }
}

//! One partition of the topic: its state machine, the log behind it, and who waits for what.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, oneshot};

use super::world::Snapshot;
use crate::coordinator::machine::{ChangesOf, Decision, DecisionOf, Machine, Outcome, ReplayAt, Ticket};
use crate::coordinator::view::View;
use crate::log::LogError;
use crate::partition::Partition;
use crate::record::header::NO_SEQUENCE;
use crate::record::{BatchBuilder, Compression, NewRecord, ValidBatch};
use crate::schema::ErrorCode;
use crate::types::{Offset, Timestamp};

/// A reply, and how far the log must be durable before it may leave.
pub(super) type Due<T> = (T, Offset);

/// A partition of the topic, loaded or not.
pub(super) struct Shard<M: Machine> {
    state: Mutex<State<M>>,
    /// The next deadline has come closer.
    pub(super) sooner: Notify,
}

impl<M: Machine> Default for Shard<M> {
    fn default() -> Self {
        Self { state: Mutex::new(State::Unloaded), sooner: Notify::new() }
    }
}

enum State<M: Machine> {
    /// Nobody has asked for it yet, or its partition failed.
    Unloaded,
    /// The log is being read.
    Loading,
    /// In service.
    Active(Box<Active<M>>),
}

/// A state machine in service.
pub(super) struct Active<M: Machine> {
    pub(super) machine: M,
    pub(super) partition: Arc<Partition>,
    /// Log end offset: every decision is made on all that is below.
    end: Offset,
    tickets: HashMap<Ticket, oneshot::Sender<Due<M::Completed>>>,
    /// What is to be done, each when the log is durable so far.
    effects: Vec<Due<M::Effect>>,
    /// The deadline that the timer task sleeps for.
    armed: Option<i64>,
}

/// A shard in service, locked.
pub(super) struct ActiveGuard<'a, M: Machine>(MutexGuard<'a, State<M>>);

impl<M: Machine> ActiveGuard<'_, M> {
    /// The state machine; `None` only if it is not in service, which no guard is made for.
    pub(super) fn get(&mut self) -> Option<&mut Active<M>> {
        match &mut *self.0 {
            State::Active(active) => Some(active),
            State::Unloaded | State::Loading => None,
        }
    }
}

/// How a request leaves the ordered phase.
pub(super) enum Left<T, C> {
    /// With a reply.
    Reply(Due<T>),
    /// With a ticket that another decision completes.
    Parked(oneshot::Receiver<Due<C>>),
}

impl<M: Machine> Shard<M> {
    fn lock(&self) -> MutexGuard<'_, State<M>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the caller has to load it, which is told once. A shard whose partition failed, or was
    /// replaced, is to be loaded again.
    pub(super) fn must_load(&self, partition: &Arc<Partition>) -> bool {
        let mut state = self.lock();
        if let State::Active(active) = &*state
            && (!Arc::ptr_eq(&active.partition, partition) || partition.is_gone())
        {
            // Dropping the tickets tells all who wait in it.
            *state = State::Unloaded;
        }
        let must = matches!(&*state, State::Unloaded);
        if must {
            *state = State::Loading;
        }
        must
    }

    /// The shard if it is in service.
    pub(super) fn active(&self) -> Option<ActiveGuard<'_, M>> {
        let state = self.lock();
        matches!(&*state, State::Active(_)).then(|| ActiveGuard(state))
    }

    /// The loading has ended, well or not.
    pub(super) fn loaded(&self, loaded: Option<(M, Offset, Arc<Partition>)>) {
        *self.lock() = match loaded {
            None => State::Unloaded,
            Some((machine, end, partition)) => {
                let (tickets, effects, armed) = (HashMap::new(), Vec::new(), None);
                State::Active(Box::new(Active { machine, partition, end, tickets, effects, armed }))
            }
        };
    }
}

impl<M: Machine> Active<M> {
    /// Decides a request and makes its changes true.
    pub(super) fn decide<T>(
        &mut self,
        view: &View<'_>,
        decide: impl FnOnce(&mut M, &View<'_>) -> DecisionOf<M, T>,
    ) -> Result<Left<T, M::Completed>, ErrorCode> {
        let Decision { outcome, changes } = decide(&mut self.machine, view);
        let parked = match &outcome {
            Outcome::Parked(ticket) => {
                let (sender, receiver) = oneshot::channel();
                self.tickets.insert(*ticket, sender);
                Some(receiver)
            }
            Outcome::Reply(_) => None,
        };
        let settled = self.settle(view, changes);
        self.run_timers(view);
        match (outcome, parked) {
            // A refusal has answered all tickets, this one too.
            (_, Some(receiver)) => Ok(Left::Parked(receiver)),
            (Outcome::Reply(reply), None) => settled.map(|end| Left::Reply((reply, end))),
            (Outcome::Parked(_), None) => Err(ErrorCode::UNKNOWN_SERVER_ERROR),
        }
    }

    /// Appends the records, replays them, and answers the tickets that are completed. Gives how far the
    /// log must be durable for what was decided.
    pub(super) fn settle(&mut self, view: &View<'_>, changes: ChangesOf<M>) -> Result<Offset, ErrorCode> {
        let before = self.end;
        if let Err(error) = self.append(view.now, &changes) {
            let code = refusal(&error);
            tracing::warn!(partition = %self.partition.name(), %error, "a decision was not recorded");
            for (ticket, reply) in self.machine.refused(changes, code, view) {
                self.complete(ticket, reply, self.end);
            }
            return Err(code);
        }
        // What nobody waits for says nothing that the replies reveal.
        let revealed = if changes.unhurried { before } else { self.end };
        for (ticket, reply) in changes.completed {
            self.complete(ticket, reply, revealed);
        }
        let end = self.end;
        self.effects.extend(changes.effects.into_iter().map(|effect| (effect, end)));
        Ok(end)
    }

    fn append(&mut self, now: Timestamp, changes: &ChangesOf<M>) -> Result<(), LogError> {
        if changes.records.is_empty() {
            return Ok(());
        }
        let mut builder = BatchBuilder::new(Compression::NONE);
        if let Some((id, epoch)) = changes.producer {
            builder = builder.producer(id, epoch, NO_SEQUENCE).transactional();
        }
        for record in &changes.records {
            let (key, value) = M::encode(record);
            builder.push(&NewRecord {
                timestamp: now,
                key: Some(&key),
                value: value.as_deref(),
                ..NewRecord::default()
            });
        }
        let batch = match changes.enlisted {
            Some(log_end) => builder.build_uncompressed().enlisted_at(log_end),
            None => builder.build_uncompressed(),
        };
        let appended = match changes.unhurried {
            true => self.partition.append_unhurried(batch, now)?,
            false => self.partition.append(batch, now)?,
        };
        for (record, n) in changes.records.iter().zip(0..) {
            let producer = changes.producer.map(|(id, _)| id);
            let at = ReplayAt { offset: appended.base_offset.plus(n), producer };
            self.machine.replay(at, record);
        }
        self.end = appended.last_offset.plus(1);
        Ok(())
    }

    /// Appends the marker that ends a producer's transaction here, and replays it. Gives how far the log
    /// must be durable for it.
    pub(super) fn end_transaction(
        &mut self,
        marker: ValidBatch<'static>,
        commit: bool,
        now: Timestamp,
    ) -> Result<Offset, LogError> {
        let producer = marker.header().producer_id;
        let appended = self.partition.append(marker, now)?;
        self.machine.replay_end(producer, commit);
        self.end = appended.last_offset.plus(1);
        Ok(self.end)
    }

    /// What is to be done, each when the log is durable so far.
    pub(super) fn take_effects(&mut self) -> Vec<Due<M::Effect>> {
        std::mem::take(&mut self.effects)
    }

    fn complete(&mut self, ticket: Ticket, reply: M::Completed, end: Offset) {
        if let Some(sender) = self.tickets.remove(&ticket) {
            // Nobody listens if the client has gone.
            let _ = sender.send((reply, end));
        }
    }

    /// Handles all deadlines that have passed.
    pub(super) fn run_timers(&mut self, view: &View<'_>) {
        while let Some(changes) = self.machine.on_timer(view) {
            // What is refused has been logged; members that wait have been told.
            let _ = self.settle(view, changes);
        }
    }

    /// The next deadline, if it comes before the one that the timer task sleeps for.
    pub(super) fn sooner(&mut self) -> bool {
        let next = self.machine.next_deadline();
        let sooner = next.is_some_and(|next| self.armed.is_none_or(|armed| next < armed));
        if sooner {
            self.armed = next;
        }
        sooner
    }

    /// The timer task asks how long to sleep.
    pub(super) fn arm(&mut self) -> Option<i64> {
        self.armed = self.machine.next_deadline();
        self.armed
    }
}

/// A snapshot and a moment make a view.
pub(super) fn view_of<'a>(
    snapshot: &'a Snapshot,
    (now, tick): (Timestamp, i64),
    fresh_id: &'a dyn Fn() -> crate::types::Uuid,
) -> View<'a> {
    View { now, tick, cluster: snapshot, config: &snapshot.config, fresh_id }
}

/// What a client is told when the log takes no record, as Kafka tells it.
pub(super) fn refusal(error: &LogError) -> ErrorCode {
    match error {
        LogError::NoSpace { .. } | LogError::TooManyFiles { .. } => ErrorCode::COORDINATOR_NOT_AVAILABLE,
        LogError::InvalidProducerEpoch { .. } => ErrorCode::INVALID_PRODUCER_EPOCH,
        LogError::CoordinatorFenced { .. } => ErrorCode::TRANSACTION_COORDINATOR_FENCED,
        LogError::InvalidTransactionState { .. } => ErrorCode::INVALID_TXN_STATE,
        LogError::BatchTooLarge { .. } | LogError::InvalidBatch(_) => ErrorCode::UNKNOWN_SERVER_ERROR,
        _ => ErrorCode::NOT_COORDINATOR,
    }
}

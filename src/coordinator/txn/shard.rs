//! The state of one partition of `__transaction_state`.

use std::collections::HashMap;
use std::sync::Arc;

use super::end::version;
use super::{Changes, Ended, Ending, State, Txn, TxnRecord};
use crate::coordinator::machine::{Machine, ReplayAt, Ticket};
use crate::coordinator::view::View;
use crate::schema::{DecodeError, ErrorCode};
use crate::types::ProducerId;

/// Most records of one decision by the clock: they go into one batch. What is left follows at once.
const MOST_AT_ONCE: usize = 200;

/// The transactional ids of one partition of `__transaction_state`.
#[derive(Clone, Debug, Default)]
pub struct TxnShard {
    txns: HashMap<Arc<str>, Txn>,
    /// Who waits for the end of a transaction.
    waiting: HashMap<Arc<str>, Vec<Ticket>>,
    next_ticket: u64,
    /// When to look for transactions that were open too long, in ticks.
    abort_at: Option<i64>,
    /// When to look for ids that were not used for long, in ticks.
    expire_at: Option<i64>,
}

impl TxnShard {
    /// A transactional id.
    #[must_use]
    pub fn txn(&self, id: &str) -> Option<&Txn> {
        self.txns.get(id)
    }

    pub(super) fn txn_mut(&mut self, id: &str) -> Option<&mut Txn> {
        self.txns.get_mut(id)
    }

    /// All transactional ids, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &Txn)> {
        self.txns.iter()
    }

    /// The record of a new state, in the version that the cluster writes.
    pub(super) fn record(&self, view: &View<'_>, id: &str, txn: Txn) -> TxnRecord {
        TxnRecord { id: id.into(), txn: Some(txn), version: version(view).min(1) }
    }

    /// A ticket for the end of a transaction.
    pub(super) fn ticket(&mut self, id: &str) -> Ticket {
        self.next_ticket = self.next_ticket.wrapping_add(1);
        let ticket = Ticket(self.next_ticket);
        self.waiting.entry(id.into()).or_default().push(ticket);
        ticket
    }

    /// Those who wait for the end of a transaction, who are to be answered now.
    pub(super) fn waiting(&mut self, id: &str) -> Vec<Ticket> {
        self.waiting.remove(id).unwrap_or_default()
    }

    /// Applies one record; nothing else changes what is persisted.
    pub fn replay(&mut self, record: &TxnRecord) {
        match &record.txn {
            Some(txn) => drop(self.txns.insert(Arc::clone(&record.id), txn.clone())),
            None => drop(self.txns.remove(&record.id)),
        }
    }

    /// Aborts transactions that were open too long; whether all were looked at.
    fn abort_late(&self, view: &View<'_>, changes: &mut Changes) -> bool {
        let is_late = |txn: &Txn| {
            // Whoever takes part in a transaction of someone else's ends it himself (KIP-939).
            let ends = txn.timeout_ms != i32::MAX;
            let age = view.now.get().saturating_sub(txn.started.get());
            txn.state == State::Ongoing && ends && age > i64::from(txn.timeout_ms)
        };
        let mut late = self.txns.iter().filter(|(_, txn)| is_late(txn));
        for (id, txn) in late.by_ref().take(MOST_AT_ONCE) {
            tracing::info!(id = &**id, producer = %txn.producer_id, "transaction aborted: it was open too long");
            self.fence(view, id, changes);
        }
        late.next().is_none()
    }

    /// Forgets transactional ids that were not used for long; whether all were looked at.
    fn expire(&self, view: &View<'_>, changes: &mut Changes) -> bool {
        let retention = i64::from(view.config.transactional_id_expiration_ms);
        let is_old =
            |txn: &Txn| txn.state.is_idle() && view.now.get().saturating_sub(txn.updated.get()) >= retention;
        let mut old = self.txns.iter().filter(|(_, txn)| is_old(txn));
        for (id, _) in old.by_ref().take(MOST_AT_ONCE) {
            changes.push(TxnRecord { id: Arc::clone(id), txn: None, version: 0 });
        }
        old.next().is_none()
    }
}

fn later(view: &View<'_>, interval_ms: i32) -> Option<i64> {
    Some(view.tick.saturating_add(i64::from(interval_ms)))
}

impl Machine for TxnShard {
    const TOPIC: &'static str = "__transaction_state";
    type Record = TxnRecord;
    type Completed = Ended;
    type Effect = Ending;

    fn empty() -> Self {
        Self::default()
    }

    fn encode(record: &TxnRecord) -> (Vec<u8>, Option<Vec<u8>>) {
        record.encode()
    }

    fn replay(&mut self, _: ReplayAt, record: &TxnRecord) {
        Self::replay(self, record);
    }

    fn replay_bytes(&mut self, at: ReplayAt, key: &[u8], value: Option<&[u8]>) -> Result<(), DecodeError> {
        match TxnRecord::decode(key, value)? {
            Some(record) => Self::replay(self, &record),
            None => {
                tracing::debug!(offset = %at.offset, "a record that is not understood here is left alone")
            }
        }
        Ok(())
    }

    fn replay_end(&mut self, _: ProducerId, _: bool) {}

    fn loaded(&mut self, view: &View<'_>) -> Changes {
        self.abort_at = Some(view.tick);
        self.expire_at = later(view, view.config.transaction_remove_expired_transaction_cleanup_interval_ms);
        Changes { effects: self.unfinished().collect(), ..Changes::default() }
    }

    fn forget_deleted(&self, _: &View<'_>) -> Changes {
        Changes::default()
    }

    fn next_deadline(&self) -> Option<i64> {
        [self.abort_at, self.expire_at].into_iter().flatten().min()
    }

    fn on_timer(&mut self, view: &View<'_>) -> Option<Changes> {
        let mut changes = Changes::default();
        let is_due = |at: Option<i64>| at.is_some_and(|at| at <= view.tick);
        if is_due(self.abort_at) {
            if self.abort_late(view, &mut changes) {
                let interval = view.config.transaction_abort_timed_out_transaction_cleanup_interval_ms;
                self.abort_at = later(view, interval);
            }
        } else if is_due(self.expire_at) {
            if self.expire(view, &mut changes) {
                let interval = view.config.transaction_remove_expired_transaction_cleanup_interval_ms;
                self.expire_at = later(view, interval);
            }
        } else {
            return None;
        }
        Some(changes)
    }

    fn refused(&mut self, changes: Changes, code: ErrorCode, view: &View<'_>) -> Vec<(Ticket, Ended)> {
        // Whatever the clock asked for is asked again a little later, not at once.
        if self.next_deadline().is_some_and(|at| at <= view.tick) {
            self.abort_at = later(view, 1000);
            self.expire_at = later(view, 1000);
        }
        let waiting = changes.touched.map(|id| self.waiting(&id)).unwrap_or_default();
        let refused = waiting.into_iter().map(|ticket| (ticket, Err(code.into())));
        let completed = changes.completed.into_iter().map(|(ticket, _)| (ticket, Err(code.into())));
        completed.chain(refused).collect()
    }
}

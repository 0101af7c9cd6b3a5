//! InitProducerId with a transactional id: a producer takes the id over, and whoever held it is fenced.

use super::{
    Changes, Decision, Identity, Refused, State, Txn, TxnPartitions, TxnShard, bumped, is_exhausted,
};
use crate::coordinator::machine::Outcome;
use crate::coordinator::view::View;
use crate::schema::ErrorCode;
use crate::types::{ProducerEpoch, ProducerId, Timestamp};

/// What a producer asks.
#[derive(Clone, Copy, Debug)]
pub struct Init<'a> {
    /// The transactional id.
    pub id: &'a str,
    /// How long in ms its transactions may be open.
    pub timeout_ms: i32,
    /// What it holds, if it goes on after an error (KIP-360).
    pub known: Option<Identity>,
    /// It takes part in transactions that someone else coordinates (KIP-939).
    pub two_phase: bool,
    /// It wants to keep its open transaction (KIP-939), which Kafka does not do yet either.
    pub keep_prepared: bool,
}

impl TxnShard {
    /// Gives the transactional id to a producer. An open transaction is aborted first: the producer is told to
    /// come again. `fresh` is a producer id that nobody has.
    pub fn init_producer_id(
        &mut self,
        view: &View<'_>,
        request: &Init<'_>,
        fresh: Option<ProducerId>,
    ) -> Decision<Result<Identity, Refused>> {
        Decision::collect(|changes| Outcome::Reply(self.init(view, request, fresh, changes)))
    }

    fn init(
        &mut self,
        view: &View<'_>,
        request: &Init<'_>,
        fresh: Option<ProducerId>,
        changes: &mut Changes,
    ) -> Result<Identity, Refused> {
        if request.id.is_empty() {
            return Err(ErrorCode::INVALID_REQUEST.into());
        }
        if request.two_phase && !view.config.transaction_two_phase_commit_enable {
            return Err(ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED.into());
        }
        if request.keep_prepared {
            return Err(ErrorCode::UNSUPPORTED_VERSION.into());
        }
        let allowed = 1..=view.config.transaction_max_timeout_ms;
        if !request.two_phase && !allowed.contains(&request.timeout_ms) {
            return Err(ErrorCode::INVALID_TRANSACTION_TIMEOUT.into());
        }
        let timeout_ms = if request.two_phase { i32::MAX } else { request.timeout_ms };
        let mut txn = match self.txn(request.id) {
            Some(txn) => txn.clone(),
            None => Txn::new(fresh.ok_or(Refused::NeedsProducerId)?, timeout_ms, view.now),
        };
        if request.known.is_some_and(|known| !may_continue(&txn, known)) {
            return Err(ErrorCode::PRODUCER_FENCED.into());
        }
        if txn.state.prepared().is_some() {
            return Err(ErrorCode::CONCURRENT_TRANSACTIONS.into());
        }
        if txn.state == State::Ongoing {
            self.fence(view, request.id, changes);
            return Err(ErrorCode::CONCURRENT_TRANSACTIONS.into());
        }
        let known = request.known.map(|known| known.epoch);
        txn.previous_producer_id = txn.producer_id;
        if txn.is_exhausted() && known.is_none_or(|epoch| epoch == txn.epoch) {
            txn.producer_id = fresh.ok_or(Refused::NeedsProducerId)?;
            txn.last_epoch = if known.is_some() { txn.epoch } else { ProducerEpoch::NONE };
            txn.epoch = ProducerEpoch(0);
        } else {
            (txn.epoch, txn.last_epoch) = next_epochs(&txn, known)?;
        }
        txn.timeout_ms = timeout_ms;
        txn.state = State::Empty;
        txn.partitions = TxnPartitions::new();
        txn.started = Timestamp::NONE;
        txn.updated = view.now;
        let granted = txn.identity();
        changes.push(self.record(view, request.id, txn));
        Ok(granted)
    }
}

/// Whether a producer that says what it holds may go on: it is the one, or it was and has not learned of a
/// bump that it asked for.
fn may_continue(txn: &Txn, known: Identity) -> bool {
    txn.epoch == ProducerEpoch::NONE
        || known.id == txn.producer_id
        || (known.id == txn.previous_producer_id && is_exhausted(known.epoch))
}

/// The producer's next epoch, and the one before it.
fn next_epochs(txn: &Txn, known: Option<ProducerEpoch>) -> Result<(ProducerEpoch, ProducerEpoch), ErrorCode> {
    match known {
        None => Ok((bumped(txn.epoch, 1), ProducerEpoch::NONE)),
        Some(epoch) if txn.epoch == ProducerEpoch::NONE || epoch == txn.epoch => {
            Ok((bumped(txn.epoch, 1), txn.epoch))
        }
        // The retry of a request that was granted.
        Some(epoch) if epoch == txn.last_epoch => Ok((txn.epoch, txn.last_epoch)),
        Some(_) => Err(ErrorCode::PRODUCER_FENCED),
    }
}

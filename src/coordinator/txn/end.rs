//! EndTxn, the end by timeout, and what follows from either.

use std::sync::Arc;

use super::{
    Changes, Decision, Ended, Ending, Identity, Refused, State, Txn, TxnPartitions, TxnShard, bumped,
};
use crate::coordinator::machine::Outcome;
use crate::coordinator::view::View;
use crate::schema::ErrorCode;
use crate::types::{ProducerEpoch, ProducerId};

/// From this transaction version on every end bumps the producer's epoch.
const BUMPS_FROM: i16 = 2;

/// What a producer asks.
#[derive(Clone, Copy, Debug)]
pub struct End<'a> {
    /// The transactional id.
    pub id: &'a str,
    /// Who asks.
    pub producer: Identity,
    /// Commit or abort.
    pub commit: bool,
    /// The transaction version that the client speaks: 2 from EndTxn version 5 on.
    pub client_version: i16,
}

/// What an EndTxn leads to.
enum Verdict {
    /// The end is decided now.
    Prepare,
    /// It was decided before, by this very request.
    Done,
}

impl TxnShard {
    /// Ends the producer's transaction. The reply comes when all markers are written, or one cannot be
    /// written for now. `fresh` is a producer id that nobody has.
    pub fn end(&mut self, view: &View<'_>, request: &End<'_>, fresh: Option<ProducerId>) -> Decision<Ended> {
        let txn = match self.txn(request.id) {
            _ if request.id.is_empty() => return refuse(ErrorCode::INVALID_REQUEST),
            None => return refuse(ErrorCode::INVALID_PRODUCER_ID_MAPPING),
            Some(txn) => txn,
        };
        let bumps = request.client_version >= BUMPS_FROM;
        let verdict = if bumps { judge_bumping(txn, request) } else { judge(txn, request) };
        match verdict {
            Err(code) => return refuse(code),
            Ok(Verdict::Done) => return Decision::reply(Ok(txn.identity())),
            Ok(Verdict::Prepare) => {}
        }
        let mut next = txn.clone();
        if bumps && txn.is_exhausted() {
            let Some(fresh) = fresh else { return Decision::reply(Err(Refused::NeedsProducerId)) };
            next.next_producer_id = fresh;
        }
        if next.state != State::Ongoing {
            // With version 2 a producer may abort what never began.
            next.started = view.now;
            next.partitions = TxnPartitions::new();
        }
        next.client_version = request.client_version;
        let ticket = self.ticket(request.id);
        let mut changes = Changes::default();
        self.prepare(view, request.id, next, request.commit, &mut changes);
        changes.touched = Some(request.id.into());
        Decision { outcome: Outcome::Parked(ticket), changes }
    }

    /// Aborts an open transaction and fences its producer.
    pub(super) fn fence(&self, view: &View<'_>, id: &str, changes: &mut Changes) {
        let Some(txn) = self.txn(id).filter(|txn| txn.state == State::Ongoing) else { return };
        let mut next = txn.clone();
        next.client_version = version(view);
        if next.client_version < BUMPS_FROM {
            // Later versions bump with every end.
            next.epoch = bumped(txn.epoch, 1);
            next.last_epoch = ProducerEpoch::NONE;
        }
        self.prepare(view, id, next, false, changes);
    }

    /// Decides an end.
    fn prepare(&self, view: &View<'_>, id: &str, mut next: Txn, commit: bool, changes: &mut Changes) {
        if next.client_version >= BUMPS_FROM {
            next.last_epoch = next.epoch;
            next.epoch = bumped(next.epoch, 1);
        }
        next.previous_producer_id = next.producer_id;
        next.state = if commit { State::PrepareCommit } else { State::PrepareAbort };
        next.updated = view.now;
        changes.effects.push(ending(id.into(), &next, commit));
        changes.push(self.record(view, id, next));
    }

    /// The ends that were decided and are not complete.
    pub(super) fn unfinished(&self) -> impl Iterator<Item = Ending> {
        self.iter().filter_map(|(id, txn)| Some(ending(Arc::clone(id), txn, txn.state.prepared()?)))
    }

    /// Some markers cannot be written for now: only these partitions are `left`, which is known in memory alone.
    /// The producer that waits for the end is answered: what was decided is certain, and it need not wait longer.
    pub fn delayed(&mut self, ending: &Ending, left: &TxnPartitions) -> Decision<()> {
        if let Some(txn) = self.txn_mut(&ending.id).filter(|txn| is_same(txn, ending)) {
            txn.partitions = left.clone();
        }
        Decision::collect(|changes| {
            self.answer(ending, changes);
            Outcome::Reply(())
        })
    }

    /// All markers are durable: the end is complete, and the producer is answered. If the record is lost the
    /// markers are written again; the answer says only what was durable before, so there is no hurry.
    pub fn complete(&mut self, view: &View<'_>, ending: &Ending) -> Decision<()> {
        let Some(txn) = self.txn(&ending.id).filter(|txn| is_same(txn, ending)) else {
            return Decision::reply(());
        };
        let mut next = txn.clone();
        next.previous_producer_id = txn.producer_id;
        Identity { id: next.producer_id, epoch: next.epoch } = after(txn);
        next.next_producer_id = ProducerId::NONE;
        next.state = if ending.commit { State::CompleteCommit } else { State::CompleteAbort };
        next.partitions = TxnPartitions::new();
        next.updated = view.now;
        let record = self.record(view, &ending.id, next);
        Decision::collect(|changes| {
            self.answer(ending, changes);
            changes.push(record);
            changes.unhurried = true;
            Outcome::Reply(())
        })
    }

    /// Answers the producer that waits for an end.
    fn answer(&mut self, ending: &Ending, changes: &mut Changes) {
        if let Some(txn) = self.txn(&ending.id).filter(|txn| is_same(txn, ending)) {
            let ended = Ok(after(txn));
            changes.completed.extend(self.waiting(&ending.id).into_iter().map(|ticket| (ticket, ended)));
        }
    }

    /// Whether an end still waits for its markers.
    #[must_use]
    pub fn is_unfinished(&self, ending: &Ending) -> bool {
        self.txn(&ending.id).is_some_and(|txn| is_same(txn, ending))
    }
}

/// The finalized transaction version.
pub(super) fn version(view: &View<'_>) -> i16 {
    view.cluster.feature("transaction.version")
}

fn refuse(code: ErrorCode) -> Decision<Ended> {
    Decision::reply(Err(code.into()))
}

fn ending(id: Arc<str>, txn: &Txn, commit: bool) -> Ending {
    let bumped = txn.client_version >= BUMPS_FROM;
    Ending { id, producer: txn.identity(), commit, bumped, partitions: txn.partitions.clone() }
}

fn is_same(txn: &Txn, ending: &Ending) -> bool {
    txn.identity() == ending.producer && txn.state.prepared() == Some(ending.commit)
}

/// What the producer goes on with after the end.
fn after(txn: &Txn) -> Identity {
    if txn.next_producer_id == ProducerId::NONE {
        txn.identity()
    } else {
        Identity { id: txn.next_producer_id, epoch: ProducerEpoch(0) }
    }
}

/// Transaction versions 0 and 1: the epoch stays, so a repeated end is known by the state alone.
fn judge(txn: &Txn, request: &End<'_>) -> Result<Verdict, ErrorCode> {
    if txn.producer_id != request.producer.id {
        return Err(ErrorCode::INVALID_PRODUCER_ID_MAPPING);
    }
    if txn.epoch != request.producer.epoch {
        return Err(ErrorCode::PRODUCER_FENCED);
    }
    match (txn.state, request.commit) {
        (State::Ongoing, _) => Ok(Verdict::Prepare),
        (State::CompleteCommit, true) | (State::CompleteAbort, false) => Ok(Verdict::Done),
        (State::PrepareCommit, true) | (State::PrepareAbort, false) => {
            Err(ErrorCode::CONCURRENT_TRANSACTIONS)
        }
        _ => Err(ErrorCode::INVALID_TXN_STATE),
    }
}

/// Transaction version 2: a repeated end comes with the epoch before the bump.
fn judge_bumping(txn: &Txn, request: &End<'_>) -> Result<Verdict, ErrorCode> {
    let (id, epoch) = (request.producer.id, request.producer.epoch);
    let of_last_id = txn.previous_producer_id == id
        && epoch == ProducerEpoch(i16::MAX - 1)
        && txn.epoch == ProducerEpoch(0);
    let of_last_epoch = epoch.get() < i16::MAX && txn.epoch == bumped(epoch, 1);
    let is_retry = of_last_id || of_last_epoch;
    if txn.producer_id != id && !of_last_id {
        return Err(ErrorCode::INVALID_PRODUCER_ID_MAPPING);
    }
    let is_valid = match txn.state {
        State::Empty | State::Ongoing => epoch == txn.epoch,
        State::PrepareCommit | State::PrepareAbort => of_last_epoch,
        State::CompleteCommit | State::CompleteAbort => is_retry || epoch == txn.epoch,
    };
    if !is_valid {
        return Err(ErrorCode::PRODUCER_FENCED);
    }
    match (txn.state, request.commit) {
        (State::Ongoing, _) | (State::Empty, false) => Ok(Verdict::Prepare),
        (State::CompleteCommit, true) | (State::CompleteAbort, false) if is_retry => Ok(Verdict::Done),
        (State::CompleteCommit | State::CompleteAbort, false) if !is_retry => Ok(Verdict::Prepare),
        (State::PrepareCommit, true) | (State::PrepareAbort, false) => {
            Err(ErrorCode::CONCURRENT_TRANSACTIONS)
        }
        _ => Err(ErrorCode::INVALID_TXN_STATE),
    }
}

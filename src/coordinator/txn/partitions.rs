//! AddPartitionsToTxn: what a transaction touches, told before it is touched, or asked.

use super::{Decision, Identity, State, Txn, TxnShard};
use crate::coordinator::machine::Outcome;
use crate::coordinator::view::View;
use crate::schema::ErrorCode;

impl TxnShard {
    /// Makes partitions part of the producer's transaction, and begins one if none is open.
    /// `client_version` is the transaction version by which the client ends it.
    pub fn add_partitions(
        &mut self,
        view: &View<'_>,
        id: &str,
        producer: Identity,
        partitions: &[(&str, i32)],
        client_version: i16,
    ) -> Decision<Result<(), ErrorCode>> {
        let txn = match self.held(id, producer) {
            Ok(txn) => txn,
            Err(code) => return Decision::reply(Err(code)),
        };
        if txn.state == State::Ongoing && partitions.iter().all(|(topic, index)| txn.has(topic, *index)) {
            return Decision::reply(Ok(()));
        }
        let mut txn = txn.clone();
        if txn.state != State::Ongoing {
            txn.started = view.now;
            txn.partitions.clear();
        }
        for (topic, index) in partitions {
            match txn.partitions.get_mut(*topic) {
                Some(indexes) => drop(indexes.insert(*index)),
                None => drop(txn.partitions.insert((*topic).into(), [*index].into())),
            }
        }
        txn.state = State::Ongoing;
        txn.previous_producer_id = txn.producer_id;
        txn.updated = view.now;
        txn.client_version = client_version;
        let record = self.record(view, id, txn);
        Decision::collect(|changes| {
            changes.push(record);
            Outcome::Reply(Ok(()))
        })
    }

    /// Whether partitions are part of the producer's transaction: a code for each, in their order.
    pub fn verify_partitions(
        &self,
        id: &str,
        producer: Identity,
        partitions: &[(&str, i32)],
    ) -> Decision<Result<Vec<ErrorCode>, ErrorCode>> {
        let verified = self.held(id, producer).map(|txn| {
            let code = |(topic, index): &(&str, i32)| {
                let is_in = txn.state == State::Ongoing && txn.has(topic, *index);
                if is_in { ErrorCode::NONE } else { ErrorCode::TRANSACTION_ABORTABLE }
            };
            partitions.iter().map(code).collect()
        });
        Decision::reply(verified)
    }

    /// The transactional id, if this producer holds it and no end is under way.
    fn held(&self, id: &str, producer: Identity) -> Result<&Txn, ErrorCode> {
        if id.is_empty() {
            return Err(ErrorCode::INVALID_REQUEST);
        }
        match self.txn(id) {
            None => Err(ErrorCode::INVALID_PRODUCER_ID_MAPPING),
            Some(txn) if txn.producer_id != producer.id => Err(ErrorCode::INVALID_PRODUCER_ID_MAPPING),
            Some(txn) if txn.epoch != producer.epoch => Err(ErrorCode::PRODUCER_FENCED),
            Some(txn) if txn.state.prepared().is_some() => Err(ErrorCode::CONCURRENT_TRANSACTIONS),
            Some(txn) => Ok(txn),
        }
    }
}

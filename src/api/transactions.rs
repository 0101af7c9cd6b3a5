//! What requests about transactions have in common.

use std::sync::Arc;

use super::Services;
use crate::coordinator::runtime::Pending;
use crate::coordinator::txn::{Identity, Refused};
use crate::schema::ErrorCode;
use crate::types::{ProducerEpoch, ProducerId};

/// The transaction version of clients that add partitions by producing to them (KIP-890).
pub(super) const ADDS_BY_PRODUCING: i16 = 2;

/// A producer by its numbers on the wire.
pub(super) fn identity(id: i64, epoch: i16) -> Identity {
    Identity { id: ProducerId(id), epoch: ProducerEpoch(epoch) }
}

/// The code for a fenced producer: clients before `from` know another one.
pub(super) fn fenced(code: ErrorCode, version: i16, from: i16) -> ErrorCode {
    match code {
        ErrorCode::PRODUCER_FENCED if version < from => ErrorCode::INVALID_PRODUCER_EPOCH,
        code => code,
    }
}

/// Decides, and once more with a fresh producer id if that turns out to be needed.
pub(super) fn with_producer_id<T: Send + 'static>(
    services: &Services,
    decide: impl Fn(Option<ProducerId>) -> Pending<Result<T, Refused>> + Send + 'static,
) -> Pending<Result<T, ErrorCode>> {
    let first = match decide(None) {
        Pending::Ready(Ok(Ok(granted))) => return Pending::Ready(Ok(Ok(granted))),
        Pending::Ready(Ok(Err(Refused::Code(code)))) => return Pending::Ready(Ok(Err(code))),
        Pending::Ready(Err(code)) => return Pending::Ready(Ok(Err(code))),
        first => first,
    };
    let (ids, metadata) = (Arc::clone(&services.producer_ids), Arc::clone(&services.metadata));
    Pending::Later(Box::pin(async move {
        let mut answer = first.wait().await;
        if matches!(answer, Ok(Err(Refused::NeedsProducerId))) {
            let fresh = ids.next(&metadata).await.map_err(|_| ErrorCode::COORDINATOR_NOT_AVAILABLE)?;
            answer = decide(Some(fresh)).wait().await;
        }
        Ok(answer?.map_err(|refused| match refused {
            Refused::Code(code) => code,
            Refused::NeedsProducerId => ErrorCode::COORDINATOR_NOT_AVAILABLE,
        }))
    }))
}

/// Makes sure that a partition is part of the producer's transaction before something is written there:
/// newer clients add it by writing, older ones have added it before. `adds` tells which.
pub(super) fn enlist(
    services: &Services,
    id: &str,
    producer: Identity,
    partition: (&str, i32),
    adds: bool,
) -> Pending<Result<(), ErrorCode>> {
    if adds {
        return services.transactions.decide(id, |shard, view| {
            shard.add_partitions(view, id, producer, &[partition], ADDS_BY_PRODUCING)
        });
    }
    if !services.config().transaction_partition_verification_enable {
        return Pending::Ready(Ok(Ok(())));
    }
    let verified =
        services.transactions.decide(id, |shard, _| shard.verify_partitions(id, producer, &[partition]));
    let only = |codes: Vec<ErrorCode>| match codes.into_iter().find(|code| !code.is_none()) {
        None => Ok(()),
        Some(code) => Err(code),
    };
    match verified {
        Pending::Ready(answer) => Pending::Ready(answer.map(|codes| codes.and_then(only))),
        Pending::Later(answer) => {
            Pending::Later(Box::pin(async move { answer.await.map(|codes| codes.and_then(only)) }))
        }
    }
}

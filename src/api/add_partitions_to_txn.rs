//! AddPartitionsToTxn (key 24), versions 0 to 5. Up to version 3 a client adds partitions before it produces
//! to them: all or none. From version 4 on brokers ask for several transactions at once, and may only
//! verify.

use super::groups::answer_all;
use super::transactions::{ADDS_BY_PRODUCING, fenced, identity};
use super::{Context, Handling, Services};
use crate::coordinator::runtime::{Answer, Pending};
use crate::coordinator::txn::Identity;
use crate::metadata::change::is_internal;
use crate::schema::clients::add_partitions_to_txn_request::{
    AddPartitionsToTxnRequest, AddPartitionsToTxnTopic, AddPartitionsToTxnTransaction,
};
use crate::schema::clients::add_partitions_to_txn_response::{
    AddPartitionsToTxnPartitionResult, AddPartitionsToTxnResponse, AddPartitionsToTxnResult,
    AddPartitionsToTxnTopicResult,
};
use crate::schema::{DecodeError, ErrorCode, Reader};

/// First version whose clients know that a producer can be fenced.
const FENCED_FROM: i16 = 2;
/// First version for several transactions.
const BATCHED_FROM: i16 = 4;

/// A code for each partition of a transaction, in the order of the request.
type Codes = Vec<ErrorCode>;
type Named = Vec<(String, Vec<i32>)>;

/// Decides for each transaction.
pub(super) fn handle(
    services: &Services,
    ctx: &Context<'_>,
    mut body: Reader<'_>,
) -> Result<Handling, DecodeError> {
    let mut request = AddPartitionsToTxnRequest::decode(&mut body, ctx.version)?;
    if ctx.version < BATCHED_FROM {
        request.transactions = vec![AddPartitionsToTxnTransaction {
            transactional_id: request.v3_and_below_transactional_id.clone(),
            producer_id: request.v3_and_below_producer_id,
            producer_epoch: request.v3_and_below_producer_epoch,
            topics: request.v3_and_below_topics.clone(),
            ..Default::default()
        }];
    }
    let version = ctx.version;
    let pending = request.transactions.iter().map(|txn| decide(services, txn, version)).collect();
    let asked: Vec<(String, Named)> = request
        .transactions
        .iter()
        .map(|txn| (txn.transactional_id.to_string(), named(&txn.topics)))
        .collect();
    Ok(answer_all(ctx, pending, move |answers, w, version| {
        let mut results: Vec<_> = answers
            .into_iter()
            .zip(asked)
            .map(|(answer, (id, topics))| AddPartitionsToTxnResult {
                transactional_id: id.into(),
                topic_results: tell(answer, topics, version),
                ..Default::default()
            })
            .collect();
        let response = if version < BATCHED_FROM {
            let results_by_topic_v3_and_below =
                results.pop().map(|one| one.topic_results).unwrap_or_default();
            AddPartitionsToTxnResponse { results_by_topic_v3_and_below, ..Default::default() }
        } else {
            AddPartitionsToTxnResponse { results_by_transaction: results, ..Default::default() }
        };
        response.encode(w, version);
    }))
}

fn named(topics: &[AddPartitionsToTxnTopic<'_>]) -> Named {
    topics.iter().map(|topic| (topic.name.to_string(), topic.partitions.clone())).collect()
}

fn decide(services: &Services, txn: &AddPartitionsToTxnTransaction<'_>, version: i16) -> Pending<Codes> {
    let id: &str = &txn.transactional_id;
    let producer: Identity = identity(txn.producer_id, txn.producer_epoch);
    let partitions: Vec<(&str, i32)> = txn
        .topics
        .iter()
        .flat_map(|topic| topic.partitions.iter().map(|index| (topic.name.as_ref(), *index)))
        .collect();
    let (count, is_client) = (partitions.len(), version < BATCHED_FROM);
    let all = move |code: ErrorCode| vec![code; count];
    // A client adds no internal topic: groups come in by AddOffsetsToTxn.
    let image = services.metadata.image();
    let unfit = |&(topic, index): &(&str, i32)| match image.topics().by_name(topic) {
        Some(topic) if !topic.partitions.contains_key(&index) => Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
        None => Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
        Some(topic) if is_client && is_internal(&topic.name) => Some(ErrorCode::TOPIC_AUTHORIZATION_FAILED),
        Some(_) => None,
    };
    let unfit: Vec<_> = partitions.iter().map(unfit).collect();
    if unfit.iter().any(Option::is_some) {
        let code = |unfit: Option<ErrorCode>| unfit.unwrap_or(ErrorCode::OPERATION_NOT_ATTEMPTED);
        return Pending::Ready(Ok(unfit.into_iter().map(code).collect()));
    }
    if txn.verify_only {
        let verified = services.transactions.decide(id, |shard, _| {
            let decision = shard.verify_partitions(id, producer, &partitions);
            map(decision, |verified| verified.unwrap_or_else(all))
        });
        return verified;
    }
    let client_version = if is_client { 0 } else { ADDS_BY_PRODUCING };
    services.transactions.decide(id, |shard, view| {
        let decision = shard.add_partitions(view, id, producer, &partitions, client_version);
        map(decision, |added| all(added.err().unwrap_or(ErrorCode::NONE)))
    })
}

fn map<T, U>(
    decision: crate::coordinator::txn::Decision<T>,
    with: impl FnOnce(T) -> U,
) -> crate::coordinator::txn::Decision<U> {
    use crate::coordinator::machine::Outcome;
    let outcome = match decision.outcome {
        Outcome::Reply(reply) => Outcome::Reply(with(reply)),
        Outcome::Parked(ticket) => Outcome::Parked(ticket),
    };
    crate::coordinator::txn::Decision { outcome, changes: decision.changes }
}

fn tell(answer: Answer<Codes>, topics: Named, version: i16) -> Vec<AddPartitionsToTxnTopicResult<'static>> {
    let (codes, rest) = match answer {
        Ok(codes) => (codes, ErrorCode::NONE),
        Err(code) => (Vec::new(), code),
    };
    let mut codes = codes.into_iter();
    let mut one = |index| AddPartitionsToTxnPartitionResult {
        partition_index: index,
        partition_error_code: fenced(codes.next().unwrap_or(rest), version, FENCED_FROM).code(),
        ..Default::default()
    };
    topics
        .into_iter()
        .map(|(name, partitions)| AddPartitionsToTxnTopicResult {
            name: name.into(),
            results_by_partition: partitions.into_iter().map(&mut one).collect(),
            ..Default::default()
        })
        .collect()
}

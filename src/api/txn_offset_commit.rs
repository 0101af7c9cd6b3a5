//! TxnOffsetCommit (key 28), versions 0 to 6: offsets that count once the transaction is committed. Since
//! version 5 this makes the group's partition part of the transaction (KIP-890), before that
//! AddOffsetsToTxn has done so. Topics go by id since version 6.

use std::sync::Arc;

use super::groups::answer;
use super::lookup::by_name;
use super::transactions::{enlist, identity};
use super::{Context, Handling, Services};
use crate::coordinator::group::{GroupShard, txn_commit_error};
use crate::coordinator::machine::Machine;
use crate::coordinator::runtime::{Groups, Pending};
use crate::schema::clients::txn_offset_commit_request::TxnOffsetCommitRequest;
use crate::schema::clients::txn_offset_commit_response::TxnOffsetCommitResponse;
use crate::schema::{DecodeError, ErrorCode, Reader};
use crate::types::Offset;

/// First version that makes the group's partition part of the transaction.
const ADDS_FROM: i16 = 5;
/// First version whose clients know that they should abort.
const ABORTABLE_FROM: i16 = 4;

/// Decides and answers.
pub(super) fn handle(
    services: &Services,
    ctx: &Context<'_>,
    mut body: Reader<'_>,
) -> Result<Handling, DecodeError> {
    let request = TxnOffsetCommitRequest::decode(&mut body, ctx.version)?;
    let version = ctx.version;
    let refused = txn_commit_error(&request, ErrorCode::NONE);
    // Later clients have a new epoch in every transaction, by which the log knows what comes late.
    let log_end = services.groups.log_end(&request.group_id).filter(|_| version < ADDS_FROM);
    let pending = match services.groups.partition_of(&request.group_id) {
        _ if request.group_id.is_empty() => Pending::error(ErrorCode::INVALID_GROUP_ID),
        None => Pending::error(ErrorCode::COORDINATOR_NOT_AVAILABLE),
        // What is part of the transaction already need not be asked about.
        Some(index) if is_open(services, index, &request) => {
            commit(&services.groups, &request, version, log_end)
        }
        Some(index) => {
            let producer = identity(request.producer_id, request.producer_epoch);
            let id: &str = &request.transactional_id;
            match enlist(services, id, producer, (GroupShard::TOPIC, index), version >= ADDS_FROM) {
                Pending::Ready(Ok(Ok(()))) => commit(&services.groups, &request, version, log_end),
                Pending::Ready(Ok(Err(code)) | Err(code)) => Pending::error(code),
                Pending::Later(enlisted) => {
                    let (groups, request) = (Arc::clone(&services.groups), request.into_static());
                    Pending::Later(Box::pin(async move {
                        enlisted.await??;
                        commit(&groups, &request, version, log_end).wait().await
                    }))
                }
            }
        }
    };
    Ok(answer(ctx, pending, move |answer, w, version| {
        let response = answer.unwrap_or_else(|code| {
            let code = translated(code, version).code();
            let mut refused = refused;
            let partitions = refused.topics.iter_mut().flat_map(|topic| &mut topic.partitions);
            partitions.for_each(|partition| partition.error_code = code);
            refused
        });
        response.encode(w, version);
    }))
}

fn is_open(services: &Services, index: i32, request: &TxnOffsetCommitRequest<'_>) -> bool {
    let producer = identity(request.producer_id, request.producer_epoch);
    by_name(services, GroupShard::TOPIC, index)
        .is_ok_and(|leader| leader.has_open_transaction(producer.id, producer.epoch))
}

/// Commits, unless the transaction has ended since the log of the group's partition ended at `enlisted`.
fn commit(
    groups: &Arc<Groups>,
    request: &TxnOffsetCommitRequest<'_>,
    version: i16,
    enlisted: Option<Offset>,
) -> Pending<TxnOffsetCommitResponse<'static>> {
    groups.decide(&request.group_id, |shard, view| {
        let mut decision = shard.commit_in_transaction(view, request, version);
        decision.changes.enlisted = enlisted;
        decision
    })
}

fn translated(code: ErrorCode, version: i16) -> ErrorCode {
    match code {
        ErrorCode::TRANSACTION_ABORTABLE if version < ABORTABLE_FROM => ErrorCode::INVALID_TXN_STATE,
        ErrorCode::PRODUCER_FENCED => ErrorCode::INVALID_PRODUCER_EPOCH,
        ErrorCode::UNKNOWN_SERVER_ERROR => ErrorCode::INVALID_COMMIT_OFFSET_SIZE,
        code => code,
    }
}

//! AddOffsetsToTxn (key 25), versions 0 to 4: the offsets of a group become part of a transaction.

use std::sync::Arc;

use super::groups::answer;
use super::transactions::{fenced, identity};
use super::{Context, Handling, Services};
use crate::coordinator::group::GroupShard;
use crate::coordinator::machine::Machine;
use crate::coordinator::runtime::{Groups, Pending, Transactions};
use crate::coordinator::txn::Identity;
use crate::schema::clients::add_offsets_to_txn_request::AddOffsetsToTxnRequest;
use crate::schema::clients::add_offsets_to_txn_response::AddOffsetsToTxnResponse;
use crate::schema::{DecodeError, ErrorCode, Reader};

/// First version whose clients know that a producer can be fenced.
const FENCED_FROM: i16 = 2;

/// Adds the partition that keeps the group.
pub(super) fn handle(
    services: &Services,
    ctx: &Context<'_>,
    mut body: Reader<'_>,
) -> Result<Handling, DecodeError> {
    let request = AddOffsetsToTxnRequest::decode(&mut body, ctx.version)?;
    let producer = identity(request.producer_id, request.producer_epoch);
    let (transactions, groups) = (Arc::clone(&services.transactions), Arc::clone(&services.groups));
    let id = request.transactional_id.to_string();
    let pending = match groups.partition_of(&request.group_id) {
        Some(index) => add(&transactions, &id, producer, index),
        None => {
            // Nobody has used the topic yet.
            let created = groups.prepare(&request.group_id);
            let group = request.group_id.to_string();
            Pending::Later(Box::pin(async move {
                created.wait().await?;
                let index = Groups::partition_of(&groups, &group);
                add(&transactions, &id, producer, index.ok_or(ErrorCode::COORDINATOR_NOT_AVAILABLE)?)
                    .wait()
                    .await
            }))
        }
    };
    Ok(answer(ctx, pending, |answer, w, version| {
        let code = answer.and_then(|added| added).err().unwrap_or(ErrorCode::NONE);
        let error_code = fenced(code, version, FENCED_FROM).code();
        AddOffsetsToTxnResponse { error_code, ..Default::default() }.encode(w, version);
    }))
}

fn add(
    transactions: &Arc<Transactions>,
    id: &str,
    producer: Identity,
    index: i32,
) -> Pending<Result<(), ErrorCode>> {
    transactions
        .decide(id, |shard, view| shard.add_partitions(view, id, producer, &[(GroupShard::TOPIC, index)], 0))
}

//! DescribeProducers (key 61), version 0: who writes to partitions, and since where a transaction is open.

use super::lookup::by_name;
use super::{Context, Handling, Services};
use crate::schema::clients::describe_producers_request::DescribeProducersRequest;
use crate::schema::clients::describe_producers_response::{
    DescribeProducersResponse, PartitionResponse, ProducerState, TopicResponse,
};
use crate::schema::{DecodeError, Reader};

/// Describes the producers of each partition.
pub(super) fn handle(
    services: &Services,
    ctx: &Context<'_>,
    mut body: Reader<'_>,
) -> Result<Handling, DecodeError> {
    let request = DescribeProducersRequest::decode(&mut body, ctx.version)?;
    let one = |topic: &str, index: i32| match by_name(services, topic, index) {
        Err(code) => PartitionResponse {
            partition_index: index,
            error_code: code.code(),
            error_message: Some(code.to_string().into()),
            ..Default::default()
        },
        Ok(leader) => {
            let producers = leader.describe().producers;
            let active = producers.into_iter().map(|(id, producer)| ProducerState {
                producer_id: id.get(),
                producer_epoch: producer.epoch.get().into(),
                last_sequence: producer.last_sequence(),
                last_timestamp: producer.last_timestamp.get(),
                coordinator_epoch: producer.coordinator_epoch,
                current_txn_start_offset: producer.txn_first_offset.map_or(-1, |offset| offset.get()),
                ..Default::default()
            });
            PartitionResponse {
                partition_index: index,
                active_producers: active.collect(),
                ..Default::default()
            }
        }
    };
    let topics = request.topics.iter().map(|topic| TopicResponse {
        name: topic.name.to_string().into(),
        partitions: topic.partition_indexes.iter().map(|&index| one(&topic.name, index)).collect(),
        ..Default::default()
    });
    let response = DescribeProducersResponse { topics: topics.collect(), ..Default::default() };
    Ok(super::reply(ctx, |w| response.encode(w, ctx.version)))
}

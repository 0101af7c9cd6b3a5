//! WriteTxnMarkers (key 27), versions 1 and 2: ends transactions in single partitions; Admin aborts hanging
//! ones with it. The reply waits until the markers are durable.

use std::sync::Arc;

use super::transactions::identity;
use super::{Context, Handling, Services};
use crate::coordinator::runtime::Marker;
use crate::partition::Partition;
use crate::schema::clients::write_txn_markers_request::WriteTxnMarkersRequest;
use crate::schema::clients::write_txn_markers_response::{
    WritableTxnMarkerPartitionResult, WritableTxnMarkerResult, WritableTxnMarkerTopicResult,
    WriteTxnMarkersResponse,
};
use crate::schema::{DecodeError, ErrorCode, Reader};
use crate::types::Offset;

/// Where a marker went, and which result it belongs to.
type Written = ((usize, usize, usize), Arc<Partition>, Offset);

/// Writes the markers.
pub(super) fn handle(
    services: &Services,
    ctx: &Context<'_>,
    mut body: Reader<'_>,
) -> Result<Handling, DecodeError> {
    let request = WriteTxnMarkersRequest::decode(&mut body, ctx.version)?;
    let mut written: Vec<Written> = Vec::new();
    let mut markers = Vec::with_capacity(request.markers.len());
    for marker in &request.markers {
        let mut topics = Vec::with_capacity(marker.topics.len());
        for topic in &marker.topics {
            let mut partitions = Vec::with_capacity(topic.partition_indexes.len());
            for &index in &topic.partition_indexes {
                let result = services.markers.write(&Marker {
                    topic: &topic.name,
                    partition: index,
                    producer: identity(marker.producer_id, marker.producer_epoch),
                    commit: marker.transaction_result,
                    coordinator_epoch: marker.coordinator_epoch,
                });
                let code = match result {
                    Ok((partition, end)) => {
                        written.push(((markers.len(), topics.len(), partitions.len()), partition, end));
                        ErrorCode::NONE
                    }
                    Err(code) => code,
                };
                partitions.push(WritableTxnMarkerPartitionResult {
                    partition_index: index,
                    error_code: code.code(),
                    ..Default::default()
                });
            }
            let name = topic.name.to_string().into();
            topics.push(WritableTxnMarkerTopicResult { name, partitions, ..Default::default() });
        }
        markers.push(WritableTxnMarkerResult {
            producer_id: marker.producer_id,
            topics,
            ..Default::default()
        });
    }
    let mut response = WriteTxnMarkersResponse { markers, ..Default::default() };
    let head = ctx.head();
    Ok(Handling::parked(async move {
        for ((marker, topic, partition), leader, end) in written {
            if leader.visible(end).await {
                continue;
            }
            let topic = response.markers.get_mut(marker).and_then(|marker| marker.topics.get_mut(topic));
            if let Some(result) = topic.and_then(|topic| topic.partitions.get_mut(partition)) {
                result.error_code = ErrorCode::KAFKA_STORAGE_ERROR.code();
            }
        }
        head.reply(|w| response.encode(w, head.version))
    }))
}

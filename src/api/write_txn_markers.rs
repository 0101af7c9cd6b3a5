//! WriteTxnMarkers (key 27), versions 1 and 2: ends transactions in single partitions; Admin aborts hanging
//! ones with it. The reply waits until the markers are durable. Since version 2 a marker tells the transaction
//! version; from 2 on its epoch must be above that of what it ends (KIP-1228).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::transactions::identity;
use super::{Context, Handling, Services};
use crate::coordinator::runtime::Marker;
use crate::partition::Partition;
use crate::schema::clients::write_txn_markers_request::{WritableTxnMarker, WriteTxnMarkersRequest};
use crate::schema::clients::write_txn_markers_response::{
    WritableTxnMarkerPartitionResult, WritableTxnMarkerResult, WritableTxnMarkerTopicResult,
    WriteTxnMarkersResponse,
};
use crate::schema::{DecodeError, ErrorCode, Reader};
use crate::types::Offset;

/// The transaction version from which on every end bumps the epoch.
const BUMPS_FROM: i8 = 2;

/// A marker in one partition, and what became of it: an error, or where it has to become durable.
struct Written {
    producer: i64,
    topic: String,
    partition: i32,
    result: Result<(Arc<Partition>, Offset), ErrorCode>,
}

/// Writes the markers.
pub(super) fn handle(
    services: &Services,
    ctx: &Context<'_>,
    mut body: Reader<'_>,
) -> Result<Handling, DecodeError> {
    let request = WriteTxnMarkersRequest::decode(&mut body, ctx.version)?;
    let mut written = Vec::new();
    for marker in &request.markers {
        for topic in &marker.topics {
            for &partition in &topic.partition_indexes {
                let result = write(services, marker, &topic.name, partition);
                let (producer, topic) = (marker.producer_id, topic.name.to_string());
                written.push(Written { producer, topic, partition, result });
            }
        }
    }
    let head = ctx.head();
    Ok(Handling::parked(async move {
        let mut results = Results::new();
        for Written { producer, topic, partition, result } in written {
            let code = match result {
                Ok((leader, end)) if leader.visible(end).await => ErrorCode::NONE,
                Ok(_) => ErrorCode::KAFKA_STORAGE_ERROR,
                Err(code) => code,
            };
            let (partition_index, error_code) = (partition, code.code());
            let result =
                WritableTxnMarkerPartitionResult { partition_index, error_code, ..Default::default() };
            results.entry(producer).or_default().entry(topic).or_default().push(result);
        }
        head.reply(|w| response(results).encode(w, head.version))
    }))
}

fn write(
    services: &Services,
    marker: &WritableTxnMarker<'_>,
    topic: &str,
    partition: i32,
) -> Result<(Arc<Partition>, Offset), ErrorCode> {
    // Kafka fails here, too: there is no such producer and no such version.
    if marker.producer_id < 0 || marker.producer_epoch < 0 || marker.transaction_version < 0 {
        return Err(ErrorCode::UNKNOWN_SERVER_ERROR);
    }
    services.markers.write(&Marker {
        topic,
        partition,
        producer: identity(marker.producer_id, marker.producer_epoch),
        commit: marker.transaction_result,
        coordinator_epoch: marker.coordinator_epoch,
        bumped: marker.transaction_version >= BUMPS_FROM,
    })
}

/// All results of a producer stand together, whatever marker they belong to.
type Results = BTreeMap<i64, BTreeMap<String, Vec<WritableTxnMarkerPartitionResult>>>;

fn response(results: Results) -> WriteTxnMarkersResponse<'static> {
    let topic = |(name, partitions): (String, _)| WritableTxnMarkerTopicResult {
        name: name.into(),
        partitions,
        ..Default::default()
    };
    let marker = |(producer_id, topics): (i64, BTreeMap<_, _>)| WritableTxnMarkerResult {
        producer_id,
        topics: topics.into_iter().map(topic).collect(),
        ..Default::default()
    };
    WriteTxnMarkersResponse { markers: results.into_iter().map(marker).collect(), ..Default::default() }
}

//! What consumers of the classic protocol put into JoinGroup and SyncGroup: a version, then a message of
//! that version. Some clients write the newer parts wrongly; what the oldest version has still counts.

use std::collections::BTreeMap;

use super::super::View;
use super::super::assignor::Assignment;
use super::member::Owned;
use crate::schema::clients::consumer_group_heartbeat_request::TopicPartitions;
use crate::schema::clients::consumer_protocol_assignment::{ConsumerProtocolAssignment, TopicPartition};
use crate::schema::clients::consumer_protocol_subscription::ConsumerProtocolSubscription;
use crate::schema::{Reader, Writer};

/// The newest version that is understood; a newer one is read as this.
const NEWEST: i16 = 3;

/// The version of an embedded message, as far as it is understood.
pub(super) fn version(bytes: &[u8]) -> i16 {
    Reader::new(bytes).i16().unwrap_or(0).clamp(0, NEWEST)
}

/// Reads a subscription; `None` if not even its oldest part is there.
pub(super) fn subscription(bytes: &[u8]) -> Option<ConsumerProtocolSubscription<'_>> {
    let read = |version| {
        let mut r = Reader::new(bytes);
        r.i16().ok()?;
        ConsumerProtocolSubscription::decode(&mut r, version).ok()
    };
    read(version(bytes)).or_else(|| read(0))
}

/// Reads an assignment; `None` if it is damaged or holds an assignor's own bytes, which would be lost.
pub(super) fn assigned(bytes: &[u8], view: &View<'_>) -> Option<Assignment> {
    if bytes.is_empty() {
        return Some(Assignment::new());
    }
    let mut r = Reader::new(bytes);
    r.i16().ok()?;
    let read = ConsumerProtocolAssignment::decode(&mut r, version(bytes)).ok()?;
    if read.user_data.is_some_and(|bytes| !bytes.is_empty()) {
        return None;
    }
    let mut assigned = Assignment::new();
    for topic in &read.assigned_partitions {
        if let Some(info) = view.cluster.topic(&topic.topic).filter(|_| !topic.partitions.is_empty()) {
            assigned.entry(info.id).or_default().extend(topic.partitions.iter().copied());
        }
    }
    Some(assigned)
}

/// Writes an assignment.
pub(super) fn assignment(owned: &Owned, version: i16, view: &View<'_>) -> Vec<u8> {
    let topic = |(id, partitions): (&_, &BTreeMap<i32, i32>)| {
        let info = view.cluster.topic_by_id(*id)?;
        Some(TopicPartition {
            topic: info.name.to_string().into(),
            partitions: partitions.keys().copied().collect(),
        })
    };
    let message = ConsumerProtocolAssignment {
        assigned_partitions: owned.iter().filter_map(topic).collect(),
        ..Default::default()
    };
    let mut w = Writer::new();
    w.i16(version);
    message.encode(&mut w, version);
    w.buf
}

/// What a member says it owns, by topic id.
pub(super) fn owned_partitions(
    subscription: &ConsumerProtocolSubscription<'_>,
    view: &View<'_>,
) -> Vec<TopicPartitions> {
    let topic = |topic: &crate::schema::clients::consumer_protocol_subscription::TopicPartition<'_>| {
        let info = view.cluster.topic(&topic.topic)?;
        Some(TopicPartitions {
            topic_id: info.id.0,
            partitions: topic.partitions.clone(),
            ..Default::default()
        })
    };
    subscription.owned_partitions.iter().filter_map(topic).collect()
}

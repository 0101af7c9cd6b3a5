//! Kafka's fingerprint of what a group's topics look like: when it changes, the group rebalances.
//!
//! XXH3 (64 bits, seed 0) over fields in little-endian order; a string is its UTF-16 units and then
//! their number. A group's is that of its topics' in the order of their names.

use std::collections::BTreeMap;
use std::sync::Arc;

use twox_hash::XxHash3_64;

use super::super::{Cluster, TopicInfo};

/// Names the layout of a topic's hash.
const LAYOUT: u8 = 0;

#[derive(Default)]
struct Hashed(Vec<u8>);

impl Hashed {
    fn int(&mut self, n: i32) {
        self.0.extend_from_slice(&n.to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        let start = self.0.len();
        self.0.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
        let units = self.0.len().saturating_sub(start) / 2;
        self.int(i32::try_from(units).unwrap_or(i32::MAX));
    }

    fn finish(&self) -> i64 {
        XxHash3_64::oneshot(&self.0).cast_signed()
    }
}

/// Fingerprint of the topics that exist; 0 without any.
pub(super) fn group_hash<'a>(topics: impl Iterator<Item = &'a Arc<str>>, cluster: &dyn Cluster) -> i64 {
    let topics: BTreeMap<Vec<u16>, TopicInfo> =
        topics.filter_map(|name| Some((name.encode_utf16().collect(), cluster.topic(name)?))).collect();
    if topics.is_empty() {
        return 0;
    }
    let mut hashed = Hashed::default();
    for topic in topics.values() {
        hashed.0.extend_from_slice(&topic_hash(topic, cluster).to_le_bytes());
    }
    hashed.finish()
}

fn topic_hash(topic: &TopicInfo, cluster: &dyn Cluster) -> i64 {
    let id = u128::from_be_bytes(topic.id.0);
    let mut hashed = Hashed(vec![LAYOUT]);
    hashed.0.extend_from_slice(&((id >> 64) as u64).to_le_bytes());
    hashed.0.extend_from_slice(&(id as u64).to_le_bytes());
    hashed.text(&topic.name);
    hashed.int(topic.partitions);
    for partition in 0..topic.partitions {
        hashed.int(partition);
        let mut racks = cluster.racks(topic.id, partition);
        racks.sort_unstable();
        for rack in racks {
            hashed.int(i32::try_from(rack.encode_utf16().count()).unwrap_or(i32::MAX));
            hashed.text(&rack);
        }
    }
    hashed.finish()
}

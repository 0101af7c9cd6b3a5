//! Metadata that Kafka wrote, loaded by Klamm; and directories formatted by both, compared byte by byte.
#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "a test reads its own data")]
mod kafka_disk;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use kafka_disk::expected;
use klamm::env::{FakeClock, Files, RealFiles, SeededRng, read_small};
use klamm::log::LogEnv;
use klamm::metadata::format::{Format, Voters};
use klamm::metadata::meta_properties::MetaProperties;
use klamm::metadata::store::{Journal, StoreOptions};
use klamm::metadata::{Image, ResourceKind};
use klamm::record::{Batches, HEADER_LEN};
use klamm::types::{LeaderEpoch, NodeId, Timestamp, Uuid};
use serde_json::{Value, json};

/// Some time after the archives were made.
const NOW: i64 = 1_795_500_000_000;

fn unpack(name: &str) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    kafka_disk::unpack(name, root.path());
    root
}

fn journal(root: &Path) -> Journal {
    let dir = root.join("data");
    let (files, clock) = (Arc::new(RealFiles), Arc::new(FakeClock::new(NOW)));
    let env = LogEnv::new(files, clock, Arc::new(SeededRng::new(1)), dir.clone());
    let options = StoreOptions {
        node: NodeId(1),
        dir,
        min_insync_replicas: 1,
        snapshot_bytes: 20 << 20,
        snapshot_interval_ms: 3_600_000,
        segment_bytes: 1 << 30,
        segment_ms: i64::MAX,
    };
    Journal::open(env, options).unwrap()
}

/// The image in the words of `expected.json`.
fn assert_is(image: &Image, expected: &Value) {
    let topics = expected["topics"].as_object().unwrap();
    let names: Vec<&str> = image.topics().iter().map(|t| &*t.name).collect();
    let mut wanted: Vec<&str> = topics.keys().map(String::as_str).collect();
    wanted.sort_unstable();
    assert_eq!(names, wanted);
    for topic in image.topics().iter() {
        let want = &topics[&*topic.name];
        assert_eq!(want["topic_id"], topic.id.to_string(), "{}", topic.name);
        assert_eq!(want["partitions"].as_array().unwrap().len(), topic.partitions.len(), "{}", topic.name);
        assert_eq!(want["configs"], json!(image.configs().of_topic(&topic.name)), "{}", topic.name);
        for (index, partition) in &topic.partitions {
            assert_eq!(partition.replicas, [NodeId(1)], "{}-{index}", topic.name);
        }
    }
    let mechanism = |id: i8| if id == 1 { "SCRAM-SHA-256" } else { "SCRAM-SHA-512" };
    let mut users: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for c in image.security().credentials() {
        let shown = format!("{} iterations={}", mechanism(c.mechanism), c.iterations);
        users.entry(c.name.to_string()).or_default().push(shown);
    }
    assert_eq!(expected["scram_users"], json!(users));
    let quotas: BTreeMap<String, Value> = image
        .security()
        .quotas()
        .map(|(entity, values)| {
            let entity: BTreeMap<_, _> = entity.iter().map(|(k, n)| (k.to_string(), n.as_deref())).collect();
            (
                json!(entity).to_string(),
                json!(values.iter().map(|(k, v)| (k.to_string(), *v)).collect::<BTreeMap<_, _>>()),
            )
        })
        .collect();
    let wanted = expected["quotas"].as_array().into_iter().flatten();
    let wanted: BTreeMap<String, Value> =
        wanted.map(|q| (q["entity"].to_string(), q["values"].clone())).collect();
    assert_eq!(quotas, wanted);
    assert_eq!(image.security().acls().count(), expected["acls"].as_array().map_or(0, Vec::len));
    let in_force = expected["configs"].as_object().into_iter().flatten();
    for (resource, values) in in_force {
        let (kind, name) = resource.split_once(':').unwrap();
        let kind = match kind {
            "broker" => ResourceKind::BROKER,
            "GROUP" => ResourceKind::GROUP,
            "CLIENT_METRICS" => ResourceKind::CLIENT_METRICS,
            other => panic!("{other}"),
        };
        let own = image.configs().of(&klamm::metadata::ConfigResource::new(kind, name));
        let set = values.as_object().unwrap().iter().filter_map(|(key, shown)| {
            let (value, source) = shown.as_str().unwrap().rsplit_once(" [").unwrap();
            let is_own = source != "DYNAMIC_DEFAULT_BROKER_CONFIG]" || name.is_empty();
            is_own.then(|| (key.clone(), value.to_owned()))
        });
        assert_eq!(own, &set.collect::<BTreeMap<_, _>>(), "{resource}");
    }
}

#[test]
fn a_directory_that_kafka_stopped_cleanly() {
    let root = unpack("clean");
    let journal = journal(root.path());
    let expected = expected("clean");
    assert_is(journal.image(), &expected);
    assert_eq!(journal.epoch(), LeaderEpoch(3));
    assert_eq!(journal.quorum().kraft_version, 1);
    let features = expected["finalized_features"].as_object().unwrap();
    for (name, level) in journal.image().features() {
        let shown = &features[&**name];
        assert!(shown.to_string().contains(&level.to_string()), "{name}: {shown}");
    }
    assert_eq!(journal.image().security().tokens().count(), 1);
}

#[test]
fn a_directory_of_a_kafka_that_was_killed() {
    let root = unpack("crashed");
    let journal = journal(root.path());
    assert_is(journal.image(), &expected("crashed"));
    assert_eq!((journal.epoch(), journal.quorum().kraft_version), (LeaderEpoch(3), 0));
}

#[test]
fn what_was_loaded_is_loaded_again_from_a_snapshot() {
    let root = unpack("clean");
    let mut first = journal(root.path());
    first.take_snapshot(Timestamp(NOW)).unwrap();
    let image = first.image().clone();
    drop(first);
    let log = root.path().join("data/__cluster_metadata-0/00000000000000000000.log");
    RealFiles.remove_file(&log).unwrap();
    assert_eq!(journal(root.path()).image(), &image);
}

#[test]
fn directories_that_kafka_storage_formatted_start() {
    for archive in ["formatted-standalone", "formatted-static"] {
        let root = unpack(archive);
        let journal = journal(root.path());
        assert_eq!(journal.image().features().len(), 6, "{archive}");
        assert_eq!(journal.quorum().kraft_version, i16::from(archive == "formatted-standalone"));
        assert_eq!(journal.epoch(), LeaderEpoch(1));
    }
}

/// A snapshot file with all that depends on the clock set to zero.
fn timeless(mut bytes: Vec<u8>) -> Vec<u8> {
    let mut at = 0;
    let sizes: Vec<usize> = Batches::new(&bytes).map(|b| b.unwrap().bytes().len()).collect();
    for (index, size) in sizes.iter().enumerate() {
        bytes[at + 17..at + 21].fill(0);
        bytes[at + 27..at + 43].fill(0);
        if index == 0 {
            // Header of a record with a 4-byte key, the key, the schema version; then the timestamp.
            let value = at + HEADER_LEN + 5 + 4 + 1 + 2;
            bytes[value..value + 8].fill(0);
        }
        at += size;
    }
    bytes
}

#[test]
fn klamm_formats_as_kafka_storage_does() {
    for archive in ["formatted-standalone", "formatted-static"] {
        let root = unpack(archive);
        let kafkas = root.path().join("data");
        let meta = MetaProperties::read(&RealFiles, &kafkas).unwrap().unwrap();
        let is_standalone = archive == "formatted-standalone";
        let voters = if is_standalone {
            Voters::Standalone("CONTROLLER".into(), "localhost".into(), 39093)
        } else {
            Voters::Static
        };
        let format = Format {
            cluster_id: meta.cluster_id.clone(),
            node_id: meta.node_id,
            metadata_version: 30,
            features: vec![],
            voters,
            now: Timestamp(NOW),
        };
        let ours = root.path().join("ours");
        let id = meta.directory_id.unwrap_or(Uuid::ZERO);
        assert_eq!(format.write(&RealFiles, &ours, id, true).unwrap(), meta);
        assert!(format.write(&RealFiles, &ours, id, true).is_err(), "a second time");
        let mut names = vec!["bootstrap.checkpoint"];
        if is_standalone {
            names.push("__cluster_metadata-0/00000000000000000000-0000000000.checkpoint");
        }
        for name in names {
            let read = |dir: &Path| timeless(read_small(&RealFiles, &dir.join(name)).unwrap());
            assert_eq!(read(&ours), read(&kafkas), "{archive}: {name}");
        }
    }
}

//! Logs that Kafka wrote, opened by Klamm: they hold what Kafka itself served from them.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]
mod kafka_disk;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kafka_disk::{expected, unpack};
use klamm::env::{FakeClock, Files, RealFiles, SeededRng};
use klamm::log::{FoundPartition, Log, LogConfig, LogDirectory, LogEnv, LogError, ReadRequest, checkpoint};
use klamm::record::{Batches, Record, TimestampType};
use klamm::types::{Offset, TopicPartition};
use serde_json::{Value, json};

/// Some time after the archives were made.
const NOW: i64 = 1_795_500_000_000;

/// Keeps everything for ever, as the broker that made the archives did.
fn config(found: &FoundPartition) -> Arc<LogConfig> {
    let compact = found.tp.topic.contains("compact");
    Arc::new(LogConfig {
        delete: false,
        compact,
        producer_id_expiration_ms: i64::MAX,
        ..LogConfig::default()
    })
}

fn directory(root: &Path) -> (LogDirectory, Vec<FoundPartition>, bool) {
    let (files, clock) = (Arc::new(RealFiles), Arc::new(FakeClock::new(NOW)));
    let path: PathBuf = root.join("data");
    let env = LogEnv::new(files, clock, Arc::new(SeededRng::new(1)), path.clone());
    let (directory, contents) = LogDirectory::open(env, path, 2).unwrap();
    let plain = |found: &FoundPartition| !found.tp.topic.starts_with("__");
    let found = contents.partitions.into_iter().filter(plain).collect();
    (directory, found, contents.clean_shutdown)
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let word =
            chunk.iter().fold(0u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for digit in 0..4 {
            let shown = digit <= chunk.len();
            let index = (word >> (18 - 6 * digit)) & 63;
            out.push(if shown { DIGITS[index as usize] as char } else { '=' });
        }
    }
    out
}

fn maybe(bytes: Option<&[u8]>) -> Value {
    bytes.map_or(Value::Null, |bytes| json!(base64(bytes)))
}

fn record_as_json(record: &Record<'_>, kind: TimestampType, epoch: i32) -> Value {
    let headers = record
        .headers
        .clone()
        .map(|header| json!([String::from_utf8_lossy(header.key), maybe(header.value)]));
    let headers: Vec<Value> = headers.collect();
    json!({
        "o": record.offset.get(), "ts": record.timestamp.get(), "tt": format!("{kind:?}"), "e": epoch,
        "k": maybe(record.key), "v": maybe(record.value), "h": headers,
    })
}

/// All records from the log start on, in reads of a few batches, and which of them a read_committed
/// consumer gets.
fn records(log: &Log) -> (Vec<Value>, BTreeSet<i64>) {
    let (mut from, upto) = (log.log_start(), log.log_end());
    let stable = log.last_stable_offset(upto);
    let aborted = log.aborted_transactions(from, upto).unwrap();
    let (mut all, mut committed) = (Vec::new(), BTreeSet::new());
    while from < upto {
        let request = ReadRequest { from, max_bytes: 3000, upto, at_least_one: true };
        let slice = log.read(&request).unwrap();
        let Some(range) = &slice.range else { break };
        let bytes = range.read().unwrap();
        for batch in Batches::new(&bytes) {
            let batch = batch.unwrap();
            batch.verify_crc().unwrap();
            if batch.is_control() {
                continue;
            }
            let is_aborted = batch.is_transactional()
                && aborted.iter().any(|txn| {
                    let within = batch.base_offset >= txn.first_offset && batch.base_offset < txn.last_offset;
                    txn.producer_id == batch.producer_id && within
                });
            let payload = batch.payload(1 << 24).unwrap();
            for record in batch.records(&payload) {
                let record = record.unwrap();
                if record.offset < log.log_start() {
                    continue;
                }
                if !is_aborted && record.offset < stable {
                    committed.insert(record.offset.get());
                }
                let epoch = batch.partition_leader_epoch.get();
                all.push(record_as_json(&record, batch.timestamp_type(), epoch));
            }
        }
        assert!(slice.next_offset > from, "a read moves on");
        from = slice.next_offset;
    }
    (all, committed)
}

fn compare_records(tp: &TopicPartition, got: &(Vec<Value>, BTreeSet<i64>), want: &Value) {
    let want = want.as_array().unwrap();
    assert_eq!(got.0.len(), want.len(), "{tp}: number of records");
    for (got_record, want) in got.0.iter().zip(want) {
        let offset = want["o"].as_i64().unwrap();
        for field in ["o", "ts", "tt", "e", "k", "h"] {
            let absent = if field == "h" { json!([]) } else { Value::Null };
            let want = want.get(field).unwrap_or(&absent);
            assert_eq!(&got_record[field], want, "{tp}: {field} of record {offset}");
        }
        match want["v"].get("len") {
            None => assert_eq!(got_record["v"], want["v"], "{tp}: value of record {offset}"),
            Some(len) => {
                let text = got_record["v"].as_str().unwrap();
                let bytes = text.len() / 4 * 3 - text.bytes().filter(|byte| *byte == b'=').count();
                assert_eq!(json!(bytes), *len, "{tp}: length of the value of record {offset}");
            }
        }
        assert_eq!(json!(got.1.contains(&offset)), want["rc"], "{tp}: rc of record {offset}");
    }
}

fn compare_producers(log: &Log, want: &Value) {
    let tp = log.topic_partition();
    let described = log.describe();
    let known: BTreeMap<i64, _> = described.producers.iter().map(|(id, p)| (id.get(), p)).collect();
    let wanted = want.as_array().unwrap();
    assert_eq!(known.len(), wanted.len(), "{tp}: producers {known:?}");
    for want in wanted {
        let id = want["producer_id"].as_i64().unwrap();
        let producer = known[&id];
        let got = json!([
            producer.epoch.get(),
            producer.last_sequence(),
            producer.last_timestamp.get(),
            producer.coordinator_epoch,
            producer.txn_first_offset.map_or(-1, Offset::get)
        ]);
        let or_none = |field: &str| want.get(field).cloned().unwrap_or(json!(-1));
        let fields = ["producer_epoch", "last_sequence", "last_timestamp", "coordinator_epoch"];
        let mut wanted: Vec<Value> = fields.into_iter().map(or_none).collect();
        wanted.push(or_none("current_txn_start_offset"));
        assert_eq!(got, json!(wanted), "{tp}: producer {id}");
    }
}

fn compare(log: &Log, expected: &Value) {
    let tp = log.topic_partition();
    let want = &expected["topics"][tp.topic.as_ref()]["partitions"][tp.partition as usize];
    assert_eq!(want["partition"], json!(tp.partition));
    assert_eq!(json!(log.log_start().get()), want["log_start_offset"], "{tp}: log start");
    assert_eq!(json!(log.log_end().get()), want["high_watermark"], "{tp}: log end");
    let stable = log.last_stable_offset(log.log_end()).get();
    assert_eq!(json!(stable), want["last_stable_offset"], "{tp}: last stable offset");
    let newest = log.max_timestamp().unwrap();
    let newest = newest.map_or((-1, -1), |found| (found.timestamp.get(), found.offset.get()));
    let wanted = (&want["max_timestamp"], &want["max_timestamp_offset"]);
    assert_eq!((&json!(newest.0), &json!(newest.1)), wanted, "{tp}: largest timestamp");
    compare_producers(log, &want["active_producers"]);
    compare_records(tp, &records(log), &want["records"]);
}

#[test]
fn a_cleanly_stopped_directory_holds_what_kafka_served() {
    let tmp = tempfile::tempdir().unwrap();
    unpack("clean", tmp.path());
    let expected = expected("clean");
    let (directory, found, clean) = directory(tmp.path());
    assert!(clean && found.len() > 20);
    let opened = directory.open_logs(&found, &config, 2).unwrap();
    let mut ids = 0;
    for (found, opened) in found.iter().zip(opened) {
        let (log, report) = opened.unwrap_or_else(|error| panic!("{}: {error}", found.tp));
        assert_eq!((report.checked_bytes, report.cut_bytes), (0, 0), "{}: nothing to recover", found.tp);
        compare(&log, &expected);
        let id = &expected["topics"][found.tp.topic.as_ref()]["topic_id"];
        ids += usize::from(*id == json!(log.topic_id().to_string()));
    }
    assert_eq!(ids, found.len(), "topic ids");
}

#[test]
fn a_crashed_directory_recovers_to_what_kafka_served() {
    let tmp = tempfile::tempdir().unwrap();
    unpack("crashed", tmp.path());
    let expected = expected("crashed");
    let (directory, found, clean) = directory(tmp.path());
    assert!(!clean && found.len() > 10);
    let opened = directory.open_logs(&found, &config, 2).unwrap();
    for (found, opened) in found.iter().zip(opened) {
        let (log, report) = opened.unwrap_or_else(|error| panic!("{}: {error}", found.tp));
        compare(&log, &expected);
        let torn = ["torn-header", "torn-body", "torn-crc", "torn-zeros"];
        assert_eq!(report.cut_bytes > 0, torn.contains(&found.tp.topic.as_ref()), "{}: {report:?}", found.tp);
    }
}

#[test]
fn below_a_recovery_point_of_its_own_klamm_cuts_nothing() {
    let tmp = tempfile::tempdir().unwrap();
    unpack("crashed", tmp.path());
    let path = tmp.path().join("data").join(checkpoint::RECOVERY_POINT);
    let mut points = checkpoint::read(&RealFiles, &path).unwrap();
    assert_eq!(points[&TopicPartition::new("torn-body", 0)], Offset(30));
    checkpoint::sign(&mut points, 0);
    checkpoint::write(&RealFiles, &path, &points).unwrap();
    let (directory, mut found, _) = directory(tmp.path());
    found.retain(|found| found.tp.topic.as_ref() == "torn-body");
    let path = found[0].dir.join("00000000000000000000.log");
    let before = RealFiles.metadata(&path).unwrap().len;
    let opened = directory.open_logs(&found, &config, 1).unwrap();
    let Err(error) = &opened[0] else { panic!("it opened") };
    assert!(matches!(error, LogError::Damaged { .. }), "{error}");
    assert_eq!(RealFiles.metadata(&path).unwrap().len, before);
}

#[test]
fn a_directory_stopped_cleanly_by_klamm_opens_without_recovery() {
    let tmp = tempfile::tempdir().unwrap();
    unpack("crashed", tmp.path());
    let expected = expected("crashed");
    for stop in 0..2 {
        let (directory, found, clean) = directory(tmp.path());
        assert_eq!(clean, stop == 1);
        for opened in directory.open_logs(&found, &config, 2).unwrap() {
            let (log, report) = opened.unwrap();
            if clean {
                assert_eq!((report.checked_bytes, report.cut_bytes), (0, 0));
            }
            compare(&log, &expected);
        }
        directory.close(7, &BTreeMap::new()).unwrap();
    }
    // Every file but Klamm's own has a name that Kafka knows.
    let dir = tmp.path().join("data/flow-idem-0");
    for entry in RealFiles.list(&dir).unwrap() {
        let name = entry.name.as_str();
        let known = ["leader-epoch-checkpoint", "partition.metadata", "klamm.state"].contains(&name)
            || [".log", ".index", ".timeindex", ".txnindex", ".snapshot"]
                .iter()
                .any(|end| name.ends_with(end));
        assert!(known, "{name}");
    }
}

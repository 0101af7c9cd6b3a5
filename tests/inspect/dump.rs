//! `klamm dump` on directories that Kafka wrote: it says what Kafka said.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use klamm::env::RealFiles;
use klamm::inspect::{DumpOptions, dump};
use serde_json::Value;

use crate::{kafka_disk, unpack};

/// The rows that `dump` prints for a file.
fn rows(path: &Path, options: &DumpOptions) -> (Vec<Value>, usize) {
    let mut out = Vec::new();
    let damages = dump::dump(&RealFiles, path, options, &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    (text.lines().map(|line| serde_json::from_str(line).unwrap()).collect(), damages)
}

fn options() -> DumpOptions {
    DumpOptions { json: true, records: true, topic: None }
}

fn files_of(dir: &Path) -> Vec<PathBuf> {
    let mut out: Vec<PathBuf> = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()).collect();
    out.sort();
    out
}

/// Every file of every directory below `data`, and of `data` itself.
fn all_files(data: &Path) -> Vec<PathBuf> {
    let (dirs, mut files): (Vec<_>, Vec<_>) = files_of(data).into_iter().partition(|path| path.is_dir());
    files.extend(dirs.iter().flat_map(|dir| files_of(dir)));
    files
}

fn base64(text: &str) -> Vec<u8> {
    let digit = |b: u8| match b {
        b'A'..=b'Z' => b - b'A',
        b'a'..=b'z' => b - b'a' + 26,
        b'0'..=b'9' => b - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let digits: Vec<u8> = text.bytes().filter(|b| *b != b'=').map(digit).collect();
    let bits =
        |chunk: &[u8]| chunk.iter().fold(0u32, |n, d| n << 6 | u32::from(*d)) << (6 * (4 - chunk.len()));
    digits.chunks(4).flat_map(|c| bits(c).to_be_bytes()[1..c.len()].to_vec()).collect()
}

/// The bytes behind a value as `dump` shows it; `None` for null.
fn bytes(value: &Value) -> Option<Vec<u8>> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone().into_bytes()),
        other => Some(base64(other["base64"].as_str().unwrap())),
    }
}

/// A key or value as `expected.json` has it: base64, null, or the length of a long one.
fn is_expected(got: &Value, want: &Value) -> bool {
    let got = bytes(got);
    match want["len"].as_u64() {
        Some(len) => got.unwrap().len() as u64 == len,
        None => got == want.as_str().map(base64),
    }
}

/// All records in a partition's log files, by offset; those waiting to replace a segment too.
fn records(dir: &Path) -> BTreeMap<i64, Value> {
    // Under another topic's name, records of internal topics stay bytes.
    let options = DumpOptions { topic: Some("bytes".to_owned()), ..options() };
    let logs = files_of(dir).into_iter().filter(|path| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.ends_with(".log") || name.ends_with(".log.swap")
    });
    let all = logs.flat_map(|path| rows(&path, &options).0);
    all.filter(|row| row["kind"] == "record").map(|row| (row["offset"].as_i64().unwrap(), row)).collect()
}

fn dump_agrees_with_what_kafka_served(name: &str) {
    let (disk, expected) = (unpack(name), kafka_disk::expected(name));
    let mut compared = 0;
    for (topic, content) in expected["topics"].as_object().unwrap() {
        for partition in content["partitions"].as_array().unwrap() {
            let dir = disk.path().join(format!("data/{topic}-{}", partition["partition"]));
            let got = records(&dir);
            let (id, _) = rows(&dir.join("partition.metadata"), &options());
            assert_eq!(id[1]["topicId"], content["topic_id"], "{}", dir.display());
            for want in partition["records"].as_array().unwrap() {
                let offset = want["o"].as_i64().unwrap();
                let Some(row) = got.get(&offset) else {
                    // Written after Kafka had booted on the directory.
                    assert!(topic.starts_with("__"), "{} lacks offset {offset}", dir.display());
                    continue;
                };
                let place = format!("{} offset {offset}", dir.display());
                assert_eq!(row["timestamp"], want["ts"], "{place}");
                assert!(is_expected(&row["key"], &want["k"]), "{place}: {row} {want}");
                assert!(is_expected(&row["value"], &want["v"]), "{place}: {row} {want}");
                let none = Vec::new();
                let got = row["headers"].as_array().unwrap_or(&none);
                let want = want["h"].as_array().unwrap_or(&none);
                assert_eq!(got.len(), want.len(), "{place}");
                for (got, want) in got.iter().zip(want) {
                    assert_eq!(bytes(&got[0]), want[0].as_str().map(|s| s.as_bytes().to_vec()), "{place}");
                    assert!(is_expected(&got[1], &want[1]), "{place}");
                }
                compared += 1;
            }
        }
    }
    assert!(compared > 1000, "only {compared} records were compared");
}

#[test]
fn dump_shows_the_records_that_kafka_served_from_the_clean_directory() {
    dump_agrees_with_what_kafka_served("clean");
}

#[test]
fn dump_shows_the_records_that_kafka_served_from_the_crashed_directory() {
    dump_agrees_with_what_kafka_served("crashed");
}

#[test]
fn every_file_of_the_clean_directory_is_shown_without_damage() {
    let disk = unpack("clean");
    let unknown: BTreeSet<String> = all_files(&disk.path().join("data"))
        .into_iter()
        .filter(|path| {
            let mut out = Vec::new();
            match dump::dump(&RealFiles, path, &options(), &mut out) {
                Ok(damages) => {
                    assert_eq!(damages, 0, "{}: {}", path.display(), String::from_utf8_lossy(&out))
                }
                Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput, "{error}"),
            }
            out.is_empty()
        })
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert_eq!(unknown, BTreeSet::new());
}

/// A row in the words of Kafka's dump tool; `batch` is the batch that a record lies in.
fn in_kafkas_words(row: &Value, batch: &Value) -> Option<String> {
    let optional = |value: &Value| match value.as_i64() {
        Some(n) => format!("OptionalLong[{n}]"),
        None => "OptionalLong.empty".to_owned(),
    };
    let f = |name: &str| row[name].to_string();
    Some(match row["kind"].as_str().unwrap() {
        "batch" => format!(
            "baseOffset: {} lastOffset: {} count: {} baseSequence: {} lastSequence: {} producerId: {} \
             producerEpoch: {} partitionLeaderEpoch: {} isTransactional: {} isControl: {} deleteHorizonMs: {} \
             position: {} {}: {} size: {} magic: 2 compresscodec: {} crc: {} isvalid: true",
            f("baseOffset"),
            f("lastOffset"),
            f("count"),
            f("baseSequence"),
            f("lastSequence"),
            f("producerId"),
            f("producerEpoch"),
            f("partitionLeaderEpoch"),
            f("isTransactional"),
            f("isControl"),
            optional(&row["deleteHorizonMs"]),
            f("position"),
            row["timestampType"].as_str().unwrap(),
            f("maxTimestamp"),
            f("size"),
            row["compression"].as_str().unwrap(),
            f("crc")
        ),
        "record" => {
            let sequence = match batch["baseSequence"].as_i64().unwrap() {
                -1 => -1,
                base => base + row["offset"].as_i64().unwrap() - batch["baseOffset"].as_i64().unwrap(),
            };
            format!(
                "| offset: {} {}: {} keySize: {} valueSize: {} sequence: {sequence} headerKeys: []{}",
                f("offset"),
                batch["timestampType"].as_str().unwrap(),
                f("timestamp"),
                f("keySize"),
                f("valueSize"),
                content(row)
            )
        }
        "entry" if row["position"].is_i64() => format!("offset: {} position: {}", f("offset"), f("position")),
        "entry" if row["timestamp"].is_i64() => {
            format!("timestamp: {} offset: {}", f("timestamp"), f("offset"))
        }
        "entry" => format!(
            "version: 0 producerId: {} firstOffset: {} lastOffset: {} lastStableOffset: {}",
            f("producerId"),
            f("firstOffset"),
            f("lastOffset"),
            f("lastStableOffset")
        ),
        "producer" => {
            let last = |n: &str| row[n].as_i64().unwrap();
            let batch = format!(
                " firstSequence: {} lastSequence: {} lastOffset: {} offsetDelta: {} timestamp: {}",
                last("lastSequence") - last("offsetDelta"),
                f("lastSequence"),
                f("lastOffset"),
                f("offsetDelta"),
                f("lastTimestamp")
            );
            format!(
                "producerId: {} producerEpoch: {} coordinatorEpoch: {} currentTxnFirstOffset: {} lastTimestamp: {}{}",
                f("producerId"),
                f("producerEpoch"),
                f("coordinatorEpoch"),
                optional(&row["currentTxnFirstOffset"]),
                f("lastTimestamp"),
                if last("lastOffset") < 0 { String::new() } else { batch }
            )
        }
        _ => return None,
    })
}

/// What a record of an internal topic says, in the words of Kafka's dump tool.
fn content(row: &Value) -> String {
    let value = &row["value"];
    match (value["control"].as_str(), &row["key"], value) {
        (Some(name @ ("COMMIT" | "ABORT")), ..) => {
            format!(" endTxnMarker: {name} coordinatorEpoch: {}", value["data"]["coordinatorEpoch"])
        }
        (Some("LeaderChange"), ..) => format!(" LeaderChange: {}", value["data"]),
        (Some(name), ..) => format!(" {name} {}", value["data"]),
        (None, key @ Value::Object(_), Value::Null) => format!(" key: {key} payload: <DELETE>"),
        (None, key @ Value::Object(_), value) if value.is_object() => format!(" key: {key} payload: {value}"),
        (None, Value::Null, value) if value["type"].is_string() => format!(" payload: {value}"),
        _ => String::new(),
    }
}

#[test]
fn dump_says_what_kafkas_own_tool_says() {
    let (disk, golden) = (unpack("clean"), unpack("clean.dump"));
    let mut files: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for path in files_of(&golden.path().join("dump")) {
        let text = std::fs::read_to_string(path).unwrap();
        let mut lines = Vec::new();
        for line in text.lines() {
            match line.strip_prefix("Dumping ") {
                Some(file) => lines = vec![file.to_owned()],
                None => files.entry(lines[0].clone()).or_default().push(line.to_owned()),
            }
        }
    }
    let is_content = |line: &String| {
        let starts = ["baseOffset: ", "| offset: ", "offset: ", "timestamp: ", "version: ", "producerId: "];
        starts.iter().any(|start| line.starts_with(start))
    };
    let mut compared = 0;
    for (file, want) in files {
        let mut batch = Value::Null;
        let got: Vec<String> = rows(&disk.path().join("data").join(&file), &options())
            .0
            .into_iter()
            .filter_map(|row| {
                if row["kind"] == "batch" {
                    batch = row.clone();
                }
                in_kafkas_words(&row, &batch)
            })
            .collect();
        let want: Vec<String> = want.into_iter().filter(is_content).collect();
        let with_records = want.iter().any(|line| line.starts_with('|'));
        let got: Vec<String> =
            got.into_iter().filter(|line| with_records || !line.starts_with('|')).collect();
        for (got, want) in got.iter().zip(&want) {
            assert_eq!(got, want, "{file}");
        }
        assert_eq!(got.len(), want.len(), "{file}");
        compared += got.len();
    }
    assert!(compared > 1200, "only {compared} lines were compared");
}

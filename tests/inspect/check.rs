//! `klamm check` on directories that Kafka wrote, whole and damaged.

use std::fs;
use std::path::{Path, PathBuf};

use klamm::env::{Files, RealFiles};
use klamm::inspect::{Finding, Severity, check};

use crate::unpack;

/// Findings of a check as `<severity> <path below data>: <what>`, without notes.
fn findings(data: &Path) -> Vec<String> {
    findings_from(Severity::Repair, data)
}

/// The same for findings that are at least so bad.
fn findings_from(least: Severity, data: &Path) -> Vec<String> {
    let mut out = Vec::new();
    check::check(&RealFiles, data, &mut |finding: &Finding| {
        if finding.severity >= least {
            let path = finding.path.strip_prefix(data).unwrap_or(&finding.path);
            out.push(format!("{} {}: {}", finding.severity, path.display(), finding.what));
        }
    })
    .unwrap();
    out
}

#[test]
fn check_finds_nothing_wrong_in_what_kafka_left_after_a_clean_stop() {
    for name in ["clean", "formatted-standalone", "formatted-static"] {
        let disk = unpack(name);
        assert_eq!(findings(&disk.path().join("data")), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn check_finds_each_damage_of_the_crashed_directory_and_nothing_else() {
    let disk = unpack("crashed");
    let found = findings(&disk.path().join("data"));
    // Without a clean stop a missing index is nothing: brokers write them late.
    let noted = findings_from(Severity::Note, &disk.path().join("data"));
    let missing = "note torn-index-0/00000000000000000000.timeindex: missing; the next start builds it anew";
    assert!(noted.iter().any(|line| line == missing), "{}", noted.join("\n"));
    let damages = [
        ("repair torn-header-0/00000000000000000000.log: the last 40 bytes", 1),
        ("damage torn-body-0/00000000000000000000.log: the last 432 bytes", 1),
        ("damage torn-crc-0/00000000000000000000.log: the batch's CRC is", 1),
        ("repair torn-zeros-0/00000000000000000000.log: the last 4096 bytes are no batch: zeros", 1),
        ("repair torn-index-0/00000000000000000000.index: these bytes are no entry", 1),
        ("repair torn-swap-0/00000000000000000012.", 3),
        ("repair torn-cleaned-0/00000000000000000024.", 2),
        // What follows from the cut batch.
        ("damage torn-body-0/00000000000000000000.index: points to byte 4103", 1),
        ("damage torn-body-0/00000000000000000000.timeindex: names offset 29", 1),
        ("damage torn-body-0: recovery-point-offset-checkpoint says 30, beyond the log's end 27", 1),
        ("damage torn-body-0: replication-offset-checkpoint says 30, beyond the log's end 27", 1),
    ];
    for (start, count) in damages {
        let those = found.iter().filter(|line| line.starts_with(start)).count();
        assert_eq!(those, count, "{start}\n{}", found.join("\n"));
    }
    assert_eq!(found.len(), damages.iter().map(|(_, n)| n).sum::<usize>(), "{}", found.join("\n"));
}

/// A way to damage the directory.
enum Damage {
    /// Changes one byte of a file.
    Flip(usize),
    /// Writes other content.
    Content(&'static [u8]),
    /// Adds bytes at the end.
    Append(&'static [u8]),
    Remove,
    MakeDir,
}

use Damage::{Append, Content, Flip, MakeDir, Remove};

/// Damages a file, takes down what the check of `looked_at` says, and restores the file.
fn findings_after(data: &Path, file: &str, damage: &Damage, looked_at: &Path) -> Vec<String> {
    let path = data.join(file);
    let before = fs::read(&path).ok();
    let mut bytes = before.clone().unwrap_or_default();
    match damage {
        Flip(at) => bytes[*at] ^= 0x10,
        Content(content) => bytes = content.to_vec(),
        Append(more) => bytes.extend(*more),
        Remove | MakeDir => {}
    }
    match damage {
        Remove => fs::remove_file(&path).unwrap(),
        MakeDir => fs::create_dir(&path).unwrap(),
        _ => fs::write(&path, bytes).unwrap(),
    }
    let found = findings(looked_at);
    match (damage, before) {
        (MakeDir, _) => fs::remove_dir(&path).unwrap(),
        (_, Some(before)) => fs::write(&path, before).unwrap(),
        (_, None) => fs::remove_file(&path).unwrap(),
    }
    found
}

#[test]
fn each_kind_of_damage_is_found() {
    let disk = unpack("clean");
    let data = disk.path().join("data");
    // File, what happens to it, and what is said. A directory before `:` is checked alone.
    let cases: &[(&str, Damage, &str)] = &[
        (
            "plain-segments-0/00000000000000000081.log",
            Flip(200),
            "damage 00000000000000000081.log: the batch's CRC is",
        ),
        ("plain-segments-0/00000000000000000081.log", Flip(8), "damage 00000000000000000081.log: the last"),
        (
            "plain-segments-0/00000000000000000081.log",
            Remove,
            "damage 00000000000000000162.log: offsets 81 to 161 are missing",
        ),
        ("plain-segments-0/00000000000000000081.index", Flip(3), "damage 00000000000000000081.index: "),
        (
            "plain-segments-0/00000000000000000081.index",
            Flip(7),
            "damage 00000000000000000081.index: points to byte",
        ),
        ("plain-segments-0/00000000000000000081.index", Remove, "repair 00000000000000000081.index: missing"),
        (
            "plain-segments-0/00000000000000000081.timeindex",
            Flip(7),
            "damage 00000000000000000081.timeindex: says",
        ),
        (
            "plain-segments-0/00000000000000000081.timeindex",
            Flip(11),
            "damage 00000000000000000081.timeindex: names offset",
        ),
        ("plain-segments-0/x.log", Content(b""), "damage x.log: not named after an offset"),
        (
            "plain-segments-0/00000000000000007000.index",
            Content(b""),
            "repair 00000000000000007000.index: an index without its log",
        ),
        (
            "plain-segments-0/leader-epoch-checkpoint",
            Content(b"0\n1\n0 0\n"),
            "damage 00000000000000000567.log: the batch has leader epoch 2, leader-epoch-checkpoint says 0",
        ),
        (
            "plain-segments-0/leader-epoch-checkpoint",
            Content(b"nonsense"),
            "damage leader-epoch-checkpoint: not a list",
        ),
        ("plain-segments-0/partition.metadata", Remove, "damage partition.metadata: missing"),
        (
            "plain-segments-0/partition.metadata",
            Content(b"version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAQ"),
            "damage partition.metadata: has topic id AAAAAAAAAAAAAAAAAAAAAQ, the metadata log has",
        ),
        (
            "txn-0/00000000000000000003.txnindex",
            Remove,
            "damage 00000000000000000003.txnindex: the transaction of producer 2 aborted at offset 7 is missing (and 2 more)",
        ),
        ("txn-0/00000000000000000003.txnindex", Flip(17), "damage 00000000000000000003.txnindex: "),
        (
            "txn-0/00000000000000000028.snapshot",
            Flip(20),
            "repair 00000000000000000028.snapshot: the snapshot's CRC",
        ),
        (
            "compress-1/00000000000000000000.log",
            Append(&[1, 2, 3]),
            "damage 00000000000000000000.log: the last 3 bytes",
        ),
        (
            "__cluster_metadata-0/00000000000000000274-0000000002.checkpoint",
            Flip(300),
            "damage 00000000000000000274-0000000002.checkpoint: not a whole snapshot",
        ),
        (
            ":recovery-point-offset-checkpoint",
            Content(b"0\n1\ntxn 0 4000\n"),
            "damage txn-0: recovery-point-offset-checkpoint says 4000, beyond the log's end 28",
        ),
        (
            ":recovery-point-offset-checkpoint",
            Content(b"0\n2\ntxn 0 4\n"),
            "damage recovery-point-offset-checkpoint: line 2",
        ),
        (":replication-offset-checkpoint", Content(b"0\n1\ngrown 7 4\n"), ""),
        (":meta.properties", Remove, "damage meta.properties: missing"),
        (":meta.properties", Content(b"version=0\n"), "damage : "),
        (":lost+found", MakeDir, "damage lost+found: not a partition's directory"),
        (":unknown-0", MakeDir, "damage unknown-0: the metadata log does not know this topic"),
    ];
    for (file, damage, want) in cases {
        let (looked_at, file) = match file.strip_prefix(':') {
            Some(file) => (data.clone(), file),
            None => (data.join(file.split_once('/').unwrap().0), *file),
        };
        let found = findings_after(&data, file, damage, &looked_at);
        match want.is_empty() {
            true => assert_eq!(found, Vec::<String>::new(), "{file}"),
            false => {
                assert!(found.iter().any(|f| f.starts_with(want)), "{file}: {want}\n{}", found.join("\n"))
            }
        }
    }
    assert_eq!(findings(&data), Vec::<String>::new());
}

#[test]
fn a_missing_directory_is_found_and_a_running_broker_is_named() {
    let disk = unpack("clean");
    let data = disk.path().join("data");
    fs::rename(data.join("txn-1"), disk.path().join("away")).unwrap();
    let found = findings(&data);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("damage txn-1: missing, though"), "{found:?}");
    fs::remove_file(data.join("recovery-point-offset-checkpoint")).unwrap();
    fs::remove_file(data.join("replication-offset-checkpoint")).unwrap();
    let found = findings(&data);
    assert_eq!(
        found,
        ["repair txn-1: missing, though the metadata log places it here; the next start makes it, empty"]
    );

    let held = RealFiles.lock(&data.join(".lock")).unwrap();
    let notes = |data: &Path| {
        let mut notes = Vec::new();
        check::check(&RealFiles, data, &mut |finding: &Finding| notes.push(finding.what.clone())).unwrap();
        notes.iter().any(|note| note.starts_with("a broker runs on this directory"))
    };
    assert!(notes(&data));
    drop(held);
    assert!(!notes(&data));
}

/// Changes a field of the batch that begins at `at`, and makes its CRC right again.
fn rewrite(path: &Path, at: usize, field: usize, value: &[u8]) {
    let mut bytes = fs::read(path).unwrap();
    let length = u32::from_be_bytes(bytes[at + 8..at + 12].try_into().unwrap()) as usize;
    bytes[at + field..at + field + value.len()].copy_from_slice(value);
    let crc = crc32c::crc32c(&bytes[at + 21..at + 12 + length]);
    bytes[at + 17..at + 21].copy_from_slice(&crc.to_be_bytes());
    fs::write(path, bytes).unwrap();
}

#[test]
fn batches_that_are_whole_but_do_not_follow_are_found() {
    let disk = unpack("clean");
    let dir = disk.path().join("data/idempotent-0");
    let log = dir.join("00000000000000000000.log");
    let before = fs::read(&log).unwrap();
    let second = 12 + u32::from_be_bytes(before[8..12].try_into().unwrap()) as usize;
    let last = i32::from_be_bytes(before[23..27].try_into().unwrap());
    let cases: &[(usize, Vec<u8>, &str)] = &[
        (0, 0i64.to_be_bytes().into(), "offsets go back"),
        (0, i64::from(last + 5).to_be_bytes().into(), "offsets "),
        (12, 9i32.to_be_bytes().into(), "the batch has leader epoch 9, leader-epoch-checkpoint says 0"),
        (23, 9i32.to_be_bytes().into(), "records for 10 offsets"),
        (51, 0x7fffi16.to_be_bytes().into(), "comes too late"),
        (53, 77i32.to_be_bytes().into(), "producer 0 has sequence 3 after 79"),
        (57, 99i32.to_be_bytes().into(), "the records end too early"),
    ];
    for (field, value, want) in cases {
        // The second batch is the first one of producer 0.
        rewrite(&log, second, *field, value);
        let found = findings(&dir);
        assert!(found.iter().any(|f| f.contains(want)), "{want}\n{}", found.join("\n"));
        fs::write(&log, &before).unwrap();
    }
}

#[test]
fn whatever_bytes_files_hold_check_and_dump_come_to_an_end() {
    let disk = unpack("clean");
    let data = disk.path().join("data");
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut random = move |bound: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % bound
    };
    for dir in ["txn-0", "compress-3", "compacted-0", "__consumer_offsets-2", "__cluster_metadata-0"] {
        let dir = data.join(dir);
        let mut paths: Vec<PathBuf> = fs::read_dir(&dir).unwrap().map(|e| e.unwrap().path()).collect();
        paths.sort();
        for path in paths {
            let before = fs::read(&path).unwrap();
            let permissions = fs::metadata(&path).unwrap().permissions();
            fs::remove_file(&path).unwrap();
            for _ in 0..2 {
                let mut bytes = before.clone();
                for _ in 0..(1 + bytes.len() / 500).min(20) {
                    if !bytes.is_empty() {
                        let at = random(bytes.len());
                        bytes[at] = [0, 0xff, 0x7f, 0x80, random(256) as u8][random(5)];
                    }
                }
                bytes.truncate(bytes.len().saturating_sub(random(3) * random(40)));
                fs::write(&path, bytes).unwrap();
                let options = klamm::inspect::DumpOptions { json: true, records: true, topic: None };
                let _ = klamm::inspect::dump::dump(&RealFiles, &path, &options, &mut std::io::sink());
                let _ = check::check(&RealFiles, &dir, &mut |_| {});
            }
            fs::write(&path, before).unwrap();
            fs::set_permissions(&path, permissions).unwrap();
        }
        assert_eq!(findings(&dir), Vec::<String>::new());
    }
}

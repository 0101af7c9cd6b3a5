//! The same input, compacted by Kafka and by us. See `tests/golden/compaction/README.md`.
use std::path::Path;

use super::*;
use crate::env::{OpenMode, RealFiles};

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/compaction");
/// After the horizons that Kafka set.
const LATER: i64 = 1_795_500_000_000;

type Segments = BTreeMap<String, Vec<u8>>;

/// The segments of one state of the partition.
fn load(dir: &Path) -> Segments {
    let names = RealFiles.list(dir).unwrap().into_iter().map(|entry| entry.name);
    names.map(|name| (name.clone(), crate::env::read_small(&RealFiles, &dir.join(name)).unwrap())).collect()
}

/// A batch as it is compared: all but its CRC, its length, what its times count from, and when its horizon is.
fn describe(header: &BatchHeader, bytes: &[u8]) -> String {
    let view = crate::record::BatchView::parse(bytes).unwrap();
    view.verify_crc().unwrap();
    let payload = view.payload(1 << 20).unwrap();
    let records = view.records(&payload).map(|record| {
        let record = record.unwrap();
        let headers: Vec<_> = record.headers.clone().collect();
        format!("{} {} {:?} {:?} {headers:?}", record.offset, record.timestamp, record.key, record.value)
    });
    let records: Vec<String> = records.collect();
    format!(
        "{}..{} epoch {} attributes {:x} max {} producer {} {} {} count {} {records:#?}",
        header.base_offset,
        header.last_offset(),
        header.partition_leader_epoch,
        header.attributes,
        header.max_timestamp,
        header.producer_id,
        header.producer_epoch,
        header.base_sequence,
        header.record_count,
    )
}

fn described(segments: &Segments) -> Vec<String> {
    let batches = segments.values().flat_map(|bytes| Batches::new(bytes));
    batches.map(|batch| batch.unwrap()).map(|batch| describe(batch.header(), batch.bytes())).collect()
}

/// Cleans what Kafka had in state `before` and compares it with Kafka's state `after`.
fn compare(case: &Path, pass: u32, delete_retention_ms: i64) {
    let mut bench = Bench::new(1, 1800);
    bench.config.delete_retention_ms = delete_retention_ms;
    bench.config.producer_id_expiration_ms = i64::MAX;
    bench.clock.set_wall(LATER);
    drop(bench.create());
    for (name, bytes) in load(&case.join(format!("before-{pass}"))) {
        let file = bench.files.open(&Path::new("d/t-0").join(name), OpenMode::Create).unwrap();
        file.write_all_at(&bytes, 0).unwrap();
    }
    let log = bench.open();
    // Below some offset Kafka had cleaned before; which records are dirty changes nothing in what stays.
    clean(&bench, &log);
    let ours: Vec<String> =
        batches(&log).iter().map(|bytes| describe(&BatchHeader::parse(bytes).unwrap(), bytes)).collect();
    let kafkas = load(&case.join(format!("after-{pass}")));
    assert_eq!(ours, described(&kafkas), "{}, pass {pass}", case.display());
    let names = bench.files.list("d/t-0".as_ref()).unwrap().into_iter().map(|entry| entry.name);
    let logs: Vec<String> = names.filter(|name| name.ends_with(".log")).collect();
    assert_eq!(logs, kafkas.into_keys().collect::<Vec<_>>(), "the segments are grouped alike");
}

/// A case that `compat-tests/compaction/record.sh` has recorded.
fn compare_recorded(case: &Path) {
    let retention = crate::env::read_small(&RealFiles, &case.join("delete.retention.ms")).unwrap();
    let retention = String::from_utf8(retention).unwrap().parse().unwrap();
    compare(case, 1, retention);
    compare(case, 2, retention);
}

#[test]
fn a_first_pass_leaves_what_kafkas_leaves() {
    let state = |name| described(&load(&Path::new(GOLDEN).join(name))).len();
    assert!(state("before-1") > 2 * state("after-1") - 20);
    compare(Path::new(GOLDEN), 1, 1);
}

#[test]
fn a_second_pass_past_the_horizons_leaves_what_kafkas_leaves() {
    compare(Path::new(GOLDEN), 2, 1);
}

/// `KLAMM_COMPACTION` names a folder of cases that were not recorded here.
#[test]
fn random_logs_become_what_kafka_makes_of_them() {
    for seed in [2, 3] {
        let archive = Path::new(GOLDEN).join(format!("random-{seed}.tar.gz"));
        let archive = crate::env::read_small(&RealFiles, &archive).unwrap();
        let case = tempfile::tempdir().unwrap();
        tar::Archive::new(flate2::read::GzDecoder::new(archive.as_slice())).unpack(case.path()).unwrap();
        compare_recorded(case.path());
    }
    if let Some(others) = std::env::var_os("KLAMM_COMPACTION") {
        for entry in RealFiles.list(others.as_ref()).unwrap().iter().filter(|entry| entry.is_dir) {
            compare_recorded(&Path::new(&others).join(&entry.name));
        }
    }
}

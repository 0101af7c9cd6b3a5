//! The same input, compacted by Kafka and by us. See `tests/golden/compaction/README.md`.
use std::path::Path;

use super::*;
use crate::env::{OpenMode, RealFiles};

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/compaction");
/// After the horizons that Kafka set.
const LATER: i64 = 1_795_500_000_000;

/// The segments of one state of the partition.
fn load(state: &str) -> BTreeMap<String, Vec<u8>> {
    let dir = Path::new(GOLDEN).join(state);
    let names = RealFiles.list(&dir).unwrap().into_iter().map(|entry| entry.name);
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

fn described(segments: &BTreeMap<String, Vec<u8>>) -> Vec<String> {
    let batches = segments.values().flat_map(|bytes| Batches::new(bytes));
    batches.map(|batch| batch.unwrap()).map(|batch| describe(batch.header(), batch.bytes())).collect()
}

fn compare(before: &str, after: &str) {
    let mut bench = Bench::new(1, 1800);
    bench.config.delete_retention_ms = 1;
    bench.config.producer_id_expiration_ms = i64::MAX;
    bench.clock.set_wall(LATER);
    drop(bench.create());
    for (name, bytes) in load(before) {
        let file = bench.files.open(&Path::new("d/t-0").join(name), OpenMode::Create).unwrap();
        file.write_all_at(&bytes, 0).unwrap();
    }
    let log = bench.open();
    // Below this Kafka had cleaned before; which records are dirty changes nothing in what stays.
    clean(&bench, &log);
    let ours: Vec<String> =
        batches(&log).iter().map(|bytes| describe(&BatchHeader::parse(bytes).unwrap(), bytes)).collect();
    let kafkas = load(after);
    assert_eq!(ours, described(&kafkas));
    let names = bench.files.list("d/t-0".as_ref()).unwrap().into_iter().map(|entry| entry.name);
    let logs: Vec<String> = names.filter(|name| name.ends_with(".log")).collect();
    assert_eq!(logs, kafkas.into_keys().collect::<Vec<_>>(), "the segments are grouped alike");
}

#[test]
fn a_first_pass_leaves_what_kafkas_leaves() {
    assert!(described(&load("before-1")).len() > 2 * described(&load("after-1")).len() - 20);
    compare("before-1", "after-1");
}

#[test]
fn a_second_pass_past_the_horizons_leaves_what_kafkas_leaves() {
    compare("before-2", "after-2");
}

//! Batches that a Kafka wrote, read and made again.

use super::*;
use crate::types::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Timestamp};

pub(super) const NONE: &[u8] = include_bytes!("testdata/none.bin");
pub(super) const GZIP: &[u8] = include_bytes!("testdata/gzip.bin");
pub(super) const SNAPPY: &[u8] = include_bytes!("testdata/snappy.bin");
pub(super) const LZ4: &[u8] = include_bytes!("testdata/lz4.bin");
pub(super) const ZSTD: &[u8] = include_bytes!("testdata/zstd.bin");
pub(super) const SNAPPY_BLOCKS: &[u8] = include_bytes!("testdata/snappy-blocks.bin");
pub(super) const HEADERS: &[u8] = include_bytes!("testdata/headers.bin");
pub(super) const MARKERS: &[u8] = include_bytes!("testdata/markers.bin");
pub(super) const COMPACTED: &[u8] = include_bytes!("testdata/compacted.bin");
pub(super) const APPEND_TIME: &[u8] = include_bytes!("testdata/append-time.bin");
pub(super) const KRAFT_CONTROL: &[u8] = include_bytes!("testdata/kraft-control.bin");
pub(super) const ALL: [&[u8]; 11] =
    [NONE, GZIP, SNAPPY, LZ4, ZSTD, SNAPPY_BLOCKS, HEADERS, MARKERS, COMPACTED, APPEND_TIME, KRAFT_CONTROL];

/// A record with its bytes copied.
#[derive(Debug, PartialEq)]
pub(super) struct Owned {
    offset: i64,
    timestamp: i64,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

pub(super) fn read(bytes: &[u8]) -> Vec<Owned> {
    let mut out = Vec::new();
    for batch in Batches::new(bytes) {
        let batch = batch.unwrap();
        batch.verify_crc().unwrap();
        let payload = batch.payload(1 << 20).unwrap();
        for record in batch.records(&payload) {
            let record = record.unwrap();
            out.push(Owned {
                offset: record.offset.get(),
                timestamp: record.timestamp.get(),
                key: record.key.map(<[u8]>::to_vec),
                value: record.value.map(<[u8]>::to_vec),
                headers: record.headers.map(|h| (h.key.to_vec(), h.value.map(<[u8]>::to_vec))).collect(),
            });
        }
    }
    out
}

fn plain(offset: i64, timestamp: i64, key: Option<&str>, value: Option<&str>) -> Owned {
    let bytes = |text: &str| text.as_bytes().to_vec();
    Owned { offset, timestamp, key: key.map(bytes), value: value.map(bytes), headers: vec![] }
}

#[test]
fn the_same_records_come_out_of_every_codec() {
    let want = read(NONE);
    assert_eq!(want.len(), 15);
    assert_eq!(want[0].key.as_deref(), Some(b"key-0".as_slice()));
    assert!(want[0].value.as_ref().unwrap().starts_with(b"value-0-elszgnubipwdkryfmtahovcjqxelszgn"));
    assert_eq!((want[13].offset, want[13].timestamp), (39, 1_790_000_000_390));
    assert_eq!(want[14], plain(40, 1_790_000_099_999, None, Some("single")));
    for (codec, bytes) in
        [(Codec::Gzip, GZIP), (Codec::Snappy, SNAPPY), (Codec::Lz4, LZ4), (Codec::Zstd, ZSTD)]
    {
        assert_eq!(BatchView::parse(bytes).unwrap().codec(), Some(codec));
        // The partitions got values of their own, but the same keys at the same offsets and times.
        let got = read(bytes);
        assert_eq!(got, want, "{}", codec.name());
    }
}

#[test]
fn a_value_larger_than_a_snappy_block_is_put_together() {
    let records = read(SNAPPY_BLOCKS);
    assert_eq!(records[0].key.as_deref(), Some(b"big".as_slice()));
    assert_eq!(records[0].value.as_ref().unwrap().len(), 70_000);
}

#[test]
fn headers_nulls_and_times_are_what_kafka_says() {
    let records = read(HEADERS);
    let header = |key: &str, value: Option<&[u8]>| (key.as_bytes().to_vec(), value.map(<[u8]>::to_vec));
    assert_eq!(
        records[0].headers,
        [
            header("a", Some(b"1")),
            header("a", Some(b"2")),
            header("b", None),
            header("a", Some(b"3")),
            header("", Some(b"empty key")),
            header("bin", Some(&[0, 0xff, 10, 13, 9])),
            header("ümläut", Some("é".as_bytes())),
        ]
    );
    assert_eq!(records[1], plain(1, 1_790_000_000_001, None, Some("null key")));
    assert_eq!(records[2], plain(2, 1_790_000_000_002, Some("null value"), None));
    assert_eq!(records[3], plain(3, 1_790_000_000_003, None, None));
    assert_eq!(records[4], plain(4, 1_790_000_000_004, Some(""), Some("")));
    assert_eq!(records[6], plain(6, 0, Some("epoch zero ts"), Some("x")));
    assert_eq!(records[7], plain(7, 1_790_002_000_000, Some("late"), Some("l")));
    assert_eq!(records[8], plain(8, 1_789_998_000_000, Some("early"), Some("e")));
    assert_eq!(
        records[9].headers,
        [header("a", Some(b"1")), header("a", Some(b"1")), header("z", Some(b""))]
    );
}

#[test]
fn compaction_leaves_gaps_and_a_delete_horizon() {
    let batches: Vec<_> = Batches::new(COMPACTED).map(Result::unwrap).collect();
    assert_eq!((batches[0].base_offset, batches[0].last_offset()), (Offset(176), Offset(183)));
    assert!(batches.iter().all(|batch| batch.delete_horizon().is_some()));
    let records = read(COMPACTED);
    assert_eq!(records[0], plain(183, 1_790_000_018_300, Some("k13"), None));
    assert_eq!(records[1], plain(200, 1_790_000_050_000, Some("k3"), None));
}

#[test]
fn log_append_time_is_that_of_every_record() {
    let times: Vec<_> = read(APPEND_TIME).iter().map(|record| record.timestamp).collect();
    let last = 1_795_412_741_169;
    assert_eq!(times, [1_795_412_741_106, 1_795_412_741_130, last, last, last, last, last]);
}

#[test]
fn building_the_same_records_gives_the_same_bytes() {
    for file in [NONE, HEADERS, MARKERS] {
        for batch in Batches::new(file).map(Result::unwrap) {
            if batch.codec() != Some(Codec::None) {
                continue;
            }
            let mut builder = BatchBuilder::default()
                .at(batch.base_offset, batch.partition_leader_epoch)
                .producer(batch.producer_id, batch.producer_epoch, batch.base_sequence);
            if batch.is_transactional() {
                builder = builder.transactional();
            }
            if batch.is_control() {
                builder = builder.control();
            }
            for record in batch.records(batch.body()) {
                let record = record.unwrap();
                let headers: Vec<_> = record.headers.collect();
                builder.push(&NewRecord {
                    timestamp: record.timestamp,
                    key: record.key,
                    value: record.value,
                    headers: &headers,
                });
            }
            assert_eq!(builder.uncompressed_size(), batch.size());
            assert_eq!(builder.build().unwrap().to_vec(), batch.bytes(), "{:?}", batch.header());
        }
    }
}

#[test]
fn headers_of_transactional_batches_are_read() {
    let batches: Vec<_> = Batches::new(MARKERS).map(Result::unwrap).collect();
    let kinds: Vec<_> =
        batches.iter().map(|b| (b.is_control(), b.is_transactional(), b.record_count)).collect();
    assert_eq!(kinds, [(true, true, 1), (false, true, 3), (true, true, 1), (false, true, 1)]);
    assert_eq!(batches[0].last_sequence(), -1);
    assert!(batches[1].producer_id >= ProducerId(0) && batches[1].producer_epoch >= ProducerEpoch(0));
    assert_eq!(batches[1].partition_leader_epoch, LeaderEpoch(0));
    assert_eq!(batches[1].max_timestamp, Timestamp(1_790_000_000_104));
}

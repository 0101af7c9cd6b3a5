//! Good and bad batches, and what producers are told.

use super::*;
use crate::record::{BatchBuilder, NewRecord};
use crate::schema::ErrorCode;
use crate::types::{LeaderEpoch, ProducerId};

const NOW: Timestamp = Timestamp(1_790_000_000_000);

fn record(timestamp: i64, key: Option<&'static [u8]>) -> NewRecord<'static> {
    NewRecord { timestamp: Timestamp(timestamp), key, value: Some(b"value"), headers: &[] }
}

/// A good batch of three records, the second the latest.
fn builder(compression: Compression) -> BatchBuilder {
    let mut builder = BatchBuilder::new(compression);
    for time in [NOW.0, NOW.0 + 7, NOW.0 + 3] {
        builder.push(&record(time, Some(b"key")));
    }
    builder
}

fn good(codec: Codec) -> Vec<u8> {
    builder(Compression::of(codec)).build().unwrap().to_vec()
}

/// The batch with its header changed and the CRC made right again.
fn with_header(bytes: &[u8], change: impl Fn(&mut BatchHeader)) -> Vec<u8> {
    let batch = BatchView::parse(bytes).unwrap();
    let mut header = *batch.header();
    change(&mut header);
    header.crc = header.crc_with_body(crc32c::crc32c(batch.body()), batch.body().len());
    [&header.to_bytes(), batch.body()].concat()
}

fn with_body(header: &BatchHeader, body: &[u8]) -> Vec<u8> {
    seal(*header, body.to_vec()).to_vec()
}

fn code(bytes: &[u8], rules: &Rules) -> ErrorCode {
    validate(bytes, 9, rules, NOW).map_or_else(|rejection| rejection.error_code(), |_| ErrorCode::NONE)
}

#[test]
fn a_good_batch_keeps_its_bytes_and_gets_its_place() {
    for codec in Codec::ALL {
        for depth in [Depth::Record, Depth::Header] {
            let bytes = good(codec);
            let mut batch = validate(&bytes, 9, &Rules { depth, ..Rules::default() }, NOW).unwrap();
            assert!(!batch.is_rewritten());
            assert_eq!(batch.to_vec(), bytes, "{}", codec.name());
            batch.place(Offset(77), LeaderEpoch(5));
            let stored = batch.to_vec();
            let stored = BatchView::parse(&stored).unwrap();
            assert_eq!((stored.base_offset, stored.last_offset()), (Offset(77), Offset(79)));
            assert_eq!(stored.partition_leader_epoch, LeaderEpoch(5));
            assert_eq!(stored.verify_crc(), Ok(()));
        }
    }
}

/// Each code was asked of a Kafka 4.4.0 with the same bytes, but for those marked.
#[test]
fn every_bad_batch_gets_its_error_code() {
    const CORRUPT: ErrorCode = ErrorCode::CORRUPT_MESSAGE;
    const INVALID: ErrorCode = ErrorCode::INVALID_RECORD;
    let bytes = good(Codec::None);
    let patched = |at: usize, with: &[u8]| {
        let mut bytes = bytes.clone();
        bytes[at..at + with.len()].copy_from_slice(with);
        bytes
    };
    let changed = |change: fn(&mut BatchHeader)| with_header(&bytes, change);
    let cases: Vec<(&str, Vec<u8>, ErrorCode)> = vec![
        ("nothing", vec![], INVALID),
        ("two batches", [bytes.clone(), bytes.clone()].concat(), INVALID),
        ("half a batch", bytes[..bytes.len() - 3].to_vec(), INVALID),
        ("20 bytes", bytes[..20].to_vec(), INVALID),
        ("a few bytes after the batch", [&bytes[..], b"after"].concat(), ErrorCode::NONE),
        ("garbage after the batch", [&bytes[..], &[0; 17]].concat(), CORRUPT),
        ("magic 1", patched(16, &[1]), INVALID),
        ("magic 3", patched(16, &[3]), CORRUPT),
        ("magic -1", patched(16, &[255]), CORRUPT),
        ("length 10", patched(8, &10i32.to_be_bytes()), CORRUPT),
        ("length 48", patched(8, &48i32.to_be_bytes()), CORRUPT),
        ("length -5", patched(8, &(-5i32).to_be_bytes()), CORRUPT),
        ("wrong CRC", patched(17, &[0]), CORRUPT),
        ("flipped codec", patched(22, &[4]), CORRUPT),
        ("base offset 5", changed(|h| h.base_offset = Offset(5)), INVALID),
        ("count 0", changed(|h| h.record_count = 0), INVALID),
        ("count 0, delta -1", changed(|h| (h.record_count, h.last_offset_delta) = (0, -1)), INVALID),
        ("negative count", changed(|h| (h.record_count, h.last_offset_delta) = (-3, -4)), INVALID),
        ("count too high", changed(|h| (h.record_count, h.last_offset_delta) = (4, 3)), INVALID),
        ("count too low", changed(|h| (h.record_count, h.last_offset_delta) = (2, 1)), INVALID),
        ("last offset delta", changed(|h| h.last_offset_delta = 9), INVALID),
        ("control", changed(|h| h.set_control(true)), INVALID),
        ("producer without sequence", changed(|h| h.producer_id = ProducerId(5)), INVALID),
        ("log append time", changed(|h| h.attributes |= 8), ErrorCode::INVALID_TIMESTAMP),
        // Kafka stores these two.
        ("delete horizon", changed(|h| h.attributes |= 0x40), INVALID),
        ("producer without epoch", changed(|h| (h.producer_id.0, h.base_sequence) = (5, 0)), INVALID),
        // Kafka looks at the request's transactional id first and refuses that.
        ("transaction without producer", changed(|h| h.set_transactional(true)), INVALID),
        // Kafka answers these with UNKNOWN_SERVER_ERROR.
        ("codec 5", changed(|h| h.attributes = 5), ErrorCode::UNSUPPORTED_COMPRESSION_TYPE),
        ("no gzip", changed(|h| h.attributes = 1), INVALID),
        ("no snappy", changed(|h| h.attributes = 2), INVALID),
        ("no lz4", changed(|h| h.attributes = 3), INVALID),
        ("no zstd", changed(|h| h.attributes = 4), INVALID),
    ];
    for (name, bytes, want) in cases {
        assert_eq!(code(&bytes, &Rules::default()), want, "{name}");
    }
}

#[test]
fn records_that_lie_are_refused_in_every_codec() {
    let bytes = good(Codec::None);
    let batch = BatchView::parse(&bytes).unwrap();
    let edited = |edit: fn(&mut Vec<u8>)| {
        let mut body = batch.body().to_vec();
        edit(&mut body);
        body
    };
    // The first record: size, attributes, timestamp delta, offset delta, key size, "key", ...
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("size too large", edited(|b| b[0] += 2)),
        ("size too small", edited(|b| b[0] -= 2)),
        ("size negative", edited(|b| b[0] = 1)),
        ("offset delta", edited(|b| b[3] = 2)),
        ("key size", edited(|b| b[4] = 8)),
        ("key size -2", edited(|b| b[4] = 3)),
        ("key size 2^31-1", edited(|b| drop(b.splice(4..5, [0xfe, 0xff, 0xff, 0xff, 0x0f])))),
        ("endless number", edited(|b| drop(b.splice(2..3, [0xff; 20])))),
        ("cut off", edited(|b| b.truncate(b.len() - 1))),
        ("bytes left", edited(|b| b.push(0))),
        (
            "a billion headers",
            edited(|b| {
                let at = b[0] as usize / 2;
                b.splice(at..=at, [0xfe, 0xff, 0xff, 0xff, 0x0f]);
            }),
        ),
        ("empty", vec![]),
    ];
    for codec in Codec::ALL {
        let mut header = *batch.header();
        header.set_codec(codec);
        for (name, payload) in &cases {
            let body = Compression::of(codec).compress(payload).unwrap();
            let bytes = with_body(&header, &body);
            let got = code(&bytes, &Rules::default());
            assert_eq!(got, ErrorCode::INVALID_RECORD, "{name} in {}", codec.name());
            let rules = Rules { compression: Some(Compression::of(Codec::Zstd)), ..Rules::default() };
            assert_eq!(code(&bytes, &rules), ErrorCode::INVALID_RECORD, "{name} in {}", codec.name());
        }
    }
}

#[test]
fn zstd_needs_produce_version_7() {
    let bytes = good(Codec::Zstd);
    assert_eq!(validate(&bytes, 6, &Rules::default(), NOW), Err(Rejection::ZstdTooEarly));
    assert!(validate(&bytes, 7, &Rules::default(), NOW).is_ok());
    assert_eq!(Rejection::ZstdTooEarly.error_code(), ErrorCode::UNSUPPORTED_COMPRESSION_TYPE);
}

#[test]
fn size_is_checked_before_the_crc_and_after_a_rewrite() {
    let mut bytes = good(Codec::None);
    let size = bytes.len();
    let rules = |max_batch_size| Rules { max_batch_size, ..Rules::default() };
    assert_eq!(code(&bytes, &rules(size)), ErrorCode::NONE);
    assert_eq!(code(&bytes, &rules(size - 1)), ErrorCode::MESSAGE_TOO_LARGE);
    bytes[17] ^= 1;
    assert_eq!(code(&bytes, &rules(size - 1)), ErrorCode::MESSAGE_TOO_LARGE);

    let mut builder = BatchBuilder::new(Compression::of(Codec::Zstd));
    builder.push(&NewRecord { value: Some(&[0; 5000]), ..record(NOW.0, None) });
    let small = builder.build().unwrap().to_vec();
    let plain = Rules { compression: Some(Compression::NONE), ..rules(1000) };
    assert_eq!(code(&small, &rules(1000)), ErrorCode::NONE);
    assert_eq!(code(&small, &plain), ErrorCode::MESSAGE_TOO_LARGE);
}

#[test]
fn a_decompression_bomb_is_an_invalid_record() {
    for codec in Codec::ALL {
        let mut builder = BatchBuilder::new(Compression::of(codec));
        builder.push(&NewRecord { value: Some(&vec![0; 500_000]), ..record(NOW.0, None) });
        let bytes = builder.build().unwrap().to_vec();
        let rules = Rules { max_decompressed_size: 100_000, ..Rules::default() };
        let want = if codec == Codec::None { ErrorCode::NONE } else { ErrorCode::INVALID_RECORD };
        assert_eq!(code(&bytes, &rules), want, "{}", codec.name());
    }
}

#[test]
fn faulty_records_are_named() {
    let mut builder = BatchBuilder::default();
    builder.push(&record(NOW.0, Some(b"key")));
    builder.push(&record(NOW.0, None));
    builder.push(&record(NOW.0 + 3_600_001, Some(b"key")));
    builder.push(&record(NOW.0 - 1001, Some(b"key")));
    builder.push(&record(-1, Some(b"key")));
    let bytes = builder.build().unwrap().to_vec();
    let named = |rules: &Rules| {
        let rejection = validate(&bytes, 9, rules, NOW).unwrap_err();
        let records: Vec<_> = rejection.records().iter().map(|r| (r.index, r.fault)).collect();
        (rejection.error_code(), records)
    };
    let late = (2, RecordFault::Timestamp(Timestamp(NOW.0 + 3_600_001)));
    let early = (3, RecordFault::Timestamp(Timestamp(NOW.0 - 1001)));
    let no_key = (1, RecordFault::NullKey);

    let rules = Rules { timestamp_before_max_ms: 1000, ..Rules::default() };
    assert_eq!(named(&rules), (ErrorCode::INVALID_TIMESTAMP, vec![late, early]));
    let rules = Rules { compacted: true, ..rules };
    assert_eq!(named(&rules), (ErrorCode::INVALID_TIMESTAMP, vec![no_key, late, early]));
    let rules = Rules { timestamp_type: TimestampType::LogAppendTime, ..rules };
    assert_eq!(named(&rules), (ErrorCode::INVALID_RECORD, vec![no_key]));
}

#[test]
fn a_timestamp_that_overflows_is_out_of_range() {
    let mut builder = BatchBuilder::default();
    builder.push(&record(0, None));
    builder.push(&record(1, None));
    let bytes = builder.build().unwrap().to_vec();
    let bytes = with_header(&bytes, |header| header.base_timestamp = Timestamp(i64::MAX));
    assert_eq!(code(&bytes, &Rules::default()), ErrorCode::INVALID_TIMESTAMP);
}

#[test]
fn a_wrong_max_timestamp_is_corrected() {
    for codec in Codec::ALL {
        let bytes = with_header(&good(codec), |header| header.max_timestamp = Timestamp(1));
        let batch = validate(&bytes, 9, &Rules::default(), NOW).unwrap();
        assert_eq!(batch.to_vec(), good(codec), "{}", codec.name());
    }
}

#[test]
fn log_append_time_stamps_the_header_and_nothing_else() {
    let later = Timestamp(NOW.0 + 99);
    for codec in Codec::ALL {
        let bytes = good(codec);
        let rules = Rules { timestamp_type: TimestampType::LogAppendTime, ..Rules::default() };
        let batch = validate(&bytes, 9, &rules, later).unwrap();
        assert_eq!(batch.log_append_time(), Some(later));
        let stored = batch.to_vec();
        let stored = BatchView::parse(&stored).unwrap();
        assert_eq!(stored.verify_crc(), Ok(()), "{}", codec.name());
        assert_eq!(stored.max_timestamp, later);
        let payload = stored.payload(1 << 20).unwrap();
        assert!(stored.records(&payload).all(|record| record.unwrap().timestamp == later));
    }
}

#[test]
fn a_topic_with_a_codec_of_its_own_gets_the_same_records_in_it() {
    for from in Codec::ALL {
        for to in Codec::ALL {
            let bytes = builder(Compression::of(from))
                .producer(ProducerId(9), ProducerEpoch(2), 17)
                .transactional()
                .build()
                .unwrap()
                .to_vec();
            let rules = Rules { compression: Some(Compression::of(to)), ..Rules::default() };
            let batch = validate(&bytes, 9, &rules, NOW).unwrap();
            assert_eq!(batch.is_rewritten(), from != to);
            assert_eq!(batch.codec(), Some(to));
            let stored = batch.to_vec();
            let (before, after) = (BatchView::parse(&bytes).unwrap(), BatchView::parse(&stored).unwrap());
            assert_eq!(after.verify_crc(), Ok(()));
            let same = BatchHeader {
                length: before.length,
                crc: before.crc,
                attributes: before.attributes,
                ..*after.header()
            };
            assert_eq!(same, *before.header());
            assert!(after.is_transactional());
            assert_eq!(after.payload(1 << 20), before.payload(1 << 20));
        }
    }
}

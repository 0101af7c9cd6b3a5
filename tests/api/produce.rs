//! Produce: what is taken and stored, what is refused, and with which code.

use klamm::record::{Batches, Codec};
use klamm::schema::ErrorCode;
use klamm::schema::clients::produce_request::ProduceRequest;

use crate::support::batches;
use crate::support::broker::TestBroker;
use crate::support::client::{Ask, Topic, bytes_of, produce};

#[test]
fn every_version_and_both_acks_store_what_was_sent() {
    let broker = TestBroker::start();
    let mut client = broker.client();
    let topic = client.topic("t", 2, &[]);
    let mut end = 0;
    for version in ProduceRequest::versions() {
        for acks in [1, -1] {
            let batch = batches::of(&["one", "two"]);
            let reply = client.ask(version, &produce(&topic, acks, &[(0, &batch), (1, &batch)]));
            for (answer, index) in reply.responses[0].partition_responses.iter().zip(0..) {
                let got = (answer.index, answer.error_code, answer.base_offset, answer.log_append_time_ms);
                assert_eq!(got, (index, 0, end, -1), "version {version}, acks {acks}");
            }
            end += 2;
            assert_eq!(client.offsets(&topic, 1, end - 2), [end - 2, end - 1]);
        }
    }
}

#[test]
fn an_error_concerns_its_partition_alone() {
    let broker = TestBroker::start();
    let mut client = broker.client();
    let topic = client.topic("t", 2, &[]);
    let good = batches::count(1);
    let bad = batches::patched(good.clone(), 57, &[9; 4]);
    let mut corrupt = good.clone();
    *corrupt.last_mut().unwrap() ^= 1;
    for version in ProduceRequest::versions() {
        let parts: [(i32, &[u8]); 5] = [(0, &good), (1, &corrupt), (7, &good), (-1, &good), (1, &bad)];
        let reply = client.ask(version, &produce(&topic, -1, &parts));
        let codes: Vec<_> =
            reply.responses[0].partition_responses.iter().map(|a| ErrorCode(a.error_code)).collect();
        let want = [
            ErrorCode::NONE,
            ErrorCode::CORRUPT_MESSAGE,
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
            ErrorCode::INVALID_RECORD,
        ];
        // A batch whose count lies is refused by its numbers first.
        assert_eq!(codes, want, "version {version}");
    }
    assert_eq!(client.offsets(&topic, 1, 0), [0i64; 0]);
}

#[test]
fn topics_that_are_not_there() {
    let broker = TestBroker::start();
    let mut client = broker.client();
    let batch = batches::count(1);
    let nowhere = Topic { name: "nowhere".into(), id: [7; 16] };
    for version in ProduceRequest::versions() {
        let reply = client.ask(version, &produce(&nowhere, 1, &[(0, &batch)]));
        let want =
            if version < 13 { ErrorCode::UNKNOWN_TOPIC_OR_PARTITION } else { ErrorCode::UNKNOWN_TOPIC_ID };
        assert_eq!(reply.responses[0].partition_responses[0].error_code, want.code(), "version {version}");
    }
    let old = client.topic("again", 1, &[]);
    client.delete_topic("again");
    let new = client.topic("again", 1, &[]);
    assert_eq!(client.produce(&old, 0, &batch).error_code, ErrorCode::UNKNOWN_TOPIC_ID.code());
    assert_eq!(client.append(&new, 0, &batch), 0);
}

#[test]
fn without_acks_there_is_no_reply_and_an_error_closes() {
    let broker = TestBroker::start();
    let mut client = broker.client();
    let topic = client.topic("t", 1, &[]);
    let batch = batches::count(1);
    for _ in 0..10 {
        client.send(13, &produce(&topic, 0, &[(0, &batch)]));
    }
    assert_eq!(client.append(&topic, 0, &batch), 10, "all came before, in order");
    let mut other = broker.client();
    other.send(13, &produce(&topic, 0, &[(9, &batch)]));
    other.assert_closed();
    assert_eq!(client.append(&topic, 0, &batch), 11, "the other connection does not notice");
}

#[test]
fn every_codec_is_kept_as_sent_or_turned_into_the_topics_own() {
    let broker = TestBroker::start();
    let mut client = broker.client();
    let records: Vec<_> =
        (0..50).map(|n| (Some("key"), Some("value value value"), batches::now() + n)).collect();
    let kept = client.topic("kept", 1, &[]);
    for sent in batches::codecs() {
        let batch = batches::with(&records, sent);
        let base = client.append(&kept, 0, &batch);
        let data = client.fetch(&kept, 0, base);
        // Base offset and leader epoch are the broker's.
        assert_eq!(
            (&bytes_of(&data)[8..12], &bytes_of(&data)[16..]),
            (&batch[8..12], &batch[16..]),
            "{sent:?}"
        );
    }
    for (name, codec) in [
        ("uncompressed", Codec::None),
        ("gzip", Codec::Gzip),
        ("snappy", Codec::Snappy),
        ("lz4", Codec::Lz4),
        ("zstd", Codec::Zstd),
    ] {
        let topic = client.topic(name, 1, &[("compression.type", name)]);
        for sent in batches::codecs() {
            let base = client.append(&topic, 0, &batches::with(&records, sent));
            let data = client.fetch(&topic, 0, base);
            let batch = Batches::new(bytes_of(&data)).next().unwrap().unwrap();
            assert_eq!(batch.header().codec().unwrap(), codec, "{sent:?} to {name}");
            let read: Vec<_> =
                batches::records(bytes_of(&data)).into_iter().map(|(o, v, t)| (o - base, v, t)).collect();
            let want: Vec<_> =
                records.iter().zip(0..).map(|((_, v, t), n)| (n, v.map(str::to_owned), *t)).collect();
            assert_eq!(read, want, "{sent:?} to {name}");
        }
    }
}

#[test]
fn log_append_time_is_the_brokers() {
    let broker = TestBroker::start();
    let mut client = broker.client();
    let topic = client.topic("t", 1, &[("message.timestamp.type", "LogAppendTime")]);
    for codec in batches::codecs() {
        let before = batches::now();
        let sent: Vec<_> = [5, 7].iter().map(|time| (None, Some("v"), *time)).collect();
        let answer = client.produce(&topic, 0, &batches::with(&sent, codec));
        assert_eq!(answer.error_code, 0);
        assert!((before..=batches::now()).contains(&answer.log_append_time_ms));
        let data = client.fetch(&topic, 0, answer.base_offset);
        let times: Vec<_> = batches::records(bytes_of(&data)).iter().map(|(.., time)| *time).collect();
        assert_eq!(times, [answer.log_append_time_ms; 2], "{codec:?}");
    }
}

#[test]
fn records_that_break_a_rule_are_named() {
    let broker = TestBroker::start();
    let mut client = broker.client();
    let bounded = [("message.timestamp.before.max.ms", "1000"), ("message.timestamp.after.max.ms", "1000")];
    let bounded = client.topic("bounded", 1, &bounded);
    let now = batches::now();
    for (time, good) in [(now, true), (now - 100_000, false), (now + 100_000, false)] {
        let answer = client.produce(&bounded, 0, &batches::at(&[now, time, now, time]));
        if good {
            assert_eq!(answer.error_code, 0);
            continue;
        }
        assert_eq!(answer.error_code, ErrorCode::INVALID_TIMESTAMP.code());
        let named: Vec<_> = answer.record_errors.iter().map(|e| e.batch_index).collect();
        assert_eq!(named, [1, 3]);
        assert!(answer.error_message.is_some() && answer.base_offset == -1);
    }
    let compacted = client.topic("compacted", 1, &[("cleanup.policy", "compact")]);
    for codec in batches::codecs() {
        let records = [(Some("k"), Some("v"), now), (None, Some("v"), now), (Some(""), None, now)];
        let answer = client.produce(&compacted, 0, &batches::with(&records, codec));
        assert_eq!(answer.error_code, ErrorCode::INVALID_RECORD.code());
        let named: Vec<_> = answer.record_errors.iter().map(|e| e.batch_index).collect();
        assert_eq!(named, [1], "{codec:?}");
        let keyed = [(Some("k"), Some("v"), now), (Some(""), None, now)];
        assert_eq!(client.produce(&compacted, 0, &batches::with(&keyed, codec)).error_code, 0);
    }
    let both = client.topic("both", 1, &[("cleanup.policy", "compact,delete")]);
    assert_eq!(client.produce(&both, 0, &batches::count(1)).error_code, ErrorCode::INVALID_RECORD.code());
}

#[test]
fn the_size_of_a_batch_is_limited_to_the_byte() {
    let broker = TestBroker::start();
    let mut client = broker.client();
    let batch = batches::sized(1000);
    let limit = batch.len().to_string();
    let topic = client.topic("t", 1, &[("max.message.bytes", &limit)]);
    assert_eq!(client.append(&topic, 0, &batch), 0);
    let larger = batches::sized(1001);
    assert_eq!(client.produce(&topic, 0, &larger).error_code, ErrorCode::MESSAGE_TOO_LARGE.code());
    client.configure(2, "t", &[("max.message.bytes", "2000")]);
    assert_eq!(client.append(&topic, 0, &larger), 1, "at once");
    client.configure(2, "t", &[("max.message.bytes", "")]);
    assert_eq!(client.append(&topic, 0, &batches::sized(1 << 19)), 2);
}

#[test]
fn a_decompression_bomb_is_refused() {
    let broker = TestBroker::with(&["max.decompressed.message.bytes=1048576"]);
    let mut client = broker.client();
    let topic = client.topic("t", 1, &[]);
    let zeros = "\0".repeat(2 << 20);
    let now = batches::now();
    for codec in [Codec::Gzip, Codec::Zstd] {
        let bomb =
            batches::with(&[(None, Some(&zeros), now)], klamm::record::Compression { codec, level: -1 });
        assert!(bomb.len() < 1 << 12, "{codec:?}: {}", bomb.len());
        let answer = client.produce(&topic, 0, &bomb);
        assert_eq!(answer.error_code, ErrorCode::INVALID_RECORD.code(), "{codec:?}");
        assert!(answer.error_message.unwrap().contains("1048576 bytes"));
    }
    assert_eq!(client.append(&topic, 0, &batches::count(1)), 0);
}

#[test]
fn a_full_disk_refuses_and_recovers() {
    let broker = TestBroker::start();
    let mut client = broker.client();
    let topic = client.topic("t", 1, &[]);
    assert_eq!(client.append(&topic, 0, &batches::sized(1000)), 0);
    broker.files.set_capacity(Some(0));
    let answer = client.produce(&topic, 0, &batches::sized(1000));
    assert_eq!(answer.error_code, ErrorCode::KAFKA_STORAGE_ERROR.code());
    assert_eq!(client.offsets(&topic, 0, 0), [0], "reads go on");
    broker.files.set_capacity(None);
    assert_eq!(client.append(&topic, 0, &batches::sized(1000)), 1);
    assert_eq!(client.offsets(&topic, 0, 0), [0, 1]);
}

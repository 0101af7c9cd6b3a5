//! Compaction as clients see it. Which records stay is compared with Kafka in `log::cleaner`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use klamm::env::{Clock, Files};
use klamm::record::{BatchBuilder, BatchView, Batches, Codec, Compression, NewRecord, RecordHeader};
use klamm::schema::ErrorCode;
use klamm::schema::clients::offset_commit_request::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use klamm::schema::clients::produce_request::ProduceRequest;
use klamm::types::{ProducerEpoch, ProducerId, Timestamp};

use crate::offsets::{delete, list};
use crate::support::broker::TestBroker;
use crate::support::client::{Client, Topic, bytes_of, produce};
use crate::support::{batches, wait_for};
use crate::transactions::{Kind, end, init};

const TOPIC: i8 = 2;
const BROKER: i8 = 4;

/// Offset, key and value.
type Seen = (i64, String, Option<String>);

fn broker() -> TestBroker {
    TestBroker::with(&["log.cleaner.backoff.ms=5"])
}

/// A topic of small segments that is compacted as soon as anything is dirty.
fn topic(client: &mut Client, name: &str, policy: &str, more: &[(&str, &str)]) -> Topic {
    let mut configs = vec![
        ("cleanup.policy", policy),
        ("internal.segment.bytes", "1000"),
        ("min.cleanable.dirty.ratio", "0"),
        ("file.delete.delay.ms", "0"),
    ];
    configs.extend(more);
    client.topic(name, 1, &configs)
}

fn builder(codec: Codec, now: i64, records: &[(&str, Option<&str>)]) -> BatchBuilder {
    let headers = [RecordHeader { key: b"h", value: None }, RecordHeader { key: b"h", value: Some(b"x") }];
    let mut builder = BatchBuilder::new(Compression::of(codec));
    for (key, value) in records {
        let (key, value) = (Some(key.as_bytes()), value.map(str::as_bytes));
        builder.push(&NewRecord { timestamp: Timestamp(now), key, value, headers: &headers });
    }
    builder
}

fn put(broker: &TestBroker, client: &mut Client, topic: &Topic, key: &str, value: Option<&str>) -> i64 {
    let batch = builder(Codec::None, broker.clock.now().get(), &[(key, value)]).build().unwrap();
    client.append(topic, 0, &batch.to_vec())
}

/// Fills the active segment, so that all before it may be compacted; gives the offset after it.
fn seal(broker: &TestBroker, client: &mut Client, topic: &Topic) -> i64 {
    let filler = "x".repeat(800);
    put(broker, client, topic, "filler", Some(&filler));
    put(broker, client, topic, "filler", Some(&filler)) + 1
}

/// Every batch of the log, in order.
fn batches_of(client: &mut Client, topic: &Topic) -> Vec<Vec<u8>> {
    let (mut from, mut all) = (list(client, 11, topic, 0, -2).1, Vec::new());
    loop {
        let data = client.fetch(topic, 0, from);
        if ErrorCode(data.error_code) == ErrorCode::OFFSET_OUT_OF_RANGE {
            // What was there a moment ago has expired.
            (from, all) = (list(client, 11, topic, 0, -2).1, Vec::new());
            continue;
        }
        assert_eq!(data.error_code, 0);
        let bytes = bytes_of(&data);
        let whole: Vec<Vec<u8>> =
            Batches::new(bytes).map_while(Result::ok).map(|batch| batch.bytes().to_vec()).collect();
        let Some(last) = whole.last() else { return all };
        from = BatchView::parse(last).unwrap().next_offset().get();
        all.extend(whole);
    }
}

/// Every data record of the log; each one has its headers.
fn read(client: &mut Client, topic: &Topic) -> Vec<Seen> {
    let mut seen = Vec::new();
    for bytes in batches_of(client, topic) {
        let batch = BatchView::parse(&bytes).unwrap();
        batch.verify_crc().unwrap();
        if batch.is_control() {
            continue;
        }
        let payload = batch.payload(1 << 20).unwrap();
        for record in batch.records(&payload).map(Result::unwrap) {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            assert_eq!(record.headers.clone().count(), 2);
            seen.push((record.offset.get(), text(record.key.unwrap()), record.value.map(text)));
        }
    }
    assert!(seen.is_sorted_by_key(|record| record.0), "offsets rise");
    seen
}

/// Waits until the log reads so, the fillers left out.
fn await_records(client: &mut Client, topic: &Topic, wanted: &[(i64, &str, Option<&str>)]) {
    let wanted: Vec<Seen> =
        wanted.iter().map(|(at, key, value)| (*at, (*key).to_owned(), value.map(str::to_owned))).collect();
    let mut last = Vec::new();
    let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        wait_for("the records that stay", || {
            last = read(client, topic);
            last.retain(|record| record.1 != "filler");
            (last == wanted).then_some(())
        });
    }));
    assert!(found.is_ok(), "{last:?} instead of {wanted:?}");
}

#[test]
fn the_newest_of_each_key_stays_whatever_the_codec() {
    let broker = broker();
    let mut client = broker.client();
    let topic = topic(&mut client, "t", "compact", &[]);
    let now = broker.clock.now().get();
    for (n, codec) in Codec::ALL.into_iter().cycle().take(40).enumerate() {
        let value = format!("v{n}");
        let records = [("a", Some(value.as_str())), (["b", "c"][n % 2], Some(&value))];
        client.append(&topic, 0, &builder(codec, now, &records).build().unwrap().to_vec());
    }
    seal(&broker, &mut client, &topic);
    await_records(
        &mut client,
        &topic,
        &[(77, "b", Some("v38")), (78, "a", Some("v39")), (79, "c", Some("v39"))],
    );
    let codecs = batches_of(&mut client, &topic);
    let codecs: Vec<_> =
        codecs.iter().map(|batch| BatchView::parse(batch).unwrap().codec().unwrap()).collect();
    assert_eq!(codecs[..2], [Codec::ALL[38 % 5], Codec::ALL[39 % 5]], "each keeps its own");
    let keyless = client.produce(&topic, 0, &batches::of(&["v"]));
    assert_eq!(ErrorCode(keyless.error_code), ErrorCode::INVALID_RECORD);
    assert_eq!(list(&mut client, 11, &topic, 0, -2).1, 0, "the log start stays");
}

#[test]
fn a_tombstone_goes_after_its_time() {
    let broker = broker();
    let mut client = broker.client();
    let topic = topic(&mut client, "t", "compact", &[("delete.retention.ms", "60000")]);
    put(&broker, &mut client, &topic, "a", Some("1"));
    put(&broker, &mut client, &topic, "b", Some("1"));
    put(&broker, &mut client, &topic, "a", None);
    seal(&broker, &mut client, &topic);
    await_records(&mut client, &topic, &[(1, "b", Some("1")), (2, "a", None)]);
    broker.clock.advance(Duration::from_secs(59));
    seal(&broker, &mut client, &topic);
    put(&broker, &mut client, &topic, "b", Some("2"));
    seal(&broker, &mut client, &topic);
    await_records(&mut client, &topic, &[(2, "a", None), (7, "b", Some("2"))]);
    broker.clock.advance(Duration::from_secs(2));
    seal(&broker, &mut client, &topic);
    await_records(&mut client, &topic, &[(7, "b", Some("2"))]);
}

#[test]
fn lags_hold_back_and_hurry() {
    let broker = broker();
    let mut client = broker.client();
    let young = topic(&mut client, "young", "compact", &[("min.compaction.lag.ms", "60000")]);
    let lazy = [("min.cleanable.dirty.ratio", "1"), ("max.compaction.lag.ms", "60000")];
    let old = client.topic(
        "old",
        1,
        &[lazy[0], lazy[1], ("cleanup.policy", "compact"), ("internal.segment.bytes", "1000")],
    );
    let plain = topic(&mut client, "plain", "compact", &[]);
    for topic in [&young, &old, &plain] {
        put(&broker, &mut client, topic, "a", Some("1"));
        put(&broker, &mut client, topic, "a", Some("2"));
        seal(&broker, &mut client, topic);
    }
    await_records(&mut client, &plain, &[(1, "a", Some("2"))]);
    for topic in [&young, &old] {
        assert_eq!(read(&mut client, topic).len(), 4, "{topic:?}");
    }
    broker.clock.advance(Duration::from_secs(61));
    for topic in [&young, &old] {
        await_records(&mut client, topic, &[(1, "a", Some("2"))]);
    }
}

#[test]
fn of_transactions_the_committed_records_stay() {
    let broker = broker();
    let mut client = broker.client();
    let topic = topic(&mut client, "t", "compact", &[]);
    let mut me = init(&mut client, "t");
    for (n, commit) in [true, false, true].into_iter().enumerate() {
        let value = n.to_string();
        let records = [("a", Some(value.as_str())), ("only", (n == 1).then_some("aborted"))];
        let records = if n == 1 { &records[..] } else { &records[..1] };
        let batch = builder(Codec::Lz4, broker.clock.now().get(), records)
            .producer(ProducerId(me.id), ProducerEpoch(me.epoch), me.sequence)
            .transactional()
            .build()
            .unwrap()
            .to_vec();
        let request =
            ProduceRequest { transactional_id: Some("t".into()), ..produce(&topic, -1, &[(0, &batch)]) };
        // The markers of the last one may still be on their way.
        wait_for("the transaction to begin", || {
            let code = client.ask(12, &request).responses[0].partition_responses[0].error_code;
            assert!(
                matches!(ErrorCode(code), ErrorCode::NONE | ErrorCode::CONCURRENT_TRANSACTIONS),
                "{code}"
            );
            (code == 0).then_some(())
        });
        assert_eq!(end(&mut client, &mut me, commit, Kind::New), ErrorCode::NONE);
    }
    wait_for("the last marker", || (list(&mut client, 11, &topic, 0, -1).1 == 7).then_some(()));
    seal(&broker, &mut client, &topic);
    // 0 a, 1 commit, 2 a and 3 only, 4 abort, 5 a, 6 commit.
    await_records(&mut client, &topic, &[(5, "a", Some("2"))]);
}

#[test]
fn a_policy_that_changes_counts_from_then_on() {
    let broker = broker();
    let mut client = broker.client();
    let topic = topic(&mut client, "t", "delete", &[("retention.ms", "-1")]);
    for n in 0..40 {
        put(&broker, &mut client, &topic, "a", Some(&n.to_string()));
    }
    seal(&broker, &mut client, &topic);
    assert_eq!(delete(&mut client, 2, &topic, &[(0, 1)]), [(ErrorCode::NONE, 1)]);
    client.configure(TOPIC, "t", &[("cleanup.policy", "compact")]);
    await_records(&mut client, &topic, &[(39, "a", Some("39"))]);
    assert_eq!(delete(&mut client, 2, &topic, &[(0, 2)]), [(ErrorCode::POLICY_VIOLATION, -1)]);
    client.configure(TOPIC, "t", &[("cleanup.policy", "compact,delete"), ("retention.ms", "60000")]);
    assert_eq!(delete(&mut client, 2, &topic, &[(0, 2)]), [(ErrorCode::NONE, 2)]);
    broker.clock.advance(Duration::from_secs(61));
    let kept = put(&broker, &mut client, &topic, "b", Some("young"));
    await_records(&mut client, &topic, &[(kept, "b", Some("young"))]);
    assert_eq!(list(&mut client, 11, &topic, 0, -2).1, kept, "what was old is deleted");
    client.configure(TOPIC, "t", &[("cleanup.policy", "compact")]);
    broker.clock.advance(Duration::from_secs(61));
    put(&broker, &mut client, &topic, "b", Some("newer"));
    seal(&broker, &mut client, &topic);
    await_records(&mut client, &topic, &[(kept + 1, "b", Some("newer"))]);
    client.configure(TOPIC, "t", &[("cleanup.policy", "delete"), ("retention.ms", "-1")]);
    client.append(&topic, 0, &batches::of(&["keyless is fine"]));
}

#[test]
fn a_reader_never_notices_the_cleaner() {
    let broker = broker();
    let mut client = broker.client();
    let topic = topic(&mut client, "t", "compact", &[]);
    let (address, writing) = (broker.address(), AtomicBool::new(true));
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut client = Client::connect(address);
            let mut reads = 0;
            while writing.load(Ordering::Relaxed) || reads < 3 {
                let seen = read(&mut client, &topic);
                for pair in seen.windows(2) {
                    assert!(pair[0].0 < pair[1].0, "{pair:?}");
                }
                for (offset, key, value) in seen {
                    let n: i64 = value.unwrap().parse().unwrap();
                    assert_eq!((offset, key), (n, format!("k{}", n % 7)));
                }
                reads += 1;
            }
        });
        for n in 0..1500 {
            put(&broker, &mut client, &topic, &format!("k{}", n % 7), Some(&n.to_string()));
        }
        writing.store(false, Ordering::Relaxed);
        reader.join().unwrap();
    });
    // What is in the active segment, and one of each key.
    wait_for("the end of cleaning", || (read(&mut client, &topic).len() < 30).then_some(()));
    let seen = read(&mut client, &topic);
    assert_eq!(
        seen[seen.len() - 7..].iter().map(|record| record.0).collect::<Vec<_>>(),
        (1493..1500).collect::<Vec<_>>()
    );
}

#[test]
fn the_cleaners_options_hold_at_once() {
    let broker = broker();
    let mut client = broker.client();
    client.configure(BROKER, "", &[("log.cleaner.io.max.bytes.per.second", "1")]);
    let topic = topic(&mut client, "t", "compact", &[]);
    for n in 0..40 {
        put(&broker, &mut client, &topic, "a", Some(&n.to_string()));
    }
    seal(&broker, &mut client, &topic);
    // As Kafka 4.4.0 answers.
    let cases = [
        ("log.cleaner.threads", "3", ErrorCode::INVALID_REQUEST),
        ("log.cleaner.threads", "0", ErrorCode::INVALID_REQUEST),
        ("log.cleaner.threads", "2", ErrorCode::NONE),
        ("log.cleaner.threads", "4", ErrorCode::NONE),
        ("log.cleaner.threads", "1", ErrorCode::INVALID_REQUEST),
        ("log.cleaner.dedupe.buffer.size", "4194304", ErrorCode::INVALID_REQUEST),
        ("log.cleaner.dedupe.buffer.size", "4194308", ErrorCode::NONE),
        ("log.cleaner.threads", "5", ErrorCode::INVALID_REQUEST),
        ("log.cleaner.backoff.ms", "-1", ErrorCode::INVALID_REQUEST),
        ("log.cleaner.backoff.ms", "3", ErrorCode::NONE),
        ("log.cleaner.io.buffer.size", "100", ErrorCode::NONE),
        ("log.cleaner.enable", "false", ErrorCode::INVALID_REQUEST),
    ];
    for (name, value, code) in cases {
        let (got, text) = client.try_configure(BROKER, "", &[(name, value)]);
        assert_eq!(ErrorCode(got), code, "{name}={value}: {text:?}");
    }
    assert_eq!(read(&mut client, &topic).len(), 42, "a byte a second has not come far");
    client.configure(BROKER, "", &[("log.cleaner.io.max.bytes.per.second", "")]);
    await_records(&mut client, &topic, &[(39, "a", Some("39"))]);
}

/// Bytes of a partition's segments.
fn size_of(broker: &TestBroker, topic: &str) -> u64 {
    let dir = broker.directory_of(topic, 0);
    let names = broker.files.list(&dir).unwrap().into_iter().map(|entry| entry.name);
    let len = |name: String| broker.files.metadata(&dir.join(name)).map_or(0, |metadata| metadata.len);
    names.filter(|name| name.ends_with(".log")).map(len).sum()
}

#[test]
fn a_group_that_commits_for_ever_stays_small() {
    const PARTITIONS: i32 = 10;
    const SEGMENT: u64 = 4000;
    let mut broker = TestBroker::with(&["log.cleaner.backoff.ms=5", "offsets.topic.num.partitions=1"]);
    let mut client = broker.client();
    client.topic("t", PARTITIONS, &[]);
    let commit = |client: &mut Client, offset: i64| {
        let partition = |partition_index| OffsetCommitRequestPartition {
            partition_index,
            committed_offset: offset,
            ..Default::default()
        };
        let partitions = (0..PARTITIONS).map(partition).collect();
        let request = OffsetCommitRequest {
            group_id: "g".into(),
            generation_id_or_member_epoch: -1,
            topics: vec![OffsetCommitRequestTopic { name: "t".into(), partitions, ..Default::default() }],
            ..Default::default()
        };
        client.ask(8, &request).topics[0].partitions[0].error_code
    };
    crate::transactions::find(&mut client, 0, "g");
    wait_for("the coordinator", || (commit(&mut client, 0) == 0).then_some(()));
    let small = [
        ("internal.segment.bytes", "4000"),
        ("file.delete.delay.ms", "0"),
        ("min.cleanable.dirty.ratio", "0"),
    ];
    client.configure(TOPIC, "__consumer_offsets", &small);
    // A commit of ten partitions takes some 700 bytes: 1.4 MB in all.
    let mut largest = 0;
    for n in 1..=2000 {
        assert_eq!(commit(&mut client, n), 0);
        if n % 200 == 0 {
            // The next begins when the cleaner has caught up, as one that commits once a second finds it.
            wait_for("the cleaner", || (size_of(&broker, "__consumer_offsets") < 3 * SEGMENT).then_some(()));
            largest = largest.max(size_of(&broker, "__consumer_offsets"));
        }
    }
    assert!(largest < 3 * SEGMENT, "{largest}");
    broker.stop();
    broker.run();
    let mut client = broker.client();
    wait_for("the coordinator", || (commit(&mut client, 2001) == 0).then_some(()));
}

//! Fetch without sessions: what a reply holds, and when it comes.

use std::time::{Duration, Instant};

use klamm::schema::ErrorCode;
use klamm::schema::clients::fetch_request::FetchRequest;

use crate::support::batches;
use crate::support::broker::TestBroker;
use crate::support::client::{Ask, Client, Topic, bytes_of, fetch};

/// This moment, for what a test measures.
#[allow(clippy::disallowed_methods, reason = "a test measures")]
pub fn instant() -> Instant {
    Instant::now()
}

/// Offsets by partition, in the order of the reply.
fn read(client: &mut Client, request: &FetchRequest<'_>) -> Vec<(i32, Vec<i64>)> {
    let reply = client.ask_latest(request);
    assert_eq!(reply.error_code, 0);
    let partitions = reply.responses.iter().flat_map(|topic| &topic.partitions);
    partitions.map(|p| (p.partition_index, batches::offsets(bytes_of(p)))).collect()
}

/// A topic with three batches of 2 records in each partition, and the size of a batch.
fn filled(client: &mut Client, partitions: i32) -> (Topic, i32) {
    let topic = client.topic("t", partitions, &[]);
    let batch = batches::of(&["x".repeat(100).as_str(), "y"]);
    for partition in 0..partitions {
        for _ in 0..3 {
            client.append(&topic, partition, &batch);
        }
    }
    (topic, i32::try_from(batch.len()).unwrap())
}

#[test]
fn every_version_reads_whole_batches() {
    let broker = TestBroker::start();
    let mut client = broker.client();
    let (topic, _) = filled(&mut client, 2);
    for version in FetchRequest::versions() {
        for isolation_level in [0, 1] {
            let request = FetchRequest { isolation_level, ..fetch(&topic, &[(0, 0), (1, 3)]) };
            let reply = client.ask(version, &request);
            let partitions = &reply.responses[0].partitions;
            let offsets: Vec<_> = partitions.iter().map(|p| batches::offsets(bytes_of(p))).collect();
            assert_eq!(
                offsets,
                [vec![0, 1, 2, 3, 4, 5], vec![2, 3, 4, 5]],
                "version {version}: from mid-batch"
            );
            for partition in partitions {
                let marks = (partition.high_watermark, partition.last_stable_offset);
                assert_eq!((partition.error_code, marks), (0, (6, 6)));
                let aborted = partition.aborted_transactions.as_ref().map(Vec::len);
                assert_eq!(aborted, (isolation_level == 1).then_some(0));
            }
        }
    }
}

#[test]
fn each_partition_has_its_own_error() {
    let broker = TestBroker::start();
    let mut client = broker.client();
    let (topic, _) = filled(&mut client, 1);
    for version in FetchRequest::versions() {
        let reply = client.ask(version, &fetch(&topic, &[(0, 6), (0, 7), (0, -1), (5, 0), (0, 0)]));
        let partitions = &reply.responses[0].partitions;
        let codes: Vec<_> = partitions.iter().map(|p| ErrorCode(p.error_code)).collect();
        let (none, range) = (ErrorCode::NONE, ErrorCode::OFFSET_OUT_OF_RANGE);
        assert_eq!(
            codes,
            [none, range, range, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, none],
            "version {version}"
        );
        assert_eq!(batches::offsets(bytes_of(&partitions[4])).len(), 6);
        let nowhere = Topic { name: "nowhere".into(), id: [1; 16] };
        let reply = client.ask(version, &fetch(&nowhere, &[(0, 0)]));
        let want =
            if version < 13 { ErrorCode::UNKNOWN_TOPIC_OR_PARTITION } else { ErrorCode::UNKNOWN_TOPIC_ID };
        assert_eq!(reply.responses[0].partitions[0].error_code, want.code());
    }
}

#[test]
fn a_topic_made_again_is_another_one() {
    let broker = TestBroker::start();
    let mut client = broker.client();
    let (old, _) = filled(&mut client, 1);
    client.delete_topic("t");
    let new = client.topic("t", 1, &[]);
    assert_ne!(old.id, new.id);
    assert_eq!(client.fetch(&old, 0, 0).error_code, ErrorCode::UNKNOWN_TOPIC_ID.code());
    assert_eq!(client.offsets(&new, 0, 0), [0i64; 0], "nothing of the old one");
}

#[test]
fn limits_cut_between_batches_but_one_batch_always_comes() {
    let broker = TestBroker::start();
    let mut client = broker.client();
    let (topic, size) = filled(&mut client, 3);
    let all = [(0, 0), (1, 0), (2, 0)];
    let batch = |n: i64| (0..n * 2).collect::<Vec<i64>>();
    let cases = [
        // Limit of the reply, of each partition; batches of each partition.
        (i32::MAX, i32::MAX, [3, 3, 3]),
        (i32::MAX, size * 2, [2, 2, 2]),
        (i32::MAX, size * 2 - 1, [1, 1, 1]),
        (size * 4, i32::MAX, [3, 1, 0]),
        (size * 4 - 1, i32::MAX, [3, 0, 0]),
        (1, i32::MAX, [1, 0, 0]),
        (i32::MAX, 1, [1, 0, 0]),
        (i32::MAX, 0, [1, 0, 0]),
    ];
    for (max_bytes, partition_max, want) in cases {
        let mut request = FetchRequest { max_bytes, ..fetch(&topic, &all) };
        for partition in &mut request.topics[0].partitions {
            partition.partition_max_bytes = partition_max;
        }
        let want: Vec<_> = (0..).zip(want.map(batch)).collect();
        assert_eq!(read(&mut client, &request), want, "{max_bytes}, {partition_max}");
    }
    let from_empty = FetchRequest { max_bytes: 1, ..fetch(&topic, &[(0, 6), (1, 0)]) };
    assert_eq!(read(&mut client, &from_empty), [(0, vec![]), (1, batch(1))], "the first that has something");
}

#[test]
fn a_long_poll_is_woken_by_the_append() {
    let broker = TestBroker::start();
    let (mut reader, mut writer) = (broker.client(), broker.client());
    let topic = writer.topic("t", 3, &[]);
    let mut least = Duration::MAX;
    for offset in 0..20 {
        let request = fetch(&topic, &[(0, 0), (1, offset), (2, 0)]);
        let request = FetchRequest { max_wait_ms: 9_000, min_bytes: 1, ..request };
        let id = reader.send(18, &request);
        // Parked before the append, or found by the first look: both must come at once.
        writer.append(&topic, 1, &batches::count(1));
        let appended = instant();
        let reply = reader.receive::<FetchRequest<'_>>(18, id);
        least = least.min(appended.elapsed());
        assert_eq!(batches::offsets(bytes_of(&reply.responses[0].partitions[1])), [offset]);
    }
    assert!(least < Duration::from_millis(50), "{least:?}");
}

#[test]
fn a_long_poll_waits_for_its_bytes_or_its_time() {
    let broker = TestBroker::start();
    let (mut reader, mut writer) = (broker.client(), broker.client());
    let topic = writer.topic("t", 2, &[]);
    let batch = batches::count(1);
    let twice = i32::try_from(batch.len() * 2).unwrap();
    let waiting = |offsets: &[(i32, i64)], ms, bytes| FetchRequest {
        max_wait_ms: ms,
        min_bytes: bytes,
        ..fetch(&topic, offsets)
    };
    let id = reader.send(18, &waiting(&[(0, 0), (1, 0)], 9_000, twice));
    writer.append(&topic, 0, &batch);
    assert!(!reader.has_reply(Duration::from_millis(50)), "one batch is not enough");
    writer.append(&topic, 1, &batch);
    let reply = reader.receive::<FetchRequest<'_>>(18, id);
    let got: Vec<_> = reply.responses[0].partitions.iter().map(|p| bytes_of(p).len()).collect();
    assert_eq!(got, [batch.len(); 2], "both count");
    let start = instant();
    assert_eq!(read(&mut reader, &waiting(&[(0, 1)], 100, 1)), [(0, vec![])]);
    let took = start.elapsed();
    assert!((Duration::from_millis(100)..Duration::from_secs(5)).contains(&took), "{took:?}");
    let start = instant();
    assert_eq!(read(&mut reader, &waiting(&[(0, 1), (0, 99)], 9_000, 1)).len(), 2, "an error comes at once");
    assert_eq!(read(&mut reader, &waiting(&[(0, 1)], 9_000, 0)), [(0, vec![])], "nothing is enough");
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_long_poll_ends_when_its_topic_does() {
    let broker = TestBroker::start();
    let (mut reader, mut writer) = (broker.client(), broker.client());
    let topic = writer.topic("t", 1, &[]);
    let request = FetchRequest { max_wait_ms: 9_000, min_bytes: 1, ..fetch(&topic, &[(0, 0)]) };
    let id = reader.send(18, &request);
    assert!(!reader.has_reply(Duration::from_millis(50)));
    writer.delete_topic("t");
    let reply = reader.receive::<FetchRequest<'_>>(18, id);
    let code = ErrorCode(reply.responses[0].partitions[0].error_code);
    assert_eq!(code, ErrorCode::UNKNOWN_TOPIC_ID);
}

#[test]
fn leader_epochs_are_checked() {
    let broker = TestBroker::start();
    let mut client = broker.client();
    let (topic, _) = filled(&mut client, 1);
    let mut code = |epoch| {
        let mut request = fetch(&topic, &[(0, 0)]);
        request.topics[0].partitions[0].current_leader_epoch = epoch;
        ErrorCode(client.ask_latest(&request).responses[0].partitions[0].error_code)
    };
    assert_eq!(
        [-1, 0, 1].map(&mut code),
        [ErrorCode::NONE, ErrorCode::NONE, ErrorCode::UNKNOWN_LEADER_EPOCH]
    );
    let mut broker = broker;
    broker.kill();
    broker.run();
    let mut client = broker.client();
    let metadata = client.ask_latest(&crate::topics::named(&["t"]));
    let epoch = metadata.topics[0].partitions[0].leader_epoch;
    assert!(epoch > 0, "after a kill another epoch begins");
    let mut request = fetch(&topic, &[(0, 0)]);
    request.topics[0].partitions[0].current_leader_epoch = 0;
    let reply = client.ask_latest(&request);
    assert_eq!(reply.responses[0].partitions[0].error_code, ErrorCode::FENCED_LEADER_EPOCH.code());
}

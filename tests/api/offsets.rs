//! ListOffsets, DeleteRecords and OffsetForLeaderEpoch.

use klamm::schema::ErrorCode;
use klamm::schema::clients::delete_records_request::{
    DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic,
};
use klamm::schema::clients::list_offsets_request::{
    ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic,
};
use klamm::schema::clients::offset_for_leader_epoch_request::{
    OffsetForLeaderEpochRequest, OffsetForLeaderPartition, OffsetForLeaderTopic,
};

use crate::support::batches;
use crate::support::broker::TestBroker;
use crate::support::client::{Ask, Client, Topic};

/// Code, offset and timestamp for a partition and time.
pub fn list(
    client: &mut Client,
    version: i16,
    topic: &Topic,
    partition: i32,
    time: i64,
) -> (ErrorCode, i64, i64) {
    let partitions = vec![ListOffsetsPartition {
        partition_index: partition,
        current_leader_epoch: -1,
        timestamp: time,
        ..Default::default()
    }];
    let topics = vec![ListOffsetsTopic { name: (&*topic.name).into(), partitions, ..Default::default() }];
    let reply = client.ask(version, &ListOffsetsRequest { replica_id: -1, topics, ..Default::default() });
    let answer = &reply.topics[0].partitions[0];
    assert_eq!(answer.partition_index, partition);
    (ErrorCode(answer.error_code), answer.offset, answer.timestamp)
}

/// Code and low watermark of each partition.
pub fn delete(
    client: &mut Client,
    version: i16,
    topic: &Topic,
    wanted: &[(i32, i64)],
) -> Vec<(ErrorCode, i64)> {
    let partition = |(partition_index, offset): &(i32, i64)| DeleteRecordsPartition {
        partition_index: *partition_index,
        offset: *offset,
        ..Default::default()
    };
    let partitions = wanted.iter().map(partition).collect();
    let topics = vec![DeleteRecordsTopic { name: (&*topic.name).into(), partitions, ..Default::default() }];
    let reply = client.ask(version, &DeleteRecordsRequest { topics, timeout_ms: 5000, ..Default::default() });
    reply.topics[0].partitions.iter().map(|p| (ErrorCode(p.error_code), p.low_watermark)).collect()
}

const OK: ErrorCode = ErrorCode::NONE;

#[test]
fn times_are_found_inside_batches_though_they_do_not_rise() {
    let broker = TestBroker::start();
    let mut client = broker.client();
    let topic = client.topic("t", 1, &[("retention.ms", "-1")]);
    for times in [&[1000, 3000, 2000][..], &[1500], &[5000, 4000, 5000], &[2500]] {
        client.append(&topic, 0, &batches::at(times));
    }
    let cases = [
        (0, 0, 1000),
        (1000, 0, 1000),
        (1001, 1, 3000),
        (3000, 1, 3000),
        (3001, 4, 5000),
        (5000, 4, 5000),
        (5001, -1, -1),
        (-1, 8, -1),
        (-2, 0, -1),
    ];
    for version in ListOffsetsRequest::versions() {
        for (time, offset, found) in cases {
            assert_eq!(
                list(&mut client, version, &topic, 0, time),
                (OK, offset, found),
                "{time}, version {version}"
            );
        }
        let newest = list(&mut client, version, &topic, 0, -3);
        let want = if version < 7 { (ErrorCode::UNSUPPORTED_VERSION, -1, -1) } else { (OK, 4, 5000) };
        assert_eq!(newest, want, "the first of the largest, version {version}");
    }
    assert_eq!(delete(&mut client, 2, &topic, &[(0, 5)]), [(OK, 5)]);
    let cases = [(0, 5, 4000), (-2, 5, -1), (-3, 6, 5000), (-4, 5, -1), (4500, 6, 5000)];
    for (time, offset, found) in cases {
        assert_eq!(list(&mut client, 11, &topic, 0, time), (OK, offset, found), "{time} after a deletion");
    }
    assert_eq!(delete(&mut client, 2, &topic, &[(0, -1)]), [(OK, 8)]);
    for (time, offset) in [(0, -1), (-3, -1), (-2, 8), (-1, 8)] {
        assert_eq!(list(&mut client, 11, &topic, 0, time), (OK, offset, -1), "{time} of what is empty");
    }
}

#[test]
fn deletion_is_exact_and_outlives_every_kind_of_restart() {
    let mut broker = TestBroker::start();
    let mut client = broker.client();
    let topic = client.topic("t", 2, &[]);
    for _ in 0..3 {
        client.append(&topic, 0, &batches::count(2));
    }
    let range = (ErrorCode::OFFSET_OUT_OF_RANGE, -1);
    let unknown = (ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, -1);
    for version in DeleteRecordsRequest::versions() {
        let answers =
            delete(&mut client, version, &topic, &[(0, 7), (0, -2), (9, 0), (1, 1), (1, 0), (0, 3)]);
        assert_eq!(answers, [range, range, unknown, range, (OK, 0), (OK, 3)], "version {version}");
        assert_eq!(delete(&mut client, version, &topic, &[(0, 1)]), [(OK, 3)], "what is deleted stays so");
    }
    for end in [TestBroker::crash, TestBroker::kill, TestBroker::stop] {
        end(&mut broker);
        broker.run();
        let mut client = broker.client();
        assert_eq!(list(&mut client, 11, &topic, 0, -2), (OK, 3, -1));
        assert_eq!(client.fetch(&topic, 0, 2).error_code, ErrorCode::OFFSET_OUT_OF_RANGE.code());
        assert_eq!(client.offsets(&topic, 0, 3), [2, 3, 4, 5], "the batch that holds it comes as a whole");
    }
    let mut client = broker.client();
    assert_eq!(delete(&mut client, 2, &topic, &[(0, -1)]), [(OK, 6)]);
    broker.crash();
    broker.run();
    let mut client = broker.client();
    assert_eq!(list(&mut client, 11, &topic, 0, -2), (OK, 6, -1));
    assert_eq!(client.append(&topic, 0, &batches::count(1)), 6);
    let compacted = client.topic("compacted", 1, &[("cleanup.policy", "compact")]);
    assert_eq!(delete(&mut client, 2, &compacted, &[(0, 0)]), [(ErrorCode::POLICY_VIOLATION, -1)]);
}

#[test]
fn each_epoch_ends_where_the_next_began() {
    let mut broker = TestBroker::start();
    let topic = broker.client().topic("t", 1, &[]);
    let mut began = Vec::new();
    for round in 0..3 {
        let mut client = broker.client();
        let epoch = client.ask_latest(&crate::topics::named(&["t"])).topics[0].partitions[0].leader_epoch;
        began.push((epoch, round * 2));
        client.append(&topic, 0, &batches::count(2));
        broker.kill();
        broker.run();
    }
    let mut client = broker.client();
    let current = client.ask_latest(&crate::topics::named(&["t"])).topics[0].partitions[0].leader_epoch;
    let mut end = |version, epoch, known| {
        let partitions = vec![OffsetForLeaderPartition {
            leader_epoch: epoch,
            current_leader_epoch: known,
            ..Default::default()
        }];
        let topics = vec![OffsetForLeaderTopic { topic: "t".into(), partitions, ..Default::default() }];
        let request = OffsetForLeaderEpochRequest { replica_id: -1, topics, ..Default::default() };
        let reply = client.ask(version, &request);
        let answer = &reply.topics[0].partitions[0];
        (ErrorCode(answer.error_code), answer.leader_epoch, answer.end_offset)
    };
    for version in OffsetForLeaderEpochRequest::versions() {
        for pair in began.windows(2) {
            assert_eq!(end(version, pair[0].0, -1), (OK, pair[0].0, pair[1].1), "version {version}");
        }
        assert_eq!(end(version, current, -1), (OK, current, 6));
        assert_eq!(end(version, current + 1, -1), (OK, -1, -1), "an epoch that is yet to come");
        assert_eq!(end(version, 0, current - 1), (ErrorCode::FENCED_LEADER_EPOCH, -1, -1));
        assert_eq!(end(version, 0, current + 1), (ErrorCode::UNKNOWN_LEADER_EPOCH, -1, -1));
    }
}

//! Tiered storage as clients see it, with a folder as the store.

use std::time::Duration;

use klamm::env::{Clock, Files, RealFiles};
use klamm::schema::ErrorCode;
use tempfile::TempDir;

use crate::offsets::{delete, list};
use crate::support::broker::TestBroker;
use crate::support::client::{Client, Topic, bytes_of};
use crate::support::{batches, wait_for};

const TIERED: &[(&str, &str)] = &[
    ("remote.storage.enable", "true"),
    ("internal.segment.bytes", "1000"),
    ("local.retention.bytes", "1"),
    ("file.delete.delay.ms", "0"),
];

fn start(store: &TempDir) -> TestBroker {
    let url = format!("klamm.remote.url=file://{}", store.path().display());
    TestBroker::with(&[
        "remote.log.storage.system.enable=true",
        &url,
        "remote.log.manager.task.interval.ms=50",
        "klamm.remote.sweep.grace.ms=1000",
    ])
}

/// Appends `count` batches of one record each.
fn fill(broker: &TestBroker, client: &mut Client, topic: &Topic, count: i64) {
    for _ in 0..count {
        client.append(topic, 0, &batches::at(&[broker.clock.now().get()]));
    }
}

/// Waits until the local disk begins at or after `offset`, and gives where.
fn local_start(client: &mut Client, topic: &Topic, offset: i64) -> i64 {
    wait_for("segments to leave the local disk", || {
        let start = list(client, 11, topic, 0, -4).1;
        (start >= offset).then_some(start)
    })
}

/// Everything from `from` up to `end`, as a consumer reads it.
fn consume(client: &mut Client, topic: &Topic, from: i64, end: i64) -> Vec<i64> {
    let mut seen: Vec<i64> = Vec::new();
    wait_for("all records", || {
        let next = seen.last().map_or(from, |last| last + 1);
        if next >= end {
            return Some(());
        }
        let data = client.fetch(topic, 0, next);
        assert_eq!(data.error_code, 0, "at {next}");
        seen.extend(batches::offsets(bytes_of(&data)));
        None
    });
    seen
}

fn objects(store: &TempDir) -> Vec<String> {
    let mut folders = vec![store.path().to_owned()];
    let mut names = Vec::new();
    while let Some(folder) = folders.pop() {
        // A folder may go while one looks.
        for entry in RealFiles.list(&folder).unwrap_or_default() {
            let path = folder.join(&entry.name);
            if entry.is_dir { folders.push(path) } else { names.push(path.display().to_string()) }
        }
    }
    names
}

#[test]
fn a_consumer_reads_what_has_left_the_disk_as_if_it_were_there() {
    let store = tempfile::tempdir().unwrap();
    let mut broker = start(&store);
    let mut client = broker.client();
    let topic = client.topic("t", 1, TIERED);
    let begun = broker.clock.now().get();
    fill(&broker, &mut client, &topic, 100);
    let local = local_start(&mut client, &topic, 85);
    assert_eq!(consume(&mut client, &topic, 0, 100), (0..100).collect::<Vec<_>>());
    assert_eq!(consume(&mut client, &topic, 42, 100), (42..100).collect::<Vec<_>>());
    let data = client.fetch(&topic, 0, 0);
    assert_eq!((data.log_start_offset, data.high_watermark), (0, 100));
    assert_eq!(list(&mut client, 11, &topic, 0, -2).1, 0, "earliest");
    assert_eq!(list(&mut client, 11, &topic, 0, -1).1, 100, "latest");
    assert_eq!(list(&mut client, 11, &topic, 0, begun).1, 0, "by time");
    assert_eq!(list(&mut client, 11, &topic, 0, -5).1, local - 1, "latest tiered");
    assert_eq!(list(&mut client, 11, &topic, 0, -6).1, local, "earliest that is not tiered");
    broker.stop();
    broker.run();
    let mut client = broker.client();
    assert_eq!(consume(&mut client, &topic, 0, 100), (0..100).collect::<Vec<_>>(), "after a restart");
    assert_eq!(list(&mut client, 11, &topic, 0, -2).1, 0);
    broker.crash();
    broker.run();
    let mut client = broker.client();
    fill(&broker, &mut client, &topic, 20);
    assert_eq!(consume(&mut client, &topic, 0, 120), (0..120).collect::<Vec<_>>(), "after a crash");
}

#[test]
fn deletion_and_retention_reach_the_bucket() {
    let store = tempfile::tempdir().unwrap();
    let broker = start(&store);
    let mut client = broker.client();
    let topic = client.topic("t", 1, TIERED);
    fill(&broker, &mut client, &topic, 60);
    local_start(&mut client, &topic, 45);
    assert_eq!(delete(&mut client, 2, &topic, &[(0, 30)]), [(ErrorCode::NONE, 30)]);
    assert_eq!(client.fetch(&topic, 0, 29).error_code, ErrorCode::OFFSET_OUT_OF_RANGE.code());
    assert_eq!(consume(&mut client, &topic, 30, 60), (30..60).collect::<Vec<_>>());
    assert_eq!(list(&mut client, 11, &topic, 0, -2).1, 30);
    broker.clock.advance(Duration::from_secs(100));
    client.configure(2, "t", &[("retention.ms", "50000")]);
    wait_for("expiry", || (list(&mut client, 11, &topic, 0, -2).1 > 30).then_some(()));
    client.delete_topic("t");
    wait_for("an empty bucket", || {
        objects(&store).iter().all(|name| !name.contains("/topics/")).then_some(())
    });
}

#[test]
fn options_are_refused_as_kafka_refuses_them() {
    let store = tempfile::tempdir().unwrap();
    let broker = start(&store);
    let mut client = broker.client();
    client.topic("t", 1, TIERED);
    let invalid = ErrorCode::INVALID_CONFIG.code();
    let off = [("remote.storage.enable", "false")];
    assert_eq!(client.try_configure(2, "t", &off).0, invalid);
    assert_eq!(client.try_configure(2, "t", &[("remote.log.copy.disable", "true")]).0, invalid);
    let keep = [("remote.log.copy.disable", "true"), ("local.retention.bytes", "-2")];
    client.configure(2, "t", &keep);
    client.configure(2, "t", &[off[0], ("remote.log.delete.on.disable", "true")]);
    let plain = TestBroker::start();
    let mut client = plain.client();
    client.topic("t", 1, &[]);
    assert_eq!(client.try_configure(2, "t", &[("remote.storage.enable", "true")]).0, invalid);
}

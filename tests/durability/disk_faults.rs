//! A log directory that fails goes offline as a whole; the broker goes on while it can.
use std::io::ErrorKind;
use std::time::{Duration, Instant};

use klamm::env::{Fault, FaultOp, MemoryFiles};
use klamm::schema::ErrorCode;

use super::broker::{TestBroker, wait_for};
use super::client::{Client, batch};

fn one() -> Vec<u8> {
    batch(None, &["v".to_owned()])
}

fn fail(files: &MemoryFiles, op: FaultOp, path: &str) {
    let fault = Fault { op, path: path.to_owned(), skip: 0, times: 1, kind: ErrorKind::Other };
    files.inject(fault);
}

/// A broker with the directories /a (which holds the metadata) and /b, and a topic in each: names and ids.
fn two_directories(files: &MemoryFiles) -> (TestBroker, [([u8; 16], &'static str); 2]) {
    let broker =
        TestBroker::start(files.for_a_run(), &["log.dirs=/a,/b", "metadata.log.dir=/a", "num.partitions=1"]);
    let mut client = broker.client();
    for name in ["x", "y"] {
        assert_eq!(client.create(name, 2, &[]).unwrap(), ErrorCode::NONE);
    }
    let ids = client.topics().unwrap();
    (broker, [(ids["x"], "x"), (ids["y"], "y")])
}

/// Which directory holds a partition.
fn is_in(files: &MemoryFiles, dir: &str, topic: &str, partition: i32) -> bool {
    use klamm::env::Files;
    files.metadata(format!("{dir}/{topic}-{partition}").as_ref()).is_ok()
}

fn code_of(client: &mut Client, topic: ([u8; 16], &str), partition: i32) -> ErrorCode {
    client.produce(topic, partition, &one()).unwrap().0
}

#[test]
fn a_failed_flush_takes_its_directory_offline_and_wakes_who_waits_there() {
    let files = MemoryFiles::new(1);
    let (broker, topics) = two_directories(&files);
    let all = || topics.iter().flat_map(|topic| [(*topic, 0), (*topic, 1)]);
    let in_b: Vec<_> = all().filter(|(topic, p)| is_in(&files, "/b", topic.1, *p)).collect();
    let in_a: Vec<_> = all().filter(|(topic, p)| is_in(&files, "/a", topic.1, *p)).collect();
    assert!(in_b.len() == 2 && in_a.len() == 2, "they are spread");
    let mut client = broker.client();
    for (topic, partition) in all() {
        assert_eq!(code_of(&mut client, topic, partition), ErrorCode::NONE);
    }
    // A long poll on the partition that is not hit itself.
    let ((failing, at), (waiting, there)) = (in_b[0], in_b[1]);
    let mut other = broker.client();
    let poll = std::thread::spawn(move || {
        let begun = Instant::now();
        let answer = other.fetch(waiting, there, 1, 15_000).unwrap();
        (answer.0, begun.elapsed())
    });
    std::thread::sleep(Duration::from_millis(100));
    fail(&files, FaultOp::Sync, &format!("/b/{}-{at}", failing.1));
    assert_eq!(code_of(&mut client, failing, at), ErrorCode::KAFKA_STORAGE_ERROR);
    let (code, waited) = poll.join().unwrap();
    assert_eq!(code, ErrorCode::KAFKA_STORAGE_ERROR, "the parked fetch");
    assert!(waited < Duration::from_secs(10), "it was woken, after {waited:?}");
    for (topic, partition) in in_b {
        assert_eq!(code_of(&mut client, topic, partition), ErrorCode::KAFKA_STORAGE_ERROR);
    }
    for (topic, partition) in in_a {
        assert_eq!(code_of(&mut client, topic, partition), ErrorCode::NONE, "the other directory works");
        let read = client.fetch(topic, partition, 0, 0).unwrap();
        assert_eq!((read.0, read.2.len()), (ErrorCode::NONE, 2));
    }
    assert_eq!(client.create("later", 2, &[]).unwrap(), ErrorCode::NONE, "new partitions go where they can");
    let id = client.topics().unwrap()["later"];
    assert_eq!(code_of(&mut client, (id, "later"), 1), ErrorCode::NONE);
}

#[test]
fn losing_the_directory_of_the_metadata_ends_the_broker() {
    let files = MemoryFiles::new(2);
    let (broker, _) = two_directories(&files);
    fail(&files, FaultOp::Sync, "/a/__cluster_metadata-0");
    let mut client = broker.client();
    let answer = client.create("z", 1, &[]);
    assert!(answer.is_err() || answer.unwrap() != ErrorCode::NONE, "it is not on disk");
    assert!(broker.failure().contains("__cluster_metadata"), "it says what failed");
}

#[test]
fn a_data_error_in_the_metadatas_directory_ends_the_broker_too() {
    let files = MemoryFiles::new(3);
    let (broker, topics) = two_directories(&files);
    let (topic, partition) = topics
        .iter()
        .flat_map(|topic| [(*topic, 0), (*topic, 1)])
        .find(|(topic, p)| is_in(&files, "/a", topic.1, *p))
        .unwrap();
    fail(&files, FaultOp::Write, &format!("/a/{}-{partition}", topic.1));
    assert_eq!(code_of(&mut broker.client(), topic, partition), ErrorCode::KAFKA_STORAGE_ERROR);
    assert!(!broker.failure().is_empty());
}

#[test]
fn losing_the_last_directory_ends_the_broker() {
    let files = MemoryFiles::new(4);
    let broker = TestBroker::start(files.for_a_run(), &["log.dirs=/data"]);
    let mut client = broker.client();
    assert_eq!(client.create("t", 1, &[]).unwrap(), ErrorCode::NONE);
    let id = client.topics().unwrap()["t"];
    fail(&files, FaultOp::Sync, "/data/t-0");
    assert_eq!(code_of(&mut client, (id, "t"), 0), ErrorCode::KAFKA_STORAGE_ERROR);
    assert!(broker.failure().contains("flush"), "{}", broker.failure());
}

#[test]
fn a_damaged_partition_stays_offline_and_whole_while_the_others_are_served() {
    let files = MemoryFiles::new(5);
    let start = || TestBroker::start(files.for_a_run(), &["log.dirs=/data"]);
    let broker = start();
    let mut client = broker.client();
    assert_eq!(client.create("t", 2, &[]).unwrap(), ErrorCode::NONE);
    let id = client.topics().unwrap()["t"];
    for partition in 0..2 {
        assert_eq!(code_of(&mut client, (id, "t"), partition), ErrorCode::NONE);
    }
    broker.stop();
    let path = std::path::Path::new("/data/t-0/00000000000000000000.log");
    {
        use klamm::env::{Files, OpenMode};
        // As after a crash, and with a flipped bit in what was durable.
        files.remove_file("/data/.kafka_cleanshutdown".as_ref()).unwrap();
        let file = files.open(path, OpenMode::ReadWrite).unwrap();
        file.set_len(file.len().unwrap() - 1).unwrap();
    }
    let len = || klamm::env::Files::metadata(&files, path).unwrap().len;
    let before = len();
    // Twice: the second start still knows what was durable.
    for _ in 0..2 {
        let broker = start();
        let mut client = broker.client();
        assert_eq!(code_of(&mut client, (id, "t"), 0), ErrorCode::KAFKA_STORAGE_ERROR);
        assert_eq!(code_of(&mut client, (id, "t"), 1), ErrorCode::NONE);
        // A deletion elsewhere writes the checkpoints.
        assert_eq!(client.create("other", 1, &[]).unwrap(), ErrorCode::NONE);
        assert_eq!(client.delete("other").unwrap(), ErrorCode::NONE);
        files.kill();
        drop(broker);
        assert_eq!(len(), before, "nothing was cut");
    }
    let broker = start();
    let mut client = broker.client();
    assert_eq!(client.delete("t").unwrap(), ErrorCode::NONE);
    wait_for("its name is free", || (!is_in(&files, "/data", "t", 0)).then_some(()));
    assert_eq!(client.create("t", 1, &[]).unwrap(), ErrorCode::NONE);
    let id = client.topics().unwrap()["t"];
    assert_eq!(code_of(&mut client, (id, "t"), 0), ErrorCode::NONE);
}

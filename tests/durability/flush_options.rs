//! `flush.messages` and `flush.ms`, for each topic.
use klamm::env::MemoryFiles;
use klamm::schema::ErrorCode;

use super::broker::{TestBroker, wait_for};
use super::client::batch;

fn one() -> Vec<u8> {
    batch(None, &["v".to_owned()])
}

#[test]
fn a_topic_may_be_flushed_by_count_or_by_time() {
    let files = MemoryFiles::new(1);
    let broker = TestBroker::start(files.for_a_run(), &["log.dirs=/data"]);
    let mut client = broker.client();
    let topics: [(&str, &[(&str, &str)]); 3] = [
        ("by-count", &[("flush.messages", "10")]),
        ("by-time", &[("flush.messages", "1000000"), ("flush.ms", "300")]),
        ("never", &[("flush.messages", "1000000")]),
    ];
    for (name, configs) in topics {
        assert_eq!(client.create(name, 1, configs).unwrap(), ErrorCode::NONE);
    }
    let ids = client.topics().unwrap();
    let durable = |name: &str| {
        let partition = broker.partition(ids[name]);
        (partition.bounds().durable.get(), partition.high_watermark().get())
    };
    for count in 1..=9 {
        for (name, _) in topics {
            assert_eq!(client.produce((ids[name], name), 0, &one()).unwrap(), (ErrorCode::NONE, count - 1));
            assert_eq!(durable(name).1, count, "visible as soon as it is written");
        }
    }
    wait_for("the flush by time", || (durable("by-time").0 == 9).then_some(()));
    assert_eq!((durable("by-count").0, durable("never").0), (0, 0));
    for (name, _) in topics {
        client.produce((ids[name], name), 0, &one()).unwrap();
    }
    wait_for("the flush by count", || (durable("by-count").0 == 10).then_some(()));
    assert_eq!(durable("never").0, 0);
    // Durability first, from now on: the reply means that what was outstanding is on disk.
    assert_eq!(client.set("never", "flush.messages", "1").unwrap(), ErrorCode::NONE);
    assert_eq!(durable("never"), (10, 10));
    assert_eq!(client.produce(((ids["never"]), "never"), 0, &one()).unwrap(), (ErrorCode::NONE, 10));
    assert_eq!(durable("never"), (11, 11));
}

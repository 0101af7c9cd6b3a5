//! Retention as clients see it: a prefix, exact to the batch.

use std::time::Duration;

use klamm::env::Clock;
use klamm::schema::ErrorCode;

use crate::offsets::{delete, list};
use crate::support::broker::TestBroker;
use crate::support::client::{Client, Topic, bytes_of};
use crate::support::{batches, wait_for};

fn append_now(broker: &TestBroker, client: &mut Client, topic: &Topic) -> i64 {
    client.append(topic, 0, &batches::at(&[broker.clock.now().get()]))
}

#[test]
fn an_expired_batch_is_not_served_and_its_reader_goes_on_behind_it() {
    let broker = TestBroker::start();
    let mut client = broker.client();
    let topic = client.topic("t", 1, &[("retention.ms", "60000")]);
    for _ in 0..3 {
        append_now(&broker, &mut client, &topic);
        broker.clock.advance(Duration::from_secs(25));
    }
    // 75, 50 and 25 s old.
    let data = client.fetch(&topic, 0, 0);
    assert_eq!((data.error_code, data.log_start_offset), (0, 1), "at once");
    assert_eq!(batches::offsets(bytes_of(&data)), [1, 2]);
    assert_eq!(list(&mut client, 11, &topic, 0, -2).1, 1);
    broker.clock.advance(Duration::from_secs(60));
    assert_eq!(client.offsets(&topic, 0, 3), [0i64; 0]);
    wait_for("the timer", || (list(&mut client, 11, &topic, 0, -2).1 == 3).then_some(()));
    assert_eq!(append_now(&broker, &mut client, &topic), 3, "offsets go on");
    assert_eq!(client.offsets(&topic, 0, 3), [3]);
}

#[test]
fn below_a_deletion_is_out_of_range() {
    let broker = TestBroker::start();
    let mut client = broker.client();
    let topic = client.topic("t", 1, &[("retention.ms", "60000")]);
    for _ in 0..4 {
        append_now(&broker, &mut client, &topic);
        broker.clock.advance(Duration::from_secs(25));
    }
    delete(&mut client, 2, &topic, &[(0, 1)]);
    assert_eq!(client.fetch(&topic, 0, 0).error_code, ErrorCode::OFFSET_OUT_OF_RANGE.code());
    assert_eq!(client.offsets(&topic, 0, 1), [2, 3], "but what only expired is a gap");
}

#[test]
fn by_size_what_stays_is_at_least_the_limit() {
    let broker = TestBroker::start();
    let mut client = broker.client();
    let size = batches::sized(1000).len();
    let limit = (2 * size).to_string();
    let topic = client.topic("t", 1, &[("retention.bytes", &limit)]);
    for n in 0..5 {
        assert_eq!(client.append(&topic, 0, &batches::sized(1000)), n);
    }
    assert_eq!(client.offsets(&topic, 0, 0), [3, 4]);
    client.configure(2, "t", &[("retention.bytes", &(2 * size - 1).to_string())]);
    assert_eq!(client.offsets(&topic, 0, 0), [3, 4], "one batch alone would be too little");
    client.configure(2, "t", &[("retention.bytes", &size.to_string())]);
    assert_eq!(client.offsets(&topic, 0, 0), [4]);
}

#[test]
fn a_compacted_topic_keeps_all() {
    let broker = TestBroker::start();
    let mut client = broker.client();
    let topic = client.topic("t", 1, &[("cleanup.policy", "compact"), ("retention.ms", "1000")]);
    let keyed = [(Some("k"), Some("v"), broker.clock.now().get())];
    client.append(&topic, 0, &batches::with(&keyed, klamm::record::Compression::NONE));
    broker.clock.advance(Duration::from_secs(1000));
    assert_eq!(client.offsets(&topic, 0, 0), [0]);
}

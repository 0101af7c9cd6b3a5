//! Options that are altered while the broker runs take effect.

use std::time::Duration;

use klamm::env::Clock;
use klamm::schema::ErrorCode;
use klamm::schema::clients::alter_configs_request::{self as whole, AlterConfigsRequest};
use klamm::schema::clients::describe_configs_request::{DescribeConfigsRequest, DescribeConfigsResource};
use klamm::schema::clients::incremental_alter_configs_request::{
    AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest,
};
use klamm::schema::clients::metadata_request::MetadataRequest;

use crate::support::broker::TestBroker;
use crate::support::client::{Ask, Client, produce};
use crate::support::{batches, wait_for};

const TOPIC: i8 = 2;
const BROKER: i8 = 4;

/// Value and source of an option.
fn described(
    client: &mut Client,
    version: i16,
    kind: i8,
    resource: &str,
    name: &str,
) -> (Option<String>, i8) {
    let resources = vec![DescribeConfigsResource {
        resource_type: kind,
        resource_name: resource.into(),
        configuration_keys: Some(vec![name.into()]),
        ..Default::default()
    }];
    let reply = client.ask(version, &DescribeConfigsRequest { resources, ..Default::default() });
    let result = &reply.results[0];
    assert_eq!((result.error_code, result.configs.len()), (0, 1), "{:?}", result.error_message);
    (result.configs[0].value.as_deref().map(str::to_owned), result.configs[0].config_source)
}

#[test]
fn every_version_sets_and_tells() {
    let broker = TestBroker::start();
    let mut client = broker.client();
    client.topic("t", 1, &[]);
    let value = |n: i16| (Some(format!("{}", 1000 + n)), 1);
    for version in IncrementalAlterConfigsRequest::versions() {
        let number = (1000 + version).to_string();
        let set = |name: &'static str| AlterableConfig {
            name: name.into(),
            config_operation: 0,
            value: Some((&*number).into()),
            ..Default::default()
        };
        let resource = |resource_name: &'static str, config| AlterConfigsResource {
            resource_type: TOPIC,
            resource_name: resource_name.into(),
            configs: vec![config],
            ..Default::default()
        };
        let resources = vec![
            resource("t", set("retention.ms")),
            resource("none", set("retention.ms")),
            resource("t2", set("nonsense")),
        ];
        client.topic("t2", 1, &[]);
        let reply = client.ask(version, &IncrementalAlterConfigsRequest { resources, ..Default::default() });
        client.delete_topic("t2");
        let codes: Vec<_> = reply.responses.iter().map(|r| ErrorCode(r.error_code)).collect();
        let want = [ErrorCode::NONE, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, ErrorCode::INVALID_CONFIG];
        assert_eq!(codes, want, "each for itself");
        for version in DescribeConfigsRequest::versions() {
            assert_eq!(
                described(&mut client, version, TOPIC, "t", "retention.ms"),
                value(number.parse::<i16>().unwrap() - 1000)
            );
        }
    }
    for version in AlterConfigsRequest::versions() {
        let configs = vec![whole::AlterableConfig {
            name: "segment.ms".into(),
            value: Some("5000".into()),
            ..Default::default()
        }];
        let resources = vec![whole::AlterConfigsResource {
            resource_type: TOPIC,
            resource_name: "t".into(),
            configs,
            ..Default::default()
        }];
        let reply = client.ask(version, &AlterConfigsRequest { resources, ..Default::default() });
        assert_eq!(reply.responses[0].error_code, 0);
        let (_, source) = described(&mut client, 4, TOPIC, "t", "retention.ms");
        assert_eq!(source, 5, "what the request does not name is the default again");
    }
}

#[test]
fn an_option_of_the_broker_is_the_default_of_topics_at_once_and_after_a_restart() {
    let mut broker = TestBroker::start();
    let mut client = broker.client();
    let plain = client.topic("plain", 1, &[]);
    let own = client.topic("own", 1, &[("max.message.bytes", "1000000")]);
    client.configure(BROKER, "", &[("message.max.bytes", "500")]);
    let large = batches::sized(1000);
    let too_large = ErrorCode::MESSAGE_TOO_LARGE.code();
    assert_eq!(client.produce(&plain, 0, &large).error_code, too_large);
    client.append(&own, 0, &large);
    client.configure(BROKER, "1", &[("message.max.bytes", "5000")]);
    client.append(&plain, 0, &large);
    client.configure(BROKER, "1", &[("message.max.bytes", "")]);
    assert_eq!(client.produce(&plain, 0, &large).error_code, too_large, "the default of all brokers again");
    broker.kill();
    broker.run();
    let mut client = broker.client();
    assert_eq!(client.produce(&plain, 0, &large).error_code, too_large);
    let new = client.topic("new", 1, &[]);
    assert_eq!(client.produce(&new, 0, &large).error_code, too_large, "a new one too");
}

#[test]
fn retention_follows_topic_and_broker() {
    let broker = TestBroker::start();
    let mut client = broker.client();
    let topic = client.topic("t", 1, &[]);
    client.append(&topic, 0, &batches::at(&[broker.clock.now().get()]));
    broker.clock.advance(Duration::from_secs(100));
    assert_eq!(client.offsets(&topic, 0, 0), [0]);
    client.configure(TOPIC, "t", &[("retention.ms", "200000")]);
    client.configure(BROKER, "", &[("log.retention.ms", "50000")]);
    assert_eq!(client.offsets(&topic, 0, 0), [0], "the topic's own counts");
    client.configure(TOPIC, "t", &[("retention.ms", "")]);
    assert_eq!(client.offsets(&topic, 0, 0), [0i64; 0]);
}

#[test]
fn flushing_each_message_is_switched_off_and_on() {
    let broker = TestBroker::start();
    let mut client = broker.client();
    let topic = client.topic("t", 1, &[("flush.messages", "1000000")]);
    // The metadata's own flushes are over with the reply.
    let before = broker.files.syncs();
    for _ in 0..20 {
        client.append(&topic, 0, &batches::count(1));
    }
    assert_eq!(broker.files.syncs(), before, "nothing is flushed");
    client.configure(TOPIC, "t", &[("flush.messages", "1")]);
    let before = broker.files.syncs();
    for n in 0..20 {
        client.append(&topic, 0, &batches::count(1));
        assert!(broker.files.syncs() > before + n, "each is flushed before its reply");
    }
}

#[test]
fn what_is_acknowledged_with_a_flush_survives_a_power_cut() {
    let mut broker = TestBroker::start();
    let mut client = broker.client();
    let topic = client.topic("t", 1, &[("flush.messages", "1000000")]);
    client.append(&topic, 0, &batches::count(5));
    client.configure(TOPIC, "t", &[("flush.messages", "1")]);
    client.append(&topic, 0, &batches::count(1));
    broker.crash();
    broker.run();
    assert_eq!(broker.client().offsets(&topic, 0, 0), [0, 1, 2, 3, 4, 5]);
}

#[test]
fn the_advertised_address_is_altered_while_clients_ask() {
    let broker = TestBroker::start();
    let mut client = broker.client();
    let mut address = |version| {
        let reply = client.ask(version, &MetadataRequest::default());
        (reply.brokers[0].host.to_string(), reply.brokers[0].port)
    };
    let own = ("127.0.0.1".to_owned(), i32::from(broker.address().port()));
    for version in MetadataRequest::versions() {
        assert_eq!(address(version), own);
    }
    let mut admin = broker.client();
    admin.configure(BROKER, "1", &[("advertised.listeners", "PLAINTEXT://kafka.example:1234")]);
    assert_eq!(address(13), ("kafka.example".to_owned(), 1234));
    let (code, message) = admin.try_configure(BROKER, "1", &[("advertised.listeners", "OTHER://x:1")]);
    assert_ne!(code, 0, "{message:?}");
    admin.configure(BROKER, "1", &[("advertised.listeners", "")]);
    assert_eq!(address(13), own);
}

#[test]
fn connection_limits_are_altered_while_the_broker_runs_and_outlive_it() {
    let mut broker = TestBroker::start();
    let mut first = broker.client();
    let refused = |broker: &TestBroker| {
        let mut client = broker.client();
        client.send(13, &MetadataRequest::default());
        client.receive_raw().is_none()
    };
    assert!(!refused(&broker));
    first.configure(BROKER, "", &[("max.connections.per.ip", "1")]);
    wait_for("the limit", || refused(&broker).then_some(()));
    first.ask_latest(&MetadataRequest::default());
    first.configure(BROKER, "", &[("max.connections.per.ip.overrides", "127.0.0.1:100")]);
    wait_for("the exception", || (!refused(&broker)).then_some(()));
    first.configure(BROKER, "", &[("max.connections.per.ip.overrides", "")]);
    broker.stop();
    broker.run();
    let mut first = broker.client();
    first.ask_latest(&MetadataRequest::default());
    wait_for("the limit after a restart", || refused(&broker).then_some(()));
    first.configure(BROKER, "", &[("max.connections.per.ip", "")]);
    wait_for("no limit", || (!refused(&broker)).then_some(()));
}

#[test]
fn what_needs_a_restart_or_protects_is_refused() {
    let broker = TestBroker::start();
    let mut client = broker.client();
    for (name, value) in [
        ("num.partitions", "3"),
        ("log.dirs", "/elsewhere"),
        ("message.max.bytes", "-1"),
        ("message.max.bytes", "many"),
        ("max.connection.creation.rate", "5"),
        ("listeners", "PLAINTEXT://127.0.0.1:1"),
        ("cordoned.log.dirs", "/data"),
    ] {
        for resource in ["", "1"] {
            let (code, message) = client.try_configure(BROKER, resource, &[(name, value)]);
            assert!(code != 0 && message.is_some(), "{name}={value} on {resource:?}");
        }
    }
    let (code, _) = client.try_configure(BROKER, "7", &[("message.max.bytes", "5")]);
    assert_ne!(code, 0, "another broker");
}

#[test]
fn a_topic_can_ask_for_more_replicas_than_there_are() {
    let broker = TestBroker::start();
    let mut client = broker.client();
    let topic = client.topic("t", 1, &[("min.insync.replicas", "2")]);
    let batch = batches::count(1);
    let mut code = |acks| {
        let reply = client.ask(13, &produce(&topic, acks, &[(0, &batch)]));
        ErrorCode(reply.responses[0].partition_responses[0].error_code)
    };
    assert_eq!((code(-1), code(1)), (ErrorCode::NOT_ENOUGH_REPLICAS, ErrorCode::NONE));
}

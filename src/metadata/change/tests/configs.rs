//! AlterConfigs and IncrementalAlterConfigs.

use super::*;
use crate::schema::ErrorCode as E;
use crate::schema::clients::alter_configs_request as full;
use crate::schema::clients::create_topics_request::{CreatableTopic, CreateTopicsRequest};
use crate::schema::clients::incremental_alter_configs_request::*;

fn with_topic() -> Image {
    let mut image = cluster();
    let topic =
        CreatableTopic { name: "t".into(), num_partitions: 1, replication_factor: 1, ..Default::default() };
    let request = CreateTopicsRequest { topics: vec![topic], ..Default::default() };
    let made = with_settings(|site| create_topics(&image, &request, site, ids()));
    replay(&mut image, &made.records);
    image
}

type Step = (&'static str, i8, Option<&'static str>);

fn resource(kind: ResourceKind, name: &'static str, steps: &[Step]) -> AlterConfigsResource<'static> {
    let step = |(name, config_operation, value): &Step| AlterableConfig {
        name: (*name).into(),
        config_operation: *config_operation,
        value: value.map(Into::into),
        ..Default::default()
    };
    let configs = steps.iter().map(step).collect();
    AlterConfigsResource { resource_type: kind.0, resource_name: name.into(), configs, ..Default::default() }
}

use crate::metadata::ResourceKind;
const TOPIC: ResourceKind = ResourceKind::TOPIC;
const BROKER: ResourceKind = ResourceKind::BROKER;
const GROUP: ResourceKind = ResourceKind::GROUP;
const METRICS: ResourceKind = ResourceKind::CLIENT_METRICS;
const LOGGER: ResourceKind = ResourceKind::BROKER_LOGGER;
const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;
const SUBTRACT: i8 = 3;

fn alter(image: &mut Image, resources: Vec<AlterConfigsResource<'_>>) -> Vec<E> {
    let request = IncrementalAlterConfigsRequest { resources, ..Default::default() };
    let got = with_settings(|site| incremental_alter_configs(image, &request, site));
    replay(image, &got.records);
    assert!(got.reply.responses.iter().all(|r| r.error_message.is_some() == (r.error_code != 0)));
    got.reply.responses.iter().map(|r| E(r.error_code)).collect()
}

#[test]
fn each_request_has_kafkas_answer() {
    let cases: &[(ResourceKind, &'static str, &[Step], E)] = &[
        (TOPIC, "t", &[("retention.ms", SET, Some("5"))], E::NONE),
        (TOPIC, "t", &[], E::NONE),
        (TOPIC, "nope", &[("retention.ms", SET, Some("5"))], E::UNKNOWN_TOPIC_OR_PARTITION),
        (TOPIC, "__cluster_metadata", &[("retention.ms", SET, Some("5"))], E::UNKNOWN_TOPIC_OR_PARTITION),
        (TOPIC, "a/b", &[("retention.ms", SET, Some("5"))], E::INVALID_TOPIC_EXCEPTION),
        (TOPIC, "", &[("retention.ms", SET, Some("5"))], E::INVALID_REQUEST),
        (TOPIC, "t", &[("nope", SET, Some("5"))], E::INVALID_CONFIG),
        (TOPIC, "t", &[("nope", DELETE, None)], E::NONE),
        (TOPIC, "t", &[("retention.ms", SET, Some("x"))], E::INVALID_CONFIG),
        (TOPIC, "t", &[("retention.ms", SET, None)], E::INVALID_REQUEST),
        (TOPIC, "t", &[("retention.ms", DELETE, Some("1"))], E::NONE),
        (TOPIC, "t", &[("retention.ms", APPEND, Some("1"))], E::INVALID_CONFIG),
        (TOPIC, "t", &[("cleanup.policy", APPEND, None)], E::INVALID_REQUEST),
        (TOPIC, "t", &[("cleanup.policy", APPEND, Some("zap"))], E::INVALID_CONFIG),
        (TOPIC, "t", &[("cleanup.policy", SUBTRACT, Some("delete"))], E::NONE),
        (
            TOPIC,
            "t",
            &[("retention.ms", SET, Some("1")), ("retention.ms", SET, Some("2"))],
            E::INVALID_REQUEST,
        ),
        (TOPIC, "t", &[("retention.ms", SET, Some("8")), ("nope", SET, Some("1"))], E::INVALID_CONFIG),
        (BROKER, "1", &[("log.cleaner.threads", SET, Some("2"))], E::NONE),
        (BROKER, "1", &[("process.roles", SET, Some("broker"))], E::INVALID_REQUEST),
        (BROKER, "1", &[("nope", SET, Some("x"))], E::NONE),
        (BROKER, "7", &[("log.cleaner.threads", SET, Some("2"))], E::INVALID_REQUEST),
        (BROKER, "x", &[("log.cleaner.threads", SET, Some("2"))], E::INVALID_REQUEST),
        (BROKER, "1", &[("log.cleaner.threads", SET, Some("x"))], E::INVALID_REQUEST),
        (BROKER, "", &[("log.retention.ms", SET, Some("100000"))], E::NONE),
        (BROKER, "", &[("advertised.listeners", SET, Some("PLAINTEXT://x:1"))], E::INVALID_REQUEST),
        (BROKER, "", &[("min.insync.replicas", DELETE, None)], E::INVALID_CONFIG),
        (BROKER, "1", &[("min.insync.replicas", SET, Some("1"))], E::INVALID_CONFIG),
        (LOGGER, "1", &[("kafka", SET, Some("DEBUG"))], E::INVALID_CONFIG),
        (GROUP, "g", &[("consumer.session.timeout.ms", SET, Some("45000"))], E::NONE),
        (GROUP, "g", &[("consumer.session.timeout.ms", SET, Some("1"))], E::INVALID_CONFIG),
        (GROUP, "g", &[("nope", SET, Some("1"))], E::INVALID_CONFIG),
        (GROUP, "", &[("consumer.session.timeout.ms", SET, Some("45000"))], E::INVALID_REQUEST),
        (METRICS, "m", &[("interval.ms", SET, Some("1000"))], E::NONE),
        (METRICS, "m", &[("interval.ms", SET, Some("1"))], E::INVALID_REQUEST),
        (METRICS, "m", &[("nope", SET, Some("1"))], E::INVALID_REQUEST),
        (METRICS, "", &[("interval.ms", SET, Some("1000"))], E::INVALID_REQUEST),
        (ResourceKind(0), "x", &[("nope", SET, Some("1"))], E::INVALID_REQUEST),
        (ResourceKind(99), "x", &[("nope", SET, Some("1"))], E::INVALID_REQUEST),
    ];
    for (kind, name, steps, code) in cases {
        let mut image = with_topic();
        let before = image.clone();
        assert_eq!(
            alter(&mut image, vec![resource(*kind, name, steps)]),
            [*code],
            "{kind:?} {name} {steps:?}"
        );
        if *code != E::NONE {
            assert_eq!(image, before, "{kind:?} {name} {steps:?}");
        }
    }
}

#[test]
fn steps_lead_from_value_to_value() {
    let mut image = with_topic();
    let steps: [(&'static str, i8, Option<&'static str>, Option<&str>); 8] = [
        ("cleanup.policy", APPEND, Some("compact"), Some("delete,compact")),
        ("cleanup.policy", APPEND, Some("compact"), Some("delete,compact")),
        ("cleanup.policy", SUBTRACT, Some("delete"), Some("compact")),
        ("cleanup.policy", SUBTRACT, Some("compact"), Some("")),
        ("cleanup.policy", DELETE, None, None),
        ("retention.ms", SET, Some("5"), Some("5")),
        ("retention.ms", SET, Some("6"), Some("6")),
        ("retention.ms", DELETE, None, None),
    ];
    for (name, operation, value, want) in steps {
        assert_eq!(alter(&mut image, vec![resource(TOPIC, "t", &[(name, operation, value)])]), [E::NONE]);
        let got = image.configs().of_topic("t").get(name).map(String::as_str);
        assert_eq!(got, want, "{name} {operation} {value:?}");
    }
}

#[test]
fn a_resource_that_stands_twice_is_refused_and_the_others_pass() {
    let mut image = with_topic();
    let set = |value| resource(TOPIC, "t", &[("retention.ms", SET, Some(value))]);
    let codes = alter(&mut image, vec![set("1"), set("2"), resource(GROUP, "g", &[])]);
    assert_eq!(codes, [E::INVALID_REQUEST, E::INVALID_REQUEST, E::NONE]);
}

#[test]
fn the_older_request_replaces_all_that_is_set() {
    let mut image = with_topic();
    alter(
        &mut image,
        vec![resource(TOPIC, "t", &[("retention.ms", SET, Some("5")), ("segment.ms", SET, Some("9"))])],
    );
    let ask = |image: &Image,
               kind: ResourceKind,
               name: &'static str,
               configs: &[(&'static str, Option<&'static str>)],
               validate_only| {
        let config = |(name, value): &(&'static str, Option<&'static str>)| full::AlterableConfig {
            name: (*name).into(),
            value: value.map(Into::into),
            ..Default::default()
        };
        let resource = full::AlterConfigsResource {
            resource_type: kind.0,
            resource_name: name.into(),
            configs: configs.iter().map(config).collect(),
            ..Default::default()
        };
        let request =
            full::AlterConfigsRequest { resources: vec![resource], validate_only, ..Default::default() };
        let got = with_settings(|site| alter_configs(image, &request, site));
        (E(got.reply.responses[0].error_code), got.records)
    };
    let (code, records) = ask(&image, TOPIC, "t", &[("retention.ms", Some("55"))], true);
    assert_eq!((code, records.len()), (E::NONE, 0));
    let refused = [
        ask(&image, TOPIC, "t", &[("retention.ms", None)], false),
        ask(&image, TOPIC, "t", &[("a", Some("1")), ("a", Some("1"))], false),
        ask(&image, LOGGER, "1", &[("kafka", Some("DEBUG"))], false),
    ];
    assert_eq!(refused, std::array::from_fn(|_| (E::INVALID_REQUEST, Vec::new())));
    assert_eq!(ask(&image, TOPIC, "t", &[("nope", Some("1"))], false).0, E::INVALID_CONFIG);
    let (_, records) = ask(&image, TOPIC, "t", &[("retention.ms", Some("55"))], false);
    replay(&mut image, &records);
    let set: Vec<_> = image.configs().of_topic("t").iter().map(|(k, v)| (&**k, &**v)).collect();
    assert_eq!(set, [("retention.ms", "55")]);
}

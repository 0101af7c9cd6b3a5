//! Settings at run time: what is refused, as a Kafka 4.4.0 refuses it.
use super::{layers, overrides, settings};
use crate::config::{
    BrokerTarget, ConfigError, Overrides, Scope, append_to_list, subtract_from_list, validate_broker_change,
    validate_broker_dynamic, validate_broker_overrides, validate_client_metrics_config,
    validate_group_config, validate_topic_config, validate_topic_overrides,
};

#[test]
fn topic_options() {
    let cases = [
        ("retention.ms", "-1", true),
        ("retention.ms", "-5", false),
        ("retention.ms", "x", false),
        ("retention.ms", "", false),
        ("segment.bytes", "1", false),
        ("cleanup.policy", "foo", false),
        ("cleanup.policy", "", true),
        ("cleanup.policy", "compact,compact", true),
        ("message.timestamp.type", "foo", false),
        ("max.message.bytes", "9999999999", false),
        ("preallocate", "maybe", false),
        ("preallocate", "TRUE ", true),
        ("min.cleanable.dirty.ratio", "2", false),
        ("compression.gzip.level", "0", false),
        ("compression.gzip.level", "10", false),
        ("compression.type", "none", false),
        ("flush.ms", " 77 ", true),
        ("leader.replication.throttled.replicas", "a", false),
        ("leader.replication.throttled.replicas", "*", true),
        ("leader.replication.throttled.replicas", "1:2,3:4", true),
        ("internal.segment.bytes", "1000", true),
        ("remote.storage.enable", "true", true),
        ("message.format.version", "3.0-IV1", false),
        ("max.decompressed.message.bytes", "0", false),
        ("errors.deadletterqueue.group.enable", "true", true),
        ("min.insync.replicas", "3", true),
        ("nope", "1", false),
    ];
    for (name, value, is_allowed) in cases {
        assert_eq!(validate_topic_config(name, value).is_ok(), is_allowed, "{name}={value}");
    }
    let why = validate_topic_config("retention.m", "1").unwrap_err();
    assert_eq!(
        why,
        ConfigError::InvalidConfig("there is no topic option retention.m; did you mean retention.ms?".into())
    );
    let why = validate_topic_config("retention.ms", "-5").unwrap_err().to_string();
    assert_eq!(why, "retention.ms: `-5` is not allowed, it must be a whole number of 64 bits, -1 or more");
}

#[test]
fn topic_options_that_contradict() {
    let (fixed, none) = (settings(""), Overrides::new());
    let check =
        |pairs: &[(&str, &str)]| validate_topic_overrides(&layers(&fixed, &none), &overrides(pairs)).is_ok();
    assert!(check(&[]));
    assert!(check(&[("min.compaction.lag.ms", "5"), ("max.compaction.lag.ms", "5")]));
    assert!(!check(&[("min.compaction.lag.ms", "10"), ("max.compaction.lag.ms", "5")]));
    assert!(!check(&[("retention.ms", "x")]));
}

#[test]
fn broker_options() {
    use BrokerTarget::{ClusterDefault, OneBroker};
    let cases = [
        ("log.retention.ms", "777", OneBroker, true),
        ("log.retention.ms", "777", ClusterDefault, true),
        ("log.retention.hours", "3", OneBroker, false),
        ("node.id", "3", OneBroker, false),
        ("broker.rack", "r", OneBroker, false),
        ("nope", "3", OneBroker, true),
        ("custom.thing", "1", ClusterDefault, true),
        ("ssl.keystore.password", "s", OneBroker, false),
        ("listener.name.x.ssl.keystore.password", "s", OneBroker, true),
        ("listener.name.x.ssl.keystore.password", "s", ClusterDefault, false),
        ("message.max.bytes", "abc", OneBroker, false),
        ("log.segment.bytes", "1", OneBroker, false),
        ("leader.replication.throttled.rate", "100", OneBroker, true),
        ("listener.name.plaintext.max.connections", "100", OneBroker, true),
        ("sasl.jaas.config", "x", OneBroker, true),
        ("listeners", "PLAINTEXT://:1", ClusterDefault, false),
        ("advertised.listeners", "PLAINTEXT://h:1", OneBroker, true),
        ("max.connections.per.ip.overrides", "127.0.0.1:xx", ClusterDefault, false),
        ("max.connections.per.ip.overrides", "127.0.0.1:9", ClusterDefault, true),
    ];
    for (name, value, target, is_allowed) in cases {
        let got = validate_broker_dynamic(name, value, target);
        assert_eq!(got.is_ok(), is_allowed, "{name}={value} {target:?}");
        assert!(matches!(got, Ok(()) | Err(ConfigError::InvalidRequest(_))), "{name}");
    }
}

#[test]
fn broker_options_as_a_whole() {
    let (fixed, none) = (settings("listeners=PLAINTEXT://:9092\nnode.id=1"), Overrides::new());
    let cases = [
        ("advertised.listeners", "PLAINTEXT://h:1", true),
        ("advertised.listeners", "SSL://h:1", false),
        ("advertised.listeners", "PLAINTEXT://0.0.0.0:1", false),
        ("advertised.listeners", "h:1", false),
        ("listeners", "SSL://h:1", false),
        ("max.connection.creation.rate", "5", false),
        ("max.connections", "5", true),
        ("log.cleaner.dedupe.buffer.size", "1048576", false),
        ("log.cleaner.dedupe.buffer.size", "1048577", true),
        ("log.cleaner.dedupe.buffer.size", "-1", false),
        ("log.cleaner.threads", "0", false),
        ("log.cleaner.threads", "127", true),
        ("log.cleaner.threads", "128", false),
    ];
    for (name, value, is_allowed) in cases {
        let broker = overrides(&[(name, value)]);
        let after = crate::config::Layers { broker: &broker, ..layers(&fixed, &none) };
        assert_eq!(validate_broker_overrides(&after).is_ok(), is_allowed, "{name}={value}");
    }
}

#[test]
fn cleaner_threads_move_in_steps() {
    let (fixed, none) = (settings(""), Overrides::new());
    // As Kafka 4.4.0 answers.
    let cases = [("1", "2", true), ("1", "3", false), ("2", "5", false), ("2", "4", true), ("4", "1", false)];
    let more = [("4", "2", true), ("3", "1", true), ("4", "4", true), ("1", "0", false)];
    for (old, new, is_allowed) in cases.into_iter().chain(more) {
        let (old, new) =
            (overrides(&[("log.cleaner.threads", old)]), overrides(&[("log.cleaner.threads", new)]));
        let before = crate::config::Layers { cluster: &old, ..layers(&fixed, &none) };
        let after = crate::config::Layers { cluster: &new, ..layers(&fixed, &none) };
        assert_eq!(validate_broker_change(&before, &after).is_ok(), is_allowed, "{old:?} -> {new:?}");
    }
}

#[test]
fn group_options_stay_within_the_brokers_limits() {
    let (fixed, none) = (settings(""), Overrides::new());
    let cases = [
        ("consumer.session.timeout.ms", "50000", true),
        ("consumer.session.timeout.ms", "1", false),
        ("consumer.session.timeout.ms", "60001", false),
        ("streams.num.standby.replicas", "3", false),
        ("share.record.lock.duration.ms", "60001", false),
        ("share.auto.offset.reset", "by_duration:x", false),
        ("share.auto.offset.reset", "by_duration:PT1H", true),
        ("nope", "1", false),
    ];
    for (name, value, is_allowed) in cases {
        assert_eq!(
            validate_group_config(&layers(&fixed, &none), name, value).is_ok(),
            is_allowed,
            "{name}={value}"
        );
    }
}

#[test]
fn subscriptions_to_metrics() {
    let cases = [
        ("interval.ms", "1", Some("request")),
        ("interval.ms", "1000", None),
        ("nope", "1", Some("request")),
        ("match", "x", Some("config")),
        ("match", "client_id=a", None),
        ("metrics", "a,b", None),
    ];
    for (name, value, want) in cases {
        let got = validate_client_metrics_config(name, value).err().map(|e| match e {
            ConfigError::InvalidRequest(_) => "request",
            ConfigError::InvalidConfig(_) => "config",
        });
        assert_eq!(got, want, "{name}={value}");
    }
}

#[test]
fn lists_grow_and_shrink() {
    let add = |current, added| append_to_list(Scope::Topic, "cleanup.policy", current, added).unwrap();
    let take = |current, taken| subtract_from_list(Scope::Topic, "cleanup.policy", current, taken).unwrap();
    assert_eq!(add("compact", "delete"), "compact,delete");
    assert_eq!(add("compact", "compact"), "compact");
    assert_eq!(add("", "delete"), "delete");
    assert_eq!(take("compact,delete", "compact"), "delete");
    assert_eq!(take("compact", "delete"), "compact");
    assert_eq!(take("compact", "compact"), "");
    assert!(append_to_list(Scope::Topic, "retention.ms", "1", "2").is_err());
    assert!(subtract_from_list(Scope::Topic, "nope", "1", "2").is_err());
}

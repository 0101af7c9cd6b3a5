//! Layers and what DescribeConfigs tells of them. The expected answers are those that a Kafka 4.4.0 gave
//! after the same settings.
use super::{layers, overrides, settings};
use crate::config::{
    CleanupPolicy, CompressionType, Described, Layers, Overrides, TopicConfig, Type, describe_broker,
    describe_client_metrics, describe_cluster_default, describe_group, describe_topic,
};

/// One entry as a line: value, source, and its trail.
fn line(entries: &[Described], name: &str) -> String {
    let entry = entries.iter().find(|e| e.name == name).unwrap_or_else(|| panic!("{name} is not described"));
    let trail: Vec<String> = entry
        .synonyms
        .iter()
        .map(|s| format!("{}:{}={}", s.source.code(), s.name, s.value.as_deref().unwrap_or("null")))
        .collect();
    format!("{} {} {}", entry.value.as_deref().unwrap_or("null"), entry.source.code(), trail.join(" "))
}

#[test]
fn a_topic_is_described_as_kafka_does() {
    let fixed = settings("log.retention.hours=100\nlog.retention.minutes=5000");
    let broker = overrides(&[
        ("log.retention.ms", "777"),
        ("log.flush.interval.ms", "100"),
        ("log.roll.ms", "123456"),
    ]);
    let cluster = overrides(&[("log.retention.ms", "888"), ("unclean.leader.election.enable", "true")]);
    let layers = Layers { fixed: &fixed, cluster: &cluster, broker: &broker };
    let topic = overrides(&[
        ("retention.ms", "12345"),
        ("cleanup.policy", "compact"),
        ("flush.ms", " 77 "),
        ("preallocate", "TRUE "),
    ]);
    let got = describe_topic(&layers, &topic);
    let cases = [
        (
            "retention.ms",
            "12345 1 1:retention.ms=12345 2:log.retention.ms=777 3:log.retention.ms=888 4:log.retention.minutes=5000 4:log.retention.hours=100 5:log.retention.hours=168",
        ),
        (
            "flush.ms",
            "77 1 1:flush.ms=77 2:log.flush.interval.ms=100 5:log.flush.scheduler.interval.ms=9223372036854775807",
        ),
        ("segment.ms", "123456 2 2:log.roll.ms=123456 5:log.roll.hours=168"),
        ("cleanup.policy", "compact 1 1:cleanup.policy=compact 5:log.cleanup.policy=delete"),
        ("preallocate", "true 1 1:preallocate=true 5:log.preallocate=false"),
        (
            "unclean.leader.election.enable",
            "true 3 3:unclean.leader.election.enable=true 5:unclean.leader.election.enable=false",
        ),
        ("segment.bytes", "1073741824 5 5:log.segment.bytes=1073741824"),
        ("segment.jitter.ms", "0 5 "),
        ("remote.storage.enable", "false 5 "),
        ("flush.messages", "1 5 5:log.flush.interval.messages=1"),
    ];
    for (name, want) in cases {
        assert_eq!(line(&got, name), want, "{name}");
    }
    assert!(got.iter().all(|e| !e.is_read_only && !e.is_sensitive && e.doc.is_some()));
    assert!(got.iter().all(|e| e.name != "internal.segment.bytes"));
    assert_eq!(got.len(), 37);
}

#[test]
fn a_broker_is_described_as_kafka_does() {
    let fixed = settings(
        "num.io.threads=5\nlog.retention.hours=100\nlog.retention.minutes=5000\nnode.id=1\nnum.partitions=4\nmy.thing=x",
    );
    let broker = overrides(&[
        ("num.io.threads", "6"),
        ("log.retention.ms", "777"),
        ("max.connections", "5000"),
        ("listener.name.plaintext.max.connections", "100"),
        ("leader.replication.throttled.rate", "100"),
        ("nope", "3"),
        ("sasl.jaas.config", "x"),
    ]);
    let cluster = overrides(&[("num.io.threads", "7"), ("log.retention.ms", "888")]);
    let layers = Layers { fixed: &fixed, cluster: &cluster, broker: &broker };
    let got = describe_broker(&layers);
    let cases = [
        ("num.io.threads", "6 2 2:num.io.threads=6 3:num.io.threads=7 4:num.io.threads=5 5:num.io.threads=8"),
        (
            "log.retention.ms",
            "777 2 2:log.retention.ms=777 3:log.retention.ms=888 4:log.retention.minutes=5000 4:log.retention.hours=100 5:log.retention.hours=168",
        ),
        ("log.retention.hours", "100 4 4:log.retention.hours=100 5:log.retention.hours=168"),
        ("log.roll.ms", "null 5 "),
        ("log.roll.hours", "168 5 5:log.roll.hours=168"),
        ("num.partitions", "4 4 4:num.partitions=4 5:num.partitions=1"),
        ("broker.id", "1 4 4:broker.id=1 5:broker.id=-1"),
        ("nope", "null 2 2:nope=null"),
        ("my.thing", "null 4 4:my.thing=null"),
        ("sasl.jaas.config", "null 2 2:sasl.jaas.config=null"),
        ("leader.replication.throttled.rate", "100 2 2:leader.replication.throttled.rate=100"),
        (
            "listener.name.plaintext.max.connections",
            "100 2 2:listener.name.plaintext.max.connections=100 2:max.connections=5000 5:max.connections=2147483647",
        ),
        (
            "log.cleaner.io.max.bytes.per.second",
            "1.7976931348623157E308 5 5:log.cleaner.io.max.bytes.per.second=1.7976931348623157E308",
        ),
        ("broker.rack", "null 5 "),
    ];
    for (name, want) in cases {
        assert_eq!(line(&got, name), want, "{name}");
    }
    let flags = |name: &str| {
        let e = got.iter().find(|e| e.name == name).unwrap();
        (e.kind, e.is_read_only, e.is_sensitive, e.doc.is_some())
    };
    assert_eq!(flags("num.io.threads"), (Type::Int, false, false, true));
    assert_eq!(flags("node.id"), (Type::Int, true, false, true));
    assert_eq!(flags("ssl.keystore.password"), (Type::Password, false, true, true));
    assert_eq!(flags("nope"), (Type::Unknown, true, true, false));
    assert_eq!(flags("listener.name.plaintext.max.connections"), (Type::Int, true, false, false));
    assert!(got.iter().all(|e| e.name != "unstable.api.versions.enable"));
    const SHOWN_BY_KAFKA: usize = 350;
    let set_beyond_the_table = 4;
    let of_kafka = got.iter().filter(|e| !e.name.starts_with("klamm.")).count();
    assert_eq!(of_kafka, SHOWN_BY_KAFKA + set_beyond_the_table);
}

#[test]
fn the_cluster_default_holds_only_what_is_set() {
    let got = describe_cluster_default(&overrides(&[("num.io.threads", "7"), ("custom.thing", "1")]));
    assert_eq!(got.len(), 2);
    assert_eq!(line(&got, "num.io.threads"), "7 3 3:num.io.threads=7");
    assert_eq!(line(&got, "custom.thing"), "null 3 3:custom.thing=null");
}

#[test]
fn groups_and_subscriptions_are_described_as_kafka_does() {
    let (fixed, none) = (settings(""), Overrides::new());
    let group = overrides(&[
        ("consumer.session.timeout.ms", "50000"),
        ("share.auto.offset.reset", "by_duration:PT1H"),
    ]);
    let got = describe_group(&layers(&fixed, &none), &group);
    let cases = [
        (
            "consumer.session.timeout.ms",
            "50000 8 8:consumer.session.timeout.ms=50000 5:group.consumer.session.timeout.ms=45000",
        ),
        (
            "share.auto.offset.reset",
            "by_duration:PT1H 8 8:share.auto.offset.reset=by_duration:PT1H 5:share.auto.offset.reset=latest",
        ),
        ("share.isolation.level", "read_uncommitted 5 5:share.isolation.level=read_uncommitted"),
        ("streams.assignor.name", "sticky 5 5:group.streams.assignors=sticky"),
    ];
    for (name, want) in cases {
        assert_eq!(line(&got, name), want, "{name}");
    }
    assert_eq!(got.len(), 21);
    let got = describe_client_metrics(&overrides(&[("interval.ms", "1000")]));
    assert_eq!(got.iter().find(|e| e.name == "interval.ms").unwrap().source.code(), 7);
}

#[test]
fn a_topic_resolves_through_its_layers_and_units() {
    let none = Overrides::new();
    let resolve = |file: &str, topic: &[(&str, &str)]| {
        let fixed = settings(file);
        TopicConfig::resolve(&layers(&fixed, &none), &overrides(topic))
    };
    const DAY_MS: i64 = 86_400_000;
    let plain = resolve("", &[]);
    assert_eq!(plain.retention_ms, 7 * DAY_MS);
    assert_eq!(plain.segment_ms, 7 * DAY_MS);
    assert_eq!(plain.segment_bytes, 1 << 30);
    assert_eq!(plain.flush_ms, i64::MAX);
    assert_eq!(plain.cleanup_policy, CleanupPolicy { delete: true, compact: false });
    assert_eq!(plain.compression_type, CompressionType::Producer);
    assert_eq!(plain.local_retention(), (7 * DAY_MS, -1));
    assert!(plain.is_durable());
    assert_eq!(resolve("log.retention.hours=1", &[]).retention_ms, 3_600_000);
    assert_eq!(resolve("log.retention.hours=1\nlog.retention.minutes=1", &[]).retention_ms, 60_000);
    assert_eq!(resolve("log.retention.ms=5\nlog.retention.minutes=1", &[]).retention_ms, 5);
    for forever in ["log.retention.hours=-1", "log.retention.minutes=-7", "log.retention.ms=-7"] {
        assert_eq!(resolve(forever, &[]).retention_ms, -1, "{forever}");
    }
    assert_eq!(resolve("log.retention.ms=5", &[("retention.ms", "6")]).retention_ms, 6);
    assert_eq!(resolve("log.roll.jitter.hours=1", &[]).segment_jitter_ms, 3_600_000);
    assert_eq!(resolve("", &[("internal.segment.bytes", "1000")]).segment_bytes, 1000);
    assert!(!resolve("log.flush.interval.messages=10", &[]).is_durable());
    assert_eq!(resolve("min.insync.replicas=2", &[]).min_insync_replicas, 1);
    assert_eq!(resolve("", &[("min.insync.replicas", "2")]).min_insync_replicas, 2);
    let both = resolve("", &[("cleanup.policy", "compact,delete")]).cleanup_policy;
    assert_eq!(both, CleanupPolicy { delete: true, compact: true });
    // What another version may have stored is passed over.
    assert_eq!(resolve("", &[("retention.ms", "soon")]).retention_ms, 7 * DAY_MS);
}

#[test]
fn run_time_settings_go_before_the_file() {
    let fixed = settings("log.segment.bytes=2097152\nmax.connections=10");
    let (cluster, broker) =
        (overrides(&[("log.segment.bytes", "3145728")]), overrides(&[("max.connections", "20")]));
    let layers = Layers { fixed: &fixed, cluster: &cluster, broker: &broker };
    assert_eq!(TopicConfig::resolve(&layers, &Overrides::new()).segment_bytes, 3_145_728);
    assert_eq!(crate::config::BrokerConfig::resolve(&layers).max_connections, 20);
}

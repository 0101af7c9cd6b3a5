//! From texts to a configuration, and every complaint on the way.
use crate::config::{LogFormat, Place, ProduceValidation, SecurityProtocol, Severity, Sources, load};

fn file(text: &str) -> Sources<'_> {
    Sources { file: Some(("server.properties", text)), ..Default::default() }
}

/// Every remark on a file, one a line, with its severity.
fn remarks(text: &str) -> Vec<String> {
    let problems = match load(&file(text)) {
        Ok(loaded) => loaded.notices,
        Err(rejected) => rejected.problems,
    };
    problems.iter().map(|p| format!("{:?} {p}", p.severity)).collect()
}

#[test]
fn nothing_at_all_starts() {
    let loaded = load(&Sources::default()).unwrap();
    let c = loaded.broker;
    assert_eq!(loaded.notices, []);
    assert_eq!(c.node_id, 1);
    assert_eq!(
        c.listeners.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["PLAINTEXT://127.0.0.1:9092"]
    );
    assert_eq!(c.advertised_listeners, None);
    assert_eq!(c.log_dirs, ["./klamm-data"]);
    assert_eq!(c.metadata_log_dir, "./klamm-data");
    assert_eq!(c.queued_max_request_bytes, 64 << 20);
    assert_eq!(c.socket_request_max_bytes, 100 << 20);
    assert_eq!(c.offsets_topic_replication_factor, 1);
    assert_eq!(c.klamm_produce_validation, ProduceValidation::Record);
    assert_eq!(c.klamm_log_format, LogFormat::Auto);
    assert_eq!(loaded.cluster_id, None);
}

#[test]
fn later_sources_win() {
    let env = |k: &str, v: &str| (k.to_owned(), v.to_owned());
    let environment = [
        env("KAFKA_NUM_PARTITIONS", "3"),
        env("KAFKA_NODE_ID", "3"),
        env("KAFKA_HEAP_OPTS", "-Xmx1G"),
        env("HOME", "/root"),
        env("CLUSTER_ID", "4L6g3nShT-eMCtK--X86sw"),
    ];
    let overrides = ["num.partitions=4".to_owned()];
    let text = "num.partitions=2\nnode.id=2\nfetch.max.bytes = 2048 \n";
    let loaded = load(&Sources { environment: &environment, overrides: &overrides, ..file(text) }).unwrap();
    assert_eq!(loaded.broker.num_partitions, 4);
    assert_eq!(loaded.broker.node_id, 3);
    assert_eq!(loaded.broker.fetch_max_bytes, 2048);
    assert_eq!(loaded.settings.place("num.partitions"), Place::Override);
    assert_eq!(loaded.settings.place("node.id"), Place::Variable("KAFKA_NODE_ID".into()));
    assert_eq!(
        loaded.settings.place("fetch.max.bytes"),
        Place::File { name: "server.properties".into(), line: 3 }
    );
    assert_eq!(loaded.cluster_id.as_deref(), Some("4L6g3nShT-eMCtK--X86sw"));
    assert_eq!(loaded.notices, []);
}

#[test]
fn remarks_name_place_option_value_and_what_is_allowed() {
    let cases = [
        (
            "\nnum.partitions=0",
            "Error server.properties:2: num.partitions: `0` is not allowed, it must be a whole number of 32 bits, 1 or more",
        ),
        (
            "log.preallocate=yes",
            "Error server.properties:1: log.preallocate: `yes` is not allowed, it must be true or false",
        ),
        ("compression.type=none", "must be one of: uncompressed, zstd, lz4, snappy, gzip, producer"),
        (
            "num.partition=2",
            "Warning server.properties:1: there is no option num.partition; did you mean num.partitions?",
        ),
        ("retention.ms=1", "the broker's default for it is log.retention.ms"),
        ("qwertz=1", "Warning server.properties:1: there is no option qwertz"),
        (
            "num.partitions=2\nnum.partitions=3",
            "Warning server.properties:2: num.partitions stands on line 1 too",
        ),
        (
            "num.replica.fetchers=4",
            "Info server.properties:1: num.replica.fetchers has no effect: there is no traffic between brokers",
        ),
        ("zookeeper.connect=h:2181", "Info server.properties:1: zookeeper.connect has no effect"),
        ("add.partitions.to.txn.retry.backoff.ms=5", "not built yet"),
        ("ssl.keystore.password=geheim", "matters only to a listener that speaks SSL or SASL"),
        ("leader.replication.throttled.rate=1", "only be set at run time"),
        ("a=\\u12", "four hexadecimal digits"),
        (
            "offsets.topic.replication.factor=3",
            "Warning server.properties:1: offsets.topic.replication.factor: 3 counts as 1",
        ),
        ("min.insync.replicas=2", "Warning server.properties:1: min.insync.replicas: 2 counts as 1"),
        ("process.roles=broker", "Error server.properties:1: process.roles"),
        (
            "controller.quorum.voters=1@a:9093,2@b:9093,3@c:9093",
            "Error server.properties:1: controller.quorum.voters names other nodes (2@b:9093, 3@c:9093)",
        ),
        ("controller.quorum.voters=a:9093", "id@host:port"),
        ("controller.quorum.bootstrap.servers=a:9093,b:9093", "Warning"),
        ("node.id=1\nbroker.id=2", "Error server.properties:1: node.id is 1, but broker.id is 2"),
        ("broker.id=-2", "Error"),
        (
            "listeners=SSL://:9093",
            "Error server.properties:1: listeners: SSL://:9093 speaks SSL, which is not built yet",
        ),
        ("listeners=FOO://:9093", "add FOO:PLAINTEXT there"),
        ("listeners=CONTROLLER://:9093\ncontroller.listener.names=CONTROLLER", "none of them serves clients"),
        ("controller.listener.names=CONTROLLER", "Warning server.properties:1: controller.listener.names"),
        ("listener.security.protocol.map=A:B", "`B` is no security protocol"),
        (
            "advertised.listeners=OTHER://h:1\nlistener.security.protocol.map=OTHER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
            "belongs to no listener",
        ),
        ("advertised.listeners=PLAINTEXT://0.0.0.0:9092", "no client can reach"),
        (
            "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "Error server.properties:1: authorizer.class.name",
        ),
        ("max.connection.creation.rate=10", "Error"),
        ("listener.name.plaintext.max.connection.creation.rate=10", "Error"),
        ("client.quota.callback.class=x.Y", "Error"),
        ("max.connections.per.ip.overrides=h", "address:count"),
        ("log.retention.minutes=0", "Error server.properties:1: log.retention.minutes: `0`"),
        ("log.roll.ms=0", "Error server.properties:1: log.roll.ms: `0`"),
        ("log.roll.jitter.ms=-1", "Error server.properties:1: log.roll.jitter.ms: `-1`"),
        ("log.dirs=a,,b", "none may be empty"),
        ("log.dirs=a,a", "stands twice"),
        ("cordoned.log.dirs=/x", "not among log.dir"),
    ];
    for (text, want) in cases {
        let got = remarks(text);
        assert!(got.iter().any(|line| line.contains(want)), "{text}: {got:?}");
    }
}

#[test]
fn a_sensitive_value_is_never_repeated() {
    let text = "sasl.jaas.config=geheim\nssl.keystore.password=geheim\ndelegation.token.secret.key=geheim";
    assert!(remarks(text).iter().all(|line| !line.contains("geheim")));
}

#[test]
fn everything_wrong_is_told_at_once() {
    let text = "num.partitions=0\nnode.id=x\nlisteners=SSL://:1\nauthorizer.class.name=A\nnum.partition=1";
    let rejected = load(&file(text)).unwrap_err();
    assert_eq!(rejected.problems.iter().filter(|p| p.severity == Severity::Error).count(), 4);
    assert_eq!(rejected.to_string().lines().count(), 4);
}

#[test]
fn remarks_come_in_the_order_of_their_places() {
    let overrides = ["num.partitions=x".to_owned()];
    let text = "zzz.first=1\nnum.io.threads=x\nauthorizer.class.name=A\nbroker.rack=r\nbroker.rack=s";
    let rejected = load(&Sources { overrides: &overrides, ..file(text) }).unwrap_err();
    let places: Vec<String> = rejected.problems.iter().map(|p| p.place.to_string()).collect();
    let lines = [1, 2, 3, 5].map(|line| format!("server.properties:{line}"));
    assert_eq!(places[..4], lines);
    assert_eq!(places[4..], ["--override"]);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]

    /// Whatever stands in a file, the answer is a configuration or remarks on it.
    #[test]
    fn no_text_is_too_strange(text in "\\PC*", value in "\\PC*", pick in 0usize..400) {
        let option = crate::config::options_of(crate::config::Scope::Broker).nth(pick % 390).map_or("x", |o| o.name);
        let lines = format!("{text}\n{option}={value}\\u00");
        let _ = load(&file(&lines));
        let _ = load(&file(&format!("{option}={value}")));
        let _ = crate::config::option_of_variable(&format!("KAFKA_{text}"));
    }
}

#[test]
fn a_setting_that_equals_the_default_is_not_remarked_on() {
    let text = "num.network.threads=3\nnum.io.threads=8\ngroup.initial.rebalance.delay.ms=3000\n";
    assert_eq!(remarks(text), Vec::<String>::new());
}

#[test]
fn unprotected_is_allowed_only_by_its_own_option() {
    let text =
        "klamm.allow.unprotected=true\nlisteners=SASL_SSL://:9094,PLAINTEXT://:9092\nauthorizer.class.name=A";
    let loaded = load(&file(text)).unwrap();
    assert!(loaded.broker.listeners.iter().all(|e| e.protocol == SecurityProtocol::Plaintext));
    assert_eq!(loaded.notices.iter().filter(|p| p.severity == Severity::Warning).count(), 2);
}

#[test]
fn a_file_for_three_nodes_starts_on_one() {
    let text = "process.roles=broker,controller\nnode.id=2\ncontroller.quorum.bootstrap.servers=a:9093,b:9093,c:9093\n\
        listeners=PLAINTEXT://:9092,CONTROLLER://:9093\nadvertised.listeners=PLAINTEXT://b:9092,CONTROLLER://b:9093\n\
        controller.listener.names=CONTROLLER\ninter.broker.listener.name=PLAINTEXT\n\
        default.replication.factor=3\nmin.insync.replicas=2\noffsets.topic.replication.factor=3\n\
        transaction.state.log.replication.factor=3\ntransaction.state.log.min.isr=2\n";
    let loaded = load(&file(text)).unwrap();
    assert_eq!(loaded.notices.iter().filter(|p| p.severity == Severity::Warning).count(), 6);
    assert_eq!(loaded.broker.node_id, 2);
    assert_eq!(loaded.broker.default_replication_factor, 1);
    assert_eq!(loaded.broker.transaction_state_log_replication_factor, 1);
    let clients: Vec<String> = loaded.broker.client_listeners().map(ToString::to_string).collect();
    assert_eq!(clients, ["PLAINTEXT://:9092"]);
    assert!(loaded.broker.is_controller_listener("controller"));
    assert_eq!(loaded.broker.advertised_listeners.unwrap().len(), 2);
}

#[test]
fn either_id_sets_both() {
    for text in ["broker.id=7", "node.id=7", "node.id=7\nbroker.id=7"] {
        let loaded = load(&file(text)).unwrap();
        assert_eq!(loaded.broker.node_id, 7, "{text}");
        assert_eq!(loaded.settings.get("broker.id"), Some("7"), "{text}");
    }
}

#[test]
fn log_dir_stands_in_for_log_dirs() {
    for (text, want, metadata) in [
        ("log.dir=/a,/b", vec!["/a", "/b"], "/a"),
        ("log.dir=/a\nlog.dirs=/b", vec!["/b"], "/b"),
        ("log.dirs=/a\nmetadata.log.dir=/m", vec!["/a"], "/m"),
    ] {
        let loaded = load(&file(text)).unwrap();
        assert_eq!(loaded.broker.log_dirs, want, "{text}");
        assert_eq!(loaded.broker.metadata_log_dir, metadata, "{text}");
    }
}

#[test]
fn an_override_needs_a_name_and_a_value() {
    for bad in ["x", "=1", " =1"] {
        let overrides = [bad.to_owned()];
        assert!(load(&Sources { overrides: &overrides, ..Default::default() }).is_err(), "{bad}");
    }
}

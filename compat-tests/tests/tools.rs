//! Kafka's own command-line tools, many calls in one JVM.

use std::path::PathBuf;
use std::sync::MutexGuard;
use std::time::Duration;

use compat_tests::batch;
use compat_tests::broker::{Broker, Target};
use compat_tests::dynamic::hex;
use compat_tests::java::{Jvm, alone};
use compat_tests::programs::Ran;
use compat_tests::wire::Connection;
use compat_tests::{unique, wait_for};
use serde_json::{Value, json};

/// A broker stops in order within this.
const STOP: Duration = Duration::from_secs(10);

/// The tools, and the broker that they talk to.
struct Bench {
    jvm: MutexGuard<'static, Jvm>,
    target: Target,
}

impl Bench {
    fn new() -> Option<Self> {
        Some(Self { jvm: Jvm::shared()?, target: Target::start() })
    }

    fn call(&mut self, tool: &str, args: &[&str], input: &str) -> Ran {
        let address = self.target.address();
        let mut all = vec!["--bootstrap-server", &address];
        all.extend(args);
        self.jvm.call(tool, &all, input)
    }

    /// What a tool prints, if it ends well.
    fn good(&mut self, tool: &str, args: &[&str]) -> String {
        self.call(tool, args, "").good()
    }

    /// What a tool prints when it must fail.
    fn bad(&mut self, tool: &str, args: &[&str]) -> String {
        let ran = self.call(tool, args, "");
        assert_ne!(ran.code, Some(0), "{tool} {args:?} did not fail:\n{}\n{}", ran.out, ran.err);
        format!("{}{}", ran.out, ran.err)
    }

    fn create(&mut self, prefix: &str, partitions: &str) -> String {
        let topic = unique(prefix);
        let args = ["--create", "--topic", &topic, "--partitions", partitions, "--replication-factor", "1"];
        let out = self.good("kafka-topics", &args);
        assert!(out.contains(&format!("Created topic {topic}.")), "{out}");
        topic
    }

    fn produce(&mut self, topic: &str, more: &[&str], input: &str) {
        let mut args = vec![
            "--topic",
            topic,
            "--reader-property",
            "parse.key=true",
            "--reader-property",
            "parse.headers=true",
        ];
        args.extend(more);
        let ran = self.call("kafka-console-producer", &args, input);
        assert!(!ran.err.contains("ERROR"), "{}", ran.err);
        let _ = ran.good();
    }

    /// Partition, offset, headers, key and value of `count` records.
    fn consume(&mut self, topic: &str, from: &[&str], count: &str) -> String {
        let mut args = vec!["--topic", topic, "--max-messages", count, "--timeout-ms", "15000"];
        for print in ["partition", "offset", "headers", "key"] {
            args.extend([
                "--formatter-property",
                match print {
                    "partition" => "print.partition=true",
                    "offset" => "print.offset=true",
                    "headers" => "print.headers=true",
                    _ => "print.key=true",
                },
            ]);
        }
        args.extend(from);
        self.good("kafka-console-consumer", &args)
    }
}

fn has(text: &str, wanted: &[&str]) {
    for part in wanted {
        assert!(text.contains(part), "no {part:?} in:\n{text}");
    }
}

#[test]
fn topics() {
    let Some(mut bench) = Bench::new() else { return };
    let topic = bench.create("topics", "2");
    has(&bench.good("kafka-topics", &["--list"]), &[&topic]);
    has(&bench.bad("kafka-topics", &["--create", "--topic", &topic]), &["TopicExistsException"]);
    bench.good("kafka-topics", &["--create", "--topic", &topic, "--if-not-exists"]);
    let args = ["--create", "--topic", "too-many", "--replication-factor", "3"];
    has(&bench.bad("kafka-topics", &args), &["InvalidReplicationFactorException"]);
    has(&bench.bad("kafka-topics", &["--create", "--topic", "a/b"]), &["InvalidTopicException"]);
    bench.good("kafka-topics", &["--alter", "--topic", &topic, "--partitions", "3"]);
    let out = bench.good("kafka-topics", &["--describe", "--topic", &topic]);
    has(
        &out,
        &[
            &format!("Topic: {topic}"),
            "TopicId: ",
            "PartitionCount: 3",
            "ReplicationFactor: 1",
            "Partition: 2",
            "Leader: 1",
            "Replicas: 1",
            "Isr: 1",
        ],
    );
    has(
        &bench.bad("kafka-topics", &["--alter", "--topic", &topic, "--partitions", "1"]),
        &["InvalidPartitionsException"],
    );
    for filter in ["--under-replicated-partitions", "--unavailable-partitions", "--under-min-isr-partitions"]
    {
        assert_eq!(
            bench.good("kafka-topics", &["--describe", filter, "--topic", &topic]).trim(),
            "",
            "{filter}"
        );
    }
    let with = unique("with-configs");
    let args =
        ["--create", "--topic", &with, "--config", "retention.ms=1000", "--config", "cleanup.policy=compact"];
    bench.good("kafka-topics", &args);
    let out = bench.good("kafka-topics", &["--describe", "--topics-with-overrides"]);
    has(&out, &["retention.ms=1000", "cleanup.policy=compact"]);
    bench.good("kafka-topics", &["--delete", "--topic", &topic]);
    let out = bench.good("kafka-topics", &["--list"]);
    assert!(!out.lines().any(|l| l == topic), "{out}");
    has(&bench.bad("kafka-topics", &["--delete", "--topic", &topic]), &["does not exist"]);
}

#[test]
fn console_producer_and_consumer() {
    let Some(mut bench) = Bench::new() else { return };
    let topic = bench.create("console", "1");
    let mut expected = String::new();
    for (n, codec) in ["none", "gzip", "snappy", "lz4", "zstd"].iter().enumerate() {
        let lines: String = (0..20).map(|i| format!("n:{i},n:twice\tkey-{i}\t{codec}-{i}\n")).collect();
        bench.produce(&topic, &["--compression-codec", codec], &lines);
        for (i, line) in lines.lines().enumerate() {
            expected.push_str(&format!("Partition:0\tOffset:{}\t{line}\n", n * 20 + i));
        }
    }
    assert_eq!(bench.consume(&topic, &["--partition", "0", "--offset", "earliest"], "100"), expected);
    let tail = bench.consume(&topic, &["--partition", "0", "--offset", "97"], "3");
    assert_eq!(tail.lines().collect::<Vec<_>>(), expected.lines().skip(97).collect::<Vec<_>>());
    let isolated = ["--partition", "0", "--offset", "earliest", "--isolation-level", "read_committed"];
    assert_eq!(bench.consume(&topic, &isolated, "100"), expected);
    for acks in ["0", "1"] {
        bench.produce(&topic, &["--request-required-acks", acks], "a:b\tlast\tlast\n");
    }
    assert!(bench.consume(&topic, &["--partition", "0", "--offset", "100"], "2").lines().count() == 2);
}

#[test]
fn configs() {
    let Some(mut bench) = Bench::new() else { return };
    let topic = bench.create("configs", "1");
    let entity = ["--entity-type", "topics", "--entity-name", &topic];
    let run = |bench: &mut Bench, args: &[&str]| bench.good("kafka-configs", &[&entity[..], args].concat());
    has(
        &run(&mut bench, &["--alter", "--add-config", "retention.ms=5000,cleanup.policy=[compact,delete]"]),
        &["Completed updating config"],
    );
    let out = run(&mut bench, &["--describe"]);
    has(
        &out,
        &[
            "retention.ms=5000 sensitive=false",
            "DYNAMIC_TOPIC_CONFIG:retention.ms=5000",
            "cleanup.policy=compact,delete",
        ],
    );
    let out = run(&mut bench, &["--describe", "--all"]);
    has(
        &out,
        &[
            "segment.bytes=1073741824",
            "DEFAULT_CONFIG:log.segment.bytes=1073741824",
            "max.message.bytes=1048588",
        ],
    );
    run(&mut bench, &["--alter", "--delete-config", "retention.ms"]);
    let out = run(&mut bench, &["--describe"]);
    assert!(!out.contains("retention.ms"), "{out}");
    let out = bench.bad("kafka-configs", &[&entity[..], &["--alter", "--add-config", "no.such=1"]].concat());
    has(&out, &["InvalidConfigurationException"]);
    run(&mut bench, &["--alter", "--delete-config", "retention.ms"]);

    let broker = ["--entity-type", "brokers", "--entity-name", "1"];
    let run = |bench: &mut Bench, args: &[&str]| bench.good("kafka-configs", &[&broker[..], args].concat());
    run(&mut bench, &["--alter", "--add-config", "log.cleaner.threads=2"]);
    has(
        &run(&mut bench, &["--describe"]),
        &["log.cleaner.threads=2", "DYNAMIC_BROKER_CONFIG:log.cleaner.threads=2"],
    );
    has(
        &run(&mut bench, &["--describe", "--all"]),
        &["log.dirs=", "num.partitions=", "node.id=1", "STATIC_BROKER_CONFIG"],
    );
    run(&mut bench, &["--alter", "--delete-config", "log.cleaner.threads"]);
    let default = ["--entity-type", "brokers", "--entity-default"];
    bench.good(
        "kafka-configs",
        &[&default[..], &["--alter", "--add-config", "log.retention.ms=90000000"]].concat(),
    );
    let out = bench.good("kafka-configs", &[&default[..], &["--describe"]].concat());
    has(&out, &["log.retention.ms=90000000", "DYNAMIC_DEFAULT_BROKER_CONFIG"]);
    let out = bench.good("kafka-configs", &[&entity[..], &["--describe", "--all"]].concat());
    has(&out, &["retention.ms=90000000"]);
    bench
        .good("kafka-configs", &[&default[..], &["--alter", "--delete-config", "log.retention.ms"]].concat());
    has(
        &bench.bad("kafka-configs", &[&broker[..], &["--alter", "--add-config", "node.id=5"]].concat()),
        &["node.id"],
    );
}

#[test]
fn offsets_and_deleted_records() {
    let Some(mut bench) = Bench::new() else { return };
    let topic = bench.create("offsets", "2");
    bench.produce(&topic, &[], &(0..10).map(|i| format!("h:1\tsame\t{i}\n")).collect::<String>());
    let all = |bench: &mut Bench, time: &str| {
        let out = bench.good("kafka-get-offsets", &["--topic", &topic, "--time", time]);
        let mut offsets: Vec<String> =
            out.lines().map(|l| l.rsplit(':').next().unwrap_or_default().to_owned()).collect();
        offsets.sort();
        (offsets.join(" "), out)
    };
    // A partition without an answer is left out.
    for (time, expected) in [
        ("latest", "0 10"),
        ("-1", "0 10"),
        ("earliest", "0 0"),
        ("-2", "0 0"),
        ("earliest-local", "0 0"),
        ("1000", "0"),
    ] {
        let (offsets, out) = all(&mut bench, time);
        assert_eq!(offsets, expected, "{time}: {out}");
    }
    let (offsets, out) = all(&mut bench, "max-timestamp");
    assert!(offsets.split_whitespace().any(|o| o.parse().is_ok_and(|o: i32| o < 10)), "{out}");
    let (_, _) = all(&mut bench, "latest-tiered");

    let (_, out) = all(&mut bench, "latest");
    let full = out
        .lines()
        .find(|l| l.ends_with(":10"))
        .expect("one partition holds all")
        .split(':')
        .nth(1)
        .unwrap()
        .to_owned();
    let file = tempfile::NamedTempFile::new().unwrap();
    let json = format!(
        r#"{{"partitions": [{{"topic": "{topic}", "partition": {full}, "offset": 4}}], "version": 1}}"#
    );
    std::fs::write(file.path(), json).unwrap();
    let path = file.path().to_str().unwrap();
    let out = bench.good("kafka-delete-records", &["--offset-json-file", path]);
    has(&out, &[&format!("partition: {topic}-{full}\tlow_watermark: 4")]);
    let out = bench
        .good("kafka-get-offsets", &["--topic-partitions", &format!("{topic}:{full}"), "--time", "earliest"]);
    assert_eq!(out.trim(), format!("{topic}:{full}:4"));
    let json = format!(
        r#"{{"partitions": [{{"topic": "{topic}", "partition": {full}, "offset": 400}}], "version": 1}}"#
    );
    std::fs::write(file.path(), json).unwrap();
    let ran = bench.call("kafka-delete-records", &["--offset-json-file", path], "");
    has(&format!("{}{}", ran.out, ran.err), &["OffsetOutOfRange"]);
}

#[test]
fn cluster() {
    let Some(mut bench) = Bench::new() else { return };
    let topic = bench.create("cluster", "1");
    has(&bench.jvm_call("kafka-cluster", &["cluster-id"]), &["Cluster ID: "]);
    let out = bench.good("kafka-broker-api-versions", &[]);
    has(
        &out,
        &[
            "(id: 1 rack: null isFenced: false)",
            "Produce(0): 0 to ",
            "Fetch(1): 4 to ",
            "ApiVersions(18): 0 to ",
            "CreateTopics(19): 2 to 7",
        ],
    );
    let out = bench.good("kafka-log-dirs", &["--describe", "--topic-list", &topic]);
    has(
        &out,
        &[
            &format!(r#""partition":"{topic}-0""#),
            r#""offsetLag":0"#,
            r#""isFuture":false"#,
            r#""error":null"#,
        ],
    );
    let out = bench.good("kafka-metadata-quorum", &["describe", "--status"]);
    has(&out, &["ClusterId:", "LeaderId:", "LeaderEpoch:", "HighWatermark:", "CurrentVoters:"]);
    has(
        &bench.good("kafka-metadata-quorum", &["describe", "--replication"]),
        &["NodeId", "LogEndOffset", "Leader"],
    );
    let out = bench.good("kafka-features", &["describe"]);
    has(&out, &["Feature: metadata.version", "FinalizedVersionLevel: 4.3-IV0", "Epoch:"]);
    has(&bench.good("kafka-reassign-partitions", &["--list"]), &["No partition reassignments found."]);
    let out = bench.good(
        "kafka-leader-election",
        &["--election-type", "preferred", "--topic", &topic, "--partition", "0"],
    );
    has(&out, &["Valid replica already elected for partitions"]);
    has(&bench.good("kafka-topics", &["--describe", "--topic", &topic]), &["PartitionCount: 1"]);
}

impl Bench {
    /// A tool whose command comes before its options.
    fn jvm_call(&mut self, tool: &str, command: &[&str]) -> String {
        let address = self.target.address();
        let args: Vec<&str> = command.iter().copied().chain(["--bootstrap-server", &address]).collect();
        self.jvm.call(tool, &args, "").good()
    }

    fn dump(&mut self, files: &[PathBuf], more: &[&str]) -> String {
        let names: Vec<String> = files.iter().map(|f| f.display().to_string()).collect();
        let list = names.join(",");
        let args: Vec<&str> = ["--files", &list].into_iter().chain(more.iter().copied()).collect();
        self.jvm.call("kafka-dump-log", &args, "").good()
    }
}

#[test]
fn dump_log_reads_our_files() {
    let Some(mut bench) = Bench::new() else { return };
    let Some(data) = bench.target.data() else { return };
    let topic = bench.create("dumped", "1");
    let address = bench.target.address();
    // 1000 records of 500 bytes make some entries in the indexes.
    let args = [
        "--topic",
        &topic,
        "--num-records",
        "1000",
        "--record-size",
        "500",
        "--throughput",
        "-1",
        "--bootstrap-server",
        &address,
    ];
    has(&bench.jvm.call("kafka-producer-perf-test", &args, "").good(), &["1000 records sent"]);
    // Klamm writes its indexes in groups, and all of them when it stops.
    if let Target::Own(broker) = &mut bench.target {
        assert!(broker.process().terminate(STOP).success());
    }
    let folder = data.join(format!("{topic}-0"));
    let file = |name: &str| folder.join(format!("00000000000000000000.{name}"));
    let out = bench.dump(&[file("log")], &["--deep-iteration", "--print-data-log"]);
    has(&out, &["starting offset: 0", "isvalid: true", "offset: 999 ", "partitionLeaderEpoch: 0"]);
    assert!(!out.contains("isvalid: false"), "{out}");
    let out = bench.dump(&[file("index")], &["--index-sanity-check"]);
    has(&out, &["passed sanity check"]);
    let out = bench.dump(&[file("timeindex"), file("index")], &["--verify-index-only"]);
    assert!(!out.contains("Mismatches") && !out.contains("Found"), "{out}");
    let metadata = data.join("__cluster_metadata-0/00000000000000000000.log");
    let out = bench.dump(&[metadata], &["--cluster-metadata-decoder"]);
    has(
        &out,
        &[
            r#""type":"TOPIC_RECORD""#,
            &topic,
            r#""type":"PARTITION_RECORD""#,
            r#""type":"REGISTER_BROKER_RECORD""#,
            r#""type":"FEATURE_LEVEL_RECORD""#,
        ],
    );
}

#[test]
fn performance_and_verifiable_producers() {
    let Some(mut bench) = Bench::new() else { return };
    let topic = bench.create("load", "3");
    let address = bench.target.address();
    for property in ["acks=all", "acks=1", "compression.type=lz4"] {
        let args = [
            "--topic",
            &topic,
            "--num-records",
            "2000",
            "--record-size",
            "100",
            "--throughput",
            "-1",
            "--bootstrap-server",
            &address,
            "--command-property",
            property,
        ];
        let out = bench.jvm.call("kafka-producer-perf-test", &args, "").good();
        has(&out, &["2000 records sent", "records/sec"]);
    }
    let args = ["--topic", &topic, "--max-messages", "200", "--acks", "-1", "--bootstrap-server", &address];
    let out = alone("org.apache.kafka.tools.VerifiableProducer", &args).good();
    has(&out, &[r#""name":"tool_data""#, r#""sent":200"#, r#""acked":200"#]);
    let out = bench.good("kafka-get-offsets", &["--topic", &topic, "--time", "latest"]);
    let sum: i64 = out.lines().filter_map(|l| l.rsplit(':').next()?.parse::<i64>().ok()).sum();
    assert_eq!(sum, 6200, "{out}");
}

/// Sends requests of the old transaction protocol as they are, for what no client would do.
struct Raw(Connection);

impl Raw {
    fn ask(&mut self, api: &str, version: i16, request: &Value) -> Value {
        self.0.call(api, version, request).unwrap_or_else(|e| panic!("{api}: {e}"))
    }

    /// Takes a transactional id.
    fn take(&mut self, id: &str) -> (i64, i64) {
        let find = json!({"keyType": 1, "coordinatorKeys": [id]});
        let init = json!({"transactionalId": id, "transactionTimeoutMs": 600_000});
        wait_for("the producer's id", STOP, || {
            let _ = self.ask("FindCoordinator", 6, &find);
            let reply = self.ask("InitProducerId", 5, &init);
            let known = |name: &str| reply[name].as_i64().filter(|_| reply["errorCode"] == 0);
            known("producerId").zip(known("producerEpoch"))
        })
    }

    /// Writes in a transaction; a broker that does not ask the coordinator takes it.
    fn write(&mut self, id: &str, topic: &str, (producer, epoch): (i64, i64)) {
        let records = batch::build(&json!({"records": [["k", "v"]], "producerId": producer,
            "producerEpoch": epoch, "baseSequence": 0, "attributes": 16}));
        let data = json!([{"index": 0, "records": hex(&records)}]);
        let reply = self.ask(
            "Produce",
            11,
            &json!({"transactionalId": id, "acks": -1, "timeoutMs": 5000,
                "topicData": [{"name": topic, "partitionData": data}]}),
        );
        assert_eq!(reply["responses"][0]["partitionResponses"][0]["errorCode"], 0, "{reply}");
    }
}

#[test]
fn transactions() {
    let Some(mut bench) = Bench::new() else { return };
    // Only a broker that does not verify lets a transaction hang.
    bench.target = Target::Own(Broker::with(&["transaction.partition.verification.enable=false"]));
    let topic = bench.create("transactions", "2");
    let mut raw = Raw(Connection::open(&bench.target.address()).unwrap());
    has(&bench.good("kafka-transactions", &["list"]), &["TransactionalId"]);

    // An open transaction that the coordinator knows.
    let open = raw.take("open");
    let partitions = json!([{"name": topic, "partitions": [0]}]);
    let add = json!({"v3AndBelowTransactionalId": "open", "v3AndBelowProducerId": open.0,
        "v3AndBelowProducerEpoch": open.1, "v3AndBelowTopics": partitions});
    let _ = raw.ask("AddPartitionsToTxn", 3, &add);
    raw.write("open", &topic, open);
    let out = bench.good("kafka-transactions", &["list"]);
    has(&out, &["open", "Ongoing", &open.0.to_string()]);
    let out = bench.good("kafka-transactions", &["list", "--duration-filter", "3600000"]);
    assert!(!out.contains("Ongoing"), "{out}");
    has(&bench.good("kafka-transactions", &["list", "--transactional-id-pattern", "o.*"]), &["Ongoing"]);
    let out = bench.good("kafka-transactions", &["describe", "--transactional-id", "open"]);
    has(&out, &["Ongoing", "600000", &format!("{topic}-0")]);
    let where_to = ["--topic", &topic, "--partition", "0"];
    let out = bench.good("kafka-transactions", &[&["describe-producers"], &where_to[..]].concat());
    has(&out, &["CurrentTransactionStartOffset", &open.0.to_string()]);

    // Whoever holds the id is fenced, and its transaction aborted.
    let force = ["forceTerminateTransaction", "--transactionalId", "open"];
    let _ = bench.good("kafka-transactions", &force);
    wait_for("the abort", STOP, || {
        let out = bench.good("kafka-transactions", &["list", "--transactional-id-pattern", "open"]);
        (!out.contains("Ongoing") && !out.contains("Prepare")).then_some(())
    });

    // One that the coordinator does not know: only its partition does.
    let hanging = raw.take("hanging");
    raw.write("hanging", &topic, hanging);
    let find = |bench: &mut Bench| {
        let limit = ["--max-transaction-timeout", "1"];
        bench.good("kafka-transactions", &[&["find-hanging", "--topic", &topic], &limit[..]].concat())
    };
    has(&find(&mut bench), &[&topic, &hanging.0.to_string()]);
    let out = bench.good("kafka-transactions", &[&["describe-producers"], &where_to[..]].concat());
    let line = out.lines().find(|line| line.starts_with(&hanging.0.to_string())).expect("it is listed");
    let start = line.split_whitespace().last().expect("its first offset").to_owned();
    let abort = ["abort", "--topic", &topic, "--partition", "0", "--start-offset", &start];
    let _ = bench.good("kafka-transactions", &abort);
    let out = find(&mut bench);
    assert!(!out.contains(&hanging.0.to_string()), "{out}");
    // The partition is readable to its end again.
    let more = ["--isolation-level", "read_committed", "--from-beginning", "--timeout-ms", "3000"];
    let out = bench.call("kafka-console-consumer", &[&["--topic", &topic], &more[..]].concat(), "");
    has(&out.err, &["Processed a total of 0 messages"]);
    let failed = bench.bad("kafka-transactions", &abort);
    has(&failed, &["Could not find any open transactions"]);
}

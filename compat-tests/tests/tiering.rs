//! Stock consumers read topics of which most lies in an S3 bucket.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use compat_tests::broker::{Broker, klamm};
use compat_tests::java::Jvm;
use compat_tests::programs::{have, is_there, run};
use compat_tests::s3::{Mood, Proxy, S3};
use compat_tests::wait_for;
use compat_tests::wire::Connection;
use serde_json::json;

const LIMIT: Duration = Duration::from_secs(60);
const RECORDS: usize = 60_000;

struct Bench {
    s3: S3,
    proxy: Proxy,
    broker: Broker,
}

impl Bench {
    fn start() -> Option<Self> {
        if !have(&["kcat"]) || !speaks_s3() {
            return None;
        }
        let s3 = S3::start()?;
        let proxy = Proxy::before(s3.port());
        let endpoint = format!("http://127.0.0.1:{}", proxy.port());
        let environment = [
            ("AWS_ENDPOINT_URL", endpoint.as_str()),
            ("AWS_ACCESS_KEY_ID", "any"),
            ("AWS_SECRET_ACCESS_KEY", "any"),
            ("AWS_REGION", "us-east-1"),
        ];
        let options = [
            "remote.log.storage.system.enable=true",
            "klamm.remote.url=s3://klamm/some/prefix",
            "remote.log.manager.task.interval.ms=200",
            "remote.log.manager.task.retry.backoff.max.ms=1000",
        ];
        let broker = Broker::with_environment(&options, &environment);
        Some(Self { s3, proxy, broker })
    }

    fn create(&self, topic: &str) {
        let config = |name: &str, value: &str| json!({ "name": name, "value": value });
        let body = json!({
            "topics": [{
                "name": topic, "numPartitions": 1, "replicationFactor": 1, "assignments": [],
                "configs": [
                    config("remote.storage.enable", "true"),
                    config("segment.bytes", "1048576"),
                    config("local.retention.bytes", "1"),
                    config("file.delete.delay.ms", "0"),
                ],
            }],
            "timeoutMs": 10_000, "validateOnly": false,
        });
        let mut connection = Connection::open(&self.broker.address()).expect("the broker answers");
        let reply = connection.call("CreateTopics", 7, &body).expect("the broker answers");
        assert_eq!(reply["topics"][0]["errorCode"], 0, "{reply}");
    }

    fn kcat(&self, args: &[&str], input: &str) -> String {
        let address = self.broker.address();
        run(Command::new("kcat").args(["-q", "-b", &address]).args(args), input, LIMIT).good()
    }

    fn produce(&self, topic: &str, lines: &[String]) {
        let args = ["-P", "-t", topic, "-p", "0", "-X", "acks=all", "-X", "batch.size=16000"];
        let _ = self.kcat(&args, &lines.join("\n"));
    }

    fn consume(&self, topic: &str, from: &str) -> Vec<String> {
        let out = self.kcat(&["-C", "-t", topic, "-p", "0", "-o", from, "-e", "-X", "check.crcs=true"], "");
        out.lines().map(str::to_owned).collect()
    }

    /// Waits until at least nine tenths of `bytes` have left the local disk.
    fn leave(&self, topic: &str, bytes: u64) {
        let folder = self.broker.data().join(format!("{topic}-0"));
        wait_for("segments to leave the disk", LIMIT, || (local_bytes(&folder) <= bytes / 10).then_some(()));
    }
}

/// Whether the broker was built with `--features s3`.
fn speaks_s3() -> bool {
    let mut command = Command::new(klamm());
    command.args(["remote", "ls", "s3://klamm"]).env("AWS_ENDPOINT_URL", "http://127.0.0.1:1");
    let is_left_out = run(&mut command, "", LIMIT).err.contains("built without");
    is_there("a klamm with --features klamm/s3", !is_left_out)
}

fn local_bytes(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).expect("the partition has a folder").flatten();
    let logs = entries.filter(|entry| entry.path().extension().is_some_and(|e| e == "log"));
    logs.filter_map(|entry| entry.metadata().ok()).map(|metadata| metadata.len()).sum()
}

fn lines() -> Vec<String> {
    (0..RECORDS).map(|i| format!("line {i} {}", "x".repeat(i % 400))).collect()
}

#[test]
fn consumers_read_what_lies_in_the_bucket() {
    let Some(bench) = Bench::start() else { return };
    let (topic, lines) = ("tiered", lines());
    bench.create(topic);
    bench.produce(topic, &lines);
    let bytes: usize = lines.iter().map(String::len).sum();
    bench.leave(topic, bytes as u64);
    assert_eq!(bench.consume(topic, "beginning"), lines, "librdkafka, from the beginning");
    assert_eq!(bench.consume(topic, "31234"), lines[31234..], "librdkafka, from the middle");
    assert_eq!(bench.consume(topic, "s@1"), lines, "librdkafka, by timestamp");
    if let Some(mut jvm) = Jvm::shared() {
        let address = bench.broker.address();
        let count = RECORDS.to_string();
        let args = [
            "--bootstrap-server",
            &address,
            "--topic",
            topic,
            "--from-beginning",
            "--max-messages",
            &count,
            "--isolation-level",
            "read_committed",
        ];
        let out = jvm.call("kafka-console-consumer", &args, "").good();
        assert_eq!(out.lines().collect::<Vec<_>>(), lines, "Java, read_committed");
    }
}

#[test]
fn faults_of_the_store_delay_uploads_and_heal_by_themselves() {
    let Some(mut bench) = Bench::start() else { return };
    let lines = lines();
    for mood in [Mood::Refuse, Mood::SlowDown, Mood::Cut] {
        let topic = format!("{mood:?}").to_lowercase();
        bench.create(&topic);
        bench.proxy.set(mood);
        bench.produce(&topic, &lines);
        assert_eq!(bench.consume(&topic, "beginning"), lines, "{mood:?}: what is here is served");
        bench.proxy.set(Mood::Pass);
        let bytes: usize = lines.iter().map(String::len).sum();
        bench.leave(&topic, bytes as u64);
        assert_eq!(bench.consume(&topic, "beginning"), lines, "{mood:?}: and from the bucket");
    }
    bench.broker.kill();
    bench.broker.restart();
    assert_eq!(bench.consume("cut", "beginning"), lines, "after a kill");
    let claims = bench.s3.names().iter().filter(|name| name.contains("/writers/")).count();
    assert_eq!(claims, 2, "each start has claimed the prefix");
}

//! `klamm bench` against a broker through a real socket: what it says it did is what the broker has.
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test that cannot go on fails")]

mod support;

use std::process::{Command, Output};

use serde_json::Value;
use support::broker::TestBroker;

fn run(broker: &TestBroker, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_klamm"));
    command.arg("bench").args(arguments).env("KLAMM_BOOTSTRAP_SERVER", broker.address().to_string());
    command.output().expect("the program runs")
}

/// What a load that must succeed reports.
fn report(broker: &TestBroker, arguments: &[&str]) -> Value {
    let output = run(broker, &[arguments, &["--json"]].concat());
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments:?}: {complaint}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// Complaint of a load that must fail.
fn fails(broker: &TestBroker, arguments: &[&str]) -> String {
    let output = run(broker, arguments);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}");
    String::from_utf8(output.stderr).expect("text")
}

#[test]
fn what_was_produced_is_there_to_be_consumed() {
    let broker = TestBroker::start();
    let ways: [&[&str]; 7] = [
        &[],
        &["--compression", "zstd", "--entropy", "10", "--keys", "50"],
        &["--idempotent", "--clients", "3"],
        &["--acks", "1", "--in-flight", "1", "--batch-size", "1"],
        &["--partitions-per-request", "4", "--batch-size", "500"],
        &["--rate", "20000", "--linger", "1"],
        &["--transaction", "100", "--clients", "2"],
    ];
    for (at, way) in ways.iter().enumerate() {
        let topic = format!("t{at}");
        let fixed = ["-t", &topic, "--size", "100", "--records", "2000", "--keep"];
        let produced = report(&broker, &[&["produce"], *way, &fixed].concat());
        let part = if way.contains(&"--transaction") { "transactions" } else { "produce" };
        let records = produced[part]["records"].as_u64().expect("a count");
        assert!(records >= 2000, "{way:?}: {produced}");
        assert!(produced[part]["latency_ms"]["p50"].as_f64().expect("a latency") > 0.0, "{way:?}");
        let consumed = report(&broker, &["consume", "-t", &topic, "--clients", "2", "--gaps"]);
        let found = consumed["consume"]["records"].as_u64().expect("a count");
        // Each transaction ends with a marker in each partition that it wrote to.
        let markers = if part == "transactions" { records / 100..=records / 100 * 4 } else { 0..=0 };
        assert!(markers.contains(&(found - records)), "{way:?}: {found} of {records}");
    }
}

#[test]
fn a_topic_of_its_own_is_removed_and_a_foreign_one_stays() {
    let broker = TestBroker::start();
    broker.client().topic("mine", 1, &[]);
    for topic in ["mine", "klamm-bench"] {
        report(&broker, &["produce", "-t", topic, "--records", "10", "--acks", "0"]);
    }
    let complaint = fails(&broker, &["consume"]);
    assert!(complaint.contains("klamm-bench does not exist"), "{complaint}");
    report(&broker, &["consume", "-t", "mine"]);
}

#[test]
fn latency_is_known_end_to_end() {
    let broker = TestBroker::start();
    let report = report(&broker, &["latency", "--rate", "500", "-d", "1", "--warmup", "0.2"]);
    let counts = ["produce", "consume", "end_to_end"].map(|part| {
        let part = &report[part];
        part["records"].as_u64().or(part["latency_ms"]["count"].as_u64()).expect("a count")
    });
    assert!(counts.iter().all(|&count| count > 100 && count <= 600), "{counts:?}");
}

#[test]
fn groups_connections_and_all_together() {
    let broker = TestBroker::with(&["group.initial.rebalance.delay.ms=0"]);
    for protocol in ["consumer", "classic"] {
        let load = ["groups", "--groups", "3", "--members", "2", "--heartbeat", "50", "--commits", "20"];
        let more = ["--protocol", protocol, "-d", "1", "--warmup", "1", "--partitions", "2"];
        let report = report(&broker, &[&load[..], &more].concat());
        let count = |name: &str| report["groups"][name].as_f64().expect("a count");
        assert!(count("heartbeats") > 0.0 && count("commits") > 0.0, "{report:#}");
    }
    let load = ["connections", "--count", "50", "--rate", "200", "-d", "1", "--warmup", "0"];
    let pid = std::process::id().to_string();
    let found = report(&broker, &[&load[..], &["--server-pid", &pid]].concat());
    assert!(found["requests"]["records"].as_u64() > Some(100), "{found:#}");
    assert!(found["server"]["resident_mb_after"].as_f64() > Some(0.0), "{found:#}");
    let mix = ["mix", "--rate", "500", "--greedy", "1", "--replays", "1", "--silent", "5", "--groups", "2"];
    let found = report(&broker, &[&mix[..], &["-d", "1", "--warmup", "0"]].concat());
    for kind in ["produce", "greedy", "follow"] {
        assert!(found[kind]["records"].as_u64() > Some(0), "{kind}: {found:#}");
    }
}

#[test]
fn people_get_a_table_and_complaints_that_help() {
    let broker = TestBroker::start();
    let output = run(&broker, &["produce", "--records", "100"]);
    let text = String::from_utf8(output.stdout).expect("text");
    for word in ["RECORDS/S", "P99.9", "client:"] {
        assert!(text.contains(word), "{text}");
    }
    let complaint = fails(&broker, &["produce", "--records", "1", "--server-pid", "999999999"]);
    assert!(complaint.contains("--server-pid"), "{complaint}");
    let complaint = fails(&broker, &["produce", "--size", "2000000", "--records", "1"]);
    assert!(complaint.contains("MESSAGE_TOO_LARGE"), "{complaint}");
    broker.client().topic("empty", 1, &[]);
    assert!(fails(&broker, &["consume", "-t", "empty"]).contains("klamm bench produce"));
}

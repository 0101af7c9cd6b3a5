//! Stock clients in other languages: each program under `programs/` prints `ok NAME` for a case.

use std::process::Command;
use std::time::Duration;

use compat_tests::broker::Target;
use compat_tests::java::Jvm;
use compat_tests::programs::{FETCH, Ran, cache, go_program, have, prepared, python_program, run, sources};
use compat_tests::unique;

const LIMIT: Duration = Duration::from_secs(120);

/// All cases passed, and none was left out.
fn expect(ran: Ran, cases: &[&str]) {
    let (out, err) = (&ran.out, &ran.err);
    for case in cases {
        assert!(
            out.lines().any(|l| l == format!("ok {case}")),
            "{case} did not pass\n--- out\n{out}\n--- err\n{err}"
        );
    }
    let _ = ran.good();
}

/// The address and a topic prefix, as every program takes them.
fn called(mut command: Command, target: &Target, prefix: &str) -> Ran {
    run(command.arg(target.address()).arg(unique(prefix)), "", LIMIT)
}

const CODECS: &[&str] = &["none", "gzip", "snappy", "lz4", "zstd"];

fn python(program: &str, more: &[&str]) {
    if !have(&["python3"]) {
        return;
    }
    let command = python_program(program);
    let cases: Vec<&str> = CODECS.iter().chain(more).copied().collect();
    expect(called(command, &Target::start(), "python"), &cases);
}

#[test]
fn kafka_python() {
    python("with_kafka_python.py", &["long-poll", "group"]);
}

#[test]
fn confluent_kafka() {
    python(
        "with_confluent_kafka.py",
        &["from-the-end", "admin", "eager", "cooperative", "consumer-protocol"],
    );
}

#[test]
fn aiokafka() {
    python("with_aiokafka.py", &["group"]);
}

fn go(client: &str, more: &[&str]) {
    if !have(&["go"]) {
        return;
    }
    let cases: Vec<&str> = CODECS.iter().chain(more).copied().collect();
    expect(called(go_program(client), &Target::start(), client), &cases);
}

#[test]
fn franz_go() {
    go("franz-go", &["exact", "eager", "cooperative", "consumer-protocol"]);
}

#[test]
fn sarama() {
    go("sarama", &[]);
}

#[test]
fn kafkajs() {
    if !have(&["node", "npm"]) {
        return;
    }
    let folder = sources().join("kafkajs");
    let package = folder.join("package.json");
    let installed = prepared("kafkajs", std::slice::from_ref(&package), |at| {
        std::fs::copy(&package, at.join("package.json")).expect("the cache can be written");
        let mut npm = Command::new("npm");
        npm.args(["install", "--silent", "--no-audit", "--no-fund"])
            .current_dir(at)
            .env("npm_config_cache", cache().join("npm"));
        let _ = run(&mut npm, "", FETCH).good();
    });
    let mut command = Command::new("node");
    command.env("NODE_PATH", installed.join("node_modules")).arg(folder.join("main.js"));
    expect(
        called(command, &Target::start(), "kafkajs"),
        &["none", "gzip", "snappy", "lz4", "admin", "group"],
    );
}

#[test]
fn java_groups() {
    let Some(mut jvm) = Jvm::shared() else { return };
    let target = Target::start();
    let ran = jvm.call("Groups", &[&target.address(), &unique("java")], "");
    expect(ran, &["eager", "cooperative", "consumer", "static"]);
}

#[test]
fn java_client() {
    let Some(mut jvm) = Jvm::shared() else { return };
    let target = Target::start();
    let ran = jvm.call("Client", &[&target.address(), &unique("java")], "");
    expect(ran, &["create", "produce zstd", "read", "times", "offsets", "configs", "cluster", "delete"]);
}

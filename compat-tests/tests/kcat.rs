//! kcat: librdkafka on the command line.

use std::process::Command;
use std::time::Duration;

use compat_tests::broker::Target;
use compat_tests::programs::{have, run};
use compat_tests::unique;

const LIMIT: Duration = Duration::from_secs(30);

/// Runs kcat against a broker: what it prints, if it ends well.
fn kcat(target: &Target, args: &[&str], input: &str) -> String {
    run(Command::new("kcat").args(["-q", "-b", &target.address()]).args(args), input, LIMIT).good()
}

#[test]
fn every_compression_comes_back_whole() {
    if !have(&["kcat"]) {
        return;
    }
    let target = Target::start();
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        let topic = unique(codec);
        let lines: Vec<String> =
            (0..500).map(|i| format!("key-{i}\tvalue-{i}-{}", "x".repeat(i % 97))).collect();
        kcat(
            &target,
            &["-P", "-t", &topic, "-p", "0", "-K", "\t", "-z", codec, "-X", "acks=all"],
            &lines.join("\n"),
        );
        let got = kcat(
            &target,
            &[
                "-C",
                "-t",
                &topic,
                "-p",
                "0",
                "-o",
                "beginning",
                "-e",
                "-f",
                "%k\t%s\n",
                "-X",
                "check.crcs=true",
            ],
            "",
        );
        assert_eq!(got.lines().collect::<Vec<_>>(), lines, "{codec}");
    }
}

#[test]
fn headers_keep_their_order_and_their_doubles() {
    if !have(&["kcat"]) {
        return;
    }
    let (target, topic) = (Target::start(), unique("headers"));
    let args = ["-P", "-t", &topic, "-p", "0", "-H", "n=1", "-H", "b=2", "-H", "n=3", "-H", "empty="];
    kcat(&target, &args, "value");
    let got = kcat(&target, &["-C", "-t", &topic, "-p", "0", "-o", "0", "-e", "-f", "%h|%s\n"], "");
    assert_eq!(got, "n=1,b=2,n=3,empty=|value\n");
}

#[test]
fn null_keys_and_null_values_stay_null() {
    if !have(&["kcat"]) {
        return;
    }
    let (target, topic) = (Target::start(), unique("nulls"));
    kcat(&target, &["-P", "-t", &topic, "-p", "0", "-Z", "-K", ":"], "key:value\n:no key\nno value:");
    // kcat prints -1 as the length of null.
    let got = kcat(&target, &["-C", "-t", &topic, "-p", "0", "-o", "0", "-e", "-f", "%K %k %S %s\n"], "");
    assert_eq!(got, "3 key 5 value\n-1  6 no key\n8 no value -1 \n");
}

#[test]
fn reading_starts_where_it_is_told() {
    if !have(&["kcat"]) {
        return;
    }
    let (target, topic) = (Target::start(), unique("starts"));
    kcat(&target, &["-P", "-t", &topic, "-p", "0"], "a\nb\nc\n");
    let read = |from: &str| kcat(&target, &["-C", "-t", &topic, "-p", "0", "-o", from, "-e"], "");
    assert_eq!(read("beginning"), "a\nb\nc\n");
    assert_eq!(read("1"), "b\nc\n");
    assert_eq!(read("-1"), "c\n");
    assert_eq!(read("end"), "");
    assert_eq!(read("s@1000000"), "a\nb\nc\n");
    let query = |at: &str| kcat(&target, &["-Q", "-t", &format!("{topic}:0:{at}")], "");
    assert_eq!(query("-2").trim(), format!("{topic} [0] offset 0"));
    assert_eq!(query("-1").trim(), format!("{topic} [0] offset 3"));
    assert_eq!(query("1000").trim(), format!("{topic} [0] offset 0"));
}

#[test]
fn metadata_names_the_broker_and_the_topic() {
    if !have(&["kcat"]) {
        return;
    }
    let (target, topic) = (Target::start(), unique("listed"));
    kcat(&target, &["-P", "-t", &topic], "a\n");
    let got = kcat(&target, &["-L"], "");
    assert!(got.contains(&format!("broker {} at {}", 1, target.address())), "{got}");
    assert!(got.contains(&format!("topic \"{topic}\" with")), "{got}");
    assert!(got.contains("partition 0, leader 1, replicas: 1, isrs: 1"), "{got}");
}

#[test]
fn a_large_value_and_an_empty_one() {
    if !have(&["kcat"]) {
        return;
    }
    let (target, topic) = (Target::start(), unique("sizes"));
    let large = "y".repeat(900_000);
    kcat(&target, &["-P", "-t", &topic, "-p", "0", "-K", ":"], &format!("a:{large}\nb:\n"));
    let got = kcat(&target, &["-C", "-t", &topic, "-p", "0", "-o", "0", "-e", "-f", "%k %S\n"], "");
    assert_eq!(got, "a 900000\nb 0\n");
}

#[test]
fn a_group_goes_on_where_it_left() {
    if !have(&["kcat"]) {
        return;
    }
    let (target, topic) = (Target::start(), unique("grouped"));
    let read = |count: &str| {
        let args = ["-G", &topic, "-c", count, "-X", "auto.offset.reset=earliest", &topic];
        kcat(&target, &args, "")
    };
    kcat(&target, &["-P", "-t", &topic, "-p", "0"], "a\nb\nc\n");
    assert_eq!(read("2"), "a\nb\n");
    assert_eq!(read("1"), "c\n");
    kcat(&target, &["-P", "-t", &topic, "-p", "0"], "d\n");
    assert_eq!(read("1"), "d\n");
}

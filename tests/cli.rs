//! The program as a person meets it: what it prints, and with which code it ends.
#![allow(clippy::expect_used, reason = "a test that cannot go on fails")]
use std::net::TcpListener;
use std::process::{Command, Output};

fn klamm(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_klamm"));
    command.args(arguments).env_remove("KLAMM_BOOTSTRAP_SERVER");
    command.output().expect("the program runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

#[test]
fn help_teaches_by_examples() {
    for command in [
        &["--help"][..],
        &["serve", "--help"],
        &["topic", "--help"],
        &["produce", "--help"],
        &["consume", "--help"],
        &["bench", "--help"],
        &["bench", "produce", "--help"],
        &["bench", "consume", "--help"],
        &["bench", "latency", "--help"],
        &["bench", "groups", "--help"],
        &["bench", "connections", "--help"],
        &["bench", "mix", "--help"],
    ] {
        let output = klamm(command);
        assert_eq!(output.status.code(), Some(0), "{command:?}");
        let help = text(&output.stdout);
        assert!(
            help.contains("klamm ") && (help.contains("Examples:") || help.contains("A first minute:")),
            "{help}"
        );
        let longest = help.lines().map(|line| line.chars().count()).max();
        assert!(longest <= Some(100), "{command:?}: a line of {longest:?} characters");
    }
}

#[test]
fn a_wrong_command_line_ends_with_2_and_names_what_was_meant() {
    let output = klamm(&["prodce"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("produce"));
    assert_eq!(klamm(&["topic", "alter", "t"]).status.code(), Some(2));
    assert_eq!(klamm(&["consume", "t", "--from", "yesterday"]).status.code(), Some(2));
}

#[test]
fn a_wrong_configuration_ends_with_1_and_names_the_option() {
    let output = klamm(&["serve", "--override", "num.partitions=0", "--override", "log.segment.bytes=x"]);
    assert_eq!(output.status.code(), Some(1));
    let complaint = text(&output.stderr);
    assert!(complaint.contains("num.partitions") && complaint.contains("log.segment.bytes"), "{complaint}");
    let output = klamm(&["serve", "/nonexistent/server.properties"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("/nonexistent/server.properties"));
}

#[test]
fn without_a_broker_the_tools_say_how_to_start_one() {
    let free = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound").to_string();
    for command in [&["topic", "list"][..], &["produce", "t"], &["consume", "t"], &["bench", "produce"]] {
        let output = klamm(&[command, &["-b", &free]].concat());
        assert_eq!(output.status.code(), Some(1), "{command:?}");
        let complaint = text(&output.stderr);
        assert!(complaint.contains(&free) && complaint.contains("klamm serve"), "{complaint}");
        assert!(output.stdout.is_empty());
    }
}

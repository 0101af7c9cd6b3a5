//! The tools against a broker through a real socket.
#![allow(clippy::expect_used, reason = "a test that cannot go on fails")]

mod support;

use std::io::Write;
use std::process::{Command, Output, Stdio};

use support::broker::TestBroker;

/// A broker of its own for each test; it ends with the value.
struct Broker(TestBroker);

impl Broker {
    fn start() -> Self {
        Self(TestBroker::start())
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_klamm"));
        command.args(arguments).env("KLAMM_BOOTSTRAP_SERVER", self.0.address().to_string());
        command
    }

    fn run(&self, arguments: &[&str], input: &[u8]) -> Output {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program runs");
        let mut stdin = child.stdin.take().expect("a pipe");
        let input = input.to_vec();
        // A program that stops early closes its end: no failure of the test.
        let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
        let output = child.wait_with_output().expect("the program ends");
        writer.join().expect("the input is written");
        output
    }

    /// Output of a run that must succeed.
    fn ok(&self, arguments: &[&str], input: &[u8]) -> Vec<u8> {
        let output = self.run(arguments, input);
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
        output.stdout
    }

    /// Complaint of a run that must end with code 1.
    fn fails(&self, arguments: &[&str], input: &[u8]) -> String {
        let output = self.run(arguments, input);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        text(&output.stderr)
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

#[test]
fn topics_are_made_shown_changed_and_deleted() {
    let broker = Broker::start();
    let create = ["topic", "create", "shown", "--partitions", "3", "--config", "retention.ms=86400000"];
    assert_eq!(text(&broker.ok(&create, b"")), "created topic shown with 3 partitions\n");
    assert!(broker.fails(&create, b"").contains("TOPIC_ALREADY_EXISTS"));
    broker.ok(&[&create[..], &["--if-not-exists"]].concat(), b"");
    assert!(text(&broker.ok(&["topic", "list"], b"")).lines().any(|line| line.starts_with("shown ")));
    let alter = ["topic", "alter", "shown", "--partitions", "4", "--delete-config", "retention.ms"];
    broker.ok(&[&alter[..], &["--config", "cleanup.policy=compact"]].concat(), b"");
    let described = broker.ok(&["topic", "describe", "shown", "--json"], b"");
    let described: serde_json::Value = serde_json::from_slice(&described).expect("JSON");
    assert_eq!(described[0]["configs"], serde_json::json!({ "cleanup.policy": "compact" }));
    assert_eq!(described[0]["partitions"].as_array().map(Vec::len), Some(4));
    broker.ok(&["topic", "delete", "shown"], b"");
    assert!(broker.fails(&["topic", "delete", "shown"], b"").contains("there is no topic shown"));
    assert!(broker.fails(&["topic", "describe", "shown"], b"").contains("does not exist"));
}

#[test]
fn what_is_produced_is_consumed_in_every_compression() {
    let broker = Broker::start();
    let lines: String = (0..20_000).map(|n| format!("key{n}:value {n}\n")).collect();
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        let topic = format!("codec-{codec}");
        broker.ok(&["topic", "create", &topic, "--partitions", "1"], b"");
        broker.ok(&["produce", &topic, "-K", ":", "-z", codec], lines.as_bytes());
        let read = broker.ok(&["consume", &topic, "-K", ":", "--exit"], b"");
        assert!(read == lines.as_bytes(), "{codec}: {} bytes instead of {}", read.len(), lines.len());
    }
}

#[test]
fn a_record_keeps_headers_nulls_bytes_and_time() {
    let broker = Broker::start();
    broker.ok(&["topic", "create", "whole", "--partitions", "2", "--config", "retention.ms=-1"], b"");
    let record = concat!(
        r#"{"topic":"whole","partition":1,"offset":0,"timestamp":1000000000000,"key_base64":"AP8=","#,
        r#""value":null,"headers":[["a","1"],["a",null],["b",{"base64":"/w=="}]]}"#,
        "\n"
    );
    broker.ok(&["produce", "whole", "--json"], record.as_bytes());
    assert_eq!(text(&broker.ok(&["consume", "whole", "--json", "--exit"], b"")), record);
    let format = ["consume", "whole", "--exit", "--null-value", "-", "--format", r"%t/%p@%o %D %K %v %T\n"];
    assert_eq!(text(&broker.ok(&format, b"")), "whole/1@0 2001-09-09T01:46:40.000Z 2 - 1000000000000\n");
}

#[test]
fn reading_begins_where_it_is_told_to() {
    let broker = Broker::start();
    broker.ok(&["topic", "create", "from", "--partitions", "1", "--config", "retention.ms=-1"], b"");
    let lines: String = (0..10)
        .map(|n| format!("{{\"value\":\"{n}\",\"timestamp\":{}}}\n", 1_000_000_000_000i64 + n * 1000))
        .collect();
    broker.ok(&["produce", "from", "--json"], lines.as_bytes());
    let cases = [
        ("beginning", "0123456789"),
        ("end", ""),
        ("7", "789"),
        ("-2", "89"),
        ("-99", "0123456789"),
        ("2001-09-09T01:46:45Z", "56789"),
        ("@1000000008000", "89"),
        ("@1000000099000", ""),
    ];
    for (from, want) in cases {
        let read = broker.ok(&["consume", "from", "--exit", "--delimiter", "", "--from", from], b"");
        assert_eq!(text(&read), want, "--from {from}");
    }
    assert_eq!(broker.ok(&["consume", "from", "--max", "2"], b""), b"0\n1\n");
}

#[test]
fn a_failure_names_the_line_and_keeps_what_came_before() {
    let broker = Broker::start();
    broker.ok(&["topic", "create", "lines", "--partitions", "1", "--config", "max.message.bytes=20000"], b"");
    let complaint = broker.fails(&["produce", "lines", "-K", ":"], b"a:1\nb:2\nc\nd:4\n");
    assert!(complaint.contains("stdin, line 3") && complaint.contains("2 of the records"), "{complaint}");
    let large = [b"ok\n".to_vec(), vec![b'x'; 30_000], b"\n".to_vec()].concat();
    let complaint = broker.fails(&["produce", "lines"], &large);
    assert!(complaint.contains("stdin, line 2") && complaint.contains("MESSAGE_TOO_LARGE"), "{complaint}");
    assert_eq!(broker.ok(&["consume", "lines", "--exit"], b""), b"1\n2\nok\n");
    // A batch that is too large for the topic, though no record is, arrives in parts and in order.
    let many: String = (0..5_000).map(|n| format!("line {n}\n")).collect();
    broker.ok(&["produce", "lines"], many.as_bytes());
    assert_eq!(text(&broker.ok(&["consume", "lines", "--exit", "--from", "3"], b"")), many);
}

#[test]
fn a_reader_that_goes_away_ends_a_command_quietly() {
    let broker = Broker::start();
    broker.ok(&["topic", "create", "pipe", "--partitions", "1"], b"");
    broker.ok(&["produce", "pipe"], "line\n".repeat(100_000).as_bytes());
    let mut command = broker.command(&["consume", "pipe"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program runs");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("the program ends");
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
}

//! `klamm group` against a broker through a real socket.
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test that cannot go on fails")]

mod support;

use std::process::{Command, Output};

use klamm::schema::Writer;
use klamm::schema::clients::consumer_group_heartbeat_request::ConsumerGroupHeartbeatRequest;
use klamm::schema::clients::consumer_protocol_assignment::{ConsumerProtocolAssignment, TopicPartition};
use klamm::schema::clients::join_group_request::{JoinGroupRequest, JoinGroupRequestProtocol};
use klamm::schema::clients::sync_group_request::{SyncGroupRequest, SyncGroupRequestAssignment};
use serde_json::{Value, json};
use support::broker::TestBroker;
use support::{batches, client::Client};

const SESSION_MS: i32 = 30_000;

fn run(broker: &TestBroker, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_klamm"));
    command.arg("group").args(arguments).env("KLAMM_BOOTSTRAP_SERVER", broker.address().to_string());
    command.output().expect("the program runs")
}

/// Output of a run that must succeed.
fn ok(broker: &TestBroker, arguments: &[&str]) -> String {
    let output = run(broker, arguments);
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments:?}: {complaint}");
    String::from_utf8(output.stdout).expect("text")
}

/// What a run prints with `--json`.
fn ask(broker: &TestBroker, arguments: &[&str]) -> Value {
    serde_json::from_str(&ok(broker, &[arguments, &["--json"]].concat())).expect("JSON")
}

/// Complaint of a run that must end with this code.
fn fails(broker: &TestBroker, code: i32, arguments: &[&str]) -> String {
    let output = run(broker, arguments);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}");
    String::from_utf8(output.stderr).expect("text")
}

/// A broker with a topic of two partitions: ten records in the first, at 1,000 s and each second after;
/// none in the second.
fn with_records() -> TestBroker {
    let broker = TestBroker::start();
    let mut client = broker.client();
    let topic = client.topic("orders", 2, &[("retention.ms", "-1")]);
    let times: Vec<i64> = (0..10).map(|n| 1_000_000 + n * 1_000).collect();
    client.append(&topic, 0, &batches::at(&times));
    broker
}

/// Committed offsets of both partitions.
fn committed(broker: &TestBroker, group: &str) -> Value {
    let described = ask(broker, &["describe", group]);
    let offsets = described[0]["offsets"].as_array().cloned().unwrap_or_default();
    offsets.into_iter().map(|at| at["committed_offset"].clone()).collect()
}

#[test]
fn offsets_are_reset_in_every_way_and_only_when_told_to() {
    let broker = with_records();
    let reset = |how: &[&str]| {
        let planned = ask(&broker, &[&["reset", "g", "--topic", "orders"], how].concat());
        let offsets = planned["offsets"].as_array().cloned().unwrap_or_default();
        offsets.into_iter().map(|at| at["new_offset"].clone()).collect::<Value>()
    };
    assert_eq!(reset(&["--to-latest"]), json!([10, 0]));
    assert!(fails(&broker, 1, &["describe", "g"]).contains("there is no group g"));
    let complaint = fails(&broker, 1, &["reset", "g", "--topic", "orders", "--shift-by", "1"]);
    assert!(complaint.contains("orders-0 cannot be shifted"), "{complaint}");

    let cases: [(&[&str], Value); 9] = [
        (&["--to-current"], json!([10, 0])),
        (&["--to-earliest"], json!([0, 0])),
        (&["--to-offset", "4"], json!([4, 0])),
        (&["--to-offset", "99"], json!([10, 0])),
        (&["--shift-by", "-3"], json!([7, 0])),
        (&["--to-datetime", "1970-01-01T00:16:43Z"], json!([3, 0])),
        (&["--by-duration", "1d"], json!([10, 0])),
        (&["--shift-by", "-99"], json!([0, 0])),
        (&["--to-datetime", "1970-01-01T00:16:45"], json!([5, 0])),
    ];
    for (how, want) in cases {
        assert_eq!(reset(&[how, &["--execute"]].concat()), want, "{how:?}");
        assert_eq!(committed(&broker, "g"), want, "{how:?}");
    }
    ok(&broker, &["reset", "g", "--all-topics", "--to-latest"]);
    assert_eq!(committed(&broker, "g"), json!([5, 0]), "a dry run");
    ok(&broker, &["reset", "g", "--topic", "orders:1", "--topic", "orders:0", "--to-earliest", "--execute"]);
    assert_eq!(committed(&broker, "g"), json!([0, 0]));

    assert!(fails(&broker, 1, &["reset", "g", "--topic", "none", "--to-latest"]).contains("does not exist"));
    assert!(fails(&broker, 1, &["reset", "g", "--topic", "orders:7", "--to-latest"]).contains("orders-7"));
    assert!(fails(&broker, 1, &["reset", "new", "--all-topics", "--to-latest"]).contains("nothing"));
    fails(&broker, 2, &["reset", "g", "--topic", "orders"]);
    fails(&broker, 2, &["reset", "g", "--to-latest"]);
    fails(&broker, 2, &["reset", "g", "--topic", "orders", "--to-latest", "--to-earliest"]);
}

#[test]
fn groups_without_members_are_listed_described_and_deleted() {
    let broker = with_records();
    ok(&broker, &["reset", "idle", "--topic", "orders", "--to-offset", "4", "--execute"]);
    let listed = ask(&broker, &["list"]);
    assert_eq!((&listed[0]["group"], &listed[0]["state"]), (&json!("idle"), &json!("Empty")));
    assert_eq!(ask(&broker, &["list", "--state", "stable"]), json!([]));
    assert_eq!(ask(&broker, &["list", "--type", "share"]), json!([]));
    let described = ok(&broker, &["describe", "idle"]);
    let lines: Vec<&str> = described.lines().collect();
    assert_eq!(lines[0], "idle: classic group, Empty, 0 members");
    let row: Vec<&str> = lines[2].split_whitespace().collect();
    assert_eq!(row, ["orders", "0", "4", "10", "6", "-", "-", "-"]);
    let state = ok(&broker, &["describe", "--state"]);
    assert!(state.lines().nth(1).is_some_and(|line| line.starts_with("idle")), "{state}");

    let deleted = ok(&broker, &["delete-offsets", "idle", "--topic", "orders:0"]);
    assert_eq!(deleted, "deleted the offsets of 1 partition of group idle\n");
    assert_eq!(committed(&broker, "idle"), json!([0]));
    let again = fails(&broker, 1, &["delete-offsets", "idle", "--topic", "orders:0"]);
    assert!(again.contains("has committed nothing for topic orders"), "{again}");
    assert_eq!(ok(&broker, &["delete", "idle"]), "deleted group idle\n");
    assert!(fails(&broker, 1, &["delete", "idle"]).contains("there is no group idle"));
}

/// A member of a classic group that reads `orders-0` and `orders-1`. It lives as long as its session.
fn join_classic(client: &mut Client, group: &str) {
    let join = JoinGroupRequest {
        group_id: group.into(),
        session_timeout_ms: SESSION_MS,
        rebalance_timeout_ms: SESSION_MS,
        protocol_type: "consumer".into(),
        protocols: vec![JoinGroupRequestProtocol { name: "range".into(), ..Default::default() }],
        ..Default::default()
    };
    let joined = client.ask(3, &join);
    assert_eq!(joined.error_code, 0);
    let mut assignment = Writer::new();
    assignment.i16(1);
    ConsumerProtocolAssignment {
        assigned_partitions: vec![TopicPartition { topic: "orders".into(), partitions: vec![0, 1] }],
        ..Default::default()
    }
    .encode(&mut assignment, 1);
    let sync = SyncGroupRequest {
        group_id: group.into(),
        generation_id: joined.generation_id,
        member_id: joined.member_id.clone(),
        assignments: vec![SyncGroupRequestAssignment {
            member_id: joined.member_id.clone(),
            assignment: assignment.buf.into(),
            ..Default::default()
        }],
        ..Default::default()
    };
    assert_eq!(client.ask(3, &sync).error_code, 0);
}

/// A member of a group of the newer protocol that reads `orders`.
fn join_consumer(client: &mut Client, group: &str) {
    let heartbeat = ConsumerGroupHeartbeatRequest {
        group_id: group.into(),
        member_epoch: 0,
        rebalance_timeout_ms: SESSION_MS,
        subscribed_topic_names: Some(vec!["orders".into()]),
        topic_partitions: Some(Vec::new()),
        ..Default::default()
    };
    assert_eq!(client.ask(0, &heartbeat).error_code, 0);
}

#[test]
fn a_group_in_use_shows_its_members_and_is_left_alone() {
    for (group, join) in [("classic", join_classic as fn(&mut Client, &str)), ("consumer", join_consumer)] {
        let broker = with_records();
        // Its coordinator is there when this is answered.
        fails(&broker, 1, &["delete", group]);
        join(&mut broker.client(), group);
        let described = ask(&broker, &["describe", group]);
        assert_eq!((&described[0]["type"], &described[0]["state"]), (&json!(group), &json!("Stable")));
        let offsets = described[0]["offsets"].as_array().cloned().unwrap_or_default();
        let of = |name: &str| offsets.iter().map(|at| at[name].clone()).collect::<Value>();
        assert_eq!((of("partition"), of("end_offset")), (json!([0, 1]), json!([10, 0])), "{group}");
        assert_eq!((of("committed_offset"), of("client")), (json!([null, null]), json!(["test", "test"])));
        let members = ask(&broker, &["describe", group, "--members"]);
        assert_eq!(members[0]["members"][0]["assignment"], json!({ "orders": [0, 1] }), "{group}");

        let reset = ["reset", group, "--topic", "orders", "--to-latest", "--execute"];
        let complaint = fails(&broker, 1, &reset);
        assert!(complaint.contains("stop its members first"), "{complaint}");
        assert!(fails(&broker, 1, &["delete", group]).contains("has members"));
    }
}

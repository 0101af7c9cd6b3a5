//! Kafka's command-line tools for groups, many calls in one JVM.

use std::process::{Child, Command, Stdio};
use std::sync::MutexGuard;
use std::time::Duration;

use compat_tests::broker::Target;
use compat_tests::java::Jvm;
use compat_tests::programs::{Ran, have};
use compat_tests::{unique, wait_for};

const TOOL: &str = "kafka-consumer-groups";
const PATIENCE: Duration = Duration::from_secs(20);

/// The tools, the broker, and a topic of two partitions that a group has read: ten records in one
/// of them.
struct Bench {
    jvm: MutexGuard<'static, Jvm>,
    target: Target,
    topic: String,
    group: String,
}

impl Bench {
    fn new(prefix: &str) -> Option<Self> {
        let (jvm, target, topic) = (Jvm::shared()?, Target::start(), unique(prefix));
        let mut bench = Self { jvm, target, group: format!("{topic}-group"), topic: topic.clone() };
        bench.good("kafka-topics", &["--create", "--topic", &topic, "--partitions", "2"]);
        let lines: String = (0..10).map(|i| format!("same\t{i}\n")).collect();
        bench.produce(&lines);
        let lines = bench.consume("10");
        assert_eq!(lines.lines().count(), 10, "{lines}");
        Some(bench)
    }

    fn run(&mut self, tool: &str, args: &[&str], input: &str) -> Ran {
        let address = self.target.address();
        let mut all = vec!["--bootstrap-server", &address];
        all.extend(args);
        self.jvm.call(tool, &all, input)
    }

    /// What a tool prints, if it ends well.
    fn good(&mut self, tool: &str, args: &[&str]) -> String {
        self.run(tool, args, "").good()
    }

    /// What the groups' tool says on both outputs: it tells some refusals as a warning.
    fn refused(&mut self, args: &[&str]) -> String {
        let group = self.group.clone();
        let ran = self.run(TOOL, &[&["--group", &group], args].concat(), "");
        format!("{}{}", ran.out, ran.err)
    }

    fn produce(&mut self, lines: &str) {
        let topic = self.topic.clone();
        let args = ["--topic", &topic, "--reader-property", "parse.key=true"];
        let ran = self.run("kafka-console-producer", &args, lines);
        assert!(!ran.err.contains("ERROR"), "{}", ran.err);
        let _ = ran.good();
    }

    /// What the group has not read yet.
    fn consume(&mut self, count: &str) -> String {
        let (topic, group) = (self.topic.clone(), self.group.clone());
        let args = ["--topic", &topic, "--group", &group, "--from-beginning", "--max-messages", count];
        self.good("kafka-console-consumer", &[&args[..], &["--timeout-ms", "15000"]].concat())
    }

    /// Runs the groups' tool on the group.
    fn group(&mut self, args: &[&str]) -> String {
        let group = self.group.clone();
        self.good(TOOL, &[&["--group", &group], args].concat())
    }

    /// The committed offsets, smallest first, and the lag of both partitions.
    fn offsets(&mut self) -> (Vec<i64>, Vec<i64>) {
        let out = self.group(&["--describe", "--offsets"]);
        let rows = out.lines().filter(|l| l.starts_with(&self.group));
        let columns: Vec<Vec<&str>> = rows.map(|l| l.split_whitespace().collect()).collect();
        let column = |n: usize| {
            let mut all: Vec<i64> = columns.iter().filter_map(|c| c.get(n)?.parse().ok()).collect();
            all.sort_unstable();
            all
        };
        (column(3), column(5))
    }

    /// Offsets that a reset announces, smallest first.
    fn reset(&mut self, how: &[&str], execute: &str) -> Vec<i64> {
        let topic = self.topic.clone();
        let scope: &[&str] = if how[0] == "--from-file" { &[] } else { &["--topic", &topic] };
        let out = self.group(&[&["--reset-offsets", execute], how, scope].concat());
        let rows = out.lines().filter(|l| l.starts_with(&self.group));
        let mut all: Vec<i64> = rows.map(|l| l.split_whitespace().last().unwrap().parse().unwrap()).collect();
        all.sort_unstable();
        all
    }
}

fn has(text: &str, wanted: &[&str]) {
    for part in wanted {
        assert!(text.contains(part), "no {part:?} in:\n{text}");
    }
}

/// The line of a listing that is about a group, without doubled spaces.
fn line_of(out: &str, group: &str) -> String {
    let line = out.lines().find(|l| l.starts_with(group)).unwrap_or_else(|| panic!("no {group} in:\n{out}"));
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_group_without_members_is_listed_described_and_deleted() {
    let Some(mut bench) = Bench::new("quiet") else { return };
    let (topic, group) = (bench.topic.clone(), bench.group.clone());
    assert_eq!(bench.offsets(), (vec![0, 10], vec![0, 0]));
    bench.produce("same\tmore\n");
    assert_eq!(bench.offsets(), (vec![0, 10], vec![0, 1]));
    assert_eq!(bench.consume("1"), "more\n");

    assert_eq!(line_of(&bench.good(TOOL, &["--list"]), &group), group);
    let out = bench.good(TOOL, &["--list", "--state", "--type"]);
    assert_eq!(line_of(&out, &group), format!("{group} Classic Empty"));
    has(&bench.good(TOOL, &["--list", "--state", "empty", "--type", "classic"]), &[&group]);
    assert!(!bench.good(TOOL, &["--list", "--type", "consumer"]).contains(&group));
    assert!(!bench.good(TOOL, &["--list", "--state", "stable"]).contains(&group));
    let out = bench.good("kafka-groups", &["--list"]);
    assert_eq!(line_of(&out, &group), format!("{group} Classic consumer"));
    has(&bench.group(&["--describe", "--state", "--verbose"]), &["Empty"]);
    has(&bench.refused(&["--describe", "--members"]), &["no active members"]);
    has(&bench.good(TOOL, &["--describe", "--all-groups"]), &[&group, &topic]);

    has(&bench.group(&["--delete-offsets", "--topic", &format!("{topic}:0")]), &["Successful"]);
    assert_eq!(bench.offsets().0.len(), 1);
    has(&bench.group(&["--delete"]), &["was successful"]);
    assert!(!bench.good(TOOL, &["--list"]).contains(&group));
    has(&bench.refused(&["--delete"]), &["GroupIdNotFoundException"]);
}

#[test]
fn offsets_are_reset_in_every_way() {
    let Some(mut bench) = Bench::new("reset") else { return };
    let file = tempfile::NamedTempFile::new().unwrap();
    // One partition is empty; what is asked beyond an end or a start becomes that.
    for (how, expected) in [
        (&["--to-earliest"][..], [0, 0]),
        (&["--to-latest"], [0, 10]),
        (&["--to-offset", "4"], [0, 4]),
        (&["--shift-by", "3"], [0, 7]),
        (&["--shift-by", "-5"], [0, 2]),
        (&["--to-current"], [0, 2]),
        (&["--to-datetime", "2020-01-01T00:00:00.000"], [0, 0]),
        (&["--to-datetime", "2199-01-01T00:00:00.000"], [0, 10]),
        (&["--by-duration", "P1D"], [0, 0]),
        (&["--by-duration", "PT0S"], [0, 10]),
    ] {
        let before = bench.offsets();
        assert_eq!(bench.reset(how, "--dry-run"), expected, "{how:?}");
        assert_eq!(bench.offsets(), before, "{how:?}: a dry run changed something");
        assert_eq!(bench.reset(how, "--execute"), expected, "{how:?}");
        assert_eq!(bench.offsets().0, expected, "{how:?}");
    }
    let topic = bench.topic.clone();
    let plan =
        bench.group(&["--reset-offsets", "--dry-run", "--export", "--to-offset", "6", "--topic", &topic]);
    let plan: Vec<&str> = plan.lines().filter(|l| l.contains(',')).collect();
    std::fs::write(file.path(), plan.join("\n")).unwrap();
    let from = ["--from-file", file.path().to_str().unwrap()];
    assert_eq!(bench.reset(&from, "--dry-run"), [0, 6]);
    assert_eq!(bench.offsets().0, [0, 10]);
    assert_eq!(bench.reset(&from, "--execute"), [0, 6]);
    assert_eq!(bench.consume("4"), "6\n7\n8\n9\n");
}

/// A kcat that stays in a group until it is dropped.
struct Member(Child);

impl Member {
    fn join(address: &str, group: &str, topic: &str) -> Self {
        let args = ["-q", "-b", address, "-G", group, topic];
        let mut kcat = Command::new("kcat");
        kcat.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Self(kcat.spawn().expect("kcat starts"))
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_group_with_a_member_is_described_and_protected() {
    if !have(&["kcat"]) {
        return;
    }
    let Some(mut bench) = Bench::new("busy") else { return };
    let (topic, group) = (bench.topic.clone(), bench.group.clone());
    let member = Member::join(&bench.target.address(), &group, &topic);
    wait_for("the group to be stable", PATIENCE, || {
        bench.good(TOOL, &["--list", "--state", "stable"]).contains(&group).then_some(())
    });
    has(&bench.group(&["--describe", "--offsets"]), &["rdkafka-", "/127.0.0.1"]);
    let out = bench.group(&["--describe", "--members", "--verbose"]);
    has(&out, &["rdkafka-", "/127.0.0.1", &format!("{topic}:0,1")]);
    has(&bench.group(&["--describe", "--state"]), &["range", "Stable"]);
    has(&bench.refused(&["--delete"]), &["GroupNotEmptyException"]);
    has(&bench.refused(&["--delete-offsets", "--topic", &topic]), &["subscribed"]);
    let out = bench.refused(&["--reset-offsets", "--to-earliest", "--topic", &topic, "--execute"]);
    has(&out, &["Stable"]);
    assert_eq!(bench.offsets().0, [0, 10]);
    drop(member);
}

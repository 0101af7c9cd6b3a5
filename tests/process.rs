//! The broker as a process: how it ends, and what it says when it cannot start.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test with real processes: every surprise is a failure"
)]

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use compat_tests::broker::{Broker, Process, answers, free_port, klamm, serve};
use compat_tests::wait_for;

/// SIGTERM stops in order within this.
const STOP: Duration = Duration::from_secs(5);
/// A broker that cannot start says so within this.
const REFUSE: Duration = Duration::from_secs(20);

/// Starts a broker that must fail; what it says on standard error.
fn refused(mut command: Command) -> String {
    let folder = tempfile::tempdir().unwrap();
    command.stdin(Stdio::null());
    let mut process = Process::start(command, folder.path().join("output.txt"));
    let status = process.ended(REFUSE);
    let text = process.output();
    assert!(!status.success(), "it ended with {status}: {text}");
    assert!(status.code().is_some(), "it was ended by a signal: {text}");
    assert!(!text.contains("panicked"), "{text}");
    text
}

fn has(text: &str, wanted: &[&str]) {
    for part in wanted {
        assert!(text.contains(part), "no {part:?} in:\n{text}");
    }
}

#[test]
fn a_signal_stops_it_in_order_and_it_starts_again() {
    let mut broker = Broker::start();
    let status = broker.process().terminate(STOP);
    assert_eq!(status.code(), Some(0), "{}", broker.process().output());
    assert!(!answers(&broker.address()));
    assert!(broker.data().join(".kafka_cleanshutdown").exists(), "no clean-shutdown marker");
    broker.restart();
}

#[test]
fn the_start_line_says_where_it_listens_and_where_its_data_is() {
    let mut broker = Broker::start();
    let (address, data) = (broker.address(), broker.data());
    wait_for("the line", STOP, || {
        let output = broker.process().output();
        let said = output.lines().filter(|l| l.contains(&address) && l.contains(&*data.to_string_lossy()));
        (said.count() == 1).then_some(())
    });
}

#[test]
fn a_second_broker_on_the_same_directory_is_refused() {
    let mut first = Broker::start();
    let text = refused(serve(&first.data(), free_port()));
    has(&text, &[&*first.data().to_string_lossy(), &first.process().id().to_string()]);
    assert!(answers(&first.address()), "the first broker noticed");
}

#[test]
fn a_port_in_use_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let folder = tempfile::tempdir().unwrap();
    has(&refused(serve(&folder.path().join("data"), port)), &[&format!("127.0.0.1:{port}")]);
}

/// A broker with this text as its file.
fn with_file(folder: &Path, text: &str) -> Command {
    let file = folder.join("server.properties");
    let base =
        format!("listeners=PLAINTEXT://127.0.0.1:{}\nlog.dirs={}/data\n", free_port(), folder.display());
    std::fs::write(&file, base + text).unwrap();
    let mut command = Command::new(klamm());
    command.arg("serve").arg(file);
    command
}

#[test]
fn a_value_out_of_range_names_file_line_option_and_what_is_allowed() {
    let folder = tempfile::tempdir().unwrap();
    let text = refused(with_file(folder.path(), "num.partitions=0\n"));
    has(&text, &["server.properties", "3", "num.partitions", "0", "1"]);
    let text = refused(with_file(folder.path(), "log.segment.bytes=many\n"));
    has(&text, &["server.properties", "log.segment.bytes", "many"]);
    assert!(!folder.path().join("data").exists(), "a broker that does not start has touched its data");
}

#[test]
fn what_protects_and_is_not_built_stops_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let text = refused(with_file(
        folder.path(),
        "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer\n",
    ));
    has(&text, &["authorizer.class.name"]);
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let mut command = Command::new(klamm());
    command.args(["serve", "/no/such/server.properties"]);
    has(&refused(command), &["/no/such/server.properties"]);
}

#[test]
fn a_foreign_directory_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    std::fs::create_dir(&data).unwrap();
    std::fs::write(
        data.join("meta.properties"),
        "version=1\nnode.id=77\ncluster.id=5L6g3nShT-eMCtK--X86sw\n",
    )
    .unwrap();
    has(&refused(serve(&data, free_port())), &["meta.properties", "77"]);
}

#[test]
fn an_unknown_option_is_a_warning_that_names_the_nearest() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let mut command = serve(&folder.path().join("data"), port);
    command.args(["--override", "num.partitons=3"]);
    let mut process = Process::start(command, folder.path().join("output.txt"));
    process.ready(&format!("127.0.0.1:{port}"));
    has(&process.output(), &["num.partitons", "num.partitions"]);
}

//! A broker as a child process: started, found ready, killed, started again.

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::wait_for;
use crate::wire::Connection;

/// How long a broker may take until it answers.
const START: Duration = Duration::from_secs(60);

/// The path of the broker's program: `KLAMM_BIN`, or what `cargo build` makes of this workspace.
///
/// # Panics
/// When it cannot be built.
#[must_use]
pub fn klamm() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| {
        if let Some(path) = std::env::var_os("KLAMM_BIN") {
            return path.into();
        }
        let test = std::env::current_exe().expect("a test has a path");
        let profile =
            test.ancestors().find(|p| p.join("deps").is_dir()).expect("a test lies in target/PROFILE/deps");
        let program = profile.join("klamm");
        if is_newer_than_sources(&program) {
            return program;
        }
        let release = profile.file_name().is_some_and(|name| name == "release");
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.args(["build", "--quiet", "--package", "klamm", "--bin", "klamm"]);
        if release {
            cargo.arg("--release");
        }
        let built = cargo.current_dir(workspace()).status().expect("cargo runs");
        assert!(built.success(), "cargo cannot build klamm");
        program
    })
}

/// Whether the program is there and no source has changed since: `cargo test` of the whole
/// workspace has just built it, a test of one package has not.
fn is_newer_than_sources(program: &Path) -> bool {
    let changed = |path: &Path| path.metadata().and_then(|m| m.modified()).ok();
    let Some(built) = changed(program) else { return false };
    let mut folders = vec![workspace().join("src"), workspace().join("crates/schema")];
    let mut files = vec![workspace().join("Cargo.toml"), workspace().join("Cargo.lock")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let into = if entry.path().is_dir() { &mut folders } else { &mut files };
            into.push(entry.path());
        }
    }
    files.iter().all(|file| changed(file).is_some_and(|at| at <= built))
}

/// The folder of the workspace.
#[must_use]
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A port that was free a moment ago.
///
/// # Panics
/// When the machine has none.
#[must_use]
pub fn free_port() -> u16 {
    let socket = TcpListener::bind("127.0.0.1:0").expect("a free port");
    socket.local_addr().expect("a bound socket has an address").port()
}

/// Whether a broker at `address` answers ApiVersions.
#[must_use]
pub fn answers(address: &str) -> bool {
    Connection::open(address).is_ok_and(|mut c| c.call("ApiVersions", 0, &json!({})).is_ok())
}

/// A child process that is killed when the test ends, its output kept in a file.
pub struct Process {
    child: Child,
    output: PathBuf,
}

impl Process {
    /// Starts `command` with its output appended to the file `output`.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn start(mut command: Command, output: PathBuf) -> Self {
        let file = File::options().create(true).append(true).open(&output).expect("the output file opens");
        let second = file.try_clone().expect("a file can be cloned");
        command.stdin(Stdio::null()).stdout(file).stderr(second);
        let child = command.spawn().unwrap_or_else(|e| panic!("{command:?} does not start: {e}"));
        Self { child, output }
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has printed so far.
    #[must_use]
    pub fn output(&self) -> String {
        std::fs::read_to_string(&self.output).unwrap_or_default()
    }

    /// Sends SIGKILL and waits for the end.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Sends SIGTERM and answers how the process ended.
    ///
    /// # Panics
    /// When it has not ended after `limit`.
    pub fn terminate(&mut self, limit: Duration) -> ExitStatus {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).expect("a process has an id");
        kill_process(pid, Signal::TERM).expect("SIGTERM can be sent to a child");
        self.ended(limit)
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// When it has not ended after `limit`.
    pub fn ended(&mut self, limit: Duration) -> ExitStatus {
        wait_for("the process to end", limit, || self.child.try_wait().expect("a child can be waited for"))
    }

    /// How it ended, if it has.
    pub fn status(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child can be waited for")
    }

    /// Waits until a broker at `address` answers.
    ///
    /// # Panics
    /// When the process ends before, or takes too long.
    pub fn ready(&mut self, address: &str) {
        let output = self.output.clone();
        wait_for("the broker to answer", START, || {
            if let Some(status) = self.status() {
                panic!(
                    "the broker ended with {status}:\n{}",
                    std::fs::read_to_string(&output).unwrap_or_default()
                );
            }
            answers(address).then_some(())
        });
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let text = self.output();
            let tail: Vec<&str> = text.lines().rev().take(40).collect();
            eprintln!("--- the broker's last lines:");
            tail.iter().rev().for_each(|line| eprintln!("{line}"));
        }
    }
}

/// A running Klamm with a directory and a port of its own.
pub struct Broker {
    process: Process,
    folder: tempfile::TempDir,
    port: u16,
    options: Vec<String>,
    environment: Vec<(String, String)>,
}

impl Broker {
    /// Starts a broker on an empty directory and waits until it answers.
    #[must_use]
    pub fn start() -> Self {
        Self::with(&[])
    }

    /// The same with options `key=value` of the broker.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn with(options: &[&str]) -> Self {
        Self::with_environment(options, &[])
    }

    /// The same with variables of its environment.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn with_environment(options: &[&str], environment: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let port = free_port();
        let options: Vec<String> = options.iter().map(|o| (*o).to_owned()).collect();
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let environment: Vec<_> = environment.iter().map(own).collect();
        let mut process = launch(folder.path(), port, &options, &environment);
        process.ready(&format!("127.0.0.1:{port}"));
        Self { process, folder, port, options, environment }
    }

    /// Where clients connect.
    #[must_use]
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The log directory.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Sends SIGKILL and waits for the end.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts again on the same directory and port.
    pub fn relaunch(&mut self) {
        self.process.kill();
        self.process = launch(self.folder.path(), self.port, &self.options, &self.environment);
    }

    /// Starts again and waits until the broker answers.
    pub fn restart(&mut self) {
        self.relaunch();
        self.process.ready(&self.address());
    }
}

impl Drop for Broker {
    /// A directory that a failed test leaves is evidence.
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.kill();
            self.folder.disable_cleanup(true);
            eprintln!("--- the broker's directory is kept: {}", self.folder.path().display());
        }
    }
}

fn launch(folder: &Path, port: u16, options: &[String], environment: &[(String, String)]) -> Process {
    let mut command = serve(&folder.join("data"), port);
    command.envs(environment.iter().map(|(name, value)| (name, value)));
    for option in options {
        command.args(["--override", option]);
    }
    Process::start(command, folder.join("output.txt"))
}

/// The command that serves `data` on `port` of this machine.
#[must_use]
pub fn serve(data: &Path, port: u16) -> Command {
    let mut command = Command::new(klamm());
    command.arg("serve");
    command.args(["--override", &format!("listeners=PLAINTEXT://127.0.0.1:{port}")]);
    command.args(["--override", &format!("log.dirs={}", data.display())]);
    command
}

/// The broker that a test with outside programs talks to: a fresh Klamm, or the one that
/// `KLAMM_COMPAT_BROKER` names (any Kafka, to see that a test tests something).
pub enum Target {
    /// Started for this test.
    Own(Broker),
    /// Given from outside.
    Given(String),
}

impl Target {
    /// Starts a broker, or takes the given one.
    #[must_use]
    pub fn start() -> Self {
        match std::env::var("KLAMM_COMPAT_BROKER") {
            Ok(address) if !address.is_empty() => Self::Given(address),
            _ => Self::Own(Broker::start()),
        }
    }

    /// Where clients connect.
    #[must_use]
    pub fn address(&self) -> String {
        match self {
            Self::Own(broker) => broker.address(),
            Self::Given(address) => address.clone(),
        }
    }

    /// The log directory: of a given broker what `KLAMM_COMPAT_DATA` names, if it does.
    #[must_use]
    pub fn data(&self) -> Option<PathBuf> {
        match self {
            Self::Own(broker) => Some(broker.data()),
            Self::Given(_) => std::env::var_os("KLAMM_COMPAT_DATA").map(PathBuf::from),
        }
    }
}

//! Kafka's command-line tools and Java client: one JVM that runs many calls.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Mutex, MutexGuard, OnceLock};
use std::time::Duration;

use serde_json::{Value, json};

use crate::programs::{FETCH, Ran, have, prepared, run, sources};

/// How long one call of a tool may take.
const CALL: Duration = Duration::from_secs(60);

/// The jars that the pom in `programs/NAME` names, as a folder.
#[must_use]
pub fn jars(name: &str) -> PathBuf {
    let pom = sources().join(name).join("pom.xml");
    prepared(&format!("jars-{name}"), std::slice::from_ref(&pom), |folder| {
        let mut mvn = Command::new("mvn");
        mvn.args(["-q", "-B", "-f"]).arg(&pom).arg("dependency:copy-dependencies");
        mvn.args(["-DincludeScope=runtime", &format!("-DoutputDirectory={}", folder.display())]);
        let _ = run(&mut mvn, "", FETCH).good();
    })
}

fn classes(jars: &Path) -> PathBuf {
    let folder = sources().join("java");
    let files: Vec<PathBuf> = ["Driver", "Client", "Counts", "ExactlyOnce", "Groups", "Tools"]
        .map(|f| folder.join(f).with_extension("java"))
        .to_vec();
    let mut inputs = files.clone();
    inputs.push(folder.join("pom.xml"));
    prepared("classes", &inputs, |out| {
        let mut javac = Command::new("javac");
        javac.arg("-cp").arg(jars.join("*")).arg("-d").arg(out).args(&files);
        let _ = run(&mut javac, "", FETCH).good();
    })
}

/// The command that runs a class, with a small and quickly started JVM.
#[must_use]
pub fn jvm(class_path: &str, class: &str) -> Command {
    let mut java = Command::new("java");
    java.args(["-Xmx512M", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]);
    java.arg(format!("-Dlog4j2.configurationFile={}", sources().join("java/log4j2.xml").display()));
    java.args(["-cp", class_path, class]);
    java
}

/// The command that runs one of our own classes in a JVM of its own.
#[must_use]
pub fn java_program(class: &str) -> Command {
    let jars = jars("java");
    jvm(&format!("{}:{}/*", classes(&jars).display(), jars.display()), class)
}

/// Runs one of Kafka's classes in a JVM of its own: for tools that report when their JVM ends.
pub fn alone(class: &str, args: &[&str]) -> Ran {
    let jars = jars("java");
    run(jvm(&format!("{}/*", jars.display()), class).args(args), "", CALL)
}

/// A running JVM that takes one call after the other.
pub struct Jvm {
    child: Child,
    calls: ChildStdin,
    answers: Receiver<String>,
}

impl Jvm {
    /// The JVM of this test process, started on first use; none if Java is missing. It ends by
    /// itself with this process.
    ///
    /// # Panics
    /// When Java is missing and required.
    pub fn shared() -> Option<MutexGuard<'static, Self>> {
        static JVM: OnceLock<Mutex<Jvm>> = OnceLock::new();
        if !have(&["java", "javac", "mvn"]) {
            return None;
        }
        let jvm = JVM.get_or_init(|| Mutex::new(Self::start()));
        Some(jvm.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    fn start() -> Self {
        let mut child = java_program("Driver")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("java starts");
        let calls = child.stdin.take().expect("stdin is a pipe");
        let answers = lines_of(child.stdout.take().expect("stdout is a pipe"));
        Self { child, calls, answers }
    }

    /// Runs a tool by its script's name (`kafka-topics`) or a class of ours, with `input` as its
    /// standard input.
    ///
    /// # Panics
    /// When the JVM ends; when the tool takes longer than a minute, of which the JVM ends too.
    pub fn call(&mut self, tool: &str, args: &[&str], input: &str) -> Ran {
        let call = json!({ "tool": tool, "args": args, "input": input });
        writeln!(self.calls, "{call}").unwrap_or_else(|e| panic!("the JVM is gone ({e}) at {call}"));
        let line = self.answers.recv_timeout(CALL).unwrap_or_else(|e| {
            let _ = self.child.kill();
            panic!("no answer from the JVM ({e}) to {call}")
        });
        let answer: Value = serde_json::from_str(&line).expect("the driver answers JSON");
        let text = |key: &str| answer[key].as_str().unwrap_or_default().to_owned();
        let code = answer["code"].as_i64().and_then(|c| i32::try_from(c).ok());
        Ran { code, out: text("out"), err: text("err") }
    }
}

fn lines_of(out: ChildStdout) -> Receiver<String> {
    let (send, receive) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(out).lines().map_while(Result::ok) {
            if send.send(line).is_err() {
                break;
            }
        }
    });
    receive
}

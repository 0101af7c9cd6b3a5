//! An outside client that runs along: orders on its standard input, facts on its standard output.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use compat_tests::wait_for;

/// Transfers of one life of a client: the next life counts on from the next multiple.
const NUMBERS: u64 = 1_000_000;

/// A client, which may be killed and started again.
pub struct Player {
    /// What it is called.
    pub name: &'static str,
    command: Box<dyn Fn(u64) -> Command>,
    complaints: PathBuf,
    lines: Arc<Mutex<Vec<String>>>,
    life: u64,
    child: Child,
    orders: Option<ChildStdin>,
}

impl Player {
    /// Starts it in `folder`, where a file gets what it complains of. `command` takes the number of its first
    /// transfer.
    pub fn start(name: &'static str, folder: &Path, command: impl Fn(u64) -> Command + 'static) -> Self {
        let complaints = folder.join(format!("{name}.txt"));
        let lines = Arc::default();
        let folder = folder.to_owned();
        let command = move |first: u64| {
            let mut command = command(first);
            command.current_dir(&folder);
            command
        };
        let (child, orders) = spawn(command(0), &complaints, &lines);
        Self { name, command: Box::new(command), complaints, lines, life: 0, child, orders }
    }

    /// Kills it with SIGKILL and starts it again.
    pub fn restart(&mut self) {
        self.kill();
        self.life += 1;
        (self.child, self.orders) = spawn((self.command)(self.life * NUMBERS), &self.complaints, &self.lines);
    }

    fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Nothing new is to be begun.
    pub fn drain(&mut self) {
        if let Some(orders) = &mut self.orders {
            writeln!(orders, "drain").unwrap_or_else(|e| panic!("{} is gone: {e}", self.name));
        }
    }

    /// Waits until it says that nothing new will come.
    pub fn drained(&self, limit: Duration) {
        wait_for(&format!("{} to say drained", self.name), limit, || {
            self.lines().iter().any(|line| line == "drained").then_some(())
        });
    }

    /// Lets it end by itself.
    pub fn stop(&mut self, limit: Duration) {
        drop(self.orders.take());
        let status = wait_for(&format!("{} to end", self.name), limit, || {
            self.child.try_wait().expect("a child can be waited for")
        });
        assert!(status.success(), "{} ended with {status}", self.name);
    }

    /// It runs as long as it was not told to stop.
    pub fn assert_alive(&mut self) {
        let status = self.child.try_wait().expect("a child can be waited for");
        assert!(status.is_none(), "{} ended with {status:?}", self.name);
    }

    /// What it has said.
    pub fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The numbers that it has said something of.
    pub fn numbers(&self, of: &str) -> BTreeSet<u64> {
        let number = |line: &String| line.strip_prefix(of)?.trim().parse().ok();
        self.lines().iter().filter_map(number).collect()
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let text = std::fs::read_to_string(&self.complaints).unwrap_or_default();
            let lines: Vec<&str> = text.lines().collect();
            eprintln!("--- the last complaints of {}:", self.name);
            lines.iter().skip(lines.len().saturating_sub(15)).for_each(|line| eprintln!("{line}"));
        }
    }
}

fn spawn(
    mut command: Command,
    complaints: &Path,
    lines: &Arc<Mutex<Vec<String>>>,
) -> (Child, Option<ChildStdin>) {
    let file = File::options().create(true).append(true).open(complaints).expect("the file opens");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(file);
    let mut child = command.spawn().unwrap_or_else(|e| panic!("{command:?} does not start: {e}"));
    let out = child.stdout.take().expect("stdout is a pipe");
    let lines = Arc::clone(lines);
    std::thread::spawn(move || {
        for line in BufReader::new(out).lines().map_while(Result::ok) {
            lines.lock().unwrap_or_else(PoisonError::into_inner).push(line);
        }
    });
    let orders = child.stdin.take();
    (child, orders)
}

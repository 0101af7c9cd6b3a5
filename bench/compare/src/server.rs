//! A broker under test: started from nothing or from what it left behind, watched, stopped or killed.
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::probe;

/// Longest that a broker may take to answer.
const PATIENCE: Duration = Duration::from_secs(180);

/// Which broker, and what it promises of what it acknowledges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Flavour {
    /// Klamm as it comes: on disk before it is acknowledged.
    KlammDurable,
    /// Klamm answering from the page cache, as Kafka does.
    KlammCache,
    /// Kafka as it comes.
    KafkaCache,
    /// Kafka with `log.flush.interval.messages=1`.
    KafkaFsync,
}

impl Flavour {
    /// In the order of the tables.
    pub const ALL: [Self; 4] = [Self::KafkaCache, Self::KafkaFsync, Self::KlammDurable, Self::KlammCache];

    /// Its name in results.
    pub fn name(self) -> &'static str {
        match self {
            Self::KlammDurable => "klamm-durable",
            Self::KlammCache => "klamm-cache",
            Self::KafkaCache => "kafka-cache",
            Self::KafkaFsync => "kafka-fsync",
        }
    }

    /// Whether it is Klamm.
    pub fn is_klamm(self) -> bool {
        matches!(self, Self::KlammDurable | Self::KlammCache)
    }

    fn properties(self) -> Vec<String> {
        let never = i64::MAX.to_string();
        let flush = match self {
            Self::KlammDurable | Self::KafkaFsync => "1",
            Self::KlammCache | Self::KafkaCache => &never,
        };
        vec![format!("log.flush.interval.messages={flush}")]
    }
}

/// How brokers are started.
#[derive(Clone, Debug)]
pub struct Launcher {
    /// Klamm's binary.
    pub klamm: PathBuf,
    /// The command that starts Kafka; see the help.
    pub kafka: String,
    /// The option before each property in it.
    pub kafka_option: String,
    /// Where data goes.
    pub scratch: PathBuf,
    /// First of the ports.
    pub port: u16,
}

/// A broker that runs.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// Its port on 127.0.0.1.
    pub port: u16,
    dir: PathBuf,
    /// From the start of its process to the first reply that was asked for.
    pub start: Duration,
}

/// A process at a moment.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    /// CPU seconds so far.
    pub cpu: f64,
    /// Resident megabytes.
    pub resident: f64,
}

impl Launcher {
    /// The command line for a flavour.
    fn command(&self, flavour: Flavour, port: u16, dir: &Path) -> Command {
        if flavour.is_klamm() {
            let mut command = Command::new(&self.klamm);
            command.arg("serve");
            let fixed = [
                format!("listeners=PLAINTEXT://127.0.0.1:{port}"),
                format!("log.dirs={}", dir.join("data").display()),
                "num.partitions=4".to_owned(),
            ];
            for property in fixed.iter().chain(&flavour.properties()) {
                command.args(["--override", property]);
            }
            return command;
        }
        let properties =
            flavour.properties().iter().map(|p| format!("{} {p}", self.kafka_option)).collect::<Vec<_>>();
        let line = self
            .kafka
            .replace("{port}", &port.to_string())
            .replace("{dir}", &dir.display().to_string())
            .replace("{props}", &properties.join(" "));
        let mut command = Command::new("sh");
        command.args(["-c", &format!("exec {line}")]);
        command
    }

    /// Starts a broker on an empty directory, and waits until it answers.
    pub fn start(&self, flavour: Flavour) -> io::Result<Server> {
        let dir = self.scratch.join(flavour.name());
        if dir.exists() {
            fs::remove_dir_all(&dir)?;
        }
        fs::create_dir_all(&dir)?;
        self.launch(flavour, dir, &[])
    }

    /// Starts a broker on what another one of its kind left, and waits until it leads all partitions of
    /// these topics.
    pub fn restart(&self, flavour: Flavour, topics: &[(&str, usize)]) -> io::Result<Server> {
        self.launch(flavour, self.scratch.join(flavour.name()), topics)
    }

    fn launch(&self, flavour: Flavour, dir: PathBuf, topics: &[(&str, usize)]) -> io::Result<Server> {
        let place = Flavour::ALL.iter().position(|&f| f == flavour).unwrap_or(0);
        let port = self.port + 2 * u16::try_from(place).unwrap_or(0);
        let log = || File::options().create(true).append(true).open(dir.join("broker.log"));
        let mut command = self.command(flavour, port, &dir);
        command.stdin(Stdio::null()).stdout(log()?).stderr(log()?);
        let begun = Instant::now();
        let child = command.spawn()?;
        let mut server = Server { child, port, dir, start: Duration::ZERO };
        while !probe::is_ready(port, topics) {
            let gone = server.child.try_wait()?;
            if gone.is_some() || begun.elapsed() > PATIENCE {
                let log = server.dir.join("broker.log");
                let text = fs::read_to_string(&log).unwrap_or_default();
                let last: Vec<&str> = text.lines().rev().take(5).collect();
                return Err(io::Error::other(format!(
                    "{} does not answer on port {port} ({gone:?}); {} ends with:\n{}",
                    flavour.name(),
                    log.display(),
                    last.into_iter().rev().collect::<Vec<_>>().join("\n")
                )));
            }
            std::thread::sleep(Duration::from_micros(500));
        }
        server.start = begun.elapsed();
        Ok(server)
    }
}

impl Server {
    /// `host:port`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What its process used so far.
    pub fn usage(&self) -> Usage {
        usage(self.pid())
    }

    /// Stops it in order.
    pub fn stop(mut self) -> io::Result<()> {
        if let Some(pid) = i32::try_from(self.pid()).ok().and_then(rustix::process::Pid::from_raw) {
            rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
        }
        self.child.wait().map(|_| ())
    }

    /// Kills it (SIGKILL).
    pub fn kill(mut self) -> io::Result<()> {
        self.child.kill()?;
        self.child.wait().map(|_| ())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What Linux says of a process.
pub fn usage(pid: u32) -> Usage {
    let read = |name: &str| fs::read_to_string(format!("/proc/{pid}/{name}")).unwrap_or_default();
    let (stat, status) = (read("stat"), read("status"));
    let times = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().skip(11).take(2);
    let ticks: f64 = times.filter_map(|time| time.parse::<f64>().ok()).sum();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = resident.and_then(|value| value.split_whitespace().next()?.parse::<f64>().ok());
    Usage { cpu: ticks / 100.0, resident: kib.unwrap_or(0.0) * 1024.0 / 1e6 }
}

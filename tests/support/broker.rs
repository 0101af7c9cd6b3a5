//! A broker inside the test process.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use klamm::broker::{Broker, Environment};
use klamm::config::{Sources, load};
use klamm::env::{Clock, MemoryFiles, SystemClock, SystemRng};
use klamm::types::Timestamp;
use tokio::runtime::Runtime;

use super::client::Client;

/// The system's time plus what a test adds.
#[derive(Debug)]
pub struct ShiftedClock {
    system: SystemClock,
    ahead_ms: AtomicI64,
}

impl ShiftedClock {
    /// Moves both times forward. Timers that run already do not notice.
    pub fn advance(&self, by: Duration) {
        self.ahead_ms.fetch_add(i64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
    }
}

impl Clock for ShiftedClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.system.now().get() + self.ahead_ms.load(Ordering::SeqCst))
    }

    fn elapsed(&self) -> Duration {
        let ahead = u64::try_from(self.ahead_ms.load(Ordering::SeqCst)).unwrap();
        self.system.elapsed() + Duration::from_millis(ahead)
    }
}

/// A broker of its own for a test; it ends with the value, as in a crash.
pub struct TestBroker {
    /// Its file system, which outlives it.
    pub files: MemoryFiles,
    /// Its clock.
    pub clock: Arc<ShiftedClock>,
    options: Vec<String>,
    running: Option<(Runtime, Broker)>,
}

impl TestBroker {
    /// Starts one with default settings.
    pub fn start() -> Self {
        Self::with(&[])
    }

    /// Starts one with options of the form `key=value`.
    pub fn with(options: &[&str]) -> Self {
        let fixed = ["listeners=PLAINTEXT://127.0.0.1:0", "log.dirs=/data", "num.partitions=1"];
        let mut broker = Self {
            files: MemoryFiles::new(1),
            clock: Arc::new(ShiftedClock { system: SystemClock::new(), ahead_ms: AtomicI64::new(0) }),
            options: fixed.iter().chain(options).map(|o| (*o).to_owned()).collect(),
            running: None,
        };
        broker.run();
        broker
    }

    /// Starts it again, with its files.
    pub fn run(&mut self) {
        assert!(self.running.is_none(), "it runs");
        let sources = Sources { overrides: &self.options, ..Sources::default() };
        let loaded = load(&sources).unwrap_or_else(|rejected| panic!("{rejected}"));
        let environment = Environment {
            files: Arc::new(self.files.clone()),
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
            rng: Arc::new(SystemRng),
        };
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let broker = runtime.block_on(Broker::start(loaded, environment)).unwrap_or_else(|e| panic!("{e}"));
        self.running = Some((runtime, broker));
    }

    /// Stops it in order.
    pub fn stop(&mut self) {
        let (runtime, broker) = self.running.take().expect("it runs");
        runtime.block_on(broker.stop()).unwrap_or_else(|e| panic!("{e}"));
    }

    /// Kills the process, but not the machine.
    pub fn kill(&mut self) {
        self.files.kill();
        self.end();
    }

    /// Cuts the power.
    pub fn crash(&mut self) {
        self.files.crash();
        self.end();
    }

    fn end(&mut self) {
        if let Some((runtime, broker)) = self.running.take() {
            drop(broker);
            runtime.shutdown_background();
        }
    }

    /// Where clients find it.
    pub fn address(&self) -> SocketAddr {
        self.running.as_ref().expect("it runs").1.addresses()[0].1
    }

    /// A connection to it.
    pub fn client(&self) -> Client {
        Client::connect(self.address())
    }

    /// Where a partition's files are.
    pub fn directory_of(&self, topic: &str, partition: i32) -> PathBuf {
        PathBuf::from(format!("/data/{topic}-{partition}"))
    }
}

impl Drop for TestBroker {
    fn drop(&mut self) {
        self.files.kill();
        self.end();
    }
}

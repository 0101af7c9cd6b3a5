//! A broker in this process.
use std::sync::Arc;
use std::time::{Duration, Instant};

use klamm::broker::{Broker, Environment};
use klamm::config::{Sources, load};
use klamm::env::{Files, SystemClock, SystemRng};
use klamm::partition::Partition;
use klamm::types::Uuid;
use tokio::runtime::Runtime;

use super::client::Client;

/// How long a condition may take to come true.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A broker at work; dropping it is like a crash.
pub struct TestBroker {
    runtime: Option<Runtime>,
    broker: Option<Broker>,
}

impl TestBroker {
    /// Starts one on these files.
    pub fn start(files: impl Files + 'static, options: &[&str]) -> Self {
        let fixed = ["listeners=PLAINTEXT://127.0.0.1:0", "log.retention.ms=-1"];
        let overrides: Vec<String> = fixed.iter().chain(options).map(|o| (*o).to_owned()).collect();
        let loaded = load(&Sources { overrides: &overrides, ..Sources::default() });
        let loaded = loaded.unwrap_or_else(|rejected| panic!("{rejected}"));
        let (clock, rng) = (Arc::new(SystemClock::new()), Arc::new(SystemRng));
        let environment = Environment { files: Arc::new(files), clock, rng };
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(2).enable_all().build().unwrap();
        let broker = runtime.block_on(Broker::start(loaded, environment)).unwrap_or_else(|e| panic!("{e}"));
        Self { runtime: Some(runtime), broker: Some(broker) }
    }

    /// A connection to it.
    pub fn client(&self) -> Client {
        Client::connect(&self.address())
    }

    /// Where clients find it.
    pub fn address(&self) -> String {
        self.broker.as_ref().unwrap().addresses()[0].1.to_string()
    }

    /// Its partition 0 of a topic.
    pub fn partition(&self, topic: [u8; 16]) -> Arc<Partition> {
        self.broker.as_ref().unwrap().services().partitions.get(Uuid(topic), 0).unwrap()
    }

    /// Stops it in order.
    pub fn stop(mut self) {
        let broker = self.broker.take().unwrap();
        let runtime = self.runtime.take().unwrap();
        runtime.block_on(broker.stop()).unwrap_or_else(|e| panic!("{e}"));
        // Its last tasks hold the directories, and so the lock, until they end.
        runtime.shutdown_timeout(PATIENCE);
    }

    /// Why it cannot go on, once it cannot.
    pub fn failure(&self) -> String {
        let failed = self.broker.as_ref().unwrap().failed();
        self.runtime
            .as_ref()
            .unwrap()
            .block_on(async { tokio::time::timeout(PATIENCE, failed).await.unwrap() })
    }
}

impl Drop for TestBroker {
    fn drop(&mut self) {
        drop(self.broker.take());
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Waits until `done` gives something.
pub fn wait_for<T>(what: &str, mut done: impl FnMut() -> Option<T>) -> T {
    let since = Instant::now();
    loop {
        if let Some(value) = done() {
            return value;
        }
        assert!(since.elapsed() < PATIENCE, "in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

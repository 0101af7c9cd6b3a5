//! What a running compaction does to those who produce to and fetch from the same partition: percentiles of both,
//! with and without it, in turns. Real files in a temporary directory (`TMPDIR`), default durability.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::panic, reason = "a benchmark")]
#![allow(clippy::indexing_slicing, clippy::print_stdout, reason = "it prints figures")]

#[path = "../tests/support/mod.rs"]
mod support;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use klamm::broker::{Broker, Environment};
use klamm::config::{Sources, load};
use klamm::env::{RealFiles, Rng, SeededRng, SystemClock, SystemRng};
use klamm::record::{BatchBuilder, NewRecord};
use klamm::types::Timestamp;
use support::client::{Client, Topic};

const ROUNDS: usize = 3;
const LOG_BYTES: usize = 512 << 20;
const BATCH_BYTES: usize = 512 << 10;
const KEYS: u64 = 50_000;
const CALM: Duration = Duration::from_secs(5);

/// A batch of records of 1 KiB with random keys.
fn batch(rng: &SeededRng, bytes: usize) -> Vec<u8> {
    let mut builder = BatchBuilder::default();
    for _ in 0..bytes >> 10 {
        let key = format!("user-{:012}", rng.below(KEYS));
        let (key, value) = (Some(key.as_bytes()), Some([b'v'; 1000].as_slice()));
        let timestamp = Timestamp(support::batches::now());
        builder.push(&NewRecord { timestamp, key, value, headers: &[] });
    }
    builder.build().unwrap().to_vec()
}

/// Times of one kind of request.
#[derive(Debug, Default)]
struct Times(Vec<Duration>);

impl Times {
    fn print(&mut self, what: &str) {
        self.0.sort();
        let at = |part: f64| self.0[((self.0.len() - 1) as f64 * part) as usize];
        println!(
            "{what:<28} {:>7} times: p50 {:>9.2?}  p99 {:>9.2?}  p99.9 {:>9.2?}  max {:>9.2?}",
            self.0.len(),
            at(0.5),
            at(0.99),
            at(0.999),
            at(1.0)
        );
    }
}

/// Produces and fetches until `is_over`.
fn measure(
    address: SocketAddr,
    topic: &Topic,
    end: i64,
    is_over: impl Fn(Duration) -> bool,
    to: &mut [Times; 2],
) {
    let going = AtomicBool::new(true);
    let [produced, fetched] = to;
    std::thread::scope(|scope| {
        let fetching = scope.spawn(|| {
            let (mut client, rng) = (Client::connect(address), SeededRng::new(3));
            while going.load(Ordering::Relaxed) {
                let start = Instant::now();
                client.fetch(topic, 0, rng.below(end as u64) as i64);
                fetched.0.push(start.elapsed());
            }
        });
        let (mut client, rng, start) = (Client::connect(address), SeededRng::new(4), Instant::now());
        while !is_over(start.elapsed()) {
            let bytes = batch(&rng, 1 << 10);
            let start = Instant::now();
            client.append(topic, 0, &bytes);
            produced.0.push(start.elapsed());
        }
        going.store(false, Ordering::Relaxed);
        fetching.join().unwrap();
    });
}

/// Bytes of a partition's segments in service.
fn size_of(dir: &Path) -> u64 {
    let entries = std::fs::read_dir(dir).unwrap().map_while(Result::ok);
    let logs = entries.filter(|entry| entry.path().extension().is_some_and(|e| e == "log"));
    logs.filter_map(|entry| Some(entry.metadata().ok()?.len())).sum()
}

fn main() {
    let dir = tempfile::tempdir().unwrap();
    let log_dirs = format!("log.dirs={}", dir.path().display());
    let options = ["listeners=PLAINTEXT://127.0.0.1:0", &log_dirs, "log.cleaner.backoff.ms=100"];
    let overrides: Vec<String> = options.iter().map(|option| (*option).to_owned()).collect();
    let loaded = load(&Sources { overrides: &overrides, ..Sources::default() }).unwrap();
    let environment = Environment {
        files: Arc::new(RealFiles),
        clock: Arc::new(SystemClock::new()),
        rng: Arc::new(SystemRng),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let broker = runtime.block_on(Broker::start(loaded, environment)).unwrap();
    let address = broker.addresses()[0].1;
    let mut client = Client::connect(address);
    let (mut calm, mut busy) = (<[Times; 2]>::default(), <[Times; 2]>::default());
    let mut compacting = Duration::ZERO;
    for round in 0..ROUNDS {
        let name = format!("t{round}");
        let topic =
            client.topic(&name, 1, &[("segment.bytes", "33554432"), ("min.cleanable.dirty.ratio", "0")]);
        let (rng, mut end) = (SeededRng::new(5), 0);
        for _ in 0..LOG_BYTES / BATCH_BYTES {
            end = client.append(&topic, 0, &batch(&rng, BATCH_BYTES));
        }
        measure(address, &topic, end, |elapsed| elapsed > CALM, &mut calm);
        let partition = dir.path().join(format!("{name}-0"));
        let before = size_of(&partition);
        client.configure(2, &name, &[("cleanup.policy", "compact")]);
        let start = Instant::now();
        measure(address, &topic, end, |_| size_of(&partition) < before / 3, &mut busy);
        compacting += start.elapsed();
        client.delete_topic(&name);
    }
    calm[0].print("produce");
    busy[0].print("produce beside compaction");
    calm[1].print("fetch");
    busy[1].print("fetch beside compaction");
    println!("{} MB were compacted in {compacting:.2?}", (ROUNDS * LOG_BYTES) >> 20);
    runtime.block_on(broker.stop()).unwrap();
}

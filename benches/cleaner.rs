//! How fast a core compacts. Data lie in a temporary directory: with `TMPDIR=/dev/shm` the disk has no say.
//!
//! What is measured is the CPU time of the cleaning thread, reading, checking, hashing, copying and the system
//! calls together, so that other work on the machine does little to it.
#![allow(missing_docs, reason = "criterion's macros")]
#![allow(clippy::disallowed_methods, reason = "a benchmark reads the system's clock")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a benchmark")]

use std::sync::Arc;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use klamm::env::{RealFiles, Rng, SeededRng, SystemClock};
use klamm::log::cleaner::{CleanerOptions, clean};
use klamm::log::{Log, LogConfig, LogEnv};
use klamm::record::{BatchBuilder, Codec, Compression, NewRecord};
use klamm::types::{LeaderEpoch, Timestamp, TopicPartition, Uuid};

const LOG_BYTES: u64 = 64 << 20;
const BATCH_BYTES: usize = 16 << 10;
const NOW: Timestamp = Timestamp(1_790_000_000_000);

const OPTIONS: CleanerOptions = CleanerOptions {
    threads: 1,
    backoff: Duration::ZERO,
    dedupe_bytes: 128 << 20,
    load_factor: 0.9,
    io_bytes: 512 << 10,
    bytes_per_second: f64::MAX,
};

/// What a log is made of.
struct Shape {
    name: &'static str,
    codec: Codec,
    value_bytes: usize,
    /// Records for each key.
    versions: u64,
}

const SHAPES: [Shape; 5] = [
    Shape { name: "100 B, keys unique", codec: Codec::None, value_bytes: 100, versions: 1 },
    Shape { name: "100 B, 10 versions", codec: Codec::None, value_bytes: 100, versions: 10 },
    Shape { name: "1 KiB, keys unique", codec: Codec::None, value_bytes: 1024, versions: 1 },
    Shape { name: "1 KiB, 10 versions", codec: Codec::None, value_bytes: 1024, versions: 10 },
    Shape { name: "1 KiB, 10 versions, lz4", codec: Codec::Lz4, value_bytes: 1024, versions: 10 },
];

/// A dirty log; gives its bytes before they were compressed, too.
fn dirty_log(dir: &std::path::Path, shape: &Shape) -> (Log, u64) {
    let env = LogEnv::new(
        Arc::new(RealFiles),
        Arc::new(SystemClock::new()),
        Arc::new(SeededRng::new(1)),
        dir.into(),
    );
    let config = LogConfig { segment_bytes: 16 << 20, compact: true, delete: false, ..LogConfig::default() };
    let tp = TopicPartition::new("t", 0);
    let log = Log::create(env, dir.join("t-0"), tp, Uuid([7; 16]), Arc::new(config)).unwrap().0;
    let rng = SeededRng::new(2);
    let record_bytes = shape.value_bytes as u64 + 32;
    let keys = LOG_BYTES / record_bytes / shape.versions;
    let (mut bytes, mut next) = (0, 0);
    while bytes < LOG_BYTES {
        let mut builder = BatchBuilder::new(Compression::of(shape.codec));
        let mut batch_bytes = 0;
        while batch_bytes < BATCH_BYTES {
            let key = if shape.versions == 1 { next } else { rng.below(keys) };
            next += 1;
            // Half of the value is the same everywhere.
            let mut value = vec![b'v'; shape.value_bytes];
            for part in value[..shape.value_bytes / 2].chunks_mut(8) {
                part.copy_from_slice(&rng.next().to_be_bytes()[..part.len()]);
            }
            let key = format!("user-{key:012}");
            let (key, value) = (Some(key.as_bytes()), Some(value.as_slice()));
            builder.push(&NewRecord { timestamp: NOW, key, value, headers: &[] });
            batch_bytes += shape.value_bytes + 32;
        }
        log.append(&builder.build().unwrap(), LeaderEpoch(0), NOW).unwrap();
        bytes += batch_bytes as u64;
    }
    log.checkpoint().unwrap();
    (log, bytes)
}

/// What this thread has used of a processor.
fn cpu_time() -> Duration {
    let used = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(used.split(' ').next().unwrap().parse().unwrap())
}

fn compaction(c: &mut Criterion) {
    let mut group = c.benchmark_group("compaction");
    group.sample_size(10).throughput(Throughput::Bytes(LOG_BYTES));
    for shape in &SHAPES {
        group.bench_function(BenchmarkId::from_parameter(shape.name), |bencher| {
            bencher.iter_custom(|times| {
                let mut took = Duration::ZERO;
                for _ in 0..times {
                    let dir = tempfile::tempdir().unwrap();
                    let (log, bytes) = dirty_log(dir.path(), shape);
                    let began = cpu_time();
                    let cleaned = clean(&log, None, &OPTIONS).unwrap();
                    let used = cpu_time() - began;
                    // The active segment is left out.
                    let read = if shape.codec == Codec::None { cleaned.read } else { bytes };
                    took += used.mul_f64(LOG_BYTES as f64 / read as f64);
                }
                took
            });
        });
    }
    group.finish();
}

criterion_group!(benches, compaction);
criterion_main!(benches);

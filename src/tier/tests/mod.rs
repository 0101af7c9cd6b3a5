//! The remote tier as a whole, on logs, files and a store in memory.
mod faults;
mod faulty;
mod life;
mod reading;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use object_store::path::Path;

use super::*;
use crate::env::{Clock, FakeClock, Files, MemoryFiles, SeededRng, SystemRng};
use crate::log::{Contents, LocalRetention, Log, LogConfig, LogDirectory, LogEnv, LogError, ReadRequest};
use crate::record::control::marker_batch;
use crate::record::{BatchBuilder, Batches, NewRecord, ValidBatch};
use crate::types::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Timestamp, TopicPartition, Uuid};
use faulty::{Faulty, How};

const NOW: i64 = 1_790_000_000_000;
const TOPIC: Uuid = Uuid([7; 16]);

/// A log directory with one tiered log, and the store.
struct Bench {
    files: MemoryFiles,
    clock: Arc<FakeClock>,
    store: Faulty,
}

/// A broker's run: what a crash ends.
struct Run {
    tier: Tier,
    directory: LogDirectory,
    log: Arc<Log>,
    remote: Arc<RemoteLog>,
}

fn rules() -> Rules {
    Rules {
        copies: true,
        delete: true,
        compact: false,
        retention_ms: -1,
        retention_bytes: -1,
        local: (-1, 0),
        lag_ms: 0,
        lag_bytes: -1,
    }
}

/// Segments of a few batches; whatever is uploaded leaves.
fn config() -> LogConfig {
    LogConfig {
        segment_bytes: 1_000,
        index_interval_bytes: 150,
        retention_ms: -1,
        file_delete_delay_ms: 0,
        tiered: Some(LocalRetention { retention_ms: -1, retention_bytes: 0, copies: true }),
        ..LogConfig::default()
    }
}

impl Bench {
    fn new() -> Self {
        Self { files: MemoryFiles::new(1), clock: Arc::new(FakeClock::new(NOW)), store: Faulty::default() }
    }

    fn env(&self) -> Arc<LogEnv> {
        let files: Arc<dyn Files> = Arc::new(self.files.clone());
        LogEnv::new(
            files,
            Arc::clone(&self.clock) as Arc<dyn Clock>,
            Arc::new(SeededRng::new(1)),
            "/d".into(),
        )
    }

    fn tier(&self) -> Tier {
        self.tier_of(true)
    }

    fn tier_of(&self, is_conditional: bool) -> Tier {
        let store = Store::new(Arc::new(self.store.clone()), Path::from("p"), is_conditional);
        let files: Arc<dyn Files> = Arc::new(self.files.clone());
        let options = || TierOptions {
            interval: Duration::from_secs(3600),
            backoff: Duration::ZERO,
            backoff_max: Duration::ZERO,
            jitter: 0.0,
            copiers: 2,
            copy_bytes_per_second: u64::MAX,
            fetch_bytes_per_second: u64::MAX,
            upload_interval_ms: i64::MAX,
            sweep_grace_ms: 0,
        };
        Tier::start(TierParts {
            store,
            cluster: "cluster".to_owned(),
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
            rng: Arc::new(SystemRng),
            known: KnownTopics::open(files, PathBuf::from("/d").join(known::FILE)).unwrap(),
            options: Box::new(options),
            cache_bytes: 16 << 20,
            upload_bytes: 64 << 20,
            metrics: Arc::default(),
        })
        .unwrap()
    }

    fn directory(&self) -> (LogDirectory, Contents) {
        LogDirectory::open(self.env(), "/d".into(), 1).unwrap()
    }

    fn create(&self) -> Run {
        self.create_with(config(), rules())
    }

    fn create_with(&self, config: LogConfig, rules: Rules) -> Run {
        let (directory, _) = self.directory();
        let log = directory.create_log(&TopicPartition::new("t", 0), TOPIC, Arc::new(config)).unwrap();
        directory.sync_names().unwrap();
        let tier = self.tier();
        let remote = tier.attach(Arc::clone(&log)).unwrap();
        remote.set_rules(Some(rules));
        Run { tier, directory, log, remote }
    }

    /// Opens the directory again, as after a crash or a stop.
    fn reopen(&self, config: LogConfig, rules: Rules) -> Run {
        let (directory, contents) = self.directory();
        let config = Arc::new(config);
        let opened = directory.open_logs(&contents.partitions, &|_| Arc::clone(&config), 1).unwrap();
        let (log, _) = opened.into_iter().next().unwrap().unwrap();
        let tier = self.tier();
        let remote = tier.attach(Arc::clone(&log)).unwrap();
        remote.set_rules(Some(rules));
        Run { tier, directory, log, remote }
    }

    fn pass(&self, ms: u64) {
        self.clock.advance(Duration::from_millis(ms));
    }
}

impl Run {
    fn append(&self, batch: &ValidBatch<'_>) -> i64 {
        self.log.append(batch, LeaderEpoch(3), Timestamp(NOW)).unwrap().base_offset.get()
    }

    /// Appends one-record batches, each 100 ms later than the one before; all durable.
    fn fill(&self, records: i64) {
        for _ in 0..records {
            let at = self.log.log_end().get();
            self.append(&batch(NOW + 100 * at, &format!("value {at}")));
        }
        self.log.flush().unwrap();
    }

    /// What the timers of a broker do.
    fn tick(&self, now: i64) {
        self.tier.settle();
        self.directory.checkpoint().unwrap();
        self.log.tick(Timestamp(now), false).unwrap();
        self.log.tick(Timestamp(now), false).unwrap();
    }

    fn segments(&self) -> usize {
        self.log.describe().segments
    }

    /// The values from `from` on, read like a consumer does: here where it is here, else remotely.
    fn consume(&self, from: i64, max_bytes: usize) -> Result<Vec<(i64, String)>, LogError> {
        let (mut from, mut all) = (Offset(from), Vec::new());
        while from < self.log.log_end() {
            let request = ReadRequest { from, max_bytes, upto: self.log.log_end(), at_least_one: true };
            let (bytes, next) = match self.log.read(&request) {
                Ok(slice) => (slice.range.unwrap().read().unwrap(), slice.next_offset),
                Err(LogError::NotLocal { .. }) => {
                    let slice = self.tier.wait(self.remote.read(request, false))?;
                    (slice.bytes.to_vec(), slice.next_offset)
                }
                Err(error) => return Err(error),
            };
            assert!(next > from, "no progress at {from}");
            all.extend(values(&bytes).into_iter().filter(|(offset, _)| *offset >= from.get()));
            from = next;
        }
        Ok(all)
    }

    fn remote_end(&self) -> i64 {
        self.remote.manifest().unwrap().end().map_or(0, Offset::get)
    }
}

/// Offsets and values of the records of data batches.
fn values(bytes: &[u8]) -> Vec<(i64, String)> {
    let mut out = Vec::new();
    for batch in Batches::new(bytes) {
        let batch = batch.unwrap();
        batch.verify_crc().unwrap();
        if batch.header().is_control() {
            continue;
        }
        let payload = batch.payload(1 << 20).unwrap();
        for record in batch.records(&payload) {
            let record = record.unwrap();
            let value = String::from_utf8(record.value.unwrap().to_vec()).unwrap();
            out.push((record.offset.get(), value));
        }
    }
    out
}

/// What [`Run::fill`] has written.
fn expected(range: std::ops::Range<i64>) -> Vec<(i64, String)> {
    range.map(|at| (at, format!("value {at}"))).collect()
}

fn batch(time: i64, value: &str) -> ValidBatch<'static> {
    let mut builder = BatchBuilder::default();
    builder.push(&NewRecord {
        timestamp: Timestamp(time),
        value: Some(value.as_bytes()),
        ..NewRecord::default()
    });
    builder.build().unwrap()
}

fn in_transaction(producer: i64, sequence: i32) -> ValidBatch<'static> {
    let mut builder =
        BatchBuilder::default().transactional().producer(ProducerId(producer), ProducerEpoch(0), sequence);
    builder.push(&NewRecord {
        timestamp: Timestamp(NOW),
        value: Some(b"transactional"),
        ..NewRecord::default()
    });
    builder.build().unwrap()
}

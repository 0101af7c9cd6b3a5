//! Whole cleanings, on files in memory.
mod crashes;
mod golden;
mod model;
mod rules;
mod threads;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::copy::{CleanError, Cleaned, Means};
use super::plan::Plan;
use crate::env::{Clock, FakeClock, Files, MemoryFiles, SeededRng};
use crate::log::{Log, LogConfig, LogEnv, LogError, OpenState, ReadRequest};
use crate::record::control::marker_batch;
use crate::record::{BatchBuilder, BatchHeader, Batches, Codec, Compression, NewRecord, ValidBatch};
use crate::types::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Timestamp, TopicPartition, Uuid};

const NOW: i64 = 1_790_000_000_000;
const RETENTION: i64 = 10_000;

/// A compacted log in memory.
struct Bench {
    files: MemoryFiles,
    clock: Arc<FakeClock>,
    config: LogConfig,
}

/// A record as a test compares it: offset, time, key, value.
type Seen = (i64, i64, Option<String>, Option<String>);

impl Bench {
    fn new(seed: u64, segment_bytes: u64) -> Self {
        let config = LogConfig {
            segment_bytes,
            compact: true,
            delete: false,
            min_cleanable_dirty_ratio: 0.0,
            delete_retention_ms: RETENTION,
            index_interval_bytes: 100,
            file_delete_delay_ms: 0,
            ..LogConfig::default()
        };
        Self { files: MemoryFiles::new(seed), clock: Arc::new(FakeClock::new(NOW)), config }
    }

    fn env(&self) -> Arc<LogEnv> {
        let files: Arc<dyn Files> = Arc::new(self.files.clone());
        let clock = Arc::clone(&self.clock);
        LogEnv::new(files, clock, Arc::new(SeededRng::new(1)), PathBuf::from("d"))
    }

    fn create(&self) -> Log {
        let config = Arc::new(self.config.clone());
        Log::create(self.env(), "d/t-0".into(), TopicPartition::new("t", 0), Uuid([7; 16]), config).unwrap().0
    }

    /// Opens the log as after a crash that left no checkpoint: all is found out from the batches.
    fn open(&self) -> Log {
        self.try_open().unwrap()
    }

    fn try_open(&self) -> Result<Log, LogError> {
        let (config, state) = (Arc::new(self.config.clone()), OpenState::default());
        let tp = TopicPartition::new("t", 0);
        Log::open(self.env(), "d/t-0".into(), tp, Uuid([7; 16]), config, state).map(|(log, _)| log)
    }

    fn append(&self, log: &Log, batch: &ValidBatch<'_>) -> i64 {
        log.append(batch, LeaderEpoch(1), self.clock.now()).unwrap().base_offset.get()
    }

    fn pass(&self, ms: i64) {
        self.clock.advance(Duration::from_millis(ms as u64));
    }
}

/// Cleans with a key table of `map_bytes` from `from` on.
fn clean_from(bench: &Bench, log: &Log, from: i64, map_bytes: u64) -> Result<Cleaned, CleanError> {
    let state = log.cleaner_state()?;
    let plan = Plan::new(&state, Some(Offset(from)), &log.config(), bench.clock.now());
    log.clean(&plan, &Means { map_bytes, load_factor: 0.9, block: 300, pace: &|_| true })
}

/// Cleans all that may be cleaned.
fn clean(bench: &Bench, log: &Log) -> Cleaned {
    clean_from(bench, log, 0, 1 << 20).unwrap()
}

fn batch(
    codec: Codec,
    producer: Option<(i64, i16, i32)>,
    records: &[(Option<&str>, Option<&str>)],
) -> ValidBatch<'static> {
    build(BatchBuilder::new(Compression::of(codec)), producer, records)
}

fn in_transaction(
    producer: i64,
    sequence: i32,
    records: &[(Option<&str>, Option<&str>)],
) -> ValidBatch<'static> {
    build(BatchBuilder::default().transactional(), Some((producer, 0, sequence)), records)
}

fn build(
    mut builder: BatchBuilder,
    producer: Option<(i64, i16, i32)>,
    records: &[(Option<&str>, Option<&str>)],
) -> ValidBatch<'static> {
    if let Some((id, epoch, sequence)) = producer {
        builder = builder.producer(ProducerId(id), ProducerEpoch(epoch), sequence);
    }
    for (at, (key, value)) in records.iter().enumerate() {
        let (key, value) = (key.map(str::as_bytes), value.map(str::as_bytes));
        builder.push(&NewRecord { timestamp: Timestamp(NOW + at as i64), key, value, headers: &[] });
    }
    builder.build().unwrap()
}

/// One keyed record.
fn one(key: &str, value: Option<&str>) -> ValidBatch<'static> {
    batch(Codec::None, None, &[(Some(key), value)])
}

fn marker(producer: i64, commit: bool) -> ValidBatch<'static> {
    marker_batch(ProducerId(producer), ProducerEpoch(0), commit, 1, Timestamp(NOW))
}

/// All batches of a log, in small reads.
fn batches(log: &Log) -> Vec<Vec<u8>> {
    let (mut from, upto, mut all) = (log.log_start(), log.log_end(), Vec::new());
    while from < upto {
        let slice = log.read(&ReadRequest { from, max_bytes: 500, upto, at_least_one: true }).unwrap();
        if let Some(range) = &slice.range {
            let bytes = range.read().unwrap();
            all.extend(Batches::new(&bytes).map(|batch| batch.unwrap().bytes().to_vec()));
        }
        if slice.next_offset == from {
            // All that is left below `upto` has been compacted away meanwhile.
            break;
        }
        from = slice.next_offset;
    }
    all
}

fn headers(log: &Log) -> Vec<BatchHeader> {
    batches(log).iter().map(|bytes| BatchHeader::parse(bytes).unwrap()).collect()
}

/// The data records that a consumer gets, as clients filter: aborted transactions are left out from their
/// first offset up to their marker.
fn committed(log: &Log) -> Vec<Seen> {
    let mut ahead = log.aborted_transactions(log.log_start(), log.log_end()).unwrap();
    ahead.sort_by_key(|txn| txn.first_offset);
    let mut aborting = BTreeSet::new();
    let mut seen: Vec<Seen> = Vec::new();
    for bytes in batches(log) {
        let view = crate::record::BatchView::parse(&bytes).unwrap();
        view.verify_crc().unwrap();
        ahead.retain(|txn| {
            let is_reached = txn.first_offset <= view.last_offset();
            if is_reached {
                aborting.insert(txn.producer_id);
            }
            !is_reached
        });
        let payload = view.payload(1 << 20).unwrap();
        if view.is_control() {
            let marker = crate::log::markers::parse(view.header(), &payload);
            if marker.is_some_and(|marker| !marker.commit) {
                aborting.remove(&view.producer_id);
            }
            continue;
        }
        if view.is_transactional() && aborting.contains(&view.producer_id) {
            continue;
        }
        let text = |bytes: Option<&[u8]>| bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        for record in view.records(&payload).map(Result::unwrap) {
            seen.push((record.offset.get(), record.timestamp.get(), text(record.key), text(record.value)));
        }
    }
    assert!(seen.is_sorted_by_key(|record| record.0), "offsets rise");
    seen
}

fn offsets(log: &Log) -> Vec<i64> {
    committed(log).iter().map(|record| record.0).collect()
}

/// What a restart must know of each producer: its epoch, last sequence and last offset.
fn producers(log: &Log) -> BTreeMap<i64, (i16, i32, i64)> {
    let known = log.describe().producers;
    let last =
        |p: &crate::log::producers::Producer| (p.epoch.get(), p.last_sequence(), p.last_offset().get());
    known.iter().map(|(id, producer)| (id.get(), last(producer))).collect()
}

//! Random schedules of appends, flushes, deletions, faults and crashes on files that tear and forget,
//! against a model: what was reported durable is there, once and in order; nothing is there that was
//! not appended; each producer's window is what the batches in the log say.
use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::producers::{BatchEntry, WINDOW};
use super::*;
use crate::env::{FakeClock, Fault, FaultOp, Files, MemoryFiles, Rng, SeededRng};
use crate::record::{BatchBuilder, BatchHeader, Batches, Compression, NewRecord, ValidBatch};
use crate::types::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Timestamp, TopicPartition, Uuid};

const NOW: i64 = 1_790_000_000_000;
const SCHEDULES: u64 = 300;
const STEPS: usize = 60;

/// A batch as the model remembers it.
#[derive(Clone, Debug, PartialEq)]
struct Sent {
    base: i64,
    next: i64,
    producer: i64,
    first_sequence: i32,
    bytes: Vec<u8>,
}

struct Model {
    rng: SeededRng,
    files: MemoryFiles,
    clock: Arc<FakeClock>,
    config: Arc<LogConfig>,
    tp: TopicPartition,
    sent: Vec<Sent>,
    end: i64,
    durable: i64,
    /// The log start is at least this, whatever happens.
    deleted: i64,
    count: u64,
}

impl Model {
    fn new(seed: u64) -> Self {
        let rng = SeededRng::new(seed);
        let config = LogConfig {
            segment_bytes: 400 + rng.below(800),
            index_interval_bytes: 1 + rng.below(300),
            retention_ms: if rng.below(2) == 0 { 5_000 } else { -1 },
            file_delete_delay_ms: 1_000,
            ..LogConfig::default()
        };
        Self {
            files: MemoryFiles::new(rng.next()),
            rng,
            clock: Arc::new(FakeClock::new(NOW)),
            config: Arc::new(config),
            tp: TopicPartition::new("t", 0),
            sent: Vec::new(),
            end: 0,
            durable: 0,
            deleted: 0,
            count: 0,
        }
    }

    fn directory(&self) -> (LogDirectory, Contents) {
        let files: Arc<dyn Files> = Arc::new(self.files.clone());
        let rng = Arc::new(SeededRng::new(self.rng.next()));
        let env = LogEnv::new(files, Arc::clone(&self.clock) as _, rng, PathBuf::from("d"));
        LogDirectory::open(env, PathBuf::from("d"), 1).unwrap()
    }

    /// Starts the broker: opens what is there, or makes it.
    fn start(&self) -> (LogDirectory, Arc<Log>) {
        let (directory, contents) = self.directory();
        directory.env().files.sync_dir("".as_ref()).unwrap();
        if contents.partitions.is_empty() {
            assert_eq!(self.durable, 0, "the partition is gone");
            let log = directory.create_log(&self.tp, Uuid([7; 16]), Arc::clone(&self.config)).unwrap();
            directory.sync_names().unwrap();
            return (directory, log);
        }
        let opened = directory.open_logs(&contents.partitions, &|_| Arc::clone(&self.config), 1).unwrap();
        let log = opened.into_iter().next().unwrap().unwrap().0;
        (directory, log)
    }

    fn batch(&mut self, producer: i64) -> ValidBatch<'static> {
        let sequence = self.next_sequence(producer);
        let mut builder = BatchBuilder::new(Compression::NONE);
        if producer >= 0 {
            builder = builder.producer(ProducerId(producer), ProducerEpoch(0), sequence);
        }
        for _ in 0..=self.rng.below(3) {
            self.count += 1;
            let value = format!("{}-{}", self.count, "x".repeat(self.rng.below(60) as usize));
            let skew = self.rng.below(2000) as i64 - 1000;
            let timestamp = Timestamp(crate::env::Clock::now(self.clock.as_ref()).get() + skew);
            builder.push(&NewRecord { timestamp, value: Some(value.as_bytes()), ..NewRecord::default() });
        }
        builder.build().unwrap()
    }

    fn next_sequence(&self, producer: i64) -> i32 {
        let last = self.sent.iter().rev().find(|sent| sent.producer == producer);
        last.map_or(0, |sent| sent.first_sequence + (sent.next - sent.base) as i32)
    }

    fn append(&mut self, log: &Log) -> Result<(), LogError> {
        let producer = self.rng.below(4) as i64 - 1;
        let batch = self.batch(producer);
        let now = crate::env::Clock::now(self.clock.as_ref());
        let appended = log.append(&batch, LeaderEpoch(1), now);
        // After an I/O error the batch may be on disk though nobody was told.
        if !matches!(appended, Err(LogError::NoSpace { .. })) {
            self.remember(&batch);
        }
        let appended = appended?;
        assert_eq!((appended.last_offset.get() + 1, appended.duplicate), (self.end, false));
        Ok(())
    }

    fn remember(&mut self, batch: &ValidBatch<'_>) {
        let mut placed = batch.clone();
        placed.place(Offset(self.end), LeaderEpoch(1));
        let (base, next) = (self.end, placed.next_offset().get());
        let (producer, first_sequence) = (batch.producer_id.get(), batch.base_sequence);
        self.sent.push(Sent { base, next, producer, first_sequence, bytes: placed.to_vec() });
        self.end = next;
    }

    /// Sends a batch of some producer's window again.
    fn retry(&self, log: &Log) {
        let producer = self.rng.below(3) as i64;
        let window: Vec<&Sent> =
            self.sent.iter().rev().filter(|s| s.producer == producer).take(WINDOW).collect();
        let Some(sent) = window.get(self.rng.below(window.len() as u64) as usize) else { return };
        let bytes = sent.bytes.clone();
        let header = BatchHeader::parse(&bytes).unwrap();
        let again = log.append_raw(&bytes, LeaderEpoch(1), Timestamp(NOW)).unwrap();
        assert!(again.duplicate, "{header:?}");
        assert_eq!((again.base_offset.get(), again.last_offset.get() + 1), (sent.base, sent.next));
    }

    /// Compares the whole log with what was sent; `at_least` is how far it must reach.
    fn check(&mut self, log: &Log, at_least: i64) {
        // What is not durable does not expire; from here on nothing moves while it is compared.
        self.durable = log.flush().unwrap().get();
        let (start, end) = (log.apply_retention().unwrap().get(), log.log_end().get());
        assert!(end >= at_least && end <= self.end, "log end {end}, durable {at_least}, sent {}", self.end);
        assert!(start >= self.deleted && start <= end, "log start {start}, deleted below {}", self.deleted);
        self.sent.retain(|sent| sent.next <= end);
        self.end = self.sent.last().map_or(0, |sent| sent.next);
        assert_eq!(end, self.end, "the log ends with a whole batch");
        let (mut from, mut bytes) = (log.log_start(), Vec::new());
        while from < log.log_end() {
            let max_bytes = self.rng.below(600) as usize;
            let request = ReadRequest { from, max_bytes, upto: log.log_end(), at_least_one: true };
            let slice = log.read(&request).unwrap();
            let Some(range) = &slice.range else { panic!("nothing at {from} of {start}..{end}: {log:?}") };
            bytes.extend(range.read().unwrap());
            from = slice.next_offset;
        }
        let got: Vec<Vec<u8>> = Batches::new(&bytes).map(|b| b.unwrap().bytes().to_vec()).collect();
        let want: Vec<Vec<u8>> =
            self.sent.iter().filter(|sent| sent.next > start).map(|sent| sent.bytes.clone()).collect();
        let bases = |all: &[Vec<u8>]| -> Vec<i64> {
            all.iter().map(|bytes| BatchHeader::parse(bytes).unwrap().base_offset.get()).collect()
        };
        assert_eq!(bases(&got), bases(&want), "base offsets from {start} on");
        assert!(got == want, "the bytes of a batch are others");
        self.check_producers(log);
    }

    fn check_producers(&self, log: &Log) {
        let mut want: BTreeMap<i64, VecDeque<BatchEntry>> = BTreeMap::new();
        for sent in self.sent.iter().filter(|sent| sent.producer >= 0) {
            let header = BatchHeader::parse(&sent.bytes).unwrap();
            let window = want.entry(sent.producer).or_default();
            window.push_back(BatchEntry {
                last_sequence: header.last_sequence(),
                last_offset: header.last_offset(),
                offset_delta: header.last_offset_delta,
                timestamp: header.max_timestamp,
            });
            if window.len() > WINDOW {
                window.pop_front();
            }
        }
        let described = log.describe().producers;
        let got: BTreeMap<_, _> = described.into_iter().map(|(id, p)| (id.get(), p.batches)).collect();
        assert_eq!(got, want, "producers");
    }

    fn run(&mut self) {
        let (mut directory, mut log) = self.start();
        for _ in 0..STEPS {
            match self.rng.below(20) {
                0..=8 => self.append(&log).unwrap(),
                9 => self.retry(&log),
                10..=11 => self.durable = log.flush().unwrap().get(),
                12 => directory.checkpoint().unwrap(),
                13 => {
                    self.clock.advance(Duration::from_millis(self.rng.below(3000)));
                    directory.tick().unwrap();
                }
                14 => self.delete(&directory, &log),
                15 => self.fill_disk(&log),
                16 => {
                    self.fail_sync(&directory, &log);
                    (directory, log) = self.crash(directory, log);
                }
                17 => (directory, log) = self.crash(directory, log),
                18 => {
                    drop((directory, log));
                    self.files.kill();
                    (directory, log) = self.start();
                    let all = self.end;
                    self.check(&log, all);
                }
                _ => {
                    directory.close(1, &BTreeMap::new()).unwrap();
                    self.durable = self.end;
                    drop((directory, log));
                    (directory, log) = self.start();
                    let all = self.end;
                    self.check(&log, all);
                }
            }
            self.durable = self.durable.max(log.durable_end().get());
        }
        let all = self.end;
        self.check(&log, all);
    }

    fn crash(&mut self, directory: LogDirectory, log: Arc<Log>) -> (LogDirectory, Arc<Log>) {
        drop((directory, log));
        self.files.crash();
        self.files.heal();
        let (directory, log) = self.start();
        let durable = self.durable;
        self.check(&log, durable);
        // A second crash right after recovery takes nothing back that recovery reported durable.
        self.durable = log.flush().unwrap().get();
        (directory, log)
    }

    fn delete(&mut self, directory: &LogDirectory, log: &Log) {
        let start = log.log_start().get();
        let at = start + self.rng.below((self.end - start) as u64 + 1) as i64;
        let got = directory.delete_before(log, Offset(at)).unwrap().get();
        assert!(got >= at);
        self.deleted = self.deleted.max(at);
        self.durable = self.durable.max(log.durable_end().get());
    }

    fn fill_disk(&mut self, log: &Log) {
        let kind = std::io::ErrorKind::StorageFull;
        self.files.inject(Fault { op: FaultOp::Write, path: ".log".into(), skip: 0, times: 1, kind });
        if let Err(error) = self.append(log) {
            assert!(matches!(error, LogError::NoSpace { .. }), "{error}");
        }
        self.files.heal();
    }

    fn fail_sync(&mut self, directory: &LogDirectory, log: &Log) {
        let ops = [FaultOp::Sync, FaultOp::SyncDir, FaultOp::Write, FaultOp::Rename];
        let op = ops[self.rng.below(4) as usize];
        let skip = self.rng.below(3) as u32;
        let kind = std::io::ErrorKind::Other;
        self.files.inject(Fault { op, path: String::new(), skip, times: 1, kind });
        // The first error leaves the directory offline; what was reported before it counts.
        if self.append(log).is_ok()
            && let Ok(end) = log.flush()
        {
            self.durable = end.get();
            let _ = directory.checkpoint();
        }
    }
}

#[test]
fn what_was_durable_is_there_once_and_in_order() {
    let only: Option<u64> = std::env::var("KLAMM_CRASH_SEED").ok().and_then(|seed| seed.parse().ok());
    let schedules = std::env::var("KLAMM_CRASH_SCHEDULES").ok().and_then(|n| n.parse().ok());
    for seed in only.map_or(0..schedules.unwrap_or(SCHEDULES), |seed| seed..seed + 1) {
        let outcome = std::panic::catch_unwind(|| Model::new(seed).run());
        if let Err(panic) = outcome {
            eprintln!("the schedule of seed {seed} failed; run it alone with KLAMM_CRASH_SEED={seed}");
            std::panic::resume_unwind(panic);
        }
    }
}

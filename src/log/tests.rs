//! A log as its user sees it.
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::env::{FakeClock, Fault, FaultOp, Files, MemoryFiles, SeededRng};
use crate::record::control::marker_batch;
use crate::record::header::NO_SEQUENCE;
use crate::record::{BatchBuilder, Batches, Compression, NewRecord, ValidBatch};
use crate::types::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Timestamp, TopicPartition, Uuid};

const NOW: i64 = 1_790_000_000_000;

/// A log in memory.
struct Bench {
    files: MemoryFiles,
    clock: Arc<FakeClock>,
    config: LogConfig,
}

impl Bench {
    fn new(config: LogConfig) -> Self {
        Self { files: MemoryFiles::new(1), clock: Arc::new(FakeClock::new(NOW)), config }
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

    fn open(&self, state: OpenState) -> Result<(Log, RecoveryReport), LogError> {
        let config = Arc::new(self.config.clone());
        Log::open(self.env(), "d/t-0".into(), TopicPartition::new("t", 0), Uuid([7; 16]), config, state)
    }

    fn now(&self) -> Timestamp {
        crate::env::Clock::now(self.clock.as_ref())
    }

    fn append(&self, log: &Log, batch: ValidBatch<'_>) -> Result<Appended, LogError> {
        log.append(&batch, LeaderEpoch(3), self.now())
    }

    fn names(&self) -> Vec<String> {
        self.files.list(Path::new("d/t-0")).unwrap().into_iter().map(|entry| entry.name).collect()
    }
}

/// A batch of `values`, all with timestamp `time`.
fn batch(time: i64, values: &[&str]) -> ValidBatch<'static> {
    let mut builder = BatchBuilder::default();
    for value in values {
        let value = Some(value.as_bytes());
        builder.push(&NewRecord { timestamp: Timestamp(time), value, ..NewRecord::default() });
    }
    builder.build().unwrap()
}

/// A batch of `count` records of producer 9.
fn idempotent(epoch: i16, sequence: i32, count: usize) -> ValidBatch<'static> {
    let mut builder =
        BatchBuilder::new(Compression::NONE).producer(ProducerId(9), ProducerEpoch(epoch), sequence);
    for _ in 0..count {
        builder.push(&NewRecord { timestamp: Timestamp(NOW), value: Some(b"v"), ..NewRecord::default() });
    }
    builder.build().unwrap()
}

fn read(log: &Log, from: i64, max_bytes: usize) -> Slice {
    let upto = log.log_end();
    log.read(&ReadRequest { from: Offset(from), max_bytes, upto, at_least_one: true }).unwrap()
}

fn base_offsets(slice: &Slice) -> Vec<i64> {
    let Some(range) = &slice.range else { return Vec::new() };
    let bytes = range.read().unwrap();
    Batches::new(&bytes).map(|batch| batch.unwrap().base_offset.get()).collect()
}

#[test]
fn a_read_gives_whole_batches_from_the_one_that_holds_the_offset() {
    let bench =
        Bench::new(LogConfig { index_interval_bytes: 200, segment_bytes: 2000, ..LogConfig::default() });
    let log = bench.create();
    for n in 0..60 {
        let appended = bench.append(&log, batch(NOW, &["one", "two", "three"])).unwrap();
        assert_eq!(appended.base_offset, Offset(3 * n));
    }
    assert!(log.describe().segments > 2);
    let size = read(&log, 0, 1).len();
    for from in 0..180 {
        let first = from / 3 * 3;
        let one = read(&log, from, 1);
        assert_eq!((one.base_offset.get(), base_offsets(&one)), (first, vec![first]), "from {from}");
        assert_eq!(one.next_offset.get(), first + 3);
        let some = base_offsets(&read(&log, from, 3 * size + 1));
        assert!(!some.is_empty() && some.len() <= 3 && some[0] == first, "{some:?}");
    }
    let (mut from, mut all) = (0, Vec::new());
    while from < 180 {
        let slice = read(&log, from, 5 * size);
        all.extend(base_offsets(&slice));
        from = slice.next_offset.get();
    }
    assert_eq!(all, (0..60).map(|n| 3 * n).collect::<Vec<_>>());
}

#[test]
fn a_read_ends_below_the_limit_and_needs_room_unless_told_otherwise() {
    let bench = Bench::new(LogConfig::default());
    let log = bench.create();
    for _ in 0..5 {
        bench.append(&log, batch(NOW, &["one", "two"])).unwrap();
    }
    let ask = |from, upto, max_bytes, at_least_one| {
        let request = ReadRequest { from: Offset(from), max_bytes, upto: Offset(upto), at_least_one };
        base_offsets(&log.read(&request).unwrap())
    };
    assert_eq!(ask(0, 10, 9999, true), [0, 2, 4, 6, 8]);
    assert_eq!(ask(2, 6, 9999, true), [2, 4]);
    assert_eq!(ask(2, 7, 9999, true), [2, 4], "a batch that is visible in part is not visible");
    assert_eq!(ask(4, 4, 9999, true), [0i64; 0]);
    assert_eq!(ask(0, 10, 1, true), [0]);
    assert_eq!(ask(0, 10, 1, false), [0i64; 0]);
    for out in [-1, 11] {
        let request = ReadRequest { from: Offset(out), max_bytes: 1, upto: Offset(10), at_least_one: true };
        assert!(matches!(log.read(&request), Err(LogError::OffsetOutOfRange { .. })), "{out}");
    }
}

#[test]
fn a_producers_retries_are_harmless_and_survive_a_restart() {
    let bench = Bench::new(LogConfig::default());
    let log = bench.create();
    for n in 0..7 {
        assert!(!bench.append(&log, idempotent(0, 2 * n, 2)).unwrap().duplicate);
    }
    let check = |log: &Log| {
        for n in 2..7 {
            let again = bench.append(log, idempotent(0, 2 * n, 2)).unwrap();
            let n = i64::from(n);
            assert!(again.duplicate, "batch {n}");
            assert_eq!((again.base_offset.get(), again.last_offset.get()), (2 * n, 2 * n + 1));
        }
        for wrong in [0, 2, 13, 15] {
            let refused = bench.append(log, idempotent(0, wrong, 2));
            assert!(matches!(refused, Err(LogError::OutOfOrderSequence { .. })), "sequence {wrong}");
        }
        assert_eq!(log.log_end(), Offset(14));
    };
    check(&log);
    log.checkpoint().unwrap();
    bench.files.kill();
    let state = OpenState { recovery_point: Offset(14), own_points: true, ..OpenState::default() };
    let (log, report) = bench.open(state).unwrap();
    assert_eq!(report.checked_bytes, 0, "nothing lies past the recovery point");
    check(&log);
    log.close().unwrap();
    let (log, _) = bench.open(OpenState { clean_shutdown: true, ..state }).unwrap();
    check(&log);
    let older = bench.append(&log, idempotent(-1, 14, 1));
    assert!(matches!(older, Err(LogError::InvalidProducerEpoch { .. })));
    assert!(matches!(bench.append(&log, idempotent(1, 3, 1)), Err(LogError::OutOfOrderSequence { .. })));
    assert_eq!(bench.append(&log, idempotent(1, 0, 1)).unwrap().base_offset, Offset(14));
}

#[test]
fn a_batch_that_comes_behind_the_marker_of_its_transaction_opens_none() {
    let bench = Bench::new(LogConfig::default());
    let log = bench.create();
    let part = |sequence| {
        let builder =
            BatchBuilder::new(Compression::NONE).producer(ProducerId(9), ProducerEpoch(0), sequence);
        let mut builder = builder.transactional();
        builder.push(&NewRecord { timestamp: Timestamp(NOW), value: Some(b"v"), ..NewRecord::default() });
        builder.build().unwrap()
    };
    // With transaction version 1 the marker has the epoch of the data.
    let marker = || marker_batch(ProducerId(9), ProducerEpoch(0), false, 0, Timestamp(NOW));
    let found_open = log.log_end();
    bench.append(&log, marker()).unwrap();
    // Records of a client, and committed offsets, which have no sequence.
    for sequence in [0, NO_SEQUENCE] {
        let late = bench.append(&log, part(sequence).enlisted_at(found_open));
        assert!(matches!(late, Err(LogError::InvalidTransactionState { .. })), "{late:?}");
    }
    // The next transaction of the same epoch.
    bench.append(&log, part(0).enlisted_at(log.log_end())).unwrap();
    let found_open = log.log_end();
    bench.append(&log, part(1).enlisted_at(found_open)).unwrap();
    let retried = bench.append(&log, part(1).enlisted_at(found_open)).unwrap();
    assert!(retried.duplicate);
    bench.append(&log, marker()).unwrap();
    let late = bench.append(&log, part(2).enlisted_at(found_open));
    assert!(matches!(late, Err(LogError::InvalidTransactionState { .. })), "{late:?}");
    assert_eq!(log.last_stable_offset(log.log_end()), log.log_end());
}

#[test]
fn sequences_wrap() {
    let bench = Bench::new(LogConfig::default());
    let log = bench.create();
    for (sequence, count) in [(i32::MAX - 2, 2), (i32::MAX, 3), (2, 1)] {
        assert!(!bench.append(&log, idempotent(0, sequence, count)).unwrap().duplicate);
    }
    let again = bench.append(&log, idempotent(0, i32::MAX, 3)).unwrap();
    assert_eq!((again.duplicate, again.base_offset), (true, Offset(2)));
}

#[test]
fn what_lies_below_the_recovery_point_is_never_cut() {
    let bench = Bench::new(LogConfig::default());
    let log = bench.create();
    for _ in 0..3 {
        bench.append(&log, batch(NOW, &["one"])).unwrap();
    }
    log.checkpoint().unwrap();
    let size = read(&log, 0, 1).len() as u64;
    let path = Path::new("d/t-0/00000000000000000000.log");
    let file = bench.files.open(path, crate::env::OpenMode::ReadWrite).unwrap();
    file.set_len(3 * size - 5).unwrap();
    let opened =
        bench.open(OpenState { recovery_point: Offset(3), own_points: true, ..OpenState::default() });
    assert!(matches!(opened, Err(LogError::Damaged { .. })));
    assert_eq!(file.len().unwrap(), 3 * size - 5);
    let (log, report) = bench
        .open(OpenState { recovery_point: Offset(2), own_points: true, ..OpenState::default() })
        .unwrap();
    assert_eq!((log.log_end(), report.cut_bytes), (Offset(2), size - 5));
}

#[test]
fn a_full_disk_refuses_and_recovers() {
    let bench = Bench::new(LogConfig::default());
    let log = bench.create();
    bench.append(&log, batch(NOW, &["one"])).unwrap();
    let kind = std::io::ErrorKind::StorageFull;
    bench.files.inject(Fault { op: FaultOp::Write, path: ".log".into(), skip: 0, times: 2, kind });
    for _ in 0..2 {
        let refused = bench.append(&log, batch(NOW, &["two"]));
        assert!(matches!(refused, Err(LogError::NoSpace { .. })));
        assert_eq!(base_offsets(&read(&log, 0, 9999)), [0], "reads go on");
    }
    assert_eq!(bench.append(&log, batch(NOW, &["two"])).unwrap().base_offset, Offset(1));
    assert_eq!(base_offsets(&read(&log, 0, 9999)), [0, 1]);
}

#[test]
fn a_failed_flush_takes_the_directory_offline_for_good() {
    let bench = Bench::new(LogConfig::default());
    let log = bench.create();
    bench.append(&log, batch(NOW, &["one"])).unwrap();
    let kind = std::io::ErrorKind::Other;
    bench.files.inject(Fault { op: FaultOp::Sync, path: ".log".into(), skip: 0, times: 1, kind });
    assert!(matches!(log.flush(), Err(LogError::Offline { .. })));
    assert!(matches!(log.flush(), Err(LogError::Offline { .. })), "a second try must not succeed");
    assert!(matches!(bench.append(&log, batch(NOW, &["two"])), Err(LogError::Offline { .. })));
    assert_eq!(log.durable_end(), Offset(0));
}

#[test]
fn expired_batches_are_gone_for_readers_at_once_and_their_files_later() {
    let config = LogConfig { retention_ms: 1000, segment_bytes: 250, ..LogConfig::default() };
    let bench = Bench::new(config);
    let log = bench.create();
    for n in 0..6 {
        bench.append(&log, batch(NOW + n * 100, &["one"])).unwrap();
        bench.clock.advance(Duration::from_millis(100));
    }
    log.flush().unwrap();
    assert_eq!(log.describe().segments, 2);
    bench.clock.set_wall(NOW + 1101);
    // A reader that fell behind by expiry alone goes on at the log start.
    assert_eq!(base_offsets(&read(&log, 0, 9999)), [2]);
    assert_eq!(log.log_start(), Offset(2));
    bench.clock.set_wall(NOW + 1301);
    log.tick(bench.now(), false).unwrap();
    assert_eq!((log.log_start(), log.describe().segments), (Offset(4), 1));
    assert!(bench.names().iter().any(|name| name == "00000000000000000000.log.deleted"));
    let request = ReadRequest { from: Offset(1), max_bytes: 1, upto: Offset(6), at_least_one: true };
    assert!(matches!(log.read(&request), Err(LogError::OffsetOutOfRange { .. })));
    bench.clock.set_wall(NOW + 100_000);
    log.tick(bench.now(), false).unwrap();
    assert_eq!((log.log_start(), log.log_end()), (Offset(6), Offset(6)));
    assert!(!bench.names().iter().any(|name| name.starts_with("00000000000000000000")));
}

#[test]
fn a_timestamp_in_the_future_counts_as_its_write_time() {
    let bench = Bench::new(LogConfig { retention_ms: 1000, ..LogConfig::default() });
    let log = bench.create();
    bench.append(&log, batch(NOW + 1_000_000, &["ahead"])).unwrap();
    bench.append(&log, batch(NOW, &["now"])).unwrap();
    log.checkpoint().unwrap();
    bench.files.crash();
    let state = OpenState { recovery_point: Offset(2), own_points: true, ..OpenState::default() };
    let (log, _) = bench.open(state).unwrap();
    bench.clock.set_wall(NOW + 1000);
    assert_eq!(log.apply_retention().unwrap(), Offset(0));
    bench.clock.set_wall(NOW + 1002);
    assert_eq!(log.apply_retention().unwrap(), Offset(2));
}

#[test]
fn offsets_are_found_by_time_though_times_go_back() {
    let config = LogConfig { index_interval_bytes: 100, segment_bytes: 500, ..LogConfig::default() };
    let bench = Bench::new(LogConfig { retention_ms: -1, ..config });
    let log = bench.create();
    let times = [10, 50, 30, 70, 60, 90, 20, 80, 100, 5, 95, 110, 15];
    for time in times {
        bench.append(&log, batch(NOW + time, &["one"])).unwrap();
    }
    assert!(log.describe().segments > 1);
    for time in 0..=111 {
        let want = times.iter().position(|t| *t >= time);
        let got = log.offset_for_time(Timestamp(NOW + time)).unwrap();
        assert_eq!(got.map(|found| found.offset.get() as usize), want, "time {time}");
    }
    let newest = log.max_timestamp().unwrap().unwrap();
    assert_eq!((newest.offset, newest.timestamp), (Offset(11), Timestamp(NOW + 110)));
}

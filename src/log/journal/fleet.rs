//! Several logs in one directory in memory, and a model of what was sent and what was acknowledged: for tests.
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::Journal;
use crate::env::{Clock, FakeClock, Files, MemoryFiles, Rng, SeededRng};
use crate::log::*;
use crate::record::{BatchBuilder, Batches, Compression, NewRecord};
use crate::types::{LeaderEpoch, Offset, TopicPartition, Uuid};

pub const NOW: i64 = 1_790_000_000_000;
/// Two blocks a side: the journal turns over all the time.
pub const JOURNAL: u64 = 16 << 10;

/// Length of one of its sides.
pub fn side_bytes() -> u64 {
    JOURNAL / 2
}

/// One log's model.
#[derive(Clone, Debug, Default)]
pub struct Lane {
    pub id: Uuid,
    /// Batches as they lie in the log, with their first and next offsets.
    pub sent: Vec<(i64, i64, Vec<u8>)>,
    pub acknowledged: i64,
    pub deleted: i64,
}

impl Lane {
    fn end(&self) -> i64 {
        self.sent.last().map_or(0, |sent| sent.1)
    }
}

/// The logs, while they are open.
pub struct Open {
    pub directory: LogDirectory,
    pub logs: Vec<Arc<Log>>,
    pub retiring: Vec<Arc<Log>>,
    pub reports: Vec<RecoveryReport>,
}

pub struct Fleet {
    pub rng: SeededRng,
    pub files: MemoryFiles,
    pub clock: Arc<FakeClock>,
    pub config: Arc<LogConfig>,
    pub lanes: Vec<Lane>,
    count: u64,
}

impl Fleet {
    pub fn new(seed: u64, lanes: usize) -> Self {
        let rng = SeededRng::new(seed);
        let config = LogConfig {
            segment_bytes: 1500,
            index_interval_bytes: 200,
            retention_ms: -1,
            file_delete_delay_ms: 1_000,
            ..LogConfig::default()
        };
        let lane = |n: usize| Lane { id: Uuid([n as u8 + 1; 16]), ..Lane::default() };
        let files = MemoryFiles::new(rng.next());
        let clock = Arc::new(FakeClock::new(NOW));
        Self { rng, files, clock, config: Arc::new(config), lanes: (0..lanes).map(lane).collect(), count: 0 }
    }

    pub fn tp(lane: usize) -> TopicPartition {
        TopicPartition::new(format!("t{lane}"), 0)
    }

    pub fn directory(&self) -> Result<(LogDirectory, Contents), LogError> {
        let files: Arc<dyn Files> = Arc::new(self.files.clone());
        let rng = Arc::new(SeededRng::new(self.rng.next()));
        let env = LogEnv::new(files, Arc::clone(&self.clock) as _, rng, PathBuf::from("d"));
        let (directory, contents) = LogDirectory::open(env, PathBuf::from("d"), 1)?;
        directory.allow_journal(JOURNAL);
        Ok((directory, contents))
    }

    /// Starts: opens what is there, makes what is not.
    pub fn start(&self) -> Result<Open, LogError> {
        let (directory, contents) = self.directory()?;
        let io = |error: io::Error| LogError::io(Path::new(""), error);
        directory.env().files.sync_dir("".as_ref()).map_err(io)?;
        let opened = directory.open_logs(&contents.partitions, &|_| Arc::clone(&self.config), 1)?;
        let mut reports = Vec::new();
        for opened in opened {
            reports.push(opened?.1);
        }
        let mut logs = Vec::new();
        for (n, lane) in self.lanes.iter().enumerate() {
            logs.push(match directory.log(&Self::tp(n)) {
                Some(log) if log.topic_id() == lane.id => log,
                Some(_) => {
                    directory.delete_logs(&[Self::tp(n)])?;
                    directory.create_log(&Self::tp(n), lane.id, Arc::clone(&self.config))?
                }
                None => {
                    assert_eq!(lane.acknowledged, 0, "log {n} is gone");
                    directory.create_log(&Self::tp(n), lane.id, Arc::clone(&self.config))?
                }
            });
        }
        directory.sync_names()?;
        directory.make_journal()?;
        Ok(Open { directory, logs, retiring: Vec::new(), reports })
    }

    pub fn append(&mut self, open: &Open, lane: usize) -> Result<(), LogError> {
        let mut builder = BatchBuilder::new(Compression::NONE);
        for _ in 0..=self.rng.below(2) {
            self.count += 1;
            let value = format!("{}-{}", self.count, "x".repeat(self.rng.below(200) as usize));
            let timestamp = self.clock.now();
            builder.push(&NewRecord { timestamp, value: Some(value.as_bytes()), ..NewRecord::default() });
        }
        let batch = builder.build().unwrap();
        let mut placed = batch.clone();
        let end = open.logs[lane].log_end().get();
        placed.place(Offset(end), LeaderEpoch(1));
        let outcome = open.logs[lane].append(&batch, LeaderEpoch(1), self.clock.now());
        // After a failure the batch may be on disk though nobody was told.
        if !matches!(outcome, Err(LogError::NoSpace { .. })) {
            self.lanes[lane].sent.push((end, placed.next_offset().get(), placed.to_vec()));
        }
        outcome.map(|_| ())
    }

    /// A round in the journal over all that is dirty; what it does not take is flushed by itself.
    pub fn round(&mut self, open: &mut Open) -> Result<(), LogError> {
        let journal = Arc::clone(open.directory.journal().expect("there is one"));
        let parts: Vec<_> = open.logs.iter().filter_map(|log| log.part(1 << 20)).collect();
        if !parts.is_empty() {
            self.write(open, &journal, &parts)?;
        }
        for log in open.logs.iter().filter(|log| log.part(1 << 20).is_none()) {
            log.make_durable()?;
        }
        self.acknowledge(open);
        Ok(())
    }

    fn write(&self, open: &mut Open, journal: &Journal, parts: &[super::Part]) -> Result<(), LogError> {
        match journal.write(parts) {
            Ok(retiring) => {
                parts.iter().for_each(|part| part.log.journaled(&part.header));
                open.retiring = retiring;
                Ok(())
            }
            Err(super::WriteError::Full) => {
                parts.iter().try_for_each(|part| part.log.make_durable().map(|_| ()))
            }
            Err(super::WriteError::Io(error)) => Err(LogError::io(journal.path(), error)),
        }
    }

    pub fn acknowledge(&mut self, open: &Open) {
        for (lane, log) in self.lanes.iter_mut().zip(&open.logs) {
            lane.acknowledged = lane.acknowledged.max(log.durable_end().get());
        }
    }

    pub fn delete_before(&mut self, open: &Open, lane: usize) -> Result<(), LogError> {
        let log = &open.logs[lane];
        let (start, end) = (log.log_start().get(), log.durable_end().get());
        let at = start + self.rng.below((end - start) as u64 + 1) as i64;
        open.directory.delete_before(log, Offset(at))?;
        self.lanes[lane].deleted = self.lanes[lane].deleted.max(at);
        self.acknowledge(open);
        Ok(())
    }

    /// Deletes a topic and makes it anew under its name.
    pub fn recreate(&mut self, open: &mut Open, lane: usize) -> Result<(), LogError> {
        // From the decision on nothing of the old one counts.
        self.count += 1;
        self.lanes[lane] = Lane { id: Uuid((u128::from(self.count) << 64).to_be_bytes()), ..Lane::default() };
        open.directory.delete_logs(&[Self::tp(lane)])?;
        let config = Arc::clone(&self.config);
        open.logs[lane] = open.directory.create_log(&Self::tp(lane), self.lanes[lane].id, config)?;
        open.directory.sync_names()
    }

    pub fn tick(&self, open: &Open) -> Result<(), LogError> {
        self.clock.advance(Duration::from_secs(2));
        open.directory.tick()
    }

    /// What was acknowledged is there; nothing is there that was not sent. What is lost was not acknowledged,
    /// and is forgotten.
    pub fn check(&mut self, open: &Open) {
        for (n, (lane, log)) in self.lanes.iter_mut().zip(&open.logs).enumerate() {
            let (start, end) = (log.log_start().get(), log.log_end().get());
            assert!(end >= lane.acknowledged, "log {n} ends at {end}, acknowledged {}", lane.acknowledged);
            assert!(start >= lane.deleted, "log {n} begins at {start}, deleted below {}", lane.deleted);
            assert_eq!(log.durable_end().get(), end, "what is left is durable");
            lane.sent.retain(|sent| sent.1 <= end);
            assert_eq!(lane.end(), end, "log {n} ends with a whole batch");
            lane.acknowledged = end;
            let (mut from, mut bytes) = (log.log_start(), Vec::new());
            while from < log.log_end() {
                let request = ReadRequest { from, max_bytes: 900, upto: log.log_end(), at_least_one: true };
                let slice = log.read(&request).unwrap();
                bytes.extend(slice.range.expect("something is there").read().unwrap());
                from = slice.next_offset;
            }
            let got: Vec<&[u8]> = Batches::new(&bytes).map(|b| b.unwrap().bytes()).collect();
            let want: Vec<&[u8]> =
                lane.sent.iter().filter(|sent| sent.1 > start).map(|sent| sent.2.as_slice()).collect();
            assert!(got == want, "log {n}: the batches from {start} to {end} are others than were sent");
        }
    }

    pub fn crash(&self, open: Option<Open>) {
        drop(open);
        self.files.crash();
        self.files.heal();
    }
}

//! Random logs, cleaned again and again, against what was appended.
use super::*;
use crate::env::Rng;

/// What was appended, and what a cleaning may have done to it.
pub(super) struct Model {
    pub bench: Bench,
    rng: SeededRng,
    /// All records that were appended, but those of aborted transactions.
    sent: Vec<Seen>,
    aborted: BTreeSet<i64>,
    end: i64,
    sequences: BTreeMap<i64, i32>,
    /// When a cleaning first passed an offset.
    passed: Vec<(i64, i64)>,
}

impl Model {
    pub fn new(seed: u64, segment_bytes: u64) -> Self {
        let rng = SeededRng::new(seed);
        Self {
            bench: Bench::new(rng.next(), segment_bytes),
            rng,
            sent: Vec::new(),
            aborted: BTreeSet::new(),
            end: 0,
            sequences: BTreeMap::new(),
            passed: Vec::new(),
        }
    }

    pub fn end(&self) -> i64 {
        self.end
    }

    /// Appends a batch, or a whole small transaction.
    pub fn append(&mut self, log: &Log) {
        if self.rng.below(4) > 0 {
            let producer = self.rng.below(4) as i64 - 1;
            self.batch(log, producer, false, true);
            return;
        }
        // Two transactions at once, each with an end of its own.
        let ends = [self.rng.below(2) == 0, self.rng.below(2) == 0];
        for _ in 0..=self.rng.below(3) {
            let which = self.rng.below(2) as usize;
            self.batch(log, 10 + which as i64, true, ends[which]);
        }
        for (which, commit) in ends.into_iter().enumerate() {
            let at = self.bench.append(log, &marker(10 + which as i64, commit));
            assert_eq!(at, self.end);
            self.end += 1;
            let producer = 10 + which as i64;
            self.sequences.entry(producer).or_insert(0);
        }
    }

    fn batch(&mut self, log: &Log, producer: i64, transactional: bool, commit: bool) {
        let codec = Codec::ALL[self.rng.below(5) as usize];
        let mut builder = BatchBuilder::new(Compression::of(codec));
        let count = 1 + self.rng.below(4) as i32;
        if producer >= 0 {
            let sequence = self.sequences.entry(producer).or_insert(0);
            builder = builder.producer(ProducerId(producer), ProducerEpoch(0), *sequence);
            *sequence += count;
        }
        if transactional {
            builder = builder.transactional();
        }
        for n in 0..count {
            let key = (self.rng.below(12) > 0).then(|| format!("k{}", self.rng.below(20)));
            let value = (self.rng.below(5) > 0).then(|| format!("v{}", self.end + i64::from(n)));
            let time = self.bench.clock.now().get() - self.rng.below(5000) as i64;
            let (k, v) = (key.as_ref().map(|k| k.as_bytes()), value.as_ref().map(|v| v.as_bytes()));
            builder.push(&NewRecord { timestamp: Timestamp(time), key: k, value: v, headers: &[] });
            let offset = self.end + i64::from(n);
            if commit {
                self.sent.push((offset, time, key, value));
            } else {
                self.aborted.insert(offset);
            }
        }
        let batch = builder.build().unwrap();
        assert_eq!(self.bench.append(log, &batch), self.end);
        self.end += i64::from(count);
    }

    /// Compares what consumers get with what was sent. All below `upto` has been cleaned; more may be.
    pub fn check(&mut self, log: &Log, upto: i64) {
        let now = self.bench.clock.now().get();
        if self.passed.last().is_none_or(|(offset, _)| *offset < upto) {
            self.passed.push((upto, now));
        }
        let got = committed(log);
        let newest: BTreeMap<&String, &Seen> =
            self.sent.iter().filter_map(|record| Some((record.2.as_ref()?, record))).collect();
        let newest_below: BTreeMap<&String, i64> = self
            .sent
            .iter()
            .filter(|record| record.0 < upto)
            .filter_map(|record| Some((record.2.as_ref()?, record.0)))
            .collect();
        let sealed = log.cleaner_state().unwrap().active.get();
        let by_offset: BTreeMap<i64, &Seen> = got.iter().map(|record| (record.0, record)).collect();
        assert_eq!(by_offset.len(), got.len(), "nothing twice");
        for record in &got {
            assert!(!self.aborted.contains(&record.0), "{record:?} was aborted");
            let sent = self.sent.iter().find(|sent| sent.0 == record.0);
            assert_eq!(sent, Some(record), "unchanged");
            if record.0 < upto {
                let key = record.2.as_ref().expect("keyless records go");
                assert_eq!(newest_below.get(key), Some(&record.0), "older records go: {record:?}");
            }
        }
        for sent in self.sent.iter().filter(|sent| sent.0 >= sealed) {
            assert!(by_offset.contains_key(&sent.0), "the active segment is as it was: {sent:?}");
        }
        for record in newest.into_values() {
            let first_passed = self.passed.iter().find(|(offset, _)| *offset > record.0);
            let may_go = record.3.is_none() && first_passed.is_some_and(|(_, at)| now >= at + RETENTION);
            assert!(may_go || by_offset.contains_key(&record.0), "lost: {record:?}, cleaned below {upto}");
        }
    }

    fn run(&mut self) {
        let mut log = self.bench.create();
        let mut upto = 0;
        for _ in 0..self.rng.below(8) + 2 {
            for _ in 0..self.rng.below(40) {
                self.append(&log);
            }
            let map_bytes = [64 * 24, 1 << 20][self.rng.below(2) as usize];
            upto = clean_from(&self.bench, &log, upto, map_bytes).unwrap().upto.get().max(upto);
            self.check(&log, upto);
            self.bench.pass([0, 1000, RETENTION][self.rng.below(3) as usize]);
            if self.rng.below(3) == 0 {
                let known = producers(&log);
                log.flush().unwrap();
                log = self.bench.open();
                assert_eq!(producers(&log), known, "a restart knows what was known");
                self.check(&log, upto);
            }
        }
    }
}

#[test]
fn the_newest_of_each_key_survives_and_nothing_else_changes() {
    for seed in 0..60 {
        let outcome = std::panic::catch_unwind(|| Model::new(seed, 300 + 100 * (seed % 9)).run());
        if let Err(panic) = outcome {
            eprintln!("the schedule of seed {seed} failed");
            std::panic::resume_unwind(panic);
        }
    }
}

//! What must hold of the committed records, at every look and in the end.

use std::collections::{BTreeMap, BTreeSet};

use compat_tests::reader::{CommittedReader, Record};
use compat_tests::wire::Connection;

/// Partitions of each stage.
pub const PARTITIONS: i32 = 4;
/// The stages: what is fed, a copy by each client, and what Kafka Streams counted.
pub const STAGES: usize = 5;
/// Whose partition of the bank is which.
pub const TELLERS: [&str; 3] = ["java", "python", "go"];
/// Partitions of the journal, which all tellers share.
pub const JOURNALS: i32 = 2;

/// One copy of the numbered records: of each key, the number that is due.
pub type Stage = BTreeMap<String, u64>;

/// Account -> amount, and the transfer that is not complete: its number, how many parts are due, and which comes next.
#[derive(Default, PartialEq, Debug)]
struct Branch {
    accounts: BTreeMap<String, i64>,
    last: Option<u64>,
    within: Option<(u64, u64, u64)>,
    done: BTreeSet<u64>,
}

/// All that was read.
pub struct Books {
    prefix: String,
    stages: Vec<(Vec<CommittedReader>, Stage)>,
    bank: Vec<(CommittedReader, Branch)>,
    journals: Vec<CommittedReader>,
    entries: BTreeSet<(String, u64)>,
    /// How often the total of a branch was taken.
    pub totals: usize,
}

impl Books {
    /// Nothing read yet.
    pub fn new(prefix: &str) -> Self {
        let readers = |topic: String, count: i32| -> Vec<CommittedReader> {
            (0..count).map(|p| CommittedReader::new(&topic, p)).collect()
        };
        let branches = readers(format!("{prefix}-bank"), TELLERS.len() as i32);
        Self {
            prefix: prefix.to_owned(),
            stages: (0..STAGES)
                .map(|n| (readers(format!("{prefix}-{n}"), PARTITIONS), Stage::new()))
                .collect(),
            bank: branches.into_iter().map(|reader| (reader, Branch::default())).collect(),
            journals: readers(format!("{prefix}-journal"), JOURNALS),
            entries: BTreeSet::new(),
            totals: 0,
        }
    }

    /// Topics and partitions to be made.
    pub fn topics(&self) -> Vec<(String, i32)> {
        let mut topics: Vec<_> = (0..STAGES).map(|n| (format!("{}-{n}", self.prefix), PARTITIONS)).collect();
        topics.push((format!("{}-bank", self.prefix), TELLERS.len() as i32));
        topics.push((format!("{}-journal", self.prefix), JOURNALS));
        topics
    }

    /// Reads on everywhere; an error is a broker that is not there just now. Whether there was nothing new.
    pub fn read(&mut self, connection: &mut Connection) -> Result<bool, String> {
        let mut idle = true;
        for (n, (readers, due)) in self.stages.iter_mut().enumerate() {
            for reader in readers {
                let seen = reader.read(connection)?;
                idle &= seen.records.is_empty() && seen.is_all;
                seen.records.iter().for_each(|record| numbered(n, due, record));
            }
        }
        for (reader, branch) in &mut self.bank {
            let seen = reader.read(connection)?;
            idle &= seen.records.is_empty() && seen.is_all;
            seen.records.iter().for_each(|record| branch.enter(record));
            if seen.is_all {
                branch.balance();
                self.totals += 1;
            }
        }
        for reader in &mut self.journals {
            let seen = reader.read(connection)?;
            idle &= seen.records.is_empty() && seen.is_all;
            for record in seen.records {
                let parts = fields(&record);
                assert_eq!(parts[1], "c", "an aborted record of the journal: {record:?}");
                let entry = (record.key.clone(), whole(parts[0]));
                assert!(self.entries.insert(entry), "twice in the journal: {record:?}");
            }
        }
        Ok(idle)
    }

    /// The copy that came last in line.
    pub fn last_stage(&self) -> &Stage {
        &self.stages[STAGES - 1].1
    }

    /// How many aborted records the broker told us to leave out: per stage, then of the bank.
    pub fn left_out(&self) -> Vec<usize> {
        let stages =
            self.stages.iter().map(|(readers, _)| readers.iter().map(CommittedReader::left_out).sum());
        stages.chain([self.bank.iter().map(|(reader, _)| reader.left_out()).sum()]).collect()
    }

    /// How many transfers are done.
    pub fn transfers(&self) -> usize {
        self.bank.iter().map(|(_, branch)| branch.done.len()).sum()
    }

    /// All is read: every copy is what was fed, and each teller's partition has what the teller was told.
    pub fn close(&self, fed: &Stage, tried: &[BTreeSet<u64>], committed: &[BTreeSet<u64>]) {
        for (n, (_, due)) in self.stages.iter().enumerate() {
            assert_eq!(due, fed, "stage {n} is not what was fed");
        }
        let mut entries = BTreeSet::new();
        for (teller, (_, branch)) in self.bank.iter().enumerate() {
            let name = TELLERS[teller];
            let lost: Vec<_> = committed[teller].difference(&branch.done).collect();
            assert!(lost.is_empty(), "{name} was told that these are committed, and they are gone: {lost:?}");
            let ghosts: Vec<_> = branch.done.difference(&tried[teller]).collect();
            assert!(ghosts.is_empty(), "{name} never tried to commit these: {ghosts:?}");
            entries.extend(branch.done.iter().map(|n| (name.to_owned(), *n)));
        }
        let half: Vec<_> = entries.symmetric_difference(&self.entries).collect();
        assert!(half.is_empty(), "transactions that are committed in one partition only: {half:?}");
    }

    /// A second reading brought the same.
    pub fn assert_same(&self, other: &Self) {
        let stages = |books: &Self| books.stages.iter().map(|(_, due)| due.clone()).collect::<Vec<_>>();
        assert_eq!(stages(self), stages(other), "a second reading of the stages differs");
        let branches = self.bank.iter().zip(&other.bank);
        branches
            .for_each(|((_, one), (_, two))| assert_eq!(one, two, "a second reading of the bank differs"));
        assert_eq!(self.entries, other.entries, "a second reading of the journal differs");
    }
}

fn fields(record: &Record) -> Vec<&str> {
    record.value.split(':').collect()
}

fn whole(text: &str) -> u64 {
    text.parse().unwrap_or_else(|_| panic!("{text:?} is not a number"))
}

/// The numbers of a key come without gap, none twice, in order.
fn numbered(stage: usize, due: &mut Stage, record: &Record) {
    let parts = fields(record);
    assert!(stage == 0 || parts[2] == "c", "stage {stage}: an aborted record: {record:?}");
    let next = due.entry(record.key.clone()).or_default();
    assert_eq!(
        (parts[0], whole(parts[1])),
        (record.key.as_str(), *next),
        "stage {stage}, offset {}: lost, twice, or out of order",
        record.offset
    );
    *next += 1;
}

impl Branch {
    /// The parts of a transfer come one after the other, and all of them.
    fn enter(&mut self, record: &Record) {
        let parts = fields(record);
        assert_eq!(parts[4], "c", "an aborted record of the bank: {record:?}");
        let (n, i, count) = (whole(parts[0]), whole(parts[1]), whole(parts[2]));
        match self.within {
            Some(due) => assert_eq!((n, count, i), due, "a part of a transfer is missing: {record:?}"),
            None => {
                assert_eq!(i, 0, "the first part of a transfer is missing: {record:?}");
                assert!(self.last.is_none_or(|last| last < n), "transfer {n} came again: {record:?}");
            }
        }
        let amount: i64 = parts[3].parse().expect("an amount");
        *self.accounts.entry(record.key.clone()).or_default() += amount;
        self.last = Some(n);
        self.within = (i + 1 < count).then_some((n, count, i + 1));
        if self.within.is_none() {
            self.done.insert(n);
        }
    }

    /// Everything below the last stable offset was read: no transfer is half seen, and no money has come or gone.
    fn balance(&self) {
        assert_eq!(self.within, None, "a transfer is half committed");
        assert_eq!(self.accounts.values().sum::<i64>(), 0, "the total has changed: {:?}", self.accounts);
    }
}

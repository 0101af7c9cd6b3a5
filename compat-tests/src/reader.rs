//! A read_committed reader of our own: it trusts no client to leave out what was aborted.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::wire::Connection;

/// Last version that names topics; later ones want their ids.
const FETCH: i16 = 12;
const TRANSACTIONAL: i64 = 1 << 4;
const CONTROL: i64 = 1 << 5;
const READ_COMMITTED: i64 = 1;
/// Key of an abort marker: version 0, type 0.
const ABORT: &str = "\0\0\0\0";

/// A record that is committed, or was sent without a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its offset.
    pub offset: i64,
    /// Its key.
    pub key: String,
    /// Its value.
    pub value: String,
}

/// What one look at a partition brought.
#[derive(Debug, Default)]
pub struct Seen {
    /// The committed records, in order.
    pub records: Vec<Record>,
    /// Whether this was all below the last stable offset.
    pub is_all: bool,
}

/// Reads one partition from its start.
#[derive(Debug)]
pub struct CommittedReader {
    topic: String,
    partition: i32,
    next: i64,
    /// Producers whose transaction, open at `next`, was aborted.
    aborting: HashSet<i64>,
    left_out: usize,
}

impl CommittedReader {
    /// Begins at the first record.
    #[must_use]
    pub fn new(topic: &str, partition: i32) -> Self {
        Self { topic: topic.to_owned(), partition, next: 0, aborting: HashSet::new(), left_out: 0 }
    }

    /// How many aborted records were left out so far.
    #[must_use]
    pub fn left_out(&self) -> usize {
        self.left_out
    }

    /// Reads on.
    ///
    /// # Errors
    /// In words: the connection is gone, or the broker is not ready.
    ///
    /// # Panics
    /// When what comes cannot be true.
    pub fn read(&mut self, connection: &mut Connection) -> Result<Seen, String> {
        let asked = json!({
            "replicaId": -1, "maxWaitMs": 0, "minBytes": 0, "maxBytes": 1 << 20, "isolationLevel": READ_COMMITTED,
            "sessionId": 0, "sessionEpoch": -1,
            "topics": [{ "topic": self.topic, "partitions": [{
                "partition": self.partition, "fetchOffset": self.next, "partitionMaxBytes": 1 << 20,
            }] }],
        });
        let reply = connection.call("Fetch", FETCH, &asked)?;
        let partition = &reply["responses"][0]["partitions"][0];
        let code = partition["errorCode"].as_i64().unwrap_or(-1);
        // Never OFFSET_OUT_OF_RANGE: what was seen stays.
        assert_ne!(
            code, 1,
            "{}-{} ends before offset {}: {partition}",
            self.topic, self.partition, self.next
        );
        if code != 0 {
            return Err(format!("error {code}"));
        }
        Ok(self.take(partition))
    }

    fn take(&mut self, partition: &Value) -> Seen {
        let stable = number(&partition["lastStableOffset"]);
        let mut aborted: Vec<(i64, i64)> = items(&partition["abortedTransactions"])
            .iter()
            .map(|a| (number(&a["firstOffset"]), number(&a["producerId"])))
            .collect();
        aborted.sort_unstable();
        let mut aborted = aborted.into_iter().peekable();
        let mut seen = Seen::default();
        for batch in items(&partition["records"]).iter().filter(|batch| batch.is_object()) {
            assert_eq!(batch["crcOk"], true, "{batch}");
            let base = number(&batch["baseOffset"]);
            let last = base + number(&batch["lastOffsetDelta"]);
            assert!(base >= self.next, "offset {base} came again, {} was due", self.next);
            assert!(last < stable, "offset {last} is not below the last stable offset, {stable}");
            self.next = last + 1;
            while let Some((_, producer)) = aborted.next_if(|(first, _)| *first <= last) {
                self.aborting.insert(producer);
            }
            seen.records.extend(self.committed(batch, base));
        }
        seen.is_all = self.next >= stable;
        seen
    }

    fn committed(&mut self, batch: &Value, base: i64) -> Vec<Record> {
        let (attributes, producer) = (number(&batch["attributes"]), number(&batch["producerId"]));
        let records = items(&batch["records"]);
        if attributes & CONTROL != 0 {
            if records.iter().any(|r| r[2] == ABORT) {
                self.aborting.remove(&producer);
            }
            return Vec::new();
        }
        if attributes & TRANSACTIONAL != 0 && self.aborting.contains(&producer) {
            self.left_out += records.len();
            return Vec::new();
        }
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let record =
            |r: &Value| Record { offset: base + number(&r[0]), key: text(&r[2]), value: text(&r[3]) };
        records.iter().map(record).collect()
    }
}

fn number(value: &Value) -> i64 {
    value.as_i64().unwrap_or_else(|| panic!("{value} is not a number"))
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

//! Whether the entries of a segment's indexes fit its batches. Pure: batches come in their order.

use std::collections::BTreeMap;

use crate::log::index::{self, Entry};
use crate::log::offset_index::OffsetEntry;
use crate::log::scan::Found;
use crate::log::time_index::TimeEntry;
use crate::log::txn_index::AbortedTxn;
use crate::types::{Offset, ProducerId, Timestamp};

/// The first thing wrong with an index, and how many there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Wrong {
    first: Option<(u64, String)>,
    count: u64,
}

impl Wrong {
    fn add(&mut self, position: u64, what: String) {
        self.count = self.count.saturating_add(1);
        self.first.get_or_insert((position, what));
    }

    /// Byte position and sentence.
    pub(super) fn into_finding(self) -> Option<(u64, String)> {
        let (position, what) = self.first?;
        Some((position, if self.count == 1 { what } else { format!("{what} (and {} more)", self.count - 1) }))
    }
}

/// The entries that are still to be met.
struct Entries<E> {
    entries: Vec<E>,
    next: usize,
    wrong: Wrong,
}

impl<E: Entry> Entries<E> {
    fn parse(bytes: &[u8]) -> Self {
        let entries = index::parse::<E>(bytes);
        let used = entries.len().saturating_mul(E::SIZE);
        let mut wrong = Wrong::default();
        if bytes.get(used..).unwrap_or_default().iter().any(|b| *b != 0) {
            wrong.add(used as u64, "these bytes are no entry that may follow the one before".to_owned());
        }
        Self { entries, next: 0, wrong }
    }

    fn peek(&self) -> Option<E> {
        self.entries.get(self.next).copied()
    }

    /// Goes on to the next entry, with a complaint about this one if there is one.
    fn advance(&mut self, complaint: Option<String>) {
        if let Some(what) = complaint {
            self.wrong.add(self.next.saturating_mul(E::SIZE) as u64, what);
        }
        self.next = self.next.saturating_add(1);
    }
}

/// The offset index: each entry names the start and the last offset of a batch.
pub(super) struct OffsetCheck(Entries<OffsetEntry>, Offset);

impl OffsetCheck {
    pub(super) fn new(bytes: &[u8], base: Offset) -> Self {
        Self(Entries::parse(bytes), base)
    }

    pub(super) fn batch(&mut self, found: &Found) {
        while let Some(entry) = self.0.peek().filter(|e| u64::from(e.position) <= found.pos) {
            let offset = self.1.plus(i64::from(entry.relative_offset));
            let complaint = if u64::from(entry.position) < found.pos {
                Some(format!("points to byte {}, where no batch begins", entry.position))
            } else if offset != found.header.last_offset() {
                let last = found.header.last_offset();
                Some(format!("gives offset {offset} for the batch at byte {} that ends at {last}", found.pos))
            } else {
                None
            };
            self.0.advance(complaint);
        }
    }

    pub(super) fn finish(mut self) -> Wrong {
        while let Some(entry) = self.0.peek() {
            let what = format!("points to byte {}, where no whole batch begins", entry.position);
            self.0.advance(Some(what));
        }
        self.0.wrong
    }
}

/// The time index: each entry names the largest timestamp so far, and where its batch ends.
pub(super) struct TimeCheck {
    entries: Entries<TimeEntry>,
    base: Offset,
    largest: Timestamp,
}

impl TimeCheck {
    pub(super) fn new(bytes: &[u8], base: Offset) -> Self {
        Self { entries: Entries::parse(bytes), base, largest: Timestamp(i64::MIN) }
    }

    pub(super) fn batch(&mut self, found: &Found) {
        self.largest = self.largest.max(found.header.max_timestamp);
        let last = found.header.last_offset();
        while let Some(entry) = self.entries.peek() {
            let offset = self.base.plus(i64::from(entry.relative_offset));
            if offset > last {
                return;
            }
            let complaint = if offset < last {
                Some(format!("names offset {offset}, where no batch ends"))
            } else if entry.timestamp != self.largest {
                let (said, real) = (entry.timestamp, self.largest);
                Some(format!("says {said} is the largest timestamp up to offset {offset}; it is {real}"))
            } else {
                None
            };
            self.entries.advance(complaint);
        }
    }

    pub(super) fn finish(mut self) -> Wrong {
        while let Some(entry) = self.entries.peek() {
            let offset = self.base.plus(i64::from(entry.relative_offset));
            self.entries.advance(Some(format!("names offset {offset}, where no whole batch ends")));
        }
        self.entries.wrong
    }
}

/// The transaction index: one entry for each transaction whose abort marker lies in the segment.
pub(super) struct TxnCheck {
    entries: Entries<AbortedTxn>,
    /// By the offset of the marker: whose it is, and where its transaction began if that is known.
    aborts: BTreeMap<Offset, (ProducerId, Option<Offset>)>,
}

impl TxnCheck {
    pub(super) fn new(bytes: &[u8]) -> Self {
        Self { entries: Entries::parse(bytes), aborts: BTreeMap::new() }
    }

    /// Notes an abort marker; `begun` is what the log before it says of the transaction's start.
    pub(super) fn abort(&mut self, marker: Offset, producer: ProducerId, begun: Option<Offset>) {
        self.aborts.insert(marker, (producer, begun));
    }

    /// `compacted`: markers and first batches may be gone.
    pub(super) fn finish(mut self, compacted: bool) -> Wrong {
        while let Some(entry) = self.entries.peek() {
            let (producer, marker) = (entry.producer_id, entry.last_offset);
            let complaint = match self.aborts.remove(&marker) {
                Some((of, _)) if of != producer => Some(format!(
                    "gives the abort marker at offset {marker} to producer {producer}; it is {of}'s"
                )),
                Some((_, Some(begun))) if begun != entry.first_offset && !compacted => Some(format!(
                    "lets the transaction aborted at offset {marker} begin at {}; it began at {begun}",
                    entry.first_offset
                )),
                None if !compacted => {
                    Some(format!("names an abort marker at offset {marker} that is not there"))
                }
                _ => None,
            };
            self.entries.advance(complaint);
        }
        let end = self.entries.entries.len().saturating_mul(AbortedTxn::SIZE) as u64;
        for (marker, (producer, begun)) in self.aborts {
            if begun.is_some() {
                let what =
                    format!("the transaction of producer {producer} aborted at offset {marker} is missing");
                self.entries.wrong.add(end, what);
            }
        }
        self.entries.wrong
    }
}

//! One segment: its batches, and the indexes beside it.

use std::io;
use std::path::{Path, PathBuf};

use super::indexes::{OffsetCheck, TimeCheck, TxnCheck, Wrong};
use super::report::{Finding, Report, Severity};
use super::{partition::Expected, records};
use crate::env::{self, Files};
use crate::inspect::walk::{Met, Walk};
use crate::log::LogError;
use crate::log::leader_epochs::LeaderEpochs;
use crate::log::names::{self, Kind};
use crate::log::producers::{Producers, Verdict};
use crate::log::{markers, scan::Found};
use crate::record::{BatchHeader, BatchView};
use crate::types::{LeaderEpoch, Offset};

/// Kafka's default `producer.id.expiration.ms`: after that long a producer may begin anew.
const PRODUCER_EXPIRATION_MS: i64 = 24 * 60 * 60 * 1000;

/// What is known of the log before the segment.
#[derive(Debug, Default)]
pub(super) struct Before {
    /// Offset after the last batch; `None` before the first.
    pub(super) end: Option<Offset>,
    /// Epoch of the last batch.
    pub(super) epoch: LeaderEpoch,
    /// State of the producers.
    pub(super) producers: Producers,
    /// The checkpoint of leader epochs, until a batch contradicted it.
    pub(super) epochs: Option<LeaderEpochs>,
}

/// A segment to check.
pub(super) struct Segment<'a> {
    pub(super) files: &'a dyn Files,
    pub(super) dir: &'a Path,
    pub(super) base: Offset,
    /// Which of its files exist.
    pub(super) kinds: Vec<Kind>,
    pub(super) expected: &'a Expected,
}

impl Segment<'_> {
    fn path(&self, kind: Kind) -> PathBuf {
        self.dir.join(names::file_name(self.base, kind))
    }

    /// Checks the segment and carries `before` over it.
    pub(super) fn check(&self, before: &mut Before, report: &mut Report<'_>) -> io::Result<()> {
        let log = self.path(Kind::Log);
        let mut offsets = OffsetCheck::new(&self.index(Kind::OffsetIndex)?, self.base);
        let mut times = TimeCheck::new(&self.index(Kind::TimeIndex)?, self.base);
        let mut txns = TxnCheck::new(&self.index(Kind::TxnIndex)?);
        let mut walk = Walk::open(self.files, &log)?;
        report.counts.segments = report.counts.segments.saturating_add(1);
        report.counts.bytes = report.counts.bytes.saturating_add(walk.len());
        while let Some(met) = walk.next()? {
            match met {
                Met::Batch(found) => {
                    report.counts.batches = report.counts.batches.saturating_add(1);
                    offsets.batch(&found);
                    times.batch(&found);
                    self.order(&found, before, report);
                    self.content(&walk, &found, before, &mut txns, report)?;
                    before.end = Some(found.header.next_offset());
                    before.epoch = found.header.partition_leader_epoch;
                }
                Met::Changed(found, error) => {
                    offsets.batch(&found);
                    times.batch(&found);
                    let offset = found.header.base_offset;
                    let finding = self.torn(offset, &log, error.to_string());
                    report.add(finding.at(found.pos).offset(offset));
                    before.end = Some(found.header.next_offset());
                }
                Met::Garbage { pos, len, reason } => {
                    let offset = before.end.unwrap_or(self.base);
                    let finding =
                        self.torn(offset, &log, format!("the last {len} bytes are no batch: {reason}"));
                    report.add(finding.at(pos).offset(offset));
                }
            }
        }
        let end = before.end.unwrap_or(self.base);
        self.indexes(
            end,
            [
                (Kind::OffsetIndex, offsets.finish()),
                (Kind::TimeIndex, times.finish()),
                (Kind::TxnIndex, txns.finish(self.expected.compacted != Some(false))),
            ],
            report,
        );
        Ok(())
    }

    fn index(&self, kind: Kind) -> io::Result<Vec<u8>> {
        if self.kinds.contains(&kind) {
            env::read_small(self.files, &self.path(kind))
        } else {
            Ok(Vec::new())
        }
    }

    /// A bad batch: the next start cuts the log there, unless it was durable or the stop was clean.
    fn torn(&self, offset: Offset, log: &Path, what: String) -> Finding {
        if self.expected.is_recovered(offset) {
            Finding::repair(log, format!("{what}; the next start cuts the log here"))
        } else {
            Finding::damage(log, format!("{what}; it was flushed before: what was acknowledged is lost"))
        }
    }

    fn indexes(&self, end: Offset, wrong: [(Kind, Wrong); 3], report: &mut Report<'_>) {
        for (kind, wrong) in wrong {
            let path = self.path(kind);
            if kind != Kind::TxnIndex && !self.kinds.contains(&kind) {
                let severity = self.expected.missing(end);
                report.add(Finding::new(severity, &path, "missing; the next start builds it anew"));
            }
            if let Some((position, what)) = wrong.into_finding() {
                let finding = if self.expected.is_recovered(end) {
                    Finding::repair(&path, format!("{what}; the next start builds it anew"))
                } else {
                    Finding::damage(&path, format!("{what}; remove the file and it is built anew"))
                };
                report.add(finding.at(position));
            }
        }
    }

    /// Offsets and leader epochs rise from batch to batch.
    fn order(&self, found: &Found, before: &mut Before, report: &mut Report<'_>) {
        let log = self.path(Kind::Log);
        let header = &found.header;
        let offset = header.base_offset;
        let mut add = |severity, what: String| {
            report.add(Finding::new(severity, &log, what).at(found.pos).offset(offset));
        };
        if offset < self.base {
            add(Severity::Damage, format!("lies before {}, the segment's base offset", self.base));
        }
        match before.end {
            Some(end) if offset < end => {
                add(Severity::Damage, format!("offsets go back: {end} was due"));
            }
            Some(end) if offset > end && self.expected.compacted == Some(false) => {
                add(Severity::Damage, format!("offsets {end} to {} are missing", offset.plus(-1)));
            }
            _ => {}
        }
        let epoch = header.partition_leader_epoch;
        if epoch < before.epoch {
            add(Severity::Damage, format!("leader epoch {epoch} after {}", before.epoch));
        }
        // The checkpoint forgets epochs below the log start, which may lie inside a batch.
        let visible = offset.max(self.expected.log_start);
        let is_visible = header.last_offset() >= self.expected.log_start;
        let known = before.epochs.as_ref().and_then(|epochs| epochs.epoch_of(visible));
        if is_visible && before.epochs.is_some() && known != Some(epoch) {
            let said = known.map_or_else(|| "none".to_owned(), |e| e.to_string());
            let severity =
                if self.expected.is_recovered(offset) { Severity::Repair } else { Severity::Damage };
            add(severity, format!("the batch has leader epoch {epoch}, leader-epoch-checkpoint says {said}"));
            before.epochs = None;
        }
    }

    /// Records, sequences and transactions.
    fn content(
        &self,
        walk: &Walk,
        found: &Found,
        before: &mut Before,
        txns: &mut TxnCheck,
        report: &mut Report<'_>,
    ) -> io::Result<()> {
        let log = self.path(Kind::Log);
        let header = &found.header;
        let add = |report: &mut Report<'_>, what: String| {
            report.add(Finding::damage(&log, what).at(found.pos).offset(header.base_offset));
        };
        let bytes = match walk.bytes(found) {
            Err(error) if error.kind() == io::ErrorKind::FileTooLarge => {
                report.add(Finding::note(&log, error.to_string()).at(found.pos).offset(header.base_offset));
                return Ok(());
            }
            other => other?,
        };
        let Ok(batch) = BatchView::parse(&bytes) else { return Ok(()) };
        let dense = self.expected.compacted == Some(false);
        match records::verify(&batch, dense) {
            Ok(()) => {
                let count = u64::try_from(header.record_count).unwrap_or(0);
                report.counts.records = report.counts.records.saturating_add(count);
            }
            Err(what) => add(report, what),
        }
        if !header.has_producer() {
            return Ok(());
        }
        before.producers.expire(header.max_timestamp, PRODUCER_EXPIRATION_MS);
        if header.is_control() {
            if let Some(marker) = markers::parse(header, batch.body()) {
                if let Err(error) = before.producers.check_marker(header, marker, false) {
                    add(report, error.to_string());
                }
                let ended = before.producers.apply_marker(header, marker, header.max_timestamp);
                if !marker.commit {
                    txns.abort(header.base_offset, header.producer_id, ended.map(|txn| txn.first_offset));
                }
            }
            return Ok(());
        }
        if dense && let Some(what) = sequence(&before.producers, header) {
            add(report, what);
        }
        before.producers.apply(header, header.max_timestamp);
        Ok(())
    }
}

fn sequence(producers: &Producers, header: &BatchHeader) -> Option<String> {
    match producers.check(header, None) {
        Ok(Verdict::Append) => None,
        Ok(Verdict::Duplicate(first)) => {
            Some(format!("repeats the batch at offset {}", first.first_offset()))
        }
        Err(LogError::OutOfOrderSequence { producer, got, last }) => {
            Some(format!("producer {producer} has sequence {got} after {last}"))
        }
        Err(error) => Some(error.to_string()),
    }
}

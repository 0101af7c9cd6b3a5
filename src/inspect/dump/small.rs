//! Everything but batches: indexes, producer state, checkpoints.

use std::io;
use std::path::Path;

use serde_json::{Value, json};

use super::Printer;
use crate::env::{self, Files};
use crate::inspect::row::Row;
use crate::log::index::{self, Entry};
use crate::log::leader_epochs::LeaderEpochs;
use crate::log::offset_index::OffsetEntry;
use crate::log::state_file::State;
use crate::log::time_index::TimeEntry;
use crate::log::txn_index::AbortedTxn;
use crate::log::{checkpoint, partition_metadata, snapshot};
use crate::types::Offset;

/// An entry of an index as a line.
pub(super) trait Shown: Entry {
    /// The line; `base` is the segment's base offset.
    fn row(&self, base: Offset) -> Row;
}

impl Shown for OffsetEntry {
    fn row(&self, base: Offset) -> Row {
        let offset = base.plus(i64::from(self.relative_offset));
        Row::part("entry").with("offset", offset.get()).with("position", self.position)
    }
}

impl Shown for TimeEntry {
    fn row(&self, base: Offset) -> Row {
        let offset = base.plus(i64::from(self.relative_offset));
        Row::part("entry").with("timestamp", self.timestamp.get()).with("offset", offset.get())
    }
}

impl Shown for AbortedTxn {
    fn row(&self, _: Offset) -> Row {
        Row::part("entry")
            .with("producerId", self.producer_id.get())
            .with("firstOffset", self.first_offset.get())
            .with("lastOffset", self.last_offset.get())
            .with("lastStableOffset", self.last_stable_offset.get())
    }
}

pub(super) fn index<E: Shown>(
    files: &dyn Files,
    path: &Path,
    base: Offset,
    printer: &mut Printer<'_>,
) -> io::Result<()> {
    let bytes = env::read_small(files, path)?;
    let entries = index::parse::<E>(&bytes);
    for entry in &entries {
        printer.row(&entry.row(base))?;
    }
    let used = entries.len().saturating_mul(E::SIZE);
    let rest = bytes.get(used..).unwrap_or_default();
    if rest.iter().any(|b| *b != 0) {
        let row = Row::new("garbage").with("position", used).with("size", rest.len());
        printer.damage(row, "these bytes are no entry that may follow the one before")?;
    }
    Ok(())
}

pub(super) fn producers(files: &dyn Files, path: &Path, printer: &mut Printer<'_>) -> io::Result<()> {
    let entries = match snapshot::parse(&env::read_small(files, path)?) {
        Ok(entries) => entries,
        Err(error) => return printer.damage(Row::new("damage"), &error.to_string()),
    };
    for e in entries {
        printer.row(
            &Row::part("producer")
                .with("producerId", e.producer_id.get())
                .with("producerEpoch", e.epoch.get())
                .with("coordinatorEpoch", e.coordinator_epoch)
                .with_some("currentTxnFirstOffset", Some(e.txn_first_offset.get()).filter(|o| *o >= 0))
                .with("lastTimestamp", e.timestamp.get())
                .with("lastSequence", e.last_sequence)
                .with("lastOffset", e.last_offset.get())
                .with("offsetDelta", e.offset_delta),
        )?;
    }
    Ok(())
}

/// Klamm's own state of a partition: producers with all batches that are recognised when they come again.
pub(super) fn state(files: &dyn Files, path: &Path, printer: &mut Printer<'_>) -> io::Result<()> {
    let Some(state) = State::parse(&env::read_small(files, path)?) else {
        return printer.damage(Row::new("damage"), "torn, changed, or of another version");
    };
    let deleted = Some(state.deleted_before.get()).filter(|offset| *offset >= 0);
    printer
        .row(&Row::part("state").with("offset", state.offset.get()).with_some("deletedBefore", deleted))?;
    for (id, p) in state.producers.iter() {
        let batches: Vec<Value> = p
            .batches
            .iter()
            .map(|b| json!({ "lastSequence": b.last_sequence, "lastOffset": b.last_offset.get(), "offsetDelta": b.offset_delta }))
            .collect();
        printer.row(
            &Row::part("producer")
                .with("producerId", id.get())
                .with("producerEpoch", p.epoch.get())
                .with("coordinatorEpoch", p.coordinator_epoch)
                .with_some("currentTxnFirstOffset", p.txn_first_offset.map(Offset::get))
                .with("lastTimestamp", p.last_timestamp.get())
                .with("seen", p.seen.get())
                .with("batches", batches),
        )?;
    }
    state.early.runs().iter().try_for_each(|(offset, written)| {
        printer.row(&Row::part("early").with("lastOffset", offset.get()).with("written", written.get()))
    })
}

fn text(files: &dyn Files, path: &Path) -> io::Result<String> {
    Ok(String::from_utf8_lossy(&env::read_small(files, path)?).into_owned())
}

pub(super) fn offsets(files: &dyn Files, path: &Path, printer: &mut Printer<'_>) -> io::Result<()> {
    match checkpoint::parse(&text(files, path)?) {
        Ok(offsets) => offsets.iter().try_for_each(|(tp, offset)| {
            let row = Row::part("partition").with("topic", &*tp.topic).with("partition", tp.partition);
            printer.row(&row.with("offset", offset.get()))
        }),
        Err(reason) => printer.damage(Row::new("damage"), &reason),
    }
}

pub(super) fn leader_epochs(files: &dyn Files, path: &Path, printer: &mut Printer<'_>) -> io::Result<()> {
    match LeaderEpochs::parse(&text(files, path)?) {
        Some(epochs) => epochs.entries().iter().try_for_each(|(epoch, start)| {
            printer.row(&Row::part("epoch").with("epoch", epoch.get()).with("startOffset", start.get()))
        }),
        None => printer.damage(Row::new("damage"), "not a list of epochs and start offsets, both rising"),
    }
}

pub(super) fn partition_metadata(
    files: &dyn Files,
    path: &Path,
    printer: &mut Printer<'_>,
) -> io::Result<()> {
    match partition_metadata::parse(&text(files, path)?) {
        Some(id) => printer.row(&Row::part("partition").with("topicId", id.to_string())),
        None => printer.damage(Row::new("damage"), "not version 0 with a topic id"),
    }
}

pub(super) fn properties(files: &dyn Files, path: &Path, printer: &mut Printer<'_>) -> io::Result<()> {
    for line in text(files, path)?.lines().filter(|line| !line.starts_with('#')) {
        match line.split_once('=') {
            Some((key, value)) => {
                printer.row(&Row::part("property").with("name", key).with("value", value))?
            }
            None => printer.damage(Row::new("damage").with("line", line), "not key=value")?,
        }
    }
    Ok(())
}

pub(super) fn json(files: &dyn Files, path: &Path, printer: &mut Printer<'_>) -> io::Result<()> {
    match serde_json::from_str::<Value>(&text(files, path)?) {
        Ok(value) => printer.row(&Row::part("content").with("json", value)),
        Err(error) => printer.damage(Row::new("damage"), &format!("not JSON: {error}")),
    }
}

//! Batches and records.

use std::io;
use std::path::Path;

use serde_json::Value;

use super::Printer;
use crate::env::Files;
use crate::inspect::decode::decode;
use crate::inspect::row::{self, Row};
use crate::inspect::walk::{MAX_BATCH, Met, Walk};
use crate::log::scan::Found;
use crate::record::{BatchView, Record, TimestampType};

/// Shows the batches of a file, and their records if asked to.
pub(super) fn batches(
    files: &dyn Files,
    path: &Path,
    topic: &str,
    with_records: bool,
    printer: &mut Printer<'_>,
) -> io::Result<()> {
    let mut walk = Walk::open(files, path)?;
    while let Some(met) = walk.next()? {
        match met {
            Met::Batch(found) => {
                printer.row(&batch("batch", &found))?;
                if with_records {
                    records(&walk, &found, topic, printer)?;
                }
            }
            Met::Changed(found, error) => printer.damage(batch("damaged", &found), &error.to_string())?,
            Met::Garbage { pos, len, reason } => {
                printer.damage(Row::new("garbage").with("position", pos).with("size", len), &reason)?;
            }
        }
    }
    Ok(())
}

fn batch(kind: &'static str, found: &Found) -> Row {
    let h = &found.header;
    let codec = h.codec().map_or_else(|| format!("unknown({})", h.attributes & 7), |c| c.name().to_owned());
    Row::new(kind)
        .with("baseOffset", h.base_offset.get())
        .with("lastOffset", h.last_offset().get())
        .with("count", h.record_count)
        .with("baseSequence", h.base_sequence)
        .with("lastSequence", h.last_sequence())
        .with("producerId", h.producer_id.get())
        .with("producerEpoch", h.producer_epoch.get())
        .with("partitionLeaderEpoch", h.partition_leader_epoch.get())
        .with("isTransactional", h.is_transactional())
        .with("isControl", h.is_control())
        .with_some("deleteHorizonMs", h.delete_horizon().map(|t| t.get()))
        .with("position", found.pos)
        .with("timestampType", timestamp_type(h.timestamp_type()))
        .with("maxTimestamp", h.max_timestamp.get())
        .with("size", h.size())
        .with("compression", codec)
        .with("crc", h.crc)
}

fn timestamp_type(kind: TimestampType) -> &'static str {
    match kind {
        TimestampType::CreateTime => "CreateTime",
        TimestampType::LogAppendTime => "LogAppendTime",
    }
}

fn records(walk: &Walk, found: &Found, topic: &str, printer: &mut Printer<'_>) -> io::Result<()> {
    let bytes = match walk.bytes(found) {
        Err(error) if error.kind() == io::ErrorKind::FileTooLarge => {
            return printer.row(&Row::part("skipped").with("reason", error.to_string()));
        }
        other => other?,
    };
    let damaged = || Row::part("damage").with("position", found.pos);
    let batch = match BatchView::parse(&bytes) {
        Ok(batch) => batch,
        Err(error) => return printer.damage(damaged(), &error.to_string()),
    };
    let payload = match batch.payload(MAX_BATCH) {
        Ok(payload) => payload,
        Err(error) => return printer.damage(damaged(), &error.to_string()),
    };
    for item in batch.records(&payload) {
        match item {
            Ok(item) => {
                let (row, problem) = record(topic, batch.is_control(), &item);
                match problem {
                    Some(problem) => printer.damage(row, &problem)?,
                    None => printer.row(&row)?,
                }
            }
            Err(error) => printer.damage(damaged(), &error.to_string())?,
        }
    }
    Ok(())
}

/// A record's line, and why it is not what its topic asks for.
fn record(topic: &str, is_control: bool, record: &Record<'_>) -> (Row, Option<String>) {
    let null = |bytes: Option<&[u8]>| bytes.map_or(Value::Null, row::bytes);
    let row = Row::part("record")
        .with("offset", record.offset.get())
        .with("timestamp", record.timestamp.get())
        .with("keySize", record.key.map_or(-1, |k| k.len() as i64))
        .with("valueSize", record.value.map_or(-1, |v| v.len() as i64));
    let headers: Vec<Value> =
        record.headers.clone().map(|h| Value::Array(vec![row::bytes(h.key), null(h.value)])).collect();
    let row = row.with_some("headers", (!headers.is_empty()).then_some(headers));
    match decode(topic, is_control, record) {
        Some(Ok(decoded)) => (row.with_some("key", decoded.key).with("value", decoded.value), None),
        Some(Err(error)) => {
            let row = row.with("key", null(record.key)).with("value", null(record.value));
            (row, Some(format!("not a record of {topic}: {error}")))
        }
        None => (row.with("key", null(record.key)).with("value", null(record.value)), None),
    }
}

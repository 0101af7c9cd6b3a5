//! Showing the content of any file of a log directory.

mod journal;
mod log;
mod small;

use std::io::{self, Write};
use std::path::Path;

use super::file::{FileKind, topic_of};
use super::row::Row;
use crate::env::Files;
use crate::log::names::Kind;
use crate::log::offset_index::OffsetEntry;
use crate::log::time_index::TimeEntry;
use crate::log::txn_index::AbortedTxn;

/// How to show files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DumpOptions {
    /// One JSON object for each line instead of text.
    pub json: bool,
    /// Show the records of each batch too, those of internal topics by their meaning.
    pub records: bool,
    /// The topic whose records they are, for a file that does not lie in its partition's directory.
    pub topic: Option<String>,
}

/// Where the lines go.
struct Printer<'a> {
    out: &'a mut dyn Write,
    json: bool,
    damages: usize,
}

impl Printer<'_> {
    fn row(&mut self, row: &Row) -> io::Result<()> {
        if self.json {
            writeln!(self.out, "{}", row.to_json())
        } else {
            writeln!(self.out, "{}", row.to_text())
        }
    }

    fn damage(&mut self, row: Row, reason: &str) -> io::Result<()> {
        self.damages = self.damages.saturating_add(1);
        self.row(&row.with("reason", reason))
    }
}

/// Shows the file at `path` and answers in how many places it is damaged.
///
/// # Errors
/// The file cannot be read or is none of a log directory, or `out` cannot be written.
pub fn dump(files: &dyn Files, path: &Path, options: &DumpOptions, out: &mut dyn Write) -> io::Result<usize> {
    let kind = FileKind::of(path).ok_or_else(|| {
        let message = format!(
            "{}: not a file of a log directory (.log, .index, .timeindex, .txnindex, .snapshot, \
             .checkpoint, *-checkpoint, partition.metadata, meta.properties, quorum-state, \
             klamm.state, klamm.journal)",
            path.display()
        );
        io::Error::new(io::ErrorKind::InvalidInput, message)
    })?;
    let mut printer = Printer { out, json: options.json, damages: 0 };
    printer.row(&Row::new("file").with("path", path.to_string_lossy()))?;
    let topic = options.topic.as_deref().or(topic_of(path)).unwrap_or_default();
    match kind {
        FileKind::Segment(_, Kind::Log) => log::batches(files, path, topic, options.records, &mut printer)?,
        FileKind::Segment(base, Kind::OffsetIndex) => {
            small::index::<OffsetEntry>(files, path, base, &mut printer)?;
        }
        FileKind::Segment(base, Kind::TimeIndex) => {
            small::index::<TimeEntry>(files, path, base, &mut printer)?
        }
        FileKind::Segment(base, Kind::TxnIndex) => {
            small::index::<AbortedTxn>(files, path, base, &mut printer)?
        }
        FileKind::Segment(_, Kind::Snapshot) => small::producers(files, path, &mut printer)?,
        FileKind::MetadataSnapshot => {
            log::batches(files, path, super::decode::METADATA_TOPIC, true, &mut printer)?;
        }
        FileKind::Offsets => small::offsets(files, path, &mut printer)?,
        FileKind::LeaderEpochs => small::leader_epochs(files, path, &mut printer)?,
        FileKind::PartitionMetadata => small::partition_metadata(files, path, &mut printer)?,
        FileKind::Journal => journal::rounds(files, path, &mut printer)?,
        FileKind::State => small::state(files, path, &mut printer)?,
        FileKind::Properties => small::properties(files, path, &mut printer)?,
        FileKind::Json => small::json(files, path, &mut printer)?,
    }
    Ok(printer.damages)
}

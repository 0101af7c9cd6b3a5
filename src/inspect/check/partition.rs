//! One partition's directory.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use super::report::{Finding, Report, Severity};
use super::segment::{Before, Segment};
use crate::env::{self, Files};
use crate::log::leader_epochs::{self, LeaderEpochs};
use crate::log::names::{self, FileName, Kind};
use crate::log::{partition_metadata, snapshot};
use crate::types::{LeaderEpoch, Offset, TopicId};

/// What the rest of the log directory says of a partition.
#[derive(Clone, Debug, Default)]
pub(super) struct Expected {
    /// Whether records may have been compacted away; `None` if nobody says.
    pub(super) compacted: Option<bool>,
    /// Whether the last stop was clean, so that the next start reads no batch.
    pub(super) clean_stop: bool,
    /// Below it everything was flushed.
    pub(super) recovery_point: Offset,
    /// Below it nothing is served any more.
    pub(super) log_start: Offset,
    /// Offsets that must lie within the log, by the file that names them.
    pub(super) bounds: Vec<(&'static str, Offset)>,
    /// The topic's id as the metadata log has it.
    pub(super) topic_id: Option<TopicId>,
}

impl Expected {
    /// Whether the next start looks at the log at this offset.
    pub(super) fn is_recovered(&self, offset: Offset) -> bool {
        !self.clean_stop && offset >= self.recovery_point
    }

    /// How bad it is that a file is missing which is built anew from the log: a running broker writes such
    /// files late, so that without a clean stop this is nothing.
    pub(super) fn missing(&self, end: Offset) -> Severity {
        if self.is_recovered(end) { Severity::Note } else { Severity::Repair }
    }
}

/// The files of a partition, by what their names say.
#[derive(Default)]
struct Entries {
    segments: BTreeMap<Offset, Vec<Kind>>,
    snapshots: Vec<Offset>,
    epochs: bool,
    metadata: bool,
}

/// Checks a partition's directory.
pub(super) fn check(
    files: &dyn Files,
    dir: &Path,
    expected: &Expected,
    report: &mut Report<'_>,
) -> io::Result<()> {
    report.counts.partitions = report.counts.partitions.saturating_add(1);
    let entries = entries(files, dir, report)?;
    if entries.segments.is_empty() {
        report.add(Finding::note(dir, "holds no segment"));
        return Ok(());
    }
    identity(files, dir, &entries, expected, report)?;
    let mut before = Before {
        epochs: epochs(files, dir, &entries, expected, report)?,
        epoch: LeaderEpoch::NONE,
        ..Before::default()
    };
    for offset in &entries.snapshots {
        let path = dir.join(names::file_name(*offset, Kind::Snapshot));
        match snapshot::parse(&env::read_small(files, &path)?) {
            Ok(producers) if Some(offset) == entries.segments.keys().next() => {
                before.producers = snapshot::restore(&producers, crate::types::Timestamp(0));
            }
            Ok(_) => {}
            Err(error) => {
                report.add(Finding::repair(&path, format!("{error}; the next start builds it anew")));
            }
        }
    }
    let first = entries.segments.keys().next().copied();
    for (base, kinds) in entries.segments {
        if !kinds.contains(&Kind::Log) {
            let path = dir.join(names::file_name(base, kinds.first().copied().unwrap_or(Kind::OffsetIndex)));
            report.add(Finding::repair(&path, "an index without its log; the next start removes it"));
            continue;
        }
        Segment { files, dir, base, kinds, expected }.check(&mut before, report)?;
    }
    if let Some(first) = first {
        bounds(dir, first, before.end.unwrap_or(first), expected, report);
    }
    Ok(())
}

fn entries(files: &dyn Files, dir: &Path, report: &mut Report<'_>) -> io::Result<Entries> {
    let mut out = Entries::default();
    let mut deleted = 0usize;
    let mut list = files.list(dir)?;
    list.sort_by(|a, b| a.name.cmp(&b.name));
    for entry in list {
        let path = dir.join(&entry.name);
        match names::parse_file(&entry.name) {
            FileName::Offset(offset, Kind::Snapshot) => out.snapshots.push(offset),
            FileName::Offset(base, kind) => out.segments.entry(base).or_default().push(kind),
            FileName::Pending(_, _, names::SWAP) => {
                let what = "finished output of the cleaner; the next start puts it in place";
                report.add(Finding::repair(&path, what));
            }
            FileName::Pending(_, _, names::CLEANED) => {
                report.add(Finding::repair(
                    &path,
                    "unfinished output of the cleaner; the next start removes it",
                ));
            }
            FileName::Pending(_, _, _) => deleted = deleted.saturating_add(1),
            FileName::NotALog => {
                let what = "not named after an offset: a broker refuses to start on it; move it away";
                report.add(Finding::damage(&path, what));
            }
            FileName::Other => {
                out.epochs |= entry.name == leader_epochs::FILE;
                out.metadata |= entry.name == partition_metadata::FILE;
            }
        }
    }
    if deleted > 0 {
        let what = format!("{deleted} files ending in .deleted wait to be removed; the next start does it");
        report.add(Finding::note(dir, what));
    }
    Ok(out)
}

fn identity(
    files: &dyn Files,
    dir: &Path,
    entries: &Entries,
    expected: &Expected,
    report: &mut Report<'_>,
) -> io::Result<()> {
    let path = dir.join(partition_metadata::FILE);
    if !entries.metadata {
        let what = "missing: a broker sets the directory aside as stray and serves nothing of it";
        report.add(Finding::damage(&path, what));
        return Ok(());
    }
    let text = env::read_small(files, &path)?;
    match (partition_metadata::parse(&String::from_utf8_lossy(&text)), expected.topic_id) {
        (None, _) => report.add(Finding::damage(&path, "not version 0 with a topic id")),
        (Some(got), Some(want)) if got != want => {
            let what =
                format!("has topic id {got}, the metadata log has {want}: a broker sets it aside as stray");
            report.add(Finding::damage(&path, what));
        }
        _ => {}
    }
    Ok(())
}

fn epochs(
    files: &dyn Files,
    dir: &Path,
    entries: &Entries,
    expected: &Expected,
    report: &mut Report<'_>,
) -> io::Result<Option<LeaderEpochs>> {
    let path = dir.join(leader_epochs::FILE);
    if !entries.epochs {
        let severity = if expected.clean_stop { Severity::Repair } else { Severity::Note };
        report.add(Finding::new(severity, &path, "missing; the next start builds it anew"));
        return Ok(None);
    }
    let text = env::read_small(files, &path)?;
    // An empty file is what Kafka leaves while nothing was written.
    let epochs = match text.is_empty() {
        true => Some(LeaderEpochs::default()),
        false => LeaderEpochs::parse(&String::from_utf8_lossy(&text)),
    };
    if epochs.is_none() {
        report.add(Finding::damage(&path, "not a list of epochs and start offsets, both rising"));
    }
    Ok(epochs)
}

fn bounds(dir: &Path, first: Offset, end: Offset, expected: &Expected, report: &mut Report<'_>) {
    for (file, offset) in &expected.bounds {
        if *offset > end {
            let what = format!("{file} says {offset}, beyond the log's end {end}: what was between is lost");
            report.add(Finding::damage(dir, what).offset(*offset));
        } else if *offset < first && *file == crate::log::checkpoint::LOG_START {
            let what = format!("{file} says {offset}, before the first segment, which begins at {first}");
            report.add(Finding::note(dir, what).offset(*offset));
        }
    }
}

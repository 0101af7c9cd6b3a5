//! The metadata log and its snapshots: whether they are whole, and what they say.

use std::io;
use std::path::Path;

use super::report::{Finding, Report};
use crate::env::{self, Files};
use crate::inspect::walk::{Met, Walk};
use crate::log::names::{self, FileName, Kind};
use crate::metadata::Image;
use crate::metadata::batch::{self, BadBatch, Entry};
use crate::metadata::snapshot::{self, Snapshot};
use crate::record::BatchView;
use crate::types::Offset;

/// Checks the snapshots in the metadata log's directory, and replays the latest whole one and the log.
/// `None` if there is nothing to replay.
pub(in crate::inspect) fn load(
    files: &dyn Files,
    dir: &Path,
    report: &mut Report<'_>,
) -> io::Result<Option<Image>> {
    let mut snapshots = Vec::new();
    let mut logs = Vec::new();
    for entry in files.list(dir)? {
        if let FileName::Offset(base, Kind::Log) = names::parse_file(&entry.name) {
            logs.push((base, dir.join(&entry.name)));
        } else if let Some((end, _epoch)) = snapshot::parse_name(&entry.name) {
            snapshots.push((end, dir.join(&entry.name)));
        }
    }
    logs.sort();
    snapshots.sort();
    let (mut image, mut from) = (Image::default(), Offset::ZERO);
    for (end, path) in &snapshots {
        match Snapshot::decode(&env::read_small(files, path)?) {
            Ok(snapshot) => {
                (image, from) = (Image::default(), *end);
                for record in &snapshot.records {
                    if let Err(error) = image.replay(record) {
                        report.add(Finding::damage(path, error.to_string()));
                    }
                }
            }
            Err(error) => report.add(Finding::damage(path, format!("not a whole snapshot: {error}"))),
        }
    }
    for (_, path) in &logs {
        replay(files, path, from, &mut image, report)?;
    }
    Ok((from > Offset::ZERO || !logs.is_empty()).then_some(image))
}

/// Replays the records of a segment from an offset on, up to the first damaged batch: that one is
/// reported where the segment itself is checked.
fn replay(
    files: &dyn Files,
    path: &Path,
    from: Offset,
    image: &mut Image,
    report: &mut Report<'_>,
) -> io::Result<()> {
    let mut walk = Walk::open(files, path)?;
    while let Some(Met::Batch(found)) = walk.next()? {
        let bytes = walk.bytes(&found)?;
        let Ok(batch) = BatchView::parse(&bytes) else { return Ok(()) };
        let read = batch::for_each::<BadBatch>(&batch, |offset, entry| {
            if let Entry::Data(record) = entry
                && offset >= from
                && let Err(error) = image.replay(&record)
            {
                report.add(Finding::damage(path, error.to_string()).at(found.pos).offset(offset));
            }
            Ok(())
        });
        if let Err(error) = read {
            report.add(Finding::damage(path, error.to_string()).at(found.pos));
        }
    }
    Ok(())
}

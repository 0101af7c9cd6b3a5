//! The metadata log and its snapshots: whether they are whole, and what they say.

use std::io;
use std::path::{Path, PathBuf};

use super::report::{Finding, Report};
use crate::env::Files;
use crate::inspect::decode::METADATA_TOPIC;
use crate::inspect::walk::{MAX_BATCH, Met, Walk};
use crate::log::names::{self, FileName, Kind};
use crate::metadata::{Image, frame};
use crate::record::BatchView;
use crate::types::Offset;

/// Suffix of a snapshot's name, after `<end offset>-<epoch>`.
const SNAPSHOT: &str = ".checkpoint";
/// Type of the control record that ends a snapshot.
const FOOTER: i16 = 4;

/// Name of the directory of the metadata log.
pub(super) fn dir_name() -> String {
    format!("{METADATA_TOPIC}-0")
}

/// Checks the snapshots in the metadata log's directory, and replays the latest whole one and the log.
/// `None` if there is nothing to replay or it cannot be replayed.
pub(super) fn load(files: &dyn Files, dir: &Path, report: &mut Report<'_>) -> io::Result<Option<Image>> {
    let mut snapshots = Vec::new();
    let mut logs = Vec::new();
    for entry in files.list(dir)? {
        if let FileName::Offset(base, Kind::Log) = names::parse_file(&entry.name) {
            logs.push(base);
        } else if let Some(end) = snapshot_end(&entry.name) {
            snapshots.push((end, dir.join(&entry.name)));
        }
    }
    logs.sort();
    snapshots.sort();
    let (mut image, mut from) = (Image::default(), Offset::ZERO);
    for (end, path) in snapshots {
        let mut candidate = Image::default();
        if replay(files, &path, Offset::ZERO, &mut candidate, report)? {
            (image, from) = (candidate, end);
        } else {
            report.add(Finding::damage(&path, "the snapshot has no footer, or what precedes it is damaged"));
        }
    }
    let paths: Vec<PathBuf> = logs.iter().map(|base| dir.join(names::file_name(*base, Kind::Log))).collect();
    for path in &paths {
        replay(files, path, from, &mut image, report)?;
    }
    Ok((from > Offset::ZERO || !paths.is_empty()).then_some(image))
}

fn snapshot_end(name: &str) -> Option<Offset> {
    let (end, epoch) = name.strip_suffix(SNAPSHOT)?.split_once('-')?;
    epoch.parse::<i32>().ok()?;
    end.parse().ok().map(Offset)
}

/// Replays the records from an offset on; answers whether the last record was a snapshot's footer.
fn replay(
    files: &dyn Files,
    path: &Path,
    from: Offset,
    image: &mut Image,
    report: &mut Report<'_>,
) -> io::Result<bool> {
    let mut walk = Walk::open(files, path)?;
    let mut footer = false;
    while let Some(met) = walk.next()? {
        // Damaged batches of the log are reported where its segments are checked.
        let Met::Batch(found) = met else { return Ok(false) };
        footer = false;
        let bytes = walk.bytes(&found)?;
        let Ok(batch) = BatchView::parse(&bytes) else { return Ok(false) };
        let Ok(payload) = batch.payload(MAX_BATCH) else { return Ok(false) };
        for record in batch.records(&payload).flatten().filter(|r| r.offset >= from) {
            if batch.is_control() {
                footer = record.key.and_then(|key| key.get(2..4)) == Some(&FOOTER.to_be_bytes());
                continue;
            }
            let problem = match frame::decode(record.value.unwrap_or_default()) {
                Ok((message, _)) => image.replay(&message).err().map(|e| e.to_string()),
                Err(error) => Some(error.to_string()),
            };
            if let Some(what) = problem {
                report.add(Finding::damage(path, what).at(found.pos).offset(record.offset));
            }
        }
    }
    Ok(footer)
}

//! What lies in a partition's directory, after the leftovers of deletions and of the cleaner are dealt
//! with by Kafka's rules.
use std::path::Path;
use std::sync::Arc;

use super::error::{At, LogError};
use super::names::{CLEANED, DELETED, FileName, Kind, SWAP, file_name, parse_file};
use super::scan::{LONG, Scan};
use super::segment::Segment;
use crate::env::{Files, OpenMode};
use crate::types::Offset;

/// The files that matter.
#[derive(Debug, Default)]
pub(super) struct Inventory {
    /// By rising base offset; lengths are those of the files.
    pub segments: Vec<Segment>,
    /// Offsets of producer snapshots, rising.
    pub snapshots: Vec<Offset>,
}

/// Lists a directory and cleans up in it.
///
/// # Errors
/// [`LogError::Corrupt`] for a `.log` that is not named after an offset; the system's.
pub(super) fn take(files: &dyn Files, dir: &Path) -> Result<Inventory, LogError> {
    let names = list(files, dir)?;
    let is_leftover = |name: &String| matches!(parse_file(name), FileName::Pending(..));
    let names = match names.iter().any(is_leftover) {
        true => {
            settle(files, dir, &names)?;
            list(files, dir)?
        }
        false => names,
    };
    let mut inventory = Inventory::default();
    let mut indexes = Vec::new();
    for name in names {
        match parse_file(&name) {
            FileName::Offset(base, Kind::Log) => inventory.segments.push(Segment::new(base, 0)),
            FileName::Offset(base, Kind::Snapshot) => inventory.snapshots.push(base),
            FileName::Offset(base, _) => indexes.push((base, name)),
            FileName::NotALog => {
                let reason = "a .log must be named after its first offset; move the file away";
                return Err(LogError::corrupt(&dir.join(name), reason));
            }
            FileName::Pending(..) | FileName::Other => {}
        }
    }
    inventory.segments.sort_by_key(|segment| segment.base);
    inventory.snapshots.sort();
    for segment in &mut inventory.segments {
        let path = segment.path(dir, Kind::Log);
        segment.len = files.metadata(&path).at(&path)?.len;
    }
    for (base, name) in indexes {
        if inventory.segments.binary_search_by_key(&base, |segment| segment.base).is_err() {
            let path = dir.join(name);
            tracing::warn!(file = %path.display(), "removing an index without a log");
            files.remove_file(&path).at(&path)?;
        }
    }
    Ok(inventory)
}

fn list(files: &dyn Files, dir: &Path) -> Result<Vec<String>, LogError> {
    let entries = files.list(dir).at(dir)?;
    Ok(entries.into_iter().filter(|entry| !entry.is_dir).map(|entry| entry.name).collect())
}

/// Removes `.deleted` and `.cleaned`, and finishes `.swap` unless the cleaner's output is incomplete.
fn settle(files: &dyn Files, dir: &Path, names: &[String]) -> Result<(), LogError> {
    let pending = |wanted: &'static str| {
        names.iter().filter_map(move |name| match parse_file(name) {
            FileName::Pending(base, kind, suffix) if suffix == wanted => Some((name, base, kind)),
            _ => None,
        })
    };
    let remove = |name: &str| {
        let path = dir.join(name);
        files.remove_file(&path).at(&path)
    };
    let first_cleaned = pending(CLEANED).map(|(_, base, _)| base).min();
    let is_whole = |base: Offset| first_cleaned.is_none_or(|first| base < first);
    // What says that the rest is incomplete goes last: this may be interrupted, too.
    let incomplete = pending(SWAP).filter(|(_, base, _)| !is_whole(*base));
    for (name, ..) in pending(DELETED).chain(incomplete).chain(pending(CLEANED)) {
        remove(name)?;
    }
    for (name, base, kind) in pending(SWAP).filter(|(_, base, _)| is_whole(*base)) {
        if kind == Kind::Log {
            replace_covered(files, dir, name, base, names)?;
        }
        let (from, to) = (dir.join(name), dir.join(file_name(base, kind)));
        files.rename(&from, &to).at(&from)?;
    }
    Ok(())
}

/// Removes the logs whose offsets a swap file covers.
fn replace_covered(
    files: &dyn Files,
    dir: &Path,
    swap: &str,
    base: Offset,
    names: &[String],
) -> Result<(), LogError> {
    let path = dir.join(swap);
    let file = files.open(&path, OpenMode::Read).at(&path)?;
    let len = file.len().at(&path)?;
    let mut scan = Scan::new(Arc::clone(&file), 0, len, LONG);
    let mut end = base.plus(1);
    while let Some(Ok(found)) = scan.next().at(&path)? {
        end = found.header.next_offset();
    }
    for name in names {
        if let FileName::Offset(covered, Kind::Log) = parse_file(name)
            && covered >= base
            && covered < end
        {
            let path = dir.join(name);
            files.remove_file(&path).at(&path)?;
        }
    }
    Ok(())
}

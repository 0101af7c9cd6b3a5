//! The text files at the root of a log directory that hold one offset for each partition: `0`, the
//! number of entries, then `topic partition offset` on each line. Replaced as a whole.
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::path::Path;

use super::error::{At, LogError};
use crate::env::{self, Files};
use crate::types::{Offset, TopicPartition};

/// Below its offset everything of a partition is durable.
pub const RECOVERY_POINT: &str = "recovery-point-offset-checkpoint";
/// Log start offsets that lie above the base of the first segment.
pub const LOG_START: &str = "log-start-offset-checkpoint";
/// High watermarks.
pub const HIGH_WATERMARK: &str = "replication-offset-checkpoint";
/// Where the cleaner goes on.
pub const CLEANER: &str = "cleaner-offset-checkpoint";

/// The topic and partition, neither of them possible, of the line by which [`sign`] tells that this program
/// wrote the recovery points. Kafka passes over it, and writes the file without it.
const SIGNATURE: (&str, i32) = ("klamm", -1);

/// An offset for each partition.
pub type Offsets = BTreeMap<TopicPartition, Offset>;

/// Reads the content of such a file; the error says what is wrong.
///
/// # Errors
/// A sentence for a person, with the line.
pub fn parse(text: &str) -> Result<Offsets, String> {
    let mut lines = text.lines();
    match lines.next() {
        Some("0") => {}
        // Kafka makes the files empty at its first boot, and writes them when it has something to say.
        None => return Ok(Offsets::new()),
        Some(other) => return Err(format!("line 1 is {other:?}, not the version 0")),
    }
    let count: Option<usize> = lines.next().and_then(|line| line.parse().ok());
    let mut offsets = Offsets::new();
    let mut entries = 0usize;
    for (number, line) in (3..).zip(lines) {
        let mut words = line.split(' ');
        let entry = (|| {
            let topic = words.next().filter(|topic| !topic.is_empty())?;
            let partition = words.next()?.parse().ok()?;
            let offset = words.next()?.parse().ok()?;
            words.next().is_none().then(|| (TopicPartition::new(topic, partition), Offset(offset)))
        })();
        let (tp, offset) =
            entry.ok_or_else(|| format!("line {number} is not a topic, a partition and an offset"))?;
        offsets.insert(tp, offset);
        entries = entries.saturating_add(1);
    }
    match count {
        Some(count) if count == entries => Ok(offsets),
        _ => Err(format!("line 2 does not say that {entries} entries follow")),
    }
}

/// Writes the content of such a file.
#[must_use]
pub fn encode(offsets: &Offsets) -> String {
    let mut out = format!("0\n{}\n", offsets.len());
    for (tp, offset) in offsets {
        // Writing to a string does not fail.
        let _ = writeln!(out, "{} {} {offset}", tp.topic, tp.partition);
    }
    out
}

/// Marks recovery points as this program's own: what lies below them was acknowledged as durable. `journal` is
/// the id of the journal that may hold what lies above them, 0 for none.
pub fn sign(points: &mut Offsets, journal: i64) {
    points.insert(TopicPartition::new(SIGNATURE.0, SIGNATURE.1), Offset(journal));
}

/// Takes the mark off and gives the journal's id in it; `None` if there was none, and so Kafka wrote the points.
pub fn take_signature(points: &mut Offsets) -> Option<i64> {
    points.remove(&TopicPartition::new(SIGNATURE.0, SIGNATURE.1)).map(Offset::get)
}

/// Reads a checkpoint file; one that is missing is empty.
///
/// # Errors
/// [`LogError::Corrupt`] or an I/O error.
pub fn read(files: &dyn Files, path: &Path) -> Result<Offsets, LogError> {
    let bytes = match env::read_small(files, path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Offsets::new()),
        other => other.at(path)?,
    };
    parse(&String::from_utf8_lossy(&bytes)).map_err(|reason| LogError::corrupt(path, reason))
}

/// Replaces a checkpoint file; it is durable when this returns.
///
/// # Errors
/// [`LogError::NoSpace`] or an I/O error; the old content is still there then.
pub fn write(files: &dyn Files, path: &Path, offsets: &Offsets) -> Result<(), LogError> {
    env::replace(files, path, encode(offsets).as_bytes()).at(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_reads_as_it_was_written() {
        let text = "0\n2\na.b_c-d 0 12\nplain 3 664\n";
        let offsets = parse(text).unwrap();
        assert_eq!(offsets.get(&TopicPartition::new("plain", 3)), Some(&Offset(664)));
        assert_eq!(encode(&offsets), text);
        assert_eq!(parse(""), Ok(Offsets::new()));
        for bad in ["1\n0\n", "0\n", "0\n1\n", "0\n1\nt 0\n", "0\n1\nt 0 1 2\n", "0\nx\n", "0\n1\nt 0 x\n"] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }
}

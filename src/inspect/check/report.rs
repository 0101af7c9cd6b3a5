//! What a check finds.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::inspect::row::Row;
use crate::types::Offset;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing; nothing is wrong.
    Note,
    /// The next start puts it right, at the cost of what the finding names.
    Repair,
    /// Nothing puts it right by itself.
    Damage,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Note => "note",
            Self::Repair => "repair",
            Self::Damage => "damage",
        })
    }
}

/// One thing found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// The file or directory.
    pub path: PathBuf,
    /// Byte position in the file.
    pub position: Option<u64>,
    /// Offset in the partition.
    pub offset: Option<Offset>,
    /// What was found, and what to do or expect.
    pub what: String,
}

impl Finding {
    /// A finding about a whole file or directory.
    pub(super) fn new(severity: Severity, path: &Path, what: impl Into<String>) -> Self {
        Self { severity, path: path.to_owned(), position: None, offset: None, what: what.into() }
    }

    pub(super) fn damage(path: &Path, what: impl Into<String>) -> Self {
        Self::new(Severity::Damage, path, what)
    }

    pub(super) fn repair(path: &Path, what: impl Into<String>) -> Self {
        Self::new(Severity::Repair, path, what)
    }

    pub(super) fn note(path: &Path, what: impl Into<String>) -> Self {
        Self::new(Severity::Note, path, what)
    }

    pub(super) fn at(mut self, position: u64) -> Self {
        self.position = Some(position);
        self
    }

    pub(super) fn offset(mut self, offset: Offset) -> Self {
        self.offset = Some(offset);
        self
    }

    /// The finding as a line of output.
    #[must_use]
    pub fn to_row(&self) -> Row {
        let kind = match self.severity {
            Severity::Note => "note",
            Severity::Repair => "repair",
            Severity::Damage => "damage",
        };
        Row::new(kind)
            .with("path", self.path.to_string_lossy())
            .with_some("position", self.position)
            .with_some("offset", self.offset.map(Offset::get))
            .with("what", self.what.as_str())
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.severity, self.path.display())?;
        if let Some(position) = self.position {
            write!(f, " at byte {position}")?;
        }
        if let Some(offset) = self.offset {
            write!(f, " (offset {offset})")?;
        }
        write!(f, ": {}", self.what)
    }
}

/// What was looked at, and how many findings there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Partitions.
    pub partitions: u64,
    /// Segments.
    pub segments: u64,
    /// Whole batches with the right CRC.
    pub batches: u64,
    /// Records in them.
    pub records: u64,
    /// Bytes of segments.
    pub bytes: u64,
    /// Findings of [`Severity::Repair`].
    pub repairs: u64,
    /// Findings of [`Severity::Damage`].
    pub damages: u64,
}

/// Where findings go, as they are made.
pub(in crate::inspect) struct Report<'a> {
    pub(super) counts: Counts,
    sink: &'a mut dyn FnMut(&Finding),
}

impl<'a> Report<'a> {
    pub(in crate::inspect) fn new(sink: &'a mut dyn FnMut(&Finding)) -> Self {
        Self { counts: Counts::default(), sink }
    }

    pub(super) fn add(&mut self, finding: Finding) {
        let counter = match finding.severity {
            Severity::Note => None,
            Severity::Repair => Some(&mut self.counts.repairs),
            Severity::Damage => Some(&mut self.counts.damages),
        };
        if let Some(counter) = counter {
            *counter = counter.saturating_add(1);
        }
        (self.sink)(&finding);
    }
}

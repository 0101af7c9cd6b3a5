//! Names of files and directories in a log directory. Pure.
use crate::types::{Offset, TopicPartition, Uuid};

/// Suffix of a file that waits to be removed.
pub const DELETED: &str = ".deleted";
/// Suffix of the cleaner's unfinished output.
pub const CLEANED: &str = ".cleaned";
/// Suffix of the cleaner's finished output on its way to replace the originals.
pub const SWAP: &str = ".swap";
/// Suffix of a checkpoint being written.
pub const TMP: &str = ".tmp";
/// Klamm's own state beside Kafka's files, see [`super::state_file`].
pub const STATE: &str = "klamm.state";
/// The longest name a directory may have, in bytes.
const MAX_NAME: usize = 255;

/// The kinds of file named after an offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Record batches.
    Log,
    /// Sparse offset index.
    OffsetIndex,
    /// Sparse time index.
    TimeIndex,
    /// Aborted transactions.
    TxnIndex,
    /// Producer state.
    Snapshot,
}

impl Kind {
    /// The files that make a segment.
    pub const SEGMENT: [Self; 4] = [Self::Log, Self::OffsetIndex, Self::TimeIndex, Self::TxnIndex];

    /// The suffix, dot included.
    #[must_use]
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::Log => ".log",
            Self::OffsetIndex => ".index",
            Self::TimeIndex => ".timeindex",
            Self::TxnIndex => ".txnindex",
            Self::Snapshot => ".snapshot",
        }
    }

    fn of_suffix(suffix: &str) -> Option<Self> {
        let all = [Self::Log, Self::OffsetIndex, Self::TimeIndex, Self::TxnIndex, Self::Snapshot];
        all.into_iter().find(|kind| kind.suffix() == suffix)
    }
}

/// Name of the file of this kind whose first offset is `base`: 20 digits and the suffix.
#[must_use]
pub fn file_name(base: Offset, kind: Kind) -> String {
    format!("{:020}{}", base.get(), kind.suffix())
}

/// What the name of a file in a partition's directory says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileName {
    /// A file named after an offset.
    Offset(Offset, Kind),
    /// Such a file with one of the suffixes [`DELETED`], [`CLEANED`], [`SWAP`].
    Pending(Offset, Kind, &'static str),
    /// Ends like a log but is not named after an offset: Kafka refuses the directory, and so do we.
    NotALog,
    /// Anything else: not ours to touch.
    Other,
}

/// Reads the name of a file in a partition's directory.
#[must_use]
pub fn parse_file(name: &str) -> FileName {
    for suffix in [DELETED, CLEANED, SWAP] {
        if let Some(stem) = name.strip_suffix(suffix) {
            return match parse_file(stem) {
                FileName::Offset(base, kind) => FileName::Pending(base, kind, suffix),
                _ => FileName::Other,
            };
        }
    }
    let Some((stem, kind)) = name.find('.').and_then(|dot| name.split_at_checked(dot)) else {
        return FileName::Other;
    };
    let offset = || stem.parse().ok().filter(|n| *n >= 0 && stem.bytes().all(|b| b.is_ascii_digit()));
    match (Kind::of_suffix(kind), offset()) {
        (Some(kind), Some(base)) => FileName::Offset(Offset(base), kind),
        (Some(Kind::Log), None) => FileName::NotALog,
        _ => FileName::Other,
    }
}

/// What the name of a directory in a log directory says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DirName {
    /// `<topic>-<partition>`.
    Partition(TopicPartition),
    /// A deleted partition that waits to be removed.
    Delete,
    /// A replica on its way into this log directory.
    Future(String),
    /// A replica that the metadata does not know.
    Stray(String),
    /// Nothing that belongs here.
    Foreign,
}

/// Reads the name of a directory in a log directory.
#[must_use]
pub fn parse_dir(name: &str) -> DirName {
    let renamed = |suffix: &str| {
        let (stem, id) = name.strip_suffix(suffix)?.rsplit_once('.')?;
        let hex = id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit());
        (hex && stem.contains('-')).then(|| stem.to_owned())
    };
    if renamed("-delete").is_some() {
        return DirName::Delete;
    }
    if let Some(stem) = renamed("-future") {
        return DirName::Future(stem);
    }
    if let Some(stem) = renamed("-stray") {
        return DirName::Stray(stem);
    }
    TopicPartition::parse(name).map_or(DirName::Foreign, DirName::Partition)
}

/// The name a partition's directory gets when it is deleted (`-delete`) or set aside (`-stray`).
/// The topic's part is cut if the whole would be too long.
#[must_use]
pub fn renamed_dir(tp: &TopicPartition, id: Uuid, suffix: &str) -> String {
    let tail = format!("-{}.{:032x}{suffix}", tp.partition, u128::from_be_bytes(id.0));
    let room = MAX_NAME.saturating_sub(tail.len()).min(tp.topic.len());
    // Topic names are ASCII; the fallback keeps a name that is not whole rather than failing.
    let topic = tp.topic.get(..room).unwrap_or(&tp.topic);
    format!("{topic}{tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_told_by_their_names() {
        let o = |n| Offset(n);
        let cases = [
            ("00000000000000000012.log", FileName::Offset(o(12), Kind::Log)),
            ("00000000000000000012.timeindex", FileName::Offset(o(12), Kind::TimeIndex)),
            ("12.snapshot", FileName::Offset(o(12), Kind::Snapshot)),
            ("00000000000000000012.log.swap", FileName::Pending(o(12), Kind::Log, SWAP)),
            ("00000000000000000012.index.deleted", FileName::Pending(o(12), Kind::OffsetIndex, DELETED)),
            ("x.log", FileName::NotALog),
            ("-1.log", FileName::NotALog),
            ("+1.log", FileName::NotALog),
            ("99999999999999999999.log", FileName::NotALog),
            ("x.index", FileName::Other),
            ("klamm.state", FileName::Other),
            ("leader-epoch-checkpoint", FileName::Other),
            ("00000000000000000012-0000000001.checkpoint", FileName::Other),
        ];
        for (name, want) in cases {
            assert_eq!(parse_file(name), want, "{name}");
        }
        assert_eq!(file_name(o(12), Kind::TxnIndex), "00000000000000000012.txnindex");
    }

    #[test]
    fn directories_are_told_by_their_names() {
        let hex = "0123456789abcdef0123456789abcdef";
        assert_eq!(parse_dir("a.b_c-d-3"), DirName::Partition(TopicPartition::new("a.b_c-d", 3)));
        assert_eq!(parse_dir(&format!("t-0.{hex}-delete")), DirName::Delete);
        assert_eq!(parse_dir(&format!("t-0.{hex}-stray")), DirName::Stray("t-0".into()));
        assert_eq!(parse_dir(&format!("t-0.{hex}-future")), DirName::Future("t-0".into()));
        for foreign in ["foo", ".hidden", "lost+found", "t-0.12-delete"] {
            assert_eq!(parse_dir(foreign), DirName::Foreign, "{foreign}");
        }
        let long = TopicPartition::new("t".repeat(249), 12);
        let name = renamed_dir(&long, Uuid([1; 16]), "-delete");
        assert_eq!(name.len(), 255);
        assert_eq!(parse_dir(&name), DirName::Delete);
    }
}

//! What a file of a log directory is, by its name and that of its directory. Pure.

use std::path::Path;

use crate::log::contents::CLEAN_SHUTDOWN;
use crate::log::names::{self, FileName, Kind};
use crate::log::{checkpoint, journal, leader_epochs, partition_metadata};
use crate::types::Offset;

/// A file that can be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A segment or one of the files beside it, named after this offset.
    Segment(Offset, Kind),
    /// A snapshot of the metadata log, `bootstrap.checkpoint` included.
    MetadataSnapshot,
    /// An offset for each partition.
    Offsets,
    /// `leader-epoch-checkpoint`.
    LeaderEpochs,
    /// `partition.metadata`.
    PartitionMetadata,
    /// `meta.properties`.
    Properties,
    /// `klamm.state`.
    State,
    /// `klamm.journal`.
    Journal,
    /// A JSON object: `quorum-state`, `.kafka_cleanshutdown`.
    Json,
}

impl FileKind {
    /// Says what the file at `path` is; `None` if its name is not one of a log directory.
    #[must_use]
    pub fn of(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?;
        if let FileName::Offset(base, kind) | FileName::Pending(base, kind, _) = names::parse_file(name) {
            return Some(Self::Segment(base, kind));
        }
        let name = name.strip_suffix(names::DELETED).or(name.strip_suffix(names::TMP)).unwrap_or(name);
        Some(match name {
            checkpoint::RECOVERY_POINT
            | checkpoint::LOG_START
            | checkpoint::HIGH_WATERMARK
            | checkpoint::CLEANER => Self::Offsets,
            leader_epochs::FILE => Self::LeaderEpochs,
            partition_metadata::FILE => Self::PartitionMetadata,
            names::STATE => Self::State,
            journal::FILE => Self::Journal,
            "meta.properties" => Self::Properties,
            "quorum-state" | CLEAN_SHUTDOWN => Self::Json,
            _ if name.ends_with(".checkpoint") || name.ends_with(".checkpoint.part") => {
                Self::MetadataSnapshot
            }
            _ => return None,
        })
    }
}

/// The topic of the partition in whose directory the file lies, also of one renamed to be deleted.
#[must_use]
pub fn topic_of(path: &Path) -> Option<&str> {
    let dir = path.parent()?.file_name()?.to_str()?;
    let marked = ["-delete", "-future", "-stray"].into_iter().find_map(|suffix| dir.strip_suffix(suffix));
    let plain = marked.and_then(|dir| dir.rsplit_once('.')).map_or(dir, |(plain, _id)| plain);
    plain.rsplit_once('-').map(|(topic, _partition)| topic)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_a_file_is() {
        let segment = |kind| Some(FileKind::Segment(Offset(36), kind));
        let cases = [
            ("a-0/00000000000000000036.log", segment(Kind::Log)),
            ("a-0/00000000000000000036.timeindex.deleted", segment(Kind::TimeIndex)),
            ("a-0/00000000000000000036.snapshot", segment(Kind::Snapshot)),
            (
                "__cluster_metadata-0/00000000000000000115-0000000001.checkpoint",
                Some(FileKind::MetadataSnapshot),
            ),
            ("bootstrap.checkpoint", Some(FileKind::MetadataSnapshot)),
            ("cleaner-offset-checkpoint", Some(FileKind::Offsets)),
            ("a-0/leader-epoch-checkpoint", Some(FileKind::LeaderEpochs)),
            ("a-0/partition.metadata", Some(FileKind::PartitionMetadata)),
            (".kafka_cleanshutdown", Some(FileKind::Json)),
            ("a-0/klamm.state", Some(FileKind::State)),
            ("klamm.journal", Some(FileKind::Journal)),
            ("notes.txt", None),
        ];
        for (path, want) in cases {
            assert_eq!(FileKind::of(Path::new(path)), want, "{path}");
        }
    }

    #[test]
    fn the_directory_names_the_topic() {
        let cases = [
            ("data/a.b-c-12/1.log", Some("a.b-c")),
            ("gone-late-0.0b55cb6eb92d4b8185aff88e5f320607-delete/1.log", Some("gone-late")),
            ("1.log", None),
        ];
        for (path, want) in cases {
            assert_eq!(topic_of(Path::new(path)), want, "{path}");
        }
    }
}

//! Names of the objects under the prefix that `klamm.remote.url` gives. Pure.
//!
//! ```text
//! writers/0000000003                                          who may write; one for each start of a broker
//! topics/<topic id>/<partition>/manifest/00000000000000000042 each version a new object
//! topics/<topic id>/<partition>/00000000000000001000-<id>.segment
//! metadata/00000000000000000123.checkpoint                    the metadata, for a restore
//! ```
use crate::types::{Offset, TopicId, Uuid};

/// Directory of the claims.
pub const WRITERS: &str = "writers";
/// Directory of all partitions.
pub const TOPICS: &str = "topics";
/// Directory of metadata snapshots.
pub const METADATA: &str = "metadata";
const MANIFEST: &str = "manifest";
const SEGMENT: &str = ".segment";

/// Name of the claim of a writer epoch.
#[must_use]
pub fn writer(epoch: u32) -> String {
    format!("{WRITERS}/{epoch:010}")
}

/// The epoch of a claim by the last part of its name.
#[must_use]
pub fn parse_writer(file: &str) -> Option<u32> {
    (file.len() == 10).then(|| digits(file)).flatten()
}

/// Directory of a topic.
#[must_use]
pub fn topic(id: TopicId) -> String {
    format!("{TOPICS}/{id}")
}

/// Directory of a partition.
#[must_use]
pub fn partition(id: TopicId, index: i32) -> String {
    format!("{TOPICS}/{id}/{index}")
}

/// Directory of the manifests of the partition in `dir`.
#[must_use]
pub fn manifests(dir: &str) -> String {
    format!("{dir}/{MANIFEST}")
}

/// Name of a version of the manifest of the partition in `dir`.
#[must_use]
pub fn manifest(dir: &str, version: u64) -> String {
    format!("{dir}/{MANIFEST}/{version:020}")
}

/// Name of a segment's object of the partition in `dir`.
#[must_use]
pub fn segment(dir: &str, base: Offset, id: Uuid) -> String {
    format!("{dir}/{:020}-{id}{SEGMENT}", base.get())
}

/// What the name of an object below the directory of a partition says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name {
    /// A version of the manifest.
    Manifest(u64),
    /// The object of a segment.
    Segment(Offset, Uuid),
    /// Anything else: not ours to touch.
    Other,
}

/// Reads the name of an object, relative to the directory of its partition.
#[must_use]
pub fn parse(name: &str) -> Name {
    if let Some(version) = name.strip_prefix(MANIFEST).and_then(|rest| rest.strip_prefix('/')) {
        return (version.len() == 20).then(|| digits(version)).flatten().map_or(Name::Other, Name::Manifest);
    }
    let segment = || {
        let (base, id) = name.strip_suffix(SEGMENT)?.split_at_checked(20)?;
        Some(Name::Segment(Offset(digits(base)?), Uuid::parse(id.strip_prefix('-')?)?))
    };
    segment().unwrap_or(Name::Other)
}

fn digits<N: std::str::FromStr>(text: &str) -> Option<N> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_what_it_was_made_of() {
        let id = Uuid([7; 16]);
        let dir = partition(id, 3);
        assert_eq!(dir, format!("topics/{id}/3"));
        let below = |name: String| name.strip_prefix(&format!("{dir}/")).unwrap().to_owned();
        assert_eq!(parse(&below(manifest(&dir, 42))), Name::Manifest(42));
        assert_eq!(parse(&below(segment(&dir, Offset(1000), id))), Name::Segment(Offset(1000), id));
        assert_eq!(writer(3), "writers/0000000003");
        assert_eq!(parse_writer("0000000003"), Some(3));
        for other in ["", "manifest/1", "manifest/0000000000000000004x", "manifest", "1-x.segment", "x"] {
            assert_eq!(parse(other), Name::Other, "{other}");
        }
        for other in ["3", "00000000-3", "99999999999"] {
            assert_eq!(parse_writer(other), None, "{other}");
        }
    }
}

//! The features that a cluster can finalize, their levels, and what metadata.version allows.
//!
//! Source: KIP-584 and the table of Kafka 4.3 in `crates/schema/kafka/features.tsv`, which a test compares.

use crate::schema::metadata::MetadataRecord;

/// The feature that says which records may be written.
pub const METADATA_VERSION: &str = "metadata.version";
/// The feature of the quorum itself; kept in control records, not in the image.
pub const KRAFT_VERSION: &str = "kraft.version";
/// Level 1 and above: flexible transaction records; level 2: KIP-890's epoch bump per transaction.
pub const TRANSACTION_VERSION: &str = "transaction.version";
/// Level 1: the consumer group protocol of KIP-848.
pub const GROUP_VERSION: &str = "group.version";
/// Level 1: eligible leader replicas (KIP-966).
pub const ELR_VERSION: &str = "eligible.leader.replicas.version";
/// Level 1: share groups (KIP-932).
pub const SHARE_VERSION: &str = "share.version";
/// Level 1: the streams group protocol of KIP-1071.
pub const STREAMS_VERSION: &str = "streams.version";

/// metadata.version of a fresh directory: 4.3-IV0.
pub const DEFAULT_METADATA_VERSION: i16 = 30;

/// A feature and the levels this program supports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Feature {
    /// Its name.
    pub name: &'static str,
    /// Lowest level.
    pub min: i16,
    /// Highest level.
    pub max: i16,
    /// For each metadata.version from which the default changes: that version and the default.
    defaults: &'static [(i16, i16)],
    /// For each level that needs a metadata.version: the level and that version.
    needs: &'static [(i16, i16)],
}

/// Every feature, metadata.version first and then by name.
pub static FEATURES: [Feature; 7] = [
    Feature { name: METADATA_VERSION, min: 7, max: 30, defaults: &[], needs: &[] },
    Feature { name: ELR_VERSION, min: 0, max: 1, defaults: &[(26, 1)], needs: &[(1, 23)] },
    Feature { name: GROUP_VERSION, min: 0, max: 1, defaults: &[(22, 1)], needs: &[] },
    Feature { name: KRAFT_VERSION, min: 0, max: 1, defaults: &[(21, 1)], needs: &[] },
    Feature { name: SHARE_VERSION, min: 0, max: 1, defaults: &[(28, 1)], needs: &[] },
    Feature { name: STREAMS_VERSION, min: 0, max: 1, defaults: &[(29, 1)], needs: &[] },
    Feature { name: TRANSACTION_VERSION, min: 0, max: 2, defaults: &[(24, 2)], needs: &[] },
];

/// Names of the metadata versions from level 7 on.
static METADATA_VERSION_NAMES: [&str; 24] = [
    "3.3-IV3", "3.4-IV0", "3.5-IV0", "3.5-IV1", "3.5-IV2", "3.6-IV0", "3.6-IV1", "3.6-IV2", "3.7-IV0",
    "3.7-IV1", "3.7-IV2", "3.7-IV3", "3.7-IV4", "3.8-IV0", "3.9-IV0", "4.0-IV0", "4.0-IV1", "4.0-IV2",
    "4.0-IV3", "4.1-IV0", "4.1-IV1", "4.2-IV0", "4.2-IV1", "4.3-IV0",
];

impl Feature {
    /// Finds a feature by its name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<&'static Self> {
        FEATURES.iter().find(|f| f.name == name)
    }

    /// The level that a fresh cluster of this metadata.version gets.
    #[must_use]
    pub fn default_level(&self, metadata_version: i16) -> i16 {
        if self.name == METADATA_VERSION {
            return metadata_version;
        }
        let mut reached = self.defaults.iter().filter(|(from, _)| *from <= metadata_version);
        reached.next_back().map_or(0, |(_, level)| *level)
    }

    /// The metadata.version that a level needs, if it needs one.
    #[must_use]
    pub fn needed_metadata_version(&self, level: i16) -> Option<i16> {
        self.needs.iter().find(|(of, _)| *of == level).map(|(_, needed)| *needed)
    }
}

/// The name of a metadata.version, such as `4.3-IV0`; `None` for one that is not supported.
#[must_use]
pub fn metadata_version_name(level: i16) -> Option<&'static str> {
    let at = usize::try_from(level.checked_sub(7)?).ok()?;
    METADATA_VERSION_NAMES.get(at).copied()
}

/// Finds a metadata.version by its name: `4.3-IV0`, or a release such as `4.3` for its last version.
#[must_use]
pub fn metadata_version_by_name(name: &str) -> Option<i16> {
    let is_meant =
        |full: &&str| *full == name || full.split_once("-IV").is_some_and(|(release, _)| release == name);
    let at = METADATA_VERSION_NAMES.iter().rposition(is_meant)?;
    i16::try_from(at).ok()?.checked_add(7)
}

/// The version in which a record is written under a metadata.version.
#[must_use]
pub fn record_version(record: &MetadataRecord<'_>, metadata_version: i16) -> i16 {
    let by_level = |steps: &[(i16, i16)]| {
        steps.iter().rev().find(|(from, _)| *from <= metadata_version).map_or(0, |(_, version)| *version)
    };
    match record {
        MetadataRecord::RegisterBroker(_) => by_level(&[(0, 1), (8, 2), (17, 3), (30, 4)]),
        MetadataRecord::Partition(_) | MetadataRecord::PartitionChange(_) => by_level(&[(17, 1), (23, 2)]),
        MetadataRecord::BrokerRegistrationChange(r) => {
            if r.cordoned_log_dirs.is_some() {
                3
            } else if !r.log_dirs.is_empty() {
                2
            } else {
                i16::from(r.in_controlled_shutdown != 0)
            }
        }
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = include_str!("../../crates/schema/kafka/features.tsv");

    fn rows(kind: &str) -> impl Iterator<Item = Vec<&'static str>> {
        TABLE.lines().map(|line| line.split('\t').collect::<Vec<_>>()).filter(move |row| row[0] == kind)
    }

    #[test]
    fn ranges_are_kafkas() {
        let mut seen = 0;
        for row in rows("range") {
            let feature = Feature::by_name(row[1]).unwrap();
            assert_eq!(row[2], format!("{}..{}", feature.min, feature.max), "{}", row[1]);
            seen += 1;
        }
        assert_eq!(seen, FEATURES.len());
    }

    #[test]
    fn defaults_and_names_are_kafkas() {
        for row in rows("defaults-by-release") {
            let version: i16 = row[2].parse().unwrap();
            if version > DEFAULT_METADATA_VERSION {
                continue;
            }
            assert_eq!(metadata_version_name(version), Some(row[3]));
            assert_eq!(metadata_version_by_name(row[3]), Some(version));
            for pair in row[6].split(' ') {
                let (name, level) = pair.split_once('=').unwrap();
                let got = Feature::by_name(name).unwrap().default_level(version);
                assert_eq!(got.to_string(), level, "{name} at {version}");
            }
        }
        assert_eq!(metadata_version_by_name("4.0"), Some(25));
        assert_eq!(metadata_version_by_name("9.9"), None);
        assert_eq!((metadata_version_name(6), metadata_version_name(31)), (None, None));
    }

    #[test]
    fn record_versions_are_kafkas() {
        let of = |record: &MetadataRecord<'_>, level| format!("v{}", record_version(record, level));
        for row in rows("level").filter(|row| row[1] == METADATA_VERSION) {
            let level: i16 = row[2].parse().unwrap();
            let want = |key: &str| row[6].split(' ').find_map(|p| p.strip_prefix(key)).unwrap();
            let register = MetadataRecord::RegisterBroker(Default::default());
            let partition = MetadataRecord::Partition(Default::default());
            let change = MetadataRecord::PartitionChange(Default::default());
            assert_eq!(of(&register, level), want("registerBroker="), "{level}");
            assert_eq!(of(&partition, level), want("partition="), "{level}");
            assert_eq!(of(&change, level), want("partitionChange="), "{level}");
        }
    }
}

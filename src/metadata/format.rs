//! Formatting: what makes an empty directory a log directory of a cluster. The broker does it at its first
//! start, `klamm format` does it beforehand, and the files are those of Kafka's `kafka-storage format`.

use std::io;
use std::path::{Path, PathBuf};

use super::change::default_features;
use super::meta_properties::{MetaProperties, MetaPropertiesError};
use super::snapshot::{Quorum, Snapshot, file_name};
use crate::env::{self, Files};
use crate::schema::clients::voters_record::{Endpoint, KRaftVersionFeature, Voter, VotersRecord};
use crate::schema::metadata::MetadataRecord;
use crate::schema::metadata::feature_level_record::FeatureLevelRecord;
use crate::types::{LeaderEpoch, NodeId, Offset, Timestamp, Uuid};

/// The features that a cluster begins with; read only while the metadata log is empty.
pub const BOOTSTRAP: &str = "bootstrap.checkpoint";
/// The directory of the metadata log.
pub const METADATA_DIR: &str = "__cluster_metadata-0";

/// Who the voters of the quorum are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Voters {
    /// The log says so, from its first snapshot on: this node alone, at this controller listener (name,
    /// host, port). `kafka-storage format --standalone`.
    Standalone(String, String, u16),
    /// The configuration says so: `controller.quorum.voters`.
    Static,
}

/// What to write.
#[derive(Clone, Debug)]
pub struct Format {
    /// Id of the cluster.
    pub cluster_id: String,
    /// The node.
    pub node_id: NodeId,
    /// `metadata.version` to begin with.
    pub metadata_version: i16,
    /// Levels of other features where they are not the default of that metadata.version.
    pub features: Vec<(String, i16)>,
    /// The quorum.
    pub voters: Voters,
    /// Wall time.
    pub now: Timestamp,
}

/// Why a directory could not be formatted.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    /// It was formatted before.
    #[error("{} is formatted already", .0.display())]
    AlreadyFormatted(PathBuf),
    /// The system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// File or directory.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// `meta.properties` is there and unusable.
    #[error(transparent)]
    MetaProperties(#[from] MetaPropertiesError),
}

impl Format {
    /// Formats the directory of the metadata log (`holds_metadata`) or another log directory, whose id will
    /// be `directory_id`. `meta.properties` is written last: a directory without it is not formatted.
    ///
    /// # Errors
    /// [`FormatError`].
    pub fn write(
        &self,
        files: &dyn Files,
        dir: &Path,
        directory_id: Uuid,
        holds_metadata: bool,
    ) -> Result<MetaProperties, FormatError> {
        let at = |path: &Path| {
            let path = path.to_owned();
            move |source| FormatError::Io { path, source }
        };
        files.create_dir_all(dir).map_err(at(dir))?;
        if let Some(parent) = dir.parent() {
            files.sync_dir(parent).map_err(at(parent))?;
        }
        if MetaProperties::read(files, dir)?.is_some() {
            return Err(FormatError::AlreadyFormatted(dir.to_owned()));
        }
        if holds_metadata {
            if let Voters::Standalone(..) = self.voters {
                let metadata = dir.join(METADATA_DIR);
                files.create_dir_all(&metadata).map_err(at(&metadata))?;
                let path = metadata.join(file_name(Offset::ZERO, LeaderEpoch(0)));
                env::replace(files, &path, &self.first_snapshot(directory_id)).map_err(at(&path))?;
            }
            let path = dir.join(BOOTSTRAP);
            env::replace(files, &path, &self.bootstrap()).map_err(at(&path))?;
        }
        let meta = MetaProperties {
            cluster_id: self.cluster_id.clone(),
            node_id: self.node_id,
            directory_id: Some(directory_id),
        };
        meta.write(files, dir)?;
        Ok(meta)
    }

    /// Name and level of each feature that begins above 0.
    #[must_use]
    pub fn levels(&self) -> Vec<(String, i16)> {
        let mut levels = default_features(self.metadata_version);
        for (name, level) in &self.features {
            levels.retain(|(known, _)| known != name);
            levels.push((name.clone(), *level));
        }
        levels.retain(|(_, level)| *level > 0);
        levels
    }

    fn bootstrap(&self) -> Vec<u8> {
        let record = |(name, level): (String, i16)| {
            let (name, feature_level) = (name.into(), level);
            MetadataRecord::FeatureLevel(FeatureLevelRecord { name, feature_level, ..Default::default() })
        };
        let records = self.levels().into_iter().map(record).collect();
        Snapshot { records, ..Default::default() }.encode(LeaderEpoch(0), self.metadata_version, self.now)
    }

    fn first_snapshot(&self, directory_id: Uuid) -> Vec<u8> {
        let quorum = self.quorum(directory_id);
        let snapshot = Snapshot { last_timestamp: self.now.0, quorum, records: Vec::new() };
        snapshot.encode(LeaderEpoch(0), self.metadata_version, self.now)
    }

    fn quorum(&self, directory_id: Uuid) -> Quorum {
        let Voters::Standalone(name, host, port) = &self.voters else { return Quorum::default() };
        let endpoint = Endpoint {
            name: name.clone().into(),
            host: host.clone().into(),
            port: *port,
            ..Default::default()
        };
        let voter = Voter {
            voter_id: self.node_id.0,
            voter_directory_id: directory_id.0,
            endpoints: vec![endpoint],
            kraft_version_feature: KRaftVersionFeature {
                min_supported_version: 0,
                max_supported_version: 1,
                ..Default::default()
            },
            ..Default::default()
        };
        Quorum { kraft_version: 1, voters: Some(VotersRecord { voters: vec![voter], ..Default::default() }) }
    }
}

//! `meta.properties` in each log directory: whose it is. Version 1 (KRaft).

use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

use crate::env::{self, Files};
use crate::types::{NodeId, Uuid};

/// Name of the file.
pub const FILE: &str = "meta.properties";

/// What the file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetaProperties {
    /// Id of the cluster; any text, Kafka's own are 22 characters.
    pub cluster_id: String,
    /// The node.
    pub node_id: NodeId,
    /// Id of this directory; `None` in a file that an older Kafka wrote.
    pub directory_id: Option<Uuid>,
}

/// Why a directory cannot be used as it is. The message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum MetaPropertiesError {
    /// The system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// It is not what such a file is.
    #[error("{}: {reason}. Restore the file, or point log.dirs at another directory", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// It was written by a Kafka that still used ZooKeeper.
    #[error("{}: version {version} of this file is not supported, only version 1 is. A directory of a Kafka \
        with ZooKeeper must be migrated by Kafka 3.9 first", path.display())]
    UnknownVersion {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: String,
    },
    /// It belongs to another node or cluster.
    #[error("{}: the directory belongs to {what} {found}, but {what} {wanted} is configured. Set it back, \
        or point log.dirs at another directory", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// `node` or `cluster`.
        what: &'static str,
        /// In the file.
        found: String,
        /// In the configuration.
        wanted: String,
    },
}

impl MetaProperties {
    /// Reads the file of a log directory; `None` if there is none, so the directory is not formatted.
    ///
    /// # Errors
    /// [`MetaPropertiesError`], but for `Foreign`.
    pub fn read(files: &dyn Files, dir: &Path) -> Result<Option<Self>, MetaPropertiesError> {
        let path = dir.join(FILE);
        let bytes = match env::read_small(files, &path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(MetaPropertiesError::Io { path, source }),
            Ok(bytes) => bytes,
        };
        Self::parse(&path, &bytes).map(Some)
    }

    fn parse(path: &Path, bytes: &[u8]) -> Result<Self, MetaPropertiesError> {
        let unreadable = |reason: &str| MetaPropertiesError::Unreadable {
            path: path.to_owned(),
            reason: reason.to_owned(),
        };
        let text = std::str::from_utf8(bytes).map_err(|_| unreadable("it is not text"))?;
        let get = |key: &str| {
            let mut lines = text.lines().filter(|line| !line.trim_start().starts_with(['#', '!']));
            lines
                .find_map(|line| line.split_once('=').filter(|(k, _)| k.trim() == key).map(|(_, v)| v.trim()))
        };
        match get("version") {
            Some("1") => {}
            Some(version) => {
                return Err(MetaPropertiesError::UnknownVersion {
                    path: path.to_owned(),
                    version: version.to_owned(),
                });
            }
            None => return Err(unreadable("it names no version")),
        }
        let cluster_id = get("cluster.id")
            .filter(|id| !id.is_empty())
            .ok_or_else(|| unreadable("it names no cluster.id"))?;
        let node_id =
            get("node.id").and_then(|id| id.parse().ok()).ok_or_else(|| unreadable("it names no node.id"))?;
        let directory_id = match get("directory.id") {
            None => None,
            Some(id) => Some(Uuid::parse(id).ok_or_else(|| unreadable("its directory.id is none"))?),
        };
        Ok(Self { cluster_id: cluster_id.to_owned(), node_id: NodeId(node_id), directory_id })
    }

    /// Checks that the directory is this node's, and this cluster's if one is asked for.
    ///
    /// # Errors
    /// [`MetaPropertiesError::Foreign`].
    pub fn check(&self, dir: &Path, node: NodeId, cluster: Option<&str>) -> Result<(), MetaPropertiesError> {
        let foreign = |what, found: &str, wanted: &str| MetaPropertiesError::Foreign {
            path: dir.join(FILE),
            what,
            found: found.to_owned(),
            wanted: wanted.to_owned(),
        };
        if self.node_id != node {
            return Err(foreign("node", &self.node_id.to_string(), &node.to_string()));
        }
        match cluster {
            Some(wanted) if wanted != self.cluster_id => Err(foreign("cluster", &self.cluster_id, wanted)),
            _ => Ok(()),
        }
    }

    /// The content of the file.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut text = format!("#\nversion=1\ncluster.id={}\nnode.id={}\n", self.cluster_id, self.node_id);
        if let Some(id) = self.directory_id {
            let _ = writeln!(text, "directory.id={id}");
        }
        text
    }

    /// Writes the file of a log directory, durably.
    ///
    /// # Errors
    /// [`MetaPropertiesError::Io`].
    pub fn write(&self, files: &dyn Files, dir: &Path) -> Result<(), MetaPropertiesError> {
        let path = dir.join(FILE);
        env::replace(files, &path, self.encode().as_bytes())
            .map_err(|source| MetaPropertiesError::Io { path, source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::{MemoryFiles, OpenMode};

    fn read(content: &str) -> Result<Option<MetaProperties>, MetaPropertiesError> {
        let files = MemoryFiles::new(1);
        let dir = Path::new("/d");
        files.create_dir_all(dir).unwrap();
        files.open(&dir.join(FILE), OpenMode::Create).unwrap().write_all_at(content.as_bytes(), 0).unwrap();
        MetaProperties::read(&files, dir)
    }

    #[test]
    fn kafkas_file_is_read_and_ours_reads_back() {
        let kafkas = "#\n#Mon Nov 23 05:45:35 UTC 2026\nnode.id=1\ndirectory.id=xfdB9aKaST6oWqQuR7WTRw\nversion=1\ncluster.id=EBESExQVFhcYGRobHB0eHw\n";
        let meta = read(kafkas).unwrap().unwrap();
        assert_eq!((meta.cluster_id.as_str(), meta.node_id), ("EBESExQVFhcYGRobHB0eHw", NodeId(1)));
        assert_eq!(meta.directory_id, Uuid::parse("xfdB9aKaST6oWqQuR7WTRw"));
        assert_eq!(read(&meta.encode()).unwrap().unwrap(), meta);
        assert_eq!(MetaProperties::read(&MemoryFiles::new(1), Path::new("/nowhere")).unwrap(), None);
    }

    #[test]
    fn what_is_wrong_is_said_with_what_to_do() {
        let cases = [
            ("version=0\nbroker.id=1\ncluster.id=x\n", "version 0 of this file is not supported"),
            ("version=1\nnode.id=1\n", "it names no cluster.id"),
            ("version=1\ncluster.id=x\nnode.id=one\n", "it names no node.id"),
            ("version=1\ncluster.id=x\nnode.id=1\ndirectory.id=short\n", "its directory.id is none"),
            ("", "it names no version"),
        ];
        for (content, want) in cases {
            let said = read(content).unwrap_err().to_string();
            assert!(said.contains(want) && said.contains("/d/meta.properties"), "{said}");
        }
    }

    #[test]
    fn a_directory_of_another_node_or_cluster_is_refused() {
        let meta = MetaProperties { cluster_id: "c".into(), node_id: NodeId(1), directory_id: None };
        assert!(meta.check(Path::new("/d"), NodeId(1), Some("c")).is_ok());
        assert!(meta.check(Path::new("/d"), NodeId(1), None).is_ok());
        let said = meta.check(Path::new("/d"), NodeId(2), None).unwrap_err().to_string();
        assert!(said.contains("belongs to node 1, but node 2"), "{said}");
        assert!(meta.check(Path::new("/d"), NodeId(1), Some("x")).is_err());
    }
}

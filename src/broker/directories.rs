//! Log directories at start: locked, checked, and formatted if they are new.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Environment;
use crate::config::Loaded;
use crate::log::{Contents, LogDirectory, LogEnv, LogError, LogMetrics};
use crate::metadata::features::DEFAULT_METADATA_VERSION;
use crate::metadata::format::{Format, FormatError, Voters};
use crate::metadata::meta_properties::{MetaProperties, MetaPropertiesError};
use crate::types::{NodeId, Uuid};

/// Threads that flush the logs of one directory.
const FLUSH_THREADS: usize = 4;
/// Kafka's name of a controller listener, for a file that names none.
const CONTROLLER: &str = "CONTROLLER";

/// Why a directory cannot be used. The message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// Locked, foreign, broken, or the system's.
    #[error(transparent)]
    Log(#[from] LogError),
    /// Not this node's, or not readable.
    #[error(transparent)]
    MetaProperties(#[from] MetaPropertiesError),
    /// It cannot be formatted.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// It holds partitions without saying whose.
    #[error("{} holds partitions but no meta.properties, so nobody knows whose they are; restore the file, \
        or point log.dirs at another directory", .0.display())]
    Nameless(PathBuf),
    /// Two directories belong to different clusters.
    #[error("{} belongs to cluster {found}, but the other directories to cluster {cluster}; \
        correct log.dirs", path.display())]
    Mixed {
        /// The directory.
        path: PathBuf,
        /// Its cluster.
        found: String,
        /// That of the directories before it.
        cluster: String,
    },
}

/// The directories of this broker, locked.
pub(super) struct Opened {
    /// Those of `log.dirs`.
    pub directories: Vec<Arc<LogDirectory>>,
    /// What was found in each of them.
    pub contents: Vec<Contents>,
    /// Id of each of them.
    pub ids: Vec<Uuid>,
    /// `metadata.log.dir`, where it is none of `log.dirs`.
    pub metadata_only: Option<Arc<LogDirectory>>,
    /// Where the metadata log is.
    pub metadata_path: PathBuf,
    /// What its log shares with the others.
    pub metadata_env: Arc<LogEnv>,
    /// Id of the directory that holds the metadata log.
    pub metadata_directory_id: Uuid,
    /// Id of the cluster.
    pub cluster_id: String,
    /// Whether partitions may lack what was written last: the last stop was no clean one.
    pub was_unclean: bool,
}

struct Located {
    directory: Arc<LogDirectory>,
    contents: Contents,
    meta: Option<MetaProperties>,
}

/// Locks, checks and formats.
pub(super) fn open(
    loaded: &Loaded,
    environment: &Environment,
    metrics: &LogMetrics,
) -> Result<Opened, DirectoryError> {
    let config = &loaded.broker;
    let metadata_path = absolute(&config.metadata_log_dir);
    let of_partitions: Vec<PathBuf> = config.log_dirs.iter().map(|dir| absolute(dir)).collect();
    let mut paths: Vec<PathBuf> = Vec::new();
    for path in of_partitions.iter().cloned().chain([metadata_path.clone()]) {
        if !paths.contains(&path) {
            paths.push(path);
        }
    }
    // All locks are taken before anything is written.
    let journal = u64::try_from(config.klamm_journal_bytes).unwrap_or(0);
    let locate = |path: &PathBuf| locate(path, journal, environment, metrics);
    let located = paths.iter().map(locate).collect::<Result<Vec<_>, _>>()?;
    let cluster_id = cluster_id(&located, loaded, environment)?;
    let mut metas = Vec::with_capacity(located.len());
    for place in &located {
        let holds_metadata = place.directory.path() == metadata_path;
        metas.push(settle(place, holds_metadata, &cluster_id, loaded, environment)?);
    }
    let mut opened = Opened {
        directories: Vec::new(),
        contents: Vec::new(),
        ids: Vec::new(),
        metadata_only: None,
        metadata_env: LogEnv::measured(
            Arc::clone(&environment.files),
            Arc::clone(&environment.clock),
            Arc::clone(&environment.rng),
            metadata_path.clone(),
            metrics.clone(),
        ),
        metadata_directory_id: Uuid::ZERO,
        metadata_path,
        cluster_id,
        was_unclean: false,
    };
    for (place, id) in located.into_iter().zip(metas) {
        let path = place.directory.path().to_owned();
        if path == opened.metadata_path {
            opened.metadata_directory_id = id;
            opened.metadata_env = Arc::clone(place.directory.env());
        }
        if of_partitions.contains(&path) {
            opened.was_unclean |= place.meta.is_some() && !place.contents.clean_shutdown;
            opened.directories.push(place.directory);
            opened.contents.push(place.contents);
            opened.ids.push(id);
        } else {
            opened.metadata_only = Some(place.directory);
        }
    }
    Ok(opened)
}

/// Paths are told to clients, for whom this process's working directory means nothing.
fn absolute(path: &str) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| PathBuf::from(path))
}

fn locate(
    path: &Path,
    journal: u64,
    environment: &Environment,
    metrics: &LogMetrics,
) -> Result<Located, DirectoryError> {
    let Environment { files, clock, rng } = environment;
    let (clock, rng) = (Arc::clone(clock), Arc::clone(rng));
    let env = LogEnv::measured(Arc::clone(files), clock, rng, path.to_owned(), metrics.clone());
    let (directory, contents) = LogDirectory::open(env, path.to_owned(), FLUSH_THREADS)?;
    directory.allow_journal(journal);
    let meta = MetaProperties::read(files.as_ref(), path)?;
    if meta.is_none() && (!contents.partitions.is_empty() || contents.metadata_log.is_some()) {
        return Err(DirectoryError::Nameless(path.to_owned()));
    }
    Ok(Located { directory: Arc::new(directory), contents, meta })
}

/// The cluster that the directories belong to; of new ones, `CLUSTER_ID` or a random one.
fn cluster_id(
    located: &[Located],
    loaded: &Loaded,
    environment: &Environment,
) -> Result<String, DirectoryError> {
    let node = NodeId(loaded.broker.node_id);
    let mut cluster: Option<&str> = None;
    for place in located {
        let Some(meta) = &place.meta else { continue };
        meta.check(place.directory.path(), node, None)?;
        let known = *cluster.get_or_insert(&meta.cluster_id);
        if known != meta.cluster_id {
            return Err(DirectoryError::Mixed {
                path: place.directory.path().to_owned(),
                found: meta.cluster_id.clone(),
                cluster: known.to_owned(),
            });
        }
    }
    if let (Some(known), Some(wanted)) = (cluster, loaded.cluster_id.as_deref())
        && known != wanted
    {
        // As in Kafka's images, which leave a formatted directory as it is.
        tracing::warn!("CLUSTER_ID is {wanted}, but the data belongs to cluster {known}, which counts");
    }
    let new = || loaded.cluster_id.clone().unwrap_or_else(|| environment.rng.uuid().to_string());
    Ok(cluster.map_or_else(new, str::to_owned))
}

/// The id of a directory, which is formatted if it is new.
fn settle(
    place: &Located,
    holds_metadata: bool,
    cluster_id: &str,
    loaded: &Loaded,
    environment: &Environment,
) -> Result<Uuid, DirectoryError> {
    let (files, path) = (environment.files.as_ref(), place.directory.path());
    match &place.meta {
        Some(MetaProperties { directory_id: Some(id), .. }) => Ok(*id),
        Some(meta) => {
            let id = environment.rng.uuid();
            MetaProperties { directory_id: Some(id), ..meta.clone() }.write(files, path)?;
            Ok(id)
        }
        None => {
            let format = Format {
                cluster_id: cluster_id.to_owned(),
                node_id: NodeId(loaded.broker.node_id),
                metadata_version: DEFAULT_METADATA_VERSION,
                features: Vec::new(),
                voters: voters(loaded),
                now: environment.clock.now(),
            };
            let id = environment.rng.uuid();
            format.write(files, path, id, holds_metadata)?;
            tracing::info!(dir = %path.display(), cluster_id, "formatted a new log directory");
            Ok(id)
        }
    }
}

/// The quorum of a new cluster: this node, at its controller listener.
fn voters(loaded: &Loaded) -> Voters {
    let config = &loaded.broker;
    let listener = config.listeners.iter().find(|e| config.is_controller_listener(&e.listener));
    let fallback = || config.listeners.first();
    let host = |host: &str| if host.is_empty() { "localhost".to_owned() } else { host.to_owned() };
    match listener {
        Some(e) => Voters::Standalone(e.listener.clone(), host(&e.host), e.port),
        None => {
            let (name, port) = (config.controller_listener_names.first(), fallback().map_or(0, |e| e.port));
            let name = name.cloned().unwrap_or_else(|| CONTROLLER.to_owned());
            Voters::Standalone(name, host(fallback().map_or("", |e| &e.host)), port)
        }
    }
}

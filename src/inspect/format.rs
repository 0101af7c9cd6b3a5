//! Making directories ready for a cluster: from Kafka's flags and the configuration to what is written.
//!
//! [`plan`] decides and is pure; [`Plan::carry_out`] writes, and nothing before all directories were
//! looked at.

use std::path::{Path, PathBuf};

use crate::config::Loaded;
use crate::env::{Files, Rng};
use crate::log::contents::LOCK;
use crate::metadata::features::{
    DEFAULT_METADATA_VERSION, FEATURES, Feature, KRAFT_VERSION, METADATA_VERSION, metadata_version_by_name,
    metadata_version_name,
};
use crate::metadata::format::{Format, FormatError, Voters};
use crate::metadata::meta_properties::MetaProperties;
use crate::types::{NodeId, Timestamp, Uuid};

/// Name and port of the controller's listener where the configuration has none.
const CONTROLLER: (&str, u16) = ("CONTROLLER", 9093);

/// How the voters of the quorum become known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Quorum {
    /// Not said: the configuration's voters if it has some, this node alone if not.
    #[default]
    Unsaid,
    /// This node alone, written into the metadata log.
    Standalone,
    /// Not written: another node will tell.
    NoInitialControllers,
    /// Written: `id@host:port:directory`, separated by commas.
    InitialControllers(String),
}

/// What the user asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// Id of the cluster; a random one if none is given.
    pub cluster_id: Option<String>,
    /// `metadata.version` by name, or a release.
    pub release: Option<String>,
    /// Features and the levels that they begin with.
    pub features: Vec<(String, i16)>,
    /// The quorum.
    pub quorum: Quorum,
    /// Leave directories alone that were formatted before.
    pub ignore_formatted: bool,
}

/// What will be written.
#[derive(Clone, Debug)]
pub struct Plan {
    format: Format,
    /// Log directories; the metadata log's first.
    dirs: Vec<PathBuf>,
    /// Id that the metadata log's directory must have, where the voters name it.
    directory_id: Option<Uuid>,
    ignore_formatted: bool,
}

/// Decides what to write. The error is a sentence for the user.
///
/// # Errors
/// The request contradicts itself, the configuration, or what Klamm can be.
pub fn plan(config: &Loaded, request: &Request, rng: &dyn Rng, now: Timestamp) -> Result<Plan, String> {
    let (metadata_version, features) = features(request)?;
    let (voters, directory_id) = voters(config, &request.quorum)?;
    kraft_version(request, &voters)?;
    let cluster_id = match request.cluster_id.as_deref().map(str::trim) {
        None => random(rng).to_string(),
        Some(id) if !id.is_empty() && !id.contains(char::is_control) => id.to_owned(),
        Some(_) => return Err("the cluster id is empty; leave it out to get a random one".to_owned()),
    };
    let metadata_dir = PathBuf::from(&config.broker.metadata_log_dir);
    let mut dirs = vec![metadata_dir];
    for dir in config.broker.log_dirs.iter().map(PathBuf::from) {
        if !dirs.contains(&dir) {
            dirs.push(dir);
        }
    }
    let node_id = NodeId(config.broker.node_id);
    let format = Format { cluster_id, node_id, metadata_version, features, voters, now };
    Ok(Plan { format, dirs, directory_id, ignore_formatted: request.ignore_formatted })
}

fn features(request: &Request) -> Result<(i16, Vec<(String, i16)>), String> {
    let asked = request.features.iter().find(|(name, _)| name == METADATA_VERSION).map(|(_, level)| *level);
    let metadata_version = match (request.release.as_deref(), asked) {
        (Some(_), Some(_)) => {
            return Err(format!(
                "give either --release-version or --feature {METADATA_VERSION}=..., not both"
            ));
        }
        (Some(name), None) => metadata_version_by_name(name).ok_or_else(|| {
            let range = Feature::by_name(METADATA_VERSION).map_or((0, 0), |f| (f.min, f.max));
            let name_of = |level| metadata_version_name(level).unwrap_or_default();
            let (first, last) = (name_of(range.0), name_of(range.1));
            format!("release version {name} is not known; those from {first} to {last} are")
        })?,
        (None, Some(level)) => level,
        (None, None) => DEFAULT_METADATA_VERSION,
    };
    let mut features = Vec::new();
    for (name, level) in &request.features {
        let feature = Feature::by_name(name).ok_or_else(|| {
            let known: Vec<&str> = FEATURES.iter().map(|f| f.name).collect();
            format!("feature {name} is not known; there are {}", known.join(", "))
        })?;
        if *level < feature.min || *level > feature.max {
            let (min, max) = (feature.min, feature.max);
            return Err(format!("feature {name} has levels from {min} to {max}, not {level}"));
        }
        if let Some(needed) = feature.needed_metadata_version(*level).filter(|n| *n > metadata_version) {
            let name_of = |level| metadata_version_name(level).unwrap_or("?");
            let (needs, has) = (name_of(needed), name_of(metadata_version));
            return Err(format!(
                "feature {name}={level} needs {METADATA_VERSION} {needs}, and this is {has}"
            ));
        }
        if name != METADATA_VERSION && name != KRAFT_VERSION {
            features.push((name.clone(), *level));
        }
    }
    Ok((metadata_version, features))
}

/// The voters, and the id that the metadata log's directory gets by them.
fn voters(config: &Loaded, quorum: &Quorum) -> Result<(Voters, Option<Uuid>), String> {
    let configured = config.settings.get("controller.quorum.voters").is_some_and(|v| !v.trim().is_empty());
    if configured && *quorum != Quorum::Unsaid {
        return Err(
            "controller.quorum.voters is set, so the configuration names the voters: leave that option \
            out, or the flag about controllers"
                .to_owned(),
        );
    }
    let own = NodeId(config.broker.node_id);
    let listener = config.broker.listeners.iter().find(|e| config.broker.is_controller_listener(&e.listener));
    let name = listener.map_or(CONTROLLER.0, |e| e.listener.as_str()).to_owned();
    match quorum {
        Quorum::Unsaid if configured => Ok((Voters::Static, None)),
        Quorum::NoInitialControllers => Ok((Voters::Static, None)),
        Quorum::Unsaid | Quorum::Standalone => {
            let host = listener.map_or("", |e| e.host.as_str());
            let host = if matches!(host, "" | "0.0.0.0" | "::") { "localhost" } else { host };
            let port = listener.map_or(CONTROLLER.1, |e| e.port);
            Ok((Voters::Standalone(name, host.to_owned(), port), None))
        }
        Quorum::InitialControllers(text) => {
            let voters: Vec<&str> = text.split(',').map(str::trim).filter(|v| !v.is_empty()).collect();
            let [voter] = voters.as_slice() else {
                return Err(
                    "--initial-controllers must name this node and no other: Klamm is a quorum of one"
                        .to_owned(),
                );
            };
            let (id, host, port, directory) = voter_of(voter)
                .ok_or_else(|| format!("--initial-controllers: `{voter}` is not id@host:port:directory"))?;
            if id != own {
                return Err(format!("--initial-controllers names node {id}, and node.id is {own}"));
            }
            Ok((Voters::Standalone(name, host, port), Some(directory)))
        }
    }
}

fn voter_of(text: &str) -> Option<(NodeId, String, u16, Uuid)> {
    let (id, rest) = text.split_once('@')?;
    let (rest, directory) = rest.rsplit_once(':')?;
    let (host, port) = rest.rsplit_once(':')?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let id = NodeId(id.parse().ok()?);
    (!host.is_empty()).then_some((id, host.to_owned(), port.parse().ok()?, Uuid::parse(directory)?))
}

/// Voters in the log are what kraft.version 1 means.
fn kraft_version(request: &Request, voters: &Voters) -> Result<(), String> {
    let asked = request.features.iter().find(|(name, _)| name == KRAFT_VERSION).map(|(_, level)| *level);
    match (asked, voters) {
        (Some(0), Voters::Standalone(..)) => Err(format!(
            "{KRAFT_VERSION}=0 keeps the voters in the configuration: set controller.quorum.voters, or leave it out"
        )),
        (Some(1), Voters::Static) if request.quorum == Quorum::Unsaid => Err(format!(
            "{KRAFT_VERSION}=1 keeps the voters in the metadata log: leave controller.quorum.voters out"
        )),
        _ => Ok(()),
    }
}

/// A random id that does not begin with a dash, so that it can be typed behind a flag.
#[must_use]
pub fn random(rng: &dyn Rng) -> Uuid {
    loop {
        let mut bytes = [0; 16];
        rng.fill(&mut bytes);
        let id = Uuid::from_random(bytes);
        if !id.to_string().starts_with('-') {
            return id;
        }
    }
}

/// What became of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is a log directory now.
    Formatted(PathBuf),
    /// It was one already, of the same node and cluster.
    Skipped(PathBuf),
}

impl Plan {
    /// Id of the cluster.
    #[must_use]
    pub fn cluster_id(&self) -> &str {
        &self.format.cluster_id
    }

    /// Name of the metadata.version.
    #[must_use]
    pub fn metadata_version(&self) -> &'static str {
        metadata_version_name(self.format.metadata_version).unwrap_or("unknown")
    }

    /// Formats the directories; none if one of them must not be.
    ///
    /// # Errors
    /// A sentence on the directory that is in the way.
    pub fn carry_out(&self, files: &dyn Files, rng: &dyn Rng) -> Result<Vec<Outcome>, String> {
        let mut formatted = Vec::new();
        for dir in &self.dirs {
            formatted.push(self.look_at(files, dir)?);
        }
        let mut outcomes = Vec::new();
        // The metadata log's directory comes last: without it no broker starts on a half-done job.
        for (at, dir) in self.dirs.iter().enumerate().rev() {
            let holds_metadata = at == 0;
            if formatted.get(at) == Some(&true) {
                outcomes.push(Outcome::Skipped(dir.clone()));
                continue;
            }
            let id = self.directory_id.filter(|_| holds_metadata).unwrap_or_else(|| random(rng));
            self.format.write(files, dir, id, holds_metadata).map_err(|e| e.to_string())?;
            outcomes.push(Outcome::Formatted(dir.clone()));
        }
        Ok(outcomes)
    }

    /// Whether the directory was formatted before.
    fn look_at(&self, files: &dyn Files, dir: &Path) -> Result<bool, String> {
        let lock = dir.join(LOCK);
        if files.is_locked(&lock).map_err(|e| e.to_string())? {
            return Err(format!("{}: a broker runs on this directory; stop it first", dir.display()));
        }
        let Some(meta) = MetaProperties::read(files, dir).map_err(|e| e.to_string())? else {
            return Ok(false);
        };
        if !self.ignore_formatted {
            let error = FormatError::AlreadyFormatted(dir.to_owned());
            return Err(format!("{error}; --ignore-formatted leaves it alone and formats the others"));
        }
        meta.check(dir, self.format.node_id, Some(&self.format.cluster_id)).map_err(|e| e.to_string())?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Sources, load};
    use crate::env::{MemoryFiles, SeededRng};

    const CLUSTER: &str = "EBESExQVFhcYGRobHB0eHw";
    const PROPERTIES: &str = "process.roles=broker,controller\nnode.id=1\nlog.dirs=/d1,/d2\n\
        listeners=PLAINTEXT://:9092,CONTROLLER://:9093\ncontroller.listener.names=CONTROLLER\n";

    fn config(more: &str) -> Loaded {
        let text = format!("{PROPERTIES}{more}");
        load(&Sources { file: Some(("server.properties", &text)), ..Sources::default() }).unwrap()
    }

    fn request() -> Request {
        Request { cluster_id: Some(CLUSTER.to_owned()), ..Request::default() }
    }

    fn planned(more: &str, request: &Request) -> Result<Plan, String> {
        plan(&config(more), request, &SeededRng::new(1), Timestamp(7))
    }

    #[test]
    fn flags_and_configuration_make_a_plan() {
        let plan = planned("", &request()).unwrap();
        assert_eq!(plan.dirs, [PathBuf::from("/d1"), PathBuf::from("/d2")]);
        assert_eq!(plan.format.voters, Voters::Standalone("CONTROLLER".into(), "localhost".into(), 9093));
        assert_eq!((plan.cluster_id(), plan.metadata_version()), (CLUSTER, "4.3-IV0"));

        let release = Request { release: Some("4.1-IV0".into()), ..request() };
        let release = Request { features: vec![("group.version".into(), 0)], ..release };
        let plan = planned("metadata.log.dir=/m\n", &release).unwrap();
        assert_eq!(plan.dirs, [PathBuf::from("/m"), PathBuf::from("/d1"), PathBuf::from("/d2")]);
        // What Kafka's own tool begins with, given the same flags.
        let levels =
            [("metadata.version", 26), ("eligible.leader.replicas.version", 1), ("transaction.version", 2)];
        assert_eq!(plan.format.levels(), levels.map(|(name, level)| (name.to_owned(), level)));

        let plan = planned("controller.quorum.voters=1@localhost:9093\n", &request()).unwrap();
        assert_eq!(plan.format.voters, Voters::Static);

        let text = format!("1@host:1234:{CLUSTER}");
        let initial = Request { quorum: Quorum::InitialControllers(text), ..request() };
        let plan = planned("", &initial).unwrap();
        assert_eq!(plan.format.voters, Voters::Standalone("CONTROLLER".into(), "host".into(), 1234));
        assert_eq!(plan.directory_id, Uuid::parse(CLUSTER));
    }

    #[test]
    fn what_cannot_be_is_refused_with_a_sentence() {
        let feature = |name: &str, level| Request { features: vec![(name.into(), level)], ..request() };
        let initial = |text: &str| Request { quorum: Quorum::InitialControllers(text.into()), ..request() };
        let cases = [
            ("", Request { release: Some("3.1".into()), ..request() }, "those from 3.3-IV3 to 4.3-IV0 are"),
            ("", feature("bogus", 1), "feature bogus is not known"),
            ("", feature("group.version", 2), "levels from 0 to 1, not 2"),
            ("", feature("kraft.version", 0), "set controller.quorum.voters"),
            (
                "",
                Request { release: Some("3.3-IV3".into()), ..feature("eligible.leader.replicas.version", 1) },
                "needs metadata.version 4.0-IV1",
            ),
            ("", Request { release: Some("4.0".into()), ..feature("metadata.version", 25) }, "not both"),
            ("", initial("2@host:1:EBESExQVFhcYGRobHB0eHw"), "names node 2, and node.id is 1"),
            ("", initial("1@host:1"), "is not id@host:port:directory"),
            ("", initial("1@a:1:EBESExQVFhcYGRobHB0eHw,2@b:1:EBESExQVFhcYGRobHB0eHw"), "a quorum of one"),
            ("", Request { cluster_id: Some(" ".into()), ..request() }, "the cluster id is empty"),
            (
                "controller.quorum.voters=1@localhost:9093\n",
                Request { quorum: Quorum::Standalone, ..request() },
                "controller.quorum.voters is set",
            ),
        ];
        for (more, request, want) in cases {
            let said = planned(more, &request).unwrap_err();
            assert!(said.contains(want), "{said} / {want}");
        }
    }

    #[test]
    fn directories_are_formatted_once() {
        let (files, rng) = (MemoryFiles::new(1), SeededRng::new(1));
        let plan = planned("", &request()).unwrap();
        let dirs = ["/d2", "/d1"].map(PathBuf::from);
        assert_eq!(plan.carry_out(&files, &rng).unwrap(), dirs.clone().map(Outcome::Formatted));
        let said = plan.carry_out(&files, &rng).unwrap_err();
        assert!(said.contains("/d1 is formatted already; --ignore-formatted"), "{said}");

        let again = planned("", &Request { ignore_formatted: true, ..request() }).unwrap();
        assert_eq!(again.carry_out(&files, &rng).unwrap(), dirs.map(Outcome::Skipped));
        let other = Request { cluster_id: Some("other".into()), ignore_formatted: true, ..request() };
        let said = planned("", &other).unwrap().carry_out(&files, &rng).unwrap_err();
        assert!(said.contains("belongs to cluster"), "{said}");

        let lock = files.lock(Path::new("/d1/.lock")).unwrap();
        assert!(again.carry_out(&files, &rng).unwrap_err().contains("a broker runs on this directory"));
        drop(lock);
    }
}

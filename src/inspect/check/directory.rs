//! A whole log directory.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use super::report::{Counts, Finding, Report};
use super::{image, partition};
use crate::env::{self, Files};
use crate::log::checkpoint::{self, Offsets};
use crate::log::contents::{CLEAN_SHUTDOWN, LOCK};
use crate::log::names::{self, DirName};
use crate::log::{LogError, journal};
use crate::metadata::Image;
use crate::metadata::format::METADATA_DIR;
use crate::metadata::meta_properties::{self, MetaProperties};
use crate::types::{Offset, TopicPartition, Uuid};

/// Files with an offset for each partition.
const CHECKPOINTS: [&str; 4] =
    [checkpoint::RECOVERY_POINT, checkpoint::LOG_START, checkpoint::HIGH_WATERMARK, checkpoint::CLEANER];

/// Checks the log directory `dir`, or the one partition whose directory it is. Findings go to `sink`
/// as they are made.
///
/// # Errors
/// A file cannot be read. What is wrong inside of files is a finding.
pub fn check(files: &dyn Files, dir: &Path, sink: &mut dyn FnMut(&Finding)) -> io::Result<Counts> {
    let mut report = Report::new(sink);
    let name = dir.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let list = files.list(dir)?;
    let is_root = list.iter().any(|entry| entry.name == meta_properties::FILE);
    match (is_root, names::parse_dir(name), dir.parent()) {
        (false, DirName::Partition(tp), Some(root)) => {
            let surroundings = Surroundings::read(files, root, &mut report)?;
            partition::check(files, dir, &surroundings.expected(&tp), &mut report)?;
        }
        _ => root(files, dir, &mut report)?,
    }
    Ok(report.counts)
}

/// What the log directory says beside its partitions.
#[derive(Default)]
struct Surroundings {
    clean_stop: bool,
    /// What each checkpoint says.
    checkpoints: Vec<(&'static str, Offsets)>,
    image: Option<Image>,
    /// Id of the journal that was in use when the recovery points were written; 0 none.
    journal: i64,
}

impl Surroundings {
    fn read(files: &dyn Files, root: &Path, report: &mut Report<'_>) -> io::Result<Self> {
        let names: BTreeSet<String> = files.list(root)?.into_iter().map(|entry| entry.name).collect();
        let mut this = Self { clean_stop: names.contains(CLEAN_SHUTDOWN), ..Self::default() };
        for file in CHECKPOINTS.into_iter().filter(|file| names.contains(*file)) {
            let path = root.join(file);
            let text = env::read_small(files, &path)?;
            match checkpoint::parse(&String::from_utf8_lossy(&text)) {
                Ok(mut offsets) => {
                    this.journal = checkpoint::take_signature(&mut offsets).unwrap_or(this.journal);
                    this.checkpoints.push((file, offsets));
                }
                Err(what) => report.add(Finding::damage(&path, what)),
            }
        }
        if names.contains(METADATA_DIR) {
            this.image = image::load(files, &root.join(METADATA_DIR), report)?;
        }
        Ok(this)
    }

    fn expected(&self, tp: &TopicPartition) -> partition::Expected {
        let is_metadata = tp.to_string() == METADATA_DIR;
        let image = self.image.as_ref().filter(|_| !is_metadata);
        let topic = image.and_then(|image| image.topics().by_name(&tp.topic));
        let policy = image.and_then(|image| image.configs().of_topic(&tp.topic).get("cleanup.policy"));
        let offsets = self.checkpoints.iter().filter_map(|(file, all)| Some((*file, *all.get(tp)?)));
        let bounds: Vec<(&'static str, Offset)> = offsets.collect();
        let offset = |name| bounds.iter().find(|(file, _)| *file == name).map_or(Offset::ZERO, |(_, o)| *o);
        partition::Expected {
            compacted: match topic {
                Some(_) => Some(policy.is_some_and(|policy| policy.contains("compact"))),
                None => is_metadata.then_some(false),
            },
            clean_stop: self.clean_stop,
            recovery_point: offset(checkpoint::RECOVERY_POINT),
            log_start: offset(checkpoint::LOG_START),
            topic_id: if is_metadata { Some(Uuid::METADATA_TOPIC) } else { topic.map(|topic| topic.id) },
            bounds,
        }
    }
}

fn root(files: &dyn Files, root: &Path, report: &mut Report<'_>) -> io::Result<()> {
    if files.is_locked(&root.join(LOCK))? {
        let what = "a broker runs on this directory; what it is writing now may look damaged";
        report.add(Finding::note(root, what));
    }
    let surroundings = Surroundings::read(files, root, report)?;
    let mut list = files.list(root)?;
    list.sort_by(|a, b| a.name.cmp(&b.name));
    let mut meta = None;
    match MetaProperties::read(files, root) {
        Ok(Some(found)) => meta = Some(found),
        Ok(None) => {
            let what = "missing: no broker starts on this directory; is it one?";
            report.add(Finding::damage(&root.join(meta_properties::FILE), what));
        }
        Err(error) => report.add(Finding::damage(root, error.to_string())),
    }
    let mut present = BTreeSet::new();
    for entry in list.iter().filter(|entry| entry.is_dir) {
        let path = root.join(&entry.name);
        match names::parse_dir(&entry.name) {
            DirName::Partition(tp) => {
                let expected = surroundings.expected(&tp);
                if surroundings.image.is_some() && expected.topic_id.is_none() {
                    let what = "the metadata log does not know this topic: a broker sets it aside as stray";
                    report.add(Finding::damage(&path, what));
                }
                one(files, &path, &expected, report);
                present.insert(tp);
            }
            DirName::Future(_) => {
                one(files, &path, &partition::Expected::default(), report);
            }
            DirName::Delete => {
                report.add(Finding::note(&path, "waits to be removed; the next start does it"))
            }
            DirName::Stray(_) => report.add(Finding::note(&path, "was set aside as stray; nobody serves it")),
            DirName::Foreign => {
                let what = "not a partition's directory: Kafka refuses to start beside it; move it away";
                report.add(Finding::damage(&path, what));
            }
        }
    }
    if !surroundings.clean_stop && report.counts.segments > 0 {
        report.add(Finding::note(root, "the last stop was not clean; the next start recovers"));
    }
    journal(files, root, &surroundings, report)?;
    missing(root, &surroundings, &mut present, report);
    if let (Some(meta), Some(image)) = (meta, &surroundings.image) {
        never_made(root, &meta, image, &present, report);
    }
    Ok(())
}

/// Whether the journal is whole, and what it is still worth.
fn journal(
    files: &dyn Files,
    root: &Path,
    surroundings: &Surroundings,
    report: &mut Report<'_>,
) -> io::Result<()> {
    let path = root.join(journal::FILE);
    match journal::reader::read(files, &path) {
        Ok(None) => {}
        Ok(Some(found)) if surroundings.clean_stop || found.id != surroundings.journal => {
            report.add(Finding::note(
                &path,
                "void: another program has written since, or the last stop was clean",
            ));
        }
        Ok(Some(found)) => {
            let what = format!(
                "holds what {} partitions got last; the next start puts back what their own files lack. Before a \
                 Kafka is started here, `klamm recover` must do it",
                found.tails.len()
            );
            report.add(Finding::note(&path, what));
        }
        Err(LogError::Corrupt { reason, .. }) => report.add(Finding::damage(&path, reason)),
        Err(error) => return Err(io::Error::other(error)),
    }
    Ok(())
}

/// One of many partitions: what cannot be read of it does not end the check of the others.
fn one(files: &dyn Files, dir: &Path, expected: &partition::Expected, report: &mut Report<'_>) {
    if let Err(error) = partition::check(files, dir, expected, report) {
        report.add(Finding::damage(dir, format!("cannot be read further: {error}")));
    }
}

/// Partitions that a checkpoint names and that have no directory; they count as present from then on.
fn missing(
    root: &Path,
    surroundings: &Surroundings,
    present: &mut BTreeSet<TopicPartition>,
    report: &mut Report<'_>,
) {
    let is_known = |tp: &TopicPartition| {
        let image = surroundings.image.as_ref();
        image.is_none_or(|image| image.topics().partition(&tp.topic, tp.partition).is_some())
    };
    for (file, offsets) in &surroundings.checkpoints {
        for (tp, offset) in offsets.iter().filter(|(tp, offset)| **offset > Offset::ZERO && is_known(tp)) {
            if present.insert(tp.clone()) {
                let what = format!("missing, though {file} has offset {offset} of it: its records are lost");
                report.add(Finding::damage(&root.join(tp.to_string()), what));
            }
        }
    }
}

/// Partitions that the metadata log assigns to this directory and of which nothing is here.
fn never_made(
    root: &Path,
    meta: &MetaProperties,
    image: &Image,
    present: &BTreeSet<TopicPartition>,
    report: &mut Report<'_>,
) {
    for topic in image.topics().iter() {
        for (index, partition) in &topic.partitions {
            let mut replicas = partition.replicas.iter().zip(&partition.directories);
            let is_here =
                replicas.any(|(node, dir)| *node == meta.node_id && Some(*dir) == meta.directory_id);
            let tp = TopicPartition::new(topic.name.clone(), *index);
            if is_here && !present.contains(&tp) {
                let what = "missing, though the metadata log places it here; the next start makes it, empty";
                report.add(Finding::repair(&root.join(tp.to_string()), what));
            }
        }
    }
}

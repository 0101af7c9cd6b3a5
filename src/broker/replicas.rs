//! Makes the partitions of this broker follow the metadata: opened at start, created, configured and
//! deleted as the image changes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::effective::Effective;
use crate::api::InForce;
use crate::config::TopicConfig;
use crate::log::checkpoint::Offsets;
use crate::log::{Contents, FoundPartition, Log, LogDirectory, LogError};
use crate::metadata::{Image, Topic};
use crate::partition::{LocalLog, Partition, Partitions, log_config};
use crate::tier::Tier;
use crate::types::{LeaderEpoch, NodeId, TopicId, TopicPartition, Uuid};

/// The partitions of this broker and the directories that hold them.
#[derive(Debug)]
pub struct Replicas {
    node: NodeId,
    directories: Vec<Arc<LogDirectory>>,
    /// Id of each directory.
    ids: Vec<Uuid>,
    partitions: Arc<Partitions>,
    effective: Mutex<Arc<Effective>>,
    in_force: Arc<InForce>,
    tier: Option<Arc<Tier>>,
    /// Held while the partitions change. The image that they do not wholly follow yet, for want of space.
    behind: Mutex<Option<Arc<Image>>>,
}

impl Replicas {
    /// No partition is open yet.
    #[must_use]
    pub fn new(
        node: NodeId,
        directories: &[Arc<LogDirectory>],
        ids: &[Uuid],
        effective: Arc<Effective>,
        in_force: Arc<InForce>,
        tier: Option<Arc<Tier>>,
    ) -> Self {
        let (directories, ids) = (directories.to_vec(), ids.to_vec());
        let (partitions, effective) = (Arc::default(), Mutex::new(effective));
        Self { node, directories, ids, partitions, effective, in_force, tier, behind: Mutex::default() }
    }

    /// The open partitions.
    #[must_use]
    pub fn partitions(&self) -> &Arc<Partitions> {
        &self.partitions
    }

    /// The log directories.
    #[must_use]
    pub fn directories(&self) -> &[Arc<LogDirectory>] {
        &self.directories
    }

    /// Why no log directory works any more; `None` while one does.
    #[must_use]
    pub fn all_failed(&self) -> Option<String> {
        let failures: Option<Vec<&str>> = self.directories.iter().map(|d| d.env().health.failure()).collect();
        failures?.first().map(|reason| format!("no log directory is left: {reason}"))
    }

    /// High watermarks of the partitions in a directory.
    #[must_use]
    pub fn high_watermarks(&self, directory: &LogDirectory) -> Offsets {
        let partitions = self.partitions.all();
        let here = partitions.iter().filter(|p| p.directory() == directory.path());
        here.map(|p| (p.name().clone(), p.high_watermark())).collect()
    }

    /// The configuration in force.
    #[must_use]
    pub fn effective(&self) -> Arc<Effective> {
        Arc::clone(&self.effective.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Opens what was found in the directories and belongs to a topic of the image; what the metadata
    /// does not know is set aside, what is missing is made anew, empty. A partition that cannot be
    /// opened stays offline; the others are served.
    ///
    /// # Errors
    /// A directory as a whole fails.
    pub fn open(&self, contents: &[Contents], image: &Image, threads: usize) -> Result<(), LogError> {
        let effective = self.effective();
        let mut configs = BTreeMap::new();
        for topic in image.topics().iter() {
            configs.insert(topic.id, effective.topic(image, &topic.name));
        }
        let expiration = i64::from(effective.config.producer_id_expiration_ms);
        for (directory, contents) in self.directories.iter().zip(contents) {
            let found = known_only(directory, contents, image)?;
            let log_config_of = |found: &FoundPartition| {
                let config = found.topic_id.and_then(|id| configs.get(&id));
                Arc::new(config.map(|c| log_config(c, expiration)).unwrap_or_default())
            };
            let opened = directory.open_logs(&found, &log_config_of, threads)?;
            for (found, opened) in found.iter().zip(opened) {
                let (Some(id), Ok((log, report))) = (found.topic_id, &opened) else {
                    if let Err(error) = opened {
                        tracing::error!(partition = %found.tp, %error, "partition stays offline");
                    }
                    continue;
                };
                if let Some(reason) = &report.cut_reason {
                    let (bytes, segments) = (report.cut_bytes, report.dropped_segments);
                    tracing::warn!(partition = %found.tp, bytes, segments, reason, "a torn end was cut off");
                }
                let Some(config) = configs.get(&id) else { continue };
                let storage = self.storage(log, directory, config);
                let epoch = leader_epoch(image, id, found.tp.partition);
                let partition = Partition::new(found.tp.clone(), id, epoch, storage, Arc::clone(config));
                self.partitions.insert(Arc::new(partition));
            }
        }
        for topic in image.topics().iter() {
            self.create_missing(topic, image, &effective)?;
        }
        Ok(())
    }

    /// Follows the metadata from one image to the next. Called before the new image is published, so
    /// that a leader is announced once its partition takes writes.
    ///
    /// # Errors
    /// The first: a partition cannot be made or removed. The others follow; what is missing is made by
    /// [`catch_up`](Self::catch_up).
    pub fn follow(&self, before: &Image, after: &Arc<Image>) -> Result<(), LogError> {
        let mut behind = self.behind.lock().unwrap_or_else(PoisonError::into_inner);
        let followed = self.change(before, after);
        if followed.is_err() || behind.is_some() {
            *behind = Some(Arc::clone(after));
        }
        followed
    }

    /// Makes the partitions that could not be made when they were decided. A timer calls this.
    ///
    /// # Errors
    /// They still cannot be made.
    pub fn catch_up(&self) -> Result<(), LogError> {
        let mut behind = self.behind.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(image) = behind.as_ref() else { return Ok(()) };
        let effective = self.effective();
        image.topics().iter().try_for_each(|topic| self.create_missing(topic, image, &effective))?;
        tracing::info!("partitions that could not be made before are there now");
        *behind = None;
        Ok(())
    }

    fn change(&self, before: &Image, after: &Image) -> Result<(), LogError> {
        let old = self.effective();
        let defaults_changed = !old.holds(after);
        let new = if defaults_changed { Arc::new(old.under(after)) } else { old };
        if defaults_changed {
            self.in_force.set(Arc::clone(&new.config));
            *self.effective.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&new);
        }
        let mut outcome = Ok(());
        for topic in before.topics().iter() {
            if after.topics().by_id(topic.id).is_none() {
                outcome = outcome.and(self.delete(topic));
            }
        }
        for topic in after.topics().iter() {
            let was = before.topics().by_id(topic.id);
            if was.is_none_or(|was| !Arc::ptr_eq(was, topic)) {
                outcome = outcome.and(self.create_missing(topic, after, &new));
                self.enter_epochs(topic);
            }
            let configs = |image: &Image| image.configs().of_topic(&topic.name).clone();
            if was.is_some() && (defaults_changed || configs(before) != configs(after)) {
                outcome = outcome.and(self.configure(topic.id, &new.topic(after, &topic.name), &new));
            }
        }
        outcome
    }

    /// Puts a topic's options in force. What must be durable to be visible from now on is durable when this
    /// returns.
    fn configure(
        &self,
        topic: TopicId,
        config: &Arc<TopicConfig>,
        effective: &Effective,
    ) -> Result<(), LogError> {
        let expiration = i64::from(effective.config.producer_id_expiration_ms);
        let mut to_flush = Vec::new();
        for partition in self.partitions.of_topic(topic) {
            let switched = partition.config().flush_messages > 1 && config.flush_messages <= 1;
            partition.set_config(Arc::clone(config), expiration);
            to_flush.extend(switched.then_some(partition));
        }
        to_flush.iter().try_for_each(|partition| partition.flush())
    }

    /// Makes the partitions of a topic that are nowhere; one that could not be opened is not made anew.
    fn create_missing(&self, topic: &Topic, image: &Image, effective: &Effective) -> Result<(), LogError> {
        let mut config = None;
        let mut touched: Vec<Arc<LogDirectory>> = Vec::new();
        let mut outcome = Ok(());
        for (&index, info) in &topic.partitions {
            let tp = TopicPartition::new(Arc::clone(&topic.name), index);
            let Some(replica) = info.replicas.iter().position(|node| *node == self.node) else { continue };
            let exists = self.partitions.get(topic.id, index).is_some();
            if exists || self.directories.iter().any(|d| d.is_closed(&tp)) {
                continue;
            }
            let config = config.get_or_insert_with(|| effective.topic(image, &topic.name));
            let assigned = info.directories.get(replica).and_then(|id| self.assigned(*id));
            let Some(directory) = assigned.or_else(|| self.emptiest()) else { continue };
            let expiration = i64::from(effective.config.producer_id_expiration_ms);
            let created = directory.create_log(&tp, topic.id, Arc::new(log_config(config, expiration)));
            let log = match created {
                Ok(log) => log,
                Err(error) => {
                    outcome = Err(error);
                    break;
                }
            };
            let storage = self.storage(&log, &directory, config);
            let partition = Partition::new(tp, topic.id, info.leader_epoch, storage, Arc::clone(config));
            self.partitions.insert(Arc::new(partition));
            if !touched.iter().any(|d| Arc::ptr_eq(d, &directory)) {
                touched.push(directory);
            }
        }
        touched.iter().fold(outcome, |outcome, directory| outcome.and(directory.sync_names()))
    }

    fn storage(&self, log: &Arc<Log>, directory: &Arc<LogDirectory>, config: &TopicConfig) -> Arc<LocalLog> {
        let remote = self.tier.as_ref().and_then(|tier| tier.attach(Arc::clone(log)));
        Arc::new(LocalLog::new(Arc::clone(log), Arc::clone(directory)).with_remote(remote, config))
    }

    /// Ends the work on the remote tier.
    pub fn stop_tier(&self) {
        if let Some(tier) = &self.tier {
            tier.stop();
        }
    }

    /// The directory of this id, if it works.
    fn assigned(&self, id: Uuid) -> Option<Arc<LogDirectory>> {
        let mut with_ids = self.directories.iter().zip(&self.ids);
        let (directory, _) = with_ids.find(|(_, its)| **its == id)?;
        directory.env().health.failure().is_none().then(|| Arc::clone(directory))
    }

    /// The directory that works and holds the fewest partitions, as Kafka chooses.
    fn emptiest(&self) -> Option<Arc<LogDirectory>> {
        let online = self.directories.iter().filter(|d| d.env().health.failure().is_none());
        online.min_by_key(|d| d.log_count()).cloned()
    }

    fn enter_epochs(&self, topic: &Topic) {
        for (&index, info) in &topic.partitions {
            if let Some(partition) = self.partitions.get(topic.id, index) {
                partition.set_leader_epoch(info.leader_epoch);
            }
        }
    }

    fn delete(&self, topic: &Topic) -> Result<(), LogError> {
        self.partitions.remove_topic(topic.id).iter().for_each(|partition| partition.close());
        let name = |index: &i32| TopicPartition::new(Arc::clone(&topic.name), *index);
        let all: Vec<TopicPartition> = topic.partitions.keys().map(name).collect();
        if let Some(tier) = &self.tier {
            tier.topic_deleted(topic.id);
        }
        self.directories.iter().try_for_each(|directory| directory.delete_logs(&all))
    }
}

fn leader_epoch(image: &Image, topic: TopicId, index: i32) -> LeaderEpoch {
    let topic = image.topics().by_id(topic);
    topic.and_then(|t| t.partitions.get(&index)).map_or(LeaderEpoch(0), |p| p.leader_epoch)
}

/// Sets aside, as Kafka does, what the metadata does not know under this name and id.
fn known_only(
    directory: &LogDirectory,
    contents: &Contents,
    image: &Image,
) -> Result<Vec<FoundPartition>, LogError> {
    let mut known = Vec::new();
    for found in &contents.partitions {
        let topic = found.topic_id.and_then(|id| image.topics().by_id(id));
        let matches =
            topic.is_some_and(|t| t.name == found.tp.topic && t.partitions.contains_key(&found.tp.partition));
        if matches {
            known.push(found.clone());
            continue;
        }
        let moved = directory.set_aside(found)?;
        tracing::warn!(
            partition = %found.tp, to = %moved.display(),
            "the metadata does not know this partition; its directory is set aside"
        );
    }
    Ok(known)
}

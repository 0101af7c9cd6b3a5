//! CreateTopics.

use std::collections::{BTreeMap, HashMap};

use super::assignment::Placer;
use super::{Decision, Rejection, Site, topic_name};
use crate::config::{
    BrokerConfig, Layers, Overrides, describe_topic, validate_tiering, validate_topic_overrides,
};
use crate::metadata::{Image, ResourceKind};
use crate::schema::clients::create_topics_request::{CreatableTopic, CreateTopicsRequest};
use crate::schema::clients::create_topics_response::{
    CreatableTopicConfigs, CreatableTopicResult, CreateTopicsResponse,
};
use crate::schema::metadata::MetadataRecord;
use crate::schema::metadata::config_record::ConfigRecord;
use crate::schema::metadata::topic_record::TopicRecord;
use crate::schema::{ErrorCode, Str};
use crate::types::Uuid;

/// The most partitions that one request can create, as in Kafka.
pub(super) const MAX_PARTITIONS_PER_REQUEST: i64 = 10_000;

/// The topic that holds the metadata itself.
const METADATA_TOPIC: &str = "__cluster_metadata";

/// Decides a CreateTopics request; `new_id` makes random ids.
#[must_use]
pub fn create_topics(
    image: &Image,
    request: &CreateTopicsRequest<'_>,
    site: Site<'_>,
    mut new_id: impl FnMut() -> Uuid,
) -> Decision<CreateTopicsResponse<'static>> {
    let layers = site.layers(image);
    let config = BrokerConfig::resolve(&layers);
    let mut times: HashMap<&str, usize> = HashMap::new();
    for topic in &request.topics {
        let count = times.entry(&topic.name).or_default();
        *count = count.saturating_add(1);
    }
    let is_once = |topic: &CreatableTopic<'_>| times.get(&*topic.name) == Some(&1);
    let total = request.topics.iter().filter(|t| is_once(t)).map(|t| partitions_asked(t, &config));
    let too_many = total.fold(0i64, i64::saturating_add) > MAX_PARTITIONS_PER_REQUEST;
    let mut plan = Plan { image, layers, config, placer: Placer::new(image), records: Vec::new() };
    let mut topics = Vec::new();
    let mut repeated = Vec::new();
    for topic in &request.topics {
        let outcome = if !is_once(topic) {
            if repeated.contains(&&topic.name) {
                continue;
            }
            repeated.push(&topic.name);
            Err(Rejection::new(ErrorCode::INVALID_REQUEST, "the request names this topic more than once"))
        } else if too_many {
            let text = format!("one request can create at most {MAX_PARTITIONS_PER_REQUEST} partitions");
            Err(Rejection::new(ErrorCode::POLICY_VIOLATION, text))
        } else {
            plan.create(topic, &mut new_id)
        };
        topics.push(outcome.unwrap_or_else(|rejection| failed(&topic.name, rejection)));
    }
    let records = if request.validate_only { Vec::new() } else { plan.records };
    Decision { records, reply: CreateTopicsResponse { topics, ..Default::default() } }
}

fn partitions_asked(topic: &CreatableTopic<'_>, config: &BrokerConfig) -> i64 {
    match (topic.assignments.len(), topic.num_partitions) {
        (0, -1) => config.num_partitions.into(),
        (0, count) => count.into(),
        (count, _) => i64::try_from(count).unwrap_or(i64::MAX),
    }
}

struct Plan<'a> {
    image: &'a Image,
    layers: Layers<'a>,
    config: BrokerConfig,
    placer: Placer<'a>,
    records: Vec<MetadataRecord<'static>>,
}

impl Plan<'_> {
    /// Adds the topic's records and answers for it; adds nothing if it is refused.
    fn create(
        &mut self,
        topic: &CreatableTopic<'_>,
        new_id: &mut impl FnMut() -> Uuid,
    ) -> Result<CreatableTopicResult<'static>, Rejection> {
        self.check_name(&topic.name)?;
        let overrides = overrides_of(topic)?;
        validate_topic_overrides(&self.layers, &overrides)?;
        validate_tiering(&self.layers, &Overrides::new(), &overrides)?;
        let assignments = self.assignments(topic)?;
        let replicas = assignments.first().map_or(0, Vec::len);
        let partitions = assignments.len();
        let id = new_id();
        let name: Str<'static> = topic.name.to_string().into();
        let mut records = vec![MetadataRecord::Topic(TopicRecord {
            name: name.clone(),
            topic_id: id.0,
            ..Default::default()
        })];
        records.extend(overrides.iter().map(|(key, value)| {
            MetadataRecord::Config(ConfigRecord {
                resource_type: ResourceKind::TOPIC.0,
                resource_name: name.clone(),
                name: key.clone().into(),
                value: Some(value.clone().into()),
                ..Default::default()
            })
        }));
        for (index, brokers) in (0..).zip(assignments) {
            records.push(MetadataRecord::Partition(self.placer.partition(id, index, brokers)?));
        }
        self.records.append(&mut records);
        Ok(CreatableTopicResult {
            name,
            topic_id: id.0,
            error_message: None,
            num_partitions: i32::try_from(partitions).unwrap_or(i32::MAX),
            replication_factor: i16::try_from(replicas).unwrap_or(i16::MAX),
            configs: Some(self.echo(&overrides)),
            ..Default::default()
        })
    }

    fn check_name(&self, name: &str) -> Result<(), Rejection> {
        topic_name::check(name)?;
        if name == METADATA_TOPIC {
            let text = format!("{METADATA_TOPIC} is kept by the quorum and cannot be created");
            return Err(Rejection::new(ErrorCode::INVALID_REQUEST, text));
        }
        if self.image.topics().by_name(name).is_some() {
            return Err(Rejection::new(ErrorCode::TOPIC_ALREADY_EXISTS, format!("topic `{name}` exists")));
        }
        topic_name::check_collision(self.image, name)
    }

    /// The brokers of each partition, by index.
    fn assignments(&self, topic: &CreatableTopic<'_>) -> Result<Vec<Vec<i32>>, Rejection> {
        if !topic.assignments.is_empty() {
            return self.manual(topic);
        }
        let replicas = match topic.replication_factor {
            -1 => self.config.default_replication_factor,
            asked if asked < 1 => {
                let text = format!("a topic has 1 replica or more (-1 for the default), not {asked}");
                return Err(Rejection::new(ErrorCode::INVALID_REPLICATION_FACTOR, text));
            }
            asked => asked.into(),
        };
        let partitions = match topic.num_partitions {
            -1 => self.config.num_partitions,
            asked if asked < 1 => {
                let text = format!("a topic has 1 partition or more (-1 for the default), not {asked}");
                return Err(Rejection::new(ErrorCode::INVALID_PARTITIONS, text));
            }
            asked => asked,
        };
        let mut replicas = usize::try_from(replicas).unwrap_or(1);
        if self.config.klamm_replication_clamp {
            replicas = replicas.min(self.placer.live_brokers().max(1));
        }
        self.placer.spread(0, partitions, replicas)
    }

    fn manual(&self, topic: &CreatableTopic<'_>) -> Result<Vec<Vec<i32>>, Rejection> {
        for (value, what) in
            [(i32::from(topic.replication_factor), "replicas"), (topic.num_partitions, "partitions")]
        {
            if value != -1 {
                let text = format!("a request that assigns replicas says -1 for the number of {what}");
                return Err(Rejection::new(ErrorCode::INVALID_REQUEST, text));
            }
        }
        let reject = |text: String| Err(Rejection::new(ErrorCode::INVALID_REPLICA_ASSIGNMENT, text));
        let mut by_index = BTreeMap::new();
        let mut replicas = None;
        for assignment in &topic.assignments {
            self.placer.check_manual(&assignment.broker_ids, replicas)?;
            replicas = Some(assignment.broker_ids.len());
            if by_index.insert(assignment.partition_index, assignment.broker_ids.clone()).is_some() {
                return reject(format!(
                    "partition {} is assigned more than once",
                    assignment.partition_index
                ));
            }
        }
        if by_index.keys().copied().ne((0..).take(by_index.len())) {
            return reject("the assigned partitions do not count up from 0 without a gap".to_owned());
        }
        Ok(by_index.into_values().collect())
    }

    fn echo(&self, overrides: &Overrides) -> Vec<CreatableTopicConfigs<'static>> {
        let mut configs: Vec<_> = describe_topic(&self.layers, overrides)
            .into_iter()
            .map(|described| CreatableTopicConfigs {
                name: described.name.into(),
                value: described.value.map(Into::into),
                read_only: described.is_read_only,
                config_source: described.source.code(),
                is_sensitive: described.is_sensitive,
                ..Default::default()
            })
            .collect();
        configs.sort_by(|a, b| a.name.cmp(&b.name));
        configs
    }
}

/// The configs that a request sets; the last one counts if it names one twice.
fn overrides_of(topic: &CreatableTopic<'_>) -> Result<Overrides, Rejection> {
    let mut overrides = Overrides::new();
    for config in &topic.configs {
        let Some(value) = &config.value else {
            let text = format!("config {} of a topic cannot be null", config.name);
            return Err(Rejection::new(ErrorCode::INVALID_CONFIG, text));
        };
        overrides.insert(config.name.to_string(), value.to_string());
    }
    Ok(overrides)
}

fn failed(name: &str, rejection: Rejection) -> CreatableTopicResult<'static> {
    CreatableTopicResult {
        name: name.to_owned().into(),
        error_code: rejection.code.code(),
        error_message: rejection.text(),
        num_partitions: -1,
        replication_factor: -1,
        configs: Some(Vec::new()),
        ..Default::default()
    }
}

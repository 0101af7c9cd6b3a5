//! `klamm topic list` and `describe`.
use std::collections::BTreeMap;
use std::io;

use serde_json::{Map, Value, json};

use crate::cli::CliError;
use crate::cli::client::{ClientError, Cluster, EARLIEST, Isolation, LATEST, Topic};
use crate::cli::session::{Session, count, note, number};
use crate::cli::table::Table;
use crate::schema::clients::describe_configs_request::{DescribeConfigsRequest, DescribeConfigsResource};
use crate::types::Uuid;

/// The resource type of a topic in config requests.
pub(super) const TOPIC_RESOURCE: i8 = 2;
/// The source of a config that was set on the topic itself.
const SOURCE_TOPIC: i8 = 1;

/// List the topics
#[derive(Clone, Debug, clap::Args)]
pub(super) struct List {
    /// Also those which the brokers keep for themselves
    #[arg(long)]
    internal: bool,
}

/// Show partitions, leaders, offsets and what was configured
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Describe {
    /// Which topics; all but internal ones if none is named
    #[arg(value_name = "NAME")]
    names: Vec<String>,
}

pub(super) fn list(session: &mut Session<'_>, args: &List) -> Result<(), CliError> {
    let topics = topics(session.cluster, &[], args.internal)?;
    if session.json {
        return session.print_json(&topics.iter().map(summary).collect());
    }
    if topics.is_empty() {
        note("There is no topic yet; `klamm topic create NAME` makes one.");
        return Ok(());
    }
    let mut table = Table::new(&["NAME", "PARTITIONS", "REPLICATION"]);
    for topic in &topics {
        table.row([topic.name.clone(), topic.partitions.len().to_string(), replication(topic).to_string()]);
    }
    Ok(table.write(session.out, "")?)
}

pub(super) fn describe(session: &mut Session<'_>, args: &Describe) -> Result<(), CliError> {
    let topics = topics(session.cluster, &args.names, false)?;
    let mut documents = Vec::new();
    for (number, topic) in topics.iter().enumerate() {
        let configs = configs(session.cluster, &topic.name)?;
        let ends = Ends::of(session.cluster, topic)?;
        if session.json {
            documents.push(document(topic, configs, &ends));
        } else {
            if number > 0 {
                writeln!(session.out)?;
            }
            write_description(session.out, topic, &configs, &ends)?;
        }
    }
    if session.json { session.print_json(&Value::Array(documents)) } else { Ok(()) }
}

/// The topics named, or all, in the order of their names.
fn topics(cluster: &mut Cluster, names: &[String], internal: bool) -> Result<Vec<Topic>, CliError> {
    let names = Some(names).filter(|names| !names.is_empty());
    let mut topics = cluster.topics(names)?;
    topics.retain(|topic| names.is_some() || internal || !topic.is_internal);
    topics.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(topics)
}

fn replication(topic: &Topic) -> usize {
    topic.partitions.iter().map(|partition| partition.replicas.len()).max().unwrap_or(0)
}

fn summary(topic: &Topic) -> Value {
    json!({
        "name": topic.name,
        "id": Uuid(topic.id).to_string(),
        "internal": topic.is_internal,
        "partitions": topic.partitions.len(),
        "replication": replication(topic),
    })
}

/// The configs that were set on the topic itself, in the order of their names.
fn configs(cluster: &mut Cluster, topic: &str) -> Result<BTreeMap<String, String>, ClientError> {
    cluster.retrying(|cluster| {
        let resource = DescribeConfigsResource {
            resource_type: TOPIC_RESOURCE,
            resource_name: topic.into(),
            configuration_keys: None,
            ..Default::default()
        };
        let reply =
            cluster.ask(&DescribeConfigsRequest { resources: vec![resource], ..Default::default() })?;
        let mut found = BTreeMap::new();
        for result in reply.decode()?.results {
            let message = result.error_message.as_deref();
            ClientError::check(result.error_code, message, || format!("topic {topic}"))?;
            for config in result.configs.into_iter().filter(|c| c.config_source == SOURCE_TOPIC) {
                let value = if config.is_sensitive { None } else { config.value };
                found.insert(config.name.into_owned(), value.unwrap_or_default().into_owned());
            }
        }
        Ok(found)
    })
}

/// First and end offsets of the partitions that have a leader.
struct Ends {
    first: BTreeMap<i32, Option<i64>>,
    end: BTreeMap<i32, Option<i64>>,
}

impl Ends {
    fn of(cluster: &mut Cluster, topic: &Topic) -> Result<Self, ClientError> {
        let led = topic.partitions.iter().filter(|partition| partition.leader.is_some());
        let mut ask = |timestamp| {
            let partitions = led.clone().map(|partition| (partition.index, timestamp)).collect();
            cluster.offsets(&topic.name, &partitions, Isolation::ReadUncommitted)
        };
        Ok(Self { first: ask(EARLIEST)?, end: ask(LATEST)? })
    }

    fn first(&self, partition: i32) -> Option<i64> {
        self.first.get(&partition).copied().flatten()
    }

    fn end(&self, partition: i32) -> Option<i64> {
        self.end.get(&partition).copied().flatten()
    }
}

fn document(topic: &Topic, configs: BTreeMap<String, String>, ends: &Ends) -> Value {
    let partitions = topic.partitions.iter().map(|partition| {
        json!({
            "partition": partition.index,
            "leader": partition.leader,
            "leader_epoch": Some(partition.leader_epoch).filter(|&epoch| epoch >= 0),
            "replicas": partition.replicas,
            "in_sync": partition.in_sync,
            "first_offset": ends.first(partition.index),
            "end_offset": ends.end(partition.index),
        })
    });
    let configs: Map<String, Value> =
        configs.into_iter().map(|(key, value)| (key, Value::String(value))).collect();
    json!({
        "name": topic.name,
        "id": Uuid(topic.id).to_string(),
        "internal": topic.is_internal,
        "configs": configs,
        "partitions": partitions.collect::<Value>(),
    })
}

fn write_description(
    out: &mut dyn io::Write,
    topic: &Topic,
    configs: &BTreeMap<String, String>,
    ends: &Ends,
) -> io::Result<()> {
    let id = Uuid(topic.id);
    let partitions = count(topic.partitions.len(), "partition");
    writeln!(out, "{}: {partitions}, replication factor {}, id {id}", topic.name, replication(topic))?;
    for (key, value) in configs {
        writeln!(out, "  {key}={value}")?;
    }
    let mut table = Table::new(&["PARTITION", "LEADER", "REPLICAS", "IN SYNC", "FIRST OFFSET", "END OFFSET"]);
    for partition in &topic.partitions {
        table.row([
            partition.index.to_string(),
            number(partition.leader.map(i64::from)),
            nodes(&partition.replicas),
            nodes(&partition.in_sync),
            number(ends.first(partition.index)),
            number(ends.end(partition.index)),
        ]);
    }
    table.write(out, "  ")
}

fn nodes(ids: &[i32]) -> String {
    ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

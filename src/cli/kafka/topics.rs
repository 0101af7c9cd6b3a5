//! `kafka-topics`.
use std::io::{self, Write};

use clap::ArgGroup;
use regex::Regex;

use super::connect::Connect;
use super::{Tool, Words, configs, own};
use crate::cli::client::Topic;
use crate::cli::{CliError, key_value};
use crate::types::Uuid;

/// Create, delete, list, describe or change topics
#[derive(Debug, clap::Parser)]
#[command(name = "kafka-topics", version)]
#[command(group(ArgGroup::new("action").required(true).args(["create", "delete", "list", "describe", "alter"])))]
pub(super) struct Topics {
    #[command(flatten)]
    connect: Connect,
    /// Create a topic
    #[arg(long)]
    create: bool,
    /// Delete topics
    #[arg(long)]
    delete: bool,
    /// List topics
    #[arg(long)]
    list: bool,
    /// Show partitions and what was configured
    #[arg(long)]
    describe: bool,
    /// Add partitions
    #[arg(long)]
    alter: bool,
    /// The topic; a regular expression except with --create
    #[arg(long)]
    topic: Option<String>,
    /// How many partitions
    #[arg(long)]
    partitions: Option<i32>,
    /// How many copies of each
    #[arg(long)]
    replication_factor: Option<i16>,
    /// Set a topic option; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    config: Vec<(String, String)>,
    /// A topic that exists is fine
    #[arg(long)]
    if_not_exists: bool,
    /// A topic that does not exist is fine
    #[arg(long)]
    if_exists: bool,
    /// Leave out the topics that brokers keep for themselves
    #[arg(long)]
    exclude_internal: bool,
}

impl Tool for Topics {
    fn run(&self, out: &mut dyn Write) -> Result<(), CliError> {
        match () {
            () if self.create => self.create(out),
            () if self.alter => self.change("alter"),
            () if self.delete => self.change("delete"),
            () if self.describe => self.describe(out),
            () => self.chosen()?.iter().try_for_each(|topic| Ok(writeln!(out, "{}", topic.name)?)),
        }
    }
}

impl Topics {
    fn create(&self, out: &mut dyn Write) -> Result<(), CliError> {
        let name = self.named()?;
        let words = Words::new(&["topic", "create"])
            .with("--partitions", self.partitions)
            .with("--replication-factor", self.replication_factor)
            .with("--config", self.config.iter().map(|(key, value)| format!("{key}={value}")))
            .flag("--if-not-exists", self.if_not_exists);
        own(&self.on_the_cluster(words)?.then([name.clone()]).0, &mut io::sink())?;
        Ok(writeln!(out, "Created topic {name}.")?)
    }

    fn change(&self, action: &str) -> Result<(), CliError> {
        self.named()?;
        for topic in self.chosen()? {
            let words = Words::new(&["topic", action])
                .with("--partitions", self.partitions)
                .flag("--if-exists", self.delete && self.if_exists);
            own(&self.on_the_cluster(words)?.then([topic.name]).0, &mut io::sink())?;
        }
        Ok(())
    }

    fn describe(&self, out: &mut dyn Write) -> Result<(), CliError> {
        let mut cluster = self.connect.cluster()?;
        for topic in self.chosen()? {
            let configs = configs::of_topic(&mut cluster, &topic.name)?;
            let replicas = topic.partitions.iter().map(|p| p.replicas.len()).max().unwrap_or(0);
            writeln!(
                out,
                "Topic: {}\tTopicId: {}\tPartitionCount: {}\tReplicationFactor: {replicas}\tConfigs: {}",
                topic.name,
                Uuid(topic.id),
                topic.partitions.len(),
                configs.join(","),
            )?;
            for p in &topic.partitions {
                let leader = p.leader.map_or_else(|| "none".to_owned(), |id| id.to_string());
                let (replicas, in_sync) = (ids(&p.replicas), ids(&p.in_sync));
                writeln!(
                    out,
                    "\tTopic: {}\tPartition: {}\tLeader: {leader}\tReplicas: {replicas}\tIsr: {in_sync}\tElr: \
                     \tLastKnownElr: ",
                    topic.name, p.index,
                )?;
            }
        }
        Ok(())
    }

    fn on_the_cluster(&self, mut words: Words) -> Result<Words, CliError> {
        words.0.extend(self.connect.flags()?);
        Ok(words)
    }

    fn named(&self) -> Result<&String, CliError> {
        self.topic.as_ref().ok_or_else(|| CliError::failed("--topic is missing"))
    }

    /// The topics that `--topic` matches, by name; all if it was not given.
    fn chosen(&self) -> Result<Vec<Topic>, CliError> {
        let pattern = self.topic.as_deref().map(pattern).transpose()?;
        let mut topics = self.connect.cluster()?.topics(None)?;
        topics.retain(|topic| {
            pattern.as_ref().is_none_or(|p| p.is_match(&topic.name))
                && !(self.exclude_internal && topic.is_internal)
        });
        topics.sort_by(|a, b| a.name.cmp(&b.name));
        match &self.topic {
            Some(name) if topics.is_empty() && !self.list && !self.if_exists => {
                Err(CliError::failed(format!("Topic '{name}' does not exist as expected")))
            }
            _ => Ok(topics),
        }
    }
}

/// Kafka reads a list of topics as one regular expression that has to match the whole name.
fn pattern(topics: &str) -> Result<Regex, CliError> {
    let pattern = topics.split(',').map(str::trim).collect::<Vec<_>>().join("|");
    Regex::new(&format!("^(?:{pattern})$")).map_err(|error| CliError::failed(format!("--topic: {error}")))
}

fn ids(ids: &[i32]) -> String {
    ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

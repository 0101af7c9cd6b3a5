//! `kafka-configs`, for the resources that have options.
use std::io::Write;

use clap::ArgGroup;

use super::Tool;
use super::connect::Connect;
use crate::cli::CliError;
use crate::cli::client::{ClientError, Cluster};
use crate::schema::clients::describe_configs_request::{DescribeConfigsRequest, DescribeConfigsResource};
use crate::schema::clients::incremental_alter_configs_request::{
    AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest,
};

/// Resource types of config requests.
const TOPIC: i8 = 2;
const BROKER: i8 = 4;
const CLIENT_METRICS: i8 = 16;
const GROUP: i8 = 32;
/// Operations of IncrementalAlterConfigs.
const SET: i8 = 0;
const DELETE: i8 = 1;
/// Configs from this source on come from the file or are defaults.
const FIRST_STATIC_SOURCE: i8 = 4;

/// Show and change options of topics, brokers, groups and client metrics
#[derive(Debug, clap::Parser)]
#[command(name = "kafka-configs", version)]
#[command(group(ArgGroup::new("action").required(true).args(["alter", "describe"])))]
pub(super) struct Configs {
    #[command(flatten)]
    connect: Connect,
    /// Change options
    #[arg(long)]
    alter: bool,
    /// Show options
    #[arg(long)]
    describe: bool,
    /// Show defaults too
    #[arg(long)]
    all: bool,
    /// What has the options
    #[arg(long, value_name = "TYPE", value_parser = ["topics", "brokers", "groups", "client-metrics"])]
    #[arg(required_unless_present_any = ["topic", "broker", "group"])]
    entity_type: Option<String>,
    /// Its name
    #[arg(long, value_name = "NAME")]
    entity_name: Option<String>,
    /// The default of all brokers
    #[arg(long, conflicts_with = "entity_name")]
    entity_default: bool,
    /// Short for --entity-type topics --entity-name NAME
    #[arg(long, value_name = "NAME")]
    topic: Option<String>,
    /// Short for --entity-type brokers --entity-name ID
    #[arg(long, value_name = "ID")]
    broker: Option<String>,
    /// Short for --entity-type groups --entity-name NAME
    #[arg(long, value_name = "NAME")]
    group: Option<String>,
    /// Set options: `k1=v1,k2=[v1,v2]`
    #[arg(long, value_name = "K=V,...", value_parser = settings)]
    add_config: Option<Settings>,
    /// Return options to their defaults
    #[arg(long, value_name = "K,...", value_delimiter = ',')]
    delete_config: Vec<String>,
}

/// Options with their new values.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Settings(Vec<(String, String)>);

/// Reads `a=1,b=[2,3]`: what stands in brackets is one value.
fn settings(text: &str) -> Result<Settings, String> {
    let mut found = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (key, after) = rest.split_once('=').ok_or_else(|| format!("{rest}: give it as key=value"))?;
        let (value, next) = match after.strip_prefix('[') {
            Some(list) => list.split_once(']').ok_or_else(|| format!("{after}: a bracket is not closed"))?,
            None => after.split_at(after.find(',').unwrap_or(after.len())),
        };
        found.push((key.trim().to_owned(), value.to_owned()));
        rest = next.strip_prefix(',').unwrap_or(next);
    }
    Ok(Settings(found))
}

impl Tool for Configs {
    fn run(&self, out: &mut dyn Write) -> Result<(), CliError> {
        let mut cluster = self.connect.cluster()?;
        let (kind, name) = self.resource()?;
        let what = self.what(kind, &name);
        if self.alter {
            self.change(&mut cluster, kind, &name)?;
            return Ok(writeln!(out, "Completed updating config for {what}.")?);
        }
        writeln!(out, "{} configs for {what} are:", if self.all { "All" } else { "Dynamic" })?;
        for config in described(&mut cluster, kind, &name)? {
            if self.all || config.is_dynamic {
                writeln!(out, "  {}={} sensitive={}", config.name, config.value, config.is_sensitive)?;
            }
        }
        Ok(())
    }
}

impl Configs {
    fn resource(&self) -> Result<(i8, String), CliError> {
        let short = [(TOPIC, &self.topic), (BROKER, &self.broker), (GROUP, &self.group)];
        if let Some((kind, name)) = short.into_iter().find_map(|(kind, name)| Some((kind, name.clone()?))) {
            return Ok((kind, name));
        }
        let kind = match self.entity_type.as_deref() {
            Some("brokers") => BROKER,
            Some("groups") => GROUP,
            Some("client-metrics") => CLIENT_METRICS,
            _ => TOPIC,
        };
        match &self.entity_name {
            Some(name) => Ok((kind, name.clone())),
            None if self.entity_default && kind == BROKER => Ok((kind, String::new())),
            None => Err(CliError::failed("--entity-name is missing")),
        }
    }

    fn what(&self, kind: i8, name: &str) -> String {
        let noun = match kind {
            BROKER if name.is_empty() => return "the default of brokers".to_owned(),
            BROKER => "broker",
            GROUP => "group",
            CLIENT_METRICS => "client-metric",
            _ => "topic",
        };
        format!("{noun} {name}")
    }

    fn change(&self, cluster: &mut Cluster, kind: i8, name: &str) -> Result<(), CliError> {
        let set =
            self.add_config.iter().flat_map(|Settings(pairs)| pairs).map(|(key, value)| AlterableConfig {
                name: key.as_str().into(),
                config_operation: SET,
                value: Some(value.as_str().into()),
                ..Default::default()
            });
        let delete = self.delete_config.iter().map(|key| AlterableConfig {
            name: key.as_str().into(),
            config_operation: DELETE,
            value: None,
            ..Default::default()
        });
        let configs: Vec<_> = set.chain(delete).collect();
        if configs.is_empty() {
            return Err(CliError::failed("--alter needs --add-config or --delete-config"));
        }
        let resource = AlterConfigsResource {
            resource_type: kind,
            resource_name: name.into(),
            configs,
            ..Default::default()
        };
        let request = IncrementalAlterConfigsRequest { resources: vec![resource], ..Default::default() };
        Ok(cluster.retrying(|cluster| {
            let reply = cluster.ask_controller(&request)?;
            let result = reply.decode()?.responses.into_iter().next().unwrap_or_default();
            ClientError::check(result.error_code, result.error_message.as_deref(), || self.what(kind, name))
        })?)
    }
}

struct Config {
    name: String,
    value: String,
    is_sensitive: bool,
    /// Set at run time.
    is_dynamic: bool,
}

fn described(cluster: &mut Cluster, kind: i8, name: &str) -> Result<Vec<Config>, ClientError> {
    cluster.retrying(|cluster| {
        let resource = DescribeConfigsResource {
            resource_type: kind,
            resource_name: name.into(),
            configuration_keys: None,
            ..Default::default()
        };
        let reply =
            cluster.ask(&DescribeConfigsRequest { resources: vec![resource], ..Default::default() })?;
        let result = reply.decode()?.results.into_iter().next().unwrap_or_default();
        ClientError::check(result.error_code, result.error_message.as_deref(), || name.to_owned())?;
        let config =
            |c: crate::schema::clients::describe_configs_response::DescribeConfigsResourceResult<'_>| {
                // Client metrics and groups have sources of their own, above those of files and defaults.
                let is_dynamic =
                    !(FIRST_STATIC_SOURCE..=FIRST_STATIC_SOURCE.saturating_add(1)).contains(&c.config_source);
                let value = c.value.as_deref().unwrap_or("null").to_owned();
                Config { name: c.name.into_owned(), value, is_sensitive: c.is_sensitive, is_dynamic }
            };
        Ok(result.configs.into_iter().map(config).collect())
    })
}

/// What was set on a topic itself, each `key=value`.
///
/// # Errors
/// What the broker refuses.
pub(super) fn of_topic(cluster: &mut Cluster, topic: &str) -> Result<Vec<String>, ClientError> {
    let own = described(cluster, TOPIC, topic)?.into_iter().filter(|config| config.is_dynamic);
    Ok(own.map(|config| format!("{}={}", config.name, config.value)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_in_brackets_may_hold_commas() {
        let pairs = |text| settings(text).map(|Settings(pairs)| pairs);
        let owned = |k: &str, v: &str| (k.to_owned(), v.to_owned());
        assert_eq!(pairs("a=1"), Ok(vec![owned("a", "1")]));
        assert_eq!(pairs("a=[1,2],b="), Ok(vec![owned("a", "1,2"), owned("b", "")]));
        assert!(pairs("a").is_err());
        assert!(pairs("a=[1").is_err());
    }
}

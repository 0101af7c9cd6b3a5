//! `klamm topic create`, `delete` and `alter`.
use serde_json::json;

use super::show::TOPIC_RESOURCE;
use crate::cli::client::ClientError;
use crate::cli::session::{Session, count, unless_failed};
use crate::cli::{CliError, key_value};
use crate::schema::ErrorCode;
use crate::schema::clients::create_partitions_request::{CreatePartitionsRequest, CreatePartitionsTopic};
use crate::schema::clients::create_topics_request::{
    CreatableTopic, CreatableTopicConfig, CreateTopicsRequest,
};
use crate::schema::clients::delete_topics_request::{DeleteTopicState, DeleteTopicsRequest};
use crate::schema::clients::incremental_alter_configs_request::{
    AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest,
};
use crate::types::Uuid;

/// "As the broker is configured", for partitions and replicas of a new topic.
const BROKER_DEFAULT: i16 = -1;
/// Operations of IncrementalAlterConfigs.
const SET: i8 = 0;
const DELETE: i8 = 1;

/// Create a topic
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Create {
    /// Its name: letters, digits, '.', '_' and '-'
    name: String,
    /// How many partitions [default: the broker's num.partitions]
    #[arg(long, value_parser = clap::value_parser!(i32).range(1..))]
    partitions: Option<i32>,
    /// How many copies of each [default: the broker's default.replication.factor]
    #[arg(long, value_parser = clap::value_parser!(i16).range(1..))]
    replication_factor: Option<i16>,
    /// Set a topic option; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    config: Vec<(String, String)>,
    /// A topic that exists already is fine
    #[arg(long)]
    if_not_exists: bool,
}

/// Delete topics and all their records
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Delete {
    /// Which topics
    #[arg(value_name = "NAME", required = true)]
    names: Vec<String>,
    /// A topic that does not exist is fine
    #[arg(long)]
    if_exists: bool,
}

/// Add partitions, set and unset options
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Alter {
    /// Which topic
    name: String,
    /// How many partitions it shall have: more than now
    #[arg(long, value_parser = clap::value_parser!(i32).range(1..))]
    #[arg(required_unless_present_any = ["config", "delete_config"])]
    partitions: Option<i32>,
    /// Set a topic option; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    config: Vec<(String, String)>,
    /// Return a topic option to its default; may be repeated
    #[arg(long, value_name = "KEY")]
    delete_config: Vec<String>,
}

pub(super) fn create(session: &mut Session<'_>, args: &Create) -> Result<(), CliError> {
    let request = CreateTopicsRequest {
        topics: vec![CreatableTopic {
            name: args.name.as_str().into(),
            num_partitions: args.partitions.unwrap_or(i32::from(BROKER_DEFAULT)),
            replication_factor: args.replication_factor.unwrap_or(BROKER_DEFAULT),
            configs: args.config.iter().map(creatable_config).collect(),
            ..Default::default()
        }],
        timeout_ms: session.cluster.timeout_ms(),
        ..Default::default()
    };
    let created = session.cluster.retrying(|cluster| {
        let reply = cluster.ask_controller(&request)?;
        let response = reply.decode()?;
        let topic = response.topics.into_iter().next().unwrap_or_default();
        ClientError::check(topic.error_code, topic.error_message.as_deref(), || subject(&args.name))?;
        Ok(topic.into_static())
    });
    let topic = match created {
        Err(error) if args.if_not_exists && error.code() == Some(ErrorCode::TOPIC_ALREADY_EXISTS) => {
            return session.said(&json!({ "name": args.name, "created": false }), || {
                format!("topic {} exists already", args.name)
            });
        }
        other => other?,
    };
    let document = json!({
        "name": args.name,
        "created": true,
        "id": Uuid(topic.topic_id).to_string(),
        "partitions": topic.num_partitions,
        "replication": topic.replication_factor,
    });
    session.said(&document, || match usize::try_from(topic.num_partitions) {
        Ok(partitions) => format!("created topic {} with {}", args.name, count(partitions, "partition")),
        Err(_) => format!("created topic {}", args.name),
    })
}

fn creatable_config((key, value): &(String, String)) -> CreatableTopicConfig<'_> {
    CreatableTopicConfig {
        name: key.as_str().into(),
        value: Some(value.as_str().into()),
        ..Default::default()
    }
}

pub(super) fn delete(session: &mut Session<'_>, args: &Delete) -> Result<(), CliError> {
    let mut failures = Vec::new();
    for name in &args.names {
        // Old brokers take plain names, newer ones names or ids.
        let request = DeleteTopicsRequest {
            topics: vec![DeleteTopicState { name: Some(name.into()), ..Default::default() }],
            topic_names: vec![name.into()],
            timeout_ms: session.cluster.timeout_ms(),
            ..Default::default()
        };
        // An unknown topic counts as retriable elsewhere, since a new one may not be known yet.
        let deleted = session.cluster.retrying(|cluster| {
            let reply = cluster.ask_controller(&request)?;
            let result = reply.decode()?.responses.into_iter().next().unwrap_or_default().into_static();
            match ErrorCode(result.error_code) {
                ErrorCode::UNKNOWN_TOPIC_OR_PARTITION => Ok(false),
                code => ClientError::check(code.code(), result.error_message.as_deref(), || subject(name))
                    .map(|()| true),
            }
        });
        match deleted {
            Ok(deleted) if deleted || args.if_exists => {
                session.said(&json!({ "name": name, "deleted": deleted }), || {
                    format!("{} topic {name}", if deleted { "deleted" } else { "there is no" })
                })?;
            }
            Ok(_) => failures.push(format!("there is no topic {name}")),
            Err(error) => failures.push(error.to_string()),
        }
    }
    unless_failed(&failures)
}

pub(super) fn alter(session: &mut Session<'_>, args: &Alter) -> Result<(), CliError> {
    if let Some(count) = args.partitions {
        set_partitions(session, &args.name, count)?;
    }
    if !args.config.is_empty() || !args.delete_config.is_empty() {
        set_configs(session, args)?;
    }
    session.said(&json!({ "name": args.name, "altered": true }), || format!("altered topic {}", args.name))
}

fn set_partitions(session: &mut Session<'_>, name: &str, count: i32) -> Result<(), ClientError> {
    let request = CreatePartitionsRequest {
        topics: vec![CreatePartitionsTopic {
            name: name.into(),
            count,
            assignments: None,
            ..Default::default()
        }],
        timeout_ms: session.cluster.timeout_ms(),
        ..Default::default()
    };
    session.cluster.topics(Some(&[name.to_owned()]))?;
    session.cluster.retrying(|cluster| {
        let reply = cluster.ask_controller(&request)?;
        let result = reply.decode()?.results.into_iter().next().unwrap_or_default();
        ClientError::check(result.error_code, result.error_message.as_deref(), || subject(name))
    })
}

fn set_configs(session: &mut Session<'_>, args: &Alter) -> Result<(), ClientError> {
    let set = args.config.iter().map(|(key, value)| AlterableConfig {
        name: key.as_str().into(),
        config_operation: SET,
        value: Some(value.as_str().into()),
        ..Default::default()
    });
    let delete = args.delete_config.iter().map(|key| AlterableConfig {
        name: key.as_str().into(),
        config_operation: DELETE,
        value: None,
        ..Default::default()
    });
    let request = IncrementalAlterConfigsRequest {
        resources: vec![AlterConfigsResource {
            resource_type: TOPIC_RESOURCE,
            resource_name: args.name.as_str().into(),
            configs: set.chain(delete).collect(),
            ..Default::default()
        }],
        ..Default::default()
    };
    session.cluster.topics(Some(std::slice::from_ref(&args.name)))?;
    session.cluster.retrying(|cluster| {
        let reply = cluster.ask_controller(&request)?;
        let result = reply.decode()?.responses.into_iter().next().unwrap_or_default();
        ClientError::check(result.error_code, result.error_message.as_deref(), || subject(&args.name))
    })
}

fn subject(name: &str) -> String {
    format!("topic {name}")
}

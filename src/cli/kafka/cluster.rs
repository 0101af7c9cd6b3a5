//! `kafka-cluster` and `kafka-broker-api-versions`.
use std::io::Write;

use super::Tool;
use super::connect::Connect;
use crate::cli::CliError;
use crate::cli::client::{ClientError, Cluster};
use crate::schema::Api;
use crate::schema::clients::metadata_request::MetadataRequest;

/// Ask for the id of a cluster
#[derive(Debug, clap::Parser)]
#[command(name = "kafka-cluster", version)]
pub(super) struct KafkaCluster {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Print the id of the cluster
    ClusterId(Connect),
}

impl Tool for KafkaCluster {
    fn run(&self, out: &mut dyn Write) -> Result<(), CliError> {
        let Action::ClusterId(connect) = &self.action;
        let id = cluster_id(&mut connect.cluster()?)?;
        Ok(writeln!(out, "Cluster ID: {}", id.unwrap_or_default())?)
    }
}

fn cluster_id(cluster: &mut Cluster) -> Result<Option<String>, ClientError> {
    let request = MetadataRequest { topics: Some(Vec::new()), ..Default::default() };
    cluster.retrying(|cluster| {
        let reply = cluster.ask(&request)?;
        Ok(reply.decode()?.cluster_id.map(|id| id.into_owned()))
    })
}

/// Print which versions of which APIs each broker speaks
#[derive(Debug, clap::Parser)]
#[command(name = "kafka-broker-api-versions", version)]
pub(super) struct BrokerApiVersions {
    #[command(flatten)]
    connect: Connect,
}

impl Tool for BrokerApiVersions {
    fn run(&self, out: &mut dyn Write) -> Result<(), CliError> {
        let mut cluster = self.connect.cluster()?;
        for id in cluster.broker_ids() {
            let broker = cluster.broker(id)?;
            writeln!(out, "{} (id: {id} rack: null isFenced: false) -> (", broker.address())?;
            let lines: Vec<String> = broker.versions().map(line).collect();
            writeln!(out, "{}\n)", lines.join(",\n"))?;
        }
        Ok(())
    }
}

/// `Produce(0): 0 to 13 [usable: 13]`: the last is the newest that Klamm's schemas know too.
fn line((key, min, max): (i16, i16, i16)) -> String {
    match Api::by_key(key) {
        Some(api) if api.min_version <= max && min <= api.max_version => {
            format!("\t{}({key}): {min} to {max} [usable: {}]", api.name, api.max_version.min(max))
        }
        Some(api) => format!("\t{}({key}): {min} to {max} [unusable: node too old]", api.name),
        None => format!("\tUNKNOWN({key}): {min} to {max}"),
    }
}

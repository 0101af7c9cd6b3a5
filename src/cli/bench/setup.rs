//! What every load needs first: its settings, a topic, and connections to the leaders of its partitions.
use std::collections::BTreeMap;
use std::time::Duration;

use super::link::Link;
use super::run::Length;
use crate::cli::client::{ClientError, Cluster, Connection, Isolation, LATEST, Options, Request};
use crate::cli::{CliError, key_value};
use crate::schema::ErrorCode;
use crate::schema::clients::create_topics_request::{
    CreatableTopic, CreatableTopicConfig, CreateTopicsRequest,
};
use crate::schema::clients::delete_topics_request::{DeleteTopicState, DeleteTopicsRequest};

/// "As many as the broker's default says" in a request.
const BROKER_DEFAULT: i16 = -1;
/// How long a topic may take to have its leaders, once it is made.
const CREATION: Duration = Duration::from_secs(60);

/// Settings of every load.
#[derive(Clone, Debug, clap::Args)]
pub struct Common {
    /// The topic; made if there is none, and then deleted at the end
    #[arg(short, long, default_value = "klamm-bench", global = true)]
    pub topic: String,
    /// Partitions of the topic if it is made
    #[arg(long, default_value_t = 4, global = true, value_parser = clap::value_parser!(i32).range(1..))]
    pub partitions: i32,
    /// A setting of the topic if it is made, for instance flush.messages=1; may be repeated
    #[arg(long = "topic-config", value_name = "KEY=VALUE", value_parser = key_value, global = true)]
    pub configs: Vec<(String, String)>,
    /// Do not delete the topic
    #[arg(long, global = true)]
    pub keep: bool,
    /// How long to measure
    #[arg(short, long, value_name = "SECONDS", default_value_t = 10.0, value_parser = seconds, global = true)]
    pub duration: f64,
    /// How long to run before, without measuring
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0, value_parser = seconds, global = true)]
    pub warmup: f64,
    /// Process id of the broker, if it runs here: its CPU time and memory are reported
    #[arg(long, value_name = "PID", global = true)]
    pub server_pid: Option<u32>,
    /// Report as JSON
    #[arg(long, global = true)]
    pub json: bool,
    /// Where the cluster is.
    #[command(flatten)]
    pub options: Options,
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|_| "give a number of seconds".to_owned())?;
    if (0.0..=864_000.0).contains(&seconds) {
        Ok(seconds)
    } else {
        Err("give 0 to 864000 seconds".to_owned())
    }
}

impl Common {
    /// A run of the given duration.
    #[must_use]
    pub fn length(&self) -> Length {
        Length {
            warmup: Duration::from_secs_f64(self.warmup),
            measured: Some(Duration::from_secs_f64(self.duration)),
        }
    }

    /// Connects; nothing is tried again.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`], [`ClientError::NotKafka`].
    pub fn connect(&self) -> Result<Cluster, ClientError> {
        Cluster::connect(&self.options)
    }
}

/// A topic that a load works on.
#[derive(Debug)]
pub struct Ground {
    /// Its name.
    pub name: String,
    /// Its id.
    pub id: [u8; 16],
    /// All its partitions.
    pub partitions: Vec<i32>,
    /// The partitions that each broker leads.
    pub leaders: BTreeMap<i32, Vec<i32>>,
    /// Whether this run made it.
    is_own: bool,
}

impl Ground {
    /// Finds the topic of these settings, or makes it.
    ///
    /// # Errors
    /// What the brokers refuse.
    pub fn prepare(cluster: &mut Cluster, common: &Common) -> Result<Self, ClientError> {
        let is_own = create(cluster, common)?;
        let mut ground = cluster.retrying_for(CREATION, |cluster| Self::find(cluster, &common.topic))?;
        ground.is_own = is_own;
        // Metadata names leaders before they know of it: a leader that answers is one.
        let asked = ground.partitions.iter().map(|&partition| (partition, LATEST)).collect();
        cluster.offsets(&common.topic, &asked, Isolation::ReadUncommitted)?;
        Ok(ground)
    }

    /// Finds a topic that is there.
    ///
    /// # Errors
    /// [`ClientError::Refused`] if there is none.
    pub fn find(cluster: &mut Cluster, name: &str) -> Result<Self, ClientError> {
        let topic = cluster.topic(name, false)?.clone();
        let partitions: Vec<i32> = topic.partitions.iter().map(|partition| partition.index).collect();
        let leaders = cluster.by_leader(name, partitions.iter().copied())?;
        Ok(Self { name: topic.name, id: topic.id, partitions, leaders, is_own: false })
    }

    /// Deletes the topic if this run made it and the user does not want to keep it.
    ///
    /// # Errors
    /// What the brokers refuse.
    pub fn clear(self, cluster: &mut Cluster, common: &Common) -> Result<(), ClientError> {
        if !self.is_own || common.keep {
            return Ok(());
        }
        let request = DeleteTopicsRequest {
            topics: vec![DeleteTopicState { name: Some(self.name.as_str().into()), ..Default::default() }],
            topic_names: vec![self.name.as_str().into()],
            timeout_ms: cluster.timeout_ms(),
            ..Default::default()
        };
        // The connections of the setup may have been idle for longer than brokers bear.
        cluster.forget();
        let reply = cluster.ask_controller(&request)?;
        let result = reply.decode()?.responses.into_iter().next().unwrap_or_default().into_static();
        ClientError::check(result.error_code, result.error_message.as_deref(), || {
            format!("topic {}", self.name)
        })
    }

    /// Deals the partitions out to clients: each gets a share of every leader's, `clients` to a partition
    /// if there are fewer partitions than clients. Gives leader and partitions.
    #[must_use]
    pub fn deal(&self, client: usize, clients: usize) -> Vec<(i32, Vec<i32>)> {
        let share = |partitions: &Vec<i32>| -> Vec<i32> {
            let own = |at: usize| at % clients.max(1) == client % partitions.len().max(1);
            let dealt = partitions.iter().enumerate().filter(|(at, _)| own(*at));
            dealt.map(|(_, &partition)| partition).collect()
        };
        let dealt = self.leaders.iter().map(|(&leader, partitions)| (leader, share(partitions)));
        dealt.filter(|(_, partitions)| !partitions.is_empty()).collect()
    }
}

/// Makes the topic; false if it is there already.
fn create(cluster: &mut Cluster, common: &Common) -> Result<bool, ClientError> {
    let config = |(key, value): &(String, String)| CreatableTopicConfig {
        name: key.clone().into(),
        value: Some(value.clone().into()),
        ..Default::default()
    };
    let request = CreateTopicsRequest {
        topics: vec![CreatableTopic {
            name: common.topic.as_str().into(),
            num_partitions: common.partitions,
            replication_factor: BROKER_DEFAULT,
            configs: common.configs.iter().map(config).collect(),
            ..Default::default()
        }],
        timeout_ms: cluster.timeout_ms(),
        ..Default::default()
    };
    cluster.retrying(|cluster| {
        let reply = cluster.ask_controller(&request)?;
        let topic = reply.decode()?.topics.into_iter().next().unwrap_or_default().into_static();
        match ErrorCode(topic.error_code) {
            ErrorCode::TOPIC_ALREADY_EXISTS => Ok(false),
            code => ClientError::check(code.code(), topic.error_message.as_deref(), || {
                format!("topic {}", common.topic)
            })
            .map(|()| true),
        }
    })
}

/// A connection of its own to a broker, and the version of `R` that it speaks, which is at most `most`.
///
/// # Errors
/// Those of connecting.
pub fn link<R: Request>(cluster: &Cluster, broker: i32, most: i16) -> Result<(Link, i16), ClientError> {
    let (connection, version) = connection::<R>(cluster, broker)?;
    Ok((Link::new(connection, cluster.timeout()), version.min(most)))
}

fn connection<R: Request>(cluster: &Cluster, broker: i32) -> Result<(Connection, i16), ClientError> {
    let connection = cluster.open(broker)?;
    let version = connection.version::<R>()?;
    Ok((connection, version))
}

/// What can be said of a command that cannot go on.
///
/// # Errors
/// Always.
pub fn refuse<T>(text: impl Into<String>) -> Result<T, CliError> {
    Err(CliError::failed(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_are_dealt_out_and_none_is_left() {
        let ground = |partitions: i32| Ground {
            name: "t".into(),
            id: [0; 16],
            partitions: (0..partitions).collect(),
            leaders: BTreeMap::from([(1, (0..partitions).collect())]),
            is_own: false,
        };
        for (partitions, clients) in [(4, 1), (4, 2), (5, 3), (1, 3), (4, 6), (100, 7)] {
            let ground = ground(partitions);
            let mut counts = BTreeMap::new();
            for client in 0..clients {
                let dealt = ground.deal(client, clients);
                assert_eq!(dealt.len(), 1, "{partitions} {clients}: client {client} has work");
                for (_, own) in dealt {
                    own.into_iter().for_each(|p| *counts.entry(p).or_insert(0) += 1);
                }
            }
            assert_eq!(counts.len(), partitions as usize, "{partitions} {clients}");
            let spread = counts.values().max().unwrap() - counts.values().min().unwrap();
            assert!(spread <= 1, "{partitions} {clients}: {counts:?}");
        }
    }
}

//! The brokers behind the bootstrap addresses: who leads what, and trying again.
use std::collections::BTreeMap;
use std::time::Duration;

use super::connection::{Connection, Reply};
use super::error::ClientError;
use super::message::Request;
use crate::env::{Clock, SystemClock};
use crate::schema::ErrorCode;
use crate::schema::clients::metadata_request::{MetadataRequest, MetadataRequestTopic};
use crate::schema::clients::metadata_response::{MetadataResponse, MetadataResponseTopic};

/// Where a broker is looked for if nothing else is said.
const DEFAULT_SERVER: &str = "127.0.0.1:9092";
/// How long an operation may take if nothing else is said, in seconds.
const DEFAULT_TIMEOUT: u64 = 30;
/// The port of a bootstrap address that names none.
const DEFAULT_PORT: u16 = 9092;
/// First pause before trying again; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(20);
/// Longest pause before trying again.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// How to reach the cluster.
#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
pub struct Options {
    /// Where a broker is; several separated by commas
    #[arg(short, long, value_name = "HOST:PORT", env = "KLAMM_BOOTSTRAP_SERVER", global = true)]
    #[arg(default_value = DEFAULT_SERVER)]
    pub bootstrap_server: String,
    /// How long to wait for an answer, tries included
    #[arg(long, value_name = "SECONDS", default_value_t = DEFAULT_TIMEOUT, global = true)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub timeout: u64,
}

/// A topic as the cluster describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    /// Its name.
    pub name: String,
    /// Its id; zero if the broker is older than ids.
    pub id: [u8; 16],
    /// Kept by the brokers themselves.
    pub is_internal: bool,
    /// In the order of their index.
    pub partitions: Vec<Partition>,
}

/// A partition as the cluster describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// Its number, from 0.
    pub index: i32,
    /// Node id of the leader; `None` while there is none.
    pub leader: Option<i32>,
    /// Leader epoch; -1 if the broker does not say.
    pub leader_epoch: i32,
    /// Node ids of all replicas, the preferred leader first.
    pub replicas: Vec<i32>,
    /// Node ids of the replicas in sync.
    pub in_sync: Vec<i32>,
}

/// The cluster, with a connection to each broker that was needed so far.
#[derive(Debug)]
pub struct Cluster {
    servers: Vec<String>,
    timeout: Duration,
    clock: SystemClock,
    addresses: BTreeMap<i32, String>,
    controller: Option<i32>,
    bootstrap: Option<Connection>,
    brokers: BTreeMap<i32, Connection>,
    topics: BTreeMap<String, Topic>,
}

/// Splits `host:port,host` into addresses; a missing port is 9092.
///
/// # Errors
/// [`ClientError::BadAddress`].
pub fn parse_servers(list: &str) -> Result<Vec<String>, ClientError> {
    let bad = || ClientError::BadAddress(list.to_owned());
    let one = |server: &str| {
        let server = server.trim();
        // An IPv6 address has its colons in brackets.
        let after_host = server.rfind(']').map_or(server, |at| server.get(at..).unwrap_or_default());
        let (host, port) = match after_host.contains(':') {
            true => server.rsplit_once(':').ok_or_else(bad)?,
            false => (server, ""),
        };
        let port = if port.is_empty() { DEFAULT_PORT } else { port.parse().map_err(|_| bad())? };
        let plain =
            !host.is_empty() && !host.contains(['/', ' ']) && (host.starts_with('[') || !host.contains(':'));
        if plain { Ok(format!("{host}:{port}")) } else { Err(bad()) }
    };
    list.split(',').map(one).collect()
}

impl Cluster {
    /// Connects to the first bootstrap address that answers, and asks it for the brokers.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`] at once if no address answers; nothing is tried again.
    pub fn connect(options: &Options) -> Result<Self, ClientError> {
        let mut cluster = Self {
            servers: parse_servers(&options.bootstrap_server)?,
            timeout: Duration::from_secs(options.timeout),
            clock: SystemClock::new(),
            addresses: BTreeMap::new(),
            controller: None,
            bootstrap: None,
            brokers: BTreeMap::new(),
            topics: BTreeMap::new(),
        };
        cluster.fetch_metadata(Some(&[]), false)?;
        Ok(cluster)
    }

    /// How long an operation may take, tries included.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// The same for the broker to keep to, in ms.
    #[must_use]
    pub fn timeout_ms(&self) -> i32 {
        i32::try_from(self.timeout.as_millis()).unwrap_or(i32::MAX)
    }

    fn bootstrap(&mut self) -> Result<&mut Connection, ClientError> {
        let connection = match self.bootstrap.take() {
            Some(connection) => connection,
            None => self.open_any()?,
        };
        Ok(self.bootstrap.insert(connection))
    }

    /// The bootstrap addresses first, then every broker that was ever heard of.
    fn open_any(&self) -> Result<Connection, ClientError> {
        let mut last = String::from("no address was given");
        for address in self.servers.iter().chain(self.addresses.values()) {
            match Connection::open(address, self.timeout) {
                Ok(connection) => return Ok(connection),
                Err(ClientError::Unreachable { reason, .. }) => last = reason,
                Err(other) => return Err(other),
            }
        }
        Err(self.unreachable(&last))
    }

    fn unreachable(&self, reason: &str) -> ClientError {
        ClientError::Unreachable { servers: self.servers.join(","), reason: reason.to_owned() }
    }

    /// The connection to a broker.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`], also if no such broker is known.
    pub fn broker(&mut self, id: i32) -> Result<&mut Connection, ClientError> {
        let connection = match (self.brokers.remove(&id), self.addresses.get(&id)) {
            (Some(connection), _) => connection,
            (None, Some(address)) => Connection::open(address, self.timeout)?,
            (None, None) => return Err(self.unreachable(&format!("broker {id} is not known"))),
        };
        Ok(self.brokers.entry(id).or_insert(connection))
    }

    /// A new connection to a broker, of which the cluster keeps nothing.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`], also if no such broker is known.
    pub fn open(&self, id: i32) -> Result<Connection, ClientError> {
        match self.addresses.get(&id) {
            Some(address) => Connection::open(address, self.timeout),
            None => Err(self.unreachable(&format!("broker {id} is not known"))),
        }
    }

    /// Node ids of all brokers that run.
    #[must_use]
    pub fn broker_ids(&self) -> Vec<i32> {
        self.addresses.keys().copied().collect()
    }

    /// Drops what may be stale, so that the next step connects and asks anew.
    pub fn forget(&mut self) {
        self.bootstrap = None;
        self.brokers.clear();
        self.topics.clear();
    }

    /// Asks any broker, once.
    ///
    /// # Errors
    /// Those of a request.
    pub fn ask<R: Request>(&mut self, request: &R) -> Result<Reply<R>, ClientError> {
        self.bootstrap()?.ask(request)
    }

    /// Asks the controller, or the broker that stands for it, once.
    ///
    /// # Errors
    /// Those of a request.
    pub fn ask_controller<R: Request>(&mut self, request: &R) -> Result<Reply<R>, ClientError> {
        match self.controller {
            Some(id) => self.broker(id)?.ask(request),
            None => self.ask(request),
        }
    }

    /// Does `operation` until it succeeds, fails for good, or the time is up. Between tries the
    /// connections and the metadata are dropped.
    ///
    /// # Errors
    /// The last error of `operation`.
    pub fn retrying<T>(
        &mut self,
        operation: impl FnMut(&mut Self) -> Result<T, ClientError>,
    ) -> Result<T, ClientError> {
        self.retrying_for(self.timeout, operation)
    }

    /// [`retrying`](Self::retrying) for at most `limit`.
    ///
    /// # Errors
    /// The last error of `operation`.
    pub fn retrying_for<T>(
        &mut self,
        limit: Duration,
        mut operation: impl FnMut(&mut Self) -> Result<T, ClientError>,
    ) -> Result<T, ClientError> {
        let deadline = self.clock.elapsed().saturating_add(limit);
        let mut pause = FIRST_PAUSE;
        loop {
            let error = match operation(self) {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            if !error.is_retriable() || self.clock.elapsed().saturating_add(pause) >= deadline {
                return Err(error);
            }
            wait(pause);
            pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
            self.forget();
            // Who leads may have changed; if nobody answers, the operation will say so.
            let _ = self.fetch_metadata(Some(&[]), false);
        }
    }

    /// The topics named, or all; an unknown one is an error. Tried again while leaders are missing.
    ///
    /// # Errors
    /// [`ClientError::Refused`] for a topic that does not exist or may not be seen.
    pub fn topics(&mut self, names: Option<&[String]>) -> Result<Vec<Topic>, ClientError> {
        let found = self.fetch_metadata(names, false)?;
        found.into_iter().map(|(name, topic)| topic.map_err(|code| unusable(&name, code))).collect()
    }

    /// A topic, from memory if it is there. With `create`, a broker that makes topics by itself is
    /// asked to; it needs a moment, so the caller tries again for a while.
    ///
    /// # Errors
    /// [`ClientError::Refused`] for a topic that does not exist or may not be seen.
    pub fn topic(&mut self, name: &str, create: bool) -> Result<&Topic, ClientError> {
        if !self.topics.contains_key(name) {
            for (name, topic) in self.fetch_metadata(Some(&[name.to_owned()]), create)? {
                let topic = topic.map_err(|code| unusable(&name, code))?;
                self.topics.insert(name, topic);
            }
        }
        self.topics.get(name).ok_or_else(|| unusable(name, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION))
    }

    /// The topic that has this id, if it was asked for before.
    #[must_use]
    pub fn topic_by_id(&self, id: &[u8; 16]) -> Option<&Topic> {
        self.topics.values().find(|topic| topic.id == *id)
    }

    fn fetch_metadata(
        &mut self,
        names: Option<&[String]>,
        create: bool,
    ) -> Result<Vec<Described>, ClientError> {
        let request = MetadataRequest {
            topics: names.map(|names| names.iter().map(|name| topic_named(name)).collect()),
            allow_auto_topic_creation: create,
            ..Default::default()
        };
        let reply = match self.ask(&request) {
            Ok(reply) => reply,
            Err(error) => {
                self.bootstrap = None;
                return Err(error);
            }
        };
        let response = reply.decode()?;
        ClientError::check(response.error_code, None, || "the cluster's metadata".into())?;
        self.learn(&response);
        Ok(response.topics.iter().map(read_topic).collect())
    }

    fn learn(&mut self, response: &MetadataResponse<'_>) {
        let brokers = response.brokers.iter();
        self.addresses = brokers.map(|broker| (broker.node_id, join(&broker.host, broker.port))).collect();
        self.controller = Some(response.controller_id).filter(|id| self.addresses.contains_key(id));
    }
}

/// A topic's name, and the topic or why it cannot be used.
type Described = (String, Result<Topic, ErrorCode>);

/// `host:port`, with the brackets that an IPv6 address needs.
fn join(host: &str, port: i32) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

fn topic_named(name: &str) -> MetadataRequestTopic<'_> {
    MetadataRequestTopic { name: Some(name.into()), ..Default::default() }
}

fn unusable(name: &str, code: ErrorCode) -> ClientError {
    ClientError::Refused { subject: format!("topic {name}"), code, message: None }
}

fn read_topic(topic: &MetadataResponseTopic<'_>) -> Described {
    let name = topic.name.as_deref().unwrap_or_default().to_owned();
    if topic.error_code != 0 {
        return (name, Err(ErrorCode(topic.error_code)));
    }
    let mut partitions: Vec<_> = topic
        .partitions
        .iter()
        .map(|p| Partition {
            index: p.partition_index,
            leader: Some(p.leader_id).filter(|&id| id >= 0),
            leader_epoch: p.leader_epoch,
            replicas: p.replica_nodes.clone(),
            in_sync: p.isr_nodes.clone(),
        })
        .collect();
    partitions.sort_by_key(|partition| partition.index);
    let topic = Topic { name: name.clone(), id: topic.topic_id, is_internal: topic.is_internal, partitions };
    (name, Ok(topic))
}

#[allow(clippy::disallowed_methods, reason = "a command that tries again has nothing else to do meanwhile")]
fn wait(pause: Duration) {
    std::thread::sleep(pause);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_host_and_port() {
        let cases = [
            ("a:1", Some(vec!["a:1"])),
            ("a", Some(vec!["a:9092"])),
            ("a:1, b:2", Some(vec!["a:1", "b:2"])),
            ("[::1]:1", Some(vec!["[::1]:1"])),
            ("[::1]", Some(vec!["[::1]:9092"])),
            ("::1", None),
            ("", None),
            ("a:x", None),
            ("a:70000", None),
            ("http://a:1", None),
        ];
        for (list, want) in cases {
            let want = want.map(|list| list.into_iter().map(str::to_owned).collect());
            assert_eq!(parse_servers(list).ok(), want, "{list}");
        }
    }
}

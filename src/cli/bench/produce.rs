//! `klamm bench produce`: how much goes in, how fast it is acknowledged, and at what cost.
use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::pace::Pace;
use super::report::Report;
use super::run::{Client, Length, supervise};
use super::sender::Sender;
use super::setup::{Common, Ground, link};
use super::template::{Author, Body, Envelope, Shape, Template, body};
use super::transact::Transactor;
use crate::cli::CliError;
use crate::cli::client::{ClientError, Cluster};
use crate::cli::produce::{acks, codec};
use crate::record::{Codec, Compression};
use crate::schema::clients::init_producer_id_request::InitProducerIdRequest;
use crate::schema::clients::produce_request::ProduceRequest;
use crate::types::{ProducerEpoch, ProducerId};

const EXAMPLES: &str = "\
Examples:
  klamm bench produce                                     as much as goes, for 10 s
  klamm bench produce --rate 1000 --linger 0              one record each millisecond
  klamm bench produce --size 100 --compression lz4 --entropy 20
  klamm bench produce --clients 20 --partitions 1000 --batch-size 1 --in-flight 1
  klamm bench produce --transaction 100 --partitions 1    transactions of 100 records
  klamm bench produce --records 1000000 --keep -t filled  something to consume

With --rate, latency counts from the time at which a record was to be sent (a server that stalls is \
charged with all that waits meanwhile); without, from when it was sent.";

/// The last version of Produce that leaves it to the client to add partitions to its transaction.
const LAST_EXPLICIT: i16 = 11;
/// Memory for record bodies, in bytes.
const BODIES: usize = 64 << 20;
/// Most different bodies for a partition.
const VARIANTS: usize = 8;

/// What producers send.
#[derive(Clone, Debug, clap::Args)]
pub struct Load {
    /// Bytes of a record's value
    #[arg(short, long, value_name = "BYTES", default_value_t = 1024)]
    pub size: usize,
    /// Records per second of all clients together [default: as many as replies allow]
    #[arg(short, long, value_name = "N")]
    pub rate: Option<f64>,
    /// Clients, each with connections of its own
    #[arg(short, long, value_name = "N", default_value_t = 1)]
    pub clients: usize,
    /// Bytes of a batch before compression; at least one record
    #[arg(long, value_name = "BYTES", default_value_t = 64 * 1024)]
    pub batch_size: usize,
    /// How long a record may wait for others, in ms; matters with --rate
    #[arg(long, value_name = "MS", default_value_t = 5.0)]
    pub linger: f64,
    /// Partitions that a request has batches for
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub partitions_per_request: usize,
    /// Requests of a connection without reply
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub in_flight: usize,
    /// How batches are compressed
    #[arg(short = 'z', long, value_name = "CODEC", default_value = "none", value_parser = codec())]
    pub compression: Codec,
    /// Percentage of a value that is random; the rest compresses well
    #[arg(long, value_name = "PERCENT", default_value_t = 100, value_parser = clap::value_parser!(u8).range(..=100))]
    pub entropy: u8,
    /// Distinct keys; 0 for none
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub keys: u64,
    /// Who must have a record before it counts as written: all replicas in sync, 1 (the leader), 0 (nobody)
    #[arg(long, default_value = "all", value_parser = acks())]
    pub acks: i16,
    /// Number the batches, so that the broker tells repeated ones apart
    #[arg(long)]
    pub idempotent: bool,
}

/// Send records as fast as they are acknowledged, or at a rate
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    load: Load,
    /// Stop after this many records instead of after a time
    #[arg(short = 'n', long, value_name = "N")]
    records: Option<u64>,
    /// Send transactions of this many records
    #[arg(long, value_name = "RECORDS", conflicts_with_all = ["rate", "idempotent"])]
    transaction: Option<u64>,
    /// The settings of every load.
    #[command(flatten)]
    pub common: Common,
}

impl Load {
    /// What the settings are, for the report.
    #[must_use]
    pub fn to_json(&self, ground: &Ground, records_per_batch: u64) -> Value {
        json!({
            "topic": ground.name,
            "partitions": ground.partitions.len(),
            "size": self.size,
            "rate": self.rate,
            "clients": self.clients,
            "records_per_batch": records_per_batch,
            "partitions_per_request": self.partitions_per_request,
            "in_flight": self.in_flight,
            "compression": self.compression.name(),
            "acks": self.acks,
            "idempotent": self.idempotent,
        })
    }

    /// Records of a batch, at this rate of a connection.
    #[must_use]
    pub fn records_per_batch(&self, rate: Option<f64>) -> u64 {
        let room = self.batch_size.checked_div(self.size.max(1)).unwrap_or(1) as u64;
        let linger = Duration::from_secs_f64((self.linger / 1000.0).clamp(0.0, 3600.0));
        Pace::new(Duration::ZERO, rate).batch(room.max(1), linger)
    }

    /// Connections that the load takes; each broker that leads has one of each client.
    #[must_use]
    pub fn connections(&self, ground: &Ground) -> usize {
        self.clients.saturating_mul(ground.leaders.len()).max(1)
    }

    /// The records of a connection per second.
    #[must_use]
    pub fn rate_of_one(&self, ground: &Ground) -> Option<f64> {
        self.rate.map(|rate| rate / self.connections(ground) as f64)
    }

    fn shape(&self, records: u64) -> Shape {
        Shape {
            records,
            value: self.size,
            entropy: self.entropy,
            keys: self.keys,
            compression: Compression::of(self.compression),
        }
    }

    /// The bodies of all batches: several for each partition, or for all alike if records have no keys.
    ///
    /// # Errors
    /// The codec fails.
    pub fn bodies(&self, ground: &Ground, records: u64) -> Result<Bodies, CliError> {
        let shape = self.shape(records);
        let homes = if self.keys > 0 { ground.partitions.clone() } else { vec![0] };
        let size = self.size.saturating_mul(usize::try_from(records).unwrap_or(usize::MAX)).max(1);
        let variants = BODIES.checked_div(size.saturating_mul(homes.len())).unwrap_or(0).clamp(1, VARIANTS);
        let mut bodies = BTreeMap::new();
        for (at, &home) in homes.iter().enumerate() {
            let make = |variant: usize| {
                body(&shape, (at * VARIANTS + variant) as u64, home, ground.partitions.len()).map(Arc::new)
            };
            let made: Result<Vec<_>, _> = (0..variants).map(make).collect();
            bodies.insert(home, made.map_err(|error| CliError::failed(error.to_string()))?);
        }
        Ok(Bodies(bodies))
    }

    /// One client's connections, ready to send.
    ///
    /// # Errors
    /// Those of connecting, and of getting a producer id.
    pub fn senders(
        &self,
        cluster: &mut Cluster,
        ground: &Ground,
        bodies: &Bodies,
        client: usize,
    ) -> Result<Vec<Sender>, CliError> {
        let mut senders = Vec::new();
        for (&leader, partitions) in &ground.leaders {
            let (link, version) = link::<ProduceRequest<'_>>(cluster, leader, i16::MAX)?;
            let envelope = self.envelope(cluster, ground, version, None);
            let author = if self.idempotent { Some(identify(cluster, None)?) } else { None };
            senders.push(Sender {
                link,
                version,
                templates: self.templates(&envelope, partitions, bodies, client),
                rate: self.rate_of_one(ground),
                window: self.in_flight.max(1),
                has_replies: self.acks != 0,
                author,
                sequences: BTreeMap::new(),
                quota: None,
                is_noted: false,
                topic: ground.name.clone(),
            });
        }
        Ok(senders)
    }

    fn envelope(
        &self,
        cluster: &Cluster,
        ground: &Ground,
        version: i16,
        transactional_id: Option<String>,
    ) -> Envelope {
        Envelope {
            version,
            acks: self.acks,
            timeout_ms: cluster.timeout_ms(),
            topic: ground.name.clone(),
            topic_id: ground.id,
            transactional_id,
        }
    }

    /// Requests that go through all partitions in turn, each client beginning at another one.
    fn templates(
        &self,
        envelope: &Envelope,
        partitions: &[i32],
        bodies: &Bodies,
        client: usize,
    ) -> Vec<Template> {
        let mut order = partitions.to_vec();
        let shift = client.saturating_mul(order.len()) / self.clients.max(1);
        let len = order.len().max(1);
        order.rotate_left(shift % len);
        let variants = if order.len() > VARIANTS { 1 } else { VARIANTS };
        let groups = (0..variants).flat_map(|variant| {
            order.chunks(self.partitions_per_request.max(1)).map(move |group| (variant, group))
        });
        groups
            .map(|(variant, group)| {
                let batches: Vec<_> = group
                    .iter()
                    .filter_map(|&partition| Some((partition, bodies.of(partition, variant)?)))
                    .collect();
                Template::new(envelope, &batches)
            })
            .collect()
    }
}

/// Record bodies by partition.
#[derive(Debug)]
pub struct Bodies(BTreeMap<i32, Vec<Arc<Body>>>);

impl Bodies {
    fn of(&self, partition: i32, variant: usize) -> Option<Arc<Body>> {
        let bodies = self.0.get(&partition).or_else(|| self.0.values().next())?;
        bodies.get(variant.checked_rem(bodies.len())?).cloned()
    }
}

/// Asks for a producer id.
///
/// # Errors
/// What the broker refuses.
pub fn identify(cluster: &mut Cluster, transactional_id: Option<&str>) -> Result<Author, ClientError> {
    let request = InitProducerIdRequest {
        transactional_id: transactional_id.map(Into::into),
        transaction_timeout_ms: 60_000,
        producer_id: ProducerId::NONE.get(),
        producer_epoch: ProducerEpoch::NONE.get(),
        ..Default::default()
    };
    cluster.retrying(|cluster| {
        let reply = match transactional_id {
            Some(id) => {
                let node = cluster.transaction_coordinator(id)?;
                cluster.broker(node)?.ask(&request)?
            }
            None => cluster.ask(&request)?,
        };
        let response = reply.decode()?;
        ClientError::check(response.error_code, None, || "the identity of a producer".into())?;
        Ok(Author {
            id: ProducerId(response.producer_id),
            epoch: ProducerEpoch(response.producer_epoch),
            is_transactional: transactional_id.is_some(),
        })
    })
}

/// Runs `klamm bench produce`.
///
/// # Errors
/// What the brokers refuse; the connection breaks.
pub fn run(args: &Args, out: &mut dyn Write) -> Result<(), CliError> {
    let Args { load, common, .. } = args;
    let mut cluster = common.connect()?;
    let ground = Ground::prepare(&mut cluster, common)?;
    let report = match args.transaction {
        Some(records) => transact(args, records, &mut cluster, &ground)?,
        None => {
            let records = load.records_per_batch(load.rate_of_one(&ground));
            let bodies = load.bodies(&ground, records)?;
            let connections = load.connections(&ground) as u64;
            let mut clients = Vec::new();
            for client in 0..load.clients {
                for mut sender in load.senders(&mut cluster, &ground, &bodies, client)? {
                    sender.quota = args.records.map(|all| all.div_ceil(connections));
                    clients.push(Client::new("produce", move |run| sender.work(run)));
                }
            }
            let outcome = supervise(clients, length(args), common.server_pid)?;
            Report::new(load.to_json(&ground, records), outcome)
        }
    };
    ground.clear(&mut cluster, common)?;
    report.write(out, common.json)
}

fn length(args: &Args) -> Length {
    match args.records {
        Some(_) => Length { warmup: Duration::ZERO, measured: None },
        None => args.common.length(),
    }
}

fn transact(args: &Args, records: u64, cluster: &mut Cluster, ground: &Ground) -> Result<Report, CliError> {
    let Args { load, common, .. } = args;
    let per_batch = load.records_per_batch(None).min(records);
    let bodies = load.bodies(ground, per_batch)?;
    let mut clients = Vec::new();
    for client in 0..load.clients {
        let (&leader, partitions) = match ground.leaders.first_key_value() {
            Some(first) => first,
            None => continue,
        };
        let id = format!("klamm-bench-{client}");
        let author = identify(cluster, Some(&id))?;
        let (link, version) = link::<ProduceRequest<'_>>(cluster, leader, LAST_EXPLICIT)?;
        let envelope = load.envelope(cluster, ground, version, Some(id.clone()));
        let coordinator = cluster.transaction_coordinator(&id)?;
        let transactor = Transactor {
            coordinator: cluster.open(coordinator)?,
            sender: Sender {
                link,
                version,
                templates: load.templates(&envelope, partitions, &bodies, client),
                rate: None,
                window: load.in_flight.max(1),
                has_replies: true,
                author: Some(author),
                sequences: BTreeMap::new(),
                quota: None,
                is_noted: false,
                topic: ground.name.clone(),
            },
            id,
            author,
            records,
            quota: args.records.map(|all| all.div_ceil(load.clients.max(1) as u64)),
        };
        clients.push(Client::new("transactions", move |run| transactor.work(run)));
    }
    let outcome = supervise(clients, length(args), common.server_pid)?;
    let mut settings = load.to_json(ground, per_batch);
    if let Some(settings) = settings.as_object_mut() {
        settings.insert("records_per_transaction".into(), json!(records));
    }
    Ok(Report::new(settings, outcome))
}

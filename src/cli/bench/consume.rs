//! `klamm bench consume`: how fast a broker gives out what it has.
use std::collections::BTreeMap;
use std::io::Write;

use serde_json::json;

use super::reader::{LAST_FETCH, Position, Question, Reader};
use super::report::Report;
use super::run::{Client, Length, supervise};
use super::setup::{Common, Ground, link, refuse};
use crate::cli::CliError;
use crate::cli::client::{Cluster, EARLIEST, Isolation, LATEST};
use crate::schema::clients::fetch_request::FetchRequest;

const EXAMPLES: &str = "\
Examples:
  klamm bench produce --records 1000000 --keep -t filled
  klamm bench consume -t filled                    all of it, once, as fast as it comes
  klamm bench consume -t filled --clients 4 --passes 10
  klamm bench consume -t live --tail -d 60         what is written meanwhile

Records are thrown away unread; that no offset is missing is seen from the headers of their batches.";

/// How replies are asked for.
#[derive(Clone, Debug, clap::Args)]
pub struct Appetite {
    /// Most bytes of a reply
    #[arg(long, value_name = "BYTES", default_value_t = 8 << 20)]
    pub fetch_bytes: i32,
    /// Most bytes of one partition in a reply
    #[arg(long, value_name = "BYTES", default_value_t = 1 << 20)]
    pub partition_bytes: i32,
    /// Bytes that the broker shall wait for
    #[arg(long, value_name = "BYTES", default_value_t = 1)]
    pub min_bytes: i32,
    /// How long it may wait for them, in ms
    #[arg(long, value_name = "MS", default_value_t = 500)]
    pub max_wait: i32,
    /// Requests of a connection on their way, each for a share of its partitions
    #[arg(long = "fetches", value_name = "N", default_value_t = 2)]
    pub fetches: usize,
}

impl Default for Appetite {
    fn default() -> Self {
        Self { fetch_bytes: 8 << 20, partition_bytes: 1 << 20, min_bytes: 1, max_wait: 500, fetches: 2 }
    }
}

/// Read a topic from its start, or follow it
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Clients; they share the partitions
    #[arg(short, long, value_name = "N", default_value_t = 1)]
    clients: usize,
    /// How often all is read
    #[arg(long, value_name = "N", default_value_t = 1, conflicts_with = "tail")]
    passes: usize,
    /// Follow what is written, for --duration; each client reads all partitions
    #[arg(long)]
    tail: bool,
    /// Take gaps between offsets for granted: the topic is compacted
    #[arg(long)]
    gaps: bool,
    #[command(flatten)]
    appetite: Appetite,
    /// The settings of every load.
    #[command(flatten)]
    pub common: Common,
}

/// Where readers begin and end.
#[derive(Clone, Debug)]
pub struct Spans {
    /// Offset of the first record of each partition.
    pub starts: BTreeMap<i32, i64>,
    /// Offset after the last.
    pub ends: BTreeMap<i32, i64>,
}

impl Spans {
    /// Asks the leaders.
    ///
    /// # Errors
    /// What they refuse.
    pub fn ask(cluster: &mut Cluster, ground: &Ground) -> Result<Self, CliError> {
        let mut find = |timestamp| -> Result<BTreeMap<i32, i64>, CliError> {
            let asked = ground.partitions.iter().map(|&partition| (partition, timestamp)).collect();
            let found = cluster.offsets(&ground.name, &asked, Isolation::ReadUncommitted)?;
            Ok(found.into_iter().map(|(partition, offset)| (partition, offset.unwrap_or(0))).collect())
        };
        Ok(Self { starts: find(EARLIEST)?, ends: find(LATEST)? })
    }

    fn records(&self) -> i64 {
        let lengths = self
            .ends
            .iter()
            .map(|(partition, end)| end.saturating_sub(self.starts.get(partition).copied().unwrap_or(0)));
        lengths.fold(0, i64::saturating_add)
    }

    /// All that is there now.
    #[must_use]
    pub fn whole(&self, partition: i32) -> Position {
        let offset = |offsets: &BTreeMap<i32, i64>| offsets.get(&partition).copied();
        Position { partition, next: offset(&self.starts).unwrap_or(0), end: offset(&self.ends) }
    }

    /// All that comes from now on.
    #[must_use]
    pub fn tail(&self, partition: i32) -> Position {
        Position { partition, next: self.ends.get(&partition).copied().unwrap_or(0), end: None }
    }
}

impl Appetite {
    /// A reader of partitions of one leader.
    ///
    /// # Errors
    /// Those of connecting.
    pub fn reader(
        &self,
        cluster: &Cluster,
        ground: &Ground,
        leader: i32,
        positions: &[Position],
    ) -> Result<Reader, CliError> {
        let (link, version) = link::<FetchRequest<'_>>(cluster, leader, LAST_FETCH)?;
        let size = positions.len().div_ceil(self.fetches.max(1)).max(1);
        Ok(Reader {
            link,
            version,
            question: Question {
                topic: ground.name.clone(),
                topic_id: ground.id,
                max_bytes: self.fetch_bytes,
                partition_bytes: self.partition_bytes,
                min_bytes: self.min_bytes,
                max_wait_ms: self.max_wait,
            },
            groups: positions.chunks(size).map(<[Position]>::to_vec).collect(),
            is_noted: false,
            is_strict: true,
            rate: None,
        })
    }

    /// A reader of each leader's partitions from now on. One fetch asks for all of them: those of a
    /// connection are answered in order, and one that waits would hold up the next.
    ///
    /// # Errors
    /// Those of connecting.
    pub fn followers(
        &self,
        cluster: &Cluster,
        ground: &Ground,
        spans: &Spans,
    ) -> Result<Vec<Reader>, CliError> {
        let one = Self { fetches: 1, ..self.clone() };
        let followers = ground.leaders.iter().map(|(&leader, partitions)| {
            let positions: Vec<Position> = partitions.iter().map(|&p| spans.tail(p)).collect();
            one.reader(cluster, ground, leader, &positions)
        });
        followers.collect()
    }
}

/// Runs `klamm bench consume`.
///
/// # Errors
/// What the brokers refuse; the connection breaks; offsets are missing.
pub fn run(args: &Args, out: &mut dyn Write) -> Result<(), CliError> {
    let common = &args.common;
    let mut cluster = common.connect()?;
    let ground = Ground::find(&mut cluster, &common.topic)?;
    let spans = Spans::ask(&mut cluster, &ground)?;
    if !args.tail && spans.records() == 0 {
        return refuse(format!(
            "topic {0} has no records: fill it with `klamm bench produce -t {0} --records 1000000 --keep`, or give --tail",
            ground.name
        ));
    }
    let mut clients = Vec::new();
    for client in 0..args.clients {
        if args.tail {
            for mut reader in args.appetite.followers(&cluster, &ground, &spans)? {
                reader.is_strict = !args.gaps;
                clients.push(Client::new("consume", move |run| reader.work(run)));
            }
            continue;
        }
        // A client that has no partition of its own would read what another one reads.
        for (leader, partitions) in ground.deal(client, args.clients) {
            if client >= ground.partitions.len() {
                continue;
            }
            let positions: Vec<Position> = partitions.iter().map(|&p| spans.whole(p)).collect();
            let mut readers = Vec::new();
            for _ in 0..args.passes.max(1) {
                let mut reader = args.appetite.reader(&cluster, &ground, leader, &positions)?;
                reader.is_strict = !args.gaps;
                readers.push(reader);
            }
            clients.push(Client::new("consume", move |run| {
                let mut readers = readers.into_iter();
                let mut tally =
                    readers.next().map_or_else(super::tally::Tally::new, |first| first.work(run))?;
                for reader in readers {
                    tally.merge(&reader.work(run)?);
                }
                Ok(tally)
            }));
        }
    }
    let length = match args.tail {
        true => common.length(),
        false => Length { warmup: std::time::Duration::ZERO, measured: None },
    };
    let outcome = supervise(clients, length, common.server_pid)?;
    let settings = json!({
        "topic": ground.name,
        "partitions": ground.partitions.len(),
        "clients": args.clients,
        "passes": args.passes,
        "tail": args.tail,
        "fetch_bytes": args.appetite.fetch_bytes,
        "partition_bytes": args.appetite.partition_bytes,
    });
    Report::new(settings, outcome).write(out, common.json)
}

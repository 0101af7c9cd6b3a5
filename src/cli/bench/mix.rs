//! `klamm bench mix`: all loads together, each counted for itself. Run it for long, and see what drifts.
use std::io::Write;

use serde_json::json;

use super::connections;
use super::consume::{Appetite, Spans};
use super::groups;
use super::produce::Load;
use super::reader::Position;
use super::report::Report;
use super::run::{Client, supervise};
use super::setup::{Common, Ground};
use crate::cli::CliError;

const EXAMPLES: &str = "\
Examples:
  klamm bench mix --rate 20000 -d 600 --server-pid $(pidof klamm)
  klamm bench mix --greedy 1 --followers 10 --replays 2 --groups 50 --silent 1000

Producers at a rate are what is judged; greedy producers, consumers that replay all there is, groups and \
silent connections are what they have to live with.";

/// Run producers, consumers, groups and silent connections side by side
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = EXAMPLES, mut_arg("rate", |arg| arg.default_value("10000")))]
pub struct Args {
    #[command(flatten)]
    load: Load,
    /// Producers that send as much as they can
    #[arg(long, value_name = "N", default_value_t = 0)]
    greedy: usize,
    /// Consumers that follow what is written
    #[arg(long, value_name = "N", default_value_t = 2)]
    followers: usize,
    /// Consumers that read what is there at the start, over and over
    #[arg(long, value_name = "N", default_value_t = 0)]
    replays: usize,
    /// Connections that do nothing
    #[arg(long, value_name = "N", default_value_t = 0)]
    silent: usize,
    #[command(flatten)]
    groups: groups::Membership,
    /// The settings of every load.
    #[command(flatten)]
    pub common: Common,
}

/// Runs `klamm bench mix`.
///
/// # Errors
/// What the brokers refuse; a connection breaks; offsets are missing.
pub fn run(args: &Args, out: &mut dyn Write) -> Result<(), CliError> {
    let Args { load, common, .. } = args;
    let mut cluster = common.connect()?;
    let ground = Ground::prepare(&mut cluster, common)?;
    let spans = Spans::ask(&mut cluster, &ground)?;
    let records = load.records_per_batch(load.rate_of_one(&ground));
    let bodies = load.bodies(&ground, records)?;
    let greedy = Load { rate: None, clients: args.greedy, ..load.clone() };
    let full = greedy.bodies(&ground, greedy.records_per_batch(None))?;
    let appetite = Appetite::default();
    let mut clients = Vec::new();
    for client in 0..load.clients {
        for sender in load.senders(&mut cluster, &ground, &bodies, client)? {
            clients.push(Client::new("produce", move |run| sender.work(run)));
        }
    }
    for client in 0..args.greedy {
        for sender in greedy.senders(&mut cluster, &ground, &full, client)? {
            clients.push(Client::new("greedy", move |run| sender.work(run)));
        }
    }
    for _ in 0..args.followers {
        for reader in appetite.followers(&cluster, &ground, &spans)? {
            clients.push(Client::new("follow", move |run| reader.work(run)));
        }
    }
    for _ in 0..args.replays {
        for (&leader, partitions) in &ground.leaders {
            let whole: Vec<Position> = partitions.iter().map(|&p| spans.whole(p)).collect();
            let reader = appetite.reader(&cluster, &ground, leader, &whole)?;
            clients.push(Client::new("replay", move |run| reader.replay(run)));
        }
    }
    clients.extend(args.groups.clients(&mut cluster, &ground)?);
    let silent = connections::silent(&cluster, args.silent)?;
    let outcome = supervise(clients, common.length(), common.server_pid)?;
    drop(silent);
    let mut settings = load.to_json(&ground, records);
    if let Some(settings) = settings.as_object_mut() {
        let more = [
            ("greedy", args.greedy),
            ("followers", args.followers),
            ("replays", args.replays),
            ("silent", args.silent),
            ("groups", args.groups.groups),
            ("members", args.groups.members),
        ];
        settings.extend(more.map(|(name, count)| (name.to_owned(), json!(count))));
    }
    let report = Report::new(settings, outcome);
    ground.clear(&mut cluster, common)?;
    report.write(out, common.json)
}

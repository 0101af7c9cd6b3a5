//! `klamm bench latency`: how long after its time a record is with its consumer.
//!
//! Producer and consumer never speak of a record, only of its offset: the producer learns from the reply
//! which offsets a batch got, the consumer sees them come. Joined afterwards, they give the way end to
//! end, whatever the records hold and however they are compressed.
use std::collections::BTreeMap;
use std::io::Write;

use super::consume::{Appetite, Spans};
use super::produce::Load;
use super::report::Report;
use super::run::{Client, Outcome, supervise};
use super::setup::{Common, Ground, refuse};
use super::tally::{Latencies, Seen};
use crate::cli::CliError;

/// How long a broker may hold back a fetch that has nothing to bring, in ms: the readers end so much later
/// than the writers at most.
const MAX_WAIT: i32 = 100;

const EXAMPLES: &str = "\
Examples:
  klamm bench latency                                1,000 records per second, each on its own
  klamm bench latency --rate 50000 --clients 4 --linger 2
  klamm bench latency --acks 1 -d 60 --server-pid $(pidof klamm)

All latencies count from the time at which a record was to be sent.";

/// Measure the way of records from producer to consumer
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = EXAMPLES, mut_arg("rate", |arg| arg.default_value("1000")))]
#[command(mut_arg("linger", |arg| arg.default_value("0")))]
pub struct Args {
    #[command(flatten)]
    load: Load,
    /// The settings of every load.
    #[command(flatten)]
    pub common: Common,
}

/// Runs `klamm bench latency`.
///
/// # Errors
/// What the brokers refuse; a connection breaks; records are missing.
pub fn run(args: &Args, out: &mut dyn Write) -> Result<(), CliError> {
    let Args { load, common } = args;
    if load.acks == 0 {
        return refuse("with --acks 0 no reply says which offsets records got: take 1 or all");
    }
    let mut cluster = common.connect()?;
    let ground = Ground::prepare(&mut cluster, common)?;
    let spans = Spans::ask(&mut cluster, &ground)?;
    let records = load.records_per_batch(load.rate_of_one(&ground));
    let bodies = load.bodies(&ground, records)?;
    let appetite = Appetite { max_wait: MAX_WAIT, ..Appetite::default() };
    let mut clients = Vec::new();
    for mut reader in appetite.followers(&cluster, &ground, &spans)? {
        reader.is_noted = true;
        clients.push(Client::new("consume", move |run| reader.work(run)));
    }
    for client in 0..load.clients {
        for mut sender in load.senders(&mut cluster, &ground, &bodies, client)? {
            sender.is_noted = true;
            clients.push(Client::new("produce", move |run| sender.work(run)));
        }
    }
    let outcome = supervise(clients, common.length(), common.server_pid)?;
    let end_to_end = join(&outcome)?;
    let mut report = Report::new(load.to_json(&ground, records), outcome);
    report.latencies("end_to_end", end_to_end);
    ground.clear(&mut cluster, common)?;
    report.write(out, common.json)
}

/// The latencies of records that were due in the measured time.
fn join(outcome: &Outcome) -> Result<Latencies, CliError> {
    let of = |kind: &str| outcome.tallies.iter().find(|(known, _)| *known == kind);
    let mut came: BTreeMap<(i32, i64), Seen> = BTreeMap::new();
    for seen in of("consume").iter().flat_map(|(_, tally)| &tally.seen) {
        came.insert((seen.partition, seen.base), *seen);
    }
    let mut latencies = Latencies::new()?;
    for sent in of("produce").iter().flat_map(|(_, tally)| &tally.seen) {
        // The readers end with the run: what was sent last may not have reached them.
        let Some(came) = came.get(&(sent.partition, sent.base)) else { continue };
        let mut due = sent.at;
        for _ in 0..sent.records {
            if due >= outcome.from && due <= outcome.from.saturating_add(outcome.time) {
                latencies.add(came.at.saturating_sub(due), 1);
            }
            due = due.saturating_add(sent.period);
        }
    }
    Ok(latencies)
}

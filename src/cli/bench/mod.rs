//! `klamm bench`: loads on any Kafka, and what they measure.
//!
//! A load is a set of clients, a thread each ([`mod@run`]), which send what was made before ([`template`],
//! [`sender`]) or throw away what they get ([`reader`]). With a rate the loop is open ([`pace`]): latency
//! counts from the time at which a record was to be sent, so a server that stalls cannot hide it by
//! slowing its clients down.

mod connections;
mod consume;
mod groups;
mod latency;
mod link;
mod member;
mod mix;
mod pace;
mod produce;
mod reader;
mod report;
mod run;
mod sender;
mod server;
mod setup;
mod tally;
mod template;
mod transact;

use std::io::Write;

use clap::Subcommand;

use super::CliError;

const EXAMPLES: &str = "\
Examples:
  klamm bench produce                       as much as goes, for 10 s
  klamm bench latency --rate 1000           from producer to consumer
  klamm bench produce --help                each load has examples of its own

A load goes to any Kafka (--bootstrap-server). With --server-pid it tells what the broker's process cost.";

/// Put load on a broker and measure
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(subcommand)]
    load: Load,
}

#[derive(Debug, Subcommand)]
enum Load {
    Produce(Box<produce::Args>),
    Consume(Box<consume::Args>),
    Latency(Box<latency::Args>),
    Groups(Box<groups::Args>),
    Connections(Box<connections::Args>),
    Mix(Box<mix::Args>),
}

/// Runs `klamm bench`.
///
/// # Errors
/// What the brokers refuse; a connection breaks; records are missing.
pub fn run(args: &Args, out: &mut dyn Write) -> Result<(), CliError> {
    match &args.load {
        Load::Produce(args) => produce::run(args, out),
        Load::Consume(args) => consume::run(args, out),
        Load::Latency(args) => latency::run(args, out),
        Load::Groups(args) => groups::run(args, out),
        Load::Connections(args) => connections::run(args, out),
        Load::Mix(args) => mix::run(args, out),
    }
}

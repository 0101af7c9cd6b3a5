//! `klamm topic`: what topics there are, making, changing and deleting them.

mod change;
mod show;

use std::io::Write;

use super::CliError;
use super::client::{Cluster, Options};
use super::session::Session;

const EXAMPLES: &str = "\
Examples:
  klamm topic create orders --partitions 6 --config retention.ms=86400000
  klamm topic list
  klamm topic describe orders
  klamm topic alter orders --config cleanup.policy=compact --delete-config retention.ms
  klamm topic delete orders

Any of them takes -b HOST:PORT to reach another broker, and --json for programs.";

/// List, create, describe, delete and alter topics
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    options: Options,
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum Action {
    List(show::List),
    Create(change::Create),
    Describe(show::Describe),
    Delete(change::Delete),
    Alter(change::Alter),
}

/// Runs `klamm topic`.
///
/// # Errors
/// What the broker refuses.
pub fn run(args: &Args, out: &mut dyn Write) -> Result<(), CliError> {
    let mut cluster = Cluster::connect(&args.options)?;
    let mut session = Session { cluster: &mut cluster, out, json: args.json };
    match &args.action {
        Action::List(args) => show::list(&mut session, args),
        Action::Create(args) => change::create(&mut session, args),
        Action::Describe(args) => show::describe(&mut session, args),
        Action::Delete(args) => change::delete(&mut session, args),
        Action::Alter(args) => change::alter(&mut session, args),
    }
}

//! `klamm group`: what groups there are and how far they have read, and setting that anew.

mod describe;
mod description;
mod duration;
mod list;
mod remove;
mod reset;
mod scope;
mod target;

use std::io::Write;

use super::CliError;
use super::client::{Cluster, Options};
use super::session::Session;

const EXAMPLES: &str = "\
Examples:
  klamm group list --state stable
  klamm group describe billing                        how far it is behind, and who reads what
  klamm group describe billing --members
  klamm group reset billing --topic orders --to-earliest             shows what would change
  klamm group reset billing --topic orders:0,1 --shift-by -100 --execute
  klamm group reset billing --all-topics --to-datetime 2026-01-31T12:00 --execute
  klamm group reset billing --all-topics --by-duration 1d12h --execute
  klamm group delete-offsets billing --topic orders
  klamm group delete billing

Any of them takes -b HOST:PORT to reach another broker, and --json for programs.";

/// List, describe, reset and delete consumer groups
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
    List(list::List),
    Describe(describe::Describe),
    Reset(reset::Reset),
    Delete(remove::Delete),
    DeleteOffsets(remove::DeleteOffsets),
}

/// Runs `klamm group`.
///
/// # Errors
/// What the broker refuses.
pub fn run(args: &Args, out: &mut dyn Write) -> Result<(), CliError> {
    let mut cluster = Cluster::connect(&args.options)?;
    let mut session = Session { cluster: &mut cluster, out, json: args.json };
    match &args.action {
        Action::List(args) => list::list(&mut session, args),
        Action::Describe(args) => describe::describe(&mut session, args),
        Action::Reset(args) => reset::reset(&mut session, args),
        Action::Delete(args) => remove::delete(&mut session, args),
        Action::DeleteOffsets(args) => remove::delete_offsets(&mut session, args),
    }
}

/// What is said of a group that is not there.
fn no_such_group(group: &str) -> String {
    format!("there is no group {group}; `klamm group list` shows what there is")
}

//! `klamm dump`: show what is in files of a log directory.
use std::io::{self, Write};
use std::path::PathBuf;

use super::CliError;
use crate::env::RealFiles;
use crate::inspect::{DumpOptions, dump};

const EXAMPLES: &str = "\
Examples:
  klamm dump klamm-data/greetings-0/00000000000000000000.log              batches
  klamm dump --records klamm-data/greetings-0/*.log                       and their records
  klamm dump --records klamm-data/__consumer_offsets-3/*.log              group state, in words
  klamm dump --records --json klamm-data/__cluster_metadata-0/*.log       one JSON object per line
  klamm dump klamm-data/greetings-0/* klamm-data/*-checkpoint             indexes, producers, offsets

Nothing is written and no lock is taken, so a broker may run meanwhile. The exit code is 1 if a file is
damaged; the line says where.";

/// Show what is in files of a log directory: batches, records, indexes, checkpoints
#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Any files of a log directory, Klamm's or Kafka's
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// Show the records too; those of internal topics by their meaning
    #[arg(long)]
    pub records: bool,
    /// One JSON object per line
    #[arg(long)]
    pub json: bool,
    /// The topic whose records they are, for files that do not lie in `<topic>-<partition>`
    #[arg(long, value_name = "TOPIC")]
    pub topic: Option<String>,
}

/// Shows each file in turn; one that cannot be shown does not end the others.
///
/// # Errors
/// Some file cannot be read, or is damaged.
pub fn run(args: &Args, out: &mut dyn Write) -> Result<(), CliError> {
    let options = DumpOptions { json: args.json, records: args.records, topic: args.topic.clone() };
    let (mut damages, mut failures) = (0usize, Vec::new());
    for path in &args.files {
        match dump::dump(&RealFiles, path, &options, out) {
            Ok(found) => damages = damages.saturating_add(found),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Err(error.into()),
            Err(error) => failures.push(error.to_string()),
        }
    }
    if damages > 0 {
        failures.push(format!("damages: {damages}, see above"));
    }
    if failures.is_empty() { Ok(()) } else { Err(CliError::failed(failures.join("\n"))) }
}

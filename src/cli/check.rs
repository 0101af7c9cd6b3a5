//! `klamm check`: verify a log directory offline.
use std::io::{self, Write};
use std::path::PathBuf;

use super::CliError;
use crate::env::RealFiles;
use crate::inspect::check::{self, Counts};
use crate::inspect::{Finding, Row, Severity};

const EXAMPLES: &str = "\
Examples:
  klamm check klamm-data                    a whole log directory, Klamm's or Kafka's
  klamm check klamm-data/greetings-0        one partition
  klamm check --json klamm-data             one JSON object per finding

Every byte is read: structure and CRC of batches, records, indexes, producers' sequences, transactions,
leader epochs, checkpoints, topic ids. Each finding is one of
  damage    nothing puts it right by itself
  repair    the next start puts it right, at the cost of what the line says
  note      worth knowing, nothing is wrong
Nothing is written and no lock is taken. The exit code is 1 if there is damage or something to repair.";

/// Verify a log directory offline, and say what is wrong and where
#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// A log directory, or the directory of one partition in it
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// One JSON object per line
    #[arg(long)]
    pub json: bool,
    /// Leave out the notes
    #[arg(long)]
    pub quiet: bool,
}

/// Checks the directory.
///
/// # Errors
/// It cannot be read, or something in it is damaged or needs repair.
pub fn run(args: &Args, out: &mut dyn Write) -> Result<(), CliError> {
    let mut written: io::Result<()> = Ok(());
    let counts = check::check(&RealFiles, &args.dir, &mut |finding: &Finding| {
        if written.is_ok() && !(args.quiet && finding.severity == Severity::Note) {
            written = if args.json {
                writeln!(out, "{}", finding.to_row().to_json())
            } else {
                writeln!(out, "{finding}")
            };
        }
    })?;
    written?;
    let row = summary(&counts);
    if args.json {
        writeln!(out, "{}", row.to_json())?
    } else {
        writeln!(out, "{}", row.to_text())?
    }
    match (counts.damages, counts.repairs) {
        (0, 0) => Ok(()),
        (0, n) => Err(CliError::failed(format!("to repair: {n}, which the next start does"))),
        (n, _) => Err(CliError::failed(format!("damages: {n}, see above"))),
    }
}

fn summary(counts: &Counts) -> Row {
    Row::new("checked")
        .with("partitions", counts.partitions)
        .with("segments", counts.segments)
        .with("batches", counts.batches)
        .with("records", counts.records)
        .with("bytes", counts.bytes)
        .with("repairs", counts.repairs)
        .with("damages", counts.damages)
}

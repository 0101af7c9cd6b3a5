//! `klamm recover`: recover a log directory without starting a broker on it.
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use super::CliError;
use crate::env::{RealFiles, SystemClock, SystemRng};
use crate::inspect::Row;
use crate::inspect::recover::{self, Recovered};

const EXAMPLES: &str = "\
Examples:
  klamm recover klamm-data                  after a crash, before a Kafka is started on the directory

Klamm recovers by itself when it starts. A Kafka does not know klamm.journal, in which acknowledged records may
lie that a power cut took from the partitions' own files: this puts them back, cuts torn ends as a start would,
and leaves the directory as after a clean stop. No broker may run on it. The exit code is 1 if a partition is
damaged; nothing is cut from it then, and the line says what to do.";

/// Recover a log directory after a crash, so that Kafka can boot on it
#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// A log directory
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// One JSON object per line
    #[arg(long)]
    pub json: bool,
}

/// Recovers the directory.
///
/// # Errors
/// It is in use or damaged, or the system refuses.
pub fn run(args: &Args, out: &mut dyn Write) -> Result<(), CliError> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let (files, clock, rng) = (Arc::new(RealFiles), Arc::new(SystemClock::new()), Arc::new(SystemRng));
    let recovered = recover::recover(files, clock, rng, &args.dir, threads)
        .map_err(|error| CliError::failed(error.to_string()))?;
    let mut print = |row: Row| {
        if args.json { writeln!(out, "{}", row.to_json()) } else { writeln!(out, "{}", row.to_text()) }
    };
    let Recovered::Done(partitions) = recovered else {
        print(Row::new("recovered").with("clean", true))?;
        return Ok(());
    };
    let (count, mut damaged) = (partitions.len(), Vec::new());
    let (mut restored, mut cut) = (0u64, 0u64);
    for (tp, outcome) in partitions {
        match outcome {
            Ok(report) if report.restored_bytes > 0 || report.cut_reason.is_some() => {
                restored = restored.saturating_add(report.restored_bytes);
                cut = cut.saturating_add(report.cut_bytes);
                print(
                    Row::part("partition")
                        .with("name", tp.to_string())
                        .with("restoredBytes", report.restored_bytes)
                        .with("cutBytes", report.cut_bytes)
                        .with_some("reason", report.cut_reason),
                )?;
            }
            Ok(_) => {}
            Err(error) => damaged.push(format!("{tp}: {error}")),
        }
    }
    let row = Row::new("recovered").with("clean", false).with("partitions", count);
    print(row.with("restoredBytes", restored).with("cutBytes", cut).with("damaged", damaged.len()))?;
    if damaged.is_empty() { Ok(()) } else { Err(CliError::failed(damaged.join("\n"))) }
}

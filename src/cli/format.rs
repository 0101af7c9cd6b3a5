//! `klamm format`: make log directories ready for a cluster, with the flags of Kafka's `kafka-storage`.
use std::io::Write;
use std::path::PathBuf;

use super::CliError;
use super::configuration::{environment, read_properties};
use crate::config::{self, Loaded, Sources};
use crate::env::{Clock, RealFiles, SystemClock, SystemRng};
use crate::inspect::format::{self, Outcome, Quorum, Request};
use crate::metadata::meta_properties::MetaProperties;

const EXAMPLES: &str = "\
Examples:
  klamm format -c server.properties -t \"$(klamm format random-uuid)\" --standalone
  klamm format -c server.properties --feature group.version=0
  klamm format info -c server.properties

There is no need to: `klamm serve` formats an empty directory by itself. The files are those that Kafka's
kafka-storage writes.";

/// Make log directories ready for a cluster, as kafka-storage does
#[derive(Clone, Debug, Default, PartialEq, Eq, clap::Args)]
#[command(after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub struct Args {
    #[command(subcommand)]
    action: Option<Action>,
    /// A server.properties as Kafka reads it
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Id of the cluster; a random one if it is left out
    #[arg(short = 't', long, value_name = "ID")]
    cluster_id: Option<String>,
    /// This node alone is the quorum (the default unless controller.quorum.voters is set)
    #[arg(short, long, group = "quorum")]
    standalone: bool,
    /// Write no voters: another node will tell them
    #[arg(short = 'N', long, group = "quorum")]
    no_initial_controllers: bool,
    /// The voters, id@host:port:directory; for Klamm this node only
    #[arg(short = 'I', long, value_name = "VOTERS", group = "quorum")]
    initial_controllers: Option<String>,
    /// Leave directories alone that are formatted already
    #[arg(short = 'g', long)]
    ignore_formatted: bool,
    /// Level that a feature begins with; may be repeated
    #[arg(short, long = "feature", value_name = "NAME=LEVEL", value_parser = feature)]
    features: Vec<(String, i16)>,
    /// The metadata.version to begin with, such as 4.3-IV0 or 4.2
    #[arg(short, long, value_name = "VERSION")]
    release_version: Option<String>,
    /// Credentials to begin with: not supported yet
    #[arg(short = 'S', long, value_name = "CREDENTIAL")]
    add_scram: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, clap::Subcommand)]
enum Action {
    /// Say which log directories are formatted, and for which cluster
    Info {
        /// A server.properties as Kafka reads it
        #[arg(short, long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Print a random id for a cluster or a directory
    RandomUuid,
}

fn feature(text: &str) -> Result<(String, i16), String> {
    let (name, level) = super::key_value(text)?;
    let level = level.trim().parse().map_err(|_| "the level is a number".to_owned())?;
    Ok((name, level))
}

/// Formats, or answers what was asked.
///
/// # Errors
/// The configuration is wrong, or a directory is in the way.
pub fn run(args: &Args, out: &mut dyn Write) -> Result<(), CliError> {
    match &args.action {
        Some(Action::RandomUuid) => Ok(writeln!(out, "{}", format::random(&SystemRng))?),
        Some(Action::Info { config }) => info(&load(config.as_ref())?, out),
        None => make(args, out),
    }
}

fn load(path: Option<&PathBuf>) -> Result<Loaded, CliError> {
    let text = path.map(|path| read_properties(path)).transpose()?;
    let file = text.as_ref().map(|(name, text)| (name.as_str(), text.as_str()));
    // The broker that will serve these directories sees the same variables.
    let environment = environment();
    config::load(&Sources { file, environment: &environment, ..Sources::default() })
        .map_err(|e| CliError::failed(e.to_string()))
}

fn make(args: &Args, out: &mut dyn Write) -> Result<(), CliError> {
    if !args.add_scram.is_empty() {
        let text =
            "--add-scram: credentials are not supported yet; a directory that holds some would not start";
        return Err(CliError::failed(text));
    }
    let quorum = match (&args.initial_controllers, args.standalone, args.no_initial_controllers) {
        (Some(voters), ..) => Quorum::InitialControllers(voters.clone()),
        (_, true, _) => Quorum::Standalone,
        (_, _, true) => Quorum::NoInitialControllers,
        _ => Quorum::Unsaid,
    };
    let request = Request {
        cluster_id: args.cluster_id.clone(),
        release: args.release_version.clone(),
        features: args.features.clone(),
        quorum,
        ignore_formatted: args.ignore_formatted,
    };
    let loaded = load(args.config.as_ref())?;
    let now = SystemClock::default().now();
    let plan = format::plan(&loaded, &request, &SystemRng, now).map_err(CliError::failed)?;
    let outcomes = plan.carry_out(&RealFiles, &SystemRng).map_err(CliError::failed)?;
    for outcome in outcomes {
        match outcome {
            Outcome::Formatted(dir) => writeln!(
                out,
                "{}: formatted for cluster {} with metadata.version {}",
                dir.display(),
                plan.cluster_id(),
                plan.metadata_version()
            )?,
            Outcome::Skipped(dir) => writeln!(out, "{}: formatted before, left alone", dir.display())?,
        }
    }
    Ok(())
}

fn info(loaded: &Loaded, out: &mut dyn Write) -> Result<(), CliError> {
    let mut missing = 0usize;
    let mut dirs = vec![&loaded.broker.metadata_log_dir];
    dirs.extend(loaded.broker.log_dirs.iter().filter(|dir| **dir != loaded.broker.metadata_log_dir));
    for dir in dirs {
        match MetaProperties::read(&RealFiles, dir.as_ref()) {
            Ok(Some(meta)) => {
                let id = meta.directory_id.map_or_else(|| "none".to_owned(), |id| id.to_string());
                let (cluster, node) = (meta.cluster_id, meta.node_id);
                writeln!(out, "{dir}: cluster.id={cluster} node.id={node} directory.id={id}")?;
            }
            Ok(None) => {
                missing = missing.saturating_add(1);
                writeln!(out, "{dir}: not formatted")?;
            }
            Err(error) => return Err(CliError::failed(error.to_string())),
        }
    }
    match missing {
        0 => Ok(()),
        n => Err(CliError::failed(format!("not formatted: {n}; `klamm format` or `klamm serve` does it"))),
    }
}

//! `klamm serve`: start the broker.
use std::path::PathBuf;

use super::CliError;
use super::logging::{self, Format, Level};

const EXAMPLES: &str = "\
Examples:
  klamm serve                                        127.0.0.1:9092, data in ./klamm-data
  klamm serve server.properties                      Kafka's own file
  klamm serve --override log.dirs=/var/lib/klamm --override listeners=PLAINTEXT://0.0.0.0:9092
  klamm serve --log-format json                      one JSON object per log line

Options come, the later winning, from the file, from KAFKA_* variables as in Kafka's images, and from
--override. SIGTERM or Ctrl-C stops in order; a second one at once.";

/// Start the broker
#[derive(Clone, Debug, Default, PartialEq, Eq, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// A server.properties as Kafka reads it
    #[arg(value_name = "server.properties")]
    pub properties: Option<PathBuf>,
    /// Set one option, over what the file says; may be repeated
    #[arg(long = "override", value_name = "KEY=VALUE", value_parser = super::key_value)]
    pub overrides: Vec<(String, String)>,
    /// Shape of log lines (also option klamm.log.format)
    #[arg(long, value_enum)]
    pub log_format: Option<Format>,
    /// How much to log (also option klamm.log.level)
    #[arg(long, value_enum)]
    pub log_level: Option<Level>,
}

/// Serves until a signal stops it.
///
/// # Errors
/// Whatever kept the broker from starting, or ended it.
pub fn run(args: &Args) -> Result<(), CliError> {
    logging::start(args.log_format.unwrap_or_default(), args.log_level.unwrap_or_default());
    start_broker(args)
}

/// The one place where the command line meets the broker.
fn start_broker(_args: &Args) -> Result<(), CliError> {
    Err(CliError::failed("this build has the tools only; the broker is not part of it"))
}

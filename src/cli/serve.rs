//! `klamm serve`: start the broker.
use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::configuration::Configuration;
use super::{CliError, logging};
use crate::broker::{Broker, Environment};
use crate::config::{Loaded, Severity};
use crate::env::{RealFiles, SystemClock, SystemRng};

/// Fewest threads that serve connections.
const MIN_WORKERS: usize = 2;
/// Threads that may wait for the disk beside the connections: reading ahead, administration, timers.
const BLOCKING_THREADS: usize = 64;

const EXAMPLES: &str = "\
Examples:
  klamm serve                                    on 127.0.0.1:9092, data in ./klamm-data
  klamm serve server.properties                  Kafka's own file
  klamm serve --override log.dirs=/var/lib/klamm --override num.partitions=3
  klamm serve --log-format json                  one JSON object per log line

What counts more comes later: defaults, the file, KAFKA_* variables as Kafka's images map them, and \
--override. SIGTERM or Ctrl-C stops in order, a second one at once.";

/// Start the broker
#[derive(Clone, Debug, Default, PartialEq, Eq, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    pub configuration: Configuration,
    /// Form of log lines: auto (colours on a terminal), text, json; sets klamm.log.format
    #[arg(long, value_name = "FORMAT")]
    pub log_format: Option<String>,
    /// How much to log: error, warn, info, debug, trace; sets klamm.log.level
    #[arg(long, value_name = "LEVEL")]
    pub log_level: Option<String>,
}

impl Args {
    /// The flags about the log are short for options.
    fn log_options(&self) -> Vec<String> {
        let format = self.log_format.iter().map(|format| format!("klamm.log.format={format}"));
        let level = self.log_level.iter().map(|level| format!("klamm.log.level={level}"));
        format.chain(level).collect()
    }
}

/// Serves until a signal stops it.
///
/// # Errors
/// All that is wrong with the configuration, or what kept the broker from starting or ended it.
pub fn run(args: &Args) -> Result<(), CliError> {
    let loaded = args.configuration.load(&args.log_options())?;
    logging::start(loaded.broker.klamm_log_format, &loaded.broker.klamm_log_level)?;
    for notice in &loaded.notices {
        match notice.severity {
            Severity::Info => tracing::info!("{notice}"),
            Severity::Warning | Severity::Error => tracing::warn!("{notice}"),
        }
    }
    start_broker(loaded)
}

/// The one place where the command line meets the broker.
fn start_broker(loaded: Loaded) -> Result<(), CliError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers())
        .max_blocking_threads(BLOCKING_THREADS)
        .thread_name("net")
        .enable_all()
        .build()
        .map_err(|error| CliError::failed(format!("the system gives no threads: {error}")))?;
    let served = runtime.block_on(serve(loaded));
    // Work that a second signal or a failure cut off is not waited for.
    runtime.shutdown_background();
    served
}

/// Threads that serve connections: one for each processor, and at least two, so that a write that waits for
/// the disk does not hold up everybody.
fn workers() -> usize {
    std::thread::available_parallelism().map_or(MIN_WORKERS, |n| n.get().max(MIN_WORKERS))
}

async fn serve(loaded: Loaded) -> Result<(), CliError> {
    let environment = Environment {
        files: Arc::new(RealFiles),
        clock: Arc::new(SystemClock::new()),
        rng: Arc::new(SystemRng),
    };
    let data = loaded.broker.log_dirs.join(",");
    let as_kafka = loaded.broker.klamm_announce_as_kafka.then_some(loaded.broker.node_id);
    let mut signals = Signals::listen().map_err(|error| CliError::failed(error.to_string()))?;
    let broker =
        Broker::start(loaded, environment).await.map_err(|error| CliError::failed(error.to_string()))?;
    announce(&broker, &data);
    if let Some(node) = as_kafka {
        announce_as_kafka(node)?;
    }
    tokio::select! {
        reason = broker.failed() => return Err(CliError::failed(format!("the broker cannot go on: {reason}"))),
        () = signals.next() => tracing::info!("stopping; a second signal stops at once"),
    }
    tokio::select! {
        stopped = broker.stop() => match stopped {
            Ok(()) => {
                tracing::info!("stopped");
                Ok(())
            }
            Err(error) => Err(CliError::failed(format!("not everything could be saved: {error}"))),
        },
        () = signals.next() => Err(CliError::failed("stopped at once; the next start recovers".to_owned())),
    }
}

/// The one line that a new user needs.
fn announce(broker: &Broker, data: &str) {
    let address = |(_, address): &(Arc<str>, SocketAddr)| address.to_string();
    let listening: Vec<String> = broker.addresses().iter().map(address).collect();
    let first = listening.first().map_or("", String::as_str);
    tracing::info!(
        "listening on {}, data in {data}; try: echo hello | klamm produce -b {first} greetings",
        listening.join(", ")
    );
}

/// What the log of some Kafka says when it is ready, of what programs wait for on standard output.
fn announce_as_kafka(node: i32) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "Creating new log file")?;
    writeln!(out, "[Controller id={node}] Checking need to trigger auto leader balancing")?;
    writeln!(out, "[KafkaServer id={node}] started")?;
    writeln!(out, "[BrokerLifecycleManager id={node}] Transitioning from RECOVERY to RUNNING.")?;
    writeln!(out, "[KafkaRaftServer nodeId={node}] Kafka Server started")?;
    out.flush()
}

/// SIGTERM and SIGINT.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

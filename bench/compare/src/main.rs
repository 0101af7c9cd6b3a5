//! Runs the same work in turn against Klamm and a Kafka, and writes `docs/performance.md` with the raw
//! results beside it. Brokers are started here, each on an empty directory; the clients are librdkafka and
//! `klamm bench`. The machine's own limits are measured in the same run.

mod document;
mod figures;
mod growth;
mod limits;
mod load;
mod probe;
mod server;
mod table;
mod tool;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use clap::Parser;
use serde_json::{Value, json};

use figures::{Effort, Session};
use load::Failure;
use server::{Flavour, Launcher};
use tool::Tool;

const EXAMPLES: &str = "\
The command that starts Kafka runs in the foreground, as the process itself (exec) so that it can be watched \
and killed. In it {port} is the port of the listener (the next one is free too), {dir} a directory for its data, \
{props} its further properties, each behind --kafka-option.

Example, from the project's folder:
  cargo build --release -p klamm
  cargo run --release --manifest-path bench/compare/Cargo.toml -- \\
      --kafka './start-kafka.sh --port {port} --dir {dir} {props}' --kafka-option --prop";

/// Compare Klamm with a Kafka
#[derive(Debug, Parser)]
#[command(after_help = EXAMPLES)]
struct Args {
    /// Klamm's binary
    #[arg(long, default_value = "target/release/klamm")]
    klamm: PathBuf,
    /// The command that starts Kafka; without it only Klamm is measured
    #[arg(long, value_name = "COMMAND")]
    kafka: Option<String>,
    /// The option before each property in {props}
    #[arg(long, default_value = "--override", allow_hyphen_values = true)]
    kafka_option: String,
    /// What to call that Kafka
    #[arg(long, default_value = "Kafka 4.4.0, heap of 1 GiB")]
    kafka_version: String,
    /// Few and short rounds
    #[arg(long)]
    quick: bool,
    /// Rounds [default: 3, 1 with --quick]
    #[arg(long)]
    rounds: Option<u32>,
    /// Seconds of each figure [default: 4, 2 with --quick]
    #[arg(long)]
    seconds: Option<f64>,
    /// Data for the restart, in GB
    #[arg(long, default_value_t = 1.0)]
    gigabytes: f64,
    /// Only these groups of figures: idle produce consume small idempotent latency one transactions many restart
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Only these flavours: kafka-cache kafka-fsync klamm-durable klamm-cache
    #[arg(long, value_delimiter = ',')]
    flavours: Vec<String>,
    /// Measure instead how cost grows with partitions, connections, groups and record size
    #[arg(long)]
    growth: bool,
    /// Where brokers keep their data; it is removed afterwards
    #[arg(long, default_value = "target/compare")]
    scratch: PathBuf,
    /// First of eight ports in a row
    #[arg(long, default_value_t = 29092)]
    port: u16,
    /// Where the document goes
    #[arg(long, default_value = "docs")]
    out: PathBuf,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("compare: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<(), Failure> {
    let begun = Instant::now();
    fs::create_dir_all(&args.scratch)?;
    let launcher = Launcher {
        klamm: fs::canonicalize(&args.klamm).map_err(|error| {
            format!("{}: {error}; build it with `cargo build --release -p klamm`", args.klamm.display())
        })?,
        kafka: args.kafka.clone().unwrap_or_default(),
        kafka_option: args.kafka_option.clone(),
        scratch: fs::canonicalize(&args.scratch)?,
        port: args.port,
    };
    let tool = Tool { klamm: launcher.klamm.clone() };
    let results = args.out.join("performance");
    fs::create_dir_all(&results)?;
    let flavours: Vec<Flavour> = Flavour::ALL
        .into_iter()
        .filter(|flavour| flavour.is_klamm() || args.kafka.is_some())
        .filter(|flavour| args.flavours.is_empty() || args.flavours.iter().any(|name| name == flavour.name()))
        .collect();
    let seconds = args.seconds.unwrap_or(if args.quick { 2.0 } else { 4.0 });
    let time = Duration::from_secs_f64(seconds);
    if args.growth {
        let default = [Flavour::KlammDurable];
        let chosen = if args.flavours.is_empty() { &default[..] } else { &flavours };
        let mut document = serde_json::Map::new();
        for &flavour in chosen {
            eprintln!("{}", flavour.name());
            document.insert(flavour.name().into(), growth::measure(&launcher, &tool, flavour, time));
        }
        save(&results.join("growth.json"), &Value::Object(document))?;
    } else {
        compare(args, &launcher, &tool, &flavours, time, &results)?;
    }
    publish(&args.out)?;
    fs::remove_dir_all(&launcher.scratch)?;
    eprintln!("took {} s", begun.elapsed().as_secs());
    Ok(())
}

fn compare(
    args: &Args,
    launcher: &Launcher,
    tool: &Tool,
    flavours: &[Flavour],
    time: Duration,
    results: &Path,
) -> Result<(), Failure> {
    let machine = machine();
    eprintln!("limits");
    let limits = limits::measure(&launcher.scratch.join("limits"), time)?;
    let rounds = args.rounds.unwrap_or(if args.quick { 1 } else { 3 });
    let effort = Effort { time, gigabytes: args.gigabytes };
    let mut found = Vec::new();
    for round in 0..rounds {
        for turn in 0..flavours.len() {
            // Who comes first changes, so that nobody always has the warm or the tired disk.
            let flavour = flavours[(turn + round as usize) % flavours.len()];
            eprintln!("round {}, {}", round + 1, flavour.name());
            let mut session =
                Session { launcher, tool, effort, only: &args.only, figures: figures::Figures::new() };
            if let Err(error) = session.run(flavour) {
                eprintln!("    {}: FAILED: {error}", flavour.name());
            }
            found.push(json!({ "round": round + 1, "flavour": flavour.name(), "figures": session.figures }));
            fs::remove_dir_all(launcher.scratch.join(flavour.name()))?;
        }
    }
    let document = json!({
        "taken": output("date", &["-u", "+%Y-%m-%d %H:%M UTC"]),
        "machine": machine,
        "versions": {
            "klamm": klamm_version(&launcher.klamm),
            "kafka": args.kafka_version,
            "client": format!("librdkafka {}", rdkafka::util::get_rdkafka_version().1),
        },
        "command": command(args),
        "effort": { "rounds": rounds, "seconds": time.as_secs_f64(), "gigabytes": args.gigabytes },
        "limits": limits,
        "rounds": found,
    });
    save(&results.join("compare.json"), &document)
}

/// The command for the document: without the paths of this machine.
fn command(args: &Args) -> String {
    let mut line =
        "cargo run --release --manifest-path bench/compare/Cargo.toml -- --kafka '<command>'".to_owned();
    if args.quick {
        line.push_str(" --quick");
    }
    if !args.only.is_empty() {
        line.push_str(&format!(" --only {}", args.only.join(",")));
    }
    line
}

fn save(path: &Path, document: &Value) -> Result<(), Failure> {
    Ok(fs::write(path, format!("{document:#}\n"))?)
}

/// Writes the document from the raw results that there are.
fn publish(out: &Path) -> Result<(), Failure> {
    let read = |name: &str| -> Option<Value> {
        serde_json::from_slice(&fs::read(out.join("performance").join(name)).ok()?).ok()
    };
    if let Some(results) = read("compare.json") {
        fs::write(out.join("performance.md"), document::write(&results, read("growth.json").as_ref()))?;
    }
    Ok(())
}

fn machine() -> Value {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    let cpus = cpuinfo.lines().filter(|line| line.starts_with("processor")).count();
    let memory = read("/proc/meminfo");
    let memory = memory.lines().next().and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
    let load = read("/proc/loadavg");
    json!({
        "cpu": format!("{cpus} x {}", model.map_or("?", |(_, name)| name.trim())),
        "system": format!("Linux {}, {:.0} GB", read("/proc/sys/kernel/osrelease").trim(), memory.unwrap_or(0.0) / 1e6),
        "load": load.split_whitespace().next().unwrap_or("?"),
    })
}

fn klamm_version(klamm: &Path) -> String {
    let version = output(&klamm.display().to_string(), &["--version"]);
    format!(
        "{version}, {}, {}",
        output("git", &["rev-parse", "--short", "HEAD"]),
        output("rustc", &["--version"])
    )
}

fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    output.map_or("?".to_owned(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

//! What is measured, and in which order: each session starts a broker, measures and stops it.
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::load::{self, Failure};
use crate::server::{Flavour, Launcher, Server};
use crate::tool::{Tool, number};

/// Results by name of the figure.
pub type Figures = BTreeMap<String, f64>;

/// Partitions of ordinary topics.
const PARTITIONS: i32 = 4;
/// Partitions of the large topic.
const MANY: i32 = 1000;
/// Clients that write to it.
const MANY_CLIENTS: &str = "20";
/// Records per second of the latency figure.
const RATE: u64 = 1000;
/// Records of a transaction.
const TRANSACTION: usize = 100;

/// How much time and data a run takes.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Of one figure.
    pub time: Duration,
    /// Data for the restart, in GB.
    pub gigabytes: f64,
}

/// Measures one flavour, by and by.
pub struct Session<'a> {
    /// How brokers start.
    pub launcher: &'a Launcher,
    /// The client.
    pub tool: &'a Tool,
    /// How much.
    pub effort: Effort,
    /// Which figures; empty for all.
    pub only: &'a [String],
    /// What was found.
    pub figures: Figures,
}

impl Session<'_> {
    fn wants(&self, group: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|wanted| wanted == group)
    }

    fn put(&mut self, name: &str, value: f64) {
        eprintln!("    {name:<34} {value:>12.3}");
        self.figures.insert(name.to_owned(), value);
    }

    /// Runs a step if it is wanted. One that fails is told and left out: the others count all the same.
    fn step(
        &mut self,
        group: &str,
        server: &Server,
        measure: impl FnOnce(&mut Self, &Server) -> Result<(), Failure>,
    ) {
        if self.wants(group)
            && let Err(error) = measure(self, server)
        {
            eprintln!("    {group}: FAILED: {error}");
        }
    }

    /// All figures of a broker that starts from nothing.
    pub fn run(&mut self, flavour: Flavour) -> Result<(), Failure> {
        let server = self.launcher.start(flavour)?;
        self.put("start_ms", server.start.as_secs_f64() * 1e3);
        self.step("idle", &server, Self::idle);
        self.step("produce", &server, Self::produce);
        self.step("consume", &server, Self::consume);
        self.step("small", &server, |s, server| s.produce_as(server, "small", "small", 100, false));
        self.step("idempotent", &server, |s, server| s.produce_as(server, "idempotent", "idem", 1024, true));
        self.step("latency", &server, Self::latency);
        self.step("one", &server, Self::one);
        self.step("transactions", &server, Self::transactions);
        self.step("many", &server, Self::many);
        server.stop()?;
        if self.wants("restart") {
            self.restart(flavour)?;
        }
        Ok(())
    }

    fn idle(&mut self, server: &Server) -> Result<(), Failure> {
        std::thread::sleep(Duration::from_secs(1));
        let before = server.usage();
        let begun = Instant::now();
        std::thread::sleep(self.effort.time.min(Duration::from_secs(5)));
        let after = server.usage();
        self.put("idle_mb", after.resident);
        self.put("idle_cpu_percent", (after.cpu - before.cpu) / begun.elapsed().as_secs_f64() * 100.0);
        Ok(())
    }

    fn produce(&mut self, server: &Server) -> Result<(), Failure> {
        self.produce_as(server, "produce", "plain", 1024, false)
    }

    fn produce_as(
        &mut self,
        server: &Server,
        name: &str,
        topic: &str,
        size: usize,
        is_idempotent: bool,
    ) -> Result<(), Failure> {
        self.tool.create(server, topic, PARTITIONS)?;
        let found = load::produce(server, topic, size, is_idempotent, self.effort.time)?;
        self.put(&format!("{name}_mb_s"), found.mb);
        self.put(&format!("{name}_k_s"), found.records / 1e3);
        self.put(&format!("{name}_cpu_s_gb"), found.cpu);
        Ok(())
    }

    fn consume(&mut self, server: &Server) -> Result<(), Failure> {
        // Of what the figure before left. Once to have it in the page cache, as it would be.
        let report = self.tool.bench(server, &["consume", "-t", "plain", "-c", "2"])?;
        let once = number(&report, &["seconds"])?.max(0.01);
        let passes = (self.effort.time.as_secs_f64() / once).ceil().clamp(1.0, 100.0).to_string();
        let report = self.tool.bench(server, &["consume", "-t", "plain", "-c", "2", "--passes", &passes])?;
        self.put("consume_mb_s", number(&report, &["consume", "mb_per_second"])?);
        self.put("consume_cpu_s_gb", number(&report, &["server", "cpu_seconds_per_gb"])?);
        self.put("consume_client_cpu_s_gb", number(&report, &["client", "cpu_seconds_per_gb"])?);
        Ok(())
    }

    fn latency(&mut self, server: &Server) -> Result<(), Failure> {
        self.tool.create(server, "latency", PARTITIONS)?;
        let found = load::end_to_end(server, "latency", PARTITIONS, RATE, self.effort.time * 2)?;
        for (name, value) in ["p50", "p99", "p999"].into_iter().zip(found) {
            self.put(&format!("latency_{name}_ms"), value);
        }
        Ok(())
    }

    fn one(&mut self, server: &Server) -> Result<(), Failure> {
        self.tool.create(server, "one", PARTITIONS)?;
        let found = load::one_in_flight(server, "one", self.effort.time)?;
        self.put("one_in_flight_s", found);
        let time = self.effort.time.as_secs_f64().to_string();
        let one = ["produce", "-t", "one", "--in-flight", "1", "--batch-size", "1", "-d", &time];
        let report = self.tool.bench(server, &one)?;
        self.put("one_in_flight_bench_s", number(&report, &["produce", "records_per_second"])?);
        Ok(())
    }

    fn transactions(&mut self, server: &Server) -> Result<(), Failure> {
        self.tool.create(server, "transactions", 1)?;
        // librdkafka waits 100 ms between two transactions, whoever the broker is.
        let time = self.effort.time.as_secs_f64().to_string();
        let records = TRANSACTION.to_string();
        let load = ["produce", "-t", "transactions", "--transaction", &records, "-d", &time];
        let report = self.tool.bench(server, &load)?;
        let found = number(&report, &["transactions", "requests_per_second"])?;
        self.put("transactions_s", found);
        Ok(())
    }

    fn many(&mut self, server: &Server) -> Result<(), Failure> {
        self.tool.create(server, "many", MANY)?;
        std::thread::sleep(Duration::from_secs(1));
        self.put("many_mb", server.usage().resident);
        let time = self.effort.time.as_secs_f64().to_string();
        let small = ["produce", "-t", "many", "-c", MANY_CLIENTS, "--batch-size", "1", "-d", &time];
        let report = self.tool.bench(server, &small)?;
        self.put("many_s", number(&report, &["produce", "records_per_second"])?);
        self.put("many_p99_ms", number(&report, &["produce", "latency_ms", "p99"])?);
        let cpu = number(&report, &["server", "cpu_seconds"])?;
        let records = number(&report, &["produce", "records"])?;
        self.put("many_cpu_us", cpu / records * 1e6);
        Ok(())
    }

    /// Fills many partitions, kills the broker and starts it again.
    fn restart(&mut self, flavour: Flavour) -> Result<(), Failure> {
        let server = self.launcher.start(flavour)?;
        self.tool.create(&server, "filled", MANY)?;
        let records = ((self.effort.gigabytes * 1e9 / 1024.0) as u64).to_string();
        let fill = ["produce", "-t", "filled", "-n", &records, "-c", "2", "--keep"];
        self.tool.bench(&server, &fill)?;
        server.kill()?;
        let server = self.launcher.restart(flavour, &[("filled", MANY as usize)])?;
        self.put("restart_ms", server.start.as_secs_f64() * 1e3);
        server.stop()?;
        Ok(())
    }
}

//! What came of a run, for people and for programs.
use std::io::Write;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::run::{Cost, Outcome};
use super::tally::{Latencies, Tally, round};
use crate::cli::CliError;
use crate::cli::table::Table;

/// The percentiles of the table.
const QUANTILES: [(&str, f64); 5] =
    [("P50", 0.5), ("P90", 0.9), ("P99", 0.99), ("P99.9", 0.999), ("P99.99", 0.9999)];
/// Bytes of a megabyte in rates and sizes.
const MB: f64 = 1e6;

/// A report that is being put together.
#[derive(Debug)]
pub struct Report {
    settings: Value,
    parts: Vec<(String, Part)>,
    notes: Vec<(&'static str, f64, &'static str)>,
    time: Duration,
    server: Option<Cost>,
    client: Cost,
}

#[derive(Debug)]
enum Part {
    Load(Box<Tally>),
    Latencies(Box<Latencies>),
}

impl Report {
    /// What the kinds of clients counted.
    #[must_use]
    pub fn new(settings: Value, outcome: Outcome) -> Self {
        let Outcome { tallies, time, server, client, .. } = outcome;
        let parts = tallies.into_iter().map(|(kind, tally)| (kind.to_owned(), Part::Load(Box::new(tally))));
        Self { settings, parts: parts.collect(), notes: Vec::new(), time, server, client }
    }

    /// Adds latencies that no single client measured.
    pub fn latencies(&mut self, name: &str, latencies: Latencies) {
        self.parts.push((name.to_owned(), Part::Latencies(Box::new(latencies))));
    }

    /// Adds a figure with its unit.
    pub fn note(&mut self, name: &'static str, value: f64, unit: &'static str) {
        self.notes.push((name, round(value), unit));
    }

    fn bytes(&self) -> u64 {
        let bytes = self.parts.iter().map(|(_, part)| match part {
            Part::Load(tally) => tally.bytes,
            Part::Latencies(_) => 0,
        });
        bytes.sum()
    }

    /// Writes it.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write(&self, out: &mut dyn Write, json: bool) -> Result<(), CliError> {
        if json { Ok(writeln!(out, "{:#}", self.to_json())?) } else { self.print(out) }
    }

    fn to_json(&self) -> Value {
        let mut document = Map::new();
        document.insert("settings".into(), self.settings.clone());
        document.insert("seconds".into(), json!(round(self.time.as_secs_f64())));
        for (name, part) in &self.parts {
            let value = match part {
                Part::Load(tally) => self.load(tally),
                Part::Latencies(latencies) => json!({ "latency_ms": latencies.to_json() }),
            };
            document.insert(name.clone(), value);
        }
        for (name, value, _) in &self.notes {
            document.insert((*name).to_owned(), json!(value));
        }
        if let Some(cost) = &self.server {
            document.insert("server".into(), self.cost(cost));
        }
        document.insert("client".into(), self.cost(&self.client));
        Value::Object(document)
    }

    fn load(&self, tally: &Tally) -> Value {
        let seconds = self.time.as_secs_f64();
        let mut load = json!({
            "records": tally.records,
            "bytes": tally.bytes,
            "requests": tally.requests,
            "records_per_second": round(tally.records as f64 / seconds),
            "mb_per_second": round(tally.bytes as f64 / MB / seconds),
            "requests_per_second": round(tally.requests as f64 / seconds),
            "latency_ms": tally.latencies.to_json(),
        });
        if let Some(load) = load.as_object_mut() {
            load.extend(tally.extra.iter().map(|(name, count)| ((*name).to_owned(), json!(count))));
        }
        load
    }

    fn cost(&self, cost: &Cost) -> Value {
        let cpu = cost.after.cpu.saturating_sub(cost.before.cpu).as_secs_f64();
        let mb = |bytes: u64| round(bytes as f64 / MB);
        json!({
            "cpu_seconds": round(cpu),
            "cpu_percent": round(cpu / self.time.as_secs_f64() * 100.0),
            "cpu_seconds_per_gb": (self.bytes() > 0).then(|| round(cpu / (self.bytes() as f64 / 1e9))),
            "resident_mb_idle": mb(cost.idle.resident),
            "resident_mb_before": mb(cost.before.resident),
            "resident_mb_after": mb(cost.after.resident),
            "resident_mb_peak": mb(cost.after.peak),
            "threads": cost.after.threads,
        })
    }

    fn print(&self, out: &mut dyn Write) -> Result<(), CliError> {
        writeln!(out, "measured {:.1} s", self.time.as_secs_f64())?;
        let seconds = self.time.as_secs_f64();
        let mut rates = Table::new(&["WHAT", "RECORDS", "RECORDS/S", "MB/S", "REQUESTS/S"]);
        let mut latencies =
            Table::new(&["LATENCY (MS)", "MEAN", "P50", "P90", "P99", "P99.9", "P99.99", "MAX"]);
        for (name, part) in &self.parts {
            let found = match part {
                Part::Load(tally) => {
                    let per_second = |count: u64| (count as f64 / seconds).round() as u64;
                    rates.row([
                        name.clone(),
                        tally.records.to_string(),
                        per_second(tally.records).to_string(),
                        format!("{:.1}", tally.bytes as f64 / MB / seconds),
                        per_second(tally.requests).to_string(),
                    ]);
                    &tally.latencies
                }
                Part::Latencies(latencies) => latencies,
            };
            if found.count() > 0 {
                let quantiles = QUANTILES.iter().map(|&(_, share)| found.quantile(share));
                let figures = std::iter::once(found.mean()).chain(quantiles).chain([found.max()]);
                let cells = figures.map(|figure| format!("{figure:.3}"));
                latencies.row(std::iter::once(name.clone()).chain(cells));
            }
        }
        writeln!(out)?;
        rates.write(out, "  ")?;
        writeln!(out)?;
        latencies.write(out, "  ")?;
        writeln!(out)?;
        for (name, part) in &self.parts {
            let Part::Load(tally) = part else { continue };
            for (what, count) in &tally.extra {
                writeln!(out, "  {name}: {count} {}", what.replace('_', " "))?;
            }
        }
        for (name, value, unit) in &self.notes {
            writeln!(out, "  {}: {value} {unit}", name.replace('_', " "))?;
        }
        for (name, cost) in self.server.iter().map(|cost| ("server", cost)).chain([("client", &self.client)])
        {
            writeln!(out, "  {name}: {}", self.cost_line(cost))?;
        }
        Ok(())
    }

    fn cost_line(&self, cost: &Cost) -> String {
        let cpu = cost.after.cpu.saturating_sub(cost.before.cpu).as_secs_f64();
        let percent = cpu / self.time.as_secs_f64() * 100.0;
        let per_gb = match self.bytes() {
            0 => String::new(),
            bytes => format!(", {:.2} CPU s/GB", cpu / (bytes as f64 / 1e9)),
        };
        let (resident, peak) = (cost.after.resident as f64 / MB, cost.after.peak as f64 / MB);
        format!("{cpu:.2} s CPU ({percent:.0} %){per_gb}, {resident:.1} MB resident (at most {peak:.1})")
    }
}

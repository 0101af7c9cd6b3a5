//! How cost grows with the number of partitions, connections and groups, and with the size of records.
use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::load::Failure;
use crate::server::{Flavour, Launcher};
use crate::tool::{Tool, number};

const PARTITIONS: [i32; 5] = [1, 10, 100, 1_000, 10_000];
const CONNECTIONS: [u32; 3] = [100, 1_000, 10_000];
const GROUPS: [u32; 3] = [10, 100, 1_000];
const SIZES: [u32; 5] = [10, 100, 1_000, 10_000, 100_000];

/// One row: what was varied, and what was found.
type Row = BTreeMap<&'static str, f64>;

/// Measures one flavour; each point on a broker of its own.
pub fn measure(launcher: &Launcher, tool: &Tool, flavour: Flavour, time: Duration) -> Value {
    let seconds = time.as_secs_f64().to_string();
    let mut document = serde_json::Map::new();
    let mut series = |name: &str, points: &[f64], measure: &dyn Fn(f64) -> Result<Row, Failure>| {
        let mut rows = Vec::new();
        for &point in points {
            match measure(point) {
                Ok(row) => {
                    eprintln!("  {name} {point}: {row:?}");
                    let mut value = json!({ name: point });
                    for (key, figure) in row {
                        value[key] = json!((figure * 1000.0).round() / 1000.0);
                    }
                    rows.push(value);
                }
                Err(error) => eprintln!("  {name} {point}: FAILED: {error}"),
            }
        }
        document.insert(name.to_owned(), Value::Array(rows));
    };
    series("partitions", &PARTITIONS.map(f64::from), &|count| {
        let server = launcher.start(flavour)?;
        let before = server.usage().resident;
        tool.create(&server, "grown", count as i32)?;
        std::thread::sleep(Duration::from_secs(1));
        let resident = server.usage().resident;
        let idle = server.usage().cpu;
        std::thread::sleep(Duration::from_secs(2));
        let idle = (server.usage().cpu - idle) / 2.0 * 100.0;
        let load = ["produce", "-t", "grown", "-c", "4", "--batch-size", "1", "-d", &seconds];
        let report = tool.bench(&server, &load)?;
        server.kill()?;
        let again = launcher.restart(flavour, &[("grown", count as usize)])?;
        let restart = again.start.as_secs_f64() * 1e3;
        again.kill()?;
        Ok(Row::from([
            ("resident_mb", resident),
            ("resident_kb_each", (resident - before) / count * 1e3),
            ("idle_cpu_percent", idle),
            ("records_per_second", number(&report, &["produce", "records_per_second"])?),
            ("p99_ms", number(&report, &["produce", "latency_ms", "p99"])?),
            ("cpu_us_per_record", per_record(&report, "produce")?),
            ("restart_ms", restart),
        ]))
    });
    series("connections", &CONNECTIONS.map(f64::from), &|count| {
        let server = launcher.start(flavour)?;
        let count = (count as u32).to_string();
        let load = ["connections", "--count", &count, "--rate", "2000", "-d", &seconds];
        let report = tool.bench(&server, &load)?;
        server.kill()?;
        Ok(Row::from([
            ("resident_mb", number(&report, &["server", "resident_mb_after"])?),
            ("resident_bytes_each", number(&report, &["resident_bytes_per_connection"])?),
            ("opened_per_second", number(&report, &["connections_per_second"])?),
            ("cpu_us_per_request", per_record(&report, "requests")?),
            ("p99_ms", number(&report, &["requests", "latency_ms", "p99"])?),
        ]))
    });
    series("groups", &GROUPS.map(f64::from), &|count| {
        let server = launcher.start(flavour)?;
        let count = (count as u32).to_string();
        let load = ["groups", "--groups", &count, "--commits", "1", "--warmup", "5", "-d", &seconds];
        let report = tool.bench(&server, &load)?;
        server.kill()?;
        Ok(Row::from([
            ("resident_mb", number(&report, &["server", "resident_mb_after"])?),
            ("requests_per_second", number(&report, &["groups", "requests_per_second"])?),
            ("cpu_us_per_request", per_record(&report, "groups")?),
            ("p99_ms", number(&report, &["groups", "latency_ms", "p99"])?),
        ]))
    });
    series("record_bytes", &SIZES.map(f64::from), &|size| {
        let server = launcher.start(flavour)?;
        let size = (size as u32).to_string();
        let load = ["produce", "-t", "grown", "--size", &size, "-c", "2", "--keep", "-d", &seconds];
        let report = tool.bench(&server, &load)?;
        let read = tool.bench(&server, &["consume", "-t", "grown", "-c", "2"])?;
        server.kill()?;
        Ok(Row::from([
            ("produce_mb_s", number(&report, &["produce", "mb_per_second"])?),
            ("produce_k_s", number(&report, &["produce", "records_per_second"])? / 1e3),
            ("produce_cpu_s_gb", number(&report, &["server", "cpu_seconds_per_gb"])?),
            ("consume_mb_s", number(&read, &["consume", "mb_per_second"])?),
            ("consume_cpu_s_gb", number(&read, &["server", "cpu_seconds_per_gb"])?),
        ]))
    });
    Value::Object(document)
}

fn per_record(report: &Value, kind: &str) -> Result<f64, Failure> {
    let records = number(report, &[kind, "records"])?;
    Ok(number(report, &["server", "cpu_seconds"])? / records.max(1.0) * 1e6)
}

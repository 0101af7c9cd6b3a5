//! `docs/performance.md`, made from the raw results beside it.
use std::fmt::Write;

use serde_json::Value;

use crate::server::Flavour;
use crate::table::{Found, median, show};

/// Medians of the rounds.
pub fn found(results: &Value) -> Found {
    let mut found = Found::default();
    let numbers = |value: &Value| -> Vec<(String, f64)> {
        let entries = value.as_object().into_iter().flatten();
        entries.filter_map(|(name, value)| Some((name.clone(), value.as_f64()?))).collect()
    };
    let rounds = results["rounds"].as_array().cloned().unwrap_or_default();
    for flavour in Flavour::ALL {
        let own: Vec<_> = rounds.iter().filter(|round| round["flavour"] == flavour.name()).collect();
        let all: Vec<(String, f64)> = own.iter().flat_map(|round| numbers(&round["figures"])).collect();
        for (name, _) in &all {
            let values = all.iter().filter(|(other, _)| other == name).map(|(_, value)| *value).collect();
            if let Some(value) = median(values) {
                found.medians.insert((flavour, name.clone()), value);
            }
        }
    }
    found.limits = numbers(&results["limits"]).into_iter().collect();
    found
}

/// The document.
pub fn write(results: &Value, growth: Option<&Value>) -> String {
    let found = found(results);
    let text = |value: &Value| value.as_str().unwrap_or("?").to_owned();
    let mut out = String::from("# Performance\n\n");
    out.push_str(
        "Made by `bench/compare` from one run; the raw results lie in [performance/](performance/). Klamm and Kafka \
         did the same work in turn on the same machine, several rounds one after the other; what stands here are \
         the medians. Machines differ and so do their days: **only the ratios within one run mean anything**.\n\n\
         `durable` is Klamm as it comes: a record is on disk before its producer hears of it and before a \
         consumer sees it. `cache` answers from the page cache, as Kafka does by default; `kafka-fsync` is Kafka \
         with `log.flush.interval.messages=1`, which flushes before it answers.\n\n",
    );
    let _ = writeln!(
        out,
        "Taken {} on {}, {}, load {} before the run.\n",
        text(&results["taken"]),
        text(&results["machine"]["cpu"]),
        text(&results["machine"]["system"]),
        text(&results["machine"]["load"])
    );
    let _ = writeln!(
        out,
        "- {}\n- {}\n- client: {}\n",
        text(&results["versions"]["klamm"]),
        text(&results["versions"]["kafka"]),
        text(&results["versions"]["client"])
    );
    let _ = writeln!(out, "Again with:\n\n    {}\n", text(&results["command"]));
    out.push_str("## Figures\n\n4 partitions, acks=all, 1 KiB unless said; librdkafka is the client, `klamm bench` where it consumes (it discards), and where 20 clients write to 1,000 partitions. ");
    let _ = writeln!(
        out,
        "{} round(s), {} s each figure; the restart is with {} GB.\n",
        results["effort"]["rounds"], results["effort"]["seconds"], results["effort"]["gigabytes"]
    );
    out.push_str(&found.table());
    out.push_str("\n## Limits\n\nWhat the machine itself can do, by small programs in the same run, and the share of it that Klamm reaches (of latencies: how many times the limit).\n\n");
    out.push_str(&found.limits());
    if let Some(growth) = growth {
        out.push_str("\n## Growth\n\nHow cost grows with what there is; each row on a broker of its own, `klamm bench` as the client.\n");
        out.push_str(&grown(growth));
    }
    out
}

fn grown(growth: &Value) -> String {
    let mut out = String::new();
    for (flavour, series) in growth.as_object().into_iter().flatten() {
        for (name, rows) in series.as_object().into_iter().flatten() {
            let Some(rows) = rows.as_array().filter(|rows| !rows.is_empty()) else { continue };
            let columns: Vec<&String> =
                rows[0].as_object().into_iter().flatten().map(|(name, _)| name).collect();
            let _ = writeln!(out, "\n### {}, {flavour}\n", name.replace('_', " "));
            let head: Vec<String> = columns.iter().map(|column| column.replace('_', " ")).collect();
            let _ = writeln!(out, "| {} |\n|{}", head.join(" | "), "---|".repeat(columns.len()));
            for row in rows {
                let cells: Vec<String> =
                    columns.iter().map(|&column| row[column].as_f64().map_or("-".to_owned(), show)).collect();
                let _ = writeln!(out, "| {} |", cells.join(" | "));
            }
        }
    }
    out
}

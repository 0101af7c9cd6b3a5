//! The figures, what each should be, and how the document says it.
use std::collections::BTreeMap;
use std::fmt::Write;

use crate::server::Flavour;
use Flavour::{KafkaCache, KafkaFsync, KlammCache, KlammDurable};

/// Medians by flavour and figure, and the limits of the machine.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// Of the figures.
    pub medians: BTreeMap<(Flavour, String), f64>,
    /// Of the machine.
    pub limits: BTreeMap<String, f64>,
}

/// Against what a figure is held.
#[derive(Clone, Copy, Debug)]
enum Bound {
    /// A number.
    Number(f64),
    /// So many times the same figure of another flavour.
    Times(f64, Flavour),
    /// So many times another figure of the same flavour.
    Own(f64, &'static str),
    /// So many times a limit of the machine, and so much more.
    Limit(f64, &'static str, f64),
}

#[derive(Clone, Copy, Debug)]
struct Goal {
    who: Flavour,
    is_at_least: bool,
    bound: Bound,
}

#[derive(Clone, Copy, Debug)]
struct Row {
    figure: &'static str,
    title: &'static str,
    goals: &'static [Goal],
}

const fn at_least(who: Flavour, bound: Bound) -> Goal {
    Goal { who, is_at_least: true, bound }
}

const fn at_most(who: Flavour, bound: Bound) -> Goal {
    Goal { who, is_at_least: false, bound }
}

const ROWS: &[Row] = &[
    Row {
        figure: "start_ms",
        title: "start to first Metadata reply, ms",
        goals: &[at_most(KlammDurable, Bound::Times(1.0 / 60.0, KafkaCache))],
    },
    Row {
        figure: "restart_ms",
        title: "restart after SIGKILL, 1,000 partitions, ms",
        goals: &[at_most(KlammDurable, Bound::Number(300.0))],
    },
    Row {
        figure: "idle_mb",
        title: "resident idle, MB",
        goals: &[at_most(KlammDurable, Bound::Number(12.0))],
    },
    Row {
        figure: "many_mb",
        title: "resident with 1,000 partitions, MB",
        goals: &[at_most(KlammDurable, Bound::Number(30.0))],
    },
    Row {
        figure: "produce_cpu_s_gb",
        title: "produce, broker CPU s/GB",
        goals: &[at_most(KlammDurable, Bound::Times(1.0 / 3.0, KafkaCache))],
    },
    Row {
        figure: "produce_mb_s",
        title: "produce, MB/s",
        goals: &[
            at_least(KlammDurable, Bound::Limit(0.9, "durable_write_mb_s", 0.0)),
            at_least(KlammCache, Bound::Times(1.3, KafkaCache)),
        ],
    },
    Row {
        figure: "small_k_s",
        title: "produce 100 B, thousand/s",
        goals: &[at_least(KlammDurable, Bound::Times(1.0, KafkaCache))],
    },
    Row {
        figure: "small_cpu_s_gb",
        title: "produce 100 B, broker CPU s/GB",
        goals: &[at_most(KlammDurable, Bound::Times(0.5, KafkaCache))],
    },
    Row {
        figure: "idempotent_mb_s",
        title: "produce idempotent, MB/s",
        goals: &[
            at_least(KlammDurable, Bound::Own(0.95, "produce_mb_s")),
            at_least(KlammCache, Bound::Own(0.95, "produce_mb_s")),
        ],
    },
    Row {
        figure: "consume_mb_s",
        title: "consume from the start, MB/s",
        goals: &[at_least(KlammDurable, Bound::Times(2.0, KafkaCache))],
    },
    Row {
        figure: "consume_cpu_s_gb",
        title: "consume from the start, broker CPU s/GB",
        goals: &[at_most(KlammDurable, Bound::Times(1.0 / 3.0, KafkaCache))],
    },
    Row {
        figure: "latency_p50_ms",
        title: "end to end at 1,000/s, p50, ms",
        goals: &[
            at_most(KlammDurable, Bound::Number(0.45)),
            at_most(KlammCache, Bound::Times(1.0, KafkaCache)),
        ],
    },
    Row {
        figure: "latency_p99_ms",
        title: "end to end at 1,000/s, p99, ms",
        goals: &[
            at_most(KlammDurable, Bound::Number(1.5)),
            at_most(KlammCache, Bound::Times(1.0, KafkaCache)),
        ],
    },
    Row {
        figure: "latency_p999_ms",
        title: "end to end at 1,000/s, p99.9, ms",
        goals: &[
            at_most(KlammDurable, Bound::Limit(1.0, "flush_p999_ms", 2.0)),
            at_most(KlammCache, Bound::Times(1.0, KafkaCache)),
        ],
    },
    Row {
        figure: "one_in_flight_s",
        title: "one record in flight, per second",
        goals: &[
            at_least(KlammDurable, Bound::Number(5000.0)),
            at_least(KlammCache, Bound::Times(1.0, KafkaCache)),
        ],
    },
    Row { figure: "one_in_flight_bench_s", title: "the same with `klamm bench` as the client", goals: &[] },
    Row {
        figure: "transactions_s",
        title: "transactions of 100 records, one producer, commits/s",
        goals: &[
            at_least(KlammDurable, Bound::Times(1.0, KafkaCache)),
            at_least(KlammCache, Bound::Times(1.0, KafkaCache)),
        ],
    },
    Row {
        figure: "many_s",
        title: "1,000 partitions, records of 1 KiB each on its own, 20 clients, per second",
        goals: &[at_least(KlammDurable, Bound::Times(10.0, KafkaFsync))],
    },
    Row { figure: "many_p99_ms", title: "the same, p99, ms", goals: &[] },
    Row { figure: "many_cpu_us", title: "the same, broker CPU us per record", goals: &[] },
    Row {
        figure: "idle_cpu_percent",
        title: "idle CPU, %",
        goals: &[at_most(KlammDurable, Bound::Number(0.05))],
    },
];

/// What the limits are, and which figures are held against them: figure, limit, its title.
const DISTANCES: &[(&str, Flavour, &str)] = &[
    ("produce_mb_s", KlammDurable, "durable_write_mb_s"),
    ("consume_mb_s", KlammDurable, "sendfile_mb_s"),
    ("one_in_flight_s", KlammCache, "round_trips_s"),
    ("one_in_flight_bench_s", KlammCache, "round_trips_s"),
    ("one_in_flight_bench_s", KlammDurable, "flush_s"),
    ("latency_p50_ms", KlammDurable, "flush_p50_ms"),
    ("latency_p99_ms", KlammDurable, "flush_p99_ms"),
    ("latency_p999_ms", KlammDurable, "flush_p999_ms"),
];

const LIMITS: &[(&str, &str)] = &[
    ("durable_write_mb_s", "sequential write with fdatasync, MB/s (best of a flush each 1, 8, 64 MiB)"),
    ("flush_p50_ms", "4 KiB appended + fdatasync, p50, ms"),
    ("flush_p99_ms", "the same, p99, ms"),
    ("flush_p999_ms", "the same, p99.9, ms"),
    ("flush_s", "the same, one after the other, per second"),
    ("loopback_mb_s", "loopback TCP into a reader that discards, MB/s"),
    ("sendfile_mb_s", "sendfile from the page cache over loopback, MB/s"),
    ("round_trips_s", "1 KiB there, 64 B back over loopback, one at a time, per second"),
    ("memcpy_mb_s", "memory copied, MB/s"),
];

impl Found {
    fn of(&self, who: Flavour, figure: &str) -> Option<f64> {
        self.medians.get(&(who, figure.to_owned())).copied()
    }

    fn bound(&self, row: &Row, goal: &Goal) -> Option<f64> {
        match goal.bound {
            Bound::Number(number) => Some(number),
            Bound::Times(times, who) => Some(times * self.of(who, row.figure)?),
            Bound::Own(times, figure) => Some(times * self.of(goal.who, figure)?),
            Bound::Limit(times, limit, more) => Some(times * self.limits.get(limit)? + more),
        }
    }

    /// The table of figures, in Markdown.
    pub fn table(&self) -> String {
        let mut out = String::from("| figure |");
        for flavour in Flavour::ALL {
            let _ = write!(out, " {} |", flavour.name());
        }
        out.push_str(" target | met |\n|---|---|---|---|---|---|---|\n");
        for row in ROWS {
            if Flavour::ALL.iter().all(|&who| self.of(who, row.figure).is_none()) {
                continue;
            }
            let _ = write!(out, "| {} |", row.title);
            for flavour in Flavour::ALL {
                let _ = write!(out, " {} |", self.of(flavour, row.figure).map_or("-".to_owned(), show));
            }
            let goals = row.goals.iter().map(|goal| self.goal(row, goal));
            let (texts, verdicts): (Vec<_>, Vec<_>) = goals.unzip();
            let _ = writeln!(out, " {} | {} |", texts.join("; "), verdicts.join("; "));
        }
        out
    }

    fn goal(&self, row: &Row, goal: &Goal) -> (String, String) {
        let side = if goal.who == KlammDurable { "durable" } else { "cache" };
        let sign = if goal.is_at_least { ">=" } else { "<=" };
        let Some(bound) = self.bound(row, goal) else { return (format!("{side} {sign} ?"), "?".into()) };
        let why = match goal.bound {
            Bound::Number(_) => String::new(),
            Bound::Times(times, who) => format!(" ({} x {})", show(times), who.name()),
            Bound::Own(times, _) => format!(" ({} x without)", show(times)),
            Bound::Limit(times, limit, more) => format!(
                " ({} x {limit}{})",
                show(times),
                if more > 0.0 { format!(" + {}", show(more)) } else { String::new() }
            ),
        };
        let verdict = match self.of(goal.who, row.figure) {
            None => "?".to_owned(),
            Some(value) if (value >= bound) == goal.is_at_least || value == bound => "yes".to_owned(),
            Some(value) => format!("**no**, {} x", show(value / bound)),
        };
        (format!("{side} {sign} {}{why}", show(bound)), verdict)
    }

    /// What the machine can do, and how far Klamm is from it.
    pub fn limits(&self) -> String {
        let mut out = String::from("| stand-in | this machine |\n|---|---|\n");
        for (name, title) in LIMITS {
            if let Some(&value) = self.limits.get(*name) {
                let _ = writeln!(out, "| {title} | {} |", show(value));
            }
        }
        out.push_str("\n| figure | flavour | Klamm | limit | share |\n|---|---|---|---|---|\n");
        for &(figure, who, limit) in DISTANCES {
            let (Some(value), Some(&most)) = (self.of(who, figure), self.limits.get(limit)) else { continue };
            let title = ROWS.iter().find(|row| row.figure == figure).map_or(figure, |row| row.title);
            let _ = writeln!(
                out,
                "| {title} | {} | {} | `{limit}` {} | {} |",
                who.name(),
                show(value),
                show(most),
                show(value / most)
            );
        }
        out
    }
}

/// Three significant digits, as far as they matter.
pub fn show(value: f64) -> String {
    match value.abs() {
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        v if v >= 1.0 => format!("{value:.2}"),
        v if v == 0.0 => "0".to_owned(),
        _ => format!("{value:.3}"),
    }
}

/// The middle one; the mean of the two in the middle of an even number.
pub fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    let lower = *values.get((values.len() - 1) / 2)?;
    Some((lower + upper) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goals_are_judged_against_the_same_run() {
        let mut found = Found::default();
        found.limits.insert("durable_write_mb_s".into(), 300.0);
        for (who, value) in [(KafkaCache, 500.0), (KlammDurable, 280.0), (KlammCache, 600.0)] {
            found.medians.insert((who, "produce_mb_s".into()), value);
        }
        let line = found.table().lines().find(|l| l.starts_with("| produce, MB/s")).unwrap().to_owned();
        assert!(line.contains("durable >= 270 (0.900 x durable_write_mb_s)"), "{line}");
        assert!(line.ends_with("| yes; **no**, 0.923 x |"), "{line}");
    }

    #[test]
    fn medians() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0]), Some(2.5));
        assert_eq!(median(Vec::new()), None);
    }
}

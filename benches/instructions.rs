//! Counts the instructions of the hot paths under valgrind and holds them against `instructions.tsv`:
//! unlike time they do not depend on what else the machine does.
//!
//!     benches/instructions             compares; fails where a path differs by more than the tolerance
//!     benches/instructions --record    writes the file anew
//!
//! (The script builds this program with its symbols, by which valgrind tells what to count.)
//! The counts depend on the compiler. Where another one is used than the file names, what differs is told
//! but is no failure.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "benchmarks"
)]
#![allow(clippy::disallowed_methods, reason = "reads and writes its own file of counts")]

mod stage;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};

use stage::Stage;

/// How often each piece of work is done; the file holds the count of one.
const TIMES: u64 = 20;
/// By how much a path may differ from the file.
const TOLERANCE: f64 = 0.03;
/// The argument with which this program runs itself under valgrind.
const MEASURE: &str = "--measure";

/// What valgrind watches. It must keep its name and must not be inlined.
#[inline(never)]
fn counted_by_callgrind(once: &mut dyn FnMut()) {
    for _ in 0..TIMES {
        once();
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    if has(MEASURE) {
        let wanted = arguments.last().and_then(|last| last.parse::<usize>().ok());
        let stage = Stage::new();
        for (at, mut work) in stage.work().into_iter().enumerate() {
            match wanted {
                None => println!("{}", work.name),
                Some(wanted) if wanted == at => counted_by_callgrind(&mut work.once),
                Some(_) => {}
            }
        }
        return ExitCode::SUCCESS;
    }
    // `cargo test --benches` runs this program too.
    if has("--test") {
        return ExitCode::SUCCESS;
    }
    match count() {
        Ok(counts) => judge(&counts, has("--record")),
        Err(complaint) => {
            eprintln!("instructions: {complaint}");
            ExitCode::FAILURE
        }
    }
}

/// Instructions of each piece of work, in order. Each has a process of its own: callgrind gives one sum.
fn count() -> Result<Vec<(String, u64)>, String> {
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let names = output(Command::new(&own).arg(MEASURE))?;
    let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
    let counts = names.lines().enumerate().map(|(at, name)| {
        let out = dir.path().join("count");
        let mut valgrind = Command::new("valgrind");
        valgrind
            .args(["--tool=callgrind", "--collect-atstart=no", "--toggle-collect=*counted_by_callgrind*"])
            .arg(format!("--callgrind-out-file={}", out.display()));
        output(valgrind.arg(&own).args([MEASURE, &at.to_string()]))?;
        let total = summary(&out).filter(|&total| total > 0);
        let total =
            total.ok_or_else(|| format!("valgrind counted nothing of {name}: is the program stripped?"))?;
        Ok((name.to_owned(), total / TIMES))
    });
    counts.collect()
}

/// What a program prints.
fn output(command: &mut Command) -> Result<String, String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output =
        command.output().map_err(|error| format!("{program} cannot be run ({error}): install it"))?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

/// The sum in what callgrind writes.
fn summary(path: &Path) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    text.lines().find_map(|line| line.strip_prefix("summary:"))?.trim().parse().ok()
}

fn compiler() -> String {
    let output = Command::new("rustc").arg("--version").output();
    let version =
        output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    format!("{} on {}", version.trim(), std::env::consts::ARCH)
}

fn judge(counts: &[(String, u64)], is_recorded: bool) -> ExitCode {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/instructions.tsv");
    let compiler = compiler();
    if is_recorded {
        let mut text =
            format!("# Instructions of one run of each path; see instructions.rs.\n# {compiler}\n");
        for (name, count) in counts {
            text.push_str(&format!("{name}\t{count}\n"));
        }
        fs::write(&file, text).unwrap();
        println!("wrote {}", file.display());
        return ExitCode::SUCCESS;
    }
    let text = fs::read_to_string(&file).unwrap_or_default();
    let known: BTreeMap<&str, u64> = text
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .filter_map(|(name, count)| Some((name, count.parse().ok()?)))
        .collect();
    let mut has_failed = false;
    for (name, count) in counts {
        let Some(&before) = known.get(name.as_str()) else {
            println!("{name:<42} {count:>10}  is not in the file");
            has_failed = true;
            continue;
        };
        let change = *count as f64 / before.max(1) as f64 - 1.0;
        let is_off = change.abs() > TOLERANCE;
        has_failed |= is_off;
        println!("{name:<42} {count:>10}  {:+6.1} %{}", change * 100.0, if is_off { "  <--" } else { "" });
    }
    for name in known.keys().filter(|name| counts.iter().all(|(other, _)| other != *name)) {
        println!("{name:<42} is in the file only");
        has_failed = true;
    }
    let is_same = text.lines().any(|line| line == format!("# {compiler}"));
    match (has_failed, is_same) {
        (false, _) => ExitCode::SUCCESS,
        (true, false) => {
            println!(
                "the file was written with another compiler than {compiler}: differences are no failure"
            );
            ExitCode::SUCCESS
        }
        (true, true) => {
            println!(
                "a path differs by more than {:.0} %. Better, or worse for a reason? Then write the file anew and say \
                 why in the commit: benches/instructions --record",
                TOLERANCE * 100.0
            );
            ExitCode::FAILURE
        }
    }
}

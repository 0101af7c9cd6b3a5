//! Exactly once, against a model: random schedules of producers (of both transaction versions, zombies among
//! them), flushes, time, kills and power cuts on the real coordinators, their real markers and real logs. All
//! runs on one thread, on files in memory, and nothing is flushed unless the schedule says so: a seed is a run.
//!
//! What must hold: a read_committed reader sees the records of committed transactions once and in order, never
//! one of an aborted transaction, and never anything again gone; whoever was replaced gets nothing done; when all
//! is quiet the last stable offset is the end of every log.
//!
//! `KLAMM_TXN_SCHEDULES` says how many schedules run, `KLAMM_TXN_SEED` which one comes first; a single one
//! tells what happens in it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod judge;
mod node;
mod producer;
mod schedule;

/// Schedules of a usual test run; they take seconds.
const SCHEDULES: u64 = 60;

fn number(variable: &str, usual: u64) -> u64 {
    std::env::var(variable).ok().map_or(usual, |text| text.parse().expect("a number"))
}

#[test]
fn every_schedule_is_exactly_once() {
    let first = number("KLAMM_TXN_SEED", 0);
    let count = number("KLAMM_TXN_SCHEDULES", SCHEDULES);
    let mut counts = schedule::Counts::default();
    for seed in first..first + count {
        let run = std::panic::catch_unwind(|| schedule::run(seed, count == 1));
        match run {
            Ok(more) => counts.add(&more),
            Err(panic) => {
                eprintln!("KLAMM_TXN_SEED={seed} KLAMM_TXN_SCHEDULES=1 runs this schedule again");
                std::panic::resume_unwind(panic);
            }
        }
    }
    println!("{counts:?}");
    assert!(
        count < SCHEDULES || counts.committed > 0 && counts.aborted > 0 && counts.crashes > 0,
        "{counts:?}"
    );
}

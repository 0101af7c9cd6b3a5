//! A power cut at every step of a cleaning.
use super::model::Model;
use super::*;
use crate::env::{Fault, FaultOp};

/// Batches or transactions in a log: some ten segments, in some groups.
const APPENDS: usize = 30;

/// Whether `KLAMM_CRASH_SCHEDULES` asks for more than a minute has room for.
fn is_long() -> bool {
    std::env::var_os("KLAMM_CRASH_SCHEDULES").is_some()
}

/// Lets the `skip`th operation of a kind fail while the log is cleaned, cuts the power, and starts again.
/// False if the cleaning came to its end.
fn crash_at(seed: u64, op: FaultOp, skip: u32, power_cut: bool) -> bool {
    let mut model = Model::new(seed, 500);
    let log = model.bench.create();
    model.bench.env().files.sync_dir("d".as_ref()).unwrap();
    model.bench.env().files.sync_dir("".as_ref()).unwrap();
    for _ in 0..APPENDS {
        model.append(&log);
    }
    log.checkpoint().unwrap();
    let known = producers(&log);
    let kind = std::io::ErrorKind::Other;
    model.bench.files.inject(Fault { op, path: String::new(), skip, times: u32::MAX, kind });
    let cleaned = clean_from(&model.bench, &log, 0, 1 << 20);
    drop(log);
    let end = || if power_cut { model.bench.files.crash() } else { model.bench.files.kill() };
    end();
    model.bench.files.heal();
    // The start that makes up for it may be cut short, too.
    let second = [FaultOp::Rename, FaultOp::Open][skip as usize % 2];
    model.bench.files.inject(Fault {
        op: second,
        path: String::new(),
        skip: skip / 2 % 7,
        times: u32::MAX,
        kind,
    });
    drop(model.bench.try_open());
    end();
    model.bench.files.heal();
    let log = model.bench.open();
    model.check(&log, 0);
    assert_eq!(producers(&log), known, "{op:?} {skip}");
    assert_eq!(log.log_end().get(), model.end());
    let names = model.bench.files.list("d/t-0".as_ref()).unwrap();
    let is_leftover = |name: &str| [".deleted", ".cleaned", ".swap"].iter().any(|s| name.ends_with(s));
    assert!(!names.iter().any(|entry| is_leftover(&entry.name)), "{names:?}");
    // The next cleaning makes up for it.
    log.flush().unwrap();
    let upto = clean(&model.bench, &log).upto.get();
    model.check(&log, upto);
    assert_eq!(producers(&model.bench.open()), known);
    cleaned.is_err()
}

#[test]
fn a_crash_at_any_step_leaves_old_or_new() {
    for op in [FaultOp::Write, FaultOp::Sync, FaultOp::SyncDir, FaultOp::Rename, FaultOp::Open] {
        for power_cut in [true, false] {
            let seeds = if is_long() { 0..40 } else { 3..4 };
            for seed in seeds {
                let steps = (0..1000).take_while(|skip| crash_at(seed, op, *skip, power_cut)).count();
                assert!((3..1000).contains(&steps), "{op:?}: {steps} steps");
            }
        }
    }
}

#[test]
fn a_full_disk_changes_nothing() {
    let mut model = Model::new(1, 500);
    let log = model.bench.create();
    for _ in 0..60 {
        model.append(&log);
    }
    log.checkpoint().unwrap();
    let before = batches(&log);
    let kind = std::io::ErrorKind::StorageFull;
    let fault = Fault { op: FaultOp::Write, path: ".cleaned".into(), skip: 0, times: 1, kind };
    model.bench.files.inject(fault);
    assert!(clean_from(&model.bench, &log, 0, 1 << 20).is_err());
    assert_eq!(batches(&log), before);
    let names = model.bench.files.list("d/t-0".as_ref()).unwrap();
    assert!(!names.iter().any(|entry| entry.name.ends_with(".cleaned")), "{names:?}");
    model.append(&log);
    let upto = clean(&model.bench, &log).upto.get();
    model.check(&log, upto);
}

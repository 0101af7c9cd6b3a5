//! A power cut at every step of a cleaning.
use super::model::Model;
use super::*;
use crate::env::{Fault, FaultOp};

/// Lets the `skip`th operation of a kind fail while the log is cleaned, cuts the power, and starts again.
/// False if the cleaning came to its end.
fn crash_at(seed: u64, op: FaultOp, skip: u32, power_cut: bool) -> bool {
    let mut model = Model::new(seed, 500);
    let log = model.bench.create();
    model.bench.env().files.sync_dir("d".as_ref()).unwrap();
    model.bench.env().files.sync_dir("".as_ref()).unwrap();
    for _ in 0..60 {
        model.append(&log);
    }
    log.checkpoint().unwrap();
    let known = producers(&log);
    let kind = std::io::ErrorKind::Other;
    model.bench.files.inject(Fault { op, path: String::new(), skip, times: u32::MAX, kind });
    let cleaned = clean_from(&model.bench, &log, 0, 1 << 20);
    drop(log);
    if power_cut {
        model.bench.files.crash()
    } else {
        model.bench.files.kill()
    }
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
            let mut failed = 0;
            // Each step at first, then every few.
            for skip in (0..16).chain((16..400).step_by(13)) {
                if !crash_at(u64::from(skip % 7), op, skip, power_cut) {
                    break;
                }
                failed += 1;
            }
            assert!((3..46).contains(&failed), "{op:?}: {failed} steps");
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

//! What the journal does when all is not well.
use std::io::ErrorKind;
use std::path::Path;

use super::fleet::{Fleet, Open};
use super::format::{BLOCK, SIDES_AT};
use crate::env::{self, Fault, FaultOp, Files, OpenMode};
use crate::log::*;
use crate::types::Offset;

const JOURNAL: &str = "d/klamm.journal";

/// Two logs with a durable batch of their own each, and `rounds` rounds in the journal with a batch of both.
fn with_rounds(rounds: usize) -> (Fleet, Open) {
    let mut fleet = Fleet::new(7, 2);
    let mut open = fleet.start().unwrap();
    for _ in 0..=rounds {
        fleet.append(&open, 0).unwrap();
        fleet.append(&open, 1).unwrap();
        fleet.round(&mut open).unwrap();
    }
    (fleet, open)
}

/// Cuts a log's file by a byte, as a power cut may that the journal is there for.
fn lose_the_end(fleet: &Fleet, lane: usize) {
    let path = format!("d/t{lane}-0/00000000000000000000.log");
    let file = fleet.files.open(Path::new(&path), OpenMode::ReadWrite).unwrap();
    file.set_len(file.len().unwrap() - 1).unwrap();
    file.sync_data().unwrap();
}

fn change(fleet: &Fleet, at: u64) {
    let file = fleet.files.open(Path::new(JOURNAL), OpenMode::ReadWrite).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 1], at).unwrap();
    file.sync_data().unwrap();
}

fn kill(fleet: &Fleet, open: Open) {
    drop(open);
    fleet.files.kill();
}

fn open_error(fleet: &Fleet) -> String {
    fleet.start().err().expect("it opened").to_string()
}

#[test]
fn a_round_is_one_flush_and_gives_back_what_was_lost() {
    let (mut fleet, mut open) = with_rounds(0);
    fleet.append(&open, 0).unwrap();
    fleet.append(&open, 1).unwrap();
    let syncs = fleet.files.syncs();
    fleet.round(&mut open).unwrap();
    assert_eq!(fleet.files.syncs() - syncs, 1, "for both logs");
    let point = open.logs[0].recovery_point();
    assert_eq!(point, Offset(0), "the journal moves no recovery point");
    kill(&fleet, open);
    lose_the_end(&fleet, 0);
    let open = fleet.start().unwrap();
    assert!(open.reports[0].restored_bytes > 0 && open.reports[1].restored_bytes == 0, "{:?}", open.reports);
    assert_eq!(open.reports[0].cut_reason, None);
    fleet.check(&open);
}

#[test]
fn a_checkpoint_flushes_what_only_the_journal_has() {
    let (fleet, open) = with_rounds(1);
    open.directory.checkpoint().unwrap();
    assert_eq!(open.logs[0].recovery_point(), open.logs[0].log_end());
    drop(open);
    fleet.files.crash();
    fleet.files.remove_file(Path::new(JOURNAL)).unwrap();
    let mut fleet = fleet;
    let open = fleet.start().unwrap();
    fleet.check(&open);
}

#[test]
fn a_clean_stop_leaves_no_journal() {
    let (mut fleet, open) = with_rounds(1);
    assert!(fleet.files.metadata(Path::new(JOURNAL)).is_ok());
    open.directory.close(1, &Default::default()).unwrap();
    assert!(fleet.files.metadata(Path::new(JOURNAL)).is_err());
    kill(&fleet, open);
    let open = fleet.start().unwrap();
    assert_eq!(open.reports[0].checked_bytes, 0);
    fleet.check(&open);
}

#[test]
fn a_journal_that_others_did_not_know_is_void() {
    // Kafka writes the points without the line; an older Klamm writes it without a journal's id.
    for signed in [false, true] {
        let (mut fleet, open) = with_rounds(1);
        kill(&fleet, open);
        let path = Path::new("d").join(checkpoint::RECOVERY_POINT);
        let mut points = checkpoint::read(&fleet.files, &path).unwrap();
        assert!(checkpoint::take_signature(&mut points).unwrap() > 0);
        if signed {
            checkpoint::sign(&mut points, 0);
        }
        checkpoint::write(&fleet.files, &path, &points).unwrap();
        lose_the_end(&fleet, 0);
        fleet.lanes[0].acknowledged = 0;
        let open = fleet.start().unwrap();
        assert_eq!(open.reports[0].restored_bytes, 0);
        assert!(open.reports[0].cut_bytes > 0);
        fleet.check(&open);
    }
}

#[test]
fn where_the_log_holds_something_else_the_journal_is_ignored() {
    let (mut fleet, open) = with_rounds(1);
    let dir = open.logs[0].dir();
    kill(&fleet, open);
    // Somebody cut the log at its second batch, wrote another one, and was killed before it saved its points.
    let path = dir.join("00000000000000000000.log");
    let file = fleet.files.open(&path, OpenMode::ReadWrite).unwrap();
    let second = fleet.lanes[0].sent[0].2.len() as u64;
    let mut other = fleet.lanes[0].sent[1].2.clone();
    *other.last_mut().unwrap() ^= 1;
    let crc = crc32c::crc32c(&other[21..]);
    other[17..21].copy_from_slice(&crc.to_be_bytes());
    file.set_len(second).unwrap();
    file.write_all_at(&other, second).unwrap();
    file.sync_data().unwrap();
    fleet.lanes[0].sent[1].2 = other;
    let open = fleet.start().unwrap();
    assert_eq!((open.reports[0].restored_bytes, open.reports[0].cut_bytes), (0, 0));
    fleet.check(&open);
}

#[test]
fn what_was_durable_and_cannot_be_given_back_takes_the_partition_offline() {
    let (fleet, open) = with_rounds(2);
    kill(&fleet, open);
    // The batch before those in the journal was flushed by itself, and is gone.
    let file = fleet.files.open(Path::new("d/t0-0/00000000000000000000.log"), OpenMode::ReadWrite).unwrap();
    file.set_len(10).unwrap();
    let error = open_error(&fleet);
    assert!(error.contains("damaged") && error.contains("journal"), "{error}");
    assert_eq!(file.len().unwrap(), 10, "nothing is cut");
}

#[test]
fn damage_of_the_journal_is_no_torn_tail() {
    let (fleet, open) = with_rounds(2);
    kill(&fleet, open);
    // Generation 1 lies in the second side: two rounds of one block each.
    change(&fleet, SIDES_AT + super::fleet::side_bytes() + 100);
    let error = open_error(&fleet);
    assert!(error.contains("klamm.journal") && error.contains("damaged at byte"), "{error}");
    // The last round alone may be torn: it was durable here, which nobody can know.
    let (fleet, open) = with_rounds(2);
    kill(&fleet, open);
    change(&fleet, SIDES_AT + super::fleet::side_bytes() + BLOCK + 100);
    assert!(fleet.start().is_ok());
    let (fleet, open) = with_rounds(1);
    kill(&fleet, open);
    change(&fleet, 20);
    change(&fleet, BLOCK + 20);
    assert!(open_error(&fleet).contains("neither of its two headers"));
}

#[test]
fn a_partition_that_does_not_open_keeps_its_journal() {
    let (mut fleet, open) = with_rounds(1);
    kill(&fleet, open);
    lose_the_end(&fleet, 0);
    let kind = ErrorKind::Other;
    fleet.files.inject(Fault { op: FaultOp::Open, path: "t0-0/0000".into(), skip: 0, times: 1, kind });
    assert!(fleet.start().is_err());
    assert!(fleet.files.metadata(Path::new(JOURNAL)).is_ok(), "it is needed yet");
    fleet.files.kill();
    let open = fleet.start().unwrap();
    assert!(open.reports[0].restored_bytes > 0);
    fleet.check(&open);
}

#[test]
fn without_space_files_are_flushed_and_after_an_error_the_directory_is_offline() {
    for (kind, op) in [
        (ErrorKind::StorageFull, FaultOp::Write),
        (ErrorKind::Other, FaultOp::Write),
        (ErrorKind::Other, FaultOp::Sync),
    ] {
        let (mut fleet, open) = with_rounds(1);
        fleet.append(&open, 0).unwrap();
        fleet.append(&open, 1).unwrap();
        fleet.files.inject(Fault { op, path: "klamm.journal".into(), skip: 0, times: 1, kind });
        open.directory.flusher().force_journal();
        for log in &open.logs {
            open.directory.flusher().request(log);
        }
        open.directory.flusher().stop();
        let failure = open.directory.env().health.failure().map(str::to_owned);
        if kind == ErrorKind::StorageFull {
            assert_eq!(failure, None);
            fleet.acknowledge(&open);
            assert_eq!(fleet.lanes[0].acknowledged, open.logs[0].log_end().get(), "nothing waits");
        } else {
            assert!(failure.is_some_and(|reason| reason.contains("klamm.journal")));
            assert!(fleet.append(&open, 0).is_err());
        }
        fleet.crash(Some(open));
        let open = fleet.start().unwrap();
        fleet.check(&open);
    }
}

#[test]
fn the_flusher_shares_a_flush_in_the_journal() {
    let mut fleet = Fleet::new(11, 8);
    let open = fleet.start().unwrap();
    let flusher = open.directory.flusher();
    flusher.force_journal();
    let reach = |open: &Open| {
        for log in &open.logs {
            while log.durable_end() < log.log_end() {
                std::thread::yield_now();
            }
        }
    };
    for _ in 0..30 {
        for lane in 0..8 {
            fleet.append(&open, lane).unwrap();
        }
        for log in &open.logs {
            flusher.request(log);
        }
        reach(&open);
    }
    let found = super::reader::read(&fleet.files, Path::new(JOURNAL)).unwrap().unwrap();
    assert!(!found.tails.is_empty(), "the journal was never used");
    fleet.acknowledge(&open);
    fleet.crash(Some(open));
    let open = fleet.start().unwrap();
    fleet.check(&open);
}

#[test]
fn a_leftover_of_its_making_goes() {
    let (fleet, open) = with_rounds(0);
    kill(&fleet, open);
    env::replace(&fleet.files, Path::new("d/klamm.journal"), b"x").unwrap();
    fleet.files.open(Path::new("d/klamm.journal.tmp"), OpenMode::Create).unwrap();
    let error = open_error(&fleet);
    assert!(error.contains("klamm.journal"), "{error}");
    fleet.files.remove_file(Path::new(JOURNAL)).unwrap();
    let open = fleet.start().unwrap();
    assert!(fleet.files.metadata(Path::new("d/klamm.journal.tmp")).is_err());
    drop(open);
}

//! What stays and what goes, case by case.
use super::*;

/// Closes the active segment, so that all before it may be cleaned.
fn seal(bench: &Bench, log: &Log) {
    let filler = "x".repeat(bench.config.segment_bytes as usize - 80);
    bench.append(log, &one("filler", Some(&filler)));
    bench.append(log, &one("filler", Some(&filler)));
}

#[test]
fn the_newest_record_of_each_key_stays_with_its_offset() {
    let bench = Bench::new(1, 1000);
    let log = bench.create();
    for n in 0..40 {
        bench.append(&log, &one(["a", "b", "c"][n % 3], Some(&n.to_string())));
    }
    bench.append(&log, &batch(Codec::None, None, &[(None, Some("keyless"))]));
    seal(&bench, &log);
    let before = committed(&log);
    let size = log.size();
    let cleaned = clean(&bench, &log);
    assert_eq!(cleaned.upto, Offset(42), "all but the active segment");
    assert!(log.size() + 2000 < size, "{size} -> {:?}", log.describe());
    let after = committed(&log);
    assert_eq!(after[..3].iter().map(|r| r.0).collect::<Vec<_>>(), [37, 38, 39]);
    assert!(after.iter().all(|record| before.contains(record)), "unchanged");
    assert_eq!(after.iter().filter(|record| record.0 > 40).count(), 2, "the dirty end is as it was");
    // Every read from any offset goes on with what is there.
    for from in 0..43 {
        let request =
            ReadRequest { from: Offset(from), max_bytes: 1, upto: log.log_end(), at_least_one: true };
        let first = log.read(&request).unwrap().base_offset.get();
        assert!(
            first >= from && headers(&log).iter().any(|h| h.base_offset.get() == first),
            "{from} -> {first}"
        );
    }
}

#[test]
fn a_tombstone_stays_until_its_horizon_has_passed() {
    let bench = Bench::new(1, 1000);
    let log = bench.create();
    bench.append(&log, &batch(Codec::Lz4, None, &[(Some("a"), Some("1")), (Some("b"), Some("1"))]));
    let tombstones = batch(Codec::Lz4, None, &[(Some("a"), None), (Some("c"), Some("2"))]);
    bench.append(&log, &tombstones);
    seal(&bench, &log);
    clean(&bench, &log);
    assert_eq!(offsets(&log)[..3], [1, 2, 3]);
    let marked = headers(&log)[1];
    assert_eq!(marked.delete_horizon(), Some(Timestamp(NOW + RETENTION)));
    assert_eq!((marked.codec(), marked.max_timestamp), (Some(Codec::Lz4), Timestamp(NOW + 1)));
    assert_eq!(committed(&log)[1], (2, NOW, Some("a".into()), None), "its time is what it was");
    bench.pass(RETENTION - 1);
    clean(&bench, &log);
    assert_eq!(headers(&log)[1], marked, "a horizon is set once");
    assert_eq!(offsets(&log)[..3], [1, 2, 3]);
    bench.pass(1);
    clean(&bench, &log);
    assert_eq!(offsets(&log)[..2], [1, 3], "the tombstone is gone, its neighbour is not");
}

#[test]
fn transactions_leave_only_what_was_committed_and_what_decides_it() {
    let bench = Bench::new(1, 600);
    let log = bench.create();
    bench.append(&log, &in_transaction(1, 0, &[(Some("a"), Some("aborted"))]));
    bench.append(&log, &in_transaction(2, 0, &[(Some("a"), Some("committed"))]));
    bench.append(&log, &marker(1, false));
    bench.append(&log, &marker(2, true));
    bench.append(&log, &in_transaction(1, 1, &[(Some("b"), Some("later"))]));
    bench.append(&log, &marker(1, true));
    seal(&bench, &log);
    clean(&bench, &log);
    assert_eq!(offsets(&log)[..2], [1, 4]);
    let bases = |log: &Log| headers(log).iter().map(|h| h.base_offset.get()).collect::<Vec<_>>();
    // The first aborted batch went, its marker stays for one more pass.
    assert_eq!(bases(&log)[..5], [1, 2, 3, 4, 5]);
    assert_eq!(log.aborted_transactions(Offset(0), log.log_end()).unwrap().len(), 1);
    clean(&bench, &log);
    assert_eq!(headers(&log)[1].delete_horizon(), Some(Timestamp(NOW + RETENTION)));
    assert!(log.aborted_transactions(Offset(0), log.log_end()).unwrap().is_empty(), "no data, no entry");
    bench.pass(RETENTION);
    clean(&bench, &log);
    assert_eq!(bases(&log)[..4], [1, 3, 4, 5], "the spent marker is gone");
    assert_eq!(offsets(&log)[..2], [1, 4]);
    assert_eq!(producers(&log), producers(&bench.open()));
}

#[test]
fn nothing_past_an_open_transaction_is_touched() {
    let bench = Bench::new(1, 300);
    let log = bench.create();
    for _ in 0..6 {
        bench.append(&log, &one("a", Some("x")));
    }
    let open = bench.append(&log, &in_transaction(1, 0, &[(Some("a"), Some("open"))]));
    for _ in 0..20 {
        bench.append(&log, &one("a", Some("x")));
    }
    let cleaned = clean(&bench, &log);
    assert!(cleaned.upto.get() <= open, "{cleaned:?}");
    let left = offsets(&log);
    assert_eq!(left[left.len() - 21..], (6..27).collect::<Vec<i64>>(), "{left:?}");
}

#[test]
fn the_last_batch_of_a_live_producer_stays_though_empty() {
    let bench = Bench::new(1, 1000);
    let log = bench.create();
    bench.append(
        &log,
        &batch(Codec::Zstd, Some((9, 3, 0)), &[(Some("a"), Some("1")), (Some("a"), Some("2"))]),
    );
    bench.append(
        &log,
        &batch(Codec::Zstd, Some((9, 3, 2)), &[(Some("a"), Some("3")), (Some("a"), Some("4"))]),
    );
    bench.append(&log, &one("a", Some("5")));
    seal(&bench, &log);
    clean(&bench, &log);
    let first = headers(&log)[0];
    assert_eq!((first.base_offset.get(), first.last_offset().get(), first.record_count), (2, 3, 0));
    assert_eq!((first.last_sequence(), first.codec(), first.size()), (3, Some(Codec::None), 61));
    assert_eq!(offsets(&log)[0], 4);
    assert_eq!(producers(&log), producers(&bench.open()), "a restart remembers its sequence");
}

#[test]
fn the_time_of_an_emptied_batch_is_no_records() {
    let bench = Bench::new(1, 1000);
    let log = bench.create();
    bench.append(
        &log,
        &batch(Codec::None, Some((9, 0, 0)), &[(Some("a"), Some("1")), (Some("a"), Some("2"))]),
    );
    bench.append(&log, &one("a", Some("3")));
    seal(&bench, &log);
    clean(&bench, &log);
    assert_eq!((headers(&log)[0].record_count, headers(&log)[0].max_timestamp), (0, Timestamp(NOW + 1)));
    // Kafka 4.4.0 answers the same: the largest time is that batch's, which has no record.
    assert_eq!(log.max_timestamp().unwrap(), None);
    // Kafka looks no further than that batch's segment. A record that is there is found here.
    let found = log.offset_for_time(Timestamp(NOW)).unwrap();
    assert_eq!(found.map(|found| found.offset), Some(Offset(2)));
}

#[test]
fn a_small_table_takes_several_rounds_and_comes_to_the_same_end() {
    let (whole, parts) = (Bench::new(1, 700), Bench::new(2, 700));
    let logs = [whole.create(), parts.create()];
    for (bench, log) in [&whole, &parts].into_iter().zip(&logs) {
        for n in 0..400i32 {
            bench.append(log, &one(&format!("k{}", n * 7 % 150), Some("v")));
        }
    }
    let end = clean(&whole, &logs[0]).upto;
    let mut upto = Offset::ZERO;
    let mut rounds = 0;
    while upto < end {
        let next = clean_from(&parts, &logs[1], upto.get(), 64 * 24).unwrap().upto;
        assert!(next > upto, "each round gets on");
        upto = next;
        rounds += 1;
    }
    assert!(rounds > 3, "{rounds}");
    assert_eq!(committed(&logs[0]), committed(&logs[1]));
}

#[test]
fn what_a_reader_holds_stays_readable_and_deleted_files_go() {
    let bench = Bench::new(1, 300);
    let log = bench.create();
    for n in 0..30 {
        bench.append(&log, &one("a", Some(&n.to_string())));
    }
    let request = ReadRequest { from: Offset(0), max_bytes: 200, upto: log.log_end(), at_least_one: true };
    let held = log.read(&request).unwrap().range.unwrap();
    let before = held.read().unwrap();
    clean(&bench, &log);
    assert_eq!(held.read().unwrap(), before);
    log.tick(Timestamp(NOW + 1), false).unwrap();
    let names = bench.files.list("d/t-0".as_ref()).unwrap();
    let leftover = |name: &String| [".deleted", ".cleaned", ".swap"].iter().any(|s| name.ends_with(s));
    assert!(!names.iter().any(|entry| leftover(&entry.name)), "{names:?}");
}

#[test]
fn a_log_deleted_under_the_cleaner_is_no_failure() {
    let bench = Bench::new(1, 300);
    let log = bench.create();
    for n in 0..30 {
        bench.append(&log, &one("a", Some(&n.to_string())));
    }
    log.checkpoint().unwrap();
    let plan = Plan::new(&log.cleaner_state().unwrap(), None, &log.config(), bench.clock.now());
    let reads = std::cell::Cell::new(0);
    let delete = |_| {
        reads.set(reads.get() + 1);
        if reads.get() == 40 {
            log.leave("d/t-0.x-delete".as_ref()).unwrap();
        }
        true
    };
    let result = log.clean(&plan, &Means { map_bytes: 1 << 20, load_factor: 0.9, block: 300, pace: &delete });
    assert!(matches!(result, Err(CleanError::Gone)), "{result:?}");
    assert!(reads.get() >= 40 && log.env.health.failure().is_none());
}

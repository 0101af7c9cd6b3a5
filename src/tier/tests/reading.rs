//! Questions that the remote part answers: by time, for transactions, and through a small cache.
use super::*;

#[test]
fn a_time_is_found_in_the_bucket() {
    let bench = Bench::new();
    let run = bench.create();
    run.fill(100);
    run.tick(NOW);
    let find = |time: i64| run.tier.wait(run.remote.find_time(Timestamp(time))).unwrap();
    for at in [0, 1, 17, 50, run.remote_end() - 1] {
        let exactly = find(NOW + 100 * at).unwrap();
        assert_eq!((exactly.offset, exactly.timestamp), (Offset(at), Timestamp(NOW + 100 * at)));
        assert_eq!(exactly.leader_epoch, LeaderEpoch(3));
        assert_eq!(find(NOW + 100 * at - 50).unwrap().offset, Offset(at), "between two");
    }
    assert_eq!(find(NOW + 100 * run.remote_end()), None, "later than all that is there");
    run.directory.delete_before(&run.log, Offset(20)).unwrap();
    assert_eq!(find(0).unwrap().offset, Offset(20), "not below the log start");
}

#[test]
fn aborted_transactions_are_told_though_their_markers_lie_in_later_segments_or_here() {
    let bench = Bench::new();
    let run = bench.create();
    let aborted = run.append(&in_transaction(1, 0));
    run.fill(40);
    run.append(&marker_batch(ProducerId(1), ProducerEpoch(0), false, 1, Timestamp(NOW)));
    let committed = run.append(&in_transaction(2, 0));
    run.append(&marker_batch(ProducerId(2), ProducerEpoch(0), true, 1, Timestamp(NOW)));
    run.fill(40);
    run.tick(NOW);
    assert!(run.log.local_start() > Offset(committed));
    let read = |from: i64, max_bytes| {
        let request =
            ReadRequest { from: Offset(from), max_bytes, upto: run.log.log_end(), at_least_one: true };
        run.tier.wait(run.remote.read(request, true)).unwrap()
    };
    let first = read(aborted, 1);
    let told: Vec<_> =
        first.aborted.iter().map(|txn| (txn.producer_id.get(), txn.first_offset.get())).collect();
    assert_eq!(told, [(1, aborted)]);
    assert!(read(committed, 1).aborted.is_empty());
    assert!(read(committed, 1 << 20).aborted.is_empty());
}

#[test]
fn what_is_undecided_is_not_uploaded() {
    let bench = Bench::new();
    let run = bench.create();
    run.fill(10);
    let open = run.append(&in_transaction(1, 0));
    run.fill(60);
    run.tick(NOW);
    assert!(run.remote_end() <= open, "{} is past the open transaction at {open}", run.remote_end());
    run.append(&marker_batch(ProducerId(1), ProducerEpoch(0), true, 1, Timestamp(NOW)));
    run.fill(1);
    run.tick(NOW);
    assert!(run.remote_end() > open);
}

#[test]
fn a_read_ends_where_its_reader_may_not_see_further() {
    let bench = Bench::new();
    let run = bench.create();
    run.fill(100);
    run.tick(NOW);
    let request = ReadRequest { from: Offset(3), max_bytes: 1 << 20, upto: Offset(6), at_least_one: true };
    let slice = run.tier.wait(run.remote.read(request, false)).unwrap();
    assert_eq!((values(&slice.bytes), slice.next_offset), (expected(3..6), Offset(6)));
    let nothing = ReadRequest { max_bytes: 1, at_least_one: false, ..request };
    assert!(run.tier.wait(run.remote.read(nothing, false)).unwrap().bytes.is_empty());
}

#[test]
fn large_batches_and_many_chunks_come_whole_within_the_budget() {
    let bench = Bench::new();
    let config = LogConfig { segment_bytes: 9 << 20, index_interval_bytes: 4096, ..config() };
    let run = bench.create_with(config, rules());
    // 2.3 MB each: batches cross the chunks under one checksum.
    let value = |at: i64| char::from(b'a' + u8::try_from(at % 26).unwrap()).to_string().repeat(2_300_000);
    for at in 0..20 {
        run.append(&batch(NOW + at, &value(at)));
    }
    run.log.flush().unwrap();
    run.tick(NOW);
    assert!(run.remote_end() > 10);
    let all = run.consume(0, 3_000_000).unwrap();
    assert_eq!(all.len(), 20);
    assert!(all.iter().all(|(at, got)| *got == value(*at)));
    let (held, _, misses) = run.tier.cache().counts();
    assert!(held <= run.tier.cache().budget(), "{held} bytes are held");
    assert!(misses > 0);
}

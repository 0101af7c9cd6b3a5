//! From the upload of a segment to the removal of its object.
use super::*;

#[test]
fn segments_leave_the_local_disk_once_they_are_in_the_bucket_and_are_read_from_there() {
    let bench = Bench::new();
    let run = bench.create();
    run.fill(100);
    let before = run.segments();
    assert!(before > 5, "{before} segments");
    assert_eq!(run.log.local_start(), Offset(0));
    run.log.tick(Timestamp(NOW), false).unwrap();
    assert_eq!(run.segments(), before, "nothing leaves before it is uploaded");
    run.tick(NOW);
    assert_eq!(run.segments(), 1, "only the active one stays");
    assert_eq!((run.log.log_start(), run.log.local_start().get()), (Offset(0), run.remote_end()));
    for max_bytes in [1, 300, 5_000, 1 << 20] {
        assert_eq!(run.consume(0, max_bytes).unwrap(), expected(0..100), "{max_bytes} bytes at a time");
    }
    for from in [1, 37, 50, run.remote_end() - 1, run.remote_end()] {
        assert_eq!(run.consume(from, 500).unwrap(), expected(from..100), "from {from}");
    }
    assert_eq!(run.tier.metrics().copied_segments.get(), before as u64 - 1);
    assert_eq!(run.tier.metrics().lag(), (0, 0));
}

#[test]
fn an_upload_costs_one_object_and_one_manifest() {
    let bench = Bench::new();
    let run = bench.create();
    run.fill(10);
    run.tick(NOW);
    let before = bench.store.operations().len();
    let copied = run.tier.metrics().copied_segments.get();
    run.fill(30);
    run.tick(NOW);
    let segments = run.tier.metrics().copied_segments.get() - copied;
    let operations = bench.store.operations().split_off(before);
    let puts = operations.iter().filter(|op| op.starts_with("put") || op.starts_with("list")).count();
    assert!(segments > 1);
    assert_eq!(puts as u64, 2 * segments, "{operations:?}");
}

#[test]
fn a_restart_finds_everything_where_it_was() {
    let bench = Bench::new();
    let run = bench.create();
    run.fill(100);
    run.tick(NOW);
    let end = run.remote_end();
    drop(run);
    let run = bench.reopen(config(), rules());
    assert_eq!(run.log.log_start(), Offset(0), "before the bucket has answered");
    run.tier.settle();
    assert_eq!((run.log.log_start().get(), run.remote_end()), (0, end));
    run.fill(50);
    run.tick(NOW);
    assert_eq!(run.consume(0, 700).unwrap(), expected(0..150));
}

#[test]
fn retention_is_that_of_the_whole_log() {
    let bench = Bench::new();
    let run = bench.create();
    run.fill(100);
    bench.pass(10_000);
    run.tick(NOW + 10_000);
    let all = run.remote.manifest().unwrap();
    // The records are 100 ms apart: now those below 50 are older than 5 s.
    run.remote.set_rules(Some(Rules { retention_ms: 5_000, ..rules() }));
    run.tick(NOW + 10_000);
    let left = run.remote.manifest().unwrap();
    let first = left.segments[0];
    assert!(left.segments.len() < all.segments.len());
    assert!(first.base <= Offset(50) && first.end > Offset(50), "{first:?}");
    assert_eq!((left.log_start, run.log.log_start()), (first.base, first.base));
    let request = ReadRequest { from: Offset(0), max_bytes: 1, upto: Offset(100), at_least_one: true };
    assert!(matches!(run.log.read(&request), Err(LogError::OffsetOutOfRange { .. })));
    assert_eq!(run.consume(first.base.get(), 500).unwrap(), expected(first.base.get()..100));
    let objects = bench.store.names().iter().filter(|name| name.ends_with(".segment")).count();
    assert_eq!(objects, left.segments.len(), "nothing that expired is left");
    run.remote.set_rules(Some(Rules { retention_bytes: 0, ..rules() }));
    run.tick(NOW + 10_000);
    assert_eq!(run.remote.manifest().unwrap().segments.len(), 0);
}

#[test]
fn deleted_records_are_gone_at_once_and_their_objects_later() {
    let bench = Bench::new();
    let run = bench.create();
    run.fill(100);
    run.tick(NOW);
    let segment = run.remote.manifest().unwrap().segments[1];
    let inside = segment.base.plus(1);
    assert_eq!(run.directory.delete_before(&run.log, inside).unwrap(), inside);
    assert!(run.consume(0, 100).is_err());
    assert_eq!(run.consume(inside.get(), 100).unwrap(), expected(inside.get()..100));
    run.tick(NOW);
    let manifest = run.remote.manifest().unwrap();
    assert_eq!((manifest.log_start, manifest.segments[0].base), (inside, segment.base));
    drop(run);
    let run = bench.reopen(config(), rules());
    assert_eq!(run.log.log_start(), inside, "a restart keeps to it");
}

#[test]
fn a_deleted_topic_leaves_nothing_in_the_bucket_though_a_crash_comes_between() {
    let bench = Bench::new();
    let run = bench.create();
    run.fill(100);
    run.tick(NOW);
    bench.store.fail(3, How::Before, false);
    run.tier.topic_deleted(TOPIC);
    run.tier.settle();
    bench.store.heal();
    let in_topics = || bench.store.names().iter().filter(|name| name.contains("/topics/")).count();
    assert!(in_topics() > 0, "the deletion was cut short");
    drop(run);
    let tier = bench.tier();
    tier.first_contact(Duration::from_secs(10)).unwrap();
    tier.run(&|_| false);
    tier.settle();
    assert_eq!(in_topics(), 0, "{:?}", bench.store.names());
    let files: Arc<dyn Files> = Arc::new(bench.files.clone());
    assert!(KnownTopics::open(files, "/d/klamm.remote".into()).unwrap().topics().is_empty());
}

#[test]
fn an_empty_disk_removes_nothing_from_a_full_bucket() {
    let bench = Bench::new();
    let run = bench.create();
    run.fill(100);
    run.tick(NOW);
    drop(run);
    let before = bench.store.names();
    let other = Bench { files: MemoryFiles::new(2), ..bench };
    other.files.create_dir_all("/d".as_ref()).unwrap();
    let tier = other.tier();
    tier.run(&|_| false);
    tier.settle();
    let after = other.store.names();
    assert_eq!(after.len(), before.len() + 1, "one more claim and nothing less");
}

#[test]
fn tiering_that_ends_takes_its_objects_along_and_can_begin_anew() {
    let bench = Bench::new();
    let run = bench.create();
    run.fill(100);
    run.tick(NOW);
    let local = run.log.local_start();
    run.remote.discard();
    run.log.set_uploaded(None, Offset::ZERO);
    run.remote.set_rules(None);
    run.tier.settle();
    assert_eq!(run.log.log_start(), local);
    assert!(!bench.store.names().iter().any(|name| name.contains("/topics/")));
    run.remote.set_rules(Some(rules()));
    run.fill(50);
    run.tick(NOW);
    assert_eq!(run.consume(local.get(), 500).unwrap(), expected(local.get()..150));
}

#[test]
fn a_quiet_log_is_sealed_and_uploaded() {
    let bench = Bench::new();
    let run = bench.create();
    run.fill(3);
    run.log.seal_quiet(1_000).unwrap();
    assert_eq!(run.segments(), 1);
    bench.pass(1_000);
    run.log.seal_quiet(1_000).unwrap();
    run.log.flush().unwrap();
    run.tick(NOW + 1_000);
    assert_eq!((run.remote_end(), run.log.local_start()), (3, Offset(3)));
    assert_eq!(run.consume(0, 10).unwrap(), expected(0..3));
}

//! A store that fails, at every step; two brokers; damaged objects.
use super::*;

/// Appends, uploads and expires, with faults wherever the store is asked. Gives how many operations that took.
fn live(bench: &Bench, fault: Option<(usize, How, bool)>) -> usize {
    let run = bench.create();
    run.fill(20);
    let before = bench.store.operations().len();
    if let Some((at, how, alone)) = fault {
        bench.store.fail(at, how, alone);
    }
    run.tick(NOW);
    run.fill(20);
    run.tick(NOW);
    // What was acknowledged stays readable where it is, or was uploaded.
    bench.store.heal();
    assert_eq!(run.consume(0, 400).unwrap(), expected(0..40), "before the restart, {fault:?}");
    bench.store.operations().len() - before
}

#[test]
fn a_fault_or_a_crash_at_any_operation_loses_nothing_and_leaves_nothing_behind() {
    let operations = live(&Bench::new(), None);
    assert!(operations > 12, "{operations}");
    for at in 0..operations {
        for (how, alone) in
            [(How::Before, true), (How::After, true), (How::Before, false), (How::After, false)]
        {
            let bench = Bench::new();
            let fault = Some((at, how, alone));
            live(&bench, fault);
            // The run ends like a crash; what was durable is there.
            bench.files.crash();
            let run = bench.reopen(config(), rules());
            run.tick(NOW);
            assert_eq!(run.consume(0, 400).unwrap(), expected(0..40), "after the restart, {fault:?}");
            run.fill(20);
            run.tick(NOW);
            run.tick(NOW);
            assert_eq!(run.consume(0, 400).unwrap(), expected(0..60), "{fault:?}");
            let manifest = run.remote.manifest().unwrap();
            let objects = bench.store.names().iter().filter(|name| name.ends_with(".segment")).count();
            assert_eq!(objects, manifest.segments.len(), "orphans after {fault:?}");
            assert_eq!(run.tier.refused(), None);
        }
    }
}

#[test]
fn while_the_store_is_away_nothing_leaves_and_appends_go_on() {
    let bench = Bench::new();
    let run = bench.create();
    run.fill(20);
    run.tick(NOW);
    let (segments, end) = (run.segments(), run.remote_end());
    bench.store.fail(0, How::Before, false);
    for _ in 0..5 {
        run.fill(20);
        run.tick(NOW);
    }
    assert_eq!(run.remote_end(), end);
    assert!(run.segments() > segments + 5);
    let here = run.log.local_start().get();
    assert_eq!(run.consume(here, 400).unwrap(), expected(here..120), "what is here is served");
    assert!(run.tier.metrics().copy_errors.get() >= 5);
    bench.store.heal();
    run.tick(NOW);
    assert_eq!(run.segments(), 1, "it heals by itself");
    assert_eq!(run.consume(0, 400).unwrap(), expected(0..120));
}

#[test]
fn a_damaged_object_hurts_only_who_reads_it() {
    let bench = Bench::new();
    let run = bench.create();
    run.fill(100);
    run.tick(NOW);
    let manifest = run.remote.manifest().unwrap();
    let damaged = manifest.segments[1];
    let name = layout::segment(&layout::partition(TOPIC, 0), damaged.base, damaged.id);
    run.tier.wait(bench.store.corrupt(&format!("p/{name}"), 200));
    let error = run.consume(damaged.base.get(), 400).unwrap_err();
    assert!(matches!(&error, LogError::Remote(text) if text.contains(&name)), "{error}");
    let after = damaged.end.get();
    assert_eq!(run.consume(after, 400).unwrap(), expected(after..100));
    run.fill(20);
    run.tick(NOW);
    assert_eq!(run.consume(after, 400).unwrap(), expected(after..120), "uploads go on");
}

#[test]
fn a_damaged_manifest_stops_tiering_of_its_partition_and_says_which_it_is() {
    let bench = Bench::new();
    let run = bench.create();
    run.fill(100);
    run.tick(NOW);
    let version = run.remote.manifest().unwrap().version;
    drop(run);
    let name = layout::manifest(&layout::partition(TOPIC, 0), version);
    let run = bench.reopen(config(), rules());
    run.tier.wait(bench.store.corrupt(&format!("p/{name}"), 20));
    run.tier.settle();
    assert!(matches!(run.remote.known(), Known::Broken(reason) if reason.contains(&name)));
    run.fill(20);
    run.tick(NOW);
    assert!(run.segments() > 1, "nothing leaves any more");
}

#[test]
fn a_second_broker_on_the_same_prefix_fences_the_first() {
    let bench = Bench::new();
    let run = bench.create();
    run.fill(50);
    run.tick(NOW);
    let copied = bench.files.for_a_run();
    let second = Bench { files: copied, clock: Arc::clone(&bench.clock), store: bench.store.clone() };
    // The copy of a machine: the same log, elsewhere.
    let claim = second.tier();
    claim.first_contact(Duration::from_secs(10)).unwrap();
    run.fill(50);
    let segments = run.segments();
    run.tick(NOW);
    assert!(run.tier.refused().unwrap().contains("another broker"), "{:?}", run.tier.refused());
    assert!(run.segments() >= segments, "what it has uploaded too late does not leave its disk");
    run.fill(10);
    let operations = bench.store.operations().len();
    run.tick(NOW);
    assert_eq!(bench.store.operations().len(), operations, "it asks nothing more");
    assert_eq!(run.consume(0, 400).unwrap(), expected(0..110), "and serves what it can");
}

#[test]
fn a_store_that_ignores_conditions_is_refused_unless_there_is_a_promise() {
    let bench = Bench::new();
    bench.files.create_dir_all("/d".as_ref()).unwrap();
    bench.store.ignore_conditions();
    let refused = bench.tier().first_contact(Duration::from_secs(10));
    assert_eq!(refused, Err(ClaimError::IgnoresConditions));
    assert_eq!(bench.tier_of(false).first_contact(Duration::from_secs(10)), Ok(()));
}

#[test]
fn a_log_that_was_lost_is_not_overwritten_in_the_bucket() {
    let bench = Bench::new();
    let run = bench.create();
    run.fill(100);
    run.tick(NOW);
    drop(run);
    let names = bench.store.names();
    let other = Bench { files: MemoryFiles::new(9), ..bench };
    let run = other.create();
    run.fill(20);
    run.tick(NOW);
    assert!(matches!(run.remote.known(), Known::Broken(reason) if reason.contains("klamm restore")));
    assert_eq!(other.store.names().len(), names.len() + 1, "one claim more");
}

//! A broker under load is killed with SIGKILL again and again, and keeps what it acknowledged.
//!
//! After each restart every acknowledged record is there, once, in its producer's order, at the
//! offset of its acknowledgement; what a consumer has seen is still there; what was not acknowledged
//! is sent again with its old sequence and comes in once. The seed is printed; `KLAMM_CRASH_SEED`
//! repeats a run, `KLAMM_CRASH_ROUNDS` makes it longer.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test with real processes: every surprise is a failure"
)]

mod client;
mod groups;
mod judge;
mod load;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use client::Client;
use compat_tests::broker::Broker;
use compat_tests::wait_for;
use judge::{Entry, judge};
use load::{Random, Worker};

const TOPIC: &str = "crash";
const PARTITIONS: i32 = 6;
const WORKERS: u8 = 4;
/// Dozens, if the machine manages them in the time below.
const ROUNDS: u32 = 36;
const BUDGET: Duration = Duration::from_secs(40);
/// Fewer than this within the time is a broker that is too slow to be tested like this.
const LEAST_ROUNDS: u32 = 6;
const PATIENCE: Duration = Duration::from_secs(20);

/// What a partition held when it was last read, in order of offset.
type Contents = BTreeMap<i32, Vec<Entry>>;

fn from_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn what_was_acknowledged_survives_every_kill() {
    let seed =
        from_environment("KLAMM_CRASH_SEED").unwrap_or_else(|| u64::from(std::process::id()) ^ load::clock());
    let rounds = from_environment("KLAMM_CRASH_ROUNDS");
    let _ = writeln!(std::io::stderr(), "crash test: KLAMM_CRASH_SEED={seed}");
    let mut random = Random::new(seed);
    // Small segments, so that kills meet rolls too.
    let mut broker = Broker::with(&["log.segment.bytes=1048576", "log.index.interval.bytes=512"]);
    let address = broker.address();
    Client::connect(&address).expect("the broker listens").create_topic(TOPIC, PARTITIONS);
    let mut workers: Vec<Worker> =
        (0..WORKERS).map(|id| Worker::new(id, PARTITIONS, random.next())).collect();
    let mut contents = Contents::new();
    let (start, mut done) = (Instant::now(), 0u32);
    while rounds.map_or(done < ROUNDS && start.elapsed() < BUDGET, |n| u64::from(done) < n) {
        let extra = format!("extra-{done}");
        let seen = one_round(&mut broker, &mut workers, &mut random, &extra);
        restart(&mut broker, &mut random);
        let mut client = Client::connect(&address).expect("the broker listens");
        assert!(client.topics().contains(&extra), "topic {extra} was acknowledged and is gone (seed {seed})");
        read_on(&mut client, &mut contents);
        let verdict = judge(&contents, &workers, &seen);
        assert_eq!(verdict, Ok(()), "after kill {done}, seed {seed}");
        done += 1;
    }
    let mut whole = Contents::new();
    read_on(&mut Client::connect(&address).expect("the broker listens"), &mut whole);
    assert!(whole == contents, "a second reading of everything differs (seed {seed})");
    let acknowledged: usize = workers.iter().map(Worker::acknowledged).sum();
    let _ = writeln!(
        std::io::stderr(),
        "crash test: {done} kills, {acknowledged} records acknowledged, none lost"
    );
    assert!(
        done >= LEAST_ROUNDS.min(rounds.map_or(u32::MAX, |n| n as u32)),
        "only {done} kills in {BUDGET:?}"
    );
    assert!(acknowledged > 100 * done as usize, "the load was no load: {acknowledged} records");
}

/// Load, and a kill in the midst of it; answers what a consumer saw meanwhile.
fn one_round(broker: &mut Broker, workers: &mut [Worker], random: &mut Random, extra: &str) -> Contents {
    let address = broker.address();
    let (killed, acknowledged) = (AtomicBool::new(false), AtomicU64::new(0));
    let (more, delay) = (random.below(300), Duration::from_micros(random.below(3000)));
    std::thread::scope(|scope| {
        for worker in workers.iter_mut() {
            let (address, killed, acknowledged) = (&address, &killed, &acknowledged);
            scope.spawn(move || worker.run(address, TOPIC, killed, acknowledged));
        }
        let reader = scope.spawn(|| tail(&address, &killed));
        Client::connect(&address).expect("the broker listens").create_topic(extra, 1);
        wait_for("acknowledgements", PATIENCE, || {
            (acknowledged.load(Ordering::Relaxed) >= more).then_some(())
        });
        // The point of the kill is random on purpose: no condition marks it.
        std::thread::sleep(delay);
        killed.store(true, Ordering::SeqCst);
        broker.kill();
        reader.join().expect("the reader did not fail")
    })
}

/// Starts again; now and then the broker is killed while it recovers.
fn restart(broker: &mut Broker, random: &mut Random) {
    while random.below(4) == 0 {
        broker.relaunch();
        std::thread::sleep(Duration::from_micros(random.below(40_000)));
        broker.kill();
    }
    broker.restart();
    let mut client = Client::connect(&broker.address()).expect("the broker listens");
    wait_for("leaders of all partitions", PATIENCE, || client.has_leaders(TOPIC, PARTITIONS).then_some(()));
}

/// Follows all partitions until the broker is gone.
fn tail(address: &str, killed: &AtomicBool) -> Contents {
    let mut seen = Contents::new();
    let Ok(mut client) = Client::connect(address) else { return seen };
    let mut next: BTreeMap<i32, i64> = client.ends(TOPIC, PARTITIONS);
    while !killed.load(Ordering::Relaxed) {
        for partition in 0..PARTITIONS {
            let from = next.entry(partition).or_default();
            let Ok(entries) = client.fetch(TOPIC, partition, *from) else { return seen };
            if let Some(last) = entries.last() {
                *from = last.offset + 1;
            }
            seen.entry(partition).or_default().extend(entries);
        }
    }
    seen
}

/// Reads every partition on to its end.
fn read_on(client: &mut Client, contents: &mut Contents) {
    for (partition, end) in client.ends(TOPIC, PARTITIONS) {
        let known = contents.entry(partition).or_default();
        while (known.len() as i64) < end {
            let from = known.last().map_or(0, |e| e.offset + 1);
            let more = client.fetch(TOPIC, partition, from).expect("a partition can be read");
            assert!(
                !more.is_empty(),
                "partition {partition}: nothing at offset {from}, but its end is {end}"
            );
            known.extend(more);
        }
    }
}

//! All loads run together for a while, well-behaved clients beside greedy and broken ones: the broker's memory
//! and its open files stay level, what the broken ones leave behind goes, and the latency of a modest producer
//! does not grow. Ten seconds by default; `KLAMM_SOAK_SECONDS` makes it longer.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test with a real process and real time: every surprise is a failure"
)]

mod loads;
mod process;
#[path = "../support/mod.rs"]
mod support;

use std::io::Write as _;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use compat_tests::broker::Broker;
use loads::{Shared, Stop};
use process::Sample;
use support::client::Client;

/// Length of a run that is asked for by nobody.
const SECONDS: u64 = 10;
/// What memory may grow between the second and the last third, in bytes: the allocator's play.
const PLAY: u64 = 12 << 20;
/// Open files that may be left when all clients are gone: segments and indexes come and go.
const FEW: usize = 40;

/// The largest value in a third (0 to 2) of the samples.
fn peak(samples: &[Sample], third: usize, of: impl Fn(&Sample) -> u64) -> u64 {
    let len = samples.len() / 3;
    samples[third * len..(third + 1) * len].iter().map(of).max().unwrap_or(0)
}

#[test]
fn all_loads_together_leave_the_broker_as_it_was() {
    let seconds = std::env::var("KLAMM_SOAK_SECONDS").ok().and_then(|s| s.parse().ok()).unwrap_or(SECONDS);
    let mut broker = Broker::with(&[
        "log.segment.bytes=8388608",
        "log.retention.check.interval.ms=1000",
        "queued.max.request.bytes=8388608",
        "log.cleaner.backoff.ms=500",
    ]);
    let address = broker.address().parse().unwrap();
    let mut admin = Client::connect(address);
    let greedy = [("retention.bytes", "67108864"), ("file.delete.delay.ms", "1000")];
    let compacted = [
        ("cleanup.policy", "compact"),
        ("segment.bytes", "1048576"),
        ("min.cleanable.dirty.ratio", "0.01"),
        ("file.delete.delay.ms", "1000"),
    ];
    let shared = Arc::new(Shared {
        address,
        stop: Stop::default(),
        steady: admin.topic("steady", 1, &[]),
        greedy: admin.topic("greedy", 2, &greedy),
        compacted: admin.topic("compacted", 1, &compacted),
        latencies: Default::default(),
    });
    let id = broker.process().id();
    let idle = Sample::of(id);
    let threads: Vec<_> = loads::ALL
        .iter()
        .map(|(name, load)| {
            let shared = Arc::clone(&shared);
            thread::Builder::new().name((*name).to_owned()).spawn(move || load(&shared)).unwrap()
        })
        .collect();
    let (began, mut samples) = (Instant::now(), Vec::new());
    while began.elapsed() < Duration::from_secs(seconds) {
        thread::sleep(Duration::from_millis(500));
        assert!(broker.process().status().is_none(), "the broker has ended");
        samples.push(Sample::of(id));
    }
    shared.stop.set();
    for thread in threads {
        let name = thread.thread().name().unwrap_or_default().to_owned();
        thread.join().unwrap_or_else(|_| panic!("the load `{name}` failed"));
    }
    drop(admin);

    let memory = [0, 1, 2].map(|third| peak(&samples, third, |s| s.resident) >> 20);
    let files = [0, 1, 2].map(|third| peak(&samples, third, |s| s.files as u64));
    let latency = shared.percentiles();
    let cpu = Sample::of(id).cpu - idle.cpu;
    let _ = writeln!(
        std::io::stderr(),
        "soak: {seconds} s; resident MiB by thirds {memory:?} (idle {}); open files {files:?} (idle {}); latency \
         of the steady producer by thirds, p50 and p99: {latency:?}; broker CPU {cpu:?}",
        idle.resident >> 20,
        idle.files,
    );
    let (middle, last) = (peak(&samples, 1, |s| s.resident), peak(&samples, 2, |s| s.resident));
    assert!(last <= middle + middle / 4 + PLAY, "memory grows: {middle}, then {last} bytes");
    // What nobody uses any more is closed by a timer.
    compat_tests::wait_for("files of clients that are gone to be closed", Duration::from_secs(30), || {
        (Sample::of(id).files <= idle.files + FEW).then_some(())
    });
    let [_, (_, middle), (_, last)] = latency;
    assert!(last <= middle * 4 + Duration::from_millis(100), "latency grows: p99 {middle:?}, then {last:?}");
}

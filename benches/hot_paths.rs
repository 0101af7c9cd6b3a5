//! How long the hot paths take: `cargo bench --bench hot_paths`. What is measured, and how a broker is
//! made for it, stands in `stage`; `instructions` counts the same work where time is too noisy.

mod stage;

use std::time::Duration;

use criterion::{Criterion, Throughput};
use stage::Stage;

fn main() {
    let stage = Stage::new();
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(1500))
        .sample_size(30)
        .configure_from_args();
    for work in stage.work() {
        let mut group = criterion.benchmark_group("hot paths");
        if work.bytes > 0 {
            group.throughput(Throughput::Bytes(work.bytes as u64));
        }
        let mut once = work.once;
        group.bench_function(work.name, |bencher| bencher.iter(&mut once));
        group.finish();
    }
    criterion.final_summary();
}

//! The cleaner at work beside an appending log.
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::log::cleaner::throttle::Throttle;
use crate::log::cleaner::{Cleaner, CleanerOptions};
use crate::log::{LogDirectory, checkpoint};

fn options(threads: usize) -> CleanerOptions {
    CleanerOptions {
        threads,
        backoff: Duration::from_millis(2),
        dedupe_bytes: 1 << 20,
        load_factor: 0.9,
        io_bytes: 1 << 16,
        bytes_per_second: f64::MAX,
    }
}

fn directory(bench: &Bench) -> Arc<LogDirectory> {
    Arc::new(LogDirectory::open(bench.env(), PathBuf::from("d"), 1).unwrap().0)
}

#[test]
fn logs_are_cleaned_while_they_grow_and_progress_is_saved() {
    let bench = Bench::new(1, 2000);
    let directory = directory(&bench);
    let create = |partition| {
        let config = Arc::new(bench.config.clone());
        directory.create_log(&TopicPartition::new("t", partition), Uuid([7; 16]), config).unwrap()
    };
    let logs: Vec<Arc<Log>> = (0..3).map(create).collect();
    let clock: Arc<dyn Clock> = Arc::clone(&bench.clock) as _;
    let cleaner = Cleaner::start(vec![Arc::clone(&directory)], clock, || options(2)).unwrap();
    let reading = AtomicBool::new(true);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            while reading.load(Ordering::Relaxed) {
                let seen = committed(&logs[0]);
                let mut keys: Vec<_> = seen.iter().map(|record| &record.2).collect();
                keys.sort();
                keys.dedup();
                assert!(keys.len() <= 10);
            }
        });
        for n in 0..3000 {
            for log in &logs {
                bench.append(log, &one(&format!("k{}", n % 10), Some(&n.to_string())));
            }
        }
        let path = PathBuf::from("d").join(checkpoint::CLEANER);
        let upto = |log: &Log| {
            let saved = checkpoint::read(directory.env().files.as_ref(), &path).unwrap_or_default();
            saved.get(log.topic_partition()).copied()
        };
        let is_clean = |log: &Arc<Log>| upto(log) == Some(log.cleaner_state().unwrap().active);
        while !logs.iter().all(is_clean) {
            std::thread::yield_now();
        }
        reading.store(false, Ordering::Relaxed);
        reader.join().unwrap();
    });
    cleaner.stop();
    for log in &logs {
        let seen = committed(log);
        let newest: Vec<_> = seen[seen.len() - 10..].iter().map(|record| record.0).collect();
        assert_eq!(newest, (2990..3000).collect::<Vec<i64>>());
        assert!(seen.len() < 100, "{}", seen.len());
    }
    let path = PathBuf::from("d").join(checkpoint::CLEANER);
    let saved = checkpoint::read(directory.env().files.as_ref(), &path).unwrap();
    assert_eq!(saved.len(), 3);
    assert!(saved.values().all(|upto| upto.get() > 2900), "{saved:?}");
}

#[test]
fn the_throttle_counts_all_that_is_read_and_written() {
    let bench = Bench::new(1, 2000);
    let log = bench.create();
    for n in 0..300 {
        bench.append(&log, &one(&format!("k{}", n % 10), Some("v")));
    }
    log.checkpoint().unwrap();
    let plan = Plan::new(&log.cleaner_state().unwrap(), None, &log.config(), bench.clock.now());
    let throttle = std::cell::RefCell::new(Throttle::default());
    let began = bench.clock.elapsed();
    throttle.borrow_mut().pause(began, 1000.0);
    let pace = |bytes| {
        throttle.borrow_mut().spend(bytes);
        let pause = throttle.borrow_mut().pause(bench.clock.elapsed(), 1000.0);
        bench.clock.advance(pause);
        true
    };
    let cleaned = log.clean(&plan, &Means { map_bytes: 1 << 20, load_factor: 0.9, block: 300, pace: &pace });
    let cleaned = cleaned.unwrap();
    assert!(cleaned.read > 10_000 && cleaned.written > 0, "{cleaned:?}");
    // Read once for the keys and once for the copy, a little more than once where a block ends in a batch.
    let took = (bench.clock.elapsed() - began).as_secs_f64();
    let least = (2 * cleaned.read + cleaned.written) as f64 / 1000.0;
    assert!((least - 0.1..least * 1.5).contains(&took), "{took} s, at least {least} s");
}

#[test]
fn a_higher_rate_counts_at_once_and_a_stop_waits_for_no_pause() {
    let bench = Bench::new(1, 2000);
    let directory = directory(&bench);
    let tp = TopicPartition::new("t", 0);
    let log = directory.create_log(&tp, Uuid([7; 16]), Arc::new(bench.config.clone())).unwrap();
    for n in 0..300 {
        bench.append(&log, &one("k", Some(&n.to_string())));
    }
    let size = log.size();
    let rate = Arc::new(std::sync::atomic::AtomicU64::new(1));
    let asked = Arc::clone(&rate);
    let options =
        move || CleanerOptions { bytes_per_second: asked.load(Ordering::Relaxed) as f64, ..options(1) };
    let clock: Arc<dyn Clock> = Arc::clone(&bench.clock) as _;
    let start = || Cleaner::start(vec![Arc::clone(&directory)], Arc::clone(&clock), options.clone()).unwrap();
    // The clock stands still: nothing is allowed.
    start().stop();
    assert_eq!(log.size(), size);
    let cleaner = start();
    rate.store(0, Ordering::Relaxed);
    while log.size() > size / 2 {
        std::thread::yield_now();
    }
    cleaner.stop();
}

#[test]
fn a_log_with_a_damaged_batch_is_left_alone() {
    let bench = Bench::new(1, 500);
    let directory = directory(&bench);
    let tp = TopicPartition::new("t", 0);
    let log = directory.create_log(&tp, Uuid([7; 16]), Arc::new(bench.config.clone())).unwrap();
    for n in 0..50 {
        bench.append(&log, &one("k", Some(&n.to_string())));
    }
    log.checkpoint().unwrap();
    let path = PathBuf::from("d/t-0/00000000000000000000.log");
    let file = bench.files.open(&path, crate::env::OpenMode::ReadWrite).unwrap();
    file.write_all_at(b"?", 66).unwrap();
    let result = clean_from(&bench, &log, 0, 1 << 20);
    assert!(matches!(&result, Err(CleanError::Log(crate::log::LogError::Corrupt { .. }))), "{result:?}");
    assert!(directory.env().health.failure().is_none(), "only the log is given up");
    assert_eq!(headers(&log).len(), 50);
}

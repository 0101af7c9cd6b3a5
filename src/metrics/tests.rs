#![allow(clippy::disallowed_methods, reason = "one test compares a file of the project")]
use std::collections::BTreeSet;

use super::table::{ALL, CONNECTIONS, FLUSH_TIME, PARTITIONS, REQUESTS, page};
use super::*;

#[test]
fn names_are_unique_and_in_kafkas_form() {
    let names: BTreeSet<_> = ALL.iter().map(|metric| metric.name).collect();
    assert_eq!(names.len(), ALL.len());
    for metric in ALL {
        let (domain, rest) = metric.name.split_once(":type=").unwrap();
        assert!(domain.starts_with("kafka.") || domain.starts_with("klamm."), "{}", metric.name);
        assert!(rest.contains(",name="), "{}", metric.name);
    }
}

#[test]
fn the_page_has_not_drifted() {
    let path = format!("{}/docs/metrics.md", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("KLAMM_REGENERATE").is_some() {
        std::fs::write(&path, page()).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == page(), "docs/metrics.md has drifted; KLAMM_REGENERATE=1 cargo test metrics writes it");
}

#[test]
fn who_asks_twice_gets_the_same_metric() {
    let registry = Registry::default();
    registry.counter(&REQUESTS, &[("request", "Fetch")]).add(2);
    registry.counter(&REQUESTS, &[("request", "Fetch")]).inc();
    registry.counter(&REQUESTS, &[("request", "Produce")]).inc();
    registry.gauge(&CONNECTIONS, &[]).add(5);
    registry.histogram(&FLUSH_TIME, &[]).record(7);
    registry.computed(&PARTITIONS, &[], || 9);
    let read: Vec<_> = registry.snapshot().into_iter().map(|s| (s.metric.kind, s.tags, s.value)).collect();
    let requests =
        |api: &str, n| (table::Kind::Counter, vec![("request", api.to_owned())], Value::Counter(n));
    assert!(read.contains(&requests("Fetch", 3)) && read.contains(&requests("Produce", 1)));
    assert!(read.contains(&(table::Kind::Gauge, Vec::new(), Value::Gauge(5))));
    assert!(read.contains(&(table::Kind::Gauge, Vec::new(), Value::Gauge(9))));
    assert_eq!(read.len(), 5);
    registry.forget("request", "Fetch");
    assert_eq!(registry.snapshot().len(), 4);
}

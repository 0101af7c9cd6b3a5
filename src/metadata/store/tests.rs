//! The store on files in memory: what was answered survives power cuts, what was refused left nothing.

use std::path::Path;
use std::sync::mpsc::{Sender, channel};

use super::*;
use crate::config::Settings;
use crate::env::{FakeClock, Fault, FaultOp, Files, MemoryFiles, OpenMode, SeededRng};
use crate::log::LogEnv;
use crate::metadata::change::{Site, create_topics};
use crate::metadata::format::{Format, Voters};
use crate::schema::ErrorCode;
use crate::schema::clients::create_topics_request::{CreatableTopic, CreateTopicsRequest};
use crate::types::{NodeId, Uuid};

const DIR: &str = "/data";

fn options() -> StoreOptions {
    StoreOptions {
        node: NodeId(1),
        dir: DIR.into(),
        min_insync_replicas: 1,
        snapshot_bytes: 2000,
        snapshot_interval_ms: 3_600_000,
        segment_bytes: 1 << 20,
        segment_ms: i64::MAX,
    }
}

fn formatted(files: &MemoryFiles) {
    let format = Format {
        cluster_id: "c".into(),
        node_id: NodeId(1),
        metadata_version: 30,
        features: vec![],
        voters: Voters::Standalone("CONTROLLER".into(), "localhost".into(), 9093),
        now: Timestamp(5),
    };
    format.write(files, Path::new(DIR), Uuid([7; 16]), true).unwrap();
}

fn journal(files: &MemoryFiles) -> Result<Journal, StoreError> {
    let (clock, rng) = (Arc::new(FakeClock::new(1000)), Arc::new(SeededRng::new(3)));
    Journal::open(LogEnv::new(Arc::new(files.clone()), clock, rng, DIR.into()), options())
}

struct Told(Sender<(usize, usize)>);

impl Applier for Told {
    fn apply(&mut self, before: &Arc<Image>, after: &Arc<Image>) {
        let _ = self.0.send((before.topics().len(), after.topics().len()));
    }
}

struct Running {
    store: Store,
    applied: Receiver<(usize, usize)>,
    failed: Receiver<String>,
}

fn start(files: &MemoryFiles) -> Running {
    let (told, applied) = channel();
    let (failure, failed) = channel();
    let on_failure = Box::new(move |error: &StoreError| drop(failure.send(error.to_string())));
    let clock = Arc::new(FakeClock::new(2000));
    let store = Store::start(journal(files).unwrap(), clock, Box::new(Told(told)), on_failure).unwrap();
    Running { store, applied, failed }
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

/// Creates a topic without partitions' brokers being asked: only the records count here.
fn topic(name: &str) -> Decision<()> {
    use crate::schema::metadata::{MetadataRecord, topic_record::TopicRecord};
    let mut id = [0; 16];
    id.iter_mut().zip(name.bytes()).for_each(|(to, from)| *to = from);
    let record = TopicRecord { name: name.to_owned().into(), topic_id: id, ..Default::default() };
    Decision { records: vec![MetadataRecord::Topic(record)], reply: () }
}

#[test]
fn a_new_directory_begins_as_kafkas_does() {
    let files = MemoryFiles::new(1);
    formatted(&files);
    let journal = journal(&files).unwrap();
    assert_eq!(
        (journal.epoch(), journal.end_offset()),
        (LeaderEpoch(1), Offset(12)),
        "as in Kafka's own log"
    );
    assert_eq!(journal.image().feature("metadata.version"), 30);
    assert_eq!(journal.quorum().kraft_version, 1);
    assert!(!journal.image().in_transaction());
}

#[test]
fn each_start_leads_a_new_epoch_of_the_same_image() {
    let files = MemoryFiles::new(1);
    formatted(&files);
    let mut last = journal(&files).unwrap().image().clone();
    for epoch in 2..6 {
        files.crash();
        let mut journal = journal(&files).unwrap();
        assert_eq!((journal.epoch(), journal.image()), (LeaderEpoch(epoch), &last));
        journal.append(&topic(&format!("t{epoch}")).records, Timestamp(9)).unwrap();
        journal.flush().unwrap();
        last = journal.image().clone();
    }
}

#[test]
fn a_reply_comes_when_the_change_is_applied_and_published() {
    let files = MemoryFiles::new(1);
    formatted(&files);
    let running = start(&files);
    wait(running.store.submit(|_, _| topic("a"))).unwrap();
    assert_eq!(running.applied.try_recv(), Ok((0, 1)));
    assert!(running.store.image().topics().by_name("a").is_some());
    let decided = running.store.submit(|image, at| Decision::reply((image.topics().len(), at.next_offset)));
    assert_eq!(wait(decided), Ok((1, Offset(13))));
    assert!(running.applied.try_recv().is_err(), "what changes nothing is not applied");
    running.store.stop();
    assert!(matches!(wait(running.store.submit(|_, _| topic("b"))), Err(StoreFailed::Stopped(_))));
}

#[test]
fn requests_of_one_turn_see_each_other_and_share_a_flush() {
    let files = MemoryFiles::new(1);
    formatted(&files);
    let running = start(&files);
    // The first decision holds the thread until all others wait.
    let (go, gate) = channel::<()>();
    let first = running.store.submit(move |_, _| {
        let _ = gate.recv();
        Decision::reply(())
    });
    let counts: Vec<_> = (0..20)
        .map(|i| {
            running.store.submit(move |image, _| {
                let Decision { records, .. } = topic(&format!("t{i}"));
                Decision { records, reply: image.topics().len() }
            })
        })
        .collect();
    let before = files.syncs();
    go.send(()).unwrap();
    wait(first).unwrap();
    let seen: Vec<_> = counts.into_iter().map(|future| wait(future).unwrap()).collect();
    assert_eq!(seen, (0..20).collect::<Vec<_>>());
    assert!(files.syncs() - before < 10, "{} syncs for 20 changes", files.syncs() - before);
}

#[test]
fn a_change_that_does_not_fit_is_refused_and_the_store_goes_on() {
    let files = MemoryFiles::new(1);
    formatted(&files);
    let running = start(&files);
    wait(running.store.submit(|_, _| topic("a"))).unwrap();
    assert!(matches!(wait(running.store.submit(|_, _| topic("a"))), Err(StoreFailed::Refused(_))));
    wait(running.store.submit(|_, _| topic("b"))).unwrap();
    assert_eq!(running.store.image().topics().len(), 2);
}

#[test]
fn a_failed_flush_is_reported_and_nothing_is_acknowledged() {
    let files = MemoryFiles::new(1);
    formatted(&files);
    let running = start(&files);
    let fault =
        Fault { op: FaultOp::Sync, path: ".log".into(), skip: 0, times: 1, kind: io::ErrorKind::Other };
    files.inject(fault);
    assert!(matches!(wait(running.store.submit(|_, _| topic("a"))), Err(StoreFailed::Stopped(_))));
    assert!(running.failed.recv().unwrap().contains("__cluster_metadata-0"));
    assert!(running.store.image().topics().is_empty(), "what is not durable is not shown");
}

#[test]
fn a_decision_that_panics_ends_the_store_with_a_report() {
    let files = MemoryFiles::new(1);
    formatted(&files);
    let running = start(&files);
    let decided = running.store.submit(|_, _| -> Decision<()> { panic!("a fault made for this test") });
    assert!(matches!(wait(decided), Err(StoreFailed::Stopped(_))));
    assert!(running.failed.recv().unwrap().contains("fault of this program"));
}

#[test]
fn damage_below_a_snapshot_is_told_and_never_cut() {
    let files = MemoryFiles::new(1);
    formatted(&files);
    let mut journal = journal(&files).unwrap();
    journal.append(&topic("a").records, Timestamp(9)).unwrap();
    journal.flush().unwrap();
    journal.take_snapshot(Timestamp(9)).unwrap();
    journal.append(&topic("b").records, Timestamp(9)).unwrap();
    journal.flush().unwrap();
    drop(journal);
    let part = Path::new(DIR).join("__cluster_metadata-0/00000000000000000099-0000000001.checkpoint.part");
    files.open(&part, OpenMode::Create).unwrap();
    let log = Path::new(DIR).join("__cluster_metadata-0/00000000000000000000.log");
    let file = files.open(&log, OpenMode::ReadWrite).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, 100).unwrap();
    file.write_all_at(&[byte[0] ^ 1], 100).unwrap();
    let len = file.len().unwrap();
    let outcome = self::journal(&files);
    assert!(files.metadata(&part).is_err(), "a snapshot that was never finished goes");
    assert!(files.metadata(&log).unwrap().len >= len, "nothing is cut");
    if let Ok(journal) = outcome {
        assert!(
            journal.image().topics().by_name("b").is_some(),
            "what the snapshot does not need does no harm"
        );
    }
}

#[test]
fn a_full_disk_refuses_changes_until_there_is_space() {
    let files = MemoryFiles::new(1);
    formatted(&files);
    let running = start(&files);
    wait(running.store.submit(|_, _| topic("a"))).unwrap();
    files.set_capacity(Some(0));
    assert_eq!(wait(running.store.submit(|_, _| topic("b"))), Err(StoreFailed::NoSpace));
    files.set_capacity(None);
    wait(running.store.submit(|_, _| topic("c"))).unwrap();
    let image = running.store.image();
    assert!(image.topics().by_name("b").is_none() && image.topics().by_name("c").is_some());
}

#[test]
fn whatever_a_power_cut_leaves_every_acknowledged_change_is_there() {
    for seed in 0..60 {
        let files = MemoryFiles::new(seed);
        formatted(&files);
        let mut acknowledged: Vec<String> = Vec::new();
        for life in 0..4 {
            let mut journal =
                journal(&files).unwrap_or_else(|error| panic!("seed {seed} life {life}: {error}"));
            for name in &acknowledged {
                assert!(journal.image().topics().by_name(name).is_some(), "seed {seed} life {life}: {name}");
            }
            let rounds = 5 + seed % 7;
            for round in 0..rounds {
                let name = format!("t{life}-{round}");
                journal.append(&topic(&name).records, Timestamp(round as i64)).unwrap();
                if round % 3 == 2 {
                    journal.flush().unwrap();
                    acknowledged = journal.image().topics().iter().map(|t| t.name.to_string()).collect();
                }
                if journal.snapshot_due(Timestamp(0)) {
                    journal.flush().unwrap();
                    acknowledged = journal.image().topics().iter().map(|t| t.name.to_string()).collect();
                    journal.take_snapshot(Timestamp(0)).unwrap();
                }
            }
            drop(journal);
            files.crash();
        }
    }
}

#[test]
fn a_snapshot_alone_is_enough_and_old_ones_go() {
    let files = MemoryFiles::new(1);
    formatted(&files);
    let mut journal = journal(&files).unwrap();
    for i in 0..200 {
        journal.append(&topic(&format!("t{i}")).records, Timestamp(9)).unwrap();
        if journal.snapshot_due(Timestamp(9)) {
            journal.flush().unwrap();
            journal.take_snapshot(Timestamp(9)).unwrap();
        }
    }
    journal.flush().unwrap();
    journal.take_snapshot(Timestamp(9)).unwrap();
    let (image, end) = (journal.image().clone(), journal.end_offset());
    drop(journal);
    let dir = Path::new(DIR).join("__cluster_metadata-0");
    let names: Vec<String> = files.list(&dir).unwrap().into_iter().map(|e| e.name).collect();
    assert_eq!(names.iter().filter(|n| n.ends_with(".checkpoint")).count(), 2, "{names:?}");
    for name in names.iter().filter(|n| n.starts_with("0000") && !n.ends_with(".checkpoint")) {
        files.remove_file(&dir.join(name)).unwrap();
    }
    let again = self::journal(&files).unwrap();
    assert_eq!((again.image(), again.end_offset()), (&image, end.plus(1)), "one record more: the new leader");
}

#[test]
fn a_quorum_of_others_stops_the_start() {
    let files = MemoryFiles::new(1);
    formatted(&files);
    let (clock, rng) = (Arc::new(FakeClock::new(1000)), Arc::new(SeededRng::new(3)));
    let env = LogEnv::new(Arc::new(files.clone()), clock, rng, DIR.into());
    let error = Journal::open(env, StoreOptions { node: NodeId(2), ..options() }).unwrap_err();
    assert!(matches!(error, StoreError::ForeignVoters { ref voters, .. } if voters == &[1]), "{error}");
}

#[test]
fn a_decision_of_the_controller_goes_through_the_store() {
    let files = MemoryFiles::new(1);
    formatted(&files);
    let running = start(&files);
    let settings = Arc::new(Settings::default());
    let reply = wait(running.store.submit(move |image, _| {
        let topic = CreatableTopic {
            name: "t".into(),
            num_partitions: 1,
            replication_factor: 1,
            ..Default::default()
        };
        let request = CreateTopicsRequest { topics: vec![topic], ..Default::default() };
        create_topics(image, &request, Site { node: NodeId(1), settings: &settings }, || Uuid([1; 16]))
    }));
    // No broker is registered yet, so there is nowhere to put it.
    let code = reply.unwrap().topics.first().map(|t| t.error_code);
    assert_eq!(code, Some(ErrorCode::INVALID_REPLICATION_FACTOR.code()));
}

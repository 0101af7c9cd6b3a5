//! A full volume: records are refused with a retriable error, reads go on, what frees space works, and then
//! records are taken again. On files in memory with a capacity, and on a small volume if one can be mounted.
use std::path::Path;

use klamm::env::{Files, MemoryFiles, RealFiles};
use klamm::log::reserve;
use klamm::schema::ErrorCode;

use super::broker::{TestBroker, wait_for};
use super::client::{Client, batch};

/// Bytes of a record.
const RECORD: usize = 64 << 10;

fn record() -> Vec<u8> {
    batch(None, &["x".repeat(RECORD)])
}

/// Produces until the volume is full; the number of records that were taken.
fn fill(client: &mut Client, topic: ([u8; 16], &str)) -> i64 {
    for count in 0.. {
        let (code, offset) = client.produce(topic, 0, &record()).unwrap();
        if code == ErrorCode::KAFKA_STORAGE_ERROR {
            assert!(code.is_retriable());
            return count;
        }
        assert_eq!((code, offset >= count), (ErrorCode::NONE, true));
    }
    unreachable!()
}

fn works_again(client: &mut Client, topic: ([u8; 16], &str)) {
    wait_for("records are taken again", || {
        let (code, _) = client.produce(topic, 0, &record()).unwrap();
        (code == ErrorCode::NONE).then_some(())
    });
}

fn scenario(files: impl Files + Clone + 'static, dir: &Path) {
    let log_dirs = format!("log.dirs={}", dir.display());
    // Whatever the timers do by the clock they do now: none of it may hurt.
    let options = [
        log_dirs.as_str(),
        "log.segment.bytes=1048576",
        "log.flush.offset.checkpoint.interval.ms=200",
        "replica.high.watermark.checkpoint.interval.ms=200",
        "metadata.log.max.record.bytes.between.snapshots=1",
    ];
    let mut broker = TestBroker::start(files.clone(), &options);
    let mut client = broker.client();
    for name in ["full", "other"] {
        assert_eq!(client.create(name, 1, &[]).unwrap(), ErrorCode::NONE);
    }
    let ids = client.topics().unwrap();
    let (full, other) = ((ids["full"], "full"), (ids["other"], "other"));
    let reserve = dir.join(reserve::FILE);
    wait_for("the reserve", || files.metadata(&reserve).is_ok().then_some(()));
    let taken = fill(&mut client, full);
    assert!(files.metadata(&reserve).is_err(), "the reserve is given back");

    // Nothing that was taken is lost, and nothing that was refused is there.
    let read = client.fetch(full, 0, taken - 1, 0).unwrap();
    assert_eq!((read.0, read.1, read.2.len()), (ErrorCode::NONE, taken, 1), "reads go on");
    assert_eq!(client.produce(other, 0, &record()).unwrap().0, ErrorCode::KAFKA_STORAGE_ERROR);
    // The metadata can still be changed.
    assert_eq!(client.set("full", "retention.bytes", "-1").unwrap(), ErrorCode::NONE);
    assert_eq!(client.create("new", 1, &[]).unwrap(), ErrorCode::NONE);

    // Deleting records frees space.
    wait_for("records are deleted", || {
        (client.delete_records("full", taken - 1).unwrap() == ErrorCode::NONE).then_some(())
    });
    works_again(&mut client, full);
    works_again(&mut client, other);
    let new = client.topics().unwrap()["new"];
    works_again(&mut client, (new, "new"));
    wait_for("the reserve", || files.metadata(&reserve).is_ok().then_some(()));

    // So does deleting a topic; and a start on a full volume works.
    let fill_on =
        |client: &mut Client| while client.produce(full, 0, &record()).unwrap().0 == ErrorCode::NONE {};
    fill_on(&mut client);
    broker.stop();
    broker = TestBroker::start(files.clone(), &options);
    client = broker.client();
    let end = client.fetch(full, 0, taken, 0).unwrap();
    assert_eq!(end.0, ErrorCode::NONE, "reads go on after a start");
    assert_eq!(client.delete("full").unwrap(), ErrorCode::NONE);
    works_again(&mut client, other);

    // And retention.
    let again = fill(&mut client, other);
    assert!(again > 0);
    assert_eq!(client.set("other", "retention.bytes", "100000").unwrap(), ErrorCode::NONE);
    works_again(&mut client, other);
    broker.stop();
}

#[test]
fn a_full_volume_in_memory() {
    let files = MemoryFiles::new(1);
    files.set_capacity(Some(24 << 20));
    scenario(files, Path::new("/data"));
}

#[test]
fn a_full_volume() {
    let dir = tempfile::tempdir().unwrap();
    let mount = std::process::Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=24m", "klamm-test"])
        .arg(dir.path())
        .output();
    if !mount.as_ref().is_ok_and(|done| done.status.success()) {
        eprintln!("left out: no volume can be mounted here ({mount:?}); the test in memory stands for it");
        return;
    }
    let data = dir.path().join("data");
    let outcome = std::panic::catch_unwind(|| scenario(RealFiles, &data));
    let done = std::process::Command::new("umount").arg("-l").arg(dir.path()).status();
    assert!(done.is_ok_and(|status| status.success()), "unmounting");
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic);
    }
}

use std::path::PathBuf;
use std::sync::Arc;

use super::*;
use crate::config::TopicConfig;
use crate::env::{FakeClock, MemoryFiles, SeededRng};
use crate::log::{LogDirectory, LogEnv, LogError};
use crate::record::{BatchBuilder, Compression, NewRecord, ValidBatch};
use crate::types::{LeaderEpoch, Offset, Timestamp, TopicPartition, Uuid};

const NOW: Timestamp = Timestamp(1_000_000);

fn partition(config: TopicConfig) -> Arc<Partition> {
    let files = Arc::new(MemoryFiles::new(1));
    let clock = Arc::new(FakeClock::new(NOW.get()));
    let path = PathBuf::from("/data");
    let env = LogEnv::new(files, clock, Arc::new(SeededRng::new(1)), path.clone());
    let (directory, _) = LogDirectory::open(env, path, 1).unwrap();
    let directory = Arc::new(directory);
    let name = TopicPartition::new("t", 0);
    let log = directory.create_log(&name, Uuid([7; 16]), Arc::new(log_config(&config, 1))).unwrap();
    let storage = Arc::new(LocalLog::new(log, directory));
    Arc::new(Partition::new(name, Uuid([7; 16]), LeaderEpoch(3), storage, Arc::new(config)))
}

fn batch(records: usize) -> ValidBatch<'static> {
    let mut builder = BatchBuilder::new(Compression::NONE);
    for _ in 0..records {
        builder.push(&NewRecord { timestamp: NOW, value: Some(b"v"), ..NewRecord::default() });
    }
    builder.build().unwrap()
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}

#[test]
fn what_is_appended_becomes_visible_when_it_is_durable() {
    let partition = partition(TopicConfig::default());
    let appended = partition.append(batch(3), NOW).unwrap();
    assert_eq!((appended.base_offset, appended.last_offset), (Offset(0), Offset(2)));
    assert!(wait(partition.visible(Offset(3))));
    let marks = partition.marks();
    assert_eq!((marks.high_watermark, marks.last_stable, marks.log_start), (Offset(3), Offset(3), Offset(0)));
    let fetched = partition.fetch(Offset(1), 1, true, Isolation::ReadCommitted).unwrap();
    assert_eq!((fetched.slice.base_offset, fetched.slice.next_offset), (Offset(0), Offset(3)));
}

#[test]
fn without_flush_per_message_the_high_watermark_follows_the_write() {
    let partition = partition(TopicConfig { flush_messages: i64::MAX, ..TopicConfig::default() });
    partition.append(batch(2), NOW).unwrap();
    assert_eq!(partition.high_watermark(), Offset(2));
}

#[test]
fn a_read_ends_at_the_high_watermark_and_not_before_the_log_start() {
    let partition = partition(TopicConfig::default());
    partition.append(batch(3), NOW).unwrap();
    assert!(wait(partition.visible(Offset(3))));
    let at = |offset| partition.fetch(Offset(offset), 1000, true, Isolation::ReadUncommitted);
    assert!(at(3).unwrap().slice.is_empty());
    for offset in [-1, 4] {
        assert!(matches!(at(offset), Err(LogError::OffsetOutOfRange { .. })), "{offset}");
    }
    assert_eq!(partition.delete_before(Offset(2)).unwrap(), Offset(2));
    assert!(at(1).is_err());
    assert!(matches!(partition.delete_before(Offset(4)), Err(LogError::OffsetOutOfRange { .. })));
}

#[test]
fn epochs_are_held_against_the_one_in_force() {
    let partition = partition(TopicConfig::default());
    assert!(partition.check_epoch(-1).is_ok() && partition.check_epoch(3).is_ok());
    assert!(matches!(partition.check_epoch(2), Err(PartitionError::FencedLeaderEpoch { .. })));
    assert!(matches!(partition.check_epoch(4), Err(PartitionError::UnknownLeaderEpoch { .. })));
    partition.append(batch(1), NOW).unwrap();
    partition.set_leader_epoch(LeaderEpoch(5));
    partition.append(batch(1), NOW).unwrap();
    assert_eq!(partition.epoch_end(LeaderEpoch(3)), Some((LeaderEpoch(3), Offset(1))));
    assert_eq!(partition.epoch_end(LeaderEpoch(4)), Some((LeaderEpoch(3), Offset(1))));
    assert_eq!(partition.epoch_end(LeaderEpoch(5)), Some((LeaderEpoch(5), Offset(2))));
    assert_eq!(partition.epoch_end(LeaderEpoch(6)), None);
    assert_eq!(partition.epoch_of(Offset(1)), LeaderEpoch(5));
}

#[test]
fn those_who_wait_for_a_deleted_partition_are_told() {
    let partition = partition(TopicConfig::default());
    let waiting = Arc::clone(&partition);
    wait(async move {
        let task = tokio::spawn(async move { waiting.visible(Offset(10)).await });
        tokio::task::yield_now().await;
        partition.close();
        assert!(!task.await.unwrap());
    });
}

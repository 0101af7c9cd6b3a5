//! Opening a log directory in which anything may have happened to the files. Used by the fuzz target
//! `log_recovery` and, with inputs from seeds, by `cargo test`.
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use klamm::env::{FakeClock, Files, MemoryFiles, OpenMode, SeededRng};
use klamm::log::{CHECKPOINT_BYTES, Log, LogConfig, LogDirectory, LogEnv, ReadRequest, checkpoint};
use klamm::record::{BatchBuilder, Batches, Compression, NewRecord, ValidBatch};
use klamm::types::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Timestamp, TopicPartition, Uuid};

const NOW: Timestamp = Timestamp(1_790_000_000_000);
const ROOT: &str = "d";
const PARTITION: &str = "d/t-0";
/// Batches written before the damage.
const BATCHES: u8 = 14;
/// Bytes of the input for each change to a file.
const CHANGE: usize = 6;
/// Files do not grow beyond this.
const LONGEST: u64 = 8192;

fn config() -> Arc<LogConfig> {
    let config = LogConfig {
        segment_bytes: 500,
        index_interval_bytes: 80,
        retention_ms: -1,
        producer_id_expiration_ms: i64::MAX,
        ..LogConfig::default()
    };
    Arc::new(config)
}

fn directory(files: &MemoryFiles) -> Option<(LogDirectory, klamm::log::Contents)> {
    let files: Arc<dyn Files> = Arc::new(files.for_a_run());
    let clock = Arc::new(FakeClock::new(NOW.get()));
    let env = LogEnv::new(files, clock, Arc::new(SeededRng::new(1)), PathBuf::from(ROOT));
    LogDirectory::open(env, PathBuf::from(ROOT), 1).ok()
}

fn batch(number: u8) -> ValidBatch<'static> {
    let producer = (ProducerId(i64::from(number % 2)), ProducerEpoch(0));
    let mut builder =
        BatchBuilder::new(Compression::NONE).producer(producer.0, producer.1, i32::from(number / 2) * 2);
    for record in 0..2 {
        let value = [number, record].repeat(10);
        let timestamp = Timestamp(NOW.get() - i64::from(number % 3) * 1000);
        builder.push(&NewRecord { timestamp, value: Some(&value), ..NewRecord::default() });
    }
    builder.build().unwrap()
}

/// A sound directory, of which a checkpoint covers about a half.
fn write(files: &MemoryFiles, is_clean: bool) {
    let (directory, _) = directory(files).unwrap();
    let log = directory.create_log(&TopicPartition::new("t", 0), Uuid([7; 16]), config()).unwrap();
    for number in 0..BATCHES {
        log.append(&batch(number), LeaderEpoch(i32::from(number / 5)), NOW).unwrap();
        if number == BATCHES / 2 {
            directory.checkpoint().unwrap();
        }
    }
    log.flush().unwrap();
    if is_clean {
        directory.close(1, &BTreeMap::new()).unwrap();
    }
}

/// One change: to which file, what, where, and a value.
fn damage(files: &MemoryFiles, names: &[PathBuf], change: &[u8]) {
    let &[file, what, high, low, value, _] = change else { return };
    let Some(path) = names.get(usize::from(file) % names.len().max(1)) else { return };
    let Ok(open) = files.open(path, OpenMode::ReadWrite) else { return };
    let len = open.len().unwrap_or(0);
    let at = u64::from(u16::from_be_bytes([high, low]));
    let inside = at.checked_rem(len).unwrap_or(0);
    let _ = match what % 6 {
        0 => open.set_len(inside),
        1 => open.set_len((len + at).min(LONGEST)),
        2 => open.write_all_at(&[value; 4], inside),
        3 => open.write_all_at(&[value], inside),
        4 => files.remove_file(path),
        _ => files.rename(path, &path.with_extension(["swap", "cleaned", "deleted"][usize::from(value % 3)])),
    };
}

fn names(files: &MemoryFiles, dir: &str) -> Vec<PathBuf> {
    let entries = files.list(Path::new(dir)).unwrap_or_default();
    entries.into_iter().filter(|entry| !entry.is_dir).map(|entry| Path::new(dir).join(entry.name)).collect()
}

/// Opens what is left. Whatever it was: no panic, and no endless walk; what was checked can be read; and the
/// log goes on.
pub fn run(input: &[u8]) {
    let Some((&flags, changes)) = input.split_first() else { return };
    let (is_clean, is_checked) = (flags & 1 != 0, flags & 3 == 2);
    let files = MemoryFiles::new(1);
    write(&files, is_clean);
    files.kill();
    if is_checked {
        let _ = files.remove_file(&Path::new(ROOT).join(checkpoint::RECOVERY_POINT));
    }
    let mut all = names(&files, PARTITION);
    if flags & 4 != 0 {
        all.extend(names(&files, ROOT));
    }
    for change in changes.chunks_exact(CHANGE) {
        damage(&files, &all, change);
    }
    let Some((directory, contents)) = directory(&files) else { return };
    let opened = directory.open_logs(&contents.partitions, &|_| config(), 1).unwrap_or_default();
    let Some(Ok((log, _))) = opened.into_iter().next() else { return };
    let is_readable = read(&log, is_checked);
    if is_checked {
        assert!(is_readable, "everything was checked, so everything can be read");
    }
    let end = log.log_end();
    if let Ok(appended) = log.append(&plain(), LeaderEpoch(9), NOW) {
        assert_eq!(appended.base_offset, end);
        assert_eq!(log.flush().unwrap(), appended.last_offset.plus(1));
    }
    assert!(log.size() < CHECKPOINT_BYTES);
    let end = log.log_end();
    if directory.close(1, &BTreeMap::new()).is_ok() && is_checked {
        drop((directory, log));
        files.kill();
        reopened(&files, end);
    }
}

fn reopened(files: &MemoryFiles, end: Offset) {
    let (directory, contents) = directory(files).expect("what was closed opens");
    let opened = directory.open_logs(&contents.partitions, &|_| config(), 1).unwrap();
    let log = &opened.into_iter().next().expect("it is there").expect("it opens").0;
    assert_eq!(log.log_end(), end);
    assert!(read(log, true));
}

fn plain() -> ValidBatch<'static> {
    let mut builder = BatchBuilder::new(Compression::NONE);
    builder.push(&NewRecord { timestamp: NOW, value: Some(b"v"), ..NewRecord::default() });
    builder.build().unwrap()
}

/// Reads from the log start to the end; false if something cannot be read.
fn read(log: &Log, is_checked: bool) -> bool {
    let (mut from, upto) = (log.log_start(), log.log_end());
    while from < upto {
        let request = ReadRequest { from, max_bytes: 300, upto, at_least_one: true };
        let Ok(slice) = log.read(&request) else { return false };
        let Some(range) = &slice.range else { return slice.next_offset >= upto };
        let Ok(bytes) = range.read() else { return false };
        if is_checked {
            for batch in Batches::new(&bytes) {
                batch.expect("it was checked").verify_crc().expect("it was checked");
            }
        }
        assert!(slice.next_offset > from, "a read moves on");
        from = slice.next_offset;
    }
    true
}

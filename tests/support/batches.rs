//! Batches as producers make them, and as a test breaks them.

use klamm::record::{BatchBuilder, Batches, Codec, Compression, NewRecord};
use klamm::types::{ProducerEpoch, ProducerId, Timestamp};

/// Where the CRC lies in a batch, and where what it covers begins.
const CRC: std::ops::Range<usize> = 17..21;

/// The time of records whose time does not matter: that of the system.
pub fn now() -> i64 {
    use klamm::env::Clock;
    klamm::env::SystemClock::new().now().get()
}

/// A batch of records with these values, without keys.
pub fn of(values: &[&str]) -> Vec<u8> {
    let records: Vec<_> = values.iter().map(|value| (None, Some(*value), now())).collect();
    with(&records, Compression::NONE)
}

/// A batch of `count` records of 1 byte.
pub fn count(count: usize) -> Vec<u8> {
    of(&vec!["v"; count])
}

/// A batch of one record of `size` bytes.
pub fn sized(size: usize) -> Vec<u8> {
    of(&[&"x".repeat(size)])
}

/// A batch of keys, values and times.
pub fn with(records: &[(Option<&str>, Option<&str>, i64)], compression: Compression) -> Vec<u8> {
    let mut builder = BatchBuilder::new(compression);
    for (key, value, time) in records {
        builder.push(&record(*key, *value, *time));
    }
    builder.build().unwrap().to_vec()
}

/// A batch at these times.
pub fn at(times: &[i64]) -> Vec<u8> {
    let records: Vec<_> = times.iter().map(|time| (None, Some("v"), *time)).collect();
    with(&records, Compression::NONE)
}

/// A batch of an idempotent producer: `count` records from `sequence` on.
pub fn sequenced(id: i64, epoch: i16, sequence: i32, count: usize) -> Vec<u8> {
    let producer = (ProducerId(id), ProducerEpoch(epoch));
    let mut builder = BatchBuilder::default().producer(producer.0, producer.1, sequence);
    for _ in 0..count {
        builder.push(&record(None, Some("v"), now()));
    }
    builder.build().unwrap().to_vec()
}

fn record<'a>(key: Option<&'a str>, value: Option<&'a str>, time: i64) -> NewRecord<'a> {
    let timestamp = Timestamp(time);
    NewRecord { timestamp, key: key.map(str::as_bytes), value: value.map(str::as_bytes), headers: &[] }
}

/// Every codec.
pub fn codecs() -> [Compression; 5] {
    [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd]
        .map(|codec| Compression { codec, level: -1 })
}

/// Overwrites bytes under the CRC and makes it right again.
pub fn patched(mut batch: Vec<u8>, at: usize, bytes: &[u8]) -> Vec<u8> {
    batch[at..at + bytes.len()].copy_from_slice(bytes);
    let crc = crc32c::crc32c(&batch[CRC.end..]);
    batch[CRC].copy_from_slice(&crc.to_be_bytes());
    batch
}

/// Offset, value and time of all records in fetched bytes; a batch that the limit cut is left out.
pub fn records(bytes: &[u8]) -> Vec<(i64, Option<String>, i64)> {
    let mut found = Vec::new();
    for batch in Batches::new(bytes) {
        let Ok(batch) = batch else { break };
        batch.verify_crc().unwrap();
        let payload = batch.payload(64 << 20).unwrap();
        for record in batch.records(&payload) {
            let record = record.unwrap();
            let value = record.value.map(|v| String::from_utf8_lossy(v).into_owned());
            found.push((record.offset.get(), value, record.timestamp.get()));
        }
    }
    found
}

/// The offsets of all records in fetched bytes.
pub fn offsets(bytes: &[u8]) -> Vec<i64> {
    records(bytes).into_iter().map(|(offset, ..)| offset).collect()
}

//! Records on their way: a batch that still grows, and one that is sealed and stays as it is until the
//! broker has it.
use std::time::Duration;

use crate::record::{
    BatchBuilder, BatchView, Compression, CompressionError, NewRecord, RecordHeader, next_sequence,
};
use crate::types::{ProducerEpoch, ProducerId};

/// Largest payload that splitting a batch unpacks, in bytes; it was packed here.
const MAX_PAYLOAD: usize = 1 << 30;

/// The identity of an idempotent producer.
#[derive(Clone, Copy, Debug)]
pub struct Identity {
    /// The id that the broker gave.
    pub id: ProducerId,
    /// Its generation.
    pub epoch: ProducerEpoch,
}

/// Where and how a batch is written.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The partition.
    pub partition: i32,
    /// How its records are compressed.
    pub compression: Compression,
    /// Whose it is; `None` without idempotence.
    pub identity: Option<Identity>,
    /// Sequence number of its first record.
    pub base_sequence: i32,
}

/// A batch that takes records.
#[derive(Debug)]
pub struct OpenBatch {
    target: Target,
    builder: BatchBuilder,
    lines: Vec<u64>,
    /// When its first record came, on the clock of whoever opened it.
    pub opened: Duration,
}

/// A batch that is complete.
#[derive(Debug)]
pub struct SealedBatch {
    /// Where it goes.
    pub target: Target,
    /// As it goes over the wire.
    pub bytes: Vec<u8>,
    /// The input line of each record.
    pub lines: Vec<u64>,
}

impl OpenBatch {
    /// An empty batch.
    #[must_use]
    pub fn new(target: Target, opened: Duration) -> Self {
        let mut builder = BatchBuilder::new(target.compression);
        if let Some(Identity { id, epoch }) = target.identity {
            builder = builder.producer(id, epoch, target.base_sequence);
        }
        Self { target, builder, lines: Vec::new(), opened }
    }

    /// Adds the record that was read from input line `line`.
    pub fn push(&mut self, record: &NewRecord<'_>, line: u64) {
        self.builder.push(record);
        self.lines.push(line);
    }

    /// Bytes of the batch before compression.
    #[must_use]
    pub fn size(&self) -> usize {
        self.builder.uncompressed_size()
    }

    /// The sequence number after its last record.
    #[must_use]
    pub fn next_sequence(&self) -> i32 {
        next_sequence(self.target.base_sequence, self.builder.record_count())
    }

    /// First and last input line of its records.
    #[must_use]
    pub fn lines(&self) -> (u64, u64) {
        ends(&self.lines)
    }

    /// Completes the batch.
    ///
    /// # Errors
    /// [`CompressionError`] if the codec fails.
    pub fn seal(self) -> Result<SealedBatch, CompressionError> {
        let bytes = self.builder.build()?.to_vec();
        Ok(SealedBatch { target: self.target, bytes, lines: self.lines })
    }
}

/// First and last of these lines.
#[must_use]
pub fn ends(lines: &[u64]) -> (u64, u64) {
    lines.first().copied().zip(lines.last().copied()).unwrap_or_default()
}

impl SealedBatch {
    /// The same records in two batches, for a topic that takes no batch of this size. `None` if there is
    /// only one record.
    #[must_use]
    pub fn split(&self) -> Option<[Self; 2]> {
        let middle = self.lines.len() / 2;
        let view = BatchView::parse(&self.bytes).ok().filter(|_| middle > 0)?;
        let payload = view.payload(MAX_PAYLOAD).ok()?;
        let mut first = OpenBatch::new(self.target, Duration::ZERO);
        let count = i32::try_from(middle).ok()?;
        let base_sequence = next_sequence(self.target.base_sequence, count);
        let mut second = OpenBatch::new(Target { base_sequence, ..self.target }, Duration::ZERO);
        for (at, (record, &line)) in view.records(&payload).zip(&self.lines).enumerate() {
            let record = record.ok()?;
            let headers: Vec<RecordHeader<'_>> = record.headers.collect();
            let half = if at < middle { &mut first } else { &mut second };
            half.push(
                &NewRecord {
                    timestamp: record.timestamp,
                    key: record.key,
                    value: record.value,
                    headers: &headers,
                },
                line,
            );
        }
        Some([first.seal().ok()?, second.seal().ok()?])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Codec;

    #[test]
    fn a_split_keeps_records_lines_and_sequences() {
        let target = Target {
            partition: 2,
            compression: Compression::of(Codec::Lz4),
            identity: Some(Identity { id: ProducerId(7), epoch: ProducerEpoch(1) }),
            base_sequence: i32::MAX,
        };
        let mut open = OpenBatch::new(target, Duration::ZERO);
        for line in 10..13u64 {
            let value = line.to_string();
            open.push(&NewRecord { value: Some(value.as_bytes()), ..NewRecord::default() }, line);
        }
        assert_eq!(open.next_sequence(), 2, "sequences wrap to 0");
        let [first, second] = open.seal().unwrap().split().unwrap();
        assert_eq!((&first.lines[..], &second.lines[..]), (&[10][..], &[11, 12][..]));
        let header = |batch: &SealedBatch| *BatchView::parse(&batch.bytes).unwrap().header();
        assert_eq!((header(&first).base_sequence, header(&first).record_count), (i32::MAX, 1));
        assert_eq!((header(&second).base_sequence, header(&second).record_count), (0, 2));
        assert!(first.split().is_none());
    }
}

//! Thinning out a batch, as compaction does: records go, what stays keeps its offset, its time and its
//! headers, and the batch its range of offsets and sequence numbers, its producer and its codec.

use std::ops::Range;

use super::batch::ValidBatch;
use super::builder::seal;
use super::compression::Compression;
use super::header::{BatchHeader, Codec, TimestampType};
use super::records::{Record, RecordError, Records};
use super::varint::{Input, SliceInput, read_varint, read_varlong, varlong_len, write_varlong};
use crate::types::Timestamp;

/// The records of a batch that stay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Survivors {
    /// Where they lie in the payload; neighbours are one range.
    ranges: Vec<Range<usize>>,
    count: i32,
    gone: i32,
    max_timestamp: Timestamp,
    has_tombstone: bool,
}

impl Survivors {
    /// Asks `keep` about each record in the batch's uncompressed `payload`.
    ///
    /// # Errors
    /// [`RecordError`]: the payload is not what the header says.
    pub fn choose(
        header: &BatchHeader,
        payload: &[u8],
        mut keep: impl FnMut(&Record<'_>) -> bool,
    ) -> Result<Self, RecordError> {
        let mut this = Self {
            ranges: Vec::new(),
            count: 0,
            gone: 0,
            max_timestamp: Timestamp::NONE,
            has_tombstone: false,
        };
        let mut records = Records::new(header, payload);
        let mut start = 0;
        while let Some(record) = records.next() {
            let record = record?;
            let end = records.position();
            if keep(&record) {
                this.add(start..end, &record);
            } else {
                this.gone = this.gone.saturating_add(1);
            }
            start = end;
        }
        Ok(this)
    }

    fn add(&mut self, range: Range<usize>, record: &Record<'_>) {
        match self.ranges.last_mut() {
            Some(last) if last.end == range.start => last.end = range.end,
            _ => self.ranges.push(range),
        }
        self.count = self.count.saturating_add(1);
        self.max_timestamp = self.max_timestamp.max(record.timestamp);
        self.has_tombstone |= record.value.is_none();
    }

    /// Whether no record goes.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.gone == 0
    }

    /// Whether no record stays.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.count == 0
    }

    /// Whether a record without a value stays.
    #[must_use]
    pub fn has_tombstone(&self) -> bool {
        self.has_tombstone
    }

    /// The batch with only these records, with the codec it had. A delete horizon takes the place of the
    /// base timestamp, and the records' times are written relative to it; without a new one the base
    /// timestamp stays what it was.
    ///
    /// # Errors
    /// [`RecordError`]: the payload is not the one that they were chosen from, or the codec fails.
    pub fn rebuild(
        &self,
        header: &BatchHeader,
        payload: &[u8],
        delete_horizon: Option<Timestamp>,
    ) -> Result<ValidBatch<'static>, RecordError> {
        let mut header = *header;
        let mut body = Vec::with_capacity(payload.len());
        for range in &self.ranges {
            let records = payload.get(range.clone()).ok_or(RecordError::Truncated)?;
            match delete_horizon {
                None => body.extend_from_slice(records),
                Some(horizon) => rebase(records, header.base_timestamp, horizon, &mut body)?,
            }
        }
        header.record_count = self.count;
        if header.timestamp_type() == TimestampType::CreateTime {
            header.max_timestamp = self.max_timestamp;
        }
        if let Some(horizon) = delete_horizon {
            header.set_delete_horizon(horizon);
        }
        match header.codec() {
            None | Some(Codec::None) => Ok(seal(header, body)),
            Some(codec) => Ok(seal(header, Compression::of(codec).compress(&body)?)),
        }
    }
}

/// The batch without any records: it stands for its offsets, its producer and its last sequence number.
#[must_use]
pub fn emptied(header: &BatchHeader) -> ValidBatch<'static> {
    let mut header = *header;
    header.clear_delete_horizon();
    header.set_codec(Codec::None);
    header.base_timestamp = Timestamp::NONE;
    header.record_count = 0;
    seal(header, Vec::new())
}

/// Appends `records` to `out` with times relative to `to` instead of `from`.
fn rebase(records: &[u8], from: Timestamp, to: Timestamp, out: &mut Vec<u8>) -> Result<(), RecordError> {
    let shift = from.get().wrapping_sub(to.get());
    let mut input = SliceInput::new(records);
    while !input.at_end()? {
        let size = usize::try_from(read_varint(&mut input)?).map_err(|_| RecordError::BadNumber)?;
        let end = input.position().saturating_add(size);
        let attributes = input.byte()?;
        let delta = read_varlong(&mut input)?.wrapping_add(shift);
        let rest = input.take(end.checked_sub(input.position()).ok_or(RecordError::Truncated)?)?;
        let size = rest.len().saturating_add(varlong_len(delta)).saturating_add(1);
        write_varlong(out, i64::try_from(size).unwrap_or(i64::MAX));
        out.push(attributes);
        write_varlong(out, delta);
        out.extend_from_slice(rest);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{BatchBuilder, NewRecord, RecordHeader};
    use crate::types::{LeaderEpoch, Offset, ProducerEpoch, ProducerId};

    const T: i64 = 1_790_000_000_000;

    fn batch(codec: Codec) -> ValidBatch<'static> {
        let mut builder = BatchBuilder::new(Compression::of(codec)).at(Offset(100), LeaderEpoch(4)).producer(
            ProducerId(7),
            ProducerEpoch(1),
            40,
        );
        let headers =
            [RecordHeader { key: b"h", value: None }, RecordHeader { key: b"h", value: Some(b"x") }];
        for n in 0..5u8 {
            let value = (n != 3).then_some([n; 20]);
            builder.push(&NewRecord {
                timestamp: Timestamp(T + i64::from(n) * 1000),
                key: Some(&[n]),
                value: value.as_ref().map(|value| value.as_slice()),
                headers: &headers,
            });
        }
        builder.build().unwrap()
    }

    /// Offset, time, key and number of headers of each record.
    fn content(batch: &ValidBatch<'_>) -> Vec<(i64, i64, u8, usize)> {
        let bytes = batch.to_vec();
        let view = crate::record::BatchView::parse(&bytes).unwrap();
        view.verify_crc().unwrap();
        let payload = view.payload(1 << 20).unwrap();
        let records = view.records(&payload).map(Result::unwrap);
        records
            .map(|r| (r.offset.get(), r.timestamp.get(), r.key.unwrap()[0], r.headers.clone().count()))
            .collect()
    }

    #[test]
    fn what_stays_keeps_offset_time_headers_and_codec() {
        for codec in Codec::ALL {
            for horizon in [None, Some(Timestamp(T + 86_400_000))] {
                let full = batch(codec);
                let bytes = full.to_vec();
                let view = crate::record::BatchView::parse(&bytes).unwrap();
                let payload = view.payload(1 << 20).unwrap();
                let odd = |record: &Record<'_>| record.key.is_some_and(|key| key[0] % 2 == 1);
                let survivors = Survivors::choose(&view, &payload, odd).unwrap();
                assert!(!survivors.is_all() && !survivors.is_none() && survivors.has_tombstone());
                let thin = survivors.rebuild(&view, &payload, horizon).unwrap();
                assert_eq!(content(&thin), [(101, T + 1000, 1, 2), (103, T + 3000, 3, 2)], "{codec:?}");
                assert_eq!((thin.base_offset, thin.last_offset()), (Offset(100), Offset(104)));
                assert_eq!((thin.last_sequence(), thin.codec()), (44, Some(codec)));
                assert_eq!((thin.record_count, thin.max_timestamp), (2, Timestamp(T + 3000)));
                assert_eq!(thin.delete_horizon(), horizon);
            }
        }
    }

    #[test]
    fn a_horizon_that_was_set_stays_when_more_goes() {
        let full = batch(Codec::None).to_vec();
        let view = crate::record::BatchView::parse(&full).unwrap();
        let all = Survivors::choose(&view, view.body(), |_| true).unwrap();
        let marked = all.rebuild(&view, view.body(), Some(Timestamp(T + 5))).unwrap().to_vec();
        let view = crate::record::BatchView::parse(&marked).unwrap();
        let last = Survivors::choose(&view, view.body(), |record| record.offset == Offset(104)).unwrap();
        let thin = last.rebuild(&view, view.body(), None).unwrap();
        assert_eq!(
            (content(&thin), thin.delete_horizon()),
            (vec![(104, T + 4000, 4, 2)], Some(Timestamp(T + 5)))
        );
    }

    #[test]
    fn an_emptied_batch_stands_for_its_offsets_and_its_producer() {
        for codec in Codec::ALL {
            let empty = emptied(batch(codec).header());
            assert!(content(&empty).is_empty());
            assert_eq!(
                (empty.base_offset, empty.last_offset(), empty.last_sequence()),
                (Offset(100), Offset(104), 44)
            );
            assert_eq!((empty.producer_id, empty.partition_leader_epoch), (ProducerId(7), LeaderEpoch(4)));
            assert_eq!((empty.size(), empty.max_timestamp.get()), (61, T + 4000));
        }
    }
}

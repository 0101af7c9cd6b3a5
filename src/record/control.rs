//! Control records: the end of a transaction, and what a metadata log says about itself.
//!
//! The key is an `int16` version (0) and an `int16` type. The value of a transaction marker is an `int16`
//! schema version and the message; in the values of the others the message's own first field is that
//! version.

use super::batch::ValidBatch;
use super::builder::{BatchBuilder, NewRecord};
use super::header::NO_SEQUENCE;
use crate::schema::clients::end_txn_marker::EndTxnMarker;
use crate::schema::clients::kraft_version_record::KRaftVersionRecord;
use crate::schema::clients::leader_change_message::LeaderChangeMessage;
use crate::schema::clients::snapshot_footer_record::SnapshotFooterRecord;
use crate::schema::clients::snapshot_header_record::SnapshotHeaderRecord;
use crate::schema::clients::voters_record::VotersRecord;
use crate::schema::{DecodeError, Reader, Writer};
use crate::types::{ProducerEpoch, ProducerId, Timestamp};

/// A control record. The first two end a transaction; the others occur only in the metadata log and its
/// snapshots.
#[derive(Clone, Debug, PartialEq)]
pub enum ControlRecord<'a> {
    /// The producer's transaction was aborted.
    Abort(EndTxnMarker),
    /// The producer's transaction was committed.
    Commit(EndTxnMarker),
    /// A leader begins its epoch.
    LeaderChange(LeaderChangeMessage),
    /// First record of a snapshot.
    SnapshotHeader(SnapshotHeaderRecord),
    /// Last record of a snapshot; without it the snapshot is incomplete.
    SnapshotFooter(SnapshotFooterRecord),
    /// The KRaft version from here on.
    KraftVersion(KRaftVersionRecord),
    /// The voters from here on.
    Voters(VotersRecord<'a>),
}

impl<'a> ControlRecord<'a> {
    /// A transaction marker written by a coordinator of this epoch.
    #[must_use]
    pub fn end_of_transaction(commit: bool, coordinator_epoch: i32) -> Self {
        let marker = EndTxnMarker { coordinator_epoch };
        if commit { Self::Commit(marker) } else { Self::Abort(marker) }
    }

    /// Reads a record of a control batch.
    ///
    /// # Errors
    /// [`DecodeError::UnknownType`] for one that is newer than this program.
    pub fn decode(key: &[u8], value: &'a [u8]) -> Result<Self, DecodeError> {
        let mut key = Reader::new(key);
        let _key_version = key.i16()?;
        let kind = key.i16()?;
        let mut r = Reader::new(value);
        let version = Reader::new(value).i16()?;
        if kind < 2 {
            r.i16()?;
        }
        match kind {
            0 => EndTxnMarker::decode(&mut r, version).map(Self::Abort),
            1 => EndTxnMarker::decode(&mut r, version).map(Self::Commit),
            2 => LeaderChangeMessage::decode(&mut r, version).map(Self::LeaderChange),
            3 => SnapshotHeaderRecord::decode(&mut r, version).map(Self::SnapshotHeader),
            4 => SnapshotFooterRecord::decode(&mut r, version).map(Self::SnapshotFooter),
            5 => KRaftVersionRecord::decode(&mut r, version).map(Self::KraftVersion),
            6 => VotersRecord::decode(&mut r, version).map(Self::Voters),
            unknown => Err(DecodeError::UnknownType(unknown.into())),
        }
    }

    /// The type in the key.
    #[must_use]
    pub fn kind(&self) -> i16 {
        match self {
            Self::Abort(_) => 0,
            Self::Commit(_) => 1,
            Self::LeaderChange(_) => 2,
            Self::SnapshotHeader(_) => 3,
            Self::SnapshotFooter(_) => 4,
            Self::KraftVersion(_) => 5,
            Self::Voters(_) => 6,
        }
    }

    /// The record's key.
    #[must_use]
    pub fn key(&self) -> Vec<u8> {
        let mut w = Writer::new();
        w.i16(0);
        w.i16(self.kind());
        w.buf
    }

    /// The record's value.
    #[must_use]
    pub fn value(&self) -> Vec<u8> {
        let mut w = Writer::new();
        match self {
            Self::Abort(marker) | Self::Commit(marker) => {
                w.i16(0);
                marker.encode(&mut w, 0);
            }
            Self::LeaderChange(message) => message.encode(&mut w, message.version),
            Self::SnapshotHeader(message) => message.encode(&mut w, message.version),
            Self::SnapshotFooter(message) => message.encode(&mut w, message.version),
            Self::KraftVersion(message) => message.encode(&mut w, message.version),
            Self::Voters(message) => message.encode(&mut w, message.version),
        }
        w.buf
    }

    /// Whether this ends a transaction, and how: `Some(true)` is a commit.
    #[must_use]
    pub fn commits(&self) -> Option<bool> {
        match self {
            Self::Abort(_) => Some(false),
            Self::Commit(_) => Some(true),
            _ => None,
        }
    }
}

/// The batch that ends a producer's transaction in a partition. With transaction version 2 the producer
/// epoch is the bumped one.
#[must_use]
pub fn marker_batch(
    producer: ProducerId,
    epoch: ProducerEpoch,
    commit: bool,
    coordinator_epoch: i32,
    now: Timestamp,
) -> ValidBatch<'static> {
    let builder = BatchBuilder::default().producer(producer, epoch, NO_SEQUENCE).transactional();
    finish(builder, &[ControlRecord::end_of_transaction(commit, coordinator_epoch)], now)
}

/// One batch of control records for the metadata log, which knows no producers.
#[must_use]
pub fn control_batch(records: &[ControlRecord<'_>], now: Timestamp) -> ValidBatch<'static> {
    finish(BatchBuilder::default(), records, now)
}

fn finish(builder: BatchBuilder, records: &[ControlRecord<'_>], now: Timestamp) -> ValidBatch<'static> {
    let mut builder = builder.control();
    for record in records {
        let (key, value) = (record.key(), record.value());
        builder.push(&NewRecord { timestamp: now, key: Some(&key), value: Some(&value), headers: &[] });
    }
    builder.build_uncompressed()
}

#[cfg(test)]
mod tests {
    use super::super::golden::{KRAFT_CONTROL, MARKERS};
    use super::super::{BatchView, Batches};
    use super::*;
    use crate::types::{LeaderEpoch, Offset};

    fn decode_all<'a>(batch: &BatchView<'a>) -> Vec<ControlRecord<'a>> {
        let records = batch.records(batch.body());
        records
            .map(|record| {
                let record = record.unwrap();
                ControlRecord::decode(record.key.unwrap(), record.value.unwrap()).unwrap()
            })
            .collect()
    }

    #[test]
    fn markers_are_kafkas_byte_for_byte() {
        let batches: Vec<_> = Batches::new(MARKERS).map(Result::unwrap).filter(|b| b.is_control()).collect();
        for batch in &batches {
            let [record] = &decode_all(batch)[..] else { panic!("a marker batch has one record") };
            let (ControlRecord::Abort(marker) | ControlRecord::Commit(marker)) = record else {
                panic!("{record:?} is no marker")
            };
            let mut made = marker_batch(
                batch.producer_id,
                batch.producer_epoch,
                record.commits().unwrap(),
                marker.coordinator_epoch,
                batch.max_timestamp,
            );
            made.place(batch.base_offset, batch.partition_leader_epoch);
            assert_eq!(made.to_vec(), batch.bytes());
        }
        let kinds: Vec<_> = batches.iter().map(|batch| decode_all(batch)[0].commits()).collect();
        // Kafka shows a read_committed consumer what comes before the first, but not before the second.
        assert_eq!(kinds, [Some(true), Some(false)]);
    }

    #[test]
    fn a_metadata_log_begins_with_leader_version_and_voters() {
        let batch = BatchView::parse(KRAFT_CONTROL).unwrap();
        let records = decode_all(&batch);
        assert!(matches!(
            &records[..],
            [ControlRecord::LeaderChange(_), ControlRecord::KraftVersion(_), ControlRecord::Voters(_)]
        ));
        let mut made = control_batch(&records, batch.max_timestamp);
        made.place(Offset(0), LeaderEpoch(batch.partition_leader_epoch.get()));
        assert_eq!(made.to_vec(), batch.bytes());
    }

    #[test]
    fn what_is_no_control_record_is_refused() {
        let marker = ControlRecord::end_of_transaction(true, 3);
        assert_eq!(ControlRecord::decode(&marker.key(), &marker.value()), Ok(marker.clone()));
        assert_eq!(ControlRecord::decode(&[0, 0, 0, 9], &marker.value()), Err(DecodeError::UnknownType(9)));
        assert!(ControlRecord::decode(&[0, 0, 0], &marker.value()).is_err());
        assert!(ControlRecord::decode(&marker.key(), &[0]).is_err());
        assert!(ControlRecord::decode(&marker.key(), &[0, 0, 1]).is_err());
    }
}

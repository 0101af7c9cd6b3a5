//! The bytes of a snapshot (`<end offset>-<epoch>.checkpoint`, `bootstrap.checkpoint`): a control batch with
//! the header (and the quorum's version and voters), data batches, a control batch with the footer. Offsets
//! count from 0 within the file. Without its footer a file is incomplete.

use super::batch::{self, BadBatch, Entry};
use crate::record::control::{ControlRecord, control_batch};
use crate::record::{BatchError, Batches, ValidBatch};
use crate::schema::clients::kraft_version_record::KRaftVersionRecord;
use crate::schema::clients::snapshot_footer_record::SnapshotFooterRecord;
use crate::schema::clients::snapshot_header_record::SnapshotHeaderRecord;
use crate::schema::clients::voters_record::VotersRecord;
use crate::schema::metadata::MetadataRecord;
use crate::types::{LeaderEpoch, Offset, Timestamp};

/// Records in one data batch of a snapshot.
const RECORDS_PER_BATCH: usize = 1024;

/// Version and voters of the quorum.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Quorum {
    /// `kraft.version`: 0 for voters named in the configuration, 1 for voters in the log.
    pub kraft_version: i16,
    /// The voters, with version 1.
    pub voters: Option<VotersRecord<'static>>,
}

impl Quorum {
    /// The control records that say so; none with version 0.
    #[must_use]
    pub fn control_records(&self) -> Vec<ControlRecord<'static>> {
        let Some(voters) = self.voters.clone().filter(|_| self.kraft_version > 0) else { return Vec::new() };
        let version = KRaftVersionRecord { kraft_version: self.kraft_version, ..Default::default() };
        vec![ControlRecord::KraftVersion(version), ControlRecord::Voters(voters)]
    }

    /// Takes over what a control record says of the quorum.
    pub fn replay(&mut self, record: ControlRecord<'_>) {
        match record {
            ControlRecord::KraftVersion(version) => self.kraft_version = version.kraft_version,
            ControlRecord::Voters(voters) => self.voters = Some(voters.into_static()),
            _ => {}
        }
    }
}

/// A snapshot, decoded.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// Timestamp of the last record that it stands for; 0 if there is none.
    pub last_timestamp: i64,
    /// What it says of the quorum.
    pub quorum: Quorum,
    /// The records of its image.
    pub records: Vec<MetadataRecord<'static>>,
}

/// Why a snapshot cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum BadSnapshot {
    /// It ends before its footer: the process that wrote it was stopped.
    #[error("it has no footer, so it was not written to its end")]
    Incomplete,
    /// A batch of it is damaged.
    #[error(transparent)]
    Batch(#[from] BadBatch),
}

impl From<BatchError> for BadSnapshot {
    fn from(error: BatchError) -> Self {
        Self::Batch(BadBatch::Batch(error))
    }
}

impl Snapshot {
    /// The bytes of the file. Records are written in the versions that go with `metadata_version`.
    #[must_use]
    pub fn encode(&self, epoch: LeaderEpoch, metadata_version: i16, now: Timestamp) -> Vec<u8> {
        let mut out = Vec::new();
        let mut next = Offset::ZERO;
        let mut put = |mut batch: ValidBatch<'_>| {
            batch.place(next, epoch);
            next = batch.header().next_offset();
            out.extend_from_slice(&batch.to_vec());
        };
        let header =
            SnapshotHeaderRecord { last_contained_log_timestamp: self.last_timestamp, ..Default::default() };
        let mut first = vec![ControlRecord::SnapshotHeader(header)];
        first.extend(self.quorum.control_records());
        put(control_batch(&first, now));
        for records in self.records.chunks(RECORDS_PER_BATCH) {
            if let Some(batch) = batch::data_batch(records, metadata_version, now) {
                put(batch);
            }
        }
        put(control_batch(&[ControlRecord::SnapshotFooter(SnapshotFooterRecord::default())], now));
        out
    }

    /// Reads the bytes of a file.
    ///
    /// # Errors
    /// [`BadSnapshot`]; nothing of the file should be used then.
    pub fn decode(bytes: &[u8]) -> Result<Self, BadSnapshot> {
        let mut snapshot = Self::default();
        let mut is_whole = false;
        for batch in Batches::new(bytes) {
            let batch = batch?;
            batch.verify_crc()?;
            batch::for_each::<BadSnapshot>(&batch, |_, entry| {
                match entry {
                    Entry::Control(ControlRecord::SnapshotHeader(header)) => {
                        snapshot.last_timestamp = header.last_contained_log_timestamp;
                    }
                    Entry::Control(ControlRecord::SnapshotFooter(_)) => is_whole = true,
                    Entry::Control(record) => snapshot.quorum.replay(record),
                    Entry::Data(record) => snapshot.records.push(record.into_static()),
                }
                Ok(())
            })?;
        }
        if is_whole { Ok(snapshot) } else { Err(BadSnapshot::Incomplete) }
    }
}

/// The name of the snapshot that stands for everything below `end`, written in or before `epoch`.
#[must_use]
pub fn file_name(end: Offset, epoch: LeaderEpoch) -> String {
    format!("{:020}-{:010}.checkpoint", end.0, epoch.0)
}

/// End offset and epoch of a snapshot by its name; `None` for any other name.
#[must_use]
pub fn parse_name(name: &str) -> Option<(Offset, LeaderEpoch)> {
    let (end, epoch) = name.strip_suffix(".checkpoint")?.split_once('-')?;
    let is_number = |text: &str, len| text.len() == len && text.bytes().all(|b| b.is_ascii_digit());
    if !is_number(end, 20) || !is_number(epoch, 10) {
        return None;
    }
    Some((Offset(end.parse().ok()?), LeaderEpoch(epoch.parse().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::metadata::feature_level_record::FeatureLevelRecord;

    fn of(records: usize) -> Snapshot {
        let record = |level| {
            MetadataRecord::FeatureLevel(FeatureLevelRecord {
                name: "f".into(),
                feature_level: level,
                ..Default::default()
            })
        };
        Snapshot {
            last_timestamp: 7,
            records: (0..records).map(|i| record(i as i16)).collect(),
            ..Default::default()
        }
    }

    #[test]
    fn a_snapshot_reads_as_it_was_written() {
        for records in [0, 1, 1024, 3000] {
            let snapshot = of(records);
            let bytes = snapshot.encode(LeaderEpoch(3), 30, Timestamp(9));
            assert_eq!(Snapshot::decode(&bytes).unwrap(), snapshot, "{records}");
        }
    }

    #[test]
    fn any_part_of_a_snapshot_is_refused() {
        let bytes = of(2).encode(LeaderEpoch(3), 30, Timestamp(9));
        for end in 0..bytes.len() {
            assert!(Snapshot::decode(&bytes[..end]).is_err(), "{end}");
        }
    }

    #[test]
    fn hostile_bytes_are_an_error_and_never_a_panic() {
        let bytes = of(2).encode(LeaderEpoch(3), 30, Timestamp(9));
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut bad = bytes.clone();
                bad[at] ^= 1 << bit;
                // What lies outside of the checksum may pass, but then it is the same snapshot.
                if let Ok(snapshot) = Snapshot::decode(&bad) {
                    assert_eq!(snapshot, of(2), "byte {at}");
                }
            }
        }
    }

    #[test]
    fn names_are_kafkas() {
        assert_eq!(file_name(Offset(274), LeaderEpoch(2)), "00000000000000000274-0000000002.checkpoint");
        assert_eq!(
            parse_name("00000000000000000274-0000000002.checkpoint"),
            Some((Offset(274), LeaderEpoch(2)))
        );
        for other in
            ["bootstrap.checkpoint", "274-2.checkpoint", "00000000000000000274-0000000002.checkpoint.part"]
        {
            assert_eq!(parse_name(other), None, "{other}");
        }
    }
}

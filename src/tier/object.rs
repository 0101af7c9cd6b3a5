//! The object of a segment: its batches as they lie in the `.log`, and a tail with all that belongs to them. Pure.
//!
//! ```text
//! batches | "KLMS" | u16 format | 6 times: u32 length, u32 CRC-32C | u32 CRC-32C of the tail so far |
//! checksums | offset index | time index | transaction index | producer snapshot | leader epochs
//! ```
//! The checksums are CRC-32Cs of the batches in chunks of 1 MiB, so that a part can be checked by itself. The indexes
//! and the snapshot are Kafka's files; the epochs are pairs of i32 and i64. All numbers are big-endian.
use std::ops::Range;

use bytes::Bytes;

use super::manifest::Fields;
use crate::log::SegmentFiles;
use crate::types::{LeaderEpoch, Offset};

const MAGIC: &[u8; 4] = b"KLMS";
const FORMAT: u16 = 1;
/// Bytes of the tail before the first section.
pub const HEAD_LEN: usize = 4 + 2 + 6 * 8 + 4;
/// Bytes of batches under one checksum.
pub const CHUNK: u64 = 1 << 20;
/// Largest section that is read, in bytes.
const MAX_SECTION: u32 = 64 << 20;

/// A part of the tail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Section {
    /// Checksums of the batches.
    Checksums,
    /// Offset index.
    OffsetIndex,
    /// Time index.
    TimeIndex,
    /// Aborted transactions.
    TxnIndex,
    /// Producer state at the segment's end.
    Snapshot,
    /// Leader epochs.
    LeaderEpochs,
}

impl Section {
    /// All of them, as they lie.
    pub const ALL: [Self; 6] = [
        Self::Checksums,
        Self::OffsetIndex,
        Self::TimeIndex,
        Self::TxnIndex,
        Self::Snapshot,
        Self::LeaderEpochs,
    ];
}

/// Why an object is not what the manifest says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ObjectError {
    /// The tail is none.
    #[error("its tail is not that of a segment")]
    NotASegment,
    /// A later Klamm wrote it.
    #[error("segment format {0} is not known, only {FORMAT} is: use the Klamm that wrote it")]
    UnknownFormat(u16),
    /// The bytes were changed.
    #[error("a checksum does not match its bytes")]
    BadCrc,
}

/// Where the sections of an object lie, and their checksums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Directory {
    sections: [(u32, u32); 6],
    log_bytes: u64,
}

impl Directory {
    /// Number of chunks of so many bytes of batches.
    #[must_use]
    pub fn chunks(log_bytes: u64) -> u64 {
        log_bytes.div_ceil(CHUNK)
    }

    /// The first bytes of the tail: the directory and the checksums, which every reader needs.
    #[must_use]
    pub fn front(log_bytes: u64) -> Range<u64> {
        let len = (HEAD_LEN as u64).saturating_add(Self::chunks(log_bytes).saturating_mul(4));
        log_bytes..log_bytes.saturating_add(len)
    }

    /// Reads the first [`HEAD_LEN`] bytes of the tail.
    ///
    /// # Errors
    /// [`ObjectError`].
    pub fn parse(tail: &[u8], log_bytes: u64) -> Result<Self, ObjectError> {
        let mut fields = Fields(tail);
        if fields.array::<4>() != Some(*MAGIC) {
            return Err(ObjectError::NotASegment);
        }
        let format = fields.array().map(u16::from_be_bytes).ok_or(ObjectError::NotASegment)?;
        if format != FORMAT {
            return Err(ObjectError::UnknownFormat(format));
        }
        let mut sections = [(0, 0); 6];
        for section in &mut sections {
            *section = fields.u32().zip(fields.u32()).ok_or(ObjectError::NotASegment)?;
        }
        let crc = fields.u32().ok_or(ObjectError::NotASegment)?;
        let before = tail.get(..HEAD_LEN.saturating_sub(4)).ok_or(ObjectError::NotASegment)?;
        if crc32c::crc32c(before) != crc {
            return Err(ObjectError::BadCrc);
        }
        let checksums = u64::from(sections[0].0);
        let fits = checksums == Self::chunks(log_bytes).saturating_mul(4);
        if !fits || sections.iter().any(|(len, _)| *len > MAX_SECTION) {
            return Err(ObjectError::NotASegment);
        }
        Ok(Self { sections, log_bytes })
    }

    /// Where a section lies in the object.
    #[must_use]
    pub fn range(&self, section: Section) -> Range<u64> {
        let mut start = self.log_bytes.saturating_add(HEAD_LEN as u64);
        for (each, (len, _)) in Section::ALL.into_iter().zip(self.sections) {
            let end = start.saturating_add(u64::from(len));
            if each == section {
                return start..end;
            }
            start = end;
        }
        start..start
    }

    /// Checks the bytes of a section.
    ///
    /// # Errors
    /// [`ObjectError::BadCrc`].
    pub fn check(&self, section: Section, bytes: &[u8]) -> Result<(), ObjectError> {
        let place = Section::ALL.into_iter().zip(self.sections).find(|(each, _)| *each == section);
        match place {
            Some((_, (len, crc))) if bytes.len() == len as usize && crc32c::crc32c(bytes) == crc => Ok(()),
            _ => Err(ObjectError::BadCrc),
        }
    }
}

/// The checksums of an object's chunks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checksums(pub Bytes);

impl Checksums {
    /// Checks one chunk.
    ///
    /// # Errors
    /// [`ObjectError::BadCrc`].
    pub fn check(&self, chunk: u64, bytes: &[u8]) -> Result<(), ObjectError> {
        let at = usize::try_from(chunk).ok().and_then(|chunk| chunk.checked_mul(4));
        let known = at.and_then(|at| self.0.get(at..)).and_then(<[u8]>::first_chunk::<4>);
        let is_it = known.is_some_and(|known| u32::from_be_bytes(*known) == crc32c::crc32c(bytes));
        if is_it { Ok(()) } else { Err(ObjectError::BadCrc) }
    }
}

/// Makes the checksums of batches that come in pieces.
#[derive(Debug, Default)]
pub struct Summing {
    done: Vec<u8>,
    crc: u32,
    in_chunk: u64,
}

impl Summing {
    /// Takes the next bytes.
    pub fn add(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = usize::try_from(CHUNK.saturating_sub(self.in_chunk)).unwrap_or(usize::MAX);
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.crc = crc32c::crc32c_append(self.crc, now);
            self.in_chunk = self.in_chunk.saturating_add(now.len() as u64);
            if self.in_chunk >= CHUNK {
                self.close();
            }
            bytes = later;
        }
    }

    fn close(&mut self) {
        self.done.extend(self.crc.to_be_bytes());
        (self.crc, self.in_chunk) = (0, 0);
    }

    /// The section.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        if self.in_chunk > 0 {
            self.close();
        }
        self.done
    }
}

/// The tail of a segment whose batches have these checksums.
#[must_use]
pub fn tail(checksums: &[u8], files: &SegmentFiles) -> Vec<u8> {
    let epochs: Vec<u8> = files
        .leader_epochs
        .iter()
        .flat_map(|(epoch, start)| epoch.get().to_be_bytes().into_iter().chain(start.get().to_be_bytes()))
        .collect();
    let sections: [&[u8]; 6] =
        [checksums, &files.offset_index, &files.time_index, &files.txn_index, &files.snapshot, &epochs];
    let mut out = Vec::new();
    out.extend(MAGIC);
    out.extend(FORMAT.to_be_bytes());
    for section in sections {
        out.extend(u32::try_from(section.len()).unwrap_or(u32::MAX).to_be_bytes());
        out.extend(crc32c::crc32c(section).to_be_bytes());
    }
    out.extend(crc32c::crc32c(&out).to_be_bytes());
    sections.iter().for_each(|section| out.extend_from_slice(section));
    out
}

/// Reads the section of leader epochs.
#[must_use]
pub fn parse_epochs(bytes: &[u8]) -> Vec<(LeaderEpoch, Offset)> {
    let entry = |bytes: &[u8]| {
        let mut fields = Fields(bytes);
        let epoch = fields.array().map(i32::from_be_bytes)?;
        Some((LeaderEpoch(epoch), Offset(fields.i64()?)))
    };
    bytes.chunks_exact(12).filter_map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::{Files, MemoryFiles, OpenMode};
    use crate::log::SealedSegment;
    use crate::types::Timestamp;

    fn files() -> SegmentFiles {
        let memory = MemoryFiles::new(1);
        let log = memory.open("/log".as_ref(), OpenMode::Create).unwrap();
        SegmentFiles {
            segment: SealedSegment { base: Offset(0), end: Offset(9), len: 3, newest: Timestamp(1) },
            log,
            path: "/log".into(),
            offset_index: vec![1; 16],
            time_index: vec![2; 12],
            txn_index: Vec::new(),
            snapshot: vec![3; 10],
            leader_epochs: vec![(LeaderEpoch(1), Offset(0)), (LeaderEpoch(3), Offset(7))],
        }
    }

    #[test]
    fn every_section_is_found_again_and_no_changed_byte_passes() {
        let log = vec![7u8; 2 * usize::try_from(CHUNK).unwrap() + 5];
        let mut summing = Summing::default();
        log.chunks(300_001).for_each(|piece| summing.add(piece));
        let tail = tail(&summing.finish(), &files());
        let log_bytes = log.len() as u64;
        let directory = Directory::parse(&tail, log_bytes).unwrap();
        let section = |section| {
            let range = directory.range(section);
            let at = |n: u64| usize::try_from(n - log_bytes).unwrap();
            tail[at(range.start)..at(range.end)].to_vec()
        };
        assert_eq!(section(Section::OffsetIndex), [1; 16]);
        assert_eq!(section(Section::Snapshot), [3; 10]);
        assert!(section(Section::TxnIndex).is_empty());
        assert_eq!(parse_epochs(&section(Section::LeaderEpochs)), files().leader_epochs);
        assert_eq!(Directory::front(log_bytes).end, directory.range(Section::OffsetIndex).start);
        for each in Section::ALL {
            assert_eq!(directory.check(each, &section(each)), Ok(()));
        }
        assert_eq!(directory.check(Section::TimeIndex, &[9; 12]), Err(ObjectError::BadCrc));
        let sums = Checksums(section(Section::Checksums).into());
        let chunk = usize::try_from(CHUNK).unwrap();
        assert_eq!((sums.check(0, &log[..chunk]), sums.check(2, &log[2 * chunk..])), (Ok(()), Ok(())));
        assert!(sums.check(2, &log[..chunk]).is_err() && sums.check(3, &[]).is_err());
        for at in 0..HEAD_LEN {
            let mut broken = tail.clone();
            broken[at] ^= 1;
            assert!(Directory::parse(&broken, log_bytes).is_err(), "byte {at}");
        }
        assert!(Directory::parse(&tail, CHUNK).is_err(), "another length of the log");
    }
}

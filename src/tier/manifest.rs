//! The manifest of a partition: which segments are in the bucket. Pure.
//!
//! ```text
//! "KLMF" | u16 format | u32 CRC-32C of all that follows |
//! u64 version | u32 writer epoch | 16 bytes topic id | i32 partition | u16 length, topic name |
//! i64 log start |
//! u32 count, then for each leader epoch: i32 epoch, i64 first offset |
//! u32 count, then for each segment: i64 base, i64 end, u64 log bytes, u32 tail bytes, i64 newest time,
//!     i64 upload time, u8 aborted, 16 bytes id
//! ```
//! All numbers are big-endian. A version is written once, under a name that says its number, and never changed; the
//! highest one counts.
use crate::types::{LeaderEpoch, Offset, Timestamp, TopicId, Uuid};

const MAGIC: &[u8; 4] = b"KLMF";
const FORMAT: u16 = 1;
/// Bytes before the part under the CRC.
const HEAD: usize = 10;
/// Bytes of a segment's entry.
const SEGMENT_BYTES: usize = 8 + 8 + 8 + 4 + 8 + 8 + 1 + 16;
/// Largest manifest that is read, in bytes: a million segments.
pub const MAX_BYTES: u64 = 64 << 20;

/// A segment in the bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RemoteSegment {
    /// Its base offset.
    pub base: Offset,
    /// Base offset of the segment after it in the log.
    pub end: Offset,
    /// Bytes of its batches, with which its object begins.
    pub log_bytes: u64,
    /// Bytes of the object after them, see [`object`](super::object).
    pub tail_bytes: u32,
    /// Largest timestamp of its batches; -1 if none has one.
    pub newest: Timestamp,
    /// When it was uploaded, by the broker's clock.
    pub uploaded: Timestamp,
    /// Whether its transaction index names an aborted transaction.
    pub aborted: bool,
    /// What tells its object from others of the same base.
    pub id: Uuid,
}

impl RemoteSegment {
    /// How old it is for retention: a timestamp that cannot be (none, or in the future) counts as the upload.
    #[must_use]
    pub fn written(&self) -> Timestamp {
        if self.newest.get() < 0 { self.uploaded } else { self.newest.min(self.uploaded) }
    }

    /// Size of its object in bytes.
    #[must_use]
    pub fn object_bytes(&self) -> u64 {
        self.log_bytes.saturating_add(u64::from(self.tail_bytes))
    }
}

/// What is in the bucket of one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// Number of this version, from 1 on.
    pub version: u64,
    /// The claim under which it was written.
    pub writer: u32,
    /// Id of the topic.
    pub topic_id: TopicId,
    /// Index of the partition.
    pub partition: i32,
    /// Name of the topic, for a restore.
    pub topic: String,
    /// First offset that may be read.
    pub log_start: Offset,
    /// Leader epochs from the log start to the end of the last segment, and where each began.
    pub leader_epochs: Vec<(LeaderEpoch, Offset)>,
    /// By rising base offsets and rising ends. Two may overlap: the earlier one counts up to its end.
    pub segments: Vec<RemoteSegment>,
}

/// Why bytes are not a manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// Something else.
    #[error("it is no manifest")]
    NotAManifest,
    /// A later Klamm wrote it.
    #[error("manifest format {0} is not known, only {FORMAT} is: use the Klamm that wrote it")]
    UnknownFormat(u16),
    /// The bytes were changed.
    #[error("its checksum does not match its bytes")]
    BadCrc,
    /// The checksum is right and the content is not: a fault of the writer.
    #[error("its content contradicts itself")]
    Contradiction,
}

impl Manifest {
    /// The manifest of a partition of which nothing is in the bucket; version 0 is never written.
    #[must_use]
    pub fn empty(topic: &str, topic_id: TopicId, partition: i32) -> Self {
        Self {
            version: 0,
            writer: 0,
            topic_id,
            partition,
            topic: topic.to_owned(),
            log_start: Offset::ZERO,
            leader_epochs: Vec::new(),
            segments: Vec::new(),
        }
    }

    /// The first offset that the bucket can give; `None` if it holds nothing.
    #[must_use]
    pub fn start(&self) -> Option<Offset> {
        self.segments.first().map(|first| first.base.max(self.log_start))
    }

    /// The offset after the last one in the bucket.
    #[must_use]
    pub fn end(&self) -> Option<Offset> {
        self.segments.last().map(|last| last.end)
    }

    /// Bytes of batches in the bucket.
    #[must_use]
    pub fn log_bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.log_bytes).fold(0, u64::saturating_add)
    }

    /// Index of the first segment that ends above `offset`.
    #[must_use]
    pub fn segment_at(&self, offset: Offset) -> usize {
        self.segments.partition_point(|segment| segment.end <= offset)
    }

    /// The bytes of the object.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut body =
            Vec::with_capacity(self.segments.len().saturating_mul(SEGMENT_BYTES).saturating_add(128));
        body.extend(self.version.to_be_bytes());
        body.extend(self.writer.to_be_bytes());
        body.extend(self.topic_id.0);
        body.extend(self.partition.to_be_bytes());
        body.extend(u16::try_from(self.topic.len()).unwrap_or(0).to_be_bytes());
        body.extend(self.topic.as_bytes());
        body.extend(self.log_start.get().to_be_bytes());
        body.extend(count(self.leader_epochs.len()));
        for (epoch, start) in &self.leader_epochs {
            body.extend(epoch.get().to_be_bytes());
            body.extend(start.get().to_be_bytes());
        }
        body.extend(count(self.segments.len()));
        for segment in &self.segments {
            body.extend(segment.base.get().to_be_bytes());
            body.extend(segment.end.get().to_be_bytes());
            body.extend(segment.log_bytes.to_be_bytes());
            body.extend(segment.tail_bytes.to_be_bytes());
            body.extend(segment.newest.get().to_be_bytes());
            body.extend(segment.uploaded.get().to_be_bytes());
            body.push(u8::from(segment.aborted));
            body.extend(segment.id.0);
        }
        let mut out = Vec::with_capacity(body.len().saturating_add(HEAD));
        out.extend(MAGIC);
        out.extend(FORMAT.to_be_bytes());
        out.extend(crc32c::crc32c(&body).to_be_bytes());
        out.extend(body);
        out
    }

    /// Reads the bytes of an object.
    ///
    /// # Errors
    /// [`ManifestError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, ManifestError> {
        let mut fields = Fields(bytes);
        if fields.array::<4>() != Some(*MAGIC) {
            return Err(ManifestError::NotAManifest);
        }
        let format = fields.array().map(u16::from_be_bytes).ok_or(ManifestError::NotAManifest)?;
        if format != FORMAT {
            return Err(ManifestError::UnknownFormat(format));
        }
        let crc = fields.u32().ok_or(ManifestError::NotAManifest)?;
        if crc32c::crc32c(fields.0) != crc {
            return Err(ManifestError::BadCrc);
        }
        Self::body(&mut fields).filter(Self::is_sound).ok_or(ManifestError::Contradiction)
    }

    fn body(fields: &mut Fields<'_>) -> Option<Self> {
        let version = fields.u64()?;
        let writer = fields.u32()?;
        let topic_id = Uuid(fields.array()?);
        let partition = fields.array().map(i32::from_be_bytes)?;
        let name_len = fields.array().map(u16::from_be_bytes)?;
        let topic = std::str::from_utf8(fields.take(usize::from(name_len))?).ok()?.to_owned();
        let log_start = Offset(fields.i64()?);
        // Counts are held against what is left before anything is made for them.
        let leader_epochs =
            fields.list(12, |f| Some((LeaderEpoch(f.array().map(i32::from_be_bytes)?), Offset(f.i64()?))))?;
        let segments = fields.list(SEGMENT_BYTES, |f| {
            Some(RemoteSegment {
                base: Offset(f.i64()?),
                end: Offset(f.i64()?),
                log_bytes: f.u64()?,
                tail_bytes: f.u32()?,
                newest: Timestamp(f.i64()?),
                uploaded: Timestamp(f.i64()?),
                aborted: f.array::<1>()? != [0],
                id: Uuid(f.array()?),
            })
        })?;
        fields.0.is_empty().then_some(Self {
            version,
            writer,
            topic_id,
            partition,
            topic,
            log_start,
            leader_epochs,
            segments,
        })
    }

    fn is_sound(&self) -> bool {
        let mut last = (Offset::NONE, Offset::ZERO);
        self.segments.iter().all(|segment| {
            let follows = segment.base > last.0 && segment.end > last.1 && segment.end > segment.base;
            last = (segment.base, segment.end);
            follows && segment.log_bytes <= i64::MAX as u64
        })
    }
}

fn count(n: usize) -> [u8; 4] {
    u32::try_from(n).unwrap_or(u32::MAX).to_be_bytes()
}

/// Big-endian fields, one after the other; `None` past the end.
pub(super) struct Fields<'a>(pub &'a [u8]);

impl<'a> Fields<'a> {
    pub fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    pub fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    pub fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    pub fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    pub fn i64(&mut self) -> Option<i64> {
        self.array().map(i64::from_be_bytes)
    }

    fn list<T>(&mut self, size: usize, mut read: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let count = usize::try_from(self.u32()?).ok()?;
        if count.checked_mul(size)? > self.0.len() {
            return None;
        }
        (0..count).map(|_| read(self)).collect()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A manifest whose segments have these bounds, 100 bytes each, and this time.
    pub fn manifest(segments: &[(i64, i64, i64)]) -> Manifest {
        let segment = |(base, end, newest): &(i64, i64, i64)| RemoteSegment {
            base: Offset(*base),
            end: Offset(*end),
            log_bytes: 100,
            tail_bytes: 10,
            newest: Timestamp(*newest),
            uploaded: Timestamp(1_000_000),
            aborted: false,
            id: Uuid([u8::try_from(*base % 251).unwrap(); 16]),
        };
        Manifest {
            version: 3,
            writer: 2,
            leader_epochs: vec![(LeaderEpoch(0), Offset(0)), (LeaderEpoch(4), Offset(15))],
            segments: segments.iter().map(segment).collect(),
            ..Manifest::empty("orders", Uuid([9; 16]), 1)
        }
    }

    #[test]
    fn a_manifest_reads_as_it_was_written_and_no_other_byte_passes() {
        let manifest = manifest(&[(0, 10, 5), (10, 30, -1)]);
        let bytes = manifest.encode();
        assert_eq!(Manifest::decode(&bytes), Ok(manifest.clone()));
        assert_eq!((manifest.start(), manifest.end()), (Some(Offset(0)), Some(Offset(30))));
        for at in 0..bytes.len() {
            let mut broken = bytes.clone();
            broken[at] ^= 0x40;
            assert!(Manifest::decode(&broken).is_err(), "byte {at}");
            assert!(Manifest::decode(&bytes[..at]).is_err(), "cut at {at}");
        }
        let mut later = bytes;
        later[5] = 2;
        assert_eq!(Manifest::decode(&later), Err(ManifestError::UnknownFormat(2)));
    }

    #[test]
    fn what_contradicts_itself_is_refused_though_its_checksum_is_right() {
        for segments in [[(0, 10, 0), (0, 20, 0)], [(0, 0, 0), (5, 6, 0)], [(10, 20, 0), (0, 25, 0)]] {
            let bytes = manifest(&segments).encode();
            assert_eq!(Manifest::decode(&bytes), Err(ManifestError::Contradiction), "{segments:?}");
        }
    }

    #[test]
    fn the_bytes_of_version_1_stay_what_they_are() {
        let bytes = manifest(&[(0, 10, 5)]).encode();
        assert_eq!(bytes.len(), 10 + 8 + 4 + 16 + 4 + 8 + 8 + 28 + 4 + SEGMENT_BYTES);
        assert_eq!(bytes[..6], *b"KLMF\0\x01");
        assert_eq!(bytes[10..22], [0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 2], "version and writer");
    }
}

//! One batch in borrowed bytes, walking over batches that lie back to back, and a batch on its way into
//! the log.

use std::borrow::Cow;
use std::ops::Deref;

use super::compression::{CompressionError, decompress};
use super::header::{BatchError, BatchHeader, CRC_START, Codec, HEADER_LEN, TimestampType};
use super::records::Records;
use crate::types::{LeaderEpoch, Offset, Timestamp};

/// A whole batch in borrowed bytes. Its header's fields and methods are its own (by `Deref`).
///
/// A view says that the lengths fit, not that the content is right: see
/// [`verify_crc`](Self::verify_crc) and `validate`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchView<'a> {
    header: BatchHeader,
    bytes: &'a [u8],
}

impl<'a> BatchView<'a> {
    /// The batch at the start of `bytes`, which may go on after it.
    ///
    /// # Errors
    /// [`BatchError::Incomplete`], [`BatchError::BadLength`] or [`BatchError::BadMagic`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, BatchError> {
        let header = BatchHeader::parse(bytes)?;
        let needed = header.size();
        match bytes.get(..needed) {
            Some(bytes) => Ok(Self { header, bytes }),
            None => Err(BatchError::Incomplete { needed, available: bytes.len() }),
        }
    }

    /// The decoded header.
    #[must_use]
    pub fn header(&self) -> &BatchHeader {
        &self.header
    }

    /// The whole batch.
    #[must_use]
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// What follows the header: the records, compressed if there is a codec.
    #[must_use]
    pub fn body(&self) -> &'a [u8] {
        self.bytes.get(HEADER_LEN..).unwrap_or_default()
    }

    /// The records' bytes, decompressed if there is a codec into at most `limit` bytes.
    ///
    /// # Errors
    /// [`CompressionError`]; an uncompressed batch has none.
    pub fn payload(&self, limit: usize) -> Result<Cow<'a, [u8]>, CompressionError> {
        match self.codec().ok_or(CompressionError::UnknownCodec)? {
            Codec::None => Ok(Cow::Borrowed(self.body())),
            codec => decompress(codec, self.body(), limit).map(Cow::Owned),
        }
    }

    /// The records in this batch's [`payload`](Self::payload).
    #[must_use]
    pub fn records<'p>(&self, payload: &'p [u8]) -> Records<'p> {
        Records::new(&self.header, payload)
    }

    /// Compares the CRC in the header with that of the bytes.
    ///
    /// # Errors
    /// [`BatchError::BadCrc`].
    pub fn verify_crc(&self) -> Result<(), BatchError> {
        let computed = crc32c::crc32c(self.bytes.get(CRC_START..).unwrap_or_default());
        match self.header.crc {
            stored if stored == computed => Ok(()),
            stored => Err(BatchError::BadCrc { stored, computed }),
        }
    }
}

impl Deref for BatchView<'_> {
    type Target = BatchHeader;

    fn deref(&self) -> &BatchHeader {
        &self.header
    }
}

/// What a log minds when it takes a batch, beside the bytes. It is not stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// Where the log ended when the producer's transaction was looked up, if it was.
    pub enlisted_at: Option<Offset>,
    /// It is a transaction marker of a bumped epoch.
    pub ends_earlier_epochs: bool,
}

/// A batch that was checked or built, on its way into the log: header and body apart, so that the log
/// patches the header and writes both without copying the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidBatch<'a> {
    header: BatchHeader,
    body: Cow<'a, [u8]>,
    terms: Terms,
}

impl<'a> ValidBatch<'a> {
    /// Length and CRC must already fit the body.
    pub(super) fn new(header: BatchHeader, body: Cow<'a, [u8]>) -> Self {
        Self { header, body, terms: Terms::default() }
    }

    /// Notes that the transaction of its producer is looked up when the log ends at `log_end`: a marker that has
    /// come into the log since has ended it, and there is no place for the batch any more.
    #[must_use]
    pub fn enlisted_at(mut self, log_end: Offset) -> Self {
        self.terms.enlisted_at = Some(log_end);
        self
    }

    /// Says of a transaction marker that its epoch is a bumped one (KIP-890): it ends what was written in
    /// earlier epochs, and refuses to end anything of its own.
    #[must_use]
    pub fn ending_earlier_epochs(mut self) -> Self {
        self.terms.ends_earlier_epochs = true;
        self
    }

    /// What the log has to mind.
    #[must_use]
    pub fn terms(&self) -> Terms {
        self.terms
    }

    /// Gives the batch its place in the log. Neither field is under the CRC.
    pub fn place(&mut self, base_offset: Offset, leader_epoch: LeaderEpoch) {
        self.header.base_offset = base_offset;
        self.header.partition_leader_epoch = leader_epoch;
    }

    /// The decoded header.
    #[must_use]
    pub fn header(&self) -> &BatchHeader {
        &self.header
    }

    /// What follows the header.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Whether the body had to be rewritten (or was built) instead of being the producer's own bytes.
    #[must_use]
    pub fn is_rewritten(&self) -> bool {
        matches!(self.body, Cow::Owned(_))
    }

    /// The time that the broker gave the records, for the reply to the producer.
    #[must_use]
    pub fn log_append_time(&self) -> Option<Timestamp> {
        let stamped = self.header.timestamp_type() == TimestampType::LogAppendTime;
        stamped.then_some(self.header.max_timestamp)
    }

    /// The same batch with a body of its own.
    #[must_use]
    pub fn into_owned(self) -> ValidBatch<'static> {
        ValidBatch { header: self.header, body: Cow::Owned(self.body.into_owned()), terms: self.terms }
    }

    /// The whole batch in one piece.
    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        [&self.header.to_bytes(), self.body()].concat()
    }
}

impl Deref for ValidBatch<'_> {
    type Target = BatchHeader;

    fn deref(&self) -> &BatchHeader {
        &self.header
    }
}

/// The batches in `bytes`, one after the other. The first error is the last item.
#[derive(Clone, Debug)]
pub struct Batches<'a> {
    bytes: &'a [u8],
    position: usize,
    failed: bool,
}

impl<'a> Batches<'a> {
    /// Walks over `bytes` from its start.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0, failed: false }
    }

    /// Bytes that the batches handed out so far take: where the next one, or the error, begins.
    #[must_use]
    pub fn position(&self) -> usize {
        self.position
    }
}

impl<'a> Iterator for Batches<'a> {
    type Item = Result<BatchView<'a>, BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.bytes.get(self.position..).filter(|rest| !rest.is_empty() && !self.failed)?;
        let item = BatchView::parse(rest);
        match &item {
            Ok(batch) => self.position = self.position.saturating_add(batch.size()),
            Err(_) => self.failed = true,
        }
        Some(item)
    }
}

impl std::iter::FusedIterator for Batches<'_> {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Offset;

    fn empty_batch(base_offset: i64) -> Vec<u8> {
        let mut bytes = vec![0u8; HEADER_LEN];
        bytes[..8].copy_from_slice(&base_offset.to_be_bytes());
        bytes[8..12].copy_from_slice(&49i32.to_be_bytes());
        bytes[16] = 2;
        let crc = crc32c::crc32c(&bytes[CRC_START..]);
        bytes[17..21].copy_from_slice(&crc.to_be_bytes());
        bytes
    }

    #[test]
    fn batches_follow_each_other_until_the_bytes_end() {
        let bytes = [empty_batch(5), empty_batch(6)].concat();
        let mut batches = Batches::new(&bytes);
        let offsets: Vec<_> = batches.by_ref().map(|b| b.unwrap().base_offset).collect();
        assert_eq!(offsets, [Offset(5), Offset(6)]);
        assert_eq!(batches.position(), bytes.len());
    }

    #[test]
    fn a_torn_tail_is_the_last_item_and_position_is_its_start() {
        let mut bytes = [empty_batch(5), empty_batch(6)].concat();
        bytes[61 + 11] = 50;
        let mut batches = Batches::new(&bytes);
        assert!(batches.next().unwrap().is_ok());
        assert_eq!(batches.next(), Some(Err(BatchError::Incomplete { needed: 62, available: 61 })));
        assert_eq!(batches.next(), None);
        assert_eq!(batches.position(), 61);
    }

    #[test]
    fn any_flipped_bit_under_the_crc_is_noticed() {
        let good = empty_batch(5);
        assert_eq!(BatchView::parse(&good).unwrap().verify_crc(), Ok(()));
        for at in CRC_START..HEADER_LEN {
            let mut bad = good.clone();
            bad[at] ^= 1;
            assert!(BatchView::parse(&bad).unwrap().verify_crc().is_err(), "byte {at}");
        }
    }
}

//! The bytes of `klamm.journal`. Pure.
//!
//! Big-endian. Two blocks of 4096 bytes with a slot each, then two sides of equal length. Generation `g` is
//! written to side `g % 2` and announced, durably and before its first round, by slot `g % 2`; the slot beside
//! it still announces `g - 1`. So one sound slot is always there, unless the file was damaged.
//!
//! | slot, at | size | field |
//! |----|------|-------|
//! | 0  | 4 | `KLJH` |
//! | 4  | 2 | version, 1 |
//! | 6  | 8 | id of the journal, random |
//! | 14 | 8 | generation, from 1 |
//! | 22 | 8 | number of its first round |
//! | 30 | 8 | number of the first round of the generation before |
//! | 38 | 8 | length of a side in bytes |
//! | 46 | 4 | CRC-32C of what lies before this field |
//!
//! A side holds rounds with rising numbers, each on a boundary of 4096 bytes, so that no write touches a block
//! that was durable:
//!
//! | round, at | size | field |
//! |----|------|-------|
//! | 0  | 4 | `KLJR` |
//! | 4  | 8 | generation |
//! | 12 | 8 | number |
//! | 20 | 4 | how many entries |
//! | 24 | 4 | length of all entries in bytes |
//! | 28 | 4 | CRC-32C of the journal's id and what lies before this field |
//! | 32 | .. | entries |
//!
//! | entry, at | size | field |
//! |----|------|-------|
//! | 0  | 16 | topic id |
//! | 16 | 4 | partition |
//! | 20 | 4 | leader epoch of the first batch |
//! | 24 | 8 | offset of the first record |
//! | 32 | 8 | offset after the last record |
//! | 40 | 8 | base offset of the segment |
//! | 48 | 8 | byte position in the segment's `.log` |
//! | 56 | 4 | length of the batches in bytes |
//! | 60 | 4 | CRC-32C of journal id, generation, round, what lies before this field, and the batches |
//! | 64 | .. | the batches, as in the segment |
use crate::log::index::Fields;
use crate::types::{LeaderEpoch, Offset, TopicId, Uuid};

/// The unit of writing in bytes: a slot takes one block, a round whole blocks.
pub const BLOCK: u64 = 4096;
/// Where the first side begins.
pub const SIDES_AT: u64 = 2 * BLOCK;
/// Bytes of a round's header.
pub const ROUND_HEADER: usize = 32;
/// Bytes of an entry's header.
pub const ENTRY_HEADER: usize = 64;
/// The longest round in bytes, so that writing and reading one takes no more memory.
pub const MAX_ROUND: usize = 1 << 20;

const SLOT_MAGIC: [u8; 4] = *b"KLJH";
const ROUND_MAGIC: [u8; 4] = *b"KLJR";
const VERSION: i16 = 1;

/// What a slot announces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Id of the journal.
    pub id: i64,
    /// The generation that is being written.
    pub generation: u64,
    /// Number of its first round.
    pub first_round: u64,
    /// Number of the first round of the generation before; as `first_round` if there is none.
    pub previous_first_round: u64,
    /// Length of a side in bytes.
    pub side_bytes: u64,
}

impl Slot {
    /// The slot's block but for the zeros that fill it.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(50);
        out.extend(SLOT_MAGIC);
        out.extend(VERSION.to_be_bytes());
        out.extend(self.id.to_be_bytes());
        for n in [self.generation, self.first_round, self.previous_first_round, self.side_bytes] {
            out.extend(n.to_be_bytes());
        }
        out.extend(crc32c::crc32c(&out).to_be_bytes());
        out
    }

    /// Reads a slot; `None` if it is not sound.
    #[must_use]
    pub fn parse(block: &[u8]) -> Option<Self> {
        let mut fields = Fields(block);
        let known = fields.take::<4>()? == SLOT_MAGIC && fields.i16()? == VERSION;
        let id = fields.i64()?;
        let mut number = || fields.take::<8>().map(u64::from_be_bytes);
        let (generation, first_round) = (number()?, number()?);
        let (previous_first_round, side_bytes) = (number()?, number()?);
        let covered = block.len().checked_sub(fields.0.len()).and_then(|n| block.get(..n))?;
        let is_sound = known && fields.u32()? == crc32c::crc32c(covered);
        let is_possible = side_bytes >= BLOCK
            && side_bytes.checked_rem(BLOCK) == Some(0)
            && previous_first_round <= first_round;
        let this = Self { id, generation, first_round, previous_first_round, side_bytes };
        (is_sound && is_possible && generation > 0).then_some(this)
    }

    /// Where in the file a generation's side begins.
    #[must_use]
    pub fn side_at(&self, generation: u64) -> u64 {
        SIDES_AT.saturating_add((generation & 1).saturating_mul(self.side_bytes))
    }

    /// Where in the file a generation's slot is.
    #[must_use]
    pub fn slot_at(generation: u64) -> u64 {
        (generation & 1).saturating_mul(BLOCK)
    }
}

/// Which round something belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoundId {
    /// Id of the journal.
    pub journal: i64,
    /// Its generation.
    pub generation: u64,
    /// Its number.
    pub round: u64,
}

/// The header of a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoundHeader {
    /// Which one.
    pub id: RoundId,
    /// How many entries follow.
    pub entries: u32,
    /// How long they are together, in bytes.
    pub length: u32,
}

impl RoundHeader {
    /// The header's bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; ROUND_HEADER] {
        let mut out = Vec::with_capacity(ROUND_HEADER);
        out.extend(ROUND_MAGIC);
        out.extend(self.id.generation.to_be_bytes());
        out.extend(self.id.round.to_be_bytes());
        out.extend(self.entries.to_be_bytes());
        out.extend(self.length.to_be_bytes());
        out.extend(Self::crc(self.id.journal, &out).to_be_bytes());
        out.try_into().unwrap_or([0; ROUND_HEADER])
    }

    /// Reads a header; `None` if it is not sound or of another journal.
    #[must_use]
    pub fn parse(bytes: &[u8], journal: i64) -> Option<Self> {
        let mut fields = Fields(bytes);
        let covered = bytes.get(..ROUND_HEADER.saturating_sub(4))?;
        let known = fields.take::<4>()? == ROUND_MAGIC;
        let generation = u64::from_be_bytes(fields.take()?);
        let round = u64::from_be_bytes(fields.take()?);
        let (entries, length) = (fields.u32()?, fields.u32()?);
        let is_sound = known && fields.u32()? == Self::crc(journal, covered);
        is_sound.then_some(Self { id: RoundId { journal, generation, round }, entries, length })
    }

    /// The whole round in bytes, filled up to blocks.
    #[must_use]
    pub fn blocks(&self) -> u64 {
        whole_blocks(u64::from(self.length).saturating_add(ROUND_HEADER as u64))
    }

    fn crc(journal: i64, covered: &[u8]) -> u32 {
        crc32c::crc32c_append(crc32c::crc32c(&journal.to_be_bytes()), covered)
    }
}

/// `bytes`, filled up to blocks.
#[must_use]
pub fn whole_blocks(bytes: u64) -> u64 {
    bytes.div_ceil(BLOCK).saturating_mul(BLOCK)
}

/// Which bytes of which log an entry holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryHeader {
    /// The topic.
    pub topic_id: TopicId,
    /// The partition's index.
    pub partition: i32,
    /// Leader epoch of the first batch.
    pub epoch: LeaderEpoch,
    /// Offset of the first record.
    pub offset: Offset,
    /// Offset after the last record.
    pub next_offset: Offset,
    /// Base offset of the segment.
    pub base: Offset,
    /// Byte position in the segment's `.log`.
    pub position: u64,
    /// Length of the batches in bytes.
    pub length: u32,
}

impl EntryHeader {
    /// The header's bytes, for these batches.
    #[must_use]
    pub fn encode(&self, round: RoundId, batches: &[u8]) -> [u8; ENTRY_HEADER] {
        let mut out = Vec::with_capacity(ENTRY_HEADER);
        out.extend(self.topic_id.0);
        out.extend(self.partition.to_be_bytes());
        out.extend(self.epoch.get().to_be_bytes());
        for offset in [self.offset, self.next_offset, self.base] {
            out.extend(offset.get().to_be_bytes());
        }
        out.extend(self.position.to_be_bytes());
        out.extend(self.length.to_be_bytes());
        out.extend(Self::crc(round, &out, batches).to_be_bytes());
        out.try_into().unwrap_or([0; ENTRY_HEADER])
    }

    /// Takes the entry at the front of `bytes`, and gives its header and its batches; `None` if it is not
    /// sound or of another round.
    #[must_use]
    pub fn take<'a>(bytes: &mut &'a [u8], round: RoundId) -> Option<(Self, &'a [u8])> {
        let (header, rest) = bytes.split_at_checked(ENTRY_HEADER)?;
        let mut fields = Fields(header);
        let this = Self {
            topic_id: Uuid(fields.take()?),
            partition: fields.i32()?,
            epoch: LeaderEpoch(fields.i32()?),
            offset: Offset(fields.i64()?),
            next_offset: Offset(fields.i64()?),
            base: Offset(fields.i64()?),
            position: u64::from_be_bytes(fields.take()?),
            length: fields.u32()?,
        };
        let (batches, rest) = rest.split_at_checked(usize::try_from(this.length).ok()?)?;
        let covered = header.get(..ENTRY_HEADER.saturating_sub(4))?;
        if fields.u32()? != Self::crc(round, covered, batches) {
            return None;
        }
        *bytes = rest;
        Some((this, batches))
    }

    fn crc(round: RoundId, covered: &[u8], batches: &[u8]) -> u32 {
        let mut crc = crc32c::crc32c(&round.journal.to_be_bytes());
        for number in [round.generation, round.round] {
            crc = crc32c::crc32c_append(crc, &number.to_be_bytes());
        }
        crc32c::crc32c_append(crc32c::crc32c_append(crc, covered), batches)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUND: RoundId = RoundId { journal: 77, generation: 3, round: 9 };

    #[test]
    fn a_slot_reads_as_it_was_written_and_only_whole() {
        let slot =
            Slot { id: 77, generation: 3, first_round: 9, previous_first_round: 4, side_bytes: 2 * BLOCK };
        let bytes = slot.encode();
        assert_eq!((bytes.len(), Slot::parse(&bytes)), (50, Some(slot)));
        assert_eq!((slot.side_at(3), slot.side_at(4)), (SIDES_AT + 2 * BLOCK, SIDES_AT));
        for at in 0..bytes.len() {
            let mut bad = bytes.clone();
            bad[at] ^= 1;
            assert_eq!(Slot::parse(&bad), None, "byte {at}");
            assert_eq!(Slot::parse(&bytes[..at]), None, "cut at {at}");
        }
        let odd = Slot { side_bytes: BLOCK + 1, ..slot };
        assert_eq!(Slot::parse(&odd.encode()), None, "a side is whole blocks");
    }

    #[test]
    fn a_round_and_its_entries_belong_to_one_journal_generation_and_number() {
        let header = RoundHeader { id: ROUND, entries: 1, length: 100 };
        let bytes = header.encode();
        assert_eq!(RoundHeader::parse(&bytes, 77), Some(header));
        assert_eq!(RoundHeader::parse(&bytes, 78), None);
        assert_eq!(header.blocks(), BLOCK);
        let entry = EntryHeader {
            topic_id: Uuid([5; 16]),
            partition: 2,
            epoch: LeaderEpoch(6),
            offset: Offset(100),
            next_offset: Offset(103),
            base: Offset(90),
            position: 1000,
            length: 3,
        };
        let mut bytes = entry.encode(ROUND, b"abc").to_vec();
        bytes.extend(b"abcrest");
        let mut front = bytes.as_slice();
        assert_eq!(EntryHeader::take(&mut front, ROUND), Some((entry, b"abc".as_slice())));
        assert_eq!(front, b"rest");
        let others = [
            RoundId { journal: 1, ..ROUND },
            RoundId { generation: 5, ..ROUND },
            RoundId { round: 10, ..ROUND },
        ];
        for other in others {
            assert_eq!(EntryHeader::take(&mut bytes.as_slice(), other), None, "{other:?}");
        }
        for at in 0..ENTRY_HEADER + 3 {
            let mut bad = bytes.clone();
            bad[at] ^= 1;
            assert_eq!(EntryHeader::take(&mut bad.as_slice(), ROUND), None, "byte {at}");
        }
    }
}

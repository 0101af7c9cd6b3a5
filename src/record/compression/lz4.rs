//! LZ4 frames, read exactly as far as Kafka's clients can: one frame of independent blocks, with an end
//! mark. A library would accept more (linked blocks, a missing end), and consumers would then choke on
//! what was stored. The content checksum is skipped, as Kafka does: the batch has its own.

use std::io::Write;

use lz4_flex::frame::{BlockMode, BlockSize, FrameEncoder, FrameInfo};
use twox_hash::XxHash32;

use super::super::header::Codec;
use super::CompressionError;

const MAGIC: [u8; 4] = 0x184d_2204u32.to_le_bytes();
const VERSION_MASK: u8 = 0xc0;
const VERSION: u8 = 0x40;
const INDEPENDENT_BLOCKS: u8 = 0x20;
const BLOCK_CHECKSUMS: u8 = 0x10;
const CONTENT_SIZE: u8 = 0x08;
const CONTENT_CHECKSUM: u8 = 0x04;
const RESERVED: u8 = 0x03;
/// Set in a block's length when it is stored uncompressed.
const STORED: u32 = 0x8000_0000;
/// No block expands further: a byte of length stands for at most 255 bytes.
const MAX_EXPANSION: usize = 255;

/// Walks over the blocks of a frame.
pub(super) struct Lz4Blocks<'a> {
    rest: &'a [u8],
    max_block: usize,
    block_checksums: bool,
    content_checksum: bool,
    ended: bool,
}

impl<'a> Lz4Blocks<'a> {
    /// Reads the frame's header.
    pub(super) fn new(body: &'a [u8]) -> Result<Self, CompressionError> {
        let cut_off = || corrupt("the frame's header is cut off");
        let rest = body.strip_prefix(&MAGIC).ok_or_else(|| corrupt("there is no LZ4 frame"))?;
        let &[flags, block_size, ..] = rest else { return Err(cut_off()) };
        if flags & VERSION_MASK != VERSION || flags & RESERVED != 0 || block_size & 0x8f != 0 {
            return Err(corrupt("the frame uses features that Kafka does not have"));
        }
        if flags & INDEPENDENT_BLOCKS == 0 {
            return Err(corrupt(
                "the frame's blocks depend on each other, which Kafka's clients cannot read",
            ));
        }
        let max_block = match block_size >> 4 {
            size @ 4..=7 => 1usize << (8 + 2 * size),
            _ => return Err(corrupt("the frame has an unknown block size")),
        };
        let descriptor_len = if flags & CONTENT_SIZE == 0 { 2 } else { 10 };
        let (descriptor, rest) = rest.split_at_checked(descriptor_len).ok_or_else(cut_off)?;
        let (&checksum, rest) = rest.split_first().ok_or_else(cut_off)?;
        if checksum != (XxHash32::oneshot(0, descriptor) >> 8) as u8 {
            return Err(corrupt("the checksum of the frame's header is wrong"));
        }
        Ok(Self {
            rest,
            max_block,
            block_checksums: flags & BLOCK_CHECKSUMS != 0,
            content_checksum: flags & CONTENT_CHECKSUM != 0,
            ended: false,
        })
    }

    /// Decompresses the next block into `out` and says how many bytes it has; 0 at the end.
    pub(super) fn next_block(&mut self, out: &mut Vec<u8>) -> Result<usize, CompressionError> {
        while !self.ended {
            let length = self.take_u32()?;
            if length == 0 {
                self.finish()?;
                break;
            }
            let block = self.take((length & !STORED) as usize)?;
            if block.len() > self.max_block {
                return Err(corrupt("a block is larger than the frame allows"));
            }
            if self.block_checksums && self.take_u32()? != XxHash32::oneshot(0, block) {
                return Err(corrupt("the checksum of a block is wrong"));
            }
            let n = if length & STORED != 0 {
                room(out, block.len()).copy_from_slice(block);
                block.len()
            } else {
                let most = block.len().saturating_mul(MAX_EXPANSION).min(self.max_block);
                lz4_flex::block::decompress_into(block, room(out, most)).map_err(corrupt)?
            };
            if n > 0 {
                return Ok(n);
            }
        }
        Ok(0)
    }

    fn finish(&mut self) -> Result<(), CompressionError> {
        self.ended = true;
        if self.content_checksum {
            self.take_u32()?;
        }
        if self.rest.is_empty() { Ok(()) } else { Err(corrupt("there are bytes after the frame")) }
    }

    fn take_u32(&mut self) -> Result<u32, CompressionError> {
        let (bytes, rest) =
            self.rest.split_first_chunk().ok_or_else(|| corrupt("the frame has no end mark"))?;
        self.rest = rest;
        Ok(u32::from_le_bytes(*bytes))
    }

    fn take(&mut self, n: usize) -> Result<&'a [u8], CompressionError> {
        let (head, rest) = self.rest.split_at_checked(n).ok_or_else(|| corrupt("a block is cut off"))?;
        self.rest = rest;
        Ok(head)
    }
}

/// The first `n` bytes of `out`, which grows if it must.
fn room(out: &mut Vec<u8>, n: usize) -> &mut [u8] {
    if out.len() < n {
        out.resize(n, 0);
    }
    out.get_mut(..n).unwrap_or_default()
}

/// Compresses into a frame of independent 64 KiB blocks.
pub(super) fn compress(payload: &[u8]) -> Result<Vec<u8>, CompressionError> {
    let info = FrameInfo::new().block_size(BlockSize::Max64KB).block_mode(BlockMode::Independent);
    let mut encoder = FrameEncoder::with_frame_info(info, Vec::new());
    encoder.write_all(payload).map_err(corrupt)?;
    encoder.finish().map_err(corrupt)
}

fn corrupt(reason: impl ToString) -> CompressionError {
    CompressionError::corrupt(Codec::Lz4, reason)
}

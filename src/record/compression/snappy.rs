//! Snappy in the framing of snappy-java (16 bytes of header, then blocks with a length before each), and,
//! when reading, as one bare block, which several clients send.

use super::super::header::Codec;
use super::CompressionError;

const MAGIC: &[u8; 8] = b"\x82SNAPPY\0";
/// Magic, version and lowest compatible version.
const HEADER: &[u8; 16] = b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01";
/// Bytes of content in a block, as snappy-java writes them.
const BLOCK: usize = 32 * 1024;
/// No block expands further: its densest element makes 64 bytes of 3.
const MAX_EXPANSION: usize = 22;

/// Walks over the blocks of a body.
pub(super) struct SnappyBlocks<'a> {
    rest: &'a [u8],
    framed: bool,
}

impl<'a> SnappyBlocks<'a> {
    pub(super) fn new(body: &'a [u8]) -> Self {
        Self { rest: body, framed: body.starts_with(MAGIC) }
    }

    /// Decompresses the next block into `out` and says how many bytes it has; 0 at the end, `None` if it
    /// has more than `room`.
    pub(super) fn next_block(
        &mut self,
        out: &mut Vec<u8>,
        room: usize,
    ) -> Result<Option<usize>, CompressionError> {
        loop {
            let Some(block) = self.take_block()? else { return Ok(Some(0)) };
            let n = snap::raw::decompress_len(block).map_err(corrupt)?;
            if n > block.len().saturating_mul(MAX_EXPANSION) {
                return Err(corrupt("a block announces more than it can hold"));
            }
            if n > room {
                return Ok(None);
            }
            if out.len() < n {
                out.resize(n, 0);
            }
            let target = out.get_mut(..n).unwrap_or_default();
            snap::raw::Decoder::new().decompress(block, target).map_err(corrupt)?;
            if n > 0 {
                return Ok(Some(n));
            }
        }
    }

    fn take_block(&mut self) -> Result<Option<&'a [u8]>, CompressionError> {
        if !self.framed {
            let block = std::mem::take(&mut self.rest);
            return Ok((!block.is_empty()).then_some(block));
        }
        // Streams may be concatenated: each begins with the header.
        while self.rest.starts_with(MAGIC) {
            self.rest = self.rest.get(HEADER.len()..).ok_or_else(|| corrupt("the header is cut off"))?;
        }
        if self.rest.is_empty() {
            return Ok(None);
        }
        let cut_off = || corrupt("a block is cut off");
        let (length, rest) = self.rest.split_first_chunk().ok_or_else(cut_off)?;
        let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| cut_off())?;
        let (block, rest) = rest.split_at_checked(length).ok_or_else(cut_off)?;
        self.rest = rest;
        Ok(Some(block))
    }
}

/// Compresses in snappy-java's framing.
pub(super) fn compress(payload: &[u8]) -> Result<Vec<u8>, CompressionError> {
    let mut out = HEADER.to_vec();
    let mut encoder = snap::raw::Encoder::new();
    let mut block = vec![0; snap::raw::max_compress_len(payload.len().min(BLOCK))];
    for part in payload.chunks(BLOCK) {
        let n = encoder.compress(part, &mut block).map_err(corrupt)?;
        out.extend_from_slice(&u32::try_from(n).unwrap_or(u32::MAX).to_be_bytes());
        out.extend_from_slice(block.get(..n).unwrap_or_default());
    }
    Ok(out)
}

fn corrupt(reason: impl ToString) -> CompressionError {
    CompressionError::corrupt(Codec::Snappy, reason)
}

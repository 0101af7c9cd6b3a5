//! Decompression chunk by chunk, in buffers that each thread keeps for its next batch.

use std::cell::Cell;
use std::io::Read;

use zstd::stream::raw::{Decoder as ZstdContext, Operation};

use super::super::header::Codec;
use super::super::records::RecordError;
use super::super::varint::Input;
use super::{CompressionError, lz4::Lz4Blocks, snappy::SnappyBlocks};

/// Bytes decompressed at a time where the codec has no blocks of its own.
const CHUNK: usize = 64 * 1024;
/// Chunks larger than this are not kept for the next batch.
const KEPT_CHUNK: usize = 1024 * 1024;

/// What a thread keeps between batches: making a Zstandard context anew costs more than a small batch.
#[derive(Default)]
struct Buffers {
    chunk: Vec<u8>,
    zstd: Option<ZstdContext<'static>>,
}

thread_local! {
    static SPARE: Cell<Option<Buffers>> = const { Cell::new(None) };
}

/// A body being decompressed; see [`Input`] for reading records off it.
pub(in crate::record) struct Stream<'a> {
    codec: Codec,
    source: Source<'a>,
    buffers: Buffers,
    /// Unread part of the chunk.
    start: usize,
    end: usize,
    /// Bytes in all chunks so far.
    produced: usize,
    limit: usize,
}

enum Source<'a> {
    Plain(&'a [u8]),
    Gzip(Box<flate2::bufread::MultiGzDecoder<&'a [u8]>>),
    Snappy(SnappyBlocks<'a>),
    Lz4(Lz4Blocks<'a>),
    Zstd { rest: &'a [u8], frame_ended: bool },
}

impl<'a> Stream<'a> {
    /// Starts to decompress `body` into at most `limit` bytes.
    pub(in crate::record) fn open(
        codec: Codec,
        body: &'a [u8],
        limit: usize,
    ) -> Result<Self, CompressionError> {
        let mut buffers = SPARE.take().unwrap_or_default();
        let source = match codec {
            Codec::None => Source::Plain(body),
            Codec::Gzip => Source::Gzip(Box::new(flate2::bufread::MultiGzDecoder::new(body))),
            Codec::Snappy => Source::Snappy(SnappyBlocks::new(body)),
            Codec::Lz4 => Source::Lz4(Lz4Blocks::new(body)?),
            Codec::Zstd => {
                let reset = match &mut buffers.zstd {
                    Some(context) => context.reinit(),
                    none => ZstdContext::new().map(|context| *none = Some(context)),
                };
                reset.map_err(|error| CompressionError::corrupt(codec, error))?;
                Source::Zstd { rest: body, frame_ended: true }
            }
        };
        Ok(Self { codec, source, buffers, start: 0, end: 0, produced: 0, limit })
    }

    /// Decompresses the next chunk if the last one is used up. False at the end of the content.
    pub(in crate::record) fn fill(&mut self) -> Result<bool, CompressionError> {
        if self.start < self.end {
            return Ok(true);
        }
        let room = self.limit.saturating_sub(self.produced);
        let too_large = CompressionError::TooLarge { limit: self.limit };
        let n = match self.next_chunk(room)? {
            Some(n) if n > room => return Err(too_large),
            Some(n) => n,
            None => return Err(too_large),
        };
        (self.start, self.end) = (0, n);
        self.produced = self.produced.saturating_add(n);
        Ok(n > 0)
    }

    /// Fills the chunk and says with how many bytes; 0 at the end, `None` if a block announces more than
    /// `room`.
    fn next_chunk(&mut self, room: usize) -> Result<Option<usize>, CompressionError> {
        let codec = self.codec;
        let corrupt = |error: std::io::Error| CompressionError::corrupt(codec, error);
        let chunk = &mut self.buffers.chunk;
        match &mut self.source {
            Source::Snappy(blocks) => return blocks.next_block(chunk, room),
            Source::Lz4(blocks) => return blocks.next_block(chunk).map(Some),
            _ => {}
        }
        if chunk.len() < CHUNK {
            chunk.resize(CHUNK, 0);
        }
        let n = match &mut self.source {
            Source::Plain(rest) => rest.read(chunk).map_err(corrupt)?,
            Source::Gzip(decoder) => decoder.read(chunk).map_err(corrupt)?,
            Source::Zstd { rest, frame_ended } => {
                let Some(context) = &mut self.buffers.zstd else {
                    return Err(CompressionError::corrupt(codec, "no context"));
                };
                zstd_chunk(context, rest, frame_ended, chunk).map_err(corrupt)?
            }
            Source::Snappy(_) | Source::Lz4(_) => 0,
        };
        Ok(Some(n))
    }

    /// The unread part of the chunk, which counts as read now.
    pub(in crate::record) fn consume_chunk(&mut self) -> &[u8] {
        let unread = self.buffers.chunk.get(self.start..self.end).unwrap_or_default();
        self.start = self.end;
        unread
    }
}

/// The context's window grows as content is written to it, so what a frame header claims (up to 128 MiB)
/// is address space, not memory: the limit on the content bounds that.
fn zstd_chunk(
    context: &mut ZstdContext<'static>,
    rest: &mut &[u8],
    frame_ended: &mut bool,
    chunk: &mut [u8],
) -> std::io::Result<usize> {
    loop {
        if rest.is_empty() && *frame_ended {
            return Ok(0);
        }
        let status = context.run_on_buffers(rest, chunk)?;
        let stuck = status.bytes_read == 0 && status.bytes_written == 0;
        *rest = rest.get(status.bytes_read..).unwrap_or_default();
        *frame_ended = status.remaining == 0;
        if status.bytes_written > 0 {
            return Ok(status.bytes_written);
        }
        if stuck {
            return Err(std::io::Error::other("they end too early"));
        }
    }
}

impl Drop for Stream<'_> {
    fn drop(&mut self) {
        let mut buffers = std::mem::take(&mut self.buffers);
        if buffers.chunk.capacity() > KEPT_CHUNK {
            buffers.chunk = Vec::new();
        }
        SPARE.set(Some(buffers));
    }
}

impl Input for Stream<'_> {
    type Bytes = ();

    #[inline]
    fn byte(&mut self) -> Result<u8, RecordError> {
        if self.start == self.end && !self.fill()? {
            return Err(RecordError::Truncated);
        }
        let byte = self.buffers.chunk.get(self.start).copied().ok_or(RecordError::Truncated)?;
        self.start = self.start.saturating_add(1);
        Ok(byte)
    }

    #[inline]
    fn take(&mut self, mut n: usize) -> Result<(), RecordError> {
        loop {
            let step = n.min(self.end.saturating_sub(self.start));
            self.start = self.start.saturating_add(step);
            n = n.saturating_sub(step);
            if n == 0 {
                return Ok(());
            }
            if !self.fill()? {
                return Err(RecordError::Truncated);
            }
        }
    }

    fn position(&self) -> usize {
        self.produced.saturating_sub(self.end.saturating_sub(self.start))
    }

    fn at_end(&mut self) -> Result<bool, RecordError> {
        Ok(!self.fill()?)
    }
}

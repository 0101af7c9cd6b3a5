//! The four codecs of Kafka's batches: whole payloads in, and streams out.
//!
//! What comes out of a decompressor is bounded by the caller and handed on in chunks, so a small batch
//! that claims to be gigabytes costs no more than the chunk that shows it. No length read from the
//! compressed bytes sizes a buffer beyond what those bytes can really expand to.

mod lz4;
mod snappy;
mod stream;

use std::io::Write;

use thiserror::Error;

use super::header::Codec;
pub(super) use stream::Stream;

/// Why bytes cannot be compressed or decompressed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CompressionError {
    /// The bytes are not what the codec writes.
    #[error("the {} data are damaged: {reason}", codec.name())]
    Corrupt {
        /// The codec of the batch.
        codec: Codec,
        /// What is wrong with them.
        reason: String,
    },
    /// The content is larger than allowed (`max.decompressed.message.bytes`).
    #[error("the batch decompresses to more than the allowed {limit} bytes")]
    TooLarge {
        /// The most bytes allowed.
        limit: usize,
    },
    /// The attributes name a codec that does not exist.
    #[error("the batch is compressed with an unknown codec")]
    UnknownCodec,
}

impl CompressionError {
    fn corrupt(codec: Codec, reason: impl ToString) -> Self {
        Self::Corrupt { codec, reason: reason.to_string() }
    }
}

/// How to compress: the codec and, where it has levels, how hard to try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compression {
    /// The codec.
    pub codec: Codec,
    /// `compression.gzip.level` (1 to 9, or -1 for its default) or `compression.zstd.level` (-131072 to
    /// 22). The other codecs have none; LZ4 is always written at its fastest level.
    pub level: i32,
}

impl Compression {
    /// No compression.
    pub const NONE: Self = Self::of(Codec::None);

    /// The codec at Kafka's default level.
    #[must_use]
    pub const fn of(codec: Codec) -> Self {
        let level = match codec {
            Codec::Zstd => 3,
            _ => -1,
        };
        Self { codec, level }
    }

    /// Compresses a whole payload; with [`Codec::None`] it is copied.
    ///
    /// # Errors
    /// [`CompressionError::Corrupt`] if the codec fails, which takes a lack of memory.
    pub fn compress(&self, payload: &[u8]) -> Result<Vec<u8>, CompressionError> {
        let failed = |error: std::io::Error| CompressionError::corrupt(self.codec, error);
        match self.codec {
            Codec::None => Ok(payload.to_vec()),
            Codec::Gzip => {
                let level = u32::try_from(self.level)
                    .map_or(flate2::Compression::default(), |level| flate2::Compression::new(level.min(9)));
                let mut out = flate2::write::GzEncoder::new(Vec::new(), level);
                out.write_all(payload).and_then(|()| out.finish()).map_err(failed)
            }
            Codec::Snappy => snappy::compress(payload),
            Codec::Lz4 => lz4::compress(payload),
            Codec::Zstd => zstd::bulk::compress(payload, self.level).map_err(failed),
        }
    }
}

/// Decompresses a whole body into at most `limit` bytes.
///
/// # Errors
/// [`CompressionError::TooLarge`] when there is more; [`CompressionError::Corrupt`].
pub fn decompress(codec: Codec, body: &[u8], limit: usize) -> Result<Vec<u8>, CompressionError> {
    let mut stream = Stream::open(codec, body, limit)?;
    let mut out = Vec::new();
    while stream.fill()? {
        out.extend_from_slice(stream.consume_chunk());
    }
    Ok(out)
}

#[cfg(test)]
mod tests;

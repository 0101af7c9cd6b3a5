//! A reply on its way to a socket: prefix, header and body as a list of chunks.
use bytes::Bytes;

use crate::env::FileRange;
use crate::schema::{Api, Writer};

use super::frame::PREFIX;

/// A piece of a reply.
#[derive(Clone, Debug)]
pub enum Chunk {
    /// Bytes in memory, owned or shared.
    Bytes(Bytes),
    /// Bytes in a file, which the chunk holds open.
    File(FileRange),
}

impl Chunk {
    /// Length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::File(range) => range.len,
        }
    }

    /// Whether there is no byte.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What a reply takes over from its request; small and owned, so that a parked reply can keep it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplyHead {
    /// Version in which the body is to be encoded.
    pub version: i16,
    /// What the request said.
    pub correlation_id: i32,
    flexible: bool,
}

impl ReplyHead {
    /// The head of the reply to a request of `version`.
    #[must_use]
    pub const fn new(api: &Api, version: i16, correlation_id: i32) -> Self {
        Self { version, correlation_id, flexible: api.response_header_version(version) >= 1 }
    }

    /// The same reply with its body in another version (ApiVersions answers unknown versions as 0).
    #[must_use]
    pub const fn at_version(self, version: i16) -> Self {
        Self { version, ..self }
    }

    /// A reply whose body `body` writes: `head.reply(|w| response.encode(w, head.version))`. For
    /// bodies without [`crate::schema::Records::Splice`].
    pub fn reply(self, body: impl FnOnce(&mut Writer)) -> Reply {
        let mut w = self.begin();
        body(&mut w);
        let len = w.buf.len().saturating_sub(PREFIX);
        Reply::finish(w.buf, len)
    }

    /// A reply whose body `body` writes, its splices filled from `chunks` in order. A splice may take
    /// several chunks, but ends where one ends.
    ///
    /// # Errors
    /// The chunks do not add up to the splices: a fault of the handler.
    pub fn reply_spliced(
        self,
        chunks: Vec<Chunk>,
        body: impl FnOnce(&mut Writer),
    ) -> Result<Reply, SpliceError> {
        let mut w = self.begin();
        body(&mut w);
        let len = w.total_len().saturating_sub(PREFIX);
        let splices = std::mem::take(&mut w.splices);
        let mut head = Reply::finish(w.buf, len);
        if splices.is_empty() && chunks.is_empty() {
            return Ok(head);
        }
        let Some(Chunk::Bytes(mut text)) = head.chunks.pop() else { return Ok(head) };
        let (mut chunks, mut out, mut at) = (chunks.into_iter(), Vec::new(), 0usize);
        for splice in splices {
            let before = splice.at.saturating_sub(at).min(text.len());
            at = splice.at;
            push(&mut out, Chunk::Bytes(text.split_to(before)));
            let mut left = splice.len;
            while left > 0 {
                let chunk = chunks.next().ok_or(SpliceError { splice: splice.len, missing: left })?;
                left =
                    left.checked_sub(chunk.len()).ok_or(SpliceError { splice: splice.len, missing: left })?;
                push(&mut out, chunk);
            }
        }
        push(&mut out, Chunk::Bytes(text));
        if chunks.any(|chunk| !chunk.is_empty()) {
            return Err(SpliceError { splice: 0, missing: 0 });
        }
        Ok(Reply { chunks: out, len: head.len })
    }

    fn begin(self) -> Writer {
        let mut buf = Vec::with_capacity(128);
        buf.extend_from_slice(&[0; PREFIX]);
        buf.extend_from_slice(&self.correlation_id.to_be_bytes());
        if self.flexible {
            buf.push(0);
        }
        Writer::onto(buf)
    }
}

fn push(out: &mut Vec<Chunk>, chunk: Chunk) {
    if !chunk.is_empty() {
        out.push(chunk);
    }
}

/// A fault of a handler: the chunks given for the records of a reply do not have their lengths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the chunks of a reply do not fit its records ({missing} of {splice} bytes are left open)")]
pub struct SpliceError {
    /// Length of the records, in bytes.
    pub splice: usize,
    /// How many of them no chunk covers exactly.
    pub missing: usize,
}

/// A whole reply, length prefix included.
#[derive(Clone, Debug)]
pub struct Reply {
    chunks: Vec<Chunk>,
    len: usize,
}

impl Reply {
    fn finish(mut buf: Vec<u8>, len: usize) -> Self {
        if let Some(prefix) = buf.first_chunk_mut::<PREFIX>() {
            *prefix = u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes();
        }
        Self { chunks: vec![Chunk::Bytes(buf.into())], len: len.saturating_add(PREFIX) }
    }

    /// Length in bytes, the prefix included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Bytes that it holds in memory.
    #[must_use]
    pub fn len_in_memory(&self) -> usize {
        let held = |chunk: &Chunk| if let Chunk::Bytes(bytes) = chunk { bytes.len() } else { 0 };
        self.chunks.iter().map(held).fold(0, usize::saturating_add)
    }

    /// Never: a reply has at least its prefix.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The pieces in the order in which they are sent; none is empty.
    #[must_use]
    pub fn into_chunks(self) -> Vec<Chunk> {
        self.chunks
    }

    /// All bytes, with files read: for tests and tools.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn to_bytes(&self) -> std::io::Result<Vec<u8>> {
        let mut out = Vec::with_capacity(self.len);
        for chunk in &self.chunks {
            match chunk {
                Chunk::Bytes(bytes) => out.extend_from_slice(bytes),
                Chunk::File(range) => out.extend_from_slice(&range.read()?),
            }
        }
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::env::{Files, MemoryFiles, OpenMode};
    use crate::schema::{Records, api_key};

    fn head(version: i16) -> ReplyHead {
        ReplyHead::new(Api::by_key(api_key::FETCH).unwrap(), version, 0x0102_0304)
    }

    #[test]
    fn prefix_and_header_come_first() {
        let old = head(11).reply(|w| w.i8(7)).to_bytes().unwrap();
        assert_eq!(old, [0, 0, 0, 5, 1, 2, 3, 4, 7]);
        let flexible = head(12).reply(|w| w.i8(7)).to_bytes().unwrap();
        assert_eq!(flexible, [0, 0, 0, 6, 1, 2, 3, 4, 0, 7]);
        let versions = ReplyHead::new(Api::by_key(api_key::API_VERSIONS).unwrap(), 4, 1);
        assert_eq!(versions.reply(|_| ()).len(), 8, "its header is never flexible");
    }

    #[test]
    fn splices_are_filled_in_order() {
        let files = MemoryFiles::new(1);
        let file = files.open(Path::new("x"), OpenMode::Create).unwrap();
        file.write_all_at(b"0123456789", 0).unwrap();
        let range = |pos, len| Chunk::File(FileRange { file: file.clone(), pos, len });
        let body = |w: &mut Writer| {
            w.i8(1);
            w.records(Some(&Records::Splice { len: 4 }), false);
            w.records(Some(&Records::Splice { len: 0 }), false);
            w.records(Some(&Records::Splice { len: 2 }), false);
            w.i8(9);
        };
        let chunks = vec![range(2, 3), range(7, 1), Chunk::Bytes(Bytes::from_static(b"ab"))];
        let reply = head(4).reply_spliced(chunks, body).unwrap();
        let bytes = reply.to_bytes().unwrap();
        assert_eq!(bytes.len(), reply.len());
        assert_eq!(&bytes[..4], [0, 0, 0, 24]);
        assert_eq!(&bytes[8..], b"\x01\0\0\0\x042347\0\0\0\0\0\0\0\x02ab\x09");
        assert_eq!(reply.into_chunks().iter().filter(|c| c.is_empty()).count(), 0);
        for bad in [vec![range(0, 4)], vec![range(0, 5), range(0, 1)], vec![range(0, 6), range(0, 2)]] {
            assert!(head(4).reply_spliced(bad, body).is_err());
        }
        let many = vec![range(0, 4), range(0, 2), range(0, 1)];
        assert!(head(4).reply_spliced(many, body).is_err());
    }
}

//! Record batches, format v2: the unit in which clients send, the log stores and consumers fetch.
//!
//! Owns the bytes of a batch: a borrowed view of them ([`batch`]), the fixed header ([`header`]), the
//! records, the codecs ([`compression`]), making batches ([`builder`], [`control`]) and deciding whether a
//! produced one is stored ([`validate`](mod@validate)).
//! Promises: never panics on any bytes, allocates nothing that a length in those bytes asks for, and
//! changes no byte that a producer sent unless a rule in `validate` demands it.
//! Must not know: files, sockets, clocks (`now` is passed in), topics or their configuration.

pub mod batch;
pub mod builder;
pub mod compression;
pub mod control;
pub mod header;
mod records;
pub mod rejection;
mod thin;
pub mod validate;
mod varint;

pub use batch::{BatchView, Batches, Terms, ValidBatch};
pub use builder::{BatchBuilder, NewRecord};
pub use compression::{Compression, CompressionError};
pub use header::{BatchError, BatchHeader, Codec, HEADER_LEN, NO_SEQUENCE, TimestampType, next_sequence};
pub use records::{Headers, Record, RecordError, RecordHeader, Records};
pub use rejection::Rejection;
pub use thin::{Survivors, emptied};
pub use validate::{Depth, Rules, validate};

#[cfg(test)]
mod golden;
#[cfg(test)]
mod hostile;

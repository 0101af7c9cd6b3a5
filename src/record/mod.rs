//! Record batches, format v2: the unit in which clients send, the log stores and consumers fetch.
//!
//! Owns the bytes of a batch: a borrowed view of them ([`batch`]), the fixed header ([`header`]) and the
//! CRC over the rest.
//! Promises: never panics on any bytes, allocates nothing that a length in those bytes asks for, and
//! changes no byte that a producer sent unless a rule in `validate` demands it.
//! Must not know: files, sockets, clocks (`now` is passed in), topics or their configuration.

pub mod batch;
pub mod header;

pub use batch::{BatchView, Batches};
pub use header::{BatchError, BatchHeader, Codec, HEADER_LEN, TimestampType};

//! `klamm.journal`: one file in each log directory by which one flush makes many logs durable.
//!
//! A segment always gets its write first. When many logs have little each, the same bytes are appended to the
//! journal, which is flushed once, instead of flushing each segment; the segments' own flushes follow. After
//! a crash the journal gives back what a segment has lost ([`reader`], [`Tail`]); once all is flushed the file is
//! removed, so that its entries never meet what is written later. A clean stop removes it too.
//!
//! The recovery points name the journal that was in use when they were written (see
//! [`checkpoint::sign`](super::checkpoint::sign)). If they name another or none, somebody has written to the
//! directory who does not know the journal, and it is void.
pub mod format;
pub mod reader;
mod tail;
mod writer;

pub use reader::Found;
pub use tail::{Piece, Tail};
pub use writer::{Journal, Part, WriteError};

/// The file, at the root of a log directory.
pub const FILE: &str = "klamm.journal";
/// Its name while it is made.
pub const UNFINISHED: &str = "klamm.journal.tmp";

#[cfg(test)]
mod crash_tests;
#[cfg(test)]
mod fleet;
#[cfg(test)]
mod tests;

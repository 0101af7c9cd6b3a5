//! Working on directories offline: what lies in a file ([`dump`]), whether a directory is whole
//! ([`check`]), making one ready ([`mod@format`]), and recovering one ([`mod@recover`]).
//!
//! Owns the words in which files are shown to people ([`Row`]) and the judgement of what is damage, what
//! the next start repairs and what is merely worth knowing ([`Severity`]).
//! Promises: but for `format` and `recover`, writes nothing and takes no lock; memory does not grow with the files; a damaged file is
//! read as far as it goes, and the place of the damage is named.
//! Must not know: running brokers, sockets, or how a format is parsed: that is the business of `log`,
//! `record` and `metadata`.
#![warn(clippy::indexing_slicing)]

pub mod check;
mod decode;
pub mod dump;
mod file;
pub mod format;
pub mod recover;
pub mod remote;
mod row;
mod walk;

pub use check::{Finding, Severity};
pub use dump::DumpOptions;
pub use row::Row;

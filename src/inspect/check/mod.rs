//! Verifying directories offline.
//!
//! [`check`] reads every byte of a log directory, or of one partition in it, and reports what does not
//! fit together. It knows what the next start would do about it, and says so.

mod directory;
pub(super) mod image;
mod indexes;
mod partition;
mod records;
pub(super) mod report;
mod segment;

pub use directory::check;
pub use report::{Counts, Finding, Severity};

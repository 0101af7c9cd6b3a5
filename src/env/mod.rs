//! Everything that is not a function of its input: time, randomness, files.
//!
//! This room owns the traits [`Clock`], [`Rng`], [`Files`] and [`File`], the real ones and those for
//! tests: a clock that stands still, seeded randomness, and files in memory that fail, tear writes
//! and forget what was not synced. No other room touches the operating system's clock, randomness or
//! files (a lint forbids it), so a whole broker runs in a test on fakes.
//!
//! It promises that what the real ones return is what the system said: errors are
//! [`std::io::Error`]s that name the path. It must not know what the files mean.
#![warn(clippy::indexing_slicing)]

mod clock;
mod files;
mod handles;
mod lock;
mod memory;
mod memory_nodes;
mod real_files;
mod rng;

pub use clock::{Clock, FakeClock, SystemClock};
pub use files::{Advice, DirEntry, File, FileRange, Files, Metadata, OpenMode, Space};
pub use files::{MAX_SMALL_FILE, read_small, remove_tree, replace};
pub use handles::{Slot, bound_kept_files, most_kept_files};
pub use lock::{LockError, LockGuard};
pub use memory::{Fault, FaultOp, MemoryFiles};
pub use real_files::RealFiles;
pub use rng::{Rng, SeededRng, SystemRng};

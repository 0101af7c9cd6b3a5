//! Room that a log directory keeps for the day when its volume is full.
//!
//! Deleting needs space too: for the decision in the metadata log, for checkpoints, for names. So a few MiB
//! lie in a file, `klamm.reserve`. When a write finds no space the file is removed, and what it held serves
//! only those that free space: clients' batches are refused until the volume has room for it again.
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::env::{Files, OpenMode};

/// The file.
pub const FILE: &str = "klamm.reserve";
/// Its length in bytes.
pub const RESERVE_BYTES: u64 = 4 << 20;
/// Written at a time.
const CHUNK: usize = 64 << 10;

/// The reserve of one log directory.
#[derive(Debug)]
pub struct Reserve {
    path: PathBuf,
    /// The file is there.
    made: AtomicBool,
    /// A write found no space, and there has been none since.
    out: AtomicBool,
}

impl Reserve {
    pub(super) fn new(dir: &Path) -> Self {
        Self { path: dir.join(FILE), made: AtomicBool::new(false), out: AtomicBool::new(false) }
    }

    /// A write found no space: gives the reserve back. True if that may have helped, so that whoever may use
    /// it tries again.
    pub fn release(&self, files: &dyn Files) -> bool {
        let first = !self.out.swap(true, Ordering::Relaxed);
        self.made.store(false, Ordering::Relaxed);
        let released = files.remove_file(&self.path).is_ok();
        if first {
            let dir = self.path.parent().unwrap_or(&self.path);
            tracing::error!(
                dir = %dir.display(),
                "no space left: records are refused until there is some; deletion still works"
            );
        }
        released
    }

    /// Whether clients' batches are to be refused. Asks the volume when it was full last time.
    pub fn is_out(&self, files: &dyn Files) -> bool {
        if !self.out.load(Ordering::Relaxed) {
            return false;
        }
        let out = !self.has_room(files);
        if !out && self.out.swap(false, Ordering::Relaxed) {
            tracing::info!(file = %self.path.display(), "there is space again");
        }
        out
    }

    /// Makes the reserve if it is not there and the volume has room for it. A timer calls this.
    ///
    /// # Errors
    /// The system's, but no space.
    pub fn keep(&self, files: &dyn Files) -> io::Result<()> {
        if self.made.load(Ordering::Relaxed) || !self.has_room(files) {
            return Ok(());
        }
        if !files.metadata(&self.path).is_ok_and(|found| found.len == RESERVE_BYTES)
            && let Err(error) = self.make(files)
        {
            let _ = files.remove_file(&self.path);
            let is_full = matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
            return if is_full { Ok(()) } else { Err(error) };
        }
        self.made.store(true, Ordering::Relaxed);
        Ok(())
    }

    fn make(&self, files: &dyn Files) -> io::Result<()> {
        let file = files.open(&self.path, OpenMode::Create)?;
        // Written, not merely extended: holes hold no space.
        let zeros = vec![0; CHUNK];
        (0..RESERVE_BYTES).step_by(CHUNK).try_for_each(|at| file.write_all_at(&zeros, at))
    }

    /// Twice the reserve, so that making it does not fill the volume again.
    fn has_room(&self, files: &dyn Files) -> bool {
        let dir = self.path.parent().unwrap_or(&self.path);
        files.space(dir).is_ok_and(|space| space.available >= RESERVE_BYTES.saturating_mul(2))
    }
}

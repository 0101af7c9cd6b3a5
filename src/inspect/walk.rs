//! Walking over the batches of a file that may be damaged.

use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::env::{File, FileRange, Files, OpenMode};
use crate::log::scan::{Found, LONG, Scan};
use crate::record::BatchError;

/// The largest batch that is held in memory, and the most that one may decompress to, in bytes.
pub const MAX_BATCH: usize = 256 << 20;

/// What a walk meets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Met {
    /// A batch whose CRC is right.
    Batch(Found),
    /// A batch whose place is clear but whose bytes were changed. The walk goes on behind it.
    Changed(Found, BatchError),
    /// Bytes that are no batch, up to the end of the file. The walk ends.
    Garbage {
        /// Where they begin.
        pos: u64,
        /// How many they are.
        len: u64,
        /// What they are.
        reason: String,
    },
}

/// A walk from the start of a file to its end.
#[derive(Debug)]
pub struct Walk {
    file: Arc<dyn File>,
    scan: Scan,
    end: u64,
    over: bool,
}

impl Walk {
    /// Opens the file.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(files: &dyn Files, path: &Path) -> io::Result<Self> {
        let file = files.open(path, OpenMode::Read)?;
        let end = file.len()?;
        Ok(Self { scan: Scan::new(file.clone(), 0, end, LONG), file, end, over: false })
    }

    /// Length of the file in bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.end
    }

    /// The next thing met; `None` at the end.
    ///
    /// # Errors
    /// What the system says.
    #[allow(clippy::should_implement_trait, reason = "io::Result around Option reads better with `?`")]
    pub fn next(&mut self) -> io::Result<Option<Met>> {
        if self.over {
            return Ok(None);
        }
        let pos = self.scan.position();
        Ok(match self.scan.next()? {
            None => None,
            Some(Ok(found)) => Some(match self.scan.verify(&found)? {
                Ok(()) => Met::Batch(found),
                Err(error) => Met::Changed(found, error),
            }),
            Some(Err(error)) => {
                self.over = true;
                let len = self.end.saturating_sub(pos);
                let reason = if self.is_zero_from(pos)? { "zeros".to_owned() } else { error.to_string() };
                Some(Met::Garbage { pos, len, reason })
            }
        })
    }

    /// The bytes of a batch.
    ///
    /// # Errors
    /// What the system says; a batch larger than [`MAX_BATCH`].
    pub fn bytes(&self, found: &Found) -> io::Result<Vec<u8>> {
        let len = found.header.size();
        if len > MAX_BATCH {
            let message = format!("a batch of {len} bytes is too large to look into");
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
        }
        FileRange { file: self.file.clone(), pos: found.pos, len }.read()
    }

    fn is_zero_from(&self, mut pos: u64) -> io::Result<bool> {
        let mut block = vec![0u8; LONG];
        loop {
            let read = self.file.read_at(&mut block, pos)?;
            match block.get(..read) {
                None | Some([]) => return Ok(true),
                Some(bytes) if bytes.iter().any(|b| *b != 0) => return Ok(false),
                Some(_) => pos = pos.saturating_add(read as u64),
            }
        }
    }
}

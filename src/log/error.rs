//! What can go wrong with a log, by what the caller can do about it.
use std::io;
use std::path::{Path, PathBuf};

use crate::env::LockError;
use crate::types::{Offset, ProducerEpoch, ProducerId};

/// An error of a log.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The batch does not follow the producer's last one. The producer must not go on as if nothing
    /// had happened.
    #[error("producer {producer} sent sequence {got} where {} was due", after(*last))]
    OutOfOrderSequence {
        /// Who sent it.
        producer: ProducerId,
        /// The batch's first sequence number.
        got: i32,
        /// Last sequence number in the log, -1 if there is none in this epoch.
        last: i32,
    },
    /// The producer was replaced by one of a later epoch.
    #[error("producer {producer} has epoch {current}; a batch of epoch {got} comes too late")]
    InvalidProducerEpoch {
        /// Who sent it.
        producer: ProducerId,
        /// The batch's epoch.
        got: ProducerEpoch,
        /// The epoch in the log.
        current: ProducerEpoch,
    },
    /// A plain batch of a producer whose transaction is open.
    #[error("producer {producer} has an open transaction and sent a batch outside of it")]
    InvalidTransactionState {
        /// Who sent it.
        producer: ProducerId,
    },
    /// A marker of a transaction coordinator that another one has replaced.
    #[error("a marker for producer {producer} came from coordinator epoch {got}, but {current} was seen")]
    CoordinatorFenced {
        /// Whose transaction it is.
        producer: ProducerId,
        /// The marker's coordinator epoch.
        got: i32,
        /// The coordinator epoch seen last.
        current: i32,
    },
    /// The batch is larger than a segment.
    #[error("a batch of {size} bytes does not fit into a segment of {limit} bytes")]
    BatchTooLarge {
        /// Size of the batch in bytes.
        size: usize,
        /// `segment.bytes`.
        limit: u64,
    },
    /// The bytes to append are not a sound batch.
    #[error("not a batch that can be appended: {0}")]
    InvalidBatch(String),
    /// The offset is not in the log.
    #[error("offset {offset} is not between {start} and {end}")]
    OffsetOutOfRange {
        /// What was asked for.
        offset: Offset,
        /// First offset of the log.
        start: Offset,
        /// Log end offset.
        end: Offset,
    },
    /// The offset is in the log and its segment has left the local disk: the remote tier has it.
    #[error("offset {offset} is in the remote tier, the local disk begins at {local_start}")]
    NotLocal {
        /// What was asked for.
        offset: Offset,
        /// First offset on the local disk.
        local_start: Offset,
    },
    /// The remote tier did not give what it holds. Trying again may help.
    #[error("the remote tier: {0}")]
    Remote(String),
    /// The volume is full. Nothing was appended; the log goes on when there is space.
    #[error("no space left for {}: free some, or lower retention", path.display())]
    NoSpace {
        /// The file that could not grow.
        path: PathBuf,
    },
    /// Too many files are open. Nothing was changed; it works again when some are closed.
    #[error("{}: too many open files; raise the limit (ulimit -n)", path.display())]
    TooManyFiles {
        /// The file that could not be opened.
        path: PathBuf,
    },
    /// The log or its directory no longer takes reads or writes.
    #[error("{} is offline: {reason}", path.display())]
    Offline {
        /// The log's directory.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// What was durable is not whole any more. The partition stays offline; nothing was cut.
    #[error("{} is damaged at byte {position}: {reason}. Offsets below {durable} were safely on disk \
        once, so nothing is cut; restore the file, or remove the partition", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where in it.
        position: u64,
        /// What is wrong there.
        reason: String,
        /// The recovery point.
        durable: Offset,
    },
    /// A batch of format 0 or 1, which Kafka wrote before 0.11.
    #[error("{} holds record format {magic}, which is not supported: only format 2 is. Rewrite the topic \
        with a Kafka of version 0.11 to 3.9 (message.format.version=3.0) first", path.display())]
    UnsupportedFormat {
        /// The file.
        path: PathBuf,
        /// 0 or 1.
        magic: i8,
    },
    /// Another broker uses the log directory.
    #[error(transparent)]
    Locked(LockError),
    /// A file that is not what its name says.
    #[error("{}: {reason}", path.display())]
    Corrupt {
        /// The file or directory.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The system refused; the path is in its message or here.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

fn after(last: i32) -> i64 {
    if last == i32::MAX { 0 } else { i64::from(last) + 1 }
}

impl LogError {
    /// Tells no space and no handles from other failures.
    #[must_use]
    pub fn io(path: &Path, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Self::NoSpace { path: path.to_owned() }
            }
            io::ErrorKind::ResourceBusy => Self::TooManyFiles { path: path.to_owned() },
            _ => Self::Io { path: path.to_owned(), source },
        }
    }

    pub(super) fn corrupt(path: &Path, reason: impl Into<String>) -> Self {
        Self::Corrupt { path: path.to_owned(), reason: reason.into() }
    }
}

/// Adds the path to an I/O error.
pub(super) trait At<T> {
    fn at(self, path: &Path) -> Result<T, LogError>;
}

impl<T> At<T> for io::Result<T> {
    fn at(self, path: &Path) -> Result<T, LogError> {
        self.map_err(|source| LogError::io(path, source))
    }
}

//! The lock that keeps a second broker, Klamm or Kafka, out of a directory.
use std::collections::BTreeSet;
use std::fmt::Debug;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::fs::{FlockOperation, Mode, OFlags};
use rustix::process::{Flock, FlockType};

/// Holds the lock until it is dropped.
pub trait LockGuard: Send + Sync + Debug {}

/// Why a lock was not taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Someone holds it.
    #[error("{} is locked by {}: another broker uses this directory; stop it first", path.display(),
        holder.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}")))]
    Held {
        /// The lock file.
        path: PathBuf,
        /// The process that holds it, if the system tells.
        holder: Option<u32>,
    },
    /// It could not be tried.
    #[error("cannot lock {}: {source}", path.display())]
    Io {
        /// The lock file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// A POSIX record lock does not exclude its own process, and closing *any* descriptor of the file
/// frees it. So files locked here are remembered by device and inode, and never opened twice.
static HELD: Mutex<BTreeSet<(u64, u64)>> = Mutex::new(BTreeSet::new());

#[derive(Debug)]
struct PosixLock {
    id: (u64, u64),
    fd: Option<OwnedFd>,
}

impl LockGuard for PosixLock {}

impl Drop for PosixLock {
    fn drop(&mut self) {
        let mut held = held();
        drop(self.fd.take());
        held.remove(&self.id);
    }
}

fn held() -> MutexGuard<'static, BTreeSet<(u64, u64)>> {
    HELD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An fcntl write lock over the whole file: the kind that Java takes and sees.
pub(super) fn lock(path: &Path) -> Result<Box<dyn LockGuard>, LockError> {
    let failed = |error: rustix::io::Errno| LockError::Io { path: path.to_owned(), source: error.into() };
    let mut held = held();
    if let Ok(stat) = rustix::fs::stat(path)
        && held.contains(&(stat.st_dev, stat.st_ino))
    {
        return Err(LockError::Held { path: path.to_owned(), holder: Some(std::process::id()) });
    }
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC;
    let fd = rustix::fs::open(path, flags, Mode::from_raw_mode(0o644)).map_err(failed)?;
    match rustix::fs::fcntl_lock(&fd, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(rustix::io::Errno::AGAIN | rustix::io::Errno::ACCESS) => {
            let asked = Flock::from(FlockType::WriteLock);
            let holder = rustix::process::fcntl_getlk(&fd, &asked).ok().flatten();
            let pid = holder.and_then(|lock| lock.pid).map(|pid| pid.as_raw_nonzero().get());
            let holder = pid.and_then(|pid| u32::try_from(pid).ok());
            return Err(LockError::Held { path: path.to_owned(), holder });
        }
        Err(error) => return Err(failed(error)),
    }
    let stat = rustix::fs::fstat(&fd).map_err(failed)?;
    let id = (stat.st_dev, stat.st_ino);
    held.insert(id);
    Ok(Box::new(PosixLock { id, fd: Some(fd) }))
}

/// Whether this process or another holds the lock; a file that is missing is not locked.
pub(super) fn is_locked(path: &Path) -> rustix::io::Result<bool> {
    let held = held();
    let stat = match rustix::fs::stat(path) {
        Err(rustix::io::Errno::NOENT) => return Ok(false),
        other => other?,
    };
    if held.contains(&(stat.st_dev, stat.st_ino)) {
        return Ok(true);
    }
    let fd = rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    let asked = Flock::from(FlockType::WriteLock);
    Ok(rustix::process::fcntl_getlk(&fd, &asked)?.is_some())
}

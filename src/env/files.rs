//! The seam to the file system, and what can be said with nothing but that seam.
use std::fmt::Debug;
use std::io::{self, IoSlice};
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::lock::{LockError, LockGuard};

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenMode {
    /// For reading; it must exist.
    Read,
    /// For reading and writing; it must exist.
    ReadWrite,
    /// For reading and writing; made if it does not exist.
    Create,
    /// For reading and writing; it must not exist.
    CreateNew,
}

/// An entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirEntry {
    /// Name without its directory. Names that are not UTF-8 are shown with replacement characters.
    pub name: String,
    /// Whether it is a directory (a symbolic link is what it points to).
    pub is_dir: bool,
}

/// What is known of a path without opening it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// Length in bytes.
    pub len: u64,
    /// Whether it is a directory.
    pub is_dir: bool,
    /// Last change of the content, ms since 1970.
    pub modified_ms: i64,
}

/// Room on the volume that holds a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// Size of the volume in bytes.
    pub total: u64,
    /// Bytes this process may still use.
    pub available: u64,
}

/// What a reader tells the system about a range of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advice {
    /// It will be read soon.
    WillNeed,
    /// It will not be read soon.
    DontNeed,
}

/// A file system: names and directories. Nothing that these do to names is durable before
/// [`Files::sync_dir`] of the directory.
pub trait Files: Send + Sync + Debug {
    /// Opens a file. [`io::ErrorKind::ResourceBusy`] says that too many are open.
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>>;
    /// The entries of a directory, in no order.
    fn list(&self, dir: &Path) -> io::Result<Vec<DirEntry>>;
    /// What is known of a path.
    fn metadata(&self, path: &Path) -> io::Result<Metadata>;
    /// Makes a directory and those above it; it may exist.
    fn create_dir_all(&self, dir: &Path) -> io::Result<()>;
    /// Renames a file or directory; an existing file at `to` is replaced.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove_file(&self, path: &Path) -> io::Result<()>;
    /// Removes an empty directory.
    fn remove_dir(&self, dir: &Path) -> io::Result<()>;
    /// Makes the names in a directory durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
    /// Takes the exclusive lock on a file, which is made if need be. It excludes other processes,
    /// Java's included, and a second taker in this process. It is held until the guard is dropped.
    fn lock(&self, path: &Path) -> Result<Box<dyn LockGuard>, LockError>;
    /// Whether someone holds the exclusive lock on a file, which may be missing. Takes no lock.
    fn is_locked(&self, path: &Path) -> io::Result<bool>;
    /// Room on the volume.
    fn space(&self, path: &Path) -> io::Result<Space>;
}

/// An open file, used by position. It stays readable after its name is gone.
pub trait File: Send + Sync + Debug {
    /// Reads up to `buf.len()` bytes at `pos`; fewer only at the end of the file.
    fn read_at(&self, buf: &mut [u8], pos: u64) -> io::Result<usize>;
    /// Writes all of `bufs` at `pos`. After an error any part of it may have been written.
    fn write_all_vectored_at(&self, bufs: &mut [IoSlice<'_>], pos: u64) -> io::Result<()>;
    /// Makes the content and the length durable.
    fn sync_data(&self) -> io::Result<()>;
    /// Cuts or extends (with zeros) the file.
    fn set_len(&self, len: u64) -> io::Result<()>;
    /// Length in bytes.
    fn len(&self) -> io::Result<u64>;
    /// Whether it holds no byte.
    fn is_empty(&self) -> io::Result<bool> {
        self.len().map(|len| len == 0)
    }
    /// Tells the system what will be read; a hint that can't fail.
    fn advise(&self, pos: u64, len: u64, advice: Advice);
    /// Whether reading the range would wait for no disk, as far as can be told cheaply: its first and
    /// last bytes are in memory.
    fn is_resident(&self, pos: u64, len: u64) -> bool;
    /// Fills `buf` from `pos` if that waits for no disk; whether it did.
    fn read_resident(&self, buf: &mut [u8], pos: u64) -> io::Result<bool> {
        if !self.is_resident(pos, buf.len() as u64) {
            return Ok(false);
        }
        self.read_exact_at(buf, pos).map(|()| true)
    }
    /// The descriptor, for sendfile; `None` if there is none.
    fn fd(&self) -> Option<BorrowedFd<'_>>;

    /// Writes all of `buf` at `pos`.
    fn write_all_at(&self, buf: &[u8], pos: u64) -> io::Result<()> {
        self.write_all_vectored_at(&mut [IoSlice::new(buf)], pos)
    }
    /// Fills `buf` from `pos`, or fails with `UnexpectedEof`.
    fn read_exact_at(&self, buf: &mut [u8], pos: u64) -> io::Result<()> {
        if self.read_at(buf, pos)? == buf.len() {
            return Ok(());
        }
        Err(io::Error::new(io::ErrorKind::UnexpectedEof, format!("the file ends inside a read at {pos}")))
    }
}

/// A range of a file that holds the file open: whatever happens to its name, the bytes stay readable.
#[derive(Clone, Debug)]
pub struct FileRange {
    /// The file.
    pub file: Arc<dyn File>,
    /// Where the range begins, in bytes.
    pub pos: u64,
    /// How long it is, in bytes.
    pub len: usize,
}

impl FileRange {
    /// Reads the whole range into memory.
    pub fn read(&self) -> io::Result<Vec<u8>> {
        let mut out = vec![0; self.len];
        self.file.read_exact_at(&mut out, self.pos)?;
        Ok(out)
    }
}

/// The longest file that [`read_small`] takes, in bytes.
pub const MAX_SMALL_FILE: u64 = 64 << 20;

/// Reads a whole file of at most [`MAX_SMALL_FILE`] bytes (checkpoints, properties, snapshots).
pub fn read_small(files: &dyn Files, path: &Path) -> io::Result<Vec<u8>> {
    let file = files.open(path, OpenMode::Read)?;
    let len = file.len()?;
    if len > MAX_SMALL_FILE {
        let message = format!("{} has {len} bytes, more than such a file can have", path.display());
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    let mut out = vec![0; usize::try_from(len).unwrap_or(0)];
    let read = file.read_at(&mut out, 0)?;
    out.truncate(read);
    Ok(out)
}

/// Replaces a small file as a whole: after a crash it holds the old content or the new, never a part.
/// Writes `<path>.tmp`, syncs it, renames it over `path`, and syncs the directory.
pub fn replace(files: &dyn Files, path: &Path, content: &[u8]) -> io::Result<()> {
    let mut tmp = path.as_os_str().to_owned();
    tmp.push(".tmp");
    let tmp = PathBuf::from(tmp);
    let write = || {
        let file = files.open(&tmp, OpenMode::Create)?;
        file.set_len(0)?;
        file.write_all_at(content, 0)?;
        file.sync_data()?;
        files.rename(&tmp, path)
    };
    if let Err(error) = write() {
        // On a full volume a leftover would take the space that others need.
        let _ = files.remove_file(&tmp);
        return Err(error);
    }
    path.parent().map_or(Ok(()), |dir| files.sync_dir(dir))
}

/// Removes a directory and all in it; it may be gone already.
pub fn remove_tree(files: &dyn Files, dir: &Path) -> io::Result<()> {
    let entries = match files.list(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    for entry in entries {
        let path = dir.join(&entry.name);
        if entry.is_dir { remove_tree(files, &path)? } else { files.remove_file(&path)? }
    }
    files.remove_dir(dir)
}

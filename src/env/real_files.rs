//! The files of the operating system.
#![allow(clippy::disallowed_methods, reason = "this is the edge that touches files")]
use std::fs;
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use rustix::io::ReadWriteFlags;

use super::files::{Advice, DirEntry, File, Files, Metadata, OpenMode, Space};
use super::lock::{self, LockError, LockGuard};

/// The operating system's file system.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealFiles;

/// Adds the path to an error; the kind and so its meaning stay.
fn at<T>(path: &Path, result: io::Result<T>) -> io::Result<T> {
    result.map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}

/// That too many files are open says nothing about this one: it gets a kind of its own.
fn out_of_handles(error: io::Error) -> io::Error {
    use rustix::io::Errno;
    match Errno::from_io_error(&error) {
        Some(Errno::MFILE | Errno::NFILE) => io::Error::new(io::ErrorKind::ResourceBusy, error),
        _ => error,
    }
}

impl Files for RealFiles {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        let mut options = fs::OpenOptions::new();
        options.read(true);
        match mode {
            OpenMode::Read => &mut options,
            OpenMode::ReadWrite => options.write(true),
            OpenMode::Create => options.write(true).create(true),
            OpenMode::CreateNew => options.write(true).create_new(true),
        };
        let file = at(path, options.open(path).map_err(out_of_handles))?;
        Ok(Arc::new(RealFile { file }))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<DirEntry>> {
        let entry = |entry: io::Result<fs::DirEntry>| {
            let entry = entry?;
            let kind = entry.file_type()?;
            // A link that points nowhere counts as a file.
            let is_dir = kind.is_dir() || (kind.is_symlink() && entry.path().is_dir());
            Ok(DirEntry { name: entry.file_name().to_string_lossy().into_owned(), is_dir })
        };
        at(dir, fs::read_dir(dir).and_then(|entries| entries.map(entry).collect()))
    }

    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        let found = at(path, fs::metadata(path))?;
        let modified = found.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        let modified_ms = i64::try_from(modified.as_millis()).unwrap_or(i64::MAX);
        Ok(Metadata { len: found.len(), is_dir: found.is_dir(), modified_ms })
    }

    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        at(dir, fs::create_dir_all(dir))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        at(from, fs::rename(from, to))
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        at(path, fs::remove_file(path))
    }

    fn remove_dir(&self, dir: &Path) -> io::Result<()> {
        at(dir, fs::remove_dir(dir))
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        // The parent of a plain relative name is the empty path: the current directory.
        let open = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
        at(dir, fs::File::open(open).and_then(|dir| dir.sync_all()))
    }

    fn lock(&self, path: &Path) -> Result<Box<dyn LockGuard>, LockError> {
        lock::lock(path)
    }

    fn is_locked(&self, path: &Path) -> io::Result<bool> {
        at(path, lock::is_locked(path).map_err(io::Error::from))
    }

    fn space(&self, path: &Path) -> io::Result<Space> {
        let found = at(path, rustix::fs::statvfs(path).map_err(io::Error::from))?;
        let bytes = |blocks: u64| blocks.saturating_mul(found.f_frsize);
        Ok(Space { total: bytes(found.f_blocks), available: bytes(found.f_bavail) })
    }
}

#[derive(Debug)]
struct RealFile {
    file: fs::File,
}

impl File for RealFile {
    fn read_at(&self, mut buf: &mut [u8], mut pos: u64) -> io::Result<usize> {
        let mut read = 0usize;
        while !buf.is_empty() {
            match self.file.read_at(buf, pos) {
                Ok(0) => break,
                Ok(n) => {
                    read = read.saturating_add(n);
                    pos = pos.saturating_add(n as u64);
                    buf = buf.get_mut(n..).unwrap_or_default();
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(read)
    }

    fn write_all_vectored_at(&self, mut bufs: &mut [IoSlice<'_>], mut pos: u64) -> io::Result<()> {
        IoSlice::advance_slices(&mut bufs, 0);
        while !bufs.is_empty() {
            match rustix::io::pwritev(&self.file, bufs, pos) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => {
                    IoSlice::advance_slices(&mut bufs, n);
                    pos = pos.saturating_add(n as u64);
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn advise(&self, pos: u64, len: u64, advice: Advice) {
        let advice = match advice {
            Advice::WillNeed => rustix::fs::Advice::WillNeed,
            Advice::DontNeed => rustix::fs::Advice::DontNeed,
        };
        // Only a hint: a file system that does not know it loses nothing.
        let _ = rustix::fs::fadvise(&self.file, pos, std::num::NonZeroU64::new(len), advice);
    }

    fn is_resident(&self, pos: u64, len: u64) -> bool {
        let probe = |at: u64| {
            let mut byte = [0u8; 1];
            let mut bufs = [IoSliceMut::new(&mut byte)];
            match rustix::io::preadv2(&self.file, &mut bufs, at, ReadWriteFlags::NOWAIT) {
                Ok(_) => true,
                // A file system without this flag never waits in a way that we could foresee.
                Err(error) => error != rustix::io::Errno::AGAIN,
            }
        };
        len == 0 || (probe(pos) && probe(pos.saturating_add(len.saturating_sub(1))))
    }

    fn read_resident(&self, buf: &mut [u8], pos: u64) -> io::Result<bool> {
        let len = buf.len();
        match rustix::io::preadv2(&self.file, &mut [IoSliceMut::new(buf)], pos, ReadWriteFlags::NOWAIT) {
            Ok(n) if n == len => Ok(true),
            // Part of it, or the file system cannot say: whoever asks has another way.
            Ok(_) | Err(_) => Ok(false),
        }
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        Some(self.file.as_fd())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::{LockError, read_small, remove_tree, replace};

    #[test]
    fn files_do_what_they_say() {
        let tmp = tempfile::tempdir().unwrap();
        let dir = tmp.path().join("a/b");
        RealFiles.create_dir_all(&dir).unwrap();
        let path = dir.join("x");
        assert!(RealFiles.open(&path, OpenMode::Read).unwrap_err().to_string().contains("a/b/x"));
        let file = RealFiles.open(&path, OpenMode::CreateNew).unwrap();
        assert!(RealFiles.open(&path, OpenMode::CreateNew).is_err());
        let mut bufs = [IoSlice::new(b""), IoSlice::new(b"ab"), IoSlice::new(b"cde")];
        file.write_all_vectored_at(&mut bufs, 2).unwrap();
        file.sync_data().unwrap();
        let mut buf = [9u8; 9];
        assert_eq!(file.read_at(&mut buf, 0).unwrap(), 7);
        assert_eq!(&buf[..7], b"\0\0abcde");
        assert_eq!(file.read_exact_at(&mut buf, 0).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        assert!(file.is_resident(0, 7) && file.fd().is_some());
        assert!(file.read_resident(&mut buf[..7], 0).unwrap() && !file.read_resident(&mut buf, 0).unwrap());
        file.advise(0, 7, Advice::WillNeed);
        replace(&RealFiles, &path, b"new").unwrap();
        assert_eq!(read_small(&RealFiles, &path).unwrap(), b"new");
        assert_eq!(file.len().unwrap(), 7, "the open file is still the old one");
        assert_eq!(RealFiles.list(&dir).unwrap(), [DirEntry { name: "x".into(), is_dir: false }]);
        assert!(RealFiles.space(&dir).unwrap().total > 0);
        remove_tree(&RealFiles, &tmp.path().join("a")).unwrap();
        assert!(RealFiles.list(tmp.path()).unwrap().is_empty());
    }

    #[test]
    fn a_directory_is_locked_once() {
        let tmp = tempfile::tempdir().unwrap();
        let path = tmp.path().join(".lock");
        let guard = RealFiles.lock(&path).unwrap();
        let second = RealFiles.lock(&path);
        let pid = std::process::id();
        assert!(matches!(second, Err(LockError::Held { holder: Some(holder), .. }) if holder == pid));
        drop(guard);
        drop(RealFiles.lock(&path).unwrap());
    }
}

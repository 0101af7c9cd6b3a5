//! What the three indexes of a segment have in common: entries of one size, in order.
//!
//! The entries of an index that is being written wait in memory and are written in groups: past the
//! recovery point they are rebuilt from the log anyway. Those on disk are not held in memory; they
//! are searched in place. Kafka preallocates its indexes with zeros, which end an index here as there.
use std::fmt::Debug;
use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::env::{File, Files, OpenMode};

/// An entry of an index.
pub trait Entry: Copy + Debug {
    /// Bytes on disk.
    const SIZE: usize;
    /// Reads the entry at the start of `bytes`; `None` if they are too few.
    fn read(bytes: &[u8]) -> Option<Self>;
    /// Appends the entry's bytes.
    fn write(&self, out: &mut Vec<u8>);
    /// Whether it may come after `previous`; `None` stands for the start of the index.
    fn follows(&self, previous: Option<&Self>) -> bool;
}

/// The entries of an index file up to the first that cannot follow (zeros, garbage, a torn end).
#[must_use]
pub fn parse<E: Entry>(bytes: &[u8]) -> Vec<E> {
    let mut entries: Vec<E> = Vec::new();
    for chunk in bytes.chunks_exact(E::SIZE) {
        match E::read(chunk) {
            Some(entry) if entry.follows(entries.last()) => entries.push(entry),
            _ => break,
        }
    }
    entries
}

/// Entries that wait before they are written in one go.
const GROUP: usize = 256;

/// Entries on disk, searched in place.
#[derive(Clone, Debug)]
pub struct OnDisk<E> {
    file: Arc<dyn File>,
    count: u64,
    entry: std::marker::PhantomData<E>,
}

impl<E: Entry> OnDisk<E> {
    /// Finds out how many entries the file holds before its zeros begin.
    pub fn open(file: Arc<dyn File>) -> io::Result<Self> {
        let whole = file.len()?.checked_div(E::SIZE as u64).unwrap_or(0);
        let mut this = Self { file, count: whole, entry: std::marker::PhantomData };
        if whole > 0 && !this.is_used(whole.saturating_sub(1))? {
            let (mut used, mut unused) = (0u64, whole);
            while used < unused {
                let middle = used.midpoint(unused);
                if this.is_used(middle)? {
                    used = middle.saturating_add(1);
                } else {
                    unused = middle;
                }
            }
            this.count = used;
        }
        Ok(this)
    }

    fn is_used(&self, at: u64) -> io::Result<bool> {
        Ok(self.get(at)?.is_some_and(|entry| entry.follows(None)))
    }

    /// The entry at index `at`, counted from 0.
    pub fn get(&self, at: u64) -> io::Result<Option<E>> {
        let mut bytes = [0u8; 64];
        let Some(bytes) = bytes.get_mut(..E::SIZE) else { return Ok(None) };
        let read = self.file.read_at(bytes, at.saturating_mul(E::SIZE as u64))?;
        Ok(bytes.get(..read).and_then(E::read))
    }

    /// The last of the leading entries that satisfy `before`.
    pub fn last_where(&self, before: impl Fn(&E) -> bool) -> io::Result<Option<E>> {
        let (mut low, mut high, mut found) = (0u64, self.count, None);
        while low < high {
            let middle = low.midpoint(high);
            match self.get(middle)? {
                Some(entry) if before(&entry) => {
                    found = Some(entry);
                    low = middle.saturating_add(1);
                }
                _ => high = middle,
            }
        }
        Ok(found)
    }

    /// The last entry.
    pub fn last(&self) -> io::Result<Option<E>> {
        self.count.checked_sub(1).map_or(Ok(None), |last| self.get(last))
    }

    /// All entries, checked one against the other: those from the first that cannot follow are left out.
    pub fn entries(&self) -> io::Result<Vec<E>> {
        let len = usize::try_from(self.count.saturating_mul(E::SIZE as u64)).unwrap_or(usize::MAX);
        let mut bytes = vec![0; len];
        let read = self.file.read_at(&mut bytes, 0)?;
        bytes.truncate(read);
        Ok(parse(&bytes))
    }
}

/// An index of a segment.
#[derive(Debug)]
pub struct Index<E> {
    disk: Option<OnDisk<E>>,
    pending: Vec<E>,
    last: Option<E>,
}

impl<E: Entry> Default for Index<E> {
    fn default() -> Self {
        Self { disk: None, pending: Vec::new(), last: None }
    }
}

impl<E: Entry> Index<E> {
    /// The index in an existing file; an empty one if there is none.
    pub fn open(files: &dyn Files, path: &Path) -> io::Result<Self> {
        let file = match files.open(path, OpenMode::ReadWrite) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            other => other?,
        };
        let disk = OnDisk::open(file)?;
        let last = disk.last()?;
        Ok(Self { disk: Some(disk), pending: Vec::new(), last })
    }

    /// An index that will hold `entries` and nothing else.
    #[must_use]
    pub fn rebuilt(entries: Vec<E>) -> Self {
        Self { disk: None, last: entries.last().copied(), pending: entries }
    }

    /// Number of entries.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.on_disk().saturating_add(self.pending.len() as u64)
    }

    fn on_disk(&self) -> u64 {
        self.disk.as_ref().map_or(0, |disk| disk.count)
    }

    /// Length in bytes, written or not.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.count().saturating_mul(E::SIZE as u64)
    }

    /// The last entry.
    #[must_use]
    pub fn last(&self) -> Option<E> {
        self.last
    }

    /// Adds an entry; it reaches the file with [`write_out`](Self::write_out).
    pub fn push(&mut self, entry: E) {
        self.last = Some(entry);
        self.pending.push(entry);
    }

    /// Whether enough entries wait to be worth a write.
    #[must_use]
    pub fn is_due(&self) -> bool {
        self.pending.len() >= GROUP
    }

    /// Whether no entry waits.
    #[must_use]
    pub fn is_written(&self) -> bool {
        self.pending.is_empty()
    }

    /// Writes the entries that wait. The file is cut to the entries it is known to hold first, which
    /// drops zeros and what was found to be wrong.
    pub fn write_out(&mut self, files: &dyn Files, path: &Path) -> io::Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let disk = match &mut self.disk {
            Some(disk) => disk,
            None => {
                let file = files.open(path, OpenMode::Create)?;
                self.disk.insert(OnDisk { file, count: 0, entry: std::marker::PhantomData })
            }
        };
        let mut bytes = Vec::with_capacity(self.pending.len().saturating_mul(E::SIZE));
        self.pending.iter().for_each(|entry| entry.write(&mut bytes));
        let at = disk.count.saturating_mul(E::SIZE as u64);
        if disk.file.len()? > at {
            disk.file.set_len(at)?;
        }
        disk.file.write_all_at(&bytes, at)?;
        disk.count = disk.count.saturating_add(self.pending.len() as u64);
        self.pending.clear();
        Ok(())
    }

    /// Makes the file end with its last entry, and makes it if it should exist and does not.
    pub fn trim(&mut self, files: &dyn Files, path: &Path) -> io::Result<()> {
        self.write_out(files, path)?;
        let len = self.bytes();
        match &self.disk {
            Some(disk) if disk.file.len()? > len => disk.file.set_len(len),
            Some(_) => Ok(()),
            None => files.open(path, OpenMode::Create)?.set_len(0),
        }
    }

    /// The file, if it was opened or made.
    #[must_use]
    pub fn file(&self) -> Option<Arc<dyn File>> {
        self.disk.as_ref().map(|disk| Arc::clone(&disk.file))
    }

    /// The last of the leading entries that satisfy `before`, and if it must be looked for on disk,
    /// where: the search itself may wait for the disk and needs no lock.
    pub fn search(&self, before: impl Fn(&E) -> bool) -> Search<E> {
        let at = self.pending.partition_point(&before);
        match at.checked_sub(1).and_then(|last| self.pending.get(last)) {
            Some(entry) => Search::Found(*entry),
            None => self.disk.clone().map_or(Search::Nothing, Search::OnDisk),
        }
    }

    /// All that is known of where the entries are, to search it without a lock.
    pub fn known(&self) -> Known<E> {
        Known { disk: self.disk.clone(), pending: self.pending.clone() }
    }

    /// Keeps only the first `count` entries.
    pub fn truncate(&mut self, count: u64) -> io::Result<()> {
        let on_disk = self.on_disk();
        let waiting = usize::try_from(count.saturating_sub(on_disk)).unwrap_or(usize::MAX);
        self.pending.truncate(waiting);
        if let Some(disk) = &mut self.disk {
            disk.count = disk.count.min(count);
            self.last = disk.last()?;
        }
        if let Some(last) = self.pending.last() {
            self.last = Some(*last);
        } else if self.disk.is_none() {
            self.last = None;
        }
        Ok(())
    }

    /// All entries.
    pub fn entries(&self) -> io::Result<Vec<E>> {
        let mut all = self.disk.as_ref().map_or(Ok(Vec::new()), OnDisk::entries)?;
        all.extend(&self.pending);
        Ok(all)
    }
}

/// Where an entry is to be found.
#[derive(Clone, Debug)]
pub enum Search<E> {
    /// There is none.
    Nothing,
    /// It is this.
    Found(E),
    /// It is among these.
    OnDisk(OnDisk<E>),
}

impl<E: Entry> Search<E> {
    /// The entry, looked for with the condition that the search began with.
    pub fn finish(&self, before: impl Fn(&E) -> bool) -> io::Result<Option<E>> {
        match self {
            Self::Nothing => Ok(None),
            Self::Found(entry) => Ok(Some(*entry)),
            Self::OnDisk(disk) => disk.last_where(before),
        }
    }
}

/// The entries of an index at one moment.
#[derive(Clone, Debug)]
pub struct Known<E> {
    disk: Option<OnDisk<E>>,
    pending: Vec<E>,
}

impl<E: Entry> Known<E> {
    /// The last of the leading entries that satisfy `before`.
    pub fn last_where(&self, before: impl Fn(&E) -> bool) -> io::Result<Option<E>> {
        let at = self.pending.partition_point(&before);
        match at.checked_sub(1).and_then(|last| self.pending.get(last)) {
            Some(entry) => Ok(Some(*entry)),
            None => self.disk.as_ref().map_or(Ok(None), |disk| disk.last_where(before)),
        }
    }
}

/// Reads big-endian numbers one after the other.
pub(super) struct Fields<'a>(pub &'a [u8]);

impl Fields<'_> {
    pub(super) fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.take::<1>().map(|[b]| b)
    }

    pub(super) fn i16(&mut self) -> Option<i16> {
        self.take().map(i16::from_be_bytes)
    }

    pub(super) fn i32(&mut self) -> Option<i32> {
        self.take().map(i32::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_be_bytes)
    }

    pub(super) fn i64(&mut self) -> Option<i64> {
        self.take().map(i64::from_be_bytes)
    }
}

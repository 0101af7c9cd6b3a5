//! Files in memory that misbehave as real ones may: for tests.
//!
//! - [`MemoryFiles::crash`] forgets what was not synced: of each file's unsynced writes a random part
//!   stays (often a prefix with its last write torn, sometimes any subset, holes read as zeros), and
//!   of each directory's unsynced name changes a random prefix.
//! - [`Fault`]s make chosen operations fail. A write that fails may have written a part; a sync that
//!   fails loses what it should have saved, and the next sync does not bring it back (as on Linux).
//! - A capacity makes writes fail for want of space.
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, IoSlice};
use std::os::fd::BorrowedFd;
use std::path::{Component, Path};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::files::{Advice, DirEntry, File, Files, Metadata, OpenMode, Space};
use super::lock::{LockError, LockGuard};
use super::memory_nodes::{Change, Content, NameChange, Names, Node};
use super::rng::{Rng, SeededRng};

/// An operation that a [`Fault`] can hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultOp {
    /// Reading a file.
    Read,
    /// Writing to a file.
    Write,
    /// Making a file's content durable.
    Sync,
    /// Making a directory's names durable.
    SyncDir,
    /// Opening a file, existing or new.
    Open,
    /// Renaming a file or directory.
    Rename,
}

/// Makes operations fail.
#[derive(Clone, Debug)]
pub struct Fault {
    /// What fails.
    pub op: FaultOp,
    /// Only on paths that contain this.
    pub path: String,
    /// How many matching operations pass first.
    pub skip: u32,
    /// How many fail after that.
    pub times: u32,
    /// With what error: `StorageFull` for no space, `Other` for an I/O error.
    pub kind: io::ErrorKind,
}

/// A file system in memory; clones share it.
#[derive(Clone, Debug)]
pub struct MemoryFiles {
    shared: Arc<Mutex<State>>,
    /// The run that it belongs to, if it is that of one.
    run: Option<u64>,
}

#[derive(Debug)]
struct State {
    nodes: BTreeMap<u64, Node>,
    next: u64,
    generation: u64,
    faults: Vec<Fault>,
    capacity: Option<u64>,
    used: u64,
    locked: BTreeSet<u64>,
    syncs: u64,
    /// Changes that are still carried out; `None` for all.
    power: Option<u64>,
    rng: SeededRng,
}

const ROOT: u64 = 0;

impl MemoryFiles {
    /// An empty file system; `seed` decides what a crash keeps and where writes tear.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let state = State {
            nodes: BTreeMap::from([(ROOT, Node::Dir(Names::default()))]),
            next: 1,
            generation: 0,
            faults: Vec::new(),
            capacity: None,
            used: 0,
            locked: BTreeSet::new(),
            syncs: 0,
            power: None,
            rng: SeededRng::new(seed),
        };
        Self { shared: Arc::new(Mutex::new(state)), run: None }
    }

    /// The same files for one run of a program: after the next crash or kill nothing more can be done
    /// through it, so that threads which outlive their program's end cannot disturb the next run.
    #[must_use]
    pub fn for_a_run(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), run: Some(self.state().generation) }
    }

    /// Cuts the power: unsynced changes are lost in part, open files and locks are void.
    pub fn crash(&self) {
        let mut state = self.state();
        let State { nodes, rng, generation, locked, used, power, .. } = &mut *state;
        *power = None;
        *generation += 1;
        locked.clear();
        *used = 0;
        for node in nodes.values_mut() {
            match node {
                Node::Dir(names) => names.crash(rng),
                Node::File(content) => {
                    content.crash(rng);
                    *used += content.now.len() as u64;
                }
            }
        }
    }

    /// Kills the process but not the machine: nothing is lost, open files and locks are void.
    pub fn kill(&self) {
        let mut state = self.state();
        state.generation += 1;
        state.locked.clear();
    }

    /// Lets `changes` more changes happen (writes, syncs, changes of names and lengths); all later ones fail, as if the
    /// power went out before the first of them. [`crash`](Self::crash) decides what is left, and puts it back on.
    pub fn cut_power_after(&self, changes: u64) {
        self.state().power = Some(changes);
    }

    /// Makes operations fail from now on.
    pub fn inject(&self, fault: Fault) {
        self.state().faults.push(fault);
    }

    /// Takes all faults back.
    pub fn heal(&self) {
        self.state().faults.clear();
    }

    /// Limits the bytes that files may hold together; `None` for no limit.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.state().capacity = bytes;
    }

    /// How many times a file's content was synced so far.
    #[must_use]
    pub fn syncs(&self) -> u64 {
        self.state().syncs
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn live(&self) -> io::Result<MutexGuard<'_, State>> {
        let state = self.state();
        match self.run {
            Some(run) if run != state.generation => Err(io::Error::other("this run has ended")),
            _ => Ok(state),
        }
    }
}

impl State {
    /// Takes one change from what is left of the power.
    fn spend(&mut self) -> io::Result<()> {
        match &mut self.power {
            None => Ok(()),
            Some(0) => Err(io::Error::other("the power is out")),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
        }
    }

    fn find(&self, path: &Path) -> io::Result<u64> {
        let mut node = ROOT;
        for part in path.components() {
            if let Component::Normal(name) = part {
                let Some(Node::Dir(names)) = self.nodes.get(&node) else {
                    return Err(error(io::ErrorKind::NotADirectory, path));
                };
                let found = names.now.get(&*name.to_string_lossy());
                node = *found.ok_or_else(|| error(io::ErrorKind::NotFound, path))?;
            }
        }
        Ok(node)
    }

    fn dir(&mut self, path: &Path) -> io::Result<&mut Names> {
        let node = self.find(path)?;
        match self.nodes.get_mut(&node) {
            Some(Node::Dir(names)) => Ok(names),
            _ => Err(error(io::ErrorKind::NotADirectory, path)),
        }
    }

    fn parent(&mut self, path: &Path) -> io::Result<(&mut Names, String)> {
        let (Some(dir), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(error(io::ErrorKind::InvalidInput, path));
        };
        let name = name.to_string_lossy().into_owned();
        Ok((self.dir(dir)?, name))
    }

    fn add(&mut self, path: &Path, node: Node) -> io::Result<u64> {
        self.spend()?;
        let id = self.next;
        let (names, name) = self.parent(path)?;
        names.change(NameChange::Set(name, id));
        self.nodes.insert(id, node);
        self.next += 1;
        Ok(id)
    }

    fn fault(&mut self, op: FaultOp, path: &Path) -> io::Result<()> {
        let text = path.to_string_lossy();
        for fault in &mut self.faults {
            if fault.op == op && text.contains(&fault.path) {
                if fault.skip > 0 {
                    fault.skip -= 1;
                } else if fault.times > 0 {
                    fault.times -= 1;
                    return Err(error(fault.kind, path));
                }
            }
        }
        Ok(())
    }
}

fn error(kind: io::ErrorKind, path: &Path) -> io::Error {
    io::Error::new(kind, format!("{}: {kind}", path.display()))
}

impl Files for MemoryFiles {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        let mut state = self.live()?;
        state.fault(FaultOp::Open, path)?;
        let node = match (state.find(path), mode) {
            (Ok(_), OpenMode::CreateNew) => return Err(error(io::ErrorKind::AlreadyExists, path)),
            (Ok(node), _) => node,
            (Err(e), OpenMode::Create | OpenMode::CreateNew) if e.kind() == io::ErrorKind::NotFound => {
                state.add(path, Node::File(Content::default()))?
            }
            (Err(e), _) => return Err(e),
        };
        if matches!(state.nodes.get(&node), Some(Node::Dir(_))) {
            return Err(error(io::ErrorKind::IsADirectory, path));
        }
        let generation = state.generation;
        Ok(Arc::new(MemoryFile { files: self.clone(), node, generation, path: path.into() }))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<DirEntry>> {
        let mut state = self.live()?;
        let names = state.dir(dir)?.now.clone();
        let is_dir = |node| matches!(state.nodes.get(node), Some(Node::Dir(_)));
        Ok(names.iter().map(|(name, node)| DirEntry { name: name.clone(), is_dir: is_dir(node) }).collect())
    }

    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        let state = self.live()?;
        let node = state.find(path)?;
        Ok(match state.nodes.get(&node) {
            Some(Node::File(content)) => {
                Metadata { len: content.now.len() as u64, is_dir: false, modified_ms: 0 }
            }
            _ => Metadata { len: 0, is_dir: true, modified_ms: 0 },
        })
    }

    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.live()?;
        let mut parents: Vec<&Path> = dir.ancestors().collect();
        parents.reverse();
        for dir in parents {
            match state.find(dir) {
                Ok(_) => {}
                Err(e) if e.kind() == io::ErrorKind::NotFound => {
                    state.add(dir, Node::Dir(Names::default()))?;
                }
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.live()?;
        state.fault(FaultOp::Rename, from)?;
        state.spend()?;
        let node = state.find(from)?;
        let (_, to_name) = state.parent(to)?;
        let (names, from_name) = state.parent(from)?;
        if from.parent() == to.parent() {
            names.change(NameChange::Rename(from_name, to_name));
        } else {
            names.change(NameChange::Unset(from_name));
            state.parent(to)?.0.change(NameChange::Set(to_name, node));
        }
        Ok(())
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        let mut state = self.live()?;
        let node = state.find(path)?;
        state.spend()?;
        if let Some(Node::File(content)) = state.nodes.get(&node) {
            state.used = state.used.saturating_sub(content.now.len() as u64);
        }
        let (names, name) = state.parent(path)?;
        names.change(NameChange::Unset(name));
        Ok(())
    }

    fn remove_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.live()?;
        if !state.dir(dir)?.now.is_empty() {
            return Err(error(io::ErrorKind::DirectoryNotEmpty, dir));
        }
        state.spend()?;
        let (names, name) = state.parent(dir)?;
        names.change(NameChange::Unset(name));
        Ok(())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.live()?;
        state.fault(FaultOp::SyncDir, dir)?;
        state.spend()?;
        state.dir(dir)?.sync();
        Ok(())
    }

    fn lock(&self, path: &Path) -> Result<Box<dyn LockGuard>, LockError> {
        let opened = self.open(path, OpenMode::Create);
        opened.map_err(|source| LockError::Io { path: path.into(), source })?;
        let mut state = self.state();
        let node = state.find(path).map_err(|source| LockError::Io { path: path.into(), source })?;
        if !state.locked.insert(node) {
            return Err(LockError::Held { path: path.into(), holder: Some(std::process::id()) });
        }
        Ok(Box::new(MemoryLock { files: self.clone(), node, generation: state.generation }))
    }

    fn is_locked(&self, path: &Path) -> io::Result<bool> {
        let state = self.live()?;
        Ok(state.find(path).is_ok_and(|node| state.locked.contains(&node)))
    }

    fn space(&self, _: &Path) -> io::Result<Space> {
        let state = self.live()?;
        let total = state.capacity.unwrap_or(1 << 40);
        Ok(Space { total, available: total.saturating_sub(state.used) })
    }
}

#[derive(Debug)]
struct MemoryLock {
    files: MemoryFiles,
    node: u64,
    generation: u64,
}

impl LockGuard for MemoryLock {}

impl Drop for MemoryLock {
    fn drop(&mut self) {
        let mut state = self.files.state();
        if state.generation == self.generation {
            state.locked.remove(&self.node);
        }
    }
}

#[derive(Debug)]
struct MemoryFile {
    files: MemoryFiles,
    node: u64,
    generation: u64,
    path: Box<Path>,
}

impl MemoryFile {
    /// Runs `act` on the content, or fails if the file was opened before a crash.
    fn with<T>(&self, act: impl FnOnce(&mut State, &mut Content) -> io::Result<T>) -> io::Result<T> {
        let mut state = self.files.state();
        if state.generation != self.generation {
            return Err(io::Error::other(format!("{}: opened before the crash", self.path.display())));
        }
        let Some(Node::File(content)) = state.nodes.get_mut(&self.node) else {
            return Err(error(io::ErrorKind::NotFound, &self.path));
        };
        let mut content = std::mem::take(content);
        let before = content.now.len() as u64;
        let out = act(&mut state, &mut content);
        state.used = state.used.saturating_add(content.now.len() as u64).saturating_sub(before);
        state.nodes.insert(self.node, Node::File(content));
        out
    }
}

impl File for MemoryFile {
    fn read_at(&self, buf: &mut [u8], pos: u64) -> io::Result<usize> {
        self.with(|state, content| {
            state.fault(FaultOp::Read, &self.path)?;
            let from = usize::try_from(pos).unwrap_or(usize::MAX).min(content.now.len());
            let rest = content.now.get(from..).unwrap_or_default();
            let n = rest.len().min(buf.len());
            for (to, from) in buf.iter_mut().zip(rest) {
                *to = *from;
            }
            Ok(n)
        })
    }

    fn write_all_vectored_at(&self, bufs: &mut [IoSlice<'_>], pos: u64) -> io::Result<()> {
        let mut data = bufs.iter().map(|buf| &**buf).collect::<Vec<&[u8]>>().concat();
        self.with(|state, content| {
            state.spend()?;
            let mut failed = state.fault(FaultOp::Write, &self.path);
            let grows = (pos + data.len() as u64).saturating_sub(content.now.len() as u64);
            if failed.is_ok() && state.capacity.is_some_and(|capacity| state.used + grows > capacity) {
                failed = Err(error(io::ErrorKind::StorageFull, &self.path));
            }
            if failed.is_err() {
                data.truncate(usize::try_from(state.rng.below(data.len() as u64 + 1)).unwrap_or(0));
            }
            content.change(Change::Write(usize::try_from(pos).unwrap_or(usize::MAX), data));
            failed
        })
    }

    fn sync_data(&self) -> io::Result<()> {
        self.with(|state, content| {
            state.spend()?;
            state.syncs += 1;
            if let Err(error) = state.fault(FaultOp::Sync, &self.path) {
                content.pending.clear();
                return Err(error);
            }
            content.sync();
            Ok(())
        })
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.with(|state, content| {
            state.spend()?;
            content.change(Change::SetLen(usize::try_from(len).unwrap_or(usize::MAX)));
            Ok(())
        })
    }

    fn len(&self) -> io::Result<u64> {
        self.with(|_, content| Ok(content.now.len() as u64))
    }

    fn advise(&self, _: u64, _: u64, _: Advice) {}

    fn is_resident(&self, _: u64, _: u64) -> bool {
        true
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(files: &MemoryFiles, name: &str, text: &str) -> Arc<dyn File> {
        let file = files.open(Path::new(name), OpenMode::Create).unwrap();
        file.write_all_at(text.as_bytes(), file.len().unwrap()).unwrap();
        file
    }

    fn content(files: &MemoryFiles, name: &str) -> Option<String> {
        let bytes = super::super::read_small(files, Path::new(name)).ok()?;
        Some(String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn a_crash_keeps_what_was_synced_and_at_most_what_was_written() {
        let mut seen = BTreeSet::new();
        for seed in 0..200 {
            let files = MemoryFiles::new(seed);
            files.create_dir_all(Path::new("d")).unwrap();
            let file = write(&files, "d/a", "one");
            file.sync_data().unwrap();
            files.sync_dir(Path::new("d")).unwrap();
            files.sync_dir(Path::new("")).unwrap();
            write(&files, "d/a", "two");
            files.rename(Path::new("d/a"), Path::new("d/b")).unwrap();
            files.crash();
            assert!(file.len().is_err(), "handles do not outlive a crash");
            let (a, b) = (content(&files, "d/a"), content(&files, "d/b"));
            assert!(a.is_some() != b.is_some(), "a rename happens or not");
            let text = a.or(b).unwrap();
            assert!("onetwo".starts_with(&text) && text.len() >= 3, "{text}");
            seen.insert(text);
        }
        assert_eq!(seen.len(), 4, "every tear shows up: {seen:?}");
    }

    #[test]
    fn a_failed_sync_is_not_made_good_by_the_next() {
        let files = MemoryFiles::new(1);
        let file = write(&files, "a", "one");
        files.sync_dir(Path::new("")).unwrap();
        let kind = io::ErrorKind::Other;
        files.inject(Fault { op: FaultOp::Sync, path: "a".into(), skip: 0, times: 1, kind });
        assert_eq!(file.sync_data().unwrap_err().kind(), kind);
        file.sync_data().unwrap();
        files.crash();
        assert_eq!(content(&files, "a").as_deref(), Some(""));
    }

    #[test]
    fn capacity_runs_out_and_comes_back() {
        let files = MemoryFiles::new(1);
        files.set_capacity(Some(5));
        let file = write(&files, "a", "one");
        let full = file.write_all_at(b"two", 3).unwrap_err();
        assert_eq!(full.kind(), io::ErrorKind::StorageFull);
        file.set_len(1).unwrap();
        file.write_all_at(b"two", 1).unwrap();
        assert_eq!(content(&files, "a").as_deref(), Some("otwo"));
    }

    #[test]
    fn a_lock_is_held_until_dropped() {
        let files = MemoryFiles::new(1);
        let guard = files.lock(Path::new(".lock")).unwrap();
        assert!(matches!(files.lock(Path::new(".lock")), Err(LockError::Held { .. })));
        drop(guard);
        drop(files.lock(Path::new(".lock")).unwrap());
    }
}

//! What [`super::MemoryFiles`] is made of: contents and names, each as seen now and as a crash would
//! leave it.
use std::collections::BTreeMap;

use super::rng::{Rng, SeededRng};

#[derive(Debug)]
pub(super) enum Node {
    File(Content),
    Dir(Names),
}

#[derive(Debug, Default)]
pub(super) struct Content {
    pub(super) now: Vec<u8>,
    pub(super) durable: Vec<u8>,
    pub(super) pending: Vec<Change>,
}

#[derive(Debug)]
pub(super) enum Change {
    Write(usize, Vec<u8>),
    SetLen(usize),
}

#[derive(Debug, Default)]
pub(super) struct Names {
    pub(super) now: BTreeMap<String, u64>,
    pub(super) durable: BTreeMap<String, u64>,
    pub(super) pending: Vec<NameChange>,
}

#[derive(Clone, Debug)]
pub(super) enum NameChange {
    Set(String, u64),
    Unset(String),
    Rename(String, String),
}

impl Content {
    fn apply(bytes: &mut Vec<u8>, change: &Change) {
        match change {
            Change::Write(pos, data) => {
                let end = pos + data.len();
                if bytes.len() < end {
                    bytes.resize(end, 0);
                }
                if let Some(to) = bytes.get_mut(*pos..end) {
                    to.copy_from_slice(data);
                }
            }
            Change::SetLen(len) => bytes.resize(*len, 0),
        }
    }

    pub(super) fn change(&mut self, change: Change) {
        Self::apply(&mut self.now, &change);
        self.pending.push(change);
    }

    pub(super) fn sync(&mut self) {
        for change in self.pending.drain(..) {
            Self::apply(&mut self.durable, &change);
        }
    }

    pub(super) fn crash(&mut self, rng: &SeededRng) {
        let pending = std::mem::take(&mut self.pending);
        let in_order = rng.below(4) > 0;
        let kept = rng.below(pending.len() as u64 + 1);
        for (i, change) in (0u64..).zip(pending) {
            let keep = if in_order { i < kept } else { rng.below(2) == 0 };
            let torn = in_order && i == kept;
            match change {
                change if keep => Self::apply(&mut self.durable, &change),
                Change::Write(pos, mut data) if torn => {
                    data.truncate(usize::try_from(rng.below(data.len() as u64 + 1)).unwrap_or(0));
                    Self::apply(&mut self.durable, &Change::Write(pos, data));
                }
                _ => {}
            }
        }
        self.now.clone_from(&self.durable);
    }
}

impl Names {
    fn apply(names: &mut BTreeMap<String, u64>, change: NameChange) {
        match change {
            NameChange::Set(name, node) => {
                names.insert(name, node);
            }
            NameChange::Unset(name) => {
                names.remove(&name);
            }
            NameChange::Rename(from, to) => {
                if let Some(node) = names.remove(&from) {
                    names.insert(to, node);
                }
            }
        }
    }

    pub(super) fn change(&mut self, change: NameChange) {
        Self::apply(&mut self.now, change.clone());
        self.pending.push(change);
    }

    pub(super) fn sync(&mut self) {
        self.pending.clear();
        self.durable.clone_from(&self.now);
    }

    pub(super) fn crash(&mut self, rng: &SeededRng) {
        let kept = usize::try_from(rng.below(self.pending.len() as u64 + 1)).unwrap_or(0);
        for change in std::mem::take(&mut self.pending).into_iter().take(kept) {
            Self::apply(&mut self.durable, change);
        }
        self.now.clone_from(&self.durable);
    }
}

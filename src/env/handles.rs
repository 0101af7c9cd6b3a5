//! Open files that are kept for the next use, as many as the process can afford.
//!
//! Descriptors belong to the process, so there is one bound for all logs of all directories. Beyond it the
//! file that was not used for the longest time is let go of; whoever needs it opens it again. A file that
//! someone still holds (a reply on its way, a flush) stays open until that is over.
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::files::File;

/// A place for an open file.
#[derive(Debug, Default)]
pub struct Slot(Arc<Held>);

#[derive(Debug, Default)]
struct Held {
    file: Mutex<Option<Arc<dyn File>>>,
    used: AtomicBool,
}

impl Held {
    fn set(&self, file: Option<Arc<dyn File>>) -> bool {
        let before = std::mem::replace(&mut *self.file.lock().unwrap_or_else(PoisonError::into_inner), file);
        // Closing, if it comes to that, happens here, without the lock.
        before.is_some()
    }
}

impl Slot {
    /// The file, if it is still open.
    #[must_use]
    pub fn get(&self) -> Option<Arc<dyn File>> {
        self.0.used.store(true, Relaxed);
        self.0.file.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Keeps `file` open as long as there is room in the process.
    pub fn keep(&self, file: &Arc<dyn File>) {
        self.keep_among(file, &OPEN);
    }

    fn keep_among(&self, file: &Arc<dyn File>, handles: &Handles) {
        self.0.set(Some(Arc::clone(file)));
        handles.admit(Arc::downgrade(&self.0));
    }

    /// Lets go of the file.
    pub fn clear(&self) {
        self.0.set(None);
    }
}

/// All slots of the process.
static OPEN: Handles = Handles::new();

/// How many files the slots of this process may hold open together, from now on.
pub fn bound_kept_files(most: usize) {
    OPEN.most.store(most, Relaxed);
}

/// How many files the slots of this process may hold open together.
#[must_use]
pub fn most_kept_files() -> usize {
    OPEN.most.load(Relaxed)
}

#[derive(Debug)]
struct Handles {
    most: AtomicUsize,
    /// Slots that hold a file or did, the one filled first at the front.
    ring: Mutex<VecDeque<Weak<Held>>>,
}

impl Handles {
    const fn new() -> Self {
        Self { most: AtomicUsize::new(usize::MAX), ring: Mutex::new(VecDeque::new()) }
    }

    /// Takes a slot in that was just filled. One that was used since it was last looked at gets another
    /// round.
    fn admit(&self, slot: Weak<Held>) {
        let most = self.most.load(Relaxed);
        if most == usize::MAX {
            return;
        }
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        ring.push_back(slot);
        let mut rounds = ring.len();
        while ring.len() > most {
            let Some(oldest) = ring.pop_front() else { break };
            let Some(held) = oldest.upgrade() else { continue };
            if rounds > 0 && held.used.swap(false, Relaxed) {
                rounds = rounds.saturating_sub(1);
                ring.push_back(oldest);
            } else {
                held.set(None);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::env::{Files, MemoryFiles, OpenMode};

    #[test]
    fn no_more_files_stay_open_than_the_bound_says_and_the_idle_go_first() {
        let files = MemoryFiles::new(1);
        let file = files.open(Path::new("/x"), OpenMode::Create).unwrap();
        let handles = Handles::new();
        let slots: Vec<Slot> = (0..10).map(|_| Slot::default()).collect();
        slots.iter().for_each(|slot| slot.keep_among(&file, &handles));
        let open = || slots.iter().map(|slot| slot.get().is_some()).collect::<Vec<_>>();
        assert_eq!(open(), [true; 10], "without a bound all stay");

        handles.most.store(3, Relaxed);
        slots.iter().for_each(Slot::clear);
        for slot in slots.iter().take(3) {
            slot.keep_among(&file, &handles);
        }
        slots.iter().for_each(|slot| slot.0.used.store(false, Relaxed));
        assert!(slots[0].get().is_some(), "and so it counts as used");
        slots[3].keep_among(&file, &handles);
        assert_eq!(open()[..4], [true, false, true, true]);
        for slot in slots.iter().cycle().take(100) {
            slot.keep_among(&file, &handles);
            assert!(open().iter().filter(|is_open| **is_open).count() <= 3);
        }
        drop(slots);
        assert_eq!(Arc::strong_count(&file), 1);
    }
}

//! Deadlines. Moving one later, as each heartbeat does, costs one lookup: the queue keeps the old time,
//! and the entry goes back in when that time comes.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;

/// What happens at a deadline.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Timer {
    /// A member of a classic group (or one that has an id and has not joined yet) was silent too long.
    ClassicSession {
        /// The group.
        group: Arc<str>,
        /// The member.
        member: Arc<str>,
    },
    /// The join phase of a classic group ends.
    ClassicJoin {
        /// The group.
        group: Arc<str>,
    },
    /// Members of a classic group had to send SyncGroup by now.
    ClassicSync {
        /// The group.
        group: Arc<str>,
    },
    /// A member of a consumer group was silent too long.
    ConsumerSession {
        /// The group.
        group: Arc<str>,
        /// The member.
        member: Arc<str>,
    },
    /// A member of a consumer group had to give up partitions by now.
    ConsumerRebalance {
        /// The group.
        group: Arc<str>,
        /// The member.
        member: Arc<str>,
    },
    /// A member of a consumer group that speaks the classic protocol had to join or sync by now.
    ConsumerClassic {
        /// The group.
        group: Arc<str>,
        /// The member.
        member: Arc<str>,
    },
    /// A consumer group looks after itself: patterns to resolve again, an assignment that was put off.
    ConsumerGroup {
        /// The group.
        group: Arc<str>,
    },
    /// Expired offsets are looked for.
    OffsetExpiry,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    /// When it is due; `None` once it is cancelled.
    due: Option<i64>,
    /// Where it lies in the queue.
    queued: i64,
}

/// Deadlines by what they are for.
#[derive(Clone, Debug, Default)]
pub struct Timers {
    entries: HashMap<Timer, Entry>,
    queue: BinaryHeap<Reverse<(i64, Timer)>>,
}

impl Timers {
    /// Sets a deadline, in place of the one that `timer` had.
    pub fn set(&mut self, timer: Timer, due: i64) {
        if let Some(entry) = self.entries.get_mut(&timer) {
            entry.due = Some(due);
            if entry.queued <= due {
                return;
            }
            entry.queued = due;
        } else {
            self.entries.insert(timer.clone(), Entry { due: Some(due), queued: due });
        }
        self.queue.push(Reverse((due, timer)));
    }

    /// Takes a deadline away.
    pub fn cancel(&mut self, timer: &Timer) {
        if let Some(entry) = self.entries.get_mut(timer) {
            entry.due = None;
        }
    }

    /// When `timer` is due.
    #[must_use]
    pub fn due(&self, timer: &Timer) -> Option<i64> {
        self.entries.get(timer).and_then(|entry| entry.due)
    }

    /// The time at which [`Timers::pop`] should be asked; it may then have nothing.
    #[must_use]
    pub fn next(&self) -> Option<i64> {
        self.queue.peek().map(|Reverse((at, _))| *at)
    }

    /// Takes out one deadline that is due at `tick`.
    pub fn pop(&mut self, tick: i64) -> Option<Timer> {
        while self.next().is_some_and(|at| at <= tick) {
            let Reverse((at, timer)) = self.queue.pop()?;
            let Some(entry) = self.entries.get_mut(&timer).filter(|entry| entry.queued == at) else {
                continue;
            };
            match entry.due {
                Some(due) if due > tick => {
                    entry.queued = due;
                    self.queue.push(Reverse((due, timer)));
                }
                due => {
                    self.entries.remove(&timer);
                    if due.is_some() {
                        return Some(timer);
                    }
                }
            }
        }
        None
    }

    /// Number of deadlines, cancelled ones that lie in the queue still included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn join(group: &str) -> Timer {
        Timer::ClassicJoin { group: group.into() }
    }

    #[test]
    fn deadlines_come_in_order_and_once() {
        let mut timers = Timers::default();
        timers.set(join("b"), 20);
        timers.set(join("a"), 10);
        timers.set(join("c"), 30);
        timers.cancel(&join("c"));
        assert_eq!((timers.next(), timers.pop(9)), (Some(10), None));
        assert_eq!(timers.pop(25), Some(join("a")));
        assert_eq!(timers.pop(25), Some(join("b")));
        assert_eq!(timers.pop(100), None);
        assert!(timers.is_empty() && timers.next().is_none());
    }

    #[test]
    fn a_deadline_moves_both_ways() {
        let mut timers = Timers::default();
        timers.set(join("a"), 10);
        for due in 11..1000 {
            timers.set(join("a"), due);
        }
        assert_eq!(timers.queue.len(), 1, "moving later does not grow the queue");
        assert_eq!(timers.pop(500), None);
        assert_eq!(timers.due(&join("a")), Some(999));
        timers.set(join("a"), 600);
        assert_eq!(timers.next(), Some(600));
        assert_eq!(timers.pop(600), Some(join("a")));
        assert_eq!(timers.pop(2000), None);
    }
}

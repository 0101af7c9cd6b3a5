//! The memory that requests may take before they are handled (`queued.max.request.bytes`).
//!
//! - Memory is reserved before it is allocated, in steps: never more than twice what has arrived.
//! - When the budget is out, connections wait, which means that their sockets are not read. One of
//!   them holds the *pass* and may go beyond the budget, so one frame can always finish.
//! - A first step ([`FIRST_STEP`]) may dip into a small reserve, so that heartbeats, SyncGroup and
//!   EndTxn get through while large requests wait.
//! - While someone waits, frames whose peers stopped sending are given up, oldest first.
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// What a connection takes at once when its peer begins to send, in bytes.
pub(super) const FIRST_STEP: usize = 32 << 10;
/// What first steps may take beyond the budget, in bytes: 128 small requests.
const RESERVE: usize = 128 * FIRST_STEP;

type Id = u64;

/// The budget of a server.
#[derive(Debug)]
pub(super) struct Budget {
    limit: usize,
    used: AtomicUsize,
    /// How many wait; read without the lock by those who release.
    waiting: AtomicUsize,
    /// How often one began to wait.
    waits: AtomicUsize,
    /// How long a frame may stand still while others wait.
    patience: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    next: Id,
    pass: Option<Id>,
    waiters: BTreeMap<Id, Waker>,
    /// Frames that wait for their peer, by the time of their last step.
    halves: BTreeMap<(Duration, Id), Waker>,
    given_up: BTreeSet<Id>,
}

impl Budget {
    pub(super) fn new(limit: usize, patience: Duration) -> Arc<Self> {
        Arc::new(Self {
            limit,
            used: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            waits: AtomicUsize::new(0),
            patience,
            state: Mutex::default(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes reserved now.
    pub(super) fn used(&self) -> usize {
        self.used.load(SeqCst)
    }

    /// Bytes that are not reserved.
    pub(super) fn available(&self) -> usize {
        self.limit.saturating_sub(self.used())
    }

    /// How many connections wait now.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(SeqCst)
    }

    /// How often a connection has begun to wait.
    pub(super) fn waits(&self) -> usize {
        self.waits.load(SeqCst)
    }

    fn try_take(&self, bytes: usize, limit: usize) -> bool {
        let grow = |used: usize| used.checked_add(bytes).filter(|sum| *sum <= limit);
        self.used.fetch_update(SeqCst, SeqCst, grow).is_ok()
    }

    fn give_back(&self, bytes: usize) {
        self.used.fetch_sub(bytes, SeqCst);
        if self.waiting.load(SeqCst) > 0 {
            self.state().waiters.values().for_each(Waker::wake_by_ref);
        }
    }

    /// Gives up the frame that stands still the longest, if that is longer than the patience.
    fn give_up_oldest(&self, now: Duration) {
        let mut state = self.state();
        let oldest = state.halves.first_key_value().map(|(key, _)| *key);
        if let Some((since, id)) = oldest
            && now.saturating_sub(since) >= self.patience
            && let Some(waker) = state.halves.remove(&(since, id))
        {
            state.given_up.insert(id);
            drop(state);
            waker.wake();
        }
    }
}

/// The part of the budget that one connection holds.
#[derive(Debug)]
pub(super) struct Lease {
    budget: Arc<Budget>,
    /// Given out when the connection first needs the slow way.
    id: Option<Id>,
    held: usize,
    /// Time of the last step, while the frame waits for its peer.
    half_since: Option<Duration>,
    waits: bool,
}

/// The frame stood still while others needed its memory.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct GivenUp;

impl Lease {
    pub(super) fn new(budget: &Arc<Budget>) -> Self {
        Self { budget: Arc::clone(budget), id: None, held: 0, half_since: None, waits: false }
    }

    /// Waits until `total` bytes are held.
    pub(super) fn poll_reserve(&mut self, total: usize, cx: &Context<'_>) -> Poll<()> {
        let more = total.saturating_sub(self.held);
        if more > 0 && !self.take(total, more, cx) {
            return Poll::Pending;
        }
        self.held = self.held.max(total);
        self.leave_line();
        Poll::Ready(())
    }

    fn take(&mut self, total: usize, more: usize, cx: &Context<'_>) -> bool {
        let extra = if total <= FIRST_STEP { RESERVE } else { 0 };
        let limit = self.budget.limit.saturating_add(extra);
        if self.budget.try_take(more, limit) {
            return true;
        }
        let id = self.id();
        let mut state = self.budget.state();
        if *state.pass.get_or_insert(id) == id {
            self.budget.used.fetch_add(more, SeqCst);
            return true;
        }
        // Stand in line first, then try again: whoever releases after this sees us.
        state.waiters.insert(id, cx.waker().clone());
        if !self.waits {
            self.waits = true;
            self.budget.waiting.fetch_add(1, SeqCst);
            self.budget.waits.fetch_add(1, SeqCst);
        }
        let since = self.half_since.take();
        if let Some(since) = since {
            state.halves.remove(&(since, id));
        }
        self.budget.try_take(more, limit)
    }

    fn id(&mut self) -> Id {
        *self.id.get_or_insert_with(|| {
            let mut state = self.budget.state();
            state.next = state.next.wrapping_add(1);
            state.next
        })
    }

    fn leave_line(&mut self) {
        if std::mem::take(&mut self.waits) {
            self.budget.waiting.fetch_sub(1, SeqCst);
            if let Some(id) = self.id {
                self.budget.state().waiters.remove(&id);
            }
        }
    }

    /// The peer has sent enough to count as moving, or the frame is done.
    pub(super) fn stop_standing(&mut self) {
        if let (Some(since), Some(id)) = (self.half_since.take(), self.id) {
            self.budget.state().halves.remove(&(since, id));
        }
    }

    /// Whether this connection stands in line for memory.
    pub(super) fn waits(&self) -> bool {
        self.waits
    }

    /// When to look again for frames that stand still.
    pub(super) fn patience(&self) -> Duration {
        self.budget.patience
    }

    /// Called by those who wait, whenever they find that they still do.
    pub(super) fn press(&self, now: Duration) {
        self.budget.give_up_oldest(now);
    }

    /// The frame waits for its peer since `now`, if it did not already.
    pub(super) fn stand(&mut self, now: Duration, cx: &Context<'_>) {
        if self.half_since.is_none() && self.held > 0 {
            let id = self.id();
            self.half_since = Some(now);
            self.budget.state().halves.insert((now, id), cx.waker().clone());
        }
    }

    /// Whether the frame was given up for others.
    ///
    /// # Errors
    /// It was.
    pub(super) fn check(&mut self) -> Result<(), GivenUp> {
        let (Some(since), Some(id)) = (self.half_since, self.id) else { return Ok(()) };
        let mut state = self.budget.state();
        if !state.given_up.remove(&id) {
            return Ok(());
        }
        state.halves.remove(&(since, id));
        drop(state);
        self.half_since = None;
        Err(GivenUp)
    }

    /// Frames were handled and `keep` bytes are still needed for what follows them.
    pub(super) fn release(&mut self, keep: usize) {
        let back = self.held.saturating_sub(keep);
        self.held = self.held.saturating_sub(back);
        self.stop_standing();
        if let Some(id) = self.id {
            let mut state = self.budget.state();
            if state.pass == Some(id) {
                state.pass = None;
            }
        }
        self.budget.give_back(back);
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.leave_line();
        self.stop_standing();
        self.release(0);
        if let Some(id) = self.id {
            self.budget.state().given_up.remove(&id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    fn reserve(lease: &mut Lease, total: usize) -> bool {
        lease.poll_reserve(total, &Context::from_waker(Waker::noop())).is_ready()
    }

    #[test]
    fn one_frame_can_always_finish() {
        let budget = Budget::new(4 * MIB, Duration::from_secs(1));
        let mut leases: Vec<_> = (0..6).map(|_| Lease::new(&budget)).collect();
        let got: Vec<bool> = leases.iter_mut().map(|lease| reserve(lease, MIB)).collect();
        assert_eq!(got, [true, true, true, true, true, false], "the fifth takes the pass");
        assert!(reserve(&mut leases[4], 50 * MIB), "which goes as far as it must");
        assert!(!reserve(&mut leases[0], 2 * MIB) && leases[0].waits());
        leases[4].release(0);
        assert!(reserve(&mut leases[0], 2 * MIB), "the pass is free again");
        assert!(!reserve(&mut leases[5], MIB));
        drop(leases);
        assert_eq!((budget.used(), budget.waiting.load(SeqCst)), (0, 0));
    }

    #[test]
    fn small_requests_have_a_reserve() {
        let budget = Budget::new(MIB, Duration::from_secs(1));
        let (mut big, mut pass, mut small) = (Lease::new(&budget), Lease::new(&budget), Lease::new(&budget));
        assert!(reserve(&mut big, MIB) && reserve(&mut pass, FIRST_STEP + 1));
        assert!(reserve(&mut small, FIRST_STEP));
        assert!(!reserve(&mut small, FIRST_STEP + 1));
    }

    #[test]
    fn the_oldest_that_stands_still_is_given_up() {
        let budget = Budget::new(2 * MIB, Duration::from_secs(5));
        let cx = Context::from_waker(Waker::noop());
        let at = Duration::from_secs;
        let (mut a, mut b, mut pass, mut waiter) =
            (Lease::new(&budget), Lease::new(&budget), Lease::new(&budget), Lease::new(&budget));
        assert!(reserve(&mut a, MIB) && reserve(&mut b, MIB) && reserve(&mut pass, MIB));
        b.stand(at(1), &cx);
        a.stand(at(2), &cx);
        assert!(!reserve(&mut waiter, MIB));
        waiter.press(at(5));
        assert_eq!((a.check(), b.check()), (Ok(()), Ok(())), "nobody's time is over");
        waiter.press(at(6));
        assert_eq!((a.check(), b.check()), (Ok(()), Err(GivenUp)));
        drop((b, pass));
        assert!(reserve(&mut waiter, MIB));
        waiter.press(at(7));
        assert_eq!(a.check(), Err(GivenUp));
    }
}

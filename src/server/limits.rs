//! How many connections there may be, in all and from one address.
use std::collections::HashMap;
use std::future::poll_fn;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

/// The limits; they can be altered while connections exist, none of which is closed by that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// `max.connections`: beyond it, new connections wait in the backlog.
    pub total: usize,
    /// `max.connections.per.ip`: beyond it, a new connection is closed.
    pub per_ip: usize,
    /// `max.connections.per.ip.overrides`: other limits for some addresses.
    pub overrides: HashMap<IpAddr, usize>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { total: usize::MAX, per_ip: usize::MAX, overrides: HashMap::new() }
    }
}

/// Counts connections against the limits.
#[derive(Debug)]
pub(super) struct Connections {
    /// What no change of the limits exceeds.
    most: usize,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    limits: Limits,
    total: usize,
    by_ip: HashMap<IpAddr, usize>,
    waiting: Vec<Waker>,
}

/// A connection that is counted until this is dropped.
#[derive(Debug)]
pub(super) struct Slot {
    connections: Arc<Connections>,
    ip: IpAddr,
}

impl Connections {
    pub(super) fn new(limits: Limits, most: usize) -> Arc<Self> {
        let state = State { limits, total: 0, by_ip: HashMap::new(), waiting: Vec::new() };
        Arc::new(Self { most, state: Mutex::new(state) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.state().total
    }

    /// Puts other limits in force.
    pub(super) fn set_limits(&self, limits: Limits) {
        let mut state = self.state();
        state.limits = limits;
        wake(state);
    }

    /// Counts a connection from `ip`; or tells the limit that forbids it.
    pub(super) fn admit(self: &Arc<Self>, ip: IpAddr) -> Result<Slot, usize> {
        let mut state = self.state();
        let limit = state.limits.overrides.get(&ip).copied().unwrap_or(state.limits.per_ip);
        let count = state.by_ip.get(&ip).copied().unwrap_or(0);
        if count >= limit {
            return Err(limit);
        }
        state.by_ip.insert(ip, count.saturating_add(1));
        state.total = state.total.saturating_add(1);
        Ok(Slot { connections: Arc::clone(self), ip })
    }

    /// Waits until `max.connections` and the limit of open files allow one more.
    pub(super) async fn room(&self) {
        self.wait(|state| state.total < state.limits.total.min(self.most)).await;
    }

    /// Waits until there is no connection.
    pub(super) async fn none(&self) {
        self.wait(|state| state.total == 0).await;
    }

    async fn wait(&self, until: impl Fn(&State) -> bool) {
        poll_fn(|cx| {
            let mut state = self.state();
            if until(&state) {
                return Poll::Ready(());
            }
            if !state.waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
                state.waiting.push(cx.waker().clone());
            }
            Poll::Pending
        })
        .await;
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut state = self.connections.state();
        state.total = state.total.saturating_sub(1);
        if let Some(count) = state.by_ip.get_mut(&self.ip) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                state.by_ip.remove(&self.ip);
            }
        }
        wake(state);
    }
}

fn wake(mut state: MutexGuard<'_, State>) {
    let waiting = std::mem::take(&mut state.waiting);
    drop(state);
    waiting.into_iter().for_each(Waker::wake);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_counted_on_their_own() {
        let (a, b): (IpAddr, IpAddr) = ("10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap());
        let limits = Limits { total: 9, per_ip: 1, overrides: HashMap::from([(b, 2)]) };
        let connections = Connections::new(limits, usize::MAX);
        let first = connections.admit(a).unwrap();
        assert_eq!(connections.admit(a).unwrap_err(), 1);
        let _others = (connections.admit(b).unwrap(), connections.admit(b).unwrap());
        assert_eq!(connections.admit(b).unwrap_err(), 2);
        assert_eq!(connections.count(), 3);
        drop(first);
        let _again = connections.admit(a).unwrap();
        connections.set_limits(Limits::default());
        assert!(connections.admit(a).is_ok());
    }
}

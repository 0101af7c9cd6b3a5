//! What the server measures.
use std::sync::{Arc, Weak};

use crate::metrics::{Counter, Registry, table};
use crate::schema::{APIS, Api};

use super::budget::Budget;
use super::limits::Connections;
use super::outbound::SendProgress;

/// What the connections count.
#[derive(Debug)]
pub(super) struct Metrics {
    /// By API key.
    requests: Vec<Arc<Counter>>,
    pub(super) accepted: Arc<Counter>,
    /// Connections closed because their peer made no progress.
    pub(super) stalled: Arc<Counter>,
    pub(super) bytes_in: Arc<Counter>,
    bytes_out: Arc<Counter>,
    read_ahead: Arc<Counter>,
}

impl Metrics {
    pub(super) fn new(registry: &Registry, budget: &Arc<Budget>, connections: &Arc<Connections>) -> Self {
        let keys = APIS.iter().map(|api| usize::try_from(api.key).unwrap_or(0)).max().unwrap_or(0);
        let name =
            |key: usize| i16::try_from(key).ok().and_then(Api::by_key).map_or("Unknown", |api| api.name);
        let requests =
            (0..=keys).map(|key| registry.counter(&table::REQUESTS, &[("request", name(key))])).collect();
        let weak = Arc::downgrade(connections);
        let count = move || weak.upgrade().map_or(0, |connections| number(connections.count()));
        registry.computed(&table::CONNECTIONS, &[], count);
        of_budget(registry, &table::MEMORY_USED, budget, |budget| number(budget.used()));
        of_budget(registry, &table::MEMORY_AVAILABLE, budget, |budget| number(budget.available()));
        of_budget(registry, &table::MEMORY_WAITING, budget, |budget| number(budget.waiting()));
        of_budget(registry, &table::MEMORY_WAITS, budget, |budget| number(budget.waits()));
        Self {
            requests,
            accepted: registry.counter(&table::CONNECTIONS_CREATED, &[]),
            stalled: registry.counter(&table::CONNECTIONS_STALLED, &[]),
            bytes_in: registry.counter(&table::NETWORK_IN, &[]),
            bytes_out: registry.counter(&table::NETWORK_OUT, &[]),
            read_ahead: registry.counter(&table::READ_AHEAD, &[]),
        }
    }

    /// Sending came this far.
    pub(super) fn sent(&self, progress: &SendProgress) {
        if progress.sent > 0 {
            self.bytes_out.add(progress.sent as u64);
        }
        if progress.read_ahead > 0 {
            self.read_ahead.add(progress.read_ahead as u64);
        }
    }

    /// A request of this API was begun.
    pub(super) fn began(&self, api: &Api) {
        if let Some(counter) = usize::try_from(api.key).ok().and_then(|key| self.requests.get(key)) {
            counter.inc();
        }
    }
}

fn of_budget(
    registry: &Registry,
    metric: &'static table::Metric,
    budget: &Arc<Budget>,
    read: impl Fn(&Budget) -> i64 + Send + Sync + 'static,
) {
    let weak: Weak<Budget> = Arc::downgrade(budget);
    registry.computed(metric, &[], move || weak.upgrade().map_or(0, |budget| read(&budget)));
}

fn number(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

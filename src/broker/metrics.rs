//! What the broker as a whole shows.
use std::sync::Arc;

use super::replicas::Replicas;
use crate::metrics::{Registry, table};

/// Registers it.
pub(super) fn register(registry: &Registry, replicas: &Arc<Replicas>) {
    let weak = Arc::downgrade(replicas);
    let partitions = move || weak.upgrade().map_or(0, |replicas| replicas.partitions().count());
    registry.computed(&table::PARTITIONS, &[], move || i64::try_from(partitions()).unwrap_or(i64::MAX));
    let weak = Arc::downgrade(replicas);
    let offline = move || {
        let Some(replicas) = weak.upgrade() else { return 0 };
        replicas.directories().iter().filter(|dir| dir.env().health.failure().is_some()).count()
    };
    registry.computed(&table::OFFLINE_DIRECTORIES, &[], move || i64::try_from(offline()).unwrap_or(i64::MAX));
}

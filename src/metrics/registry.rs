//! The metrics of one broker.
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::cells::{Counter, Gauge};
use super::histogram::{Histogram, Summary};
use super::table::Metric;

/// What makes one of several of a metric, for instance `("topic", "orders")`.
type Tags = Vec<(&'static str, String)>;
type Key = (&'static str, Tags);

enum Cell {
    Counter(Arc<Counter>),
    Gauge(Arc<Gauge>),
    Histogram(Arc<Histogram>),
    Computed(Box<dyn Fn() -> i64 + Send + Sync>),
}

/// Gives out the metrics of one broker, and reads them. Its lock is held only to give out and to read.
#[derive(Default)]
pub struct Registry {
    cells: Mutex<BTreeMap<Key, (&'static Metric, Cell)>>,
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").field("metrics", &self.cells().len()).finish()
    }
}

/// A metric as it was read.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Its row in the table.
    pub metric: &'static Metric,
    /// Which one of several.
    pub tags: Vec<(&'static str, String)>,
    /// What it says.
    pub value: Value,
}

/// What a metric says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Of a counter, since the start.
    Counter(u64),
    /// Of a gauge.
    Gauge(i64),
    /// Of a histogram, since the start.
    Histogram(Summary),
}

impl Registry {
    fn cells(&self) -> MutexGuard<'_, BTreeMap<Key, (&'static Metric, Cell)>> {
        self.cells.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The counter of this row and these tags: who asks again gets the same one.
    #[must_use]
    pub fn counter(&self, metric: &'static Metric, tags: &[(&'static str, &str)]) -> Arc<Counter> {
        let get = |cell: &Cell| if let Cell::Counter(it) = cell { Some(Arc::clone(it)) } else { None };
        self.get_or_insert(metric, tags, get, Cell::Counter)
    }

    /// The gauge of this row and these tags.
    #[must_use]
    pub fn gauge(&self, metric: &'static Metric, tags: &[(&'static str, &str)]) -> Arc<Gauge> {
        let get = |cell: &Cell| if let Cell::Gauge(it) = cell { Some(Arc::clone(it)) } else { None };
        self.get_or_insert(metric, tags, get, Cell::Gauge)
    }

    /// The histogram of this row and these tags.
    #[must_use]
    pub fn histogram(&self, metric: &'static Metric, tags: &[(&'static str, &str)]) -> Arc<Histogram> {
        let get = |cell: &Cell| if let Cell::Histogram(it) = cell { Some(Arc::clone(it)) } else { None };
        self.get_or_insert(metric, tags, get, Cell::Histogram)
    }

    /// A gauge that is asked when it is read. `read` must not wait, and should hold what it reads weakly.
    pub fn computed(
        &self,
        metric: &'static Metric,
        tags: &[(&'static str, &str)],
        read: impl Fn() -> i64 + Send + Sync + 'static,
    ) {
        self.cells().insert(key(metric, tags), (metric, Cell::Computed(Box::new(read))));
    }

    /// Forgets all metrics that carry this tag: what it names is gone.
    pub fn forget(&self, tag: &'static str, value: &str) {
        let names = |(_, tags): &Key| tags.iter().any(|(t, v)| *t == tag && v == value);
        self.cells().retain(|key, _| !names(key));
    }

    /// All metrics, by name.
    #[must_use]
    pub fn snapshot(&self) -> Vec<Sample> {
        let sample = |((_, tags), (metric, cell)): (&Key, &(&'static Metric, Cell))| Sample {
            metric,
            tags: tags.clone(),
            value: match cell {
                Cell::Counter(it) => Value::Counter(it.get()),
                Cell::Gauge(it) => Value::Gauge(it.get()),
                Cell::Histogram(it) => Value::Histogram(it.summary()),
                Cell::Computed(read) => Value::Gauge(read()),
            },
        };
        self.cells().iter().map(sample).collect()
    }

    /// A metric asked for under another kind than before is not the one that is read: a mistake of the
    /// program that costs a number, and nothing else.
    fn get_or_insert<T: Default>(
        &self,
        metric: &'static Metric,
        tags: &[(&'static str, &str)],
        get: impl Fn(&Cell) -> Option<Arc<T>>,
        cell: impl Fn(Arc<T>) -> Cell,
    ) -> Arc<T> {
        let mut cells = self.cells();
        let fresh = || (metric, cell(Arc::default()));
        get(&cells.entry(key(metric, tags)).or_insert_with(fresh).1).unwrap_or_default()
    }
}

fn key(metric: &'static Metric, tags: &[(&'static str, &str)]) -> Key {
    (metric.name, tags.iter().map(|(tag, value)| (*tag, (*value).to_owned())).collect())
}

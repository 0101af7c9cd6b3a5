//! Configs set at run time, by resource.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::Overrides;
use crate::schema::metadata::config_record::ConfigRecord;

/// What kind of thing a config belongs to; the number is that of Kafka's `ConfigResource.Type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceKind(pub i8);

impl ResourceKind {
    /// A topic.
    pub const TOPIC: Self = Self(2);
    /// A broker, or all of them if the name is empty.
    pub const BROKER: Self = Self(4);
    /// The log levels of a broker.
    pub const BROKER_LOGGER: Self = Self(8);
    /// A subscription to client metrics.
    pub const CLIENT_METRICS: Self = Self(16);
    /// A group.
    pub const GROUP: Self = Self(32);
}

/// A thing that has configs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConfigResource {
    /// What it is.
    pub kind: ResourceKind,
    /// Its name: a topic, a node id in decimal, a group, a subscription.
    pub name: Arc<str>,
}

impl ConfigResource {
    /// Names a resource.
    #[must_use]
    pub fn new(kind: ResourceKind, name: impl Into<Arc<str>>) -> Self {
        Self { kind, name: name.into() }
    }

    /// A topic.
    #[must_use]
    pub fn topic(name: impl Into<Arc<str>>) -> Self {
        Self::new(ResourceKind::TOPIC, name)
    }

    /// One broker.
    #[must_use]
    pub fn broker(id: i32) -> Self {
        Self::new(ResourceKind::BROKER, id.to_string())
    }

    /// All brokers: the cluster-wide defaults.
    #[must_use]
    pub fn cluster() -> Self {
        Self::new(ResourceKind::BROKER, "")
    }
}

/// All configs set at run time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Configs {
    resources: Arc<BTreeMap<ConfigResource, Arc<Overrides>>>,
}

static NOTHING: Overrides = Overrides::new();

impl Configs {
    /// What is set for a resource, by config name; nothing if it has none.
    #[must_use]
    pub fn of(&self, resource: &ConfigResource) -> &Overrides {
        self.resources.get(resource).map_or(&NOTHING, |values| values)
    }

    /// What is set for a topic.
    #[must_use]
    pub fn of_topic(&self, name: &str) -> &Overrides {
        self.of(&ConfigResource::topic(name))
    }

    /// One config of a resource.
    #[must_use]
    pub fn get(&self, resource: &ConfigResource, name: &str) -> Option<&str> {
        self.of(resource).get(name).map(String::as_str)
    }

    /// All resources with something set, sorted by kind and name.
    pub fn iter(&self) -> impl Iterator<Item = (&ConfigResource, &Overrides)> {
        self.resources.iter().map(|(resource, values)| (resource, &**values))
    }

    /// The names of the resources of one kind that have something set, sorted.
    pub fn names(&self, kind: ResourceKind) -> impl Iterator<Item = &Arc<str>> {
        self.resources.keys().filter(move |r| r.kind == kind).map(|r| &r.name)
    }

    pub(super) fn set(&mut self, r: &ConfigRecord<'_>) {
        let resource = ConfigResource::new(ResourceKind(r.resource_type), &*r.resource_name);
        let resources = Arc::make_mut(&mut self.resources);
        match &r.value {
            Some(value) => {
                let values = Arc::make_mut(resources.entry(resource).or_default());
                values.insert(r.name.to_string(), value.to_string());
            }
            None => {
                if let Some(values) = resources.get_mut(&resource) {
                    Arc::make_mut(values).remove(&*r.name);
                    if values.is_empty() {
                        resources.remove(&resource);
                    }
                }
            }
        }
    }

    pub(super) fn remove_resource(&mut self, resource: &ConfigResource) {
        if self.resources.contains_key(resource) {
            Arc::make_mut(&mut self.resources).remove(resource);
        }
    }
}

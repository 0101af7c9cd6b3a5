//! What DescribeConfigs tells: each option's value, where it comes from, and what lies beneath.
//!
//! The rules are those that Kafka's answers show: an option's trail begins at the first layer that sets it
//! under its own name, what only a synonym sets therefore shows as a default; unknown and sensitive values
//! are never told; options that only Kafka's tests use show only where they are set.
use super::layers::{Found, Layers, Overrides, Source};
use super::option::{Opt, Scope, Type, UpdateMode};
use super::table::{find, listener_option, options_of};
use super::value::Value;

/// One entry of a DescribeConfigs reply.
#[derive(Clone, Debug, PartialEq)]
pub struct Described {
    /// Name of the option.
    pub name: String,
    /// The value in force; `None` if there is none or it is sensitive.
    pub value: Option<String>,
    /// Where it comes from.
    pub source: Source,
    /// Type of the option.
    pub kind: Type,
    /// Whether it cannot be altered at run time.
    pub is_read_only: bool,
    /// Whether the value is withheld.
    pub is_sensitive: bool,
    /// Every layer that sets it, the strongest first.
    pub synonyms: Vec<DescribedSynonym>,
    /// What the option does; `None` for one that the table does not know.
    pub doc: Option<&'static str>,
}

impl Described {
    /// Whether nobody set it.
    #[must_use]
    pub fn is_default(&self) -> bool {
        self.source == Source::Default
    }
}

/// A layer that sets an option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribedSynonym {
    /// The name under which it does.
    pub name: String,
    /// The text; `None` if it is sensitive.
    pub value: Option<String>,
    /// The layer.
    pub source: Source,
}

/// The options of a topic whose own settings are `overrides`.
#[must_use]
pub fn describe_topic(layers: &Layers<'_>, overrides: &Overrides) -> Vec<Described> {
    shown(Scope::Topic, overrides)
        .map(|option| {
            let beneath = option.synonyms.split_first().map(|(first, rest)| layers.trail(first.name, rest));
            let value = layers.value(option, overrides);
            entry(option, value, own(option, overrides, Source::Topic), beneath.unwrap_or_default())
        })
        .collect()
}

/// The options of a group whose own settings are `overrides`.
#[must_use]
pub fn describe_group(layers: &Layers<'_>, overrides: &Overrides) -> Vec<Described> {
    shown(Scope::Group, overrides)
        .map(|option| {
            let beneath = match option.synonyms.split_first() {
                Some((first, rest)) => layers.trail(first.name, rest),
                None => default_of(option),
            };
            let value = layers.value(option, overrides);
            entry(option, value, own(option, overrides, Source::Group), beneath)
        })
        .collect()
}

/// The options of a subscription to metrics.
#[must_use]
pub fn describe_client_metrics(overrides: &Overrides) -> Vec<Described> {
    options_of(Scope::ClientMetrics)
        .map(|option| {
            let text = overrides.get(option.name).map(String::as_str).or_else(|| option.default_text());
            let value = text.and_then(|text| Value::parse(option, text).ok());
            // Kafka names no default among the synonyms of a subscription.
            entry(option, value, own(option, overrides, Source::ClientMetrics), Vec::new())
        })
        .collect()
}

/// The options of this broker.
#[must_use]
pub fn describe_broker(layers: &Layers<'_>) -> Vec<Described> {
    let is_set = |name: &str| {
        layers.fixed.get(name).is_some()
            || layers.cluster.contains_key(name)
            || layers.broker.contains_key(name)
    };
    let known =
        options_of(Scope::Broker).filter(|option| !option.internal || is_set(option.name)).map(|option| {
            entry(
                option,
                layers.broker_value_for_show(option),
                None,
                layers.trail(option.name, option.synonyms),
            )
        });
    let mut others: Vec<&str> = layers.fixed.names().collect();
    others.extend(layers.cluster.keys().chain(layers.broker.keys()).map(String::as_str));
    others.retain(|name| find(Scope::Broker, name).is_none());
    others.sort_unstable();
    others.dedup();
    known.chain(others.into_iter().map(|name| other_broker_entry(layers, name))).collect()
}

/// What is set at run time as the default of all brokers; nothing else.
#[must_use]
pub fn describe_cluster_default(cluster: &Overrides) -> Vec<Described> {
    let option_of = |name: &str| find(Scope::Broker, name).or_else(|| find(Scope::BrokerDynamicOnly, name));
    cluster
        .iter()
        .map(|(name, text)| {
            let trail = vec![Found { name, text, source: Source::DynamicDefault }];
            match option_of(name) {
                Some(option) => entry(option, Value::parse(option, text).ok(), None, trail),
                None => unknown(name, &trail),
            }
        })
        .collect()
}

/// The options of a scope that are shown: internal ones only where they are set.
fn shown(scope: Scope, overrides: &Overrides) -> impl Iterator<Item = &'static Opt> {
    options_of(scope).filter(|option| !option.internal || overrides.contains_key(option.name))
}

fn own<'a>(option: &'a Opt, overrides: &'a Overrides, source: Source) -> Option<Found<'a>> {
    overrides.get(option.name).map(|text| Found { name: option.name, text, source })
}

fn default_of(option: &Opt) -> Vec<Found<'_>> {
    let text = option.default_text();
    text.map(|text| Found { name: option.name, text, source: Source::Default }).into_iter().collect()
}

fn entry(option: &Opt, value: Option<Value>, own: Option<Found<'_>>, beneath: Vec<Found<'_>>) -> Described {
    let is_sensitive = option.is_sensitive();
    let told = |text: &str| (!is_sensitive).then(|| text.to_owned());
    let synonyms: Vec<DescribedSynonym> = own
        .into_iter()
        .chain(beneath)
        .map(|f| DescribedSynonym { name: f.name.to_owned(), value: told(&canonical(&f)), source: f.source })
        .collect();
    let is_broker = option.scope == Scope::Broker;
    Described {
        name: option.name.to_owned(),
        value: value.and_then(|v| told(&v.to_string())),
        source: synonyms.first().map_or(Source::Default, |s| s.source),
        kind: option.kind,
        is_read_only: is_broker && option.update_mode == UpdateMode::ReadOnly,
        is_sensitive,
        synonyms,
        doc: Some(option.doc),
    }
}

/// A text as its option prints it: `true` for ` TRUE `.
fn canonical(found: &Found<'_>) -> String {
    let scopes = [Scope::Broker, Scope::Topic, Scope::Group, Scope::ClientMetrics];
    let option = scopes.iter().find_map(|scope| find(*scope, found.name));
    let value = option.and_then(|option| Value::parse(option, found.text).ok());
    value.map_or_else(|| found.text.trim().to_owned(), |v| v.to_string())
}

/// An entry of a broker that is no option of brokers by its full name: one for a listener, one that exists
/// only at run time, or one that nobody knows.
fn other_broker_entry(layers: &Layers<'_>, name: &str) -> Described {
    let mut trail = layers.trail(name, &[]);
    if let Some((_, option)) = listener_option(name) {
        trail.extend(layers.trail(option.name, option.synonyms));
        let text = trail.first().map_or("", |f| f.text);
        let described = entry(option, Value::parse(option, text).ok(), None, trail);
        return Described { name: name.to_owned(), is_read_only: true, doc: None, ..described };
    }
    if let Some(option) = find(Scope::BrokerDynamicOnly, name) {
        let text = trail.first().map_or("", |f| f.text);
        return entry(option, Value::parse(option, text).ok(), None, trail);
    }
    unknown(name, &trail)
}

fn unknown(name: &str, trail: &[Found<'_>]) -> Described {
    let synonym = |f: &Found<'_>| DescribedSynonym { name: f.name.to_owned(), value: None, source: f.source };
    Described {
        name: name.to_owned(),
        value: None,
        source: trail.first().map_or(Source::Default, |f| f.source),
        kind: Type::Unknown,
        is_read_only: true,
        is_sensitive: true,
        synonyms: trail.iter().map(synonym).collect(),
        doc: None,
    }
}

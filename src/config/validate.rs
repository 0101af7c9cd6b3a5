//! Whether a value may be set at run time: the decisions behind CreateTopics, AlterConfigs and
//! IncrementalAlterConfigs.
use super::check;
use super::layers::{Layers, Overrides};
use super::option::{Opt, Scope, Type, UpdateMode};
use super::problem::{Problems, Severity};
use super::table::{find, listener_option, nearest};
use super::value::{Value, list_entries};

/// Why a setting is refused. The message names option, value and what is allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Answer with INVALID_CONFIG.
    #[error("{0}")]
    InvalidConfig(String),
    /// Answer with INVALID_REQUEST.
    #[error("{0}")]
    InvalidRequest(String),
}

/// What a dynamic broker option is set on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BrokerTarget {
    /// One broker.
    OneBroker,
    /// The default of all brokers.
    ClusterDefault,
}

fn invalid(text: String) -> ConfigError {
    ConfigError::InvalidConfig(text)
}

/// Checks one option of a topic.
///
/// # Errors
/// [`ConfigError::InvalidConfig`] for an unknown option, a value that is not allowed, or an option whose
/// feature is off.
pub fn validate_topic_config(name: &str, value: &str) -> Result<Value, ConfigError> {
    let option = known(Scope::Topic, name)?;
    parsed(option, name, value)
}

/// Checks the settings of a topic as a whole, as they would be after the change.
///
/// # Errors
/// [`ConfigError::InvalidConfig`] for the first option that is not allowed, or for two that contradict.
pub fn validate_topic_overrides(layers: &Layers<'_>, overrides: &Overrides) -> Result<(), ConfigError> {
    for (name, value) in overrides {
        validate_topic_config(name, value)?;
    }
    let int = |name: &str| {
        let option = find(Scope::Topic, name)?;
        layers.value(option, overrides)?.as_int()
    };
    let (min, max) = (int("min.compaction.lag.ms"), int("max.compaction.lag.ms"));
    if min > max && overrides.keys().any(|name| name.ends_with("compaction.lag.ms")) {
        return Err(invalid(format!(
            "min.compaction.lag.ms ({}) must not be more than max.compaction.lag.ms ({})",
            min.unwrap_or_default(),
            max.unwrap_or_default()
        )));
    }
    Ok(())
}

const CLEANER_THREADS: &str = "log.cleaner.threads";

/// Options that Kafka can alter at run time and Klamm takes only from its file: better refused than kept
/// without effect.
const AT_START_ONLY: &[&str] = &["listeners", "listener.security.protocol.map", "cordoned.log.dirs"];

/// Checks one option of a broker that is set at run time. Unknown names are kept, as in Kafka: they may
/// belong to something that is plugged in.
///
/// # Errors
/// [`ConfigError::InvalidRequest`] for an option that only a restart changes, one that must name a broker
/// or a listener, or a value that is not allowed.
pub fn validate_broker_dynamic(name: &str, value: &str, target: BrokerTarget) -> Result<(), ConfigError> {
    let refuse = |text: String| Err(ConfigError::InvalidRequest(text));
    let (option, is_per_listener) = match listener_option(name) {
        Some((_, option)) => (Some(option), true),
        None => (find(Scope::Broker, name).or_else(|| find(Scope::BrokerDynamicOnly, name)), false),
    };
    let Some(option) = option else { return Ok(()) };
    if option.update_mode == UpdateMode::ReadOnly || AT_START_ONLY.contains(&option.name) {
        return refuse(format!(
            "{name} cannot be altered while the broker runs; set it in its file and restart"
        ));
    }
    if option.name.starts_with("ssl.") && !is_per_listener {
        return refuse(format!(
            "{name} can be altered for one listener only; name it listener.name.<listener>.{name}"
        ));
    }
    if option.update_mode == UpdateMode::PerBroker && target == BrokerTarget::ClusterDefault {
        return refuse(format!("{name} differs from broker to broker; set it on one broker"));
    }
    match parsed(option, name, value) {
        Ok(_) if option.name == "max.connections.per.ip.overrides" => are_ip_overrides(name, value),
        Ok(_) => Ok(()),
        Err(why) => refuse(why.to_string()),
    }
}

/// Checks the broker's options as a whole, as they would be after a change at run time: listeners and
/// advertised listeners that fit together, and nothing that protects and is not built yet.
///
/// # Errors
/// [`ConfigError::InvalidRequest`] for the first thing that is wrong.
pub fn validate_broker_overrides(layers: &Layers<'_>) -> Result<(), ConfigError> {
    let mut problems = Problems::default();
    check::whole(layers, &mut problems);
    match problems.0.into_iter().find(|p| p.severity == Severity::Error) {
        Some(problem) => Err(ConfigError::InvalidRequest(problem.text)),
        None => Ok(()),
    }
}

/// Checks a change of the broker's options at run time: the options as a whole, and those that may only move in
/// small steps.
///
/// # Errors
/// [`ConfigError::InvalidRequest`] for the first thing that is wrong.
pub fn validate_broker_change(before: &Layers<'_>, after: &Layers<'_>) -> Result<(), ConfigError> {
    validate_broker_overrides(after)?;
    let threads = |layers: &Layers<'_>| {
        find(Scope::Broker, CLEANER_THREADS).and_then(|option| layers.broker_value(option)?.as_int())
    };
    let (old, new) = (threads(before).unwrap_or(1), threads(after).unwrap_or(1));
    if new < old / 2 || new > old.saturating_mul(2) {
        return Err(ConfigError::InvalidRequest(format!(
            "{CLEANER_THREADS}: {new} is less than half or more than twice the {old} that are there now; \
             go there in steps"
        )));
    }
    Ok(())
}

fn are_ip_overrides(name: &str, value: &str) -> Result<(), ConfigError> {
    let is_pair = |e: &String| e.rsplit_once(':').is_some_and(|(_, n)| n.trim().parse::<u32>().is_ok());
    match list_entries(value).iter().find(|e| !is_pair(e)) {
        Some(entry) => {
            Err(ConfigError::InvalidRequest(format!("{name}: `{entry}` is not of the form address:count")))
        }
        None => Ok(()),
    }
}

/// Checks one option of a group.
///
/// # Errors
/// [`ConfigError::InvalidConfig`] for an unknown option, or a value that is not allowed or outside the
/// limits that the broker sets for groups.
pub fn validate_group_config(layers: &Layers<'_>, name: &str, value: &str) -> Result<Value, ConfigError> {
    let option = known(Scope::Group, name)?;
    let value = parsed(option, name, value)?;
    let limit = |end: &str| {
        let (kind, rest) = name.split_once('.')?;
        let limit = find(Scope::Broker, &format!("group.{kind}.{end}.{}", rest.trim_start_matches("num.")))?;
        layers.broker_value(limit)?.as_int()
    };
    let Some(number) = value.as_int() else { return Ok(value) };
    let (low, high) = (limit("min"), limit("max"));
    if low.is_some_and(|low| number < low) || high.is_some_and(|high| number > high) {
        let show = |n: Option<i64>, none: &str| n.map_or_else(|| none.to_owned(), |n| n.to_string());
        let (low, high) = (show(low, "any"), show(high, "any"));
        return Err(invalid(format!(
            "{name}: {number} is outside of what this broker allows groups, {low} to {high}"
        )));
    }
    Ok(value)
}

/// Checks one option of a subscription to metrics.
///
/// # Errors
/// [`ConfigError::InvalidRequest`] for an unknown option or a bad value, [`ConfigError::InvalidConfig`] for
/// a `match` entry that is not `key=pattern`; as Kafka tells them apart.
pub fn validate_client_metrics_config(name: &str, value: &str) -> Result<Value, ConfigError> {
    let as_request = |why: ConfigError| ConfigError::InvalidRequest(why.to_string());
    let option = known(Scope::ClientMetrics, name).map_err(as_request)?;
    let value = parsed(option, name, value).map_err(as_request)?;
    let entries = value.as_list().unwrap_or_default();
    if let Some(entry) = entries.iter().find(|e| name == "match" && !e.contains('=')) {
        return Err(invalid(format!("match: `{entry}` is not of the form key=pattern")));
    }
    Ok(value)
}

/// The text of a list after entries were added to it: those that it does not hold yet, at its end.
///
/// # Errors
/// [`ConfigError::InvalidConfig`] if the option is unknown or no list.
pub fn append_to_list(scope: Scope, name: &str, current: &str, added: &str) -> Result<String, ConfigError> {
    is_list(scope, name)?;
    let mut entries = list_entries(current);
    for entry in list_entries(added) {
        if !entries.contains(&entry) {
            entries.push(entry);
        }
    }
    Ok(entries.join(","))
}

/// The text of a list after entries were taken out of it.
///
/// # Errors
/// [`ConfigError::InvalidConfig`] if the option is unknown or no list.
pub fn subtract_from_list(
    scope: Scope,
    name: &str,
    current: &str,
    taken: &str,
) -> Result<String, ConfigError> {
    is_list(scope, name)?;
    let taken = list_entries(taken);
    let mut entries = list_entries(current);
    entries.retain(|entry| !taken.contains(entry));
    Ok(entries.join(","))
}

fn is_list(scope: Scope, name: &str) -> Result<(), ConfigError> {
    let option = match listener_option(name) {
        Some((_, option)) if scope == Scope::Broker => option,
        _ => known(scope, name)?,
    };
    if option.kind == Type::List {
        return Ok(());
    }
    Err(invalid(format!("{name} is no list; entries cannot be added to it or taken out of it")))
}

fn known(scope: Scope, name: &str) -> Result<&'static Opt, ConfigError> {
    find(scope, name).ok_or_else(|| {
        let hint = nearest(scope, name).map(|n| format!("; did you mean {n}?")).unwrap_or_default();
        invalid(format!("there is no {} option {name}{hint}", scope.name()))
    })
}

fn parsed(option: &Opt, name: &str, value: &str) -> Result<Value, ConfigError> {
    Value::parse(option, value).map_err(|allowed| {
        let shown = if option.is_sensitive() { "the value" } else { &format!("`{value}`") };
        invalid(format!("{name}: {shown} is not allowed, it must be {allowed}"))
    })
}

//! From the texts that a user gives to one checked configuration, or to all that is wrong with it.
//!
//! What counts more comes later: defaults, those of a container image, the file, `KAFKA_*` variables,
//! `--override` flags.
use std::collections::BTreeMap;

use super::broker::BrokerConfig;
use super::check;
use super::environment::{CLUSTER_ID, option_of_variable};
use super::layers::{Layers, Overrides, Settings};
use super::option::{Meaning, Opt, Scope};
use super::problem::{Place, Problem, Problems, Rejected};
use super::properties::parse_properties;
use super::table::{find, listener_option, nearest, options_of, was_removed};
use super::value::Value;

/// What a configuration is made of.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sources<'a> {
    /// What stands in for options that nothing below says: see
    /// [`container_defaults`](super::container_defaults).
    pub image: &'a [(String, String)],
    /// Name and text of the `.properties` file, if there is one.
    pub file: Option<(&'a str, &'a str)>,
    /// The environment: names and values, in any order.
    pub environment: &'a [(String, String)],
    /// What stood behind each `--override`: `key=value`.
    pub overrides: &'a [String],
}

/// A configuration that starts a broker.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The typed options.
    pub broker: BrokerConfig,
    /// What was set, and where: the layer under what is set at run time.
    pub settings: Settings,
    /// `CLUSTER_ID` of the environment, for a directory that is formatted at the start.
    pub cluster_id: Option<String>,
    /// Warnings and remarks, for the log, in the order of their places.
    pub notices: Vec<Problem>,
}

/// Reads and checks a configuration.
///
/// # Errors
/// Everything that is wrong with it, at once.
pub fn load(sources: &Sources<'_>) -> Result<Loaded, Rejected> {
    let mut problems = Problems::default();
    let entries = collect(sources, &mut problems);
    let mut settings = Settings::default();
    for (name, (value, place)) in entries {
        if accept(&name, &value, &place, &mut problems) {
            settings.set(&name, &value, place);
        }
    }
    check::node_id(&mut settings, &mut problems);
    check::clamp_replication(&mut settings, &mut problems);
    let none = Overrides::new();
    let layers = Layers { fixed: &settings, cluster: &none, broker: &none };
    check::whole(&layers, &mut problems);
    problems.0.sort_by(|a, b| a.place.cmp(&b.place));
    if problems.has_errors() {
        return Err(Rejected { problems: problems.0 });
    }
    let broker = BrokerConfig::resolve(&layers);
    Ok(Loaded { broker, settings, cluster_id: cluster_id(sources.environment), notices: problems.0 })
}

fn cluster_id(environment: &[(String, String)]) -> Option<String> {
    let (_, id) = environment.iter().find(|(name, id)| name == CLUSTER_ID && !id.trim().is_empty())?;
    Some(id.trim().to_owned())
}

/// The entry that counts for each name.
fn collect(sources: &Sources<'_>, problems: &mut Problems) -> BTreeMap<String, (String, Place)> {
    let mut entries = BTreeMap::new();
    for (name, value) in sources.image {
        entries.insert(name.clone(), (value.clone(), Place::Image));
    }
    if let Some((file, text)) = sources.file {
        collect_file(file, text, &mut entries, problems);
    }
    for (variable, value) in sources.environment {
        if let Some(name) = option_of_variable(variable) {
            entries.insert(name, (value.clone(), Place::Variable(variable.clone())));
        }
    }
    for pair in sources.overrides {
        match pair.split_once('=').filter(|(name, _)| !name.trim().is_empty()) {
            Some((name, value)) => {
                entries.insert(name.trim().to_owned(), (value.to_owned(), Place::Override));
            }
            None => problems.error(&Place::Override, format!("`{pair}` is not of the form key=value")),
        }
    }
    entries
}

fn collect_file(
    file: &str,
    text: &str,
    entries: &mut BTreeMap<String, (String, Place)>,
    problems: &mut Problems,
) {
    for property in parse_properties(text) {
        let place = Place::File { name: file.to_owned(), line: property.line };
        if property.malformed {
            problems.error(
                &place,
                format!("`{}`: \\u must be followed by four hexadecimal digits", property.name),
            );
        }
        let earlier = entries.insert(property.name.clone(), (property.value, place.clone()));
        if let Some((_, Place::File { line, .. })) = earlier {
            problems.warn(&place, format!("{} stands on line {line} too; this one counts", property.name));
        }
    }
}

/// Checks one entry by itself. Whether its value is kept.
fn accept(name: &str, value: &str, place: &Place, problems: &mut Problems) -> bool {
    if let Some(option) =
        find(Scope::Broker, name).or_else(|| listener_option(name).map(|(_, option)| option))
    {
        return accept_known(option, name, value, place, problems);
    }
    if find(Scope::BrokerDynamicOnly, name).is_some() {
        problems.warn(place, format!("{name} can only be set at run time; it is passed over"));
        return false;
    }
    report_unknown(name, place, problems);
    true
}

fn accept_known(option: &Opt, name: &str, value: &str, place: &Place, problems: &mut Problems) -> bool {
    if let Err(allowed) = Value::parse(option, value) {
        let shown = if option.is_sensitive() { "the value" } else { &format!("`{}`", value.trim()) };
        problems.error(place, format!("{name}: {shown} is not allowed, it must be {allowed}"));
        return false;
    }
    let is_default =
        option.kafka_default == Some(value.trim()) || option.default_text() == Some(value.trim());
    match option.meaning {
        _ if is_default => {}
        Meaning::Active | Meaning::Protects => {}
        Meaning::Pending => {
            problems.info(place, format!("{name} is noted; what it governs is not built yet"))
        }
        Meaning::SecureListener => {
            problems.info(place, format!("{name} matters only to a listener that speaks SSL or SASL"));
        }
        Meaning::Inert(why) => problems.info(place, format!("{name} has no effect: {}", why.reason())),
    }
    true
}

/// Options of Kafka's own authorizer, which its table does not list.
const AUTHORIZER_OPTIONS: &[&str] = &["super.users", "allow.everyone.if.no.acl.found"];

/// Prefixes under which Kafka hands options to Java classes.
const PLUGIN_PREFIXES: &[&str] = &["rsm.config.", "rlmm.config.", "config.providers."];

fn report_unknown(name: &str, place: &Place, problems: &mut Problems) {
    if was_removed(name) {
        problems.info(place, format!("{name} has no effect: Kafka 4 has no such option any more"));
    } else if AUTHORIZER_OPTIONS.contains(&name) {
        problems.info(place, format!("{name} matters only with an authorizer"));
    } else if PLUGIN_PREFIXES.iter().any(|p| name.starts_with(p)) {
        problems.info(place, format!("{name} has no effect: there is no Java process here"));
    } else if let Some(broker) = broker_name_of_topic_option(name) {
        problems
            .warn(place, format!("{name} is an option of topics; the broker's default for it is {broker}"));
    } else if let Some(near) = nearest(Scope::Broker, name) {
        problems.warn(place, format!("there is no option {name}; did you mean {near}?"));
    } else {
        problems.warn(place, format!("there is no option {name}"));
    }
}

fn broker_name_of_topic_option(name: &str) -> Option<&'static str> {
    let option = options_of(Scope::Topic).find(|o| o.name == name)?;
    option.synonyms.first().map(|s| s.name)
}

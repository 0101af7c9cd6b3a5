//! The option table against the list of what Kafka has.
use crate::config::option::Valid;
use crate::config::table::all;
use crate::config::{Opt, Scope, Value, differences, find};
use std::collections::BTreeMap;

const KAFKA: &str = include_str!("../../../tests/data/config/kafka-4.4.0-options.tsv");

/// Options that can be altered at run time here and not in Kafka.
const DYNAMIC_HERE: &[&str] = &["advertised.listeners"];

/// What both sides are compared by: type, default, importance, update mode, internal.
type Facts = (String, String, String, String, bool);

fn facts_of(option: &Opt) -> Facts {
    let default = if option.required { "(required)" } else { option.kafka_default.unwrap_or("null") };
    let mode = if option.scope == Scope::Broker { option.update_mode.name() } else { "" };
    let mode = if DYNAMIC_HERE.contains(&option.name) { "read-only" } else { mode };
    (option.kind.name().into(), default.into(), option.importance.name().into(), mode.into(), option.internal)
}

#[test]
fn every_option_of_kafka_is_there_with_its_type_and_default() {
    let kafka: BTreeMap<(String, String), Facts> = KAFKA
        .lines()
        .skip(1)
        .map(|line| {
            let f: Vec<&str> = line.split('\t').collect();
            let facts = (f[2].into(), f[3].into(), f[5].into(), f[6].into(), f[7] == "true");
            ((f[0].into(), f[1].into()), facts)
        })
        .collect();
    let klamm: BTreeMap<(String, String), Facts> = all()
        .filter(|o| !o.name.starts_with("klamm."))
        .map(|o| ((o.scope.name().into(), o.name.into()), facts_of(o)))
        .collect();
    assert!(kafka.len() > 450);
    for (key, facts) in &kafka {
        assert_eq!(klamm.get(key), Some(facts), "{key:?}");
    }
    assert_eq!(klamm.len(), kafka.len(), "options that Kafka does not have must begin with klamm.");
}

#[test]
fn allowed_values_are_kafkas() {
    for line in KAFKA.lines().skip(1) {
        let f: Vec<&str> = line.split('\t').collect();
        let scope = Scope::ALL.into_iter().find(|s| s.name() == f[0]).unwrap();
        let valid = find(scope, f[1]).unwrap().valid;
        let printed = match valid {
            Valid::AtLeast(low) => format!("[{low},...]"),
            Valid::Between(low, high) => format!("[{low},...,{high}]"),
            Valid::Fraction(high) => format!("[0,...,{high}]"),
            Valid::OneOf(words) => format!("[{}]", words.join(", ")),
            Valid::OneOfAnyCase(words) => format!("(case insensitive) [{}]", words.join(", ")),
            Valid::GzipLevel => "[1,...,9] or -1".to_owned(),
            Valid::ThrottledReplicas => "[partitionId]:[brokerId],[partitionId]:[brokerId],...".to_owned(),
            Valid::OffsetReset => "[latest, earliest, by_duration:PnDTnHnMn.nS]".to_owned(),
            Valid::NonEmpty | Valid::Any => String::new(),
        };
        // "non-null" and "non-empty" are true of whatever a file can hold; the limits of interval.ms are
        // checked by Kafka outside of its table.
        let is_same = printed == f[4] || f[4].starts_with("non-") || f[1] == "interval.ms";
        assert!(is_same, "{}: {printed} is not {}", f[1], f[4]);
    }
}

#[test]
fn every_default_passes_its_own_check() {
    for option in all() {
        for text in [option.kafka_default, option.default_text()].into_iter().flatten() {
            let value = Value::parse(option, text);
            assert_eq!(value.map(|v| v.to_string()).as_deref(), Ok(text), "{}", option.name);
        }
    }
}

#[test]
fn every_doc_is_a_sentence() {
    for option in all() {
        assert!(option.doc.len() > 20 && option.doc.ends_with('.'), "{}", option.name);
    }
}

#[test]
fn synonyms_are_broker_options_with_the_same_default() {
    let none = crate::config::Overrides::new();
    let fixed = crate::config::Settings::default();
    let layers = super::layers(&fixed, &none);
    for option in all() {
        for synonym in option.synonyms {
            assert!(find(Scope::Broker, synonym.name).is_some(), "{}", synonym.name);
        }
        if matches!(option.scope, Scope::Topic | Scope::Group) {
            let value = layers.value(option, &none).map(|v| v.to_string());
            let own = option.default_text();
            assert!(value.as_deref() == own || own.is_none(), "{}: {value:?} {own:?}", option.name);
        }
    }
}

#[test]
fn differences_differ() {
    for d in differences() {
        let option = find(d.scope, d.name).unwrap();
        assert!(option.kafka_default != d.default || d.name == "advertised.listeners", "{}", d.name);
    }
}

#[test]
fn every_typed_field_reads_its_option() {
    use crate::config::{BrokerConfig, TopicConfig};
    for (scope, names) in [(Scope::Broker, BrokerConfig::OPTIONS), (Scope::Topic, TopicConfig::OPTIONS)] {
        for name in names {
            assert!(find(scope, name).is_some(), "{name}");
        }
    }
}

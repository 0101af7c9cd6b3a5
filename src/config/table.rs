//! Finding an option by its name, and the nearest one to a name that does not exist.
use std::collections::HashMap;
use std::sync::LazyLock;

use super::option::{Opt, Scope};
use super::options::{REMOVED, TABLE};

static INDEX: LazyLock<HashMap<(Scope, &'static str), &'static Opt>> =
    LazyLock::new(|| all().map(|o| ((o.scope, o.name), o)).collect());

/// Prefix of an option that holds for one listener: `listener.name.<lower-case name>.<option>`.
const LISTENER_PREFIX: &str = "listener.name.";

/// Names farther from every option than this are not worth a hint.
const FARTHEST_HINT: usize = 6;

/// Every option of every scope, in the order of the table.
pub(super) fn all() -> impl Iterator<Item = &'static Opt> {
    TABLE.iter().flat_map(|(_, options)| options.iter())
}

/// The option of that scope and name.
#[must_use]
pub fn find(scope: Scope, name: &str) -> Option<&'static Opt> {
    INDEX.get(&(scope, name)).copied()
}

/// The options of one scope, in the order of the table.
pub fn options_of(scope: Scope) -> impl Iterator<Item = &'static Opt> {
    all().filter(move |o| o.scope == scope)
}

/// Splits `listener.name.<name>.<option>` into the listener's name and the broker option.
///
/// SASL options may have the mechanism before them: `listener.name.l.plain.sasl.jaas.config`.
pub(super) fn listener_option(name: &str) -> Option<(&str, &'static Opt)> {
    let (listener, rest) = name.strip_prefix(LISTENER_PREFIX)?.split_once('.')?;
    let known = |n: &str| find(Scope::Broker, n);
    let option = known(rest).or_else(|| known(rest.split_once('.')?.1))?;
    Some((listener, option))
}

/// Whether older versions of Kafka had an option of that name.
pub(super) fn was_removed(name: &str) -> bool {
    REMOVED.contains(&name) || name.starts_with("zookeeper.")
}

/// The option of that scope whose name is nearest to `name`, if any is near.
#[must_use]
pub fn nearest(scope: Scope, name: &str) -> Option<&'static str> {
    let limit = FARTHEST_HINT.min(name.len() / 3);
    options_of(scope)
        .map(|o| (edit_distance(name, o.name), o.name))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// How many letters must be put in, taken out or replaced to turn `a` into `b`.
fn edit_distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = i;
        let mut left = i.saturating_add(1);
        for (cell, y) in row.iter_mut().skip(1).zip(b.bytes()) {
            let replaced = diagonal.saturating_add(usize::from(x != y));
            diagonal = *cell;
            *cell = replaced.min(left.saturating_add(1)).min(diagonal.saturating_add(1));
            left = *cell;
        }
        if let Some(first) = row.first_mut() {
            *first = i.saturating_add(1);
        }
    }
    row.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_name_finds_its_nearest() {
        let cases = [
            ("log.retention.hour", Some("log.retention.hours")),
            ("num.partition", Some("num.partitions")),
            ("auto.create.topic.enable", Some("auto.create.topics.enable")),
            ("foo.bar", None),
            ("x", None),
            ("", None),
        ];
        for (name, want) in cases {
            assert_eq!(nearest(Scope::Broker, name), want, "{name}");
        }
    }

    #[test]
    fn distances_are_counted_in_letters() {
        for (a, b, want) in
            [("", "", 0), ("abc", "abc", 0), ("abc", "", 3), ("", "ab", 2), ("kitten", "sitting", 3)]
        {
            assert_eq!(edit_distance(a, b), want, "{a} {b}");
        }
    }

    #[test]
    fn a_listener_prefix_leads_to_the_option() {
        let cases = [
            ("listener.name.external.max.connections", Some(("external", "max.connections"))),
            ("listener.name.sasl_ssl.plain.sasl.jaas.config", Some(("sasl_ssl", "sasl.jaas.config"))),
            ("listener.name.external.nothing", None),
            ("listener.name.external", None),
            ("max.connections", None),
        ];
        for (name, want) in cases {
            assert_eq!(listener_option(name).map(|(l, o)| (l, o.name)), want, "{name}");
        }
    }

    #[test]
    fn no_option_stands_twice() {
        assert_eq!(INDEX.len(), all().count());
    }
}

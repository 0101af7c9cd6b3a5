//! Which value is in force: a resource's own, the broker's at run time, the cluster's at run time, the
//! file's, the default; the first that is set.
use std::collections::BTreeMap;

use super::option::{Opt, Scope, Synonym, Unit};
use super::problem::Place;
use super::table::find;
use super::value::Value;

/// Values set at run time on one resource, by option.
pub type Overrides = BTreeMap<String, String>;

/// Where the value in force comes from, by Kafka's names and codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i8)]
pub enum Source {
    /// The topic.
    Topic = 1,
    /// The broker, at run time.
    DynamicBroker = 2,
    /// The default of all brokers, at run time.
    DynamicDefault = 3,
    /// The broker's file, its environment, or its command line.
    Static = 4,
    /// The default.
    Default = 5,
    /// The subscription to metrics.
    ClientMetrics = 7,
    /// The group.
    Group = 8,
}

impl Source {
    /// The code in DescribeConfigs and CreateTopics.
    #[must_use]
    pub const fn code(self) -> i8 {
        self as i8
    }
}

/// What the file, the environment and the command line set, each with its place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings(BTreeMap<String, (String, Place)>);

impl Settings {
    /// The value of an option, trimmed, if it is set.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|(value, _)| value.as_str())
    }

    /// Where an option is set; the configuration as a whole if it is not.
    #[must_use]
    pub fn place(&self, name: &str) -> Place {
        self.0.get(name).map_or(Place::Whole, |(_, place)| place.clone())
    }

    /// Every option that is set, by name.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    pub(super) fn set(&mut self, name: &str, value: &str, place: Place) {
        self.0.insert(name.to_owned(), (value.trim().to_owned(), place));
    }
}

/// The layers that lie over the defaults of broker options.
#[derive(Clone, Copy, Debug)]
pub struct Layers<'a> {
    /// File, environment and command line.
    pub fixed: &'a Settings,
    /// Defaults of all brokers, set at run time.
    pub cluster: &'a Overrides,
    /// Values of this broker, set at run time.
    pub broker: &'a Overrides,
}

/// A text found in one of the layers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found<'a> {
    pub(super) name: &'a str,
    pub(super) text: &'a str,
    pub(super) source: Source,
}

impl<'a> Layers<'a> {
    fn layer(&self, source: Source, name: &str) -> Option<&'a str> {
        match source {
            Source::DynamicBroker => self.broker.get(name).map(String::as_str),
            Source::DynamicDefault => self.cluster.get(name).map(String::as_str),
            Source::Static => self.fixed.get(name),
            Source::Default => find(Scope::Broker, name).and_then(Opt::default_text),
            _ => None,
        }
    }

    /// The value of a broker option: set under its own name, under a synonym's, or by default.
    ///
    /// A text that is not valid (only what another version stored can be) is passed over.
    #[must_use]
    pub fn broker_value(&self, option: &Opt) -> Option<Value> {
        let own = Synonym { name: option.name, unit: Unit::Same };
        self.first_of(&[&[own], option.synonyms])
    }

    /// The value of a broker option under its own name, as DescribeConfigs shows it: an unset
    /// `log.retention.ms` stays unset although `log.retention.hours` stands in for it.
    pub(super) fn broker_value_for_show(&self, option: &Opt) -> Option<Value> {
        self.first_of(&[&[Synonym { name: option.name, unit: Unit::Same }]])
    }

    /// The value of an option of a topic or group whose own settings are `overrides`.
    #[must_use]
    pub fn value(&self, option: &Opt, overrides: &Overrides) -> Option<Value> {
        overrides
            .get(option.name)
            .and_then(|text| Value::parse(option, text).ok())
            .or_else(|| self.first_of(&[option.synonyms]))
            .or_else(|| Value::parse(option, option.default_text()?).ok())
    }

    /// The first synonym that is set, else the first that has a default.
    fn first_of(&self, synonyms: &[&[Synonym]]) -> Option<Value> {
        let all = || synonyms.iter().flat_map(|s| s.iter());
        let read = |sources: &[Source], s: &Synonym| {
            let option = find(Scope::Broker, s.name)?;
            let texts = sources.iter().filter_map(|source| self.layer(*source, s.name));
            texts.filter_map(|text| Value::parse(option, text).ok()).next().and_then(|v| converted(v, s.unit))
        };
        let set = [Source::DynamicBroker, Source::DynamicDefault, Source::Static];
        all().find_map(|s| read(&set, s)).or_else(|| all().find_map(|s| read(&[Source::Default], s)))
    }

    /// Every layer that sets `name` or one of its synonyms, the strongest first, from the first one under
    /// `name` itself on: what DescribeConfigs lists.
    pub(super) fn trail(&self, name: &'a str, synonyms: &'static [Synonym]) -> Vec<Found<'a>> {
        let names: Vec<&'a str> = std::iter::once(name).chain(synonyms.iter().map(|s| s.name)).collect();
        [Source::DynamicBroker, Source::DynamicDefault, Source::Static, Source::Default]
            .into_iter()
            .flat_map(|source| names.iter().map(move |name| (source, *name)))
            .filter_map(|(source, name)| Some(Found { name, text: self.layer(source, name)?, source }))
            .skip_while(|found| found.name != name)
            .collect()
    }
}

/// The value in the unit of the option that falls back to it.
fn converted(value: Value, unit: Unit) -> Option<Value> {
    const MINUTE_MS: i64 = 60_000;
    const HOUR_MS: i64 = 3_600_000;
    Some(match (unit, value) {
        (Unit::Minutes | Unit::Hours, Value::Int(n)) if n < 0 => Value::Int(-1),
        (Unit::Minutes, Value::Int(n)) => Value::Int(n.saturating_mul(MINUTE_MS)),
        (Unit::Hours, Value::Int(n)) => Value::Int(n.saturating_mul(HOUR_MS)),
        (Unit::First, Value::List(entries)) => Value::Text(entries.into_iter().next()?),
        (_, value) => value,
    })
}

/// A field of a typed configuration, made of an option's value.
pub(super) trait Field: Sized {
    /// `None` if the value is of another type; an option's own default always fits its field.
    fn of(value: Option<Value>) -> Option<Self>;
}

macro_rules! fields {
    ($($ty:ty: $value:ident => $made:expr;)*) => {
        $(impl Field for $ty {
            fn of(value: Option<Value>) -> Option<Self> {
                let $value = value?;
                $made
            }
        })*
    };
}

fields! {
    bool: v => v.as_bool();
    i16: v => i16::try_from(v.as_int()?).ok();
    i32: v => i32::try_from(v.as_int()?).ok();
    i64: v => v.as_int();
    f64: v => v.as_double();
    String: v => Some(v.as_text()?.to_owned());
    Vec<String>: v => Some(v.as_list()?.to_vec());
}

impl<T: Field> Field for Option<T> {
    fn of(value: Option<Value>) -> Option<Self> {
        match value {
            None => Some(None),
            some => T::of(some).map(Some),
        }
    }
}

/// Declares a struct whose fields are options, and a constructor from the values that `value_of` gives.
macro_rules! typed {
    ($scope:expr; $(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $field:ident: $ty:ty = $option:literal,)* }
     $(plus { $($(#[$xdoc:meta])* $xfield:ident: $xty:ty = $make:expr,)* })?) => {
        $(#[$meta])*
        pub struct $name {
            $(#[doc = concat!("`", $option, "`.")] $(#[$doc])* pub $field: $ty,)*
            $($($(#[$xdoc])* pub $xfield: $xty,)*)?
        }

        impl $name {
            fn build(value_of: impl Fn(&crate::config::Opt) -> Option<crate::config::Value>) -> Self {
                #[allow(unused, reason = "not every struct has fields of both kinds")]
                let read = |name: &str| crate::config::find($scope, name).and_then(|option| value_of(option));
                Self {
                    $($field: crate::config::layers::Field::of(read($option)).unwrap_or_default(),)*
                    $($($xfield: ($make)(&read),)*)?
                }
            }

            /// The options behind the fields, for tests.
            #[cfg(test)]
            pub(super) const OPTIONS: &'static [&'static str] = &[$($option),*];
        }
    };
}
pub(super) use typed;

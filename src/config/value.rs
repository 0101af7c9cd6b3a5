//! Values: text to value and back, as Kafka reads and prints them.
use std::fmt;

use super::option::{Opt, Type, Valid};

/// A checked value of an option.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A BOOLEAN.
    Bool(bool),
    /// An INT, SHORT or LONG.
    Int(i64),
    /// A DOUBLE.
    Double(f64),
    /// A STRING, CLASS or PASSWORD.
    Text(String),
    /// A LIST.
    List(Vec<String>),
}

impl Value {
    /// Reads the text of an option's value and checks that the option allows it.
    ///
    /// # Errors
    /// What is allowed, fit to follow "the value must be".
    pub fn parse(option: &Opt, text: &str) -> Result<Self, String> {
        let value = Self::of_type(option.kind, text).ok_or_else(|| allowed(option))?;
        if is_valid(option.valid, &value) { Ok(value) } else { Err(allowed(option)) }
    }

    fn of_type(kind: Type, text: &str) -> Option<Self> {
        let text = text.trim();
        Some(match kind {
            Type::Boolean if text.eq_ignore_ascii_case("true") => Self::Bool(true),
            Type::Boolean if text.eq_ignore_ascii_case("false") => Self::Bool(false),
            Type::Boolean => return None,
            Type::Int => Self::Int(text.parse::<i32>().ok()?.into()),
            Type::Short => Self::Int(text.parse::<i16>().ok()?.into()),
            Type::Long => Self::Int(text.parse().ok()?),
            Type::Double => Self::Double(text.parse().ok().filter(|d: &f64| d.is_finite())?),
            Type::List => Self::List(list_entries(text)),
            Type::String | Type::Class | Type::Password | Type::Unknown => Self::Text(text.to_owned()),
        })
    }

    /// The number of an INT, SHORT or LONG.
    #[must_use]
    pub fn as_int(&self) -> Option<i64> {
        if let Self::Int(n) = self { Some(*n) } else { None }
    }

    /// The truth of a BOOLEAN.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        if let Self::Bool(b) = self { Some(*b) } else { None }
    }

    /// The number of a DOUBLE.
    #[must_use]
    pub fn as_double(&self) -> Option<f64> {
        if let Self::Double(d) = self { Some(*d) } else { None }
    }

    /// The text of a STRING, CLASS or PASSWORD.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        if let Self::Text(t) = self { Some(t) } else { None }
    }

    /// The entries of a LIST.
    #[must_use]
    pub fn as_list(&self) -> Option<&[String]> {
        if let Self::List(l) = self { Some(l) } else { None }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(b) => b.fmt(f),
            Self::Int(n) => n.fmt(f),
            Self::Double(d) => f.write_str(&java_double(*d)),
            Self::Text(t) => f.write_str(t),
            Self::List(entries) => f.write_str(&entries.join(",")),
        }
    }
}

/// The entries of a list: split at commas, trimmed; the empty text is the empty list.
pub(super) fn list_entries(text: &str) -> Vec<String> {
    if text.trim().is_empty() {
        return Vec::new();
    }
    text.split(',').map(|entry| entry.trim().to_owned()).collect()
}

/// Prints a number as Java does: plain between 0.001 and 10,000,000, else with an exponent.
fn java_double(d: f64) -> String {
    let size = d.abs();
    if size == 0.0 || (1e-3..1e7).contains(&size) {
        return format!("{d:?}");
    }
    let text = format!("{d:E}");
    match text.split_once('E') {
        Some((mantissa, exponent)) if !mantissa.contains('.') => format!("{mantissa}.0E{exponent}"),
        _ => text,
    }
}

fn is_valid(valid: Valid, value: &Value) -> bool {
    match (valid, value) {
        (Valid::Any, _) => true,
        (Valid::AtLeast(low), Value::Int(n)) => *n >= low,
        (Valid::Between(low, high), Value::Int(n)) => (low..=high).contains(n),
        (Valid::Fraction(high), Value::Double(d)) => (0.0..=high).contains(d),
        (Valid::OneOf(words), Value::Text(text)) => words.contains(&text.as_str()),
        (Valid::OneOf(words), Value::List(entries)) => entries.iter().all(|e| words.contains(&e.as_str())),
        (Valid::OneOfAnyCase(words), Value::Text(text)) => words.iter().any(|w| w.eq_ignore_ascii_case(text)),
        (Valid::GzipLevel, Value::Int(n)) => *n == -1 || (1..=9).contains(n),
        (Valid::NonEmpty, Value::Text(text)) => !text.is_empty(),
        (Valid::ThrottledReplicas, Value::List(entries)) => are_throttled_replicas(entries),
        (Valid::OffsetReset, Value::Text(text)) => is_offset_reset(text),
        _ => false,
    }
}

fn are_throttled_replicas(entries: &[String]) -> bool {
    let is_pair = |e: &String| {
        e.split_once(':').is_some_and(|(p, b)| p.parse::<u32>().is_ok() && b.parse::<u32>().is_ok())
    };
    matches!(entries, [star] if star == "*") || entries.iter().all(is_pair)
}

fn is_offset_reset(text: &str) -> bool {
    matches!(text, "earliest" | "latest") || text.strip_prefix("by_duration:").is_some_and(is_duration)
}

/// Whether the text is an ISO 8601 duration of days, hours, minutes and seconds that is not negative.
fn is_duration(text: &str) -> bool {
    let Some(body) = text.strip_prefix(['P', 'p']) else { return false };
    let (days, time) = match body.split_once(['T', 't']) {
        Some((days, time)) if !time.is_empty() => (days, time),
        Some(_) => return false,
        None => (body, ""),
    };
    !body.is_empty() && are_parts(days, "D", false) && are_parts(time, "HMS", true)
}

/// Whether the text is made of numbers, each followed by one of the letters, in their order.
fn are_parts(mut text: &str, mut letters: &str, fraction: bool) -> bool {
    while !text.is_empty() {
        let Some(end) = text.find(|c: char| c.is_ascii_alphabetic()) else { return false };
        let (number, rest) = text.split_at(end);
        let letter = rest.get(..1).unwrap_or("").to_ascii_uppercase();
        let Some((_, later)) = letters.split_once(letter.as_str()) else { return false };
        let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
        let is_number = match number.split_once('.') {
            Some((whole, part)) => fraction && letter == "S" && digits(whole) && digits(part),
            None => digits(number),
        };
        if !is_number {
            return false;
        }
        letters = later;
        text = rest.get(1..).unwrap_or("");
    }
    true
}

/// What an option allows, fit to follow "must be".
pub(super) fn allowed(option: &Opt) -> String {
    let what = match option.kind {
        Type::Boolean => "true or false",
        Type::Int => "a whole number of 32 bits",
        Type::Short => "a whole number of 16 bits",
        Type::Long => "a whole number of 64 bits",
        Type::Double => "a number",
        Type::List => "a list, separated by commas",
        Type::Class => "the name of a class",
        Type::String | Type::Password | Type::Unknown => "text",
    };
    match option.valid {
        Valid::Any => what.to_owned(),
        Valid::AtLeast(low) => format!("{what}, {low} or more"),
        Valid::Between(low, high) => format!("{what} from {low} to {high}"),
        Valid::Fraction(high) => format!("a number from 0 to {high}"),
        Valid::OneOf(words) if option.kind == Type::List => {
            format!("a list of some of: {}", words.join(", "))
        }
        Valid::OneOf(words) => format!("one of: {}", words.join(", ")),
        Valid::OneOfAnyCase(words) => format!("one of: {} (in any case)", words.join(", ")),
        Valid::GzipLevel => "a whole number from 1 to 9, or -1".to_owned(),
        Valid::NonEmpty => "text that is not empty".to_owned(),
        Valid::ThrottledReplicas => "`*`, or pairs partition:node, separated by commas".to_owned(),
        Valid::OffsetReset => "earliest, latest, or by_duration: and a duration such as PT1H30M".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::option::{boolean, double, int, list, long, short, string};
    use super::*;

    #[test]
    fn text_becomes_a_value_as_in_kafka() {
        let strings = |l: &[&str]| Some(Value::List(l.iter().map(|&s| s.to_owned()).collect()));
        let int = int("i");
        let cases = [
            (boolean("b"), " TRUE ", Some(Value::Bool(true))),
            (boolean("b"), "maybe", None),
            (int, " 7 ", Some(Value::Int(7))),
            (int, "+7", Some(Value::Int(7))),
            (int, "2147483648", None),
            (int, "0x10", None),
            (int, "1_000", None),
            (int, "", None),
            (short("s"), "32768", None),
            (long("l"), "9223372036854775807", Some(Value::Int(i64::MAX))),
            (double("d"), "0.25", Some(Value::Double(0.25))),
            (double("d"), "1.7976931348623157E308", Some(Value::Double(f64::MAX))),
            (double("d"), "abc", None),
            (list("l"), "", strings(&[])),
            (list("l"), " a , b,c ", strings(&["a", "b", "c"])),
            (list("l"), "a,,b", strings(&["a", "", "b"])),
            (string("s"), "  x y ", Some(Value::Text("x y".into()))),
            (int.at_least(3), "2", None),
            (int.between(1, 3), "3", Some(Value::Int(3))),
            (int.valid(Valid::GzipLevel), "-1", Some(Value::Int(-1))),
            (int.valid(Valid::GzipLevel), "0", None),
            (double("d").fraction(1.0), "1.01", None),
            (list("l").one_of(&["a"]), "", strings(&[])),
            (list("l").one_of(&["a"]), "a,b", None),
            (string("s").one_of_any_case(&["UP"]), "up", Some(Value::Text("up".into()))),
            (list("l").valid(Valid::ThrottledReplicas), "*", strings(&["*"])),
            (list("l").valid(Valid::ThrottledReplicas), "0:1,1:2", strings(&["0:1", "1:2"])),
            (list("l").valid(Valid::ThrottledReplicas), "a", None),
        ];
        for (option, text, want) in cases {
            assert_eq!(Value::parse(&option, text).ok(), want, "{:?} {text:?}", option.kind);
        }
    }

    #[test]
    fn numbers_print_as_in_java() {
        let cases = [
            (0.5, "0.5"),
            (1.0, "1.0"),
            (f64::MAX, "1.7976931348623157E308"),
            (2_147_483_647.0, "2.147483647E9"),
            (1e7, "1.0E7"),
            (0.0001, "1.0E-4"),
            (0.0, "0.0"),
        ];
        for (number, want) in cases {
            assert_eq!(Value::Double(number).to_string(), want);
        }
    }

    #[test]
    fn durations_back_from_now() {
        for good in ["PT1H", "P1D", "P2DT3H4M5.5S", "PT0S", "pt15m"] {
            assert!(is_offset_reset(&format!("by_duration:{good}")), "{good}");
        }
        for bad in ["", "P", "PT", "1H", "PT-1H", "P1H", "PT1D", "PT5M1H", "x", "PT1.5H", "PT1é"] {
            assert!(!is_offset_reset(&format!("by_duration:{bad}")), "{bad}");
        }
    }
}

//! One line of output, as text for people or as JSON for programs.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use crate::schema::json;

/// A line: what it is about, and named values in their order.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    kind: &'static str,
    depth: usize,
    fields: Vec<(&'static str, Value)>,
}

impl Row {
    /// An empty line about a thing of this kind.
    #[must_use]
    pub fn new(kind: &'static str) -> Self {
        Self { kind, depth: 0, fields: Vec::new() }
    }

    /// The same, for a part of the thing before it.
    #[must_use]
    pub fn part(kind: &'static str) -> Self {
        Self { kind, depth: 1, fields: Vec::new() }
    }

    /// Adds a value.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.fields.push((name, value.into()));
        self
    }

    /// Adds a value if there is one.
    #[must_use]
    pub fn with_some(self, name: &'static str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// The line for people: kind, then `name=value`; a part is set in.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut out = format!("{:width$}{}", "", self.kind, width = 2 * self.depth);
        for (name, value) in &self.fields {
            // Writing to a string does not fail.
            let _ = match value {
                Value::String(text) if is_plain(text) => write!(out, " {name}={text}"),
                other => write!(out, " {name}={other}"),
            };
        }
        out
    }

    /// The line for programs: one JSON object whose first field is `kind`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut object = Map::new();
        object.insert("kind".to_owned(), self.kind.into());
        for (name, value) in &self.fields {
            object.insert((*name).to_owned(), value.clone());
        }
        Value::Object(object)
    }
}

fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || "._-/:+@".contains(c))
}

/// Bytes that somebody else gave a meaning: text where they are UTF-8, `{"base64": ...}` where not.
#[must_use]
pub fn bytes(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(_) => {
            let mut object = Map::new();
            object.insert("base64".to_owned(), json::bytes(bytes));
            Value::Object(object)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_reads_as_text_and_as_json() {
        let row = Row::part("record")
            .with("offset", 7)
            .with("key", bytes(b"plain"))
            .with("value", bytes(b"two words\n"))
            .with("other", bytes(&[0xff, 1]))
            .with_some("absent", None::<i64>);
        assert_eq!(
            row.to_text(),
            r#"  record offset=7 key=plain value="two words\n" other={"base64":"/wE="}"#
        );
        assert_eq!(
            row.to_json().to_string(),
            r#"{"kind":"record","offset":7,"key":"plain","value":"two words\n","other":{"base64":"/wE="}}"#
        );
    }
}

//! What a line of input says: a record, in plain text or in JSON.
use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::cli::{base64, time};

/// A header: its name and its value, which may be null.
pub type Header = (Vec<u8>, Option<Vec<u8>>);

/// A record that is to be sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Input<'a> {
    /// Null if absent.
    pub key: Option<Cow<'a, [u8]>>,
    /// Null if absent.
    pub value: Option<Cow<'a, [u8]>>,
    /// In their order; names may repeat.
    pub headers: Vec<Header>,
    /// Where it must go.
    pub partition: Option<i32>,
    /// ms since 1970; now if absent.
    pub timestamp: Option<i64>,
}

/// How lines are to be read.
#[derive(Clone, Debug, Default)]
pub struct Syntax {
    /// Each line is a JSON object.
    pub json: bool,
    /// What parts key and value; without it there is no key.
    pub key_separator: Option<Vec<u8>>,
    /// Each line begins with `name:value,name:value` and a tab.
    pub line_headers: bool,
    /// A value (or key) that stands for null.
    pub null_value: Option<Vec<u8>>,
    /// Headers that every record gets, before its own.
    pub headers: Vec<Header>,
}

impl Syntax {
    /// Reads a line, which has lost its line end.
    ///
    /// # Errors
    /// A sentence about what is wrong with the line.
    pub fn read<'a>(&self, line: &'a [u8]) -> Result<Input<'a>, String> {
        let mut input = if self.json { read_json(line)? } else { self.read_plain(line)? };
        if !self.headers.is_empty() {
            let own = std::mem::take(&mut input.headers);
            input.headers = self.headers.iter().cloned().chain(own).collect();
        }
        Ok(input)
    }

    fn read_plain<'a>(&self, line: &'a [u8]) -> Result<Input<'a>, String> {
        let mut input = Input::default();
        let mut rest = line;
        if self.line_headers {
            let (headers, after) = split(line, b"\t").ok_or("there is no tab after the headers")?;
            input.headers = read_headers(headers)?;
            rest = after;
        }
        if let Some(separator) = &self.key_separator {
            let (key, value) = split(rest, separator).ok_or_else(|| {
                format!("there is no key separator {:?} in it", String::from_utf8_lossy(separator))
            })?;
            input.key = self.nullable(key);
            rest = value;
        }
        input.value = self.nullable(rest);
        Ok(input)
    }

    fn nullable<'a>(&self, bytes: &'a [u8]) -> Option<Cow<'a, [u8]>> {
        let is_null = self.null_value.as_deref() == Some(bytes);
        (!is_null).then_some(Cow::Borrowed(bytes))
    }
}

fn split<'a>(bytes: &'a [u8], separator: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = bytes.windows(separator.len().max(1)).position(|window| window == separator)?;
    let (head, rest) = bytes.split_at_checked(at)?;
    Some((head, rest.get(separator.len()..)?))
}

/// Reads `name:value,name:value`; nothing means none.
fn read_headers(text: &[u8]) -> Result<Vec<Header>, String> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let header = |part: &[u8]| {
        let (name, value) = split(part, b":").ok_or_else(|| {
            format!("{:?} is no header: write name:value,name:value", String::from_utf8_lossy(part))
        })?;
        Ok((name.to_vec(), Some(value.to_vec())))
    };
    text.split(|&byte| byte == b',').map(header).collect()
}

fn read_json(line: &[u8]) -> Result<Input<'static>, String> {
    let value: Value = serde_json::from_slice(line).map_err(|error| format!("it is no JSON: {error}"))?;
    let Value::Object(mut object) = value else { return Err("it is no JSON object".to_owned()) };
    let input = Input {
        key: bytes_field(&mut object, "key", "key_base64")?,
        value: bytes_field(&mut object, "value", "value_base64")?,
        headers: object.remove("headers").map_or(Ok(Vec::new()), json_headers)?,
        partition: integer(&mut object, "partition")?,
        timestamp: timestamp(&mut object)?,
    };
    // `klamm consume --json` writes these two; they are for the reader.
    let unknown = object.keys().find(|key| !["topic", "offset"].contains(&key.as_str()));
    match unknown {
        None => Ok(input),
        Some(key) => Err(format!(
            "it has a field {key:?}; known are key, value, key_base64, value_base64, headers, partition \
             and timestamp"
        )),
    }
}

fn bytes_field(
    object: &mut Map<String, Value>,
    plain: &str,
    encoded: &str,
) -> Result<Option<Cow<'static, [u8]>>, String> {
    let bytes = match (object.remove(plain), object.remove(encoded)) {
        (Some(_), Some(_)) => return Err(format!("it has both {plain} and {encoded}")),
        (None, Some(Value::String(text))) => Some(from_base64(&text)?),
        (None, Some(_)) => return Err(format!("{encoded} is no string")),
        (Some(value), None) => plain_bytes(value),
        (None, None) => None,
    };
    Ok(bytes.map(Cow::Owned))
}

/// A string is its characters, null is null, and anything else its JSON.
fn plain_bytes(value: Value) -> Option<Vec<u8>> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.into_bytes()),
        other => Some(other.to_string().into_bytes()),
    }
}

fn from_base64(text: &str) -> Result<Vec<u8>, String> {
    base64::decode(text).ok_or_else(|| format!("{text:?} is no base64"))
}

/// Headers as `[[name, value], ...]` or as an object; a value may be `{"base64": ...}`.
fn json_headers(value: Value) -> Result<Vec<Header>, String> {
    let pairs: Vec<(String, Value)> = match value {
        Value::Null => Vec::new(),
        Value::Object(object) => object.into_iter().collect(),
        Value::Array(items) => items.into_iter().map(json_header).collect::<Result<_, _>>()?,
        other => return Err(format!("headers are {other}, not [[name, value], ...]")),
    };
    let header = |(name, value): (String, Value)| {
        let encoded = value.get("base64").and_then(Value::as_str).map(from_base64).transpose()?;
        Ok((name.into_bytes(), encoded.or_else(|| plain_bytes(value))))
    };
    pairs.into_iter().map(header).collect()
}

fn json_header(item: Value) -> Result<(String, Value), String> {
    let wrong = format!("the header {item} is not [name, value]");
    let Value::Array(pair) = item else { return Err(wrong) };
    match <[Value; 2]>::try_from(pair) {
        Ok([Value::String(name), value]) => Ok((name, value)),
        _ => Err(wrong),
    }
}

fn integer(object: &mut Map<String, Value>, name: &str) -> Result<Option<i32>, String> {
    match object.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_i64().and_then(|n| i32::try_from(n).ok()).filter(|&n| n >= 0) {
            Some(number) => Ok(Some(number)),
            None => Err(format!("{name} is {value}, not a number >= 0")),
        },
    }
}

/// ms since 1970, or a date as people write it.
fn timestamp(object: &mut Map<String, Value>) -> Result<Option<i64>, String> {
    let Some(value) = object.remove("timestamp").filter(|value| !value.is_null()) else { return Ok(None) };
    let ms = value.as_i64().or_else(|| value.as_str().and_then(time::parse));
    ms.map(Some).ok_or_else(|| format!("timestamp is {value}, neither milliseconds nor a date"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &str) -> Option<Cow<'_, [u8]>> {
        Some(Cow::Borrowed(value.as_bytes()))
    }

    #[test]
    fn plain_lines() {
        let syntax = Syntax::default();
        assert_eq!(syntax.read(b"a\tb").unwrap(), Input { value: text("a\tb"), ..Input::default() });
        assert_eq!(syntax.read(b"").unwrap(), Input { value: text(""), ..Input::default() });
        let keyed = Syntax {
            key_separator: Some(b"::".to_vec()),
            null_value: Some(b"NULL".to_vec()),
            ..Syntax::default()
        };
        let cases = [
            ("k::v", text("k"), text("v")),
            ("::", text(""), text("")),
            ("k::NULL", text("k"), None),
            ("NULL::v::w", None, text("v::w")),
        ];
        for (line, key, value) in cases {
            assert_eq!(
                keyed.read(line.as_bytes()).unwrap(),
                Input { key, value, ..Input::default() },
                "{line}"
            );
        }
        assert!(keyed.read(b"no separator").unwrap_err().contains("\"::\""));
    }

    #[test]
    fn headers_before_a_line() {
        let syntax =
            Syntax { line_headers: true, headers: vec![(b"all".to_vec(), None)], ..Syntax::default() };
        let input = syntax.read(b"a:1,b:x:y\tvalue").unwrap();
        let header = |name: &str, value: &str| (name.as_bytes().to_vec(), Some(value.as_bytes().to_vec()));
        assert_eq!(input.headers, [(b"all".to_vec(), None), header("a", "1"), header("b", "x:y")]);
        assert_eq!(input.value, text("value"));
        assert_eq!(syntax.read(b"\tvalue").unwrap().headers.len(), 1);
        assert!(syntax.read(b"value").is_err());
        assert!(syntax.read(b"a\tvalue").is_err());
    }

    #[test]
    fn json_lines() {
        let syntax = Syntax { json: true, ..Syntax::default() };
        let line =
            br#"{"key":"k","value_base64":"/w==","headers":[["a","1"],["a",null],["b",{"base64":"AA=="}]],
            "partition":3,"timestamp":"1970-01-01T00:00:01Z","topic":"t","offset":9}"#;
        assert_eq!(
            syntax.read(line).unwrap(),
            Input {
                key: text("k"),
                value: Some(Cow::Borrowed(&[0xff])),
                headers: vec![
                    (b"a".to_vec(), Some(b"1".to_vec())),
                    (b"a".to_vec(), None),
                    (b"b".to_vec(), Some(vec![0])),
                ],
                partition: Some(3),
                timestamp: Some(1_000),
            }
        );
        assert_eq!(syntax.read(b"{}").unwrap(), Input::default());
        assert_eq!(syntax.read(br#"{"value":{"a":[1]}}"#).unwrap().value, text(r#"{"a":[1]}"#));
        for bad in [
            "",
            "[]",
            r#"{"vlaue":1}"#,
            r#"{"value":1,"value_base64":"AA=="}"#,
            r#"{"value_base64":"?"}"#,
            r#"{"partition":-1}"#,
            r#"{"timestamp":"soon"}"#,
            r#"{"headers":[["a"]]}"#,
            r#"{"headers":7}"#,
        ] {
            assert!(syntax.read(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}

//! How a record is printed.
use std::io::{self, Write};

use serde_json::{Map, Value, json};

use crate::cli::{base64, escape, time};
use crate::record::{Record, RecordHeader};

/// A place in a template that the record fills.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Bytes as they stand.
    Text(Vec<u8>),
    /// `%t`
    Topic,
    /// `%p`
    Partition,
    /// `%o`
    Offset,
    /// `%k`
    Key,
    /// `%v` or `%s`
    Value,
    /// `%h`
    Headers,
    /// `%T`: ms since 1970
    Timestamp,
    /// `%D`: as a date
    Date,
    /// `%K`: bytes, -1 if null
    KeySize,
    /// `%S`: bytes, -1 if null
    ValueSize,
}

/// How a record is printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Layout {
    /// The parts, with this text for null.
    Parts(Vec<Part>, Vec<u8>),
    /// One JSON object per line; `klamm produce --json` reads it.
    Json,
}

/// Reads a template: `%` and a letter, escapes, and text.
///
/// # Errors
/// A sentence about what is wrong with it.
pub fn template(text: &str) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((plain, after)) = rest.split_once('%') {
        push_text(&mut parts, &escape::unescape(plain)?);
        let letter = after.chars().next().unwrap_or(' ');
        match letter {
            't' => parts.push(Part::Topic),
            'p' => parts.push(Part::Partition),
            'o' => parts.push(Part::Offset),
            'k' => parts.push(Part::Key),
            'v' | 's' => parts.push(Part::Value),
            'h' => parts.push(Part::Headers),
            'T' => parts.push(Part::Timestamp),
            'D' => parts.push(Part::Date),
            'K' => parts.push(Part::KeySize),
            'S' => parts.push(Part::ValueSize),
            '%' => push_text(&mut parts, b"%"),
            _ => return Err(format!("%{letter} is none of %t %p %o %k %v %h %T %D %K %S %%")),
        }
        rest = after.get(letter.len_utf8()..).unwrap_or_default();
    }
    push_text(&mut parts, &escape::unescape(rest)?);
    Ok(parts)
}

fn push_text(parts: &mut Vec<Part>, text: &[u8]) {
    if !text.is_empty() {
        parts.push(Part::Text(text.to_vec()));
    }
}

/// Where a record was read.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The topic.
    pub topic: &'a str,
    /// The partition.
    pub partition: i32,
}

impl Layout {
    /// Prints a record.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write(&self, out: &mut dyn Write, place: Place<'_>, record: &Record<'_>) -> io::Result<()> {
        match self {
            Self::Json => {
                serde_json::to_writer(&mut *out, &document(place, record))?;
                out.write_all(b"\n")
            }
            Self::Parts(parts, null) => {
                parts.iter().try_for_each(|part| write_part(out, part, null, place, record))
            }
        }
    }
}

fn write_part(
    out: &mut dyn Write,
    part: &Part,
    null: &[u8],
    place: Place<'_>,
    record: &Record<'_>,
) -> io::Result<()> {
    let size =
        |bytes: Option<&[u8]>| bytes.map_or(-1, |bytes| i64::try_from(bytes.len()).unwrap_or(i64::MAX));
    match part {
        Part::Text(text) => out.write_all(text),
        Part::Topic => out.write_all(place.topic.as_bytes()),
        Part::Partition => write!(out, "{}", place.partition),
        Part::Offset => write!(out, "{}", record.offset),
        Part::Key => out.write_all(record.key.unwrap_or(null)),
        Part::Value => out.write_all(record.value.unwrap_or(null)),
        Part::Headers => write_headers(out, null, record),
        Part::Timestamp => write!(out, "{}", record.timestamp),
        Part::Date => out.write_all(time::format(record.timestamp.get()).as_bytes()),
        Part::KeySize => write!(out, "{}", size(record.key)),
        Part::ValueSize => write!(out, "{}", size(record.value)),
    }
}

/// `name:value,name:value`, as `klamm produce --line-headers` reads it.
fn write_headers(out: &mut dyn Write, null: &[u8], record: &Record<'_>) -> io::Result<()> {
    for (at, RecordHeader { key, value }) in record.headers.clone().enumerate() {
        if at > 0 {
            out.write_all(b",")?;
        }
        out.write_all(key)?;
        out.write_all(b":")?;
        out.write_all(value.unwrap_or(null))?;
    }
    Ok(())
}

fn document(place: Place<'_>, record: &Record<'_>) -> Value {
    let mut object = Map::new();
    object.insert("topic".into(), place.topic.into());
    object.insert("partition".into(), place.partition.into());
    object.insert("offset".into(), record.offset.get().into());
    object.insert("timestamp".into(), record.timestamp.get().into());
    for (plain, encoded, bytes) in
        [("key", "key_base64", record.key), ("value", "value_base64", record.value)]
    {
        match bytes.map(|bytes| (bytes, std::str::from_utf8(bytes))) {
            None => object.insert(plain.into(), Value::Null),
            Some((_, Ok(text))) => object.insert(plain.into(), text.into()),
            Some((bytes, Err(_))) => object.insert(encoded.into(), base64::encode(bytes).into()),
        };
    }
    let header = |RecordHeader { key, value }| -> Value {
        let value = match value.map(|bytes| (bytes, std::str::from_utf8(bytes))) {
            None => Value::Null,
            Some((_, Ok(text))) => text.into(),
            Some((bytes, Err(_))) => json!({ "base64": base64::encode(bytes) }),
        };
        json!([String::from_utf8_lossy(key), value])
    };
    object.insert("headers".into(), record.headers.clone().map(header).collect());
    Value::Object(object)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{BatchBuilder, BatchView, NewRecord};
    use crate::types::Timestamp;

    fn print(layout: &Layout, record: &NewRecord<'_>) -> Vec<u8> {
        let mut builder = BatchBuilder::default();
        builder.push(record);
        let bytes = builder.build().unwrap().to_vec();
        let view = BatchView::parse(&bytes).unwrap();
        let payload = view.payload(1024).unwrap();
        let record = view.records(&payload).next().unwrap().unwrap();
        let mut out = Vec::new();
        layout.write(&mut out, Place { topic: "t", partition: 3 }, &record).unwrap();
        out
    }

    fn example<'a>(headers: &'a [RecordHeader<'a>]) -> NewRecord<'a> {
        NewRecord { timestamp: Timestamp(1_000), key: None, value: Some(b"v\xff"), headers }
    }

    #[test]
    fn templates_are_filled() {
        let headers =
            [RecordHeader { key: b"a", value: Some(b"1") }, RecordHeader { key: b"a", value: None }];
        let parts = template(r"%t/%p@%o %k|%v|%s %h %T %D %K %S 100%%\n").unwrap();
        let line = print(&Layout::Parts(parts, b"-".to_vec()), &example(&headers));
        assert_eq!(line, b"t/3@0 -|v\xff|v\xff a:1,a:- 1000 1970-01-01T00:00:01.000Z -1 2 100%\n");
        for bad in ["%", "%x", "%é", r"\q"] {
            assert!(template(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn json_keeps_every_byte() {
        let headers =
            [RecordHeader { key: b"a", value: Some(b"\xfe") }, RecordHeader { key: b"b", value: Some(b"x") }];
        let line = String::from_utf8(print(&Layout::Json, &example(&headers))).unwrap();
        assert_eq!(
            line,
            "{\"topic\":\"t\",\"partition\":3,\"offset\":0,\"timestamp\":1000,\"key\":null,\
             \"value_base64\":\"dv8=\",\"headers\":[[\"a\",{\"base64\":\"/g==\"}],[\"b\",\"x\"]]}\n"
        );
    }
}

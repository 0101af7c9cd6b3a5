//! Kafka's schema files as data.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

pub type Error = Box<dyn std::error::Error>;

/// A range of versions as the schemas write it: `3`, `0-4`, `2+`, `none`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Versions {
    pub low: i16,
    pub high: i16,
}

impl Versions {
    pub const NONE: Self = Self { low: 0, high: -1 };

    pub fn parse(text: &str) -> Result<Self, Error> {
        if text == "none" {
            return Ok(Self::NONE);
        }
        if let Some(low) = text.strip_suffix('+') {
            return Ok(Self { low: low.parse()?, high: i16::MAX });
        }
        Ok(match text.split_once('-') {
            Some((low, high)) => Self { low: low.parse()?, high: high.parse()? },
            None => Self { low: text.parse()?, high: text.parse()? },
        })
    }

    pub fn is_empty(self) -> bool {
        self.high < self.low
    }

    pub fn intersect(self, other: Self) -> Self {
        Self { low: self.low.max(other.low), high: self.high.min(other.high) }
    }

    pub fn contains(self, other: Self) -> bool {
        other.is_empty() || (self.low <= other.low && other.high <= self.high)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    Bool,
    Int8,
    Int16,
    Uint16,
    Int32,
    Uint32,
    Int64,
    Float64,
    String,
    Bytes,
    Records,
    Uuid,
    Struct(String),
    Array(Box<Type>),
}

impl Type {
    fn parse(text: &str) -> Self {
        if let Some(element) = text.strip_prefix("[]") {
            return Self::Array(Box::new(Self::parse(element)));
        }
        match text {
            "bool" => Self::Bool,
            "int8" => Self::Int8,
            "int16" => Self::Int16,
            "uint16" => Self::Uint16,
            "int32" => Self::Int32,
            "uint32" => Self::Uint32,
            "int64" => Self::Int64,
            "float64" => Self::Float64,
            "string" => Self::String,
            "bytes" => Self::Bytes,
            "records" => Self::Records,
            "uuid" => Self::Uuid,
            name => Self::Struct(name.to_owned()),
        }
    }
}

#[derive(Clone, Debug)]
pub struct Field {
    pub name: String,
    pub ty: Type,
    pub versions: Versions,
    pub tagged: Versions,
    pub tag: Option<u32>,
    pub nullable: Versions,
    pub flexible: Option<Versions>,
    pub default: Option<String>,
    pub about: String,
}

#[derive(Clone, Debug)]
pub struct Struct {
    pub name: String,
    pub fields: Vec<Field>,
    /// Whether it holds strings, bytes or records, and so borrows.
    pub borrows: bool,
}

#[derive(Clone, Debug)]
pub struct Message {
    pub folder: &'static str,
    pub name: String,
    pub kind: String,
    pub api_key: Option<i16>,
    pub valid: Versions,
    pub flexible: Versions,
    pub listeners: Vec<String>,
    pub latest_unstable: bool,
    /// The message itself comes last.
    pub structs: Vec<Struct>,
}

impl Message {
    /// Whether tools show it as JSON: what lies in logs, not what only passes over the wire.
    pub fn has_json(&self) -> bool {
        self.folder != "clients" || self.kind == "data"
    }
}

pub fn read_folder(path: &Path, folder: &'static str) -> Result<Vec<Message>, Error> {
    let mut files: Vec<_> =
        std::fs::read_dir(path)?.map(|e| e.map(|e| e.path())).collect::<Result<_, _>>()?;
    files.sort();
    let mut out = Vec::new();
    for file in files.iter().filter(|f| f.extension().is_some_and(|e| e == "json")) {
        let text = std::fs::read_to_string(file)?;
        let bare: String =
            text.lines().filter(|l| !l.trim_start().starts_with("//")).map(|l| format!("{l}\n")).collect();
        let json: Value = serde_json::from_str(&bare).map_err(|e| format!("{}: {e}", file.display()))?;
        if json["validVersions"] != "none" {
            out.push(message(&json, folder).map_err(|e| format!("{}: {e}", file.display()))?);
        }
    }
    Ok(out)
}

fn text<'a>(json: &'a Value, key: &str) -> Result<&'a str, Error> {
    json[key].as_str().ok_or_else(|| format!("no {key} in {json}").into())
}

fn versions(json: &Value, key: &str, absent: Versions) -> Result<Versions, Error> {
    json[key].as_str().map_or(Ok(absent), Versions::parse)
}

fn message(json: &Value, folder: &'static str) -> Result<Message, Error> {
    let name = text(json, "name")?.to_owned();
    let mut structs = Vec::new();
    for common in json["commonStructs"].as_array().into_iter().flatten() {
        collect(common, text(common, "name")?, &mut structs)?;
    }
    collect(json, &name, &mut structs)?;
    mark_borrowing(&mut structs);
    Ok(Message {
        folder,
        name,
        kind: text(json, "type")?.to_owned(),
        api_key: json["apiKey"].as_i64().and_then(|k| i16::try_from(k).ok()),
        valid: Versions::parse(text(json, "validVersions")?)?,
        flexible: versions(json, "flexibleVersions", Versions::NONE)?,
        listeners: json["listeners"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|l| l.as_str().map(str::to_owned))
            .collect(),
        latest_unstable: json["latestVersionUnstable"].as_bool().unwrap_or(false),
        structs,
    })
}

/// Adds the struct that `json` describes behind the structs of its fields.
fn collect(json: &Value, name: &str, out: &mut Vec<Struct>) -> Result<(), Error> {
    let mut fields = Vec::new();
    for field in json["fields"].as_array().into_iter().flatten() {
        let ty = Type::parse(text(field, "type")?);
        if field["fields"].is_array() {
            let mut inner = &ty;
            while let Type::Array(element) = inner {
                inner = element;
            }
            if let Type::Struct(inner) = inner {
                collect(field, inner, out)?;
            }
        }
        let tagged = versions(field, "taggedVersions", Versions::NONE)?;
        fields.push(Field {
            name: text(field, "name")?.to_owned(),
            versions: versions(field, "versions", tagged)?,
            tagged,
            tag: field["tag"].as_u64().and_then(|t| u32::try_from(t).ok()),
            nullable: versions(field, "nullableVersions", Versions::NONE)?,
            flexible: field["flexibleVersions"].as_str().map(Versions::parse).transpose()?,
            default: match &field["default"] {
                Value::Null => None,
                Value::String(s) => Some(s.clone()),
                other => Some(other.to_string()),
            },
            about: field["about"].as_str().unwrap_or_default().to_owned(),
            ty,
        });
    }
    out.push(Struct { name: name.to_owned(), fields, borrows: false });
    Ok(())
}

fn mark_borrowing(structs: &mut [Struct]) {
    let mut borrowing = BTreeSet::new();
    loop {
        let before = borrowing.len();
        for s in structs.iter() {
            if s.fields.iter().any(|f| borrows(&f.ty, &borrowing)) {
                borrowing.insert(s.name.clone());
            }
        }
        if borrowing.len() == before {
            break;
        }
    }
    for s in structs {
        s.borrows = borrowing.contains(&s.name);
    }
}

fn borrows(ty: &Type, structs: &BTreeSet<String>) -> bool {
    match ty {
        Type::String | Type::Bytes | Type::Records => true,
        Type::Struct(name) => structs.contains(name),
        Type::Array(element) => borrows(element, structs),
        _ => false,
    }
}

/// `TopicId` becomes `topic_id`, `KRaftVersion` becomes `kraft_version`.
pub fn snake(name: &str) -> String {
    let name = name.replace("KRaft", "Kraft");
    let chars: Vec<char> = name.chars().collect();
    let mut out = String::new();
    for (i, c) in chars.iter().enumerate() {
        let after_lower = i > 0 && !chars[i - 1].is_uppercase();
        let before_lower = i > 0 && chars.get(i + 1).is_some_and(|n| n.is_lowercase());
        if c.is_uppercase() && (after_lower || before_lower) && !out.is_empty() {
            out.push('_');
        }
        out.extend(c.to_lowercase());
    }
    match out.as_str() {
        "type" | "match" => format!("r#{out}"),
        _ => out,
    }
}

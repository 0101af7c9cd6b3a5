//! A codec that reads Kafka's schema files at run time: messages as JSON, in every version.
//!
//! It shares no code with the generated one beyond the primitive types, so what a scenario sends
//! and what it reads is a second opinion on the generated messages too.

use std::collections::HashMap;
use std::path::Path;
use std::sync::OnceLock;

use klamm_schema::{DecodeError, Reader, Writer};
use serde_json::{Map, Value};

use crate::model::{self, Field, Message, Type, Versions};

/// One API: its request and response schema.
pub struct Api {
    /// Number on the wire.
    pub key: i16,
    /// First flexible version.
    flexible: Versions,
    /// Lowest and highest stable version.
    pub versions: (i16, i16),
    request: Message,
    response: Message,
}

/// All APIs by name, from the schema files of the repository.
fn apis() -> &'static HashMap<String, Api> {
    static APIS: OnceLock<HashMap<String, Api>> = OnceLock::new();
    APIS.get_or_init(|| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/schema/kafka/clients");
        let mut messages: HashMap<String, Message> = model::read_folder(&folder, "clients")
            .expect("the schema files are whole")
            .into_iter()
            .map(|m| (m.name.clone(), m))
            .collect();
        let names: Vec<String> =
            messages.keys().filter_map(|n| n.strip_suffix("Request").map(str::to_owned)).collect();
        names
            .into_iter()
            .filter_map(|name| {
                let request = messages.remove(&format!("{name}Request"))?;
                let response = messages.remove(&format!("{name}Response"))?;
                let key = request.api_key?;
                let high = request.valid.high - i16::from(request.latest_unstable);
                let api = Api {
                    key,
                    flexible: request.flexible,
                    versions: (request.valid.low, high),
                    request,
                    response,
                };
                Some((name, api))
            })
            .collect()
    })
}

impl Api {
    /// Finds an API by Kafka's name of it.
    ///
    /// # Panics
    /// When there is none: a typing error in a script.
    #[must_use]
    pub fn named(name: &str) -> &'static Self {
        apis().get(name).unwrap_or_else(|| panic!("no API is named {name}"))
    }

    /// Whether `version` is a flexible one (KIP-482).
    #[must_use]
    pub fn is_flexible(&self, version: i16) -> bool {
        contains(self.flexible, version)
    }

    /// Encodes a request body; fields that `body` lacks get their defaults.
    ///
    /// # Panics
    /// When `body` has a field that the schema does not know, or a value of the wrong type.
    #[must_use]
    pub fn encode_request(&self, body: &Value, version: i16) -> Vec<u8> {
        let mut w = Writer::new();
        let codec = Codec { message: &self.request, version, flexible: self.is_flexible(version) };
        codec.encode(&self.request.name, body, &mut w);
        w.buf
    }

    /// Decodes a response body, to its last byte.
    ///
    /// # Errors
    /// When the bytes are not that message.
    pub fn decode_response(&self, bytes: &[u8], version: i16) -> Result<Value, DecodeError> {
        let mut r = Reader::new(bytes);
        let flexible = contains(self.response.flexible, version);
        let codec = Codec { message: &self.response, version, flexible };
        let value = codec.decode(&self.response.name, &mut r)?;
        r.finish()?;
        Ok(value)
    }
}

fn contains(range: Versions, version: i16) -> bool {
    (range.low..=range.high).contains(&version)
}

/// `TopicId` becomes `topicId`.
fn key_of(field: &Field) -> String {
    let mut key = field.name.clone();
    key[..1].make_ascii_lowercase();
    key
}

struct Codec<'m> {
    message: &'m Message,
    version: i16,
    flexible: bool,
}

impl Codec<'_> {
    fn fields(&self, name: &str) -> &[Field] {
        let found = self.message.structs.iter().find(|s| s.name == name);
        &found.unwrap_or_else(|| panic!("{} has no struct {name}", self.message.name)).fields
    }

    fn flexible_of(&self, field: &Field) -> bool {
        field.flexible.map_or(self.flexible, |range| contains(range, self.version))
    }

    fn is_tagged(&self, field: &Field) -> bool {
        field.tag.is_some() && contains(field.tagged, self.version)
    }

    fn encode(&self, name: &str, value: &Value, w: &mut Writer) {
        let fields = self.fields(name);
        let object = value.as_object().unwrap_or_else(|| panic!("{name} must be an object, not {value}"));
        for key in object.keys() {
            assert!(fields.iter().any(|f| key_of(f) == *key), "{name} has no field {key}");
        }
        let given = |f: &Field| object.get(&key_of(f)).cloned().unwrap_or_else(|| default_of(f));
        let present = fields.iter().filter(|f| contains(f.versions, self.version));
        for f in present.filter(|f| !self.is_tagged(f)) {
            self.encode_field(f, &given(f), false, w);
        }
        if self.flexible {
            let tagged = fields.iter().filter(|f| self.is_tagged(f));
            let mut set: Vec<(&Field, Value)> =
                tagged.map(|f| (f, given(f))).filter(|(f, v)| *v != default_of(f)).collect();
            set.sort_by_key(|(f, _)| f.tag);
            w.uvarint(u32::try_from(set.len()).unwrap());
            for (f, value) in set {
                w.tagged_field(f.tag.unwrap_or(0), |w| self.encode_field(f, &value, true, w));
            }
        }
    }

    fn encode_field(&self, f: &Field, value: &Value, tagged: bool, w: &mut Writer) {
        let flexible = self.flexible_of(f);
        let nullable = contains(f.nullable, self.version) || f.ty == Type::Records;
        assert!(nullable || !value.is_null(), "{} is not nullable in version {}", f.name, self.version);
        if nullable && let Type::Struct(_) = f.ty {
            match (value.is_null(), tagged) {
                (true, true) => return w.uvarint(0),
                (true, false) => return w.i8(-1),
                (false, true) => w.uvarint(1),
                (false, false) => w.i8(1),
            }
        }
        if value.is_null() {
            return match f.ty {
                Type::String => w.nullable_string(None, flexible),
                Type::Bytes | Type::Records => w.nullable_bytes(None, flexible),
                _ => w.nullable_array::<u8>(None, flexible, |_, _| ()),
            };
        }
        self.encode_value(&f.ty, value, flexible, w);
    }

    fn encode_value(&self, ty: &Type, value: &Value, flexible: bool, w: &mut Writer) {
        let int = || value.as_i64().unwrap_or_else(|| panic!("{value} is not a whole number"));
        let text = || value.as_str().unwrap_or_else(|| panic!("{value} is not a string"));
        match ty {
            Type::Bool => w.bool(value.as_bool().unwrap_or_else(|| panic!("{value} is not a bool"))),
            Type::Int8 => w.i8(int().try_into().unwrap()),
            Type::Int16 => w.i16(int().try_into().unwrap()),
            Type::Uint16 => w.u16(int().try_into().unwrap()),
            Type::Int32 => w.i32(int().try_into().unwrap()),
            Type::Uint32 => w.u32(int().try_into().unwrap()),
            Type::Int64 => w.i64(int()),
            Type::Float64 => w.f64(value.as_f64().unwrap()),
            Type::String => w.string(text(), flexible),
            Type::Bytes | Type::Records => w.bytes(&bytes_of(text()), flexible),
            Type::Uuid => w.uuid(&uuid_of(text())),
            Type::Struct(name) => self.encode(name, value, w),
            Type::Array(element) => {
                let items = value.as_array().unwrap_or_else(|| panic!("{value} is not an array"));
                w.array(items, flexible, |w, item| self.encode_value(element, item, flexible, w));
            }
        }
    }

    fn decode(&self, name: &str, r: &mut Reader<'_>) -> Result<Value, DecodeError> {
        let mut object = Map::new();
        let fields = self.fields(name);
        let present = fields.iter().filter(|f| contains(f.versions, self.version));
        for f in present.filter(|f| !self.is_tagged(f)) {
            object.insert(key_of(f), self.decode_field(f, false, r)?);
        }
        if self.flexible {
            let mut unknown = Vec::new();
            for f in fields.iter().filter(|f| self.is_tagged(f)) {
                object.insert(key_of(f), default_of(f));
            }
            r.tagged_fields(&mut unknown, |tag, r| {
                let field = fields.iter().find(|f| self.is_tagged(f) && f.tag == Some(tag));
                let Some(f) = field else { return Ok(false) };
                object.insert(key_of(f), self.decode_field(f, true, r)?);
                Ok(true)
            })?;
            for field in unknown {
                object.insert(format!("tag {}", field.tag), Value::from(hex(&field.data)));
            }
        }
        Ok(Value::Object(object))
    }

    fn decode_field(&self, f: &Field, tagged: bool, r: &mut Reader<'_>) -> Result<Value, DecodeError> {
        let flexible = self.flexible_of(f);
        if !contains(f.nullable, self.version) && f.ty != Type::Records {
            return self.decode_value(&f.ty, flexible, r);
        }
        let value = match &f.ty {
            Type::String => r.nullable_string(flexible)?.map(|s| Value::from(s.as_ref())),
            Type::Bytes => r.nullable_bytes(flexible)?.map(|b| Value::from(hex(&b))),
            Type::Records => r.records(flexible)?.map(|b| crate::batch::describe(b.as_bytes())),
            Type::Array(element) => {
                r.nullable_array(flexible, |r| self.decode_value(element, flexible, r))?.map(Value::Array)
            }
            Type::Struct(name) if tagged => r.nullable_tagged_struct(|r| self.decode(name, r))?,
            Type::Struct(name) => r.nullable_struct(|r| self.decode(name, r))?,
            other => panic!("{other:?} cannot be null"),
        };
        Ok(value.unwrap_or(Value::Null))
    }

    fn decode_value(&self, ty: &Type, flexible: bool, r: &mut Reader<'_>) -> Result<Value, DecodeError> {
        Ok(match ty {
            Type::Bool => r.bool()?.into(),
            Type::Int8 => r.i8()?.into(),
            Type::Int16 => r.i16()?.into(),
            Type::Uint16 => r.u16()?.into(),
            Type::Int32 => r.i32()?.into(),
            Type::Uint32 => r.u32()?.into(),
            Type::Int64 => r.i64()?.into(),
            Type::Float64 => r.f64()?.into(),
            Type::String => r.string(flexible)?.as_ref().into(),
            Type::Bytes => hex(&r.bytes(flexible)?).into(),
            Type::Records => Value::Null,
            Type::Uuid => hex(&r.uuid()?).into(),
            Type::Struct(name) => self.decode(name, r)?,
            Type::Array(element) => {
                Value::Array(r.array(flexible, |r| self.decode_value(element, flexible, r))?)
            }
        })
    }
}

fn default_of(f: &Field) -> Value {
    let given = f.default.as_deref().filter(|d| !d.is_empty());
    match (&f.ty, given) {
        (_, Some("null")) | (Type::Records, None) => Value::Null,
        (Type::Bool, d) => Value::from(d.is_some_and(|d| d.eq_ignore_ascii_case("true"))),
        (Type::String | Type::Bytes, d) => Value::from(d.unwrap_or("")),
        (Type::Uuid, _) => Value::from(hex(&[0; 16])),
        (Type::Float64, d) => Value::from(d.unwrap_or("0").parse::<f64>().unwrap()),
        (Type::Struct(_), _) => Value::Object(Map::new()),
        (Type::Array(_), _) => Value::Array(Vec::new()),
        (_, d) => Value::from(number(d.unwrap_or("0"))),
    }
}

fn number(text: &str) -> i64 {
    match text.strip_prefix("0x") {
        Some(digits) => i64::from_str_radix(digits, 16).unwrap(),
        None => text.parse().unwrap_or_else(|_| panic!("{text} is not a number")),
    }
}

/// Bytes in a script and in a reply: `hex:` and digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold("hex:".to_owned(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The bytes that a string of a script means: `hex:` and digits, or else its own UTF-8.
///
/// # Panics
/// When what follows `hex:` is not pairs of digits.
#[must_use]
pub fn bytes_of(text: &str) -> Vec<u8> {
    let Some(digits) = text.strip_prefix("hex:") else { return text.as_bytes().to_vec() };
    let digits: Vec<u8> = digits.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    let pair = |p: &[u8]| u8::from_str_radix(std::str::from_utf8(p).unwrap(), 16).unwrap();
    digits.chunks(2).map(pair).collect()
}

fn uuid_of(text: &str) -> [u8; 16] {
    bytes_of(text).try_into().unwrap_or_else(|_| panic!("{text} is not an id of 16 bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use klamm_schema::MESSAGES;

    /// The generated codec and this one read the same bytes the same way.
    #[test]
    fn default_requests_are_those_of_the_generated_codec() {
        let mut compared = 0;
        for m in MESSAGES.iter().filter(|m| m.room == "clients") {
            let Some(name) = m.name.strip_suffix("Request") else { continue };
            let api = Api::named(name);
            for version in m.min_version..=m.max_version {
                let ours = api.encode_request(&Value::Object(Map::new()), version);
                assert_eq!(ours, (m.encode_default)(version), "{name} v{version}");
                compared += 1;
            }
        }
        assert!(compared > 200);
    }

    #[test]
    fn default_responses_of_the_generated_codec_are_read_to_the_end() {
        for m in MESSAGES.iter().filter(|m| m.room == "clients") {
            let Some(name) = m.name.strip_suffix("Response") else { continue };
            for version in m.min_version..=m.max_version {
                let bytes = (m.encode_default)(version);
                let got = Api::named(name).decode_response(&bytes, version);
                assert!(got.is_ok(), "{name} v{version}: {got:?}");
            }
        }
    }
}

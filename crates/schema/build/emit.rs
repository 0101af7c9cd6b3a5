//! Writes a struct with `decode`, `encode`, `Default` and `into_static` for each schema.

use std::collections::HashMap;
use std::fmt::Write;

use crate::model::{Field, Message, Struct, Type, Versions, snake};

pub fn all(messages: &[Message]) -> String {
    let mut out = String::new();
    let mut folder = "";
    for message in messages {
        if message.folder != folder {
            if !folder.is_empty() {
                out.push_str("}\n");
            }
            folder = message.folder;
            let _ = writeln!(
                out,
                "/// Messages of Kafka's schema folder `{folder}`.\n#[allow(missing_docs, clippy::all, clippy::pedantic, rustdoc::all, unused_variables, unused_mut, unused_imports, unused_parens, unused_braces)]\npub mod {} {{",
                folder.replace('-', "_")
            );
            if folder == "metadata" {
                metadata_record(messages, &mut out);
            }
        }
        Emitter::new(message).message(&mut out);
    }
    out.push_str("}\n");
    out
}

/// The union of the metadata records, which a log frames by number and version.
fn metadata_record(messages: &[Message], out: &mut String) {
    let records: Vec<&Message> = messages.iter().filter(|m| m.folder == "metadata").collect();
    let ty = |m: &Message| {
        let lifetime = if m.structs.last().is_some_and(|s| s.borrows) { "<'a>" } else { "" };
        format!("{}::{}{lifetime}", snake(&m.name), m.name)
    };
    let variant = |m: &Message| m.name.trim_end_matches("Record").to_owned();
    out.push_str("#[derive(Clone, Debug, PartialEq)]\npub enum MetadataRecord<'a> {\n");
    for m in &records {
        let _ = writeln!(out, "    {}({}),", variant(m), ty(m));
    }
    out.push_str("}\nimpl<'a> MetadataRecord<'a> {\n    /// Decodes the record of the given type and version.\n    pub fn decode(r: &mut crate::Reader<'a>, api_key: i16, version: i16) -> Result<Self, crate::DecodeError> {\n        Ok(match api_key {\n");
    for m in &records {
        let _ = writeln!(
            out,
            "            {} => Self::{}({}::{}::decode(r, version)?),",
            m.api_key.unwrap_or(-1),
            variant(m),
            snake(&m.name),
            m.name
        );
    }
    out.push_str(
        "            _ => return Err(crate::DecodeError::UnknownType(api_key as i64)),\n        })\n    }\n",
    );
    let arms = |body: &dyn Fn(&Message) -> String| -> String {
        records.iter().map(|m| format!("            Self::{}(m) => {},\n", variant(m), body(m))).collect()
    };
    let _ = writeln!(
        out,
        "    /// Encodes the record.\n    pub fn encode(&self, w: &mut crate::Writer, version: i16) {{\n        match self {{\n{}        }}\n    }}",
        arms(&|_| "m.encode(w, version)".to_owned())
    );
    let _ = writeln!(
        out,
        "    /// Number of the record's type.\n    pub fn api_key(&self) -> i16 {{\n        match self {{\n{}        }}\n    }}",
        arms(&|m| m.api_key.unwrap_or(-1).to_string())
    );
    let _ = writeln!(
        out,
        "    /// Name of the record's type as Kafka's dump tool prints it.\n    pub fn type_name(&self) -> &'static str {{\n        match self {{\n{}        }}\n    }}",
        arms(&|m| format!("\"{}\"", snake(&m.name).to_uppercase()))
    );
    let _ = writeln!(
        out,
        "    /// The fields as JSON, named as Kafka's dump tool names them.\n    pub fn to_json(&self, version: i16) -> serde_json::Value {{\n        match self {{\n{}        }}\n    }}",
        arms(&|_| "m.to_json(version)".to_owned())
    );
    let _ = writeln!(
        out,
        "    /// Owns all strings and bytes.\n    pub fn into_static(self) -> MetadataRecord<'static> {{\n        match self {{\n{}        }}\n    }}\n}}",
        records
            .iter()
            .map(|m| {
                let own = if m.structs.last().is_some_and(|s| s.borrows) { "m.into_static()" } else { "m" };
                format!("            Self::{v}(m) => MetadataRecord::{v}({own}),\n", v = variant(m))
            })
            .collect::<String>()
    );
}

struct Emitter<'m> {
    message: &'m Message,
    borrows: HashMap<&'m str, bool>,
}

impl<'m> Emitter<'m> {
    fn new(message: &'m Message) -> Self {
        let borrows = message.structs.iter().map(|s| (s.name.as_str(), s.borrows)).collect();
        Self { message, borrows }
    }

    fn message(&self, out: &mut String) {
        let m = self.message;
        let _ = writeln!(
            out,
            "pub mod {} {{\nuse crate::{{DecodeError, RawTaggedField, Reader, Records, Str, Writer}};\nuse std::borrow::Cow;\n",
            snake(&m.name)
        );
        if let Some(key) = m.api_key {
            let _ = writeln!(out, "pub const API_KEY: i16 = {key};");
        }
        let _ = writeln!(
            out,
            "pub const MIN_VERSION: i16 = {};\npub const MAX_VERSION: i16 = {};",
            m.valid.low, m.valid.high
        );
        for s in &m.structs {
            self.definition(s, out);
            self.default(s, out);
            let _ = writeln!(out, "impl{0} {1}{0} {{", lifetime(s), s.name);
            self.decode(s, out);
            self.encode(s, out);
            self.owning(s, out);
            if m.has_json() {
                self.to_json(s, out);
            }
            out.push_str("}\n");
        }
        out.push_str("}\n");
    }

    fn ever_flexible(&self) -> bool {
        !self.message.flexible.intersect(self.message.valid).is_empty()
    }

    /// The condition that `version` lies in `range`, or `None` if it always does.
    fn condition(&self, range: Versions) -> Option<String> {
        let valid = self.message.valid;
        let range = range.intersect(valid);
        if range.is_empty() {
            return Some("false".to_owned());
        }
        match (range.low > valid.low, range.high < valid.high) {
            (false, false) => None,
            (true, false) => Some(format!("version >= {}", range.low)),
            (false, true) => Some(format!("version <= {}", range.high)),
            (true, true) => Some(format!("(version >= {} && version <= {})", range.low, range.high)),
        }
    }

    fn rust_type(&self, ty: &Type) -> String {
        match ty {
            Type::Bool => "bool".into(),
            Type::Int8 => "i8".into(),
            Type::Int16 => "i16".into(),
            Type::Uint16 => "u16".into(),
            Type::Int32 => "i32".into(),
            Type::Uint32 => "u32".into(),
            Type::Int64 => "i64".into(),
            Type::Float64 => "f64".into(),
            Type::String => "Str<'a>".into(),
            Type::Bytes => "Cow<'a, [u8]>".into(),
            Type::Records => "Records<'a>".into(),
            Type::Uuid => "[u8; 16]".into(),
            Type::Struct(name) if self.borrows[name.as_str()] => format!("{name}<'a>"),
            Type::Struct(name) => name.clone(),
            Type::Array(element) => format!("Vec<{}>", self.rust_type(element)),
        }
    }

    fn definition(&self, s: &Struct, out: &mut String) {
        let _ = writeln!(out, "#[derive(Clone, Debug, PartialEq)]\npub struct {}{} {{", s.name, lifetime(s));
        for f in &s.fields {
            let ty = self.rust_type(&f.ty);
            let ty = if optional(f) { format!("Option<{ty}>") } else { ty };
            let _ = writeln!(out, "    #[doc = {:?}]\n    pub {}: {ty},", f.about, snake(&f.name));
        }
        if self.ever_flexible() {
            out.push_str("    /// Tagged fields that the schema does not know.\n    pub unknown_tagged_fields: Vec<RawTaggedField>,\n");
        }
        out.push_str("}\n");
    }

    fn default(&self, s: &Struct, out: &mut String) {
        let _ = writeln!(
            out,
            "impl{0} Default for {1}{0} {{\n    fn default() -> Self {{\n        Self {{",
            lifetime(s),
            s.name
        );
        for f in &s.fields {
            let _ = writeln!(out, "            {}: {},", snake(&f.name), default_value(f));
        }
        if self.ever_flexible() {
            out.push_str("            unknown_tagged_fields: Vec::new(),\n");
        }
        out.push_str("        }\n    }\n}\n");
    }

    fn flexible_of(&self, f: &Field) -> String {
        match f.flexible {
            Some(range) if range.is_empty() => "false".into(),
            Some(range) => self.condition(range).unwrap_or_else(|| "true".into()),
            None => "flexible".into(),
        }
    }

    fn flexible_binding(&self) -> String {
        match self.condition(self.message.flexible) {
            None => "        let flexible = true;\n".into(),
            Some(c) => format!("        let flexible = {c};\n"),
        }
    }

    fn decode(&self, s: &Struct, out: &mut String) {
        let (ret, life) = if s.borrows { ("Self", "'a") } else { ("Self", "'_") };
        let _ = writeln!(
            out,
            "    /// Decodes the fields that `version` has; the others get their defaults.\n    pub fn decode(r: &mut Reader<{life}>, version: i16) -> Result<{ret}, DecodeError> {{"
        );
        if s.name == self.message.name {
            out.push_str("        if !(MIN_VERSION..=MAX_VERSION).contains(&version) {\n            return Err(DecodeError::UnsupportedVersion(version));\n        }\n");
        }
        out.push_str(&self.flexible_binding());
        out.push_str("        let mut m = Self::default();\n");
        for f in &s.fields {
            let plain = plain_versions(f);
            for (range, _) in plain {
                let read = format!("m.{} = {};", snake(&f.name), self.read_field(f, false));
                match self.condition(range) {
                    None => {
                        let _ = writeln!(out, "        {read}");
                    }
                    Some(c) if c == "false" => {}
                    Some(c) => {
                        let _ = writeln!(out, "        if {c} {{\n            {read}\n        }}");
                    }
                }
            }
        }
        if self.ever_flexible() {
            let tagged: Vec<&Field> = s.fields.iter().filter(|f| f.tag.is_some()).collect();
            if tagged.is_empty() {
                out.push_str("        if flexible {\n            r.tagged_fields(&mut m.unknown_tagged_fields, |_, _| Ok(false))?;\n        }\n");
            } else {
                self.decode_tagged(&tagged, out);
            }
        }
        out.push_str("        Ok(m)\n    }\n");
    }

    fn decode_tagged(&self, tagged: &[&Field], out: &mut String) {
        out.push_str("        if flexible {\n            let mut unknown = Vec::new();\n            r.tagged_fields(&mut unknown, |tag, r| {\n                match tag {\n");
        for f in tagged {
            let guard = self.condition(f.tagged).map_or(String::new(), |c| format!(" if {c}"));
            let (tag, name) = (f.tag.unwrap_or(0), snake(&f.name));
            let _ =
                writeln!(out, "                    {tag}{guard} => m.{name} = {},", self.read_field(f, true));
        }
        out.push_str("                    _ => return Ok(false),\n                }\n                Ok(true)\n            })?;\n            m.unknown_tagged_fields = unknown;\n        }\n");
    }

    fn read_field(&self, f: &Field, tagged: bool) -> String {
        let flexible = self.flexible_of(f);
        if !optional(f) {
            return format!("{}?", self.read(&f.ty, &flexible));
        }
        let null = match &f.ty {
            Type::String => format!("r.nullable_string({flexible})?"),
            Type::Bytes => format!("r.nullable_bytes({flexible})?"),
            Type::Records => return format!("r.records({flexible})?"),
            Type::Array(e) => format!("r.nullable_array({flexible}, |r| {})?", self.read(e, &flexible)),
            Type::Struct(name) if tagged => {
                format!("r.nullable_tagged_struct(|r| {name}::decode(r, version))?")
            }
            Type::Struct(name) => format!("r.nullable_struct(|r| {name}::decode(r, version))?"),
            other => unreachable!("nullable {other:?}"),
        };
        match self.condition(f.nullable) {
            None => null,
            Some(c) => format!("if {c} {{ {null} }} else {{ Some({}?) }}", self.read(&f.ty, &flexible)),
        }
    }

    fn read(&self, ty: &Type, flexible: &str) -> String {
        match ty {
            Type::Bool => "r.bool()".into(),
            Type::Int8 => "r.i8()".into(),
            Type::Int16 => "r.i16()".into(),
            Type::Uint16 => "r.u16()".into(),
            Type::Int32 => "r.i32()".into(),
            Type::Uint32 => "r.u32()".into(),
            Type::Int64 => "r.i64()".into(),
            Type::Float64 => "r.f64()".into(),
            Type::Uuid => "r.uuid()".into(),
            Type::String => format!("r.string({flexible})"),
            Type::Bytes => format!("r.bytes({flexible})"),
            Type::Records => unreachable!("records are always nullable"),
            Type::Struct(name) => format!("{name}::decode(r, version)"),
            Type::Array(e) => format!("r.array({flexible}, |r| {})", self.read(e, flexible)),
        }
    }

    fn encode(&self, s: &Struct, out: &mut String) {
        out.push_str("    /// Encodes the fields that `version` has.\n    pub fn encode(&self, w: &mut Writer, version: i16) {\n");
        out.push_str(&self.flexible_binding());
        for f in &s.fields {
            for (range, _) in plain_versions(f) {
                let write = self.write_field(f, false);
                match self.condition(range) {
                    None => {
                        let _ = writeln!(out, "        {write};");
                    }
                    Some(c) if c == "false" => {}
                    Some(c) => {
                        let _ = writeln!(out, "        if {c} {{\n            {write};\n        }}");
                    }
                }
            }
        }
        if self.ever_flexible() {
            let mut tagged: Vec<&Field> = s.fields.iter().filter(|f| f.tag.is_some()).collect();
            tagged.sort_by_key(|f| f.tag);
            out.push_str("        if flexible {\n            let mut count = self.unknown_tagged_fields.len() as u32;\n");
            let tests: Vec<String> = tagged
                .iter()
                .map(|f| {
                    let set = format!("!({})", is_default(f));
                    self.condition(f.tagged).map_or(set.clone(), |c| format!("{c} && {set}"))
                })
                .collect();
            for (i, test) in tests.iter().enumerate() {
                let _ =
                    writeln!(out, "            let set{i} = {test};\n            count += set{i} as u32;");
            }
            out.push_str("            w.uvarint(count);\n");
            // Unknown fields keep their place in the order of the numbers.
            let mut low = 0;
            for (i, f) in tagged.iter().enumerate() {
                let tag = f.tag.unwrap_or(0);
                if low < tag {
                    let _ = writeln!(
                        out,
                        "            w.raw_tagged_fields(&self.unknown_tagged_fields, {low}..{tag});"
                    );
                }
                let _ = writeln!(
                    out,
                    "            if set{i} {{\n                w.tagged_field({tag}, |w| {{ {}; }});\n            }}",
                    self.write_field(f, true)
                );
                low = tag;
            }
            let _ = writeln!(
                out,
                "            w.raw_tagged_fields(&self.unknown_tagged_fields, {low}..);\n        }}"
            );
        }
        out.push_str("    }\n");
    }

    fn write_field(&self, f: &Field, tagged: bool) -> String {
        let flexible = self.flexible_of(f);
        let name = format!("self.{}", snake(&f.name));
        if !optional(f) {
            return self.write(&f.ty, &name, &flexible, true);
        }
        let element = |e: &Type| format!("|w, x| {}", self.write(e, "x", &flexible, false));
        let (null, plain) = match &f.ty {
            Type::String => (
                format!("w.nullable_string({name}.as_deref(), {flexible})"),
                format!("w.string({name}.as_deref().unwrap_or_default(), {flexible})"),
            ),
            Type::Bytes => (
                format!("w.nullable_bytes({name}.as_deref(), {flexible})"),
                format!("w.bytes({name}.as_deref().unwrap_or_default(), {flexible})"),
            ),
            Type::Records => return format!("w.records({name}.as_ref(), {flexible})"),
            Type::Array(e) => (
                format!("w.nullable_array({name}.as_deref(), {flexible}, {})", element(e)),
                format!("w.array({name}.as_deref().unwrap_or_default(), {flexible}, {})", element(e)),
            ),
            Type::Struct(_) => {
                let (some, none) =
                    if tagged { ("w.uvarint(1)", "w.uvarint(0)") } else { ("w.i8(1)", "w.i8(-1)") };
                (
                    format!(
                        "match &{name} {{ Some(x) => {{ {some}; x.encode(w, version); }} None => {none} }}"
                    ),
                    format!("if let Some(x) = &{name} {{ x.encode(w, version); }}"),
                )
            }
            other => unreachable!("nullable {other:?}"),
        };
        match self.condition(f.nullable) {
            None => null,
            Some(c) => format!("if {c} {{ {null} }} else {{ {plain} }}"),
        }
    }

    fn write(&self, ty: &Type, place: &str, flexible: &str, field: bool) -> String {
        let value = if field { place.to_owned() } else { format!("*{place}") };
        let reference = if field { format!("&{place}") } else { place.to_owned() };
        match ty {
            Type::Bool => format!("w.bool({value})"),
            Type::Int8 => format!("w.i8({value})"),
            Type::Int16 => format!("w.i16({value})"),
            Type::Uint16 => format!("w.u16({value})"),
            Type::Int32 => format!("w.i32({value})"),
            Type::Uint32 => format!("w.u32({value})"),
            Type::Int64 => format!("w.i64({value})"),
            Type::Float64 => format!("w.f64({value})"),
            Type::Uuid => format!("w.uuid({reference})"),
            Type::String => format!("w.string({reference}, {flexible})"),
            Type::Bytes => format!("w.bytes({reference}, {flexible})"),
            Type::Records => unreachable!("records are always nullable"),
            Type::Struct(_) => format!("{place}.encode(w, version)"),
            Type::Array(e) => {
                format!("w.array({reference}, {flexible}, |w, x| {})", self.write(e, "x", flexible, false))
            }
        }
    }

    fn owning(&self, s: &Struct, out: &mut String) {
        if !s.borrows {
            return;
        }
        let _ = writeln!(
            out,
            "    /// Owns all strings and bytes.\n    pub fn into_static(self) -> {}<'static> {{\n        {} {{",
            s.name, s.name
        );
        for f in &s.fields {
            let name = snake(&f.name);
            let own = self.own(&f.ty, "x");
            let value = match (&own, optional(f)) {
                (None, _) => format!("self.{name}"),
                (Some(own), true) => format!("self.{name}.map(|x| {own})"),
                (Some(_), false) => self.own(&f.ty, &format!("self.{name}")).unwrap_or_default(),
            };
            let _ = writeln!(out, "            {name}: {value},");
        }
        if self.ever_flexible() {
            out.push_str("            unknown_tagged_fields: self.unknown_tagged_fields,\n");
        }
        out.push_str("        }\n    }\n");
    }

    /// The owning form of a value, or `None` where the type never borrows.
    fn own(&self, ty: &Type, place: &str) -> Option<String> {
        match ty {
            Type::String | Type::Bytes => Some(format!("Cow::Owned({place}.into_owned())")),
            Type::Records => Some(format!("{place}.into_static()")),
            Type::Struct(name) => self.borrows[name.as_str()].then(|| format!("{place}.into_static()")),
            Type::Array(e) => {
                self.own(e, "x").map(|own| format!("{place}.into_iter().map(|x| {own}).collect()"))
            }
            _ => None,
        }
    }

    fn to_json(&self, s: &Struct, out: &mut String) {
        out.push_str("    /// The fields of `version` as JSON, named and formed as Kafka's dump tool has them.\n    pub fn to_json(&self, version: i16) -> serde_json::Value {\n        let mut o = serde_json::Map::new();\n");
        for f in &s.fields {
            let name = format!("self.{}", snake(&f.name));
            let json = if optional(f) {
                format!(
                    "match &{name} {{ Some(x) => {}, None => serde_json::Value::Null }}",
                    json_of(&f.ty, "x")
                )
            } else {
                json_of(&f.ty, &format!("(&{name})"))
            };
            let mut key = f.name.clone();
            key[..1].make_ascii_lowercase();
            let put = format!("o.insert({key:?}.to_owned(), {json});");
            let always: Vec<String> = plain_versions(f)
                .into_iter()
                .map(|(r, _)| self.condition(r).unwrap_or_else(|| "true".into()))
                .collect();
            let mut tests = always;
            if f.tag.is_some() {
                let tagged = self.condition(f.tagged).unwrap_or_else(|| "true".into());
                tests.push(format!("({tagged} && !({}))", is_default(f)));
            }
            let _ = writeln!(out, "        if {} {{ {put} }}", tests.join(" || "));
        }
        out.push_str("        serde_json::Value::Object(o)\n    }\n");
    }
}

fn json_of(ty: &Type, place: &str) -> String {
    match ty {
        Type::String => format!("serde_json::Value::from({place}.as_ref())"),
        Type::Bytes => format!("crate::json::bytes({place})"),
        Type::Records => format!("serde_json::Value::from({place}.len())"),
        Type::Uuid => format!("crate::json::uuid({place})"),
        Type::Struct(_) => format!("{place}.to_json(version)"),
        Type::Array(e) => {
            format!("serde_json::Value::Array({place}.iter().map(|x| {}).collect())", json_of(e, "x"))
        }
        _ => format!("serde_json::Value::from(*{place})"),
    }
}

fn lifetime(s: &Struct) -> &'static str {
    if s.borrows { "<'a>" } else { "" }
}

fn optional(f: &Field) -> bool {
    !f.nullable.is_empty() || f.ty == Type::Records
}

/// The versions in which a field stands untagged among the others.
fn plain_versions(f: &Field) -> Vec<(Versions, ())> {
    if f.tag.is_none() {
        return vec![(f.versions, ())];
    }
    if f.tagged.contains(f.versions) {
        return Vec::new();
    }
    vec![(Versions { low: f.versions.low, high: f.tagged.low - 1 }, ())]
}

fn default_value(f: &Field) -> String {
    let given = f.default.as_deref().filter(|d| !d.is_empty());
    let value = match (&f.ty, given) {
        (_, Some("null")) => return "None".into(),
        (Type::Records, None) => return "None".into(),
        (Type::Bool, d) => d.unwrap_or("false").to_lowercase(),
        (Type::String, d) => format!("Cow::Borrowed({:?})", d.unwrap_or("")),
        (Type::Bytes, _) => "Cow::Borrowed(&[])".into(),
        (Type::Uuid, _) => "[0; 16]".into(),
        (Type::Float64, d) => format!("{}f64", d.unwrap_or("0")),
        (Type::Struct(name), _) => format!("{name}::default()"),
        (Type::Array(_), _) => "Vec::new()".into(),
        (_, d) => d.unwrap_or("0").to_owned(),
    };
    if optional(f) { format!("Some({value})") } else { value }
}

/// The condition that a field has its default.
fn is_default(f: &Field) -> String {
    let name = format!("self.{}", snake(&f.name));
    match (&f.ty, f.default.as_deref(), optional(f)) {
        (_, Some("null"), _) => format!("{name}.is_none()"),
        (Type::Array(_), _, false) => format!("{name}.is_empty()"),
        (Type::Array(_), _, true) => format!("{name}.as_ref().is_some_and(|x| x.is_empty())"),
        _ => format!("{name} == {}", default_value(f)),
    }
}

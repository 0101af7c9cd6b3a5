//! A second reading of Kafka's schemas: writes random messages as bytes, knowing nothing of the
//! generated code. What it writes is canonical (tagged fields sorted, none at its default), so
//! that a codec which understands it must write the same bytes again.

use std::path::PathBuf;

use serde_json::Value;

/// SplitMix64: the same numbers on each run.
pub struct Rng(pub u64);

impl Rng {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.next() as u8).collect()
    }
}

/// All schemas, read from the files.
pub struct Schemas(Vec<(String, Value)>);

impl Schemas {
    pub fn read() -> Self {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("kafka");
        let mut out = Vec::new();
        for folder in std::fs::read_dir(root).unwrap().map(|e| e.unwrap()).filter(|e| e.path().is_dir()) {
            for file in std::fs::read_dir(folder.path()).unwrap() {
                let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
                let lines: Vec<&str> = text.lines().filter(|l| !l.trim_start().starts_with("//")).collect();
                let room = folder.file_name().into_string().unwrap();
                out.push((room, serde_json::from_str(&lines.join("\n")).unwrap()));
            }
        }
        Self(out)
    }

    /// A random message of the given schema and version.
    pub fn random(&self, room: &str, name: &str, version: i16, rng: &mut Rng) -> Vec<u8> {
        let schema = &self.0.iter().find(|(r, j)| r == room && j["name"] == name).unwrap().1;
        let flexible = holds(&schema["flexibleVersions"], version);
        let mut text = Text { schema, version, flexible, rng };
        let mut out = Vec::new();
        text.fields(&schema["fields"], true, &mut out);
        // Control records repeat their own version, and the oracle goes by that.
        if schema["fields"][0]["name"] == "Version" {
            out[..2].copy_from_slice(&version.to_be_bytes());
        }
        out
    }
}

/// Whether a range such as `3`, `0-4`, `2+` or `none` holds the version.
fn holds(range: &Value, version: i16) -> bool {
    let Some(range) = range.as_str().filter(|r| *r != "none") else { return false };
    match (range.strip_suffix('+'), range.split_once('-')) {
        (Some(low), _) => version >= low.parse().unwrap(),
        (_, Some((low, high))) => (low.parse().unwrap()..=high.parse().unwrap()).contains(&version),
        _ => range.parse() == Ok(version),
    }
}

struct Text<'a> {
    schema: &'a Value,
    version: i16,
    flexible: bool,
    rng: &'a mut Rng,
}

impl Text<'_> {
    /// Writes the fields of a struct, at random or all at their defaults.
    fn fields(&mut self, fields: &Value, random: bool, out: &mut Vec<u8>) {
        let mut tagged = Vec::new();
        for field in fields.as_array().unwrap() {
            if self.flexible && holds(&field["taggedVersions"], self.version) {
                tagged.push(field);
            } else if holds(&field["versions"], self.version) {
                self.field(field, false, random, out);
            }
        }
        if self.flexible {
            self.tagged_fields(tagged, random, out);
        }
    }

    fn tagged_fields(&mut self, mut fields: Vec<&Value>, random: bool, out: &mut Vec<u8>) {
        fields.sort_by_key(|f| f["tag"].as_u64());
        let mut written = Vec::new();
        for field in fields.into_iter().filter(|_| random) {
            let (mut default, mut value) = (Vec::new(), Vec::new());
            self.field(field, true, false, &mut default);
            self.field(field, true, true, &mut value);
            if value != default && self.rng.below(4) > 0 {
                written.push((field["tag"].as_u64().unwrap() as u32, value));
            }
        }
        if random && self.rng.below(8) == 0 {
            let len = self.rng.below(5);
            written.push((1000 + self.rng.below(100) as u32, self.rng.bytes(len)));
        }
        uvarint(written.len() as u32, out);
        for (tag, value) in written {
            uvarint(tag, out);
            uvarint(value.len() as u32, out);
            out.extend(value);
        }
    }

    fn field(&mut self, field: &Value, tagged: bool, random: bool, out: &mut Vec<u8>) {
        let ty = field["type"].as_str().unwrap();
        let flexible = match &field["flexibleVersions"] {
            Value::Null => self.flexible,
            range => holds(range, self.version),
        };
        let nullable = holds(&field["nullableVersions"], self.version);
        let default = match &field["default"] {
            Value::String(s) => s.clone(),
            Value::Null => String::new(),
            other => other.to_string(),
        };
        let null = nullable && if random { self.rng.below(4) == 0 } else { default == "null" };
        let is_struct = ty.starts_with(char::is_uppercase);
        match (null, is_struct, tagged) {
            (true, true, true) => out.push(0),
            (true, true, false) => out.push(0xff),
            (true, false, _) => length(None, flexible, ty == "string", out),
            (false, true, _) => {
                if nullable {
                    out.push(1);
                }
                self.value(field, ty, flexible, random, &default, out);
            }
            (false, false, _) => self.value(field, ty, flexible, random, &default, out),
        }
    }

    fn value(
        &mut self,
        field: &Value,
        ty: &str,
        flexible: bool,
        random: bool,
        default: &str,
        out: &mut Vec<u8>,
    ) {
        if let Some(element) = ty.strip_prefix("[]") {
            let count = if random { self.rng.below(4) } else { 0 };
            length(Some(count), flexible, false, out);
            for _ in 0..count {
                self.value(field, element, flexible, random, "", out);
            }
            return;
        }
        let width = match ty {
            "bool" | "int8" => 1,
            "int16" | "uint16" => 2,
            "int32" | "uint32" => 4,
            "int64" | "float64" => 8,
            "uuid" => 16,
            "string" => {
                let text = if random { self.text() } else { default.to_owned() };
                length(Some(text.len()), flexible, true, out);
                return out.extend(text.bytes());
            }
            "bytes" | "records" => {
                let len = if random { self.rng.below(20) } else { 0 };
                length(Some(len), flexible, false, out);
                return out.extend(self.rng.bytes(len));
            }
            name => return self.fields(&self.fields_of(field, name), random, out),
        };
        match (ty, random) {
            ("bool", true) => out.push(self.rng.below(2) as u8),
            ("bool", false) => out.push(u8::from(default.eq_ignore_ascii_case("true"))),
            ("float64", false) => out.extend(default.parse().unwrap_or(0f64).to_be_bytes()),
            ("uuid", false) => out.extend([0; 16]),
            (_, false) => out.extend(&integer(default).to_be_bytes()[8 - width..]),
            (_, true) => match self.rng.below(8) {
                0 => out.extend(vec![0; width]),
                1 => out.extend(vec![0xff; width]),
                _ => out.extend(self.rng.bytes(width)),
            },
        }
    }

    fn fields_of(&self, field: &Value, name: &str) -> Value {
        if field["fields"].is_array() {
            return field["fields"].clone();
        }
        let common = self.schema["commonStructs"].as_array().unwrap();
        common.iter().find(|c| c["name"] == name).unwrap()["fields"].clone()
    }

    fn text(&mut self) -> String {
        let letters = ['a', 'Z', '0', '.', '-', '_', '/', ' ', '\u{e9}', '\u{4e2d}', '\u{1f980}'];
        (0..self.rng.below(9)).map(|_| letters[self.rng.below(letters.len())]).collect()
    }
}

fn integer(default: &str) -> i64 {
    match default.strip_prefix("0x") {
        Some(hex) => i64::from_str_radix(hex, 16).unwrap(),
        None if default.is_empty() => 0,
        None => default.parse().unwrap(),
    }
}

fn uvarint(mut value: u32, out: &mut Vec<u8>) {
    while value > 127 {
        out.push(value as u8 | 128);
        value >>= 7;
    }
    out.push(value as u8);
}

fn length(len: Option<usize>, flexible: bool, short: bool, out: &mut Vec<u8>) {
    match (flexible, len) {
        (true, len) => uvarint(len.map_or(0, |n| n as u32 + 1), out),
        (false, len) if short => out.extend(len.map_or(-1, |n| n as i16).to_be_bytes()),
        (false, len) => out.extend(len.map_or(-1, |n| n as i32).to_be_bytes()),
    }
}

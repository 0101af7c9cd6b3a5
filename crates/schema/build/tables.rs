//! Writes the tables: error codes, APIs, all messages, and the union of the metadata records.

use std::fmt::Write;

use crate::model::{Message, Versions, snake};

pub fn all(messages: &[Message], errors: &str) -> String {
    let mut out = String::new();
    error_codes(errors, &mut out);
    apis(messages, &mut out);
    registry(messages, &mut out);
    out
}

fn error_codes(tsv: &str, out: &mut String) {
    let rows: Vec<Vec<&str>> = tsv.lines().skip(1).map(|l| l.split('\t').collect()).collect();
    out.push_str("#[allow(missing_docs)]\nimpl ErrorCode {\n");
    for row in &rows {
        let _ = writeln!(out, "    pub const {}: Self = Self({});", row[1], row[0]);
    }
    out.push_str("}\n\nimpl ErrorCode {\n");
    out.push_str("    /// Kafka's name; `None` for a code that Kafka does not have.\n    #[must_use]\n    pub const fn name(self) -> Option<&'static str> {\n        Some(match self.0 {\n");
    for row in &rows {
        let _ = writeln!(out, "            {} => \"{}\",", row[0], row[1]);
    }
    out.push_str("            _ => return None,\n        })\n    }\n\n");
    let retriable: Vec<&str> = rows.iter().filter(|r| r[2] == "true").map(|r| r[0]).collect();
    let _ = writeln!(
        out,
        "    /// Whether a client tries again after this error.\n    #[must_use]\n    pub const fn is_retriable(self) -> bool {{\n        matches!(self.0, {})\n    }}\n}}\n",
        retriable.join(" | ")
    );
}

fn apis(messages: &[Message], out: &mut String) {
    let mut requests: Vec<&Message> = messages.iter().filter(|m| m.kind == "request").collect();
    requests.sort_by_key(|m| m.api_key);
    out.push_str("/// Every API that Kafka's schemas define, in the order of the keys.\npub static APIS: &[Api] = &[\n");
    for m in &requests {
        let stable = if m.latest_unstable { m.valid.high - 1 } else { m.valid.high };
        let flexible = if m.flexible.is_empty() { "i16::MAX".to_owned() } else { m.flexible.low.to_string() };
        let _ = writeln!(
            out,
            "    Api {{ key: {}, name: \"{}\", min_version: {}, max_version: {stable}, first_flexible: {flexible}, on_broker: {}, on_controller: {} }},",
            m.api_key.unwrap_or(-1),
            m.name.trim_end_matches("Request"),
            m.valid.low,
            m.listeners.iter().any(|l| l == "broker"),
            m.listeners.iter().any(|l| l == "controller"),
        );
    }
    out.push_str(
        "];\n\n/// Numbers of the APIs, by Kafka's names.\n#[allow(missing_docs)]\npub mod api_key {\n",
    );
    for m in &requests {
        let name = snake(m.name.trim_end_matches("Request")).to_uppercase();
        let _ = writeln!(out, "    pub const {name}: i16 = {};", m.api_key.unwrap_or(-1));
    }
    out.push_str("}\n\n");
}

fn registry(messages: &[Message], out: &mut String) {
    out.push_str("/// Every message, for tools and tests that go over all of them.\npub static MESSAGES: &[MessageInfo] = &[\n");
    for m in messages {
        let Versions { low, high } = m.valid;
        let to_json = if m.has_json() {
            "Some(|bytes, version| {\n            let mut r = Reader::new(bytes);\n            let m = PATH::decode(&mut r, version)?;\n            r.finish()?;\n            Ok(m.to_json(version))\n        })"
        } else {
            "None"
        };
        let path = format!("{}::{}::{}", m.folder.replace('-', "_"), snake(&m.name), m.name);
        let _ = writeln!(
            out,
            "    MessageInfo {{ room: \"{}\", name: \"{}\", api_key: {:?}, min_version: {low}, max_version: {high},\n        recode: |bytes, version| {{\n            let mut r = Reader::new(bytes);\n            let m = {path}::decode(&mut r, version)?;\n            r.finish()?;\n            let mut w = Writer::new();\n            m.encode(&mut w, version);\n            Ok(w.buf)\n        }},\n        encode_default: |version| {{\n            let mut w = Writer::new();\n            {path}::default().encode(&mut w, version);\n            w.buf\n        }},\n        to_json: {},\n    }},",
            m.folder,
            m.name,
            m.api_key,
            to_json.replace("PATH", &path),
        );
    }
    out.push_str("];\n");
}

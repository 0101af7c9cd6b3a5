//! Replies made comparable: what differs by nature is masked, what has no order is sorted, and two
//! replies are compared field by field.

use std::collections::HashMap;

use serde_json::{Map, Value};

/// A topic that only the recording of replies needs; it never appears in them.
pub const BARRIER: &str = "barrier";

/// Later than every time that a script sends: 2017 in milliseconds.
const WALL_CLOCK_MS: i64 = 1_500_000_000_000;

/// Fields that name an element of an array, the strongest first.
const NAMES: &[&str] = &[
    "name",
    "topicName",
    "topic",
    "resourceName",
    "configName",
    "feature",
    "apiKey",
    "partitionIndex",
    "partition",
    "partitionId",
    "index",
    "batchIndex",
    "groupId",
    "transactionalId",
    "memberId",
    "brokerId",
    "nodeId",
    "replicaId",
    "user",
];

/// Arrays without an order whose elements have no name.
const UNORDERED: &[&str] = &["activeProducers", "partitions"];

/// Masks and sorts a reply. `topics` knows the names of topic ids (as the script writes ids) and of producer
/// ids.
#[must_use]
pub fn normal(reply: &Value, topics: &HashMap<String, String>) -> Value {
    field("", reply, topics)
}

fn field(key: &str, value: &Value, topics: &HashMap<String, String>) -> Value {
    match value {
        Value::Object(fields) => {
            let mut out: Map<String, Value> =
                fields.iter().map(|(k, v)| (k.clone(), field(k, v, topics))).collect();
            if let Some(id) =
                out.get("topicId").and_then(Value::as_str).and_then(|id| id.strip_prefix("id of "))
            {
                let named = Value::from(id);
                out.insert("topicId".to_owned(), named);
            }
            Value::Object(out)
        }
        Value::Array(items) => {
            let mut out: Vec<Value> = items.iter().map(|v| field(key, v, topics)).collect();
            out.retain(|v| label(v).is_none_or(|l| l != BARRIER));
            if UNORDERED.contains(&key) || out.iter().all(|v| label(v).is_some()) {
                out.sort_by_cached_key(|v| (label(v).map(|l| (l.len(), l)), v.to_string()));
            }
            Value::Array(out)
        }
        Value::String(text) => string(key, text, topics).into(),
        Value::Number(n) => {
            n.as_i64().and_then(|n| number(key, n, topics)).map_or_else(|| value.clone(), Value::from)
        }
        other => other.clone(),
    }
}

fn string(key: &str, text: &str, topics: &HashMap<String, String>) -> String {
    const ID_LENGTH: usize = 4 + 32;
    if text.starts_with("hex:") && text.len() == ID_LENGTH {
        return match topics.get(text) {
            _ if text.bytes().skip(4).all(|b| b == b'0') => "zero".to_owned(),
            Some(name) => format!("id of {name}"),
            None => "<id>".to_owned(),
        };
    }
    match key {
        _ if text.is_empty() => String::new(),
        "clusterId" | "host" | "logDir" => format!("<{key}>"),
        "errorMessage" | "batchIndexErrorMessage" | "documentation" | "message" => "<text>".to_owned(),
        "value" if text.starts_with('/') => "<path>".to_owned(),
        _ => without_ports(text),
    }
}

/// `127.0.0.1:39871` becomes `127.0.0.1:<port>`.
fn without_ports(text: &str) -> String {
    let mut parts = text.split("127.0.0.1:");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out.push_str("127.0.0.1:<port>");
        out.push_str(part.trim_start_matches(|c: char| c.is_ascii_digit()));
    }
    out
}

fn number(key: &str, n: i64, names: &HashMap<String, String>) -> Option<String> {
    let lower = key.to_lowercase();
    if key == "producerId"
        && let Some(name) = names.get(&n.to_string())
    {
        return Some(format!("<{name}>"));
    }
    let masked = match key {
        "port" | "sessionId" | "totalBytes" | "usableBytes" | "finalizedFeaturesEpoch" | "brokerEpoch" => {
            n > 0
        }
        "producerId" => n >= 0,
        _ => (lower.contains("time")) && n > WALL_CLOCK_MS,
    };
    masked.then(|| format!("<{key}>"))
}

/// The name of an array's element, if its fields give it one.
fn label(value: &Value) -> Option<String> {
    let object = value.as_object()?;
    NAMES.iter().filter_map(|n| object.get(*n)).chain(object.get("topicId")).find_map(|v| match v {
        Value::String(s) => Some(s.clone()),
        Value::Number(n) => Some(n.to_string()),
        _ => None,
    })
}

/// One field that is not the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Where, for instance `topics[t].partitions[0].errorCode`.
    pub path: String,
    /// What Kafka answered; none if it has no such field.
    pub kafka: Option<String>,
    /// What the broker under test answered.
    pub klamm: Option<String>,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let side = |v: &Option<String>| v.clone().unwrap_or_else(|| "(absent)".to_owned());
        write!(f, "{}: Kafka {}, here {}", self.path, side(&self.kafka), side(&self.klamm))
    }
}

/// Compares two normal replies.
#[must_use]
pub fn compare(kafka: &Value, klamm: &Value) -> Vec<Difference> {
    let mut out = Vec::new();
    walk("", Some(kafka), Some(klamm), &mut out);
    out
}

fn walk(path: &str, kafka: Option<&Value>, klamm: Option<&Value>, out: &mut Vec<Difference>) {
    match (kafka, klamm) {
        (Some(Value::Object(a)), Some(Value::Object(b))) => {
            let more = b.keys().filter(|k| !a.contains_key(*k));
            for key in a.keys().chain(more) {
                let inner = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                walk(&inner, a.get(key), b.get(key), out);
            }
        }
        (Some(Value::Array(a)), Some(Value::Array(b))) => {
            let (a, b) = (labelled(a), labelled(b));
            let more = b.iter().filter(|(k, _)| !a.iter().any(|(l, _)| l == k));
            for (key, _) in a.iter().chain(more) {
                let get =
                    |from: &[(String, Value)]| from.iter().find(|(k, _)| k == key).map(|(_, v)| v.clone());
                walk(&format!("{path}[{key}]"), get(&a).as_ref(), get(&b).as_ref(), out);
            }
        }
        (a, b) if a == b => {}
        (a, b) => {
            let (kafka, klamm) = (a.map(Value::to_string), b.map(Value::to_string));
            out.push(Difference { path: path.to_owned(), kafka, klamm });
        }
    }
}

/// Elements with their names; a name that comes again, and an element without one, get a number.
fn labelled(items: &[Value]) -> Vec<(String, Value)> {
    let mut seen: HashMap<String, usize> = HashMap::new();
    let names = items.iter().map(|v| {
        let name = label(v).unwrap_or_default();
        let count = seen.entry(name.clone()).or_default();
        *count += 1;
        match (name.is_empty(), *count) {
            (true, n) => format!("#{n}"),
            (false, 1) => name,
            (false, n) => format!("{name} #{n}"),
        }
    });
    names.zip(items.iter().cloned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn replies_are_compared_by_name_not_by_place() {
        let kafka = json!({"topics": [{"name": "a", "errorCode": 0}, {"name": "b", "errorCode": 3}]});
        let klamm =
            json!({"topics": [{"name": "b", "errorCode": 3}, {"name": "a", "errorCode": 17}, {"name": "c"}]});
        let none = HashMap::new();
        let got = compare(&normal(&kafka, &none), &normal(&klamm, &none));
        let paths: Vec<String> = got.iter().map(ToString::to_string).collect();
        assert_eq!(
            paths,
            ["topics[a].errorCode: Kafka 0, here 17", "topics[c]: Kafka (absent), here {\"name\":\"c\"}"]
        );
    }

    #[test]
    fn ids_texts_and_times_are_masked() {
        let id = crate::dynamic::hex(&[7; 16]);
        let reply =
            json!({"topicId": id, "errorMessage": "no", "timestamp": 1_800_000_000_000i64, "port": 9092});
        let names = HashMap::from([(id, "t".to_owned())]);
        let want =
            json!({"topicId": "t", "errorMessage": "<text>", "timestamp": "<timestamp>", "port": "<port>"});
        assert_eq!(normal(&reply, &names), want);
    }
}

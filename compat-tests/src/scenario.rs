//! Scripts of requests, and what a real Kafka answered to them.
//!
//! A script (`scenarios/NAME.json`) runs on a fresh broker. What Kafka answered is recorded in
//! `golden/NAME.replies`, made comparable, so that a run against Klamm needs no Java.
//! `KLAMM_RECORD=1` records anew, `KLAMM_RECORD=check` holds a real Kafka against the record.
//! `scenarios/README.md` tells how a script is written.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::broker::Broker;
use crate::differences;
use crate::dynamic::{Api, bytes_of};
use crate::kafka::Kafka;
use crate::normal::{BARRIER, compare, normal};
use crate::wire::{Answer, Connection, decode_reply};
use crate::{batch, wait_for};

/// Options of every scenario: the records have fixed and therefore old times.
const OPTIONS: &[&str] = &["log.retention.ms=-1"];
/// How long a step with `until` is repeated.
const UNTIL: Duration = Duration::from_secs(10);
/// How long a reply may take before it counts as none.
const REPLY: Duration = Duration::from_secs(4);
/// How long raw bytes may stay without an answer before that counts as silence.
const SILENCE: Duration = Duration::from_millis(700);
/// The correlation id that raw requests carry.
const RAW_CORRELATION: i32 = 7;
/// What changes metadata: Kafka's broker learns of it some time after the reply.
const CHANGING: &[&str] = &[
    "CreateTopics",
    "DeleteTopics",
    "CreatePartitions",
    "AlterConfigs",
    "IncrementalAlterConfigs",
    "UpdateFeatures",
    "AlterClientQuotas",
    "AlterUserScramCredentials",
    "CreateAcls",
    "DeleteAcls",
    "AlterPartitionReassignments",
];

/// One reply: the step's name with its version, and the reply made comparable.
pub type Reply = (String, Value);

/// Runs a scenario against Klamm and compares, or records, as `KLAMM_RECORD` says.
///
/// # Panics
/// With all differences that `differences.tsv` does not explain.
pub fn run(name: &str) {
    let script = script(name);
    let more = script["options"].as_array().into_iter().flatten().filter_map(|o| o.as_str());
    let options: Vec<String> = OPTIONS.iter().copied().chain(more).map(str::to_owned).collect();
    match std::env::var("KLAMM_RECORD").unwrap_or_default().as_str() {
        "" => {
            let borrowed: Vec<&str> = options.iter().map(String::as_str).collect();
            let broker = Broker::with(&borrowed);
            judge(name, &recorded(name), &play(&broker.address(), &script, false));
        }
        mode => {
            let Some(kafka) = Kafka::start(&options) else { return };
            let replies = play(kafka.address(), &script, true);
            match mode {
                "check" => judge(name, &recorded(name), &replies),
                _ => std::fs::write(golden(name), written(&replies)).expect("the record can be written"),
            }
        }
    }
}

fn folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn golden(name: &str) -> PathBuf {
    folder().join(format!("golden/{name}.replies"))
}

/// The names of all scripts.
///
/// # Panics
/// When the folder cannot be read.
#[must_use]
pub fn all() -> Vec<String> {
    let files = std::fs::read_dir(folder().join("scenarios")).expect("the folder of scripts");
    let names = files.filter_map(|f| f.ok()?.file_name().to_str()?.strip_suffix(".json").map(str::to_owned));
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

/// A script; one that goes on with another one's steps (`then`) has them behind its own.
fn script(name: &str) -> Value {
    let mut script = parsed(name);
    if let Some(next) = script["then"].as_str() {
        let more = parsed(next);
        for key in ["options", "steps"] {
            let both = [&script[key], &more[key]].into_iter().filter_map(Value::as_array);
            script[key] = both.flatten().cloned().collect();
        }
    }
    script
}

fn parsed(name: &str) -> Value {
    let path = folder().join(format!("scenarios/{name}.json"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// A record: a line for each reply, `=` for one that equals the line above.
fn written(replies: &[Reply]) -> String {
    let mut out = String::new();
    let mut before = &Value::Null;
    for (step, reply) in replies {
        let text = if reply == before { "=".to_owned() } else { reply.to_string() };
        let _ = writeln!(out, "{step}\t{text}");
        before = reply;
    }
    out
}

fn recorded(name: &str) -> Vec<Reply> {
    let path = golden(name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut out: Vec<Reply> = Vec::new();
    for line in text.lines() {
        let (step, reply) = line.split_once('\t').unwrap_or_else(|| panic!("no tab in {line}"));
        let reply = match reply {
            "=" => out.last().map(|(_, r)| r.clone()).unwrap_or_default(),
            json => serde_json::from_str(json).unwrap_or_else(|e| panic!("{name}, {step}: {e}")),
        };
        out.push((step.to_owned(), reply));
    }
    out
}

fn judge(name: &str, kafka: &[Reply], klamm: &[Reply]) {
    let steps = |r: &[Reply]| r.iter().map(|(s, _)| s.clone()).collect::<Vec<_>>();
    assert_eq!(
        steps(kafka),
        steps(klamm),
        "{name}: the record is of another script; KLAMM_RECORD=1 makes it anew"
    );
    let table = differences::table();
    let mut used = vec![false; table.len()];
    let (mut report, mut count) = (String::new(), 0);
    for ((step, expected), (_, got)) in kafka.iter().zip(klamm) {
        for difference in compare(expected, got) {
            let known = table.iter().position(|k| k.explains(name, step, &difference.path));
            match known {
                Some(i) => used[i] = true,
                None => {
                    count += 1;
                    let _ = writeln!(report, "  {step}: {difference}");
                }
            }
        }
    }
    for (line, _) in table.iter().zip(used).filter(|(k, used)| !used && k.is_of(name)) {
        count += 1;
        let _ = writeln!(report, "  explains nothing any more: {line}");
    }
    assert!(count == 0, "{name}: {count} differences\n{report}");
}

fn play(address: &str, script: &Value, recording: bool) -> Vec<Reply> {
    let mut player = Player {
        address,
        recording,
        connections: HashMap::new(),
        variables: HashMap::new(),
        ids: HashMap::new(),
        barriers: 0,
        replies: Vec::new(),
    };
    if recording {
        let topic = json!({"topics": [{"name": BARRIER, "numPartitions": 1, "replicationFactor": 1}]});
        let _ = player.fresh().call("CreateTopics", 7, &topic).expect("the barrier topic is made");
    }
    player.steps(&script["steps"], None);
    player.replies
}

struct Player<'a> {
    address: &'a str,
    recording: bool,
    connections: HashMap<String, Connection>,
    variables: HashMap<String, Value>,
    /// Names of topics and producers by id.
    ids: HashMap<String, String>,
    barriers: u32,
    replies: Vec<Reply>,
}

impl Player<'_> {
    fn fresh(&self) -> Connection {
        Connection::open(self.address).expect("the broker listens")
    }

    fn steps(&mut self, steps: &Value, each: Option<(&str, i16)>) {
        for step in steps.as_array().expect("steps are an array") {
            let step = &spelled_out(step);
            check_fields(step);
            if let Some(api) = step["each"].as_str() {
                let (low, high) = Api::named(api).versions;
                (low..=high).for_each(|version| self.steps(&step["steps"], Some((api, version))));
            } else if let Some(bytes) = step["raw"].as_str() {
                self.raw(step, bytes);
            } else {
                let name = step["api"].as_str().unwrap_or_else(|| panic!("no api in {step}"));
                let (low, high) = Api::named(name).versions;
                let versions: Vec<i16> = match (&step["versions"], each) {
                    (Value::Null, Some((api, version))) if api == name => vec![version],
                    (Value::Null, _) => vec![high],
                    (Value::Array(list), _) => {
                        list.iter().filter_map(|v| v.as_i64()?.try_into().ok()).collect()
                    }
                    (Value::String(all), _) if all == "all" => (low..=high).collect(),
                    (other, _) => panic!("versions are `all` or a list, not {other}"),
                };
                for version in versions {
                    self.step(step, name, version, each.map_or(version, |(_, v)| v));
                }
            }
        }
    }

    fn step(&mut self, step: &Value, name: &str, version: i16, each: i16) {
        let api = Api::named(name);
        let request = self.filled(&step["request"], each);
        let request = if request.is_null() { json!({}) } else { request };
        let body = api.encode_request(&request, version);
        let title = format!("{name} v{version} {}", text(step, "name")).replace("$v", &each.to_string());
        for _ in 1..step["repeat"].as_u64().unwrap_or(1) {
            let _ = self.exchange(step, api, version, &body);
        }
        let end = Instant::now() + UNTIL;
        let reply = loop {
            let reply = self.exchange(step, api, version, &body);
            let until = step["until"].as_object();
            if until.is_none_or(|u| u.iter().all(|(p, want)| reply.pointer(p) == Some(want)))
                || Instant::now() > end
            {
                break reply;
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        for (variable, pointer) in step["save"].as_object().into_iter().flatten() {
            let value = pointer.as_str().and_then(|p| reply.pointer(p)).cloned().unwrap_or_default();
            if pointer.as_str().is_some_and(|p| p.ends_with("/producerId")) {
                self.ids.insert(value.to_string(), variable.clone());
            }
            self.variables.insert(format!("${variable}"), value);
        }
        if self.recording && CHANGING.contains(&name) {
            self.barrier();
        }
        self.learn(&reply);
        let mut reply = normal(&reply, &self.ids);
        for pointer in step["mask"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            mask(&mut reply, pointer.split('/').skip(1).collect::<Vec<_>>().as_slice());
        }
        if self.recording {
            println!("{title}\t{reply}");
        }
        self.replies.push((title, reply));
    }

    fn exchange(&mut self, step: &Value, api: &Api, version: i16, body: &[u8]) -> Value {
        let key = text(step, "connection").to_owned();
        let mut connection = self.connections.remove(&key).unwrap_or_else(|| self.fresh());
        let Ok(id) = connection.send(api, version, body) else { return json!("closed") };
        let none = step["reply"] == "none";
        match connection.receive(if none { SILENCE } else { REPLY }) {
            Answer::Frame(frame) => {
                self.connections.insert(key, connection);
                decode_reply(api, version, id, &frame).unwrap_or_else(Value::from)
            }
            Answer::Closed => json!("closed"),
            Answer::Silence => {
                // A broker that owes a reply answers nothing else on that connection.
                if none {
                    self.connections.insert(key, connection);
                }
                json!("no reply")
            }
        }
    }

    /// Sends bytes on a connection of their own.
    fn raw(&mut self, step: &Value, bytes: &str) {
        let mut connection = self.fresh();
        let sent = connection.send_raw(&bytes_of(bytes));
        let answer = match sent.map(|()| connection.receive(SILENCE)) {
            Ok(Answer::Frame(frame)) => match (step["as"][0].as_str(), step["as"][1].as_i64()) {
                (Some(api), Some(version)) => {
                    let version = i16::try_from(version).expect("a version");
                    let reply = decode_reply(Api::named(api), version, RAW_CORRELATION, &frame);
                    normal(&reply.unwrap_or_else(Value::from), &self.ids)
                }
                _ => json!({ "frame": crate::dynamic::hex(&frame) }),
            },
            Ok(Answer::Silence) => json!("no reply"),
            Ok(Answer::Closed) | Err(_) => json!("closed"),
        };
        self.replies.push((format!("raw {}", text(step, "name")), answer));
    }

    /// Variables, topic ids and batches put in.
    fn filled(&mut self, value: &Value, version: i16) -> Value {
        match value {
            Value::String(s) if s.starts_with("$id(") => {
                let name =
                    s.trim_start_matches("$id(").trim_end_matches(')').replace("$v", &version.to_string());
                self.id_of(&name).into()
            }
            Value::String(s) if self.variables.contains_key(s) => self.variables[s].clone(),
            Value::String(s) if s == "$v" => version.into(),
            Value::String(s) => s.replace("$v", &version.to_string()).into(),
            Value::Array(items) => items.iter().map(|v| self.filled(v, version)).collect(),
            Value::Object(fields) => {
                if let Some(spec) = fields.get("batches") {
                    let specs = self.filled(spec, version);
                    let bytes: Vec<u8> =
                        specs.as_array().into_iter().flatten().flat_map(batch::build).collect();
                    return crate::dynamic::hex(&bytes).into();
                }
                fields.iter().map(|(k, v)| (k.clone(), self.filled(v, version))).collect()
            }
            other => other.clone(),
        }
    }

    fn id_of(&mut self, name: &str) -> String {
        if let Some((id, _)) = self.ids.iter().find(|(_, n)| *n == name) {
            return id.clone();
        }
        let mut connection = self.fresh();
        let request = json!({"topics": [{"name": name}], "allowAutoTopicCreation": false});
        let reply = connection.call("Metadata", 12, &request).expect("Metadata is answered");
        self.learn(&reply);
        reply["topics"][0]["topicId"].as_str().expect("a topic has an id").to_owned()
    }

    /// Keeps the names of the topic ids in a reply.
    fn learn(&mut self, reply: &Value) {
        for topic in reply["topics"].as_array().into_iter().flatten() {
            if let (Some(id), Some(name)) = (topic["topicId"].as_str(), topic["name"].as_str())
                && topic["errorCode"] == 0
            {
                self.ids.insert(id.to_owned(), name.to_owned());
            }
        }
    }

    /// Waits until Kafka's broker has applied all that its controller has answered: two changes of
    /// a topic's config, one after the other, are visible. (When the second one is, what came
    /// before the first is not only seen but done.)
    fn barrier(&mut self) {
        let mut connection = self.fresh();
        for _ in 0..2 {
            self.barriers += 1;
            let value = (1_000_000 + self.barriers).to_string();
            let configs = json!([{"name": "retention.ms", "configOperation": 0, "value": value}]);
            let change =
                json!({"resources": [{"resourceType": 2, "resourceName": BARRIER, "configs": configs}]});
            let _ = connection.call("IncrementalAlterConfigs", 1, &change).expect("the barrier moves");
            let keys = json!(["retention.ms"]);
            let ask = json!({"resources": [{"resourceType": 2, "resourceName": BARRIER, "configurationKeys": keys}]});
            wait_for("the barrier to be seen", UNTIL, || {
                let reply = connection.call("DescribeConfigs", 4, &ask).expect("the barrier can be read");
                (reply["results"][0]["configs"][0]["value"] == value.as_str()).then_some(())
            });
        }
    }
}

fn text<'v>(step: &'v Value, key: &str) -> &'v str {
    step[key].as_str().unwrap_or_default()
}

/// The two short forms of a step: `create` and `produce`.
fn spelled_out(step: &Value) -> Value {
    let or = |key: &str, usual: Value| if step[key].is_null() { usual } else { step[key].clone() };
    if let Some(name) = step["create"].as_str() {
        let configs = step["configs"].as_object().into_iter().flatten();
        let configs: Value = configs.map(|(k, v)| json!({"name": k, "value": v})).collect();
        let partitions = or("partitions", json!(1));
        let topic =
            json!({"name": name, "numPartitions": partitions, "replicationFactor": 1, "configs": configs});
        return json!({"name": format!("creates {name}"), "api": "CreateTopics", "request": {"topics": [topic]}});
    }
    if let Some(name) = step["produce"].as_str() {
        let records = json!({ "batches": step["batches"] });
        let partition = json!({"index": or("partition", json!(0)), "records": records});
        let topic = json!({"name": name, "partitionData": [partition]});
        let id = &step["transactionalId"];
        let request = json!({"transactionalId": id, "acks": or("acks", json!(-1)), "timeoutMs": 5000, "topicData": [topic]});
        let title = format!("to {name}: {}", text(step, "name"));
        let (versions, until) = (or("versions", json!([12])), &step["until"]);
        return json!({"name": title, "api": "Produce", "versions": versions, "request": request, "until": until});
    }
    step.clone()
}

fn check_fields(step: &Value) {
    const KNOWN: &[&str] = &[
        "name",
        "api",
        "versions",
        "request",
        "save",
        "until",
        "repeat",
        "connection",
        "reply",
        "mask",
        "each",
        "steps",
        "raw",
        "as",
    ];
    for key in step.as_object().unwrap_or_else(|| panic!("{step} is not a step")).keys() {
        assert!(KNOWN.contains(&key.as_str()), "a step has no field {key}");
    }
}

/// Replaces what `path` leads to; `*` goes into every element.
fn mask(value: &mut Value, path: &[&str]) {
    match (path, value) {
        ([], value) => *value = json!("<masked>"),
        (["*", rest @ ..], Value::Array(items)) => items.iter_mut().for_each(|v| mask(v, rest)),
        ([key, rest @ ..], Value::Object(fields)) => {
            if let Some(inner) = fields.get_mut(*key) {
                mask(inner, rest);
            }
        }
        _ => {}
    }
}

//! Checks that look at several options at once, and what a single node makes of a file for several.
use std::collections::BTreeSet;

use super::broker::{ip_overrides, written_listeners};
use super::layers::{Layers, Settings};
use super::listeners::{Endpoint, SecurityProtocol};
use super::option::{Meaning, Scope};
use super::problem::{Place, Problems};
use super::table::{find, listener_option};
use super::value::{Value, list_entries};

/// Broker options that count replicas; the node can hold one.
const REPLICA_COUNTS: &[&str] = &[
    "default.replication.factor",
    "min.insync.replicas",
    "offsets.topic.replication.factor",
    "share.coordinator.state.topic.min.isr",
    "share.coordinator.state.topic.replication.factor",
    "transaction.state.log.min.isr",
    "transaction.state.log.replication.factor",
];

/// `broker.id` is the older name of `node.id`: either sets both.
pub(super) fn node_id(settings: &mut Settings, problems: &mut Problems) {
    let id = |settings: &Settings, name| settings.get(name).map(ToOwned::to_owned);
    match (id(settings, "node.id"), id(settings, "broker.id").filter(|id| id != "-1")) {
        (Some(node), None) => settings.set("broker.id", &node, settings.place("node.id")),
        (None, Some(broker)) if broker.starts_with('-') => {
            problems.error(&settings.place("broker.id"), "broker.id: a node's id must be 0 or more");
        }
        (None, Some(broker)) => settings.set("node.id", &broker, settings.place("broker.id")),
        (Some(node), Some(broker)) if node != broker => problems.error(
            &settings.place("node.id"),
            format!("node.id is {node}, but broker.id is {broker}; they must be the same, or broker.id be left out"),
        ),
        _ => {}
    }
}

/// Counts of replicas above 1 become 1, each with a warning.
pub(super) fn clamp_replication(settings: &mut Settings, problems: &mut Problems) {
    for name in REPLICA_COUNTS {
        let Some(count) = settings.get(name).and_then(|v| v.parse::<i32>().ok()).filter(|n| *n > 1) else {
            continue;
        };
        let place = settings.place(name);
        problems.warn(&place, format!("{name}: {count} counts as 1, this node is alone"));
        settings.set(name, "1", place);
    }
}

/// Every check of the configuration as a whole.
pub(super) fn whole(layers: &Layers<'_>, problems: &mut Problems) {
    let view = View { layers, problems };
    view.run();
}

struct View<'a, 'b> {
    layers: &'a Layers<'a>,
    problems: &'b mut Problems,
}

impl View<'_, '_> {
    fn run(mut self) {
        self.roles();
        self.voters();
        self.listeners();
        self.protections();
        self.ip_overrides();
        self.log_dirs();
        self.times();
        self.cleaner();
        self.tiering();
    }

    fn value(&self, name: &str) -> Option<Value> {
        find(Scope::Broker, name).and_then(|option| self.layers.broker_value(option))
    }

    fn list(&self, name: &str) -> Vec<String> {
        self.value(name).and_then(|v| v.as_list().map(<[String]>::to_vec)).unwrap_or_default()
    }

    fn place(&self, name: &str) -> Place {
        self.layers.fixed.place(name)
    }

    fn error(&mut self, name: &str, text: String) {
        let place = self.place(name);
        self.problems.error(&place, text);
    }

    fn warn(&mut self, name: &str, text: String) {
        let place = self.place(name);
        self.problems.warn(&place, text);
    }

    fn allows_unprotected(&self) -> bool {
        self.value("klamm.allow.unprotected") == Some(Value::Bool(true))
    }

    fn roles(&mut self) {
        let roles = self.list("process.roles");
        if ["broker", "controller"].iter().any(|role| !roles.iter().any(|r| r == role)) {
            let text = "process.roles: Klamm is broker and controller in one and cannot play a single role; \
                        set process.roles=broker,controller or leave it out";
            self.error("process.roles", text.to_owned());
        }
    }

    fn voters(&mut self) {
        let own = self.value("node.id").and_then(|v| v.as_int());
        let voters = self.list("controller.quorum.voters");
        let mut foreign = Vec::new();
        for voter in &voters {
            match voter.split_once('@').and_then(|(id, _)| id.trim().parse::<i64>().ok()) {
                Some(id) if Some(id) == own => {}
                Some(_) => foreign.push(voter.as_str()),
                None => {
                    let text = format!("controller.quorum.voters: `{voter}` is not of the form id@host:port");
                    self.error("controller.quorum.voters", text);
                }
            }
        }
        if !foreign.is_empty() {
            let text = format!(
                "controller.quorum.voters names other nodes ({}); Klamm is a quorum of one. \
                 Leave the option out, or name only this node there",
                foreign.join(", ")
            );
            self.error("controller.quorum.voters", text);
        }
        let servers = self.list("controller.quorum.bootstrap.servers");
        if servers.len() > 1 {
            let text = "controller.quorum.bootstrap.servers names several nodes; this one is alone and asks none of them";
            self.warn("controller.quorum.bootstrap.servers", text.to_owned());
        }
    }

    fn listeners(&mut self) {
        let written = {
            let read = |name: &str| self.value(name);
            (written_listeners(&read, "listeners"), written_listeners(&read, "advertised.listeners"))
        };
        let listeners = match written.0 {
            Ok(listeners) => listeners,
            Err(why) => return self.error("listeners", format!("listeners: {why}")),
        };
        self.controller_listeners(&listeners);
        for endpoint in &listeners {
            self.protocol(endpoint);
        }
        match written.1 {
            Ok(advertised) => self.advertised(&advertised, &listeners),
            Err(why) => self.error("advertised.listeners", format!("advertised.listeners: {why}")),
        }
    }

    fn controller_listeners(&mut self, listeners: &[Endpoint]) {
        let names = self.list("controller.listener.names");
        let is_controller = |e: &Endpoint| names.iter().any(|n| n.eq_ignore_ascii_case(&e.listener));
        if listeners.iter().all(is_controller) {
            self.error(
                "listeners",
                "listeners: none of them serves clients; add one such as PLAINTEXT://:9092".to_owned(),
            );
        }
        if !names.is_empty() && !listeners.iter().any(is_controller) {
            let text = format!("controller.listener.names: `{}` is not among the listeners", names.join(","));
            self.warn("controller.listener.names", text);
        }
    }

    fn protocol(&mut self, endpoint: &Endpoint) {
        if endpoint.protocol == SecurityProtocol::Plaintext {
            return;
        }
        if self.allows_unprotected() {
            let text = format!(
                "listeners: {endpoint} is opened as PLAINTEXT, without {}; klamm.allow.unprotected says so",
                endpoint.protocol
            );
            return self.warn("listeners", text);
        }
        let text = format!(
            "listeners: {endpoint} speaks {}, which is not built yet, and Klamm does not open it unprotected. \
             Take it out, or set klamm.allow.unprotected=true",
            endpoint.protocol
        );
        self.error("listeners", text);
    }

    fn advertised(&mut self, advertised: &[Endpoint], listeners: &[Endpoint]) {
        for endpoint in advertised {
            if !listeners.iter().any(|l| l.listener == endpoint.listener) {
                let text = format!("advertised.listeners: {endpoint} belongs to no listener of that name");
                self.error("advertised.listeners", text);
            }
            if matches!(endpoint.host.as_str(), "" | "0.0.0.0" | "::") {
                let text = format!(
                    "advertised.listeners: no client can reach {endpoint}; name a host there, or leave the option out \
                     and each client is told the address by which it came"
                );
                self.error("advertised.listeners", text);
            }
        }
    }

    /// Options that protect must not be ignored in silence, for one listener as for all.
    fn protections(&mut self) {
        let layers = self.layers;
        let at_run_time = layers.cluster.iter().chain(layers.broker);
        let in_file = layers.fixed.names().filter_map(|name| Some((name, layers.fixed.get(name)?)));
        for (name, value) in in_file.chain(at_run_time.map(|(name, value)| (name.as_str(), value.trim()))) {
            let option = find(Scope::Broker, name).or_else(|| listener_option(name).map(|(_, o)| o));
            let Some(option) = option.filter(|o| o.meaning == Meaning::Protects) else { continue };
            if value.is_empty() || option.kafka_default == Some(value) {
                continue;
            }
            if self.allows_unprotected() {
                self.warn(
                    name,
                    format!(
                        "{name} protects nothing: it is not built yet, and klamm.allow.unprotected is set"
                    ),
                );
                continue;
            }
            let text = format!(
                "{name}: what it protects is not built yet, and Klamm does not start as if it were. \
                 Take it out, or set klamm.allow.unprotected=true"
            );
            self.error(name, text);
        }
    }

    fn tiering(&mut self) {
        let is_on = self.value("remote.log.storage.system.enable") == Some(Value::Bool(true));
        if is_on && self.value("klamm.remote.url").is_none_or(|url| url.to_string().is_empty()) {
            let text = "remote.log.storage.system.enable: klamm.remote.url must say where, for instance s3://bucket/prefix";
            self.error("remote.log.storage.system.enable", text.to_owned());
        }
    }

    fn ip_overrides(&mut self) {
        let read = |name: &str| self.value(name);
        if let Err(why) = ip_overrides(&read) {
            self.error(
                "max.connections.per.ip.overrides",
                format!("max.connections.per.ip.overrides: {why}"),
            );
        }
    }

    /// Limits that Kafka checks outside of its table of options.
    fn times(&mut self) {
        let layers = self.layers;
        let refused = |name: &str, is_refused: fn(i64) -> bool| {
            let option = find(Scope::Broker, name)?;
            layers.broker_value_for_show(option)?.as_int().filter(|n| is_refused(*n))
        };
        for name in ["log.retention.ms", "log.retention.minutes", "log.retention.hours"] {
            if refused(name, |n| n == 0).is_some() {
                self.error(name, format!("{name}: `0` is not allowed, it must be 1 or more, or -1 for ever"));
            }
        }
        if let Some(n) = refused("log.roll.ms", |n| n < 1) {
            self.error("log.roll.ms", format!("log.roll.ms: `{n}` is not allowed, it must be 1 or more"));
        }
        if let Some(n) = refused("log.roll.jitter.ms", |n| n < 0) {
            self.error(
                "log.roll.jitter.ms",
                format!("log.roll.jitter.ms: `{n}` is not allowed, it must be 0 or more"),
            );
        }
    }

    fn cleaner(&mut self) {
        const LEAST: i64 = 1 << 20;
        let number = |name| self.value(name).and_then(|v| v.as_int());
        let (threads, buffer) = ("log.cleaner.threads", "log.cleaner.dedupe.buffer.size");
        let count = number(threads).unwrap_or(1);
        match number(buffer).unwrap_or(i64::MAX).checked_div(count) {
            None => self.error(threads, format!("{threads}: `0` is not allowed, it must be 1 or more")),
            Some(share) if share <= LEAST => {
                let text = format!("{buffer}: each of {count} cleaner threads needs more than {LEAST} bytes");
                self.error(buffer, text);
            }
            Some(_) => {}
        }
    }

    fn log_dirs(&mut self) {
        let name = if self.list("log.dirs").is_empty() { "log.dir" } else { "log.dirs" };
        let dirs = self.list(name);
        if dirs.is_empty() || dirs.iter().any(String::is_empty) {
            return self
                .error(name, format!("{name}: it must name at least one directory, and none may be empty"));
        }
        if dirs.iter().collect::<BTreeSet<_>>().len() != dirs.len() {
            self.error(name, format!("{name}: a directory stands twice"));
        }
        let known = |dir: &String| dir == "*" || dirs.contains(dir);
        let cordoned =
            self.value("cordoned.log.dirs").map(|v| list_entries(&v.to_string())).unwrap_or_default();
        if let Some(stranger) = cordoned.iter().find(|dir| !known(dir)) {
            self.error("cordoned.log.dirs", format!("cordoned.log.dirs: {stranger} is not among {name}"));
        }
    }
}

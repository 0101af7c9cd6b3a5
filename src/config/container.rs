//! What a container image of Kafka settles before the broker starts, and what Klamm's images put there.
//!
//! Kafka's image reads a mounted `server.properties`, lets `KAFKA_*` variables win over it, and listens on
//! every interface at the ports that it advertises if it is told no `listeners`. Programs written for that
//! image count on it.
use std::collections::BTreeMap;

use super::environment::option_of_variable;
use super::properties::parse_properties;

/// The file that is read if it is there, as in Kafka's image.
pub const MOUNTED_FILE: &str = "/mnt/shared/config/server.properties";

/// Where data lies unless `log.dirs` says otherwise: the volume of the image.
pub const DATA: &str = "/var/lib/kafka/data";

const LISTENERS: &str = "listeners";
const ADVERTISED: &str = "advertised.listeners";

/// The settings that stand in for what neither the mounted file nor the environment says, each
/// `key=value`: weaker than both.
#[must_use]
pub fn container_defaults(file: Option<&str>, environment: &[(String, String)]) -> Vec<(String, String)> {
    let said = said(file, environment);
    let mut out = Vec::new();
    let mut stand_in = |key: &str, value: String| out.push((key.to_owned(), value));
    match (said.get(LISTENERS), said.get(ADVERTISED)) {
        (Some(_), _) => {}
        (None, Some(advertised)) => stand_in(LISTENERS, on_every_interface(advertised)),
        (None, None) => {
            stand_in(LISTENERS, "PLAINTEXT://:9092".to_owned());
            // A published port is reached by this name; another address has to be told.
            stand_in(ADVERTISED, "PLAINTEXT://localhost:9092".to_owned());
        }
    }
    if !said.contains_key("log.dirs") && !said.contains_key("log.dir") {
        stand_in("log.dirs", DATA.to_owned());
    }
    out
}

/// What file and environment set, empty values apart.
fn said(file: Option<&str>, environment: &[(String, String)]) -> BTreeMap<String, String> {
    let lines = parse_properties(file.unwrap_or_default()).into_iter().map(|p| (p.name, p.value));
    let variables =
        environment.iter().filter_map(|(name, value)| Some((option_of_variable(name)?, value.clone())));
    lines.chain(variables).filter(|(_, value)| !value.trim().is_empty()).collect()
}

/// The advertised listeners with every host replaced by all interfaces, ports and names kept.
fn on_every_interface(advertised: &str) -> String {
    let one = |entry: &str| match (entry.split_once("://"), entry.rsplit_once(':')) {
        (Some((name, _)), Some((_, port))) => format!("{}://0.0.0.0:{port}", name.trim()),
        // Wrong as it is; the check of listeners says so.
        _ => entry.to_owned(),
    };
    advertised.split(',').map(one).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn defaults(file: Option<&str>, variables: &[(&str, &str)]) -> String {
        let environment: Vec<_> =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let pairs = container_defaults(file, &environment);
        pairs.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_is_not_said_is_as_in_kafkas_image() {
        let localhost = "listeners=PLAINTEXT://:9092 advertised.listeners=PLAINTEXT://localhost:9092";
        let data = "log.dirs=/var/lib/kafka/data";
        let derived = "listeners=A://0.0.0.0:1,B://0.0.0.0:2 log.dirs=/var/lib/kafka/data";
        type Case<'a> = (Option<&'a str>, &'a [(&'a str, &'a str)], String);
        let cases: [Case<'_>; 8] = [
            (None, &[], format!("{localhost} {data}")),
            (Some("num.partitions=3"), &[("KAFKA_NODE_ID", "2")], format!("{localhost} {data}")),
            (None, &[("KAFKA_ADVERTISED_LISTENERS", "A://h:1,B://[::1]:2")], derived.to_owned()),
            (None, &[("KAFKA_ADVERTISED_LISTENERS", " ")], format!("{localhost} {data}")),
            (Some("listeners=A://:1"), &[], data.to_owned()),
            (Some("listeners=A://:1"), &[("KAFKA_ADVERTISED_LISTENERS", "A://h:1")], data.to_owned()),
            (None, &[("KAFKA_LISTENERS", "A://:1"), ("KAFKA_LOG_DIRS", "/tmp/logs")], String::new()),
            (Some("log.dir=/d"), &[("KAFKA_LISTENERS", "A://:1")], String::new()),
        ];
        for (file, variables, want) in cases {
            assert_eq!(defaults(file, variables), want, "{file:?} {variables:?}");
        }
    }
}

//! `listeners`, `advertised.listeners` and `listener.security.protocol.map`.
use std::collections::BTreeMap;
use std::fmt;

use super::value::list_entries;

/// What a listener speaks, by Kafka's names and codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(i16)]
pub enum SecurityProtocol {
    /// Neither authentication nor encryption.
    Plaintext = 0,
    /// TLS.
    Ssl = 1,
    /// SASL on a plain connection.
    SaslPlaintext = 2,
    /// SASL within TLS.
    SaslSsl = 3,
}

impl SecurityProtocol {
    /// Reads Kafka's name, in any case.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let all = [Self::Plaintext, Self::Ssl, Self::SaslPlaintext, Self::SaslSsl];
        all.into_iter().find(|p| p.name().eq_ignore_ascii_case(name))
    }

    /// Kafka's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plaintext => "PLAINTEXT",
            Self::Ssl => "SSL",
            Self::SaslPlaintext => "SASL_PLAINTEXT",
            Self::SaslSsl => "SASL_SSL",
        }
    }

    /// The code in RegisterBrokerRecord and other messages.
    #[must_use]
    pub const fn code(self) -> i16 {
        self as i16
    }
}

impl fmt::Display for SecurityProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One entry of `listeners` or `advertised.listeners`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Name of the listener, in upper case.
    pub listener: String,
    /// Host name or address, an IPv6 address without its brackets; empty for every interface.
    pub host: String,
    /// Port; 0 for one that the system chooses.
    pub port: u16,
    /// What it speaks.
    pub protocol: SecurityProtocol,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (open, close) = if self.host.contains(':') { ("[", "]") } else { ("", "") };
        write!(f, "{}://{open}{}{close}:{}", self.listener, self.host, self.port)
    }
}

/// Reads `NAME:PROTOCOL,...`. Names are kept in upper case.
///
/// # Errors
/// A sentence on the first entry that is wrong.
pub fn parse_protocol_map(text: &str) -> Result<BTreeMap<String, SecurityProtocol>, String> {
    let mut map = BTreeMap::new();
    for entry in list_entries(text) {
        let (name, protocol) =
            entry.split_once(':').ok_or_else(|| format!("`{entry}` is not of the form NAME:PROTOCOL"))?;
        let protocol = SecurityProtocol::parse(protocol.trim()).ok_or_else(|| {
            format!(
                "`{protocol}` is no security protocol; there are PLAINTEXT, SSL, SASL_PLAINTEXT and SASL_SSL"
            )
        })?;
        if map.insert(name.trim().to_ascii_uppercase(), protocol).is_some() {
            return Err(format!("the listener name `{name}` stands twice"));
        }
    }
    Ok(map)
}

/// Reads `NAME://host:port,...` and looks each name's protocol up.
///
/// # Errors
/// A sentence on the first entry that is wrong: its form, its port, a name without a protocol or a name
/// that stands twice.
pub fn parse_endpoints(
    entries: &[String],
    protocols: &BTreeMap<String, SecurityProtocol>,
) -> Result<Vec<Endpoint>, String> {
    let mut out: Vec<Endpoint> = Vec::new();
    for entry in entries {
        let endpoint = parse_endpoint(entry, protocols)?;
        if out.iter().any(|e| e.listener == endpoint.listener && is_ipv6(&e.host) == is_ipv6(&endpoint.host))
        {
            return Err(format!(
                "the listener name `{}` stands twice; each name may stand once",
                endpoint.listener
            ));
        }
        if let Some(other) =
            out.iter().find(|e| e.port == endpoint.port && e.port != 0 && e.host == endpoint.host)
        {
            return Err(format!("the listeners {} and {} share one port", other.listener, endpoint.listener));
        }
        out.push(endpoint);
    }
    Ok(out)
}

/// One name may stand for an IPv4 and an IPv6 address.
fn is_ipv6(host: &str) -> bool {
    host.contains(':')
}

fn parse_endpoint(entry: &str, protocols: &BTreeMap<String, SecurityProtocol>) -> Result<Endpoint, String> {
    let malformed = || format!("`{entry}` is not of the form NAME://host:port");
    let (name, address) = entry.split_once("://").ok_or_else(malformed)?;
    let (host, port) = address.rsplit_once(':').ok_or_else(malformed)?;
    let host = match host.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']').ok_or_else(malformed)?,
        None if host.contains([':', '/', '@', ' ']) => return Err(malformed()),
        None => host,
    };
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if name.is_empty() || !name.chars().all(is_name) {
        return Err(malformed());
    }
    let port =
        port.parse().map_err(|_| format!("`{port}` in `{entry}` is no port; ports go from 0 to 65535"))?;
    let listener = name.to_ascii_uppercase();
    let Some(&protocol) = protocols.get(&listener) else {
        return Err(format!(
            "the listener name `{listener}` has no entry in listener.security.protocol.map; add {listener}:PLAINTEXT there"
        ));
    };
    Ok(Endpoint { listener, host: host.to_owned(), port, protocol })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Vec<Endpoint>, String> {
        let map = parse_protocol_map("PLAINTEXT:PLAINTEXT,ssl:SSL,OUTSIDE:sasl_ssl").unwrap();
        parse_endpoints(&list_entries(text), &map)
    }

    #[test]
    fn endpoints_are_read() {
        let cases = [
            ("PLAINTEXT://127.0.0.1:9092", "PLAINTEXT://127.0.0.1:9092"),
            ("plaintext://:9092", "PLAINTEXT://:9092"),
            ("PLAINTEXT://[::1]:9092 , SSL://host:0", "PLAINTEXT://[::1]:9092,SSL://host:0"),
            (
                "PLAINTEXT://[::]:9092,PLAINTEXT://0.0.0.0:9092",
                "PLAINTEXT://[::]:9092,PLAINTEXT://0.0.0.0:9092",
            ),
            ("OUTSIDE://kafka.example.com:1", "OUTSIDE://kafka.example.com:1"),
            ("", ""),
        ];
        for (text, want) in cases {
            let got: Vec<String> = parse(text).unwrap().iter().map(ToString::to_string).collect();
            assert_eq!(got.join(","), want);
        }
    }

    #[test]
    fn wrong_endpoints_are_told_apart() {
        let cases = [
            ("localhost:9092", "form"),
            ("PLAINTEXT://localhost", "form"),
            ("PLAINTEXT://::1:9092", "form"),
            ("PLAINTEXT://h:99999", "no port"),
            ("PLAINTEXT://h:-1", "no port"),
            ("OTHER://h:1", "listener.security.protocol.map"),
            ("PLAINTEXT://h:1,plaintext://h:2", "stands twice"),
            ("PLAINTEXT://h:1,SSL://h:1", "share one port"),
        ];
        for (text, want) in cases {
            assert!(parse(text).is_err_and(|e| e.contains(want)), "{text}");
        }
    }

    #[test]
    fn a_protocol_map_names_known_protocols_once() {
        for bad in ["A", "A:TLS", "A:SSL,a:SSL"] {
            assert!(parse_protocol_map(bad).is_err(), "{bad}");
        }
    }
}

//! What a server needs to know, and how it follows from the broker's options.
use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use crate::api::ListenerKind;
use crate::config::BrokerConfig;

use super::{Limits, ListenerConfig};

/// Options of every socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocketOptions {
    /// `socket.send.buffer.bytes`; `None` (-1) leaves it to the system.
    pub send_buffer: Option<u32>,
    /// `socket.receive.buffer.bytes`; `None` (-1) leaves it to the system.
    pub receive_buffer: Option<u32>,
    /// `socket.listen.backlog.size`.
    pub backlog: u32,
}

/// What a server needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerConfig {
    /// Where it listens.
    pub listeners: Vec<ListenerConfig>,
    /// How sockets are made.
    pub sockets: SocketOptions,
    /// How many connections there may be.
    pub limits: Limits,
    /// What the limit of open files leaves for connections: beyond it, new ones wait in the backlog, whatever
    /// `limits` say.
    pub max_sockets: usize,
    /// `connections.max.idle.ms`.
    pub max_idle: Duration,
    /// How long a peer may take nothing of a reply before it is closed.
    pub max_stall: Duration,
    /// How long a half sent request may stand still while others wait for memory.
    pub max_half_request: Duration,
    /// `socket.request.max.bytes`.
    pub max_request: usize,
    /// `queued.max.request.bytes`: memory of requests that are not handled yet, in bytes.
    pub request_memory: usize,
}

impl Default for ServerConfig {
    /// The options' defaults, without a listener.
    fn default() -> Self {
        Self {
            listeners: Vec::new(),
            sockets: SocketOptions { send_buffer: Some(102_400), receive_buffer: Some(102_400), backlog: 50 },
            limits: Limits::default(),
            max_sockets: usize::MAX,
            max_idle: Duration::from_secs(600),
            max_stall: Duration::from_secs(300),
            max_half_request: Duration::from_secs(10),
            max_request: 100 << 20,
            request_memory: 64 << 20,
        }
    }
}

impl ServerConfig {
    /// What the options say. Looks up the host names in `max.connections.per.ip.overrides`.
    pub async fn from_options(options: &BrokerConfig) -> Self {
        let listener = |endpoint: &crate::config::Endpoint| ListenerConfig {
            name: endpoint.listener.as_str().into(),
            kind: if options.is_controller_listener(&endpoint.listener) {
                ListenerKind::Controller
            } else {
                ListenerKind::Broker
            },
            host: endpoint.host.clone(),
            port: endpoint.port,
        };
        Self {
            listeners: options.listeners.iter().map(listener).collect(),
            sockets: SocketOptions {
                send_buffer: u32::try_from(options.socket_send_buffer_bytes).ok(),
                receive_buffer: u32::try_from(options.socket_receive_buffer_bytes).ok(),
                backlog: u32::try_from(options.socket_listen_backlog_size).unwrap_or(1),
            },
            limits: Limits::from_options(options).await,
            max_idle: u64::try_from(options.connections_max_idle_ms)
                .map_or(Duration::MAX, Duration::from_millis),
            max_request: size(options.socket_request_max_bytes.into()),
            request_memory: size(options.queued_max_request_bytes),
            ..Self::default()
        }
    }
}

impl Limits {
    /// What the options say. Looks up the host names in `max.connections.per.ip.overrides`; one that
    /// has no address is left out with a warning.
    pub async fn from_options(options: &BrokerConfig) -> Self {
        let mut overrides = HashMap::new();
        for (host, limit) in &options.max_connections_per_ip_overrides {
            let limit = size((*limit).into());
            match tokio::net::lookup_host((host.as_str(), 0)).await {
                Ok(found) => overrides.extend(found.map(|at| (IpAddr::to_canonical(&at.ip()), limit))),
                Err(error) => {
                    tracing::warn!(host, "max.connections.per.ip.overrides: no address found: {error}");
                }
            }
        }
        Self {
            total: size(options.max_connections.into()),
            per_ip: size(options.max_connections_per_ip.into()),
            overrides,
        }
    }
}

/// A number of bytes or connections, where a negative one means no bound.
fn size(value: i64) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Endpoint, SecurityProtocol};

    #[tokio::test]
    async fn defaults_are_those_of_the_options() {
        let from_options = ServerConfig::from_options(&BrokerConfig::default()).await;
        let none = HashMap::new();
        let listeners = Vec::new();
        let limits = Limits { overrides: none, ..from_options.limits };
        let big = i32::MAX as usize;
        assert_eq!(limits, Limits { total: big, per_ip: big, ..Default::default() });
        let default = ServerConfig { limits: limits.clone(), ..Default::default() };
        assert_eq!(ServerConfig { listeners, limits, ..from_options }, default);
    }

    #[tokio::test]
    async fn options_become_what_they_mean() {
        let endpoint = |listener: &str, port| Endpoint {
            listener: listener.into(),
            host: "127.0.0.1".into(),
            port,
            protocol: SecurityProtocol::Plaintext,
        };
        let options = BrokerConfig {
            listeners: vec![endpoint("CLIENTS", 1), endpoint("CONTROLLER", 2)],
            controller_listener_names: vec!["CONTROLLER".into()],
            socket_send_buffer_bytes: -1,
            connections_max_idle_ms: -1,
            max_connections: 7,
            max_connections_per_ip_overrides: [("127.0.0.1".into(), 3), ("::ffff:10.0.0.1".into(), 4)].into(),
            queued_max_request_bytes: -1,
            ..Default::default()
        };
        let config = ServerConfig::from_options(&options).await;
        let kinds: Vec<_> = config.listeners.iter().map(|l| (&*l.name, l.kind, l.port)).collect();
        assert_eq!(
            kinds,
            [("CLIENTS", ListenerKind::Broker, 1), ("CONTROLLER", ListenerKind::Controller, 2)]
        );
        assert_eq!((config.sockets.send_buffer, config.sockets.receive_buffer), (None, Some(102_400)));
        assert_eq!((config.limits.total, config.limits.per_ip), (7, i32::MAX as usize));
        let ips: [IpAddr; 2] = ["127.0.0.1".parse().unwrap(), "10.0.0.1".parse().unwrap()];
        assert_eq!(ips.map(|ip| config.limits.overrides[&ip]), [3, 4]);
        assert_eq!((config.max_idle, config.request_memory), (Duration::MAX, usize::MAX));
    }
}

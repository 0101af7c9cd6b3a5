//! Sockets that listen, and what happens to a connection before its first request.
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;

use crate::api::{Arrival, ListenerKind};

use super::budget::{Budget, Lease};
use super::connection::{Connection, End, Shared};
use super::inbound::Inbound;
use super::limits::{Connections, Slot};
use super::transport::Transport;
use super::{Phase, SocketOptions};

/// How long accepting rests after it failed: for want of descriptors most likely, which passes when
/// connections close.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A listener as it is configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerConfig {
    /// Its name in `listeners`, for instance `PLAINTEXT`.
    pub name: Arc<str>,
    /// Whom it serves.
    pub kind: ListenerKind,
    /// Host name or address to listen on; empty for all interfaces.
    pub host: String,
    /// Port; 0 lets the system choose.
    pub port: u16,
}

/// A listener cannot listen.
#[derive(Debug, thiserror::Error)]
#[error("listener {name} cannot listen on {host}:{port}: {}", reason(source))]
pub struct BindError {
    /// Name of the listener.
    pub name: Arc<str>,
    /// Its host.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// What the system said.
    pub source: io::Error,
}

fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "another program uses this port; stop it or change the port in 'listeners'".into()
        }
        io::ErrorKind::AddrNotAvailable => {
            "this machine does not have this address; correct it in 'listeners'".into()
        }
        _ => error.to_string(),
    }
}

/// A socket that listens already but accepts nothing yet.
#[derive(Debug)]
pub(super) struct Bound {
    pub(super) config: ListenerConfig,
    pub(super) address: SocketAddr,
    socket: TcpListener,
}

/// Begins to listen.
pub(super) async fn bind(config: &ListenerConfig, options: &SocketOptions) -> Result<Bound, BindError> {
    let listen = async {
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the host name has no address");
        for address in addresses(config).await? {
            match listen(address, options) {
                Ok(socket) => return Ok((socket.local_addr()?, socket)),
                Err(error) => last = error,
            }
        }
        Err(last)
    };
    let (address, socket) = listen.await.map_err(|source| BindError {
        name: Arc::clone(&config.name),
        host: config.host.clone(),
        port: config.port,
        source,
    })?;
    Ok(Bound { config: config.clone(), address, socket })
}

/// The addresses to try in order. All interfaces means IPv6 and IPv4 by one socket where there is
/// IPv6, as Java does it.
async fn addresses(config: &ListenerConfig) -> io::Result<Vec<SocketAddr>> {
    if config.host.is_empty() {
        let all: [IpAddr; 2] = [Ipv6Addr::UNSPECIFIED.into(), IpAddr::from([0, 0, 0, 0])];
        return Ok(all.map(|ip| SocketAddr::new(ip, config.port)).into());
    }
    let host = config.host.trim_start_matches('[').trim_end_matches(']');
    Ok(tokio::net::lookup_host((host, config.port)).await?.collect())
}

fn listen(address: SocketAddr, options: &SocketOptions) -> io::Result<TcpListener> {
    let socket = if address.is_ipv6() { TcpSocket::new_v6()? } else { TcpSocket::new_v4()? };
    socket.set_reuseaddr(true)?;
    // Accepted sockets inherit the sizes; set before listening, they also bound the TCP window.
    if let Some(bytes) = options.receive_buffer {
        socket.set_recv_buffer_size(bytes)?;
    }
    if let Some(bytes) = options.send_buffer {
        socket.set_send_buffer_size(bytes)?;
    }
    socket.bind(address)?;
    socket.listen(options.backlog)
}

/// What a listener gives to its connections.
#[derive(Clone)]
pub(super) struct Serving {
    pub(super) shared: Arc<Shared>,
    pub(super) connections: Arc<Connections>,
    pub(super) budget: Arc<Budget>,
    /// `socket.request.max.bytes`.
    pub(super) max_request: usize,
    pub(super) phase: watch::Receiver<Phase>,
}

impl Serving {
    /// Accepts connections until the server stops.
    pub(super) async fn accept(mut self, listener: Bound) {
        let mut phase = self.phase.clone();
        let serving = async {
            loop {
                self.connections.room().await;
                match listener.socket.accept().await {
                    Ok((socket, peer)) => self.admit(socket, peer, &listener.config),
                    Err(error) => {
                        self.warn(format_args!("cannot accept a connection: {error}"));
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                }
            }
        };
        tokio::select! {
            () = serving => {}
            _ = phase.wait_for(|phase| *phase != Phase::Run) => {}
        }
    }

    fn admit(&mut self, socket: TcpStream, peer: SocketAddr, config: &ListenerConfig) {
        let peer = canonical(peer);
        match self.connections.admit(peer.ip()) {
            Ok(slot) => {
                self.shared.metrics.accepted.inc();
                self.start(socket, peer, config, slot);
            }
            Err(limit) => {
                let (ip, listener) = (peer.ip(), &config.name);
                self.warn(format_args!(
                    "refusing a connection to listener {listener}: \
                     {ip} has {limit} already (max.connections.per.ip)"
                ));
            }
        }
    }

    fn start(&mut self, socket: TcpStream, peer: SocketAddr, config: &ListenerConfig, slot: Slot) {
        // A peer that is gone already shows at the first read.
        let Ok(local) = socket.local_addr().map(canonical) else { return };
        let _ = socket.set_nodelay(true);
        let _ = rustix::net::sockopt::set_socket_keepalive(&socket, true);
        let at = Arrival { listener: Arc::clone(&config.name), kind: config.kind, local, peer };
        let inbound = Inbound::new(Lease::new(&self.budget), self.max_request);
        let transport = Transport::Plain(socket);
        let connection = Box::new(Connection::new(transport, at, Arc::clone(&self.shared), inbound));
        tokio::spawn(run(connection, self.phase.clone(), slot));
    }

    fn warn(&self, line: fmt::Arguments<'_>) {
        self.shared.gate.warn(self.shared.clock.elapsed(), line);
    }
}

/// An IPv4 peer of an IPv6 socket is that IPv4 address.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// The life of a connection. It is boxed: the future that this function becomes would hold it twice.
async fn run(mut connection: Box<Connection>, mut phase: watch::Receiver<Phase>, _slot: Slot) {
    let end = loop {
        tokio::select! {
            biased;
            changed = phase.changed() => match changed.map(|()| *phase.borrow_and_update()) {
                Ok(Phase::Run) => {}
                Ok(Phase::Drain) => connection.drain(),
                // Without its sender, the server was dropped.
                Ok(Phase::Abort) | Err(_) => return,
            },
            end = poll_fn(|cx| connection.poll(cx)) => break end,
        }
    };
    if matches!(end, End::Peer | End::Send(_) | End::Io(_) | End::Stalled(_)) {
        return;
    }
    tokio::select! {
        () = connection.linger() => {}
        _ = phase.wait_for(|phase| *phase == Phase::Abort) => {}
    }
}

//! Listeners and connections: how requests come in and replies go out.
//!
//! Owns: sockets and their options, connection limits, the memory budget of requests, the order of
//! replies, idle and stalled peers, and the orderly stop.
//!
//! Promises: requests of a connection are begun in order and answered in order; nothing that a peer
//! sends, or does not send, harms another connection; memory is reserved before it is taken; an
//! idle connection holds no buffer and costs no CPU; an accepted request is answered before an
//! orderly stop ends.
//!
//! Must not know: what any request means.
#![warn(clippy::indexing_slicing)]

mod budget;
mod connection;
mod gate;
mod inbound;
mod limits;
mod listener;
mod metrics;
mod options;
mod outbound;
mod transport;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::api::Dispatch;
use crate::env::Clock;
use crate::metrics::Registry;

pub use limits::Limits;
pub use listener::{BindError, ListenerConfig};
pub use options::{ServerConfig, SocketOptions};

use budget::Budget;
use connection::Shared;
use gate::Gate;
use limits::Connections;
use listener::{Bound, Serving};
use metrics::Metrics;

/// How far a server is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Run,
    Drain,
    Abort,
}

/// A server whose ports are taken but which accepts nothing yet: clients that connect wait.
#[derive(Debug)]
pub struct BoundServer {
    config: ServerConfig,
    listeners: Vec<Bound>,
}

impl BoundServer {
    /// Where the listeners listen, in the order of the configuration.
    #[must_use]
    pub fn addresses(&self) -> Vec<(Arc<str>, SocketAddr)> {
        self.listeners.iter().map(|bound| (Arc::clone(&bound.config.name), bound.address)).collect()
    }

    /// Begins to accept. Must be called inside a tokio runtime.
    #[must_use]
    pub fn serve(self, dispatch: Arc<dyn Dispatch>, clock: Arc<dyn Clock>, registry: &Registry) -> Server {
        let addresses = self.addresses();
        let Self { config, listeners } = self;
        let (phase, receiver) = watch::channel(Phase::Run);
        let connections = Connections::new(config.limits, config.max_sockets);
        let budget = Budget::new(config.request_memory, config.max_half_request);
        let metrics = Metrics::new(registry, &budget, &connections);
        let serving = Serving {
            shared: Arc::new(Shared {
                dispatch,
                clock,
                gate: Gate::default(),
                metrics,
                max_idle: config.max_idle,
                max_stall: config.max_stall,
            }),
            connections: Arc::clone(&connections),
            budget: Arc::clone(&budget),
            max_request: config.max_request,
            phase: receiver,
        };
        let accept = |bound| tokio::spawn(serving.clone().accept(bound));
        let acceptors = listeners.into_iter().map(accept).collect();
        Server { addresses, phase, connections, budget, acceptors }
    }
}

/// A server at work. Dropping it cuts everything off at once; see [`Server::stop`].
#[derive(Debug)]
pub struct Server {
    addresses: Vec<(Arc<str>, SocketAddr)>,
    phase: watch::Sender<Phase>,
    connections: Arc<Connections>,
    budget: Arc<Budget>,
    acceptors: Vec<JoinHandle<()>>,
}

impl Server {
    /// Takes the ports of all listeners.
    ///
    /// # Errors
    /// A port cannot be taken; the error says which and what to do.
    pub async fn bind(config: ServerConfig) -> Result<BoundServer, BindError> {
        let mut listeners = Vec::with_capacity(config.listeners.len());
        for listener in &config.listeners {
            listeners.push(listener::bind(listener, &config.sockets).await?);
        }
        Ok(BoundServer { config, listeners })
    }

    /// Where the listeners listen, in the order of the configuration.
    #[must_use]
    pub fn addresses(&self) -> &[(Arc<str>, SocketAddr)] {
        &self.addresses
    }

    /// How many connections there are.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.connections.count()
    }

    /// Bytes of the request memory in use.
    #[must_use]
    pub fn request_memory_used(&self) -> usize {
        self.budget.used()
    }

    /// What changes the connection limits while the server is at work.
    #[must_use]
    pub fn limiter(&self) -> Limiter {
        Limiter(Arc::clone(&self.connections))
    }

    /// Stops in order: accepts nothing more, reads no further request, sends the replies to those
    /// accepted, closes. What is not done `within` is cut off. Returns how many connections were.
    /// Dropping the future cuts off at once (a second signal).
    pub async fn stop(self, within: Duration) -> usize {
        self.phase.send_replace(Phase::Drain);
        for acceptor in self.acceptors {
            // It ends by the phase alone; a panic in it was reported when it happened.
            let _ = acceptor.await;
        }
        let _ = tokio::time::timeout(within, self.connections.none()).await;
        let left = self.connections.count();
        self.phase.send_replace(Phase::Abort);
        left
    }
}

/// Changes the connection limits of a server.
#[derive(Clone, Debug)]
pub struct Limiter(Arc<Connections>);

impl Limiter {
    /// Puts other limits in force; connections that exist stay.
    pub fn set(&self, limits: Limits) {
        self.0.set_limits(limits);
    }
}

#[cfg(test)]
mod tests;

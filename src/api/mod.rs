//! What each API does: one file per API key, and [`table`], the only list of them.
//!
//! A handler has two phases. The ordered one is the call itself: it decodes, validates, appends,
//! and must not wait; a connection starts its next request when it returns. What is left to wait
//! for (durability, a long poll, a coordinator) goes into the future of [`Handling::Parked`], which
//! owns all that it needs and never borrows the frame.
//!
//! Promises: an error of the request itself is a reply with Kafka's code; only what cannot be
//! answered closes the connection ([`Refusal`]). Must not know sockets; touches files only through
//! `partition`.
#![warn(clippy::indexing_slicing)]

mod api_versions;
pub mod table;

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use crate::env::Clock;
use crate::schema::{Api, DecodeError, ErrorCode, Reader, Writer};
use crate::types::{NodeId, Timestamp};
use crate::wire::{Reply, ReplyHead, RequestHead};

pub use api_versions::{Features, SupportedFeature};

/// Whom a listener serves; it decides which APIs exist on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListenerKind {
    /// Clients.
    Broker,
    /// Tools that speak to the controller.
    Controller,
}

/// What a handler may know about its request besides the body.
#[derive(Clone, Debug)]
pub struct Context<'a> {
    /// The API that is called.
    pub api: &'static Api,
    /// Version of the request and of its reply; inside the range that the table serves.
    pub version: i16,
    /// What the reply repeats.
    pub correlation_id: i32,
    /// What the client calls itself.
    pub client_id: Option<&'a str>,
    /// Name of the listener, for instance `PLAINTEXT`.
    pub listener: &'a str,
    /// Whom that listener serves.
    pub kind: ListenerKind,
    /// The address by which the client reached us.
    pub local: SocketAddr,
    /// The client's address.
    pub peer: SocketAddr,
    /// Wall time at which the request was read.
    pub now: Timestamp,
}

impl Context<'_> {
    /// What a reply needs of the request; a parked future takes it along.
    #[must_use]
    pub const fn head(&self) -> ReplyHead {
        ReplyHead::new(self.api, self.version, self.correlation_id)
    }
}

/// What becomes of a request after its ordered phase.
pub enum Handling {
    /// The reply is here.
    Ready(Reply),
    /// The reply comes later. The future is dropped when the client goes away.
    Parked(Pin<Box<dyn Future<Output = Reply> + Send>>),
    /// There is none (`acks=0`).
    NoReply,
    /// The connection has to be closed.
    Close(Refusal),
}

impl Handling {
    /// Parks `reply`.
    pub fn parked(reply: impl Future<Output = Reply> + Send + 'static) -> Self {
        Self::Parked(Box::pin(reply))
    }
}

/// The reply that `body` writes, ready to leave: `reply(ctx, |w| response.encode(w, ctx.version))`.
pub fn reply(ctx: &Context<'_>, body: impl FnOnce(&mut Writer)) -> Handling {
    Handling::Ready(ctx.head().reply(body))
}

/// Why a request gets no answer but the end of its connection, as in Kafka.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The API exists and is not served here.
    #[error("{api} (key {key}) is not served on this listener")]
    NotServed {
        /// Kafka's name of the API.
        api: &'static str,
        /// Its key.
        key: i16,
    },
    /// A version outside the served range.
    #[error("{api} is served in versions {min} to {max}, not in version {version}")]
    UnsupportedVersion {
        /// Kafka's name of the API.
        api: &'static str,
        /// What was asked.
        version: i16,
        /// Lowest version served.
        min: i16,
        /// Highest version served.
        max: i16,
    },
    /// The body is not what its version says.
    #[error("the body of {api} version {version} cannot be read: {error}")]
    Undecodable {
        /// Kafka's name of the API.
        api: &'static str,
        /// Version of the request.
        version: i16,
        /// What is wrong with it.
        error: DecodeError,
    },
    /// `acks=0` leaves no other way to tell the client of an error (Kafka closes too).
    #[error("{api} without acknowledgement failed with {code}; closing tells the client")]
    Unanswerable {
        /// Kafka's name of the API.
        api: &'static str,
        /// What went wrong.
        code: ErrorCode,
    },
    /// A fault of this program.
    #[error("{api} could not be answered because of an internal fault: {message}")]
    Internal {
        /// Kafka's name of the API.
        api: &'static str,
        /// What went wrong.
        message: String,
    },
}

/// What handlers work with. One is made by the broker at start and shared by all connections.
#[non_exhaustive]
pub struct Services {
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The cluster's id.
    pub cluster_id: Arc<str>,
    /// This node's id.
    pub node_id: NodeId,
    /// What this node supports and what the cluster has finalized.
    pub features: Features,
}

impl Services {
    /// Services of a node.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, cluster_id: Arc<str>, node_id: NodeId, features: Features) -> Self {
        Self { clock, cluster_id, node_id, features }
    }
}

/// Where a connection takes its requests.
pub trait Dispatch: Send + Sync {
    /// The ordered phase of one request. `body` stands behind the header.
    fn dispatch(&self, ctx: &Context<'_>, body: Reader<'_>) -> Handling;
}

impl Dispatch for Services {
    fn dispatch(&self, ctx: &Context<'_>, body: Reader<'_>) -> Handling {
        table::dispatch(self, ctx, body)
    }
}

impl<'a> Context<'a> {
    /// The context of a request that arrived on a connection.
    #[must_use]
    pub fn new(head: &'a RequestHead<'_>, at: &'a Arrival, now: Timestamp) -> Self {
        Self {
            api: head.api,
            version: head.version,
            correlation_id: head.correlation_id,
            client_id: head.client_id.as_deref(),
            listener: &at.listener,
            kind: at.kind,
            local: at.local,
            peer: at.peer,
            now,
        }
    }
}

/// What is the same for all requests of a connection.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// Name of the listener.
    pub listener: Arc<str>,
    /// Whom it serves.
    pub kind: ListenerKind,
    /// The address by which the client reached us.
    pub local: SocketAddr,
    /// The client's address.
    pub peer: SocketAddr,
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::env::FakeClock;
    use crate::wire::{frame, request};

    /// Services of a node `1` of the cluster `test-cluster`.
    pub(crate) fn services() -> Services {
        Services::new(Arc::new(FakeClock::new(0)), "test-cluster".into(), NodeId(1), Features::default())
    }

    /// Sends one request through the table: its handling.
    pub(crate) fn call(
        services: &Services,
        kind: ListenerKind,
        (key, version): (i16, i16),
        body: impl FnOnce(&mut Writer),
    ) -> Handling {
        let bytes = request::encode(Api::by_key(key).unwrap(), version, 7, Some("test"), body);
        let (content, _) = frame::split(&bytes, bytes.len()).unwrap().unwrap();
        let mut r = Reader::new(content);
        let head = RequestHead::decode(&mut r).unwrap();
        let local = "127.0.0.1:9092".parse().unwrap();
        let at = Arrival { listener: "PLAINTEXT".into(), kind, local, peer: local };
        services.dispatch(&Context::new(&head, &at, Timestamp(0)), r)
    }

    /// The body of a reply that is ready, without prefix and header (of `header` bytes).
    pub(crate) fn body_of(handling: Handling, header: usize) -> Vec<u8> {
        match handling {
            Handling::Ready(reply) => reply.to_bytes().unwrap().split_off(4 + header),
            Handling::Close(refusal) => panic!("closed: {refusal}"),
            _ => panic!("not ready"),
        }
    }
}

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

mod add_offsets_to_txn;
mod add_partitions_to_txn;
mod addresses;
mod alter_configs;
mod alter_partition_reassignments;
mod alter_replica_log_dirs;
mod api_versions;
mod consumer_group_describe;
mod consumer_group_heartbeat;
mod create_partitions;
mod create_topics;
mod decide;
mod delete_groups;
mod delete_records;
mod delete_topics;
mod describe_acls;
mod describe_client_quotas;
mod describe_cluster;
mod describe_configs;
mod describe_groups;
mod describe_log_dirs;
mod describe_producers;
mod describe_quorum;
mod describe_topic_partitions;
mod describe_transactions;
mod describe_user_scram_credentials;
mod elect_leaders;
mod end_txn;
mod fetch;
pub mod fetch_session;
mod find_coordinator;
mod groups;
mod heartbeat;
mod incremental_alter_configs;
mod init_producer_id;
mod join_group;
mod leave_group;
mod list_config_resources;
mod list_groups;
mod list_offsets;
mod list_partition_reassignments;
mod list_transactions;
mod lookup;
mod metadata;
mod offset_commit;
mod offset_delete;
mod offset_fetch;
mod offset_for_leader_epoch;
mod operations;
mod produce;
mod producer_ids;
mod services;
mod sync_group;
pub mod table;
mod transactions;
mod turns;
mod txn_offset_commit;
mod update_features;
mod write_txn_markers;

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use crate::schema::{Api, DecodeError, ErrorCode, Reader, Writer};
use crate::types::Timestamp;
use crate::wire::{Reply, ReplyHead, RequestHead};

pub use services::{InForce, Parts, Services};

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

    /// Runs `reply` on a thread that may block, beside the connections.
    pub fn blocking(reply: impl FnOnce() -> Reply + Send + 'static) -> Self {
        Self::parked(async move {
            match tokio::task::spawn_blocking(reply).await {
                Ok(reply) => reply,
                // A fault of the handler ends its connection, as if it had happened there.
                Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
                Err(_) => std::future::pending().await,
            }
        })
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
    use std::path::PathBuf;

    use crate::env::{Clock, FakeClock, Files, MemoryFiles, Rng, SeededRng};
    use crate::log::LogEnv;
    use crate::metadata::Image;
    use crate::metadata::features::DEFAULT_METADATA_VERSION;
    use crate::metadata::format::{Format, Voters};
    use crate::metadata::store::{Applier, Journal, Store, StoreError, StoreOptions};
    use crate::types::{NodeId, Offset, Uuid};
    use crate::wire::{frame, request};

    /// Services of a node `1` of the cluster `test-cluster`, which has no topics, in memory.
    pub(crate) fn services() -> Services {
        struct Nothing;
        impl Applier for Nothing {
            fn apply(&mut self, _: &Arc<Image>, _: &Arc<Image>) {}
        }
        let files: Arc<dyn Files> = Arc::new(MemoryFiles::new(1));
        let clock: Arc<dyn Clock> = Arc::new(FakeClock::new(0));
        let rng: Arc<dyn Rng> = Arc::new(SeededRng::new(1));
        let (dir, node_id, directory_id) = (PathBuf::from("/data"), NodeId(1), Uuid([9; 16]));
        let format = Format {
            cluster_id: "test-cluster".into(),
            node_id,
            metadata_version: DEFAULT_METADATA_VERSION,
            features: Vec::new(),
            voters: Voters::Standalone("CONTROLLER".into(), "localhost".into(), 9093),
            now: Timestamp(0),
        };
        format.write(files.as_ref(), &dir, directory_id, true).unwrap();
        let options = StoreOptions {
            node: node_id,
            dir: dir.clone(),
            min_insync_replicas: 1,
            snapshot_bytes: u64::MAX,
            snapshot_interval_ms: 0,
            segment_bytes: 1 << 30,
            segment_ms: i64::MAX,
        };
        let env = LogEnv::new(files, Arc::clone(&clock), Arc::clone(&rng), dir);
        let journal = Journal::open(env, options).unwrap();
        let failed = Box::new(|error: &StoreError| panic!("{error}"));
        let metadata = Store::start(journal, Arc::clone(&clock), Box::new(Nothing), failed).unwrap();
        Services::new(Parts {
            clock,
            rng,
            cluster_id: "test-cluster".into(),
            node_id,
            directory_id,
            broker_epoch: Offset(1),
            settings: Arc::default(),
            in_force: Arc::new(InForce::new(Arc::default())),
            metadata: Arc::new(metadata),
            partitions: Arc::default(),
            log_dirs: Arc::default(),
            metrics: Arc::default(),
        })
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

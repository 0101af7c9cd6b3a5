//! A small synchronous Kafka client: what the subcommands need, and no more.
//!
//! [`Connection`] speaks to one broker: it negotiates versions, so it works with old brokers and new
//! ones. [`Cluster`] knows the brokers: it finds leaders, and tries again what is worth it.

mod cluster;
mod connection;
mod error;
mod groups;
mod message;
mod offsets;

pub use cluster::{Cluster, Options, Partition, Topic, parse_servers};
pub use connection::{CLIENT_ID, Connection, MAX_REPLY, Reply, Ticket};
pub use error::ClientError;
pub use groups::{Committed, ListedGroup};
pub use message::Request;
pub use offsets::{EARLIEST, Isolation, LATEST};

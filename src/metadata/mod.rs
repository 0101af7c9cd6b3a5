//! What the cluster is: topics, partitions, configs, features, brokers, and the access data of a cluster.
//!
//! Owns [`Image`] (all of it at one moment, cheap to clone) and its [`replay`](Image::replay), the only
//! way an image changes; the decisions of the controller as functions
//! `(image, request) -> (records, reply)`; and how the records are framed ([`frame`]).
//!
//! Promises: replaying the records of a decision, or those of [`Image::to_records`], gives exactly the
//! image that the decision meant; no record of Kafka's metadata schemas is lost on the way.
//!
//! The pure part must not know sockets, files, clocks, or how the log keeps the records.
#![warn(clippy::indexing_slicing)]

pub mod batch;
pub mod change;
pub mod features;
pub mod format;
pub mod frame;
pub mod image;
pub mod meta_properties;
pub mod snapshot;
pub mod store;

pub use image::{ConfigResource, Image, Partition, ReplayError, ResourceKind, Topic};

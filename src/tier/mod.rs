//! The remote tier: sealed segments of a partition in object storage, and the way back.
//!
//! Owns: what lies in the bucket ([`layout`], [`Manifest`], [`object`]), the decisions about it ([`decide`]: what is
//! uploaded next, what expires, what a sweep may remove), the work by the clock that carries them out ([`Tier`]), and
//! reading there ([`RemoteLog`]).
//! Promises: what is in the bucket is described by the bucket; a segment is told to be in the remote tier only when
//! its object is stored and a manifest that names it is too, and nobody has taken the prefix over meanwhile; an object
//! that no manifest names goes after a grace period, one that is named stays; a broken object hurts only who reads it;
//! nothing here is on the way of a produce request.
//! Must not know: requests, partitions as clients see them, the metadata image, sockets of clients.
#![warn(clippy::indexing_slicing)]

pub mod cache;
pub mod connect;
pub mod decide;
mod keep;
pub mod known;
pub mod layout;
mod limit;
pub mod manifest;
mod metrics;
pub mod object;
pub mod objects;
pub mod offline;
mod read;
mod remote_log;
pub mod store;
mod upload;
mod work;
pub mod writer;

#[cfg(test)]
mod tests;

pub use connect::{ConnectError, Target};
pub use decide::Rules;
pub use keep::read_newest;
pub use known::KnownTopics;
pub use manifest::{Manifest, RemoteSegment};
pub use metrics::TierMetrics;
pub use read::RemoteSlice;
pub use remote_log::{Known, RemoteLog};
pub use store::{Store, StoreError};
pub use work::{Tier, TierOptions, TierParts};
pub use writer::ClaimError;

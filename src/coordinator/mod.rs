//! Coordinators: what groups agree on, kept in the internal topics.
//!
//! Owns the records of `__consumer_offsets` ([`record`]), in [`group`] the state machines of the groups and
//! their committed offsets, and in [`runtime`] what runs them. A coordinator is a function of its log: decisions give records,
//! replaying them changes the state, loading is replay from empty.
//!
//! Promises: what was acknowledged survives; records of kinds that are not understood are left alone.
//! The machines must not know sockets, files, clocks or partitions; the runtime brings them together.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

pub mod group;
pub mod machine;
pub mod record;
pub mod runtime;
pub mod txn;
pub mod view;

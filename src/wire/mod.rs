//! Frames: what surrounds a message on a socket.
//!
//! Owns: the length prefix and its limits, request and response headers, and [`Reply`], a list of
//! [`Chunk`]s that ends in a socket. The client side (`request`) is here too: the command line and
//! the tests speak with it.
//!
//! Promises: a length that a peer claims is checked before anything is sized by it; record bytes
//! that lie in a file are never copied into a reply.
//!
//! Must not know: sockets, what a message means, who may send it.

pub mod frame;
#[cfg(test)]
mod fuzz;
mod reply;
pub mod request;

pub use frame::FrameError;
pub use reply::{Chunk, Reply, ReplyHead, SpliceError};
pub use request::{HeaderError, RequestHead};

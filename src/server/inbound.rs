//! The bytes of a connection that are not handled yet.
use std::task::{Context, Poll, ready};

use crate::wire::FrameError;
use crate::wire::frame::{self, PREFIX};

use super::budget::{FIRST_STEP, Lease};
use super::transport::Transport;

/// A buffer that exists only while bytes are in it or about to come.
#[derive(Debug)]
pub(super) struct Inbound {
    buf: Vec<u8>,
    /// Where the next frame begins.
    start: usize,
    /// Bytes since the peer last counted as moving.
    arrived: usize,
    lease: Lease,
    /// `socket.request.max.bytes`.
    max: usize,
}

impl Inbound {
    pub(super) fn new(lease: Lease, max: usize) -> Self {
        Self { buf: Vec::new(), start: 0, arrived: 0, lease, max }
    }

    pub(super) fn lease(&mut self) -> &mut Lease {
        &mut self.lease
    }

    /// The bytes not handled yet.
    fn rest(&self) -> &[u8] {
        self.buf.get(self.start..).unwrap_or_default()
    }

    /// Whether part of a frame is here.
    pub(super) fn is_empty(&self) -> bool {
        self.rest().is_empty()
    }

    /// The next frame, if it is whole.
    ///
    /// # Errors
    /// What stands where a frame should begin is none.
    pub(super) fn frame(&self) -> Result<Option<&[u8]>, FrameError> {
        Ok(frame::split(self.rest(), self.max)?.map(|(content, _)| content))
    }

    /// The next frame, of `len` bytes without its prefix, was handled.
    pub(super) fn consume(&mut self, len: usize) {
        self.start = self.start.saturating_add(PREFIX).saturating_add(len).min(self.buf.len());
        if self.start == self.buf.len() {
            self.buf.clear();
            self.start = 0;
            self.lease.release(0);
            if self.buf.capacity() > FIRST_STEP {
                self.buf = Vec::new();
            }
        } else {
            self.lease.release(self.buf.len().max(FIRST_STEP));
        }
    }

    /// How many bytes the buffer should hold next: no more than twice what is here, nor more than the
    /// frame needs, but a first step at least.
    fn target(&self) -> Result<usize, FrameError> {
        let rest = self.rest();
        let Some(prefix) = rest.first_chunk::<PREFIX>() else { return Ok(FIRST_STEP) };
        let whole = frame::length(*prefix, self.max)?.saturating_add(PREFIX);
        Ok(whole.min(rest.len().saturating_mul(2)).max(FIRST_STEP))
    }

    /// Reads more, once memory for it is reserved; 0 is the end of the stream.
    pub(super) fn poll_fill(
        &mut self,
        transport: &Transport,
        cx: &mut Context<'_>,
    ) -> Poll<Result<usize, FillError>> {
        let target = self.target()?;
        if self.buf.capacity() == 0 {
            // Nothing is held for a peer that says nothing.
            ready!(transport.poll_readable(cx))?;
        }
        ready!(self.lease.poll_reserve(target, cx));
        if self.start > 0 {
            self.buf.drain(..self.start);
            self.start = 0;
        }
        let missing = target.saturating_sub(self.buf.len());
        self.buf.reserve_exact(missing);
        let got = transport.poll_recv(cx, &mut self.buf);
        if got.is_pending() && self.buf.is_empty() {
            self.free();
        }
        if let Poll::Ready(Ok(n)) = &got {
            self.arrived = self.arrived.saturating_add(*n);
            if self.arrived >= FIRST_STEP {
                self.arrived = 0;
                self.lease.stop_standing();
            }
        }
        got.map_err(FillError::Io)
    }

    /// Gives all memory back.
    pub(super) fn free(&mut self) {
        self.buf = Vec::new();
        self.start = 0;
        self.lease.release(0);
    }
}

/// Why reading ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum FillError {
    /// What arrived is no frame.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The socket failed.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

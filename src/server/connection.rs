//! One connection: reads frames, runs their ordered phases in order, sends the replies in order.
//!
//! A connection is one task and one state machine, [`Connection::poll`]; an idle one holds no buffer.
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

use crate::api::{Arrival, Context as RequestContext, Dispatch, Handling, Refusal};
use crate::env::Clock;
use crate::schema::Reader;
use crate::wire::{FrameError, HeaderError, RequestHead};

use super::gate::Gate;
use super::inbound::{FillError, Inbound};
use super::metrics::Metrics;
use super::outbound::Outbound;
use super::transport::Transport;

/// Turns of the state machine before other connections get theirs.
const TURNS: usize = 32;
/// How long a peer has to take in the last replies after we have ended the stream.
const LINGER: Duration = Duration::from_secs(1);
/// Bytes that are read and thrown away meanwhile.
const LINGER_BYTES: usize = 1 << 20;

/// What all connections of a server share.
pub(super) struct Shared {
    pub(super) dispatch: Arc<dyn Dispatch>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) gate: Gate,
    pub(super) metrics: Metrics,
    /// `connections.max.idle.ms`.
    pub(super) max_idle: Duration,
    /// How long a peer may take nothing of what is sent to it.
    pub(super) max_stall: Duration,
}

/// Why a connection ends.
#[derive(Debug, thiserror::Error)]
pub(super) enum End {
    #[error("the peer has closed the connection")]
    Peer,
    #[error("the server stops")]
    Stopped,
    #[error("nothing was sent for {} ms (connections.max.idle.ms)", .0.as_millis())]
    Idle(Duration),
    #[error("the peer took nothing of its reply for {} ms", .0.as_millis())]
    Stalled(Duration),
    #[error("a request stopped half way while others needed its memory (queued.max.request.bytes)")]
    GivenUp,
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error(transparent)]
    Header(#[from] HeaderError),
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("the connection failed: {0}")]
    Io(#[from] std::io::Error),
    #[error("a reply could not be sent to its end: {0}")]
    Send(std::io::Error),
}

impl End {
    /// Whether a person should read of it.
    fn is_notable(&self) -> bool {
        match self {
            Self::Peer | Self::Stopped | Self::Idle(_) | Self::Io(_) => false,
            Self::Send(error) => error.kind() == std::io::ErrorKind::UnexpectedEof,
            _ => true,
        }
    }
}

/// A connection that was admitted.
pub(super) struct Connection {
    transport: Transport,
    at: Arrival,
    shared: Arc<Shared>,
    inbound: Inbound,
    outbound: Outbound,
    /// Why no more requests are read; the replies to earlier ones are still sent.
    ending: Option<End>,
    /// When something last moved, by the monotonic clock.
    moved_at: Duration,
    timer: Pin<Box<Sleep>>,
    /// When `timer` fires, by the monotonic clock.
    timer_at: Duration,
}

impl Connection {
    pub(super) fn new(transport: Transport, at: Arrival, shared: Arc<Shared>, inbound: Inbound) -> Self {
        let now = shared.clock.elapsed();
        let timer = Box::pin(tokio::time::sleep(shared.max_idle));
        let timer_at = now.saturating_add(shared.max_idle);
        let outbound = Outbound::default();
        Self { transport, at, shared, inbound, outbound, ending: None, moved_at: now, timer, timer_at }
    }

    /// No further request is read.
    pub(super) fn drain(&mut self) {
        self.ending.get_or_insert(End::Stopped);
    }

    /// Tells of the end, unless that would be one line too many.
    fn report(&self, end: &End) {
        let (peer, listener) = (self.at.peer, &*self.at.listener);
        if matches!(end, End::Stalled(_) | End::GivenUp) {
            self.shared.metrics.stalled.inc();
        }
        if !end.is_notable() {
            tracing::debug!("the connection of {peer} to listener {listener} ends: {end}");
        } else {
            let line = format_args!("closing the connection of {peer} to listener {listener}: {end}");
            self.shared.gate.warn(self.shared.clock.elapsed(), line);
        }
    }

    /// Drives the connection; ready when it is over and every reply that can be sent was sent.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        for _ in 0..TURNS {
            let mut moved = false;
            if self.ending.is_none() {
                match self.poll_requests(cx) {
                    Ok(any) => moved |= any,
                    // Nothing can be sent any more, so nobody waits for what is parked.
                    Err(end @ End::Io(_)) => return self.over(end),
                    Err(end) => {
                        self.report(&end);
                        self.inbound.free();
                        self.ending = Some(end);
                    }
                }
            }
            moved |= self.outbound.collect(cx);
            let progress = self.outbound.poll_send(&self.transport, cx);
            moved |= progress.sent > 0;
            self.shared.metrics.sent(&progress);
            if let Poll::Ready(Err(error)) = progress.done {
                return self.over(End::Send(error));
            }
            if moved {
                self.moved_at = self.shared.clock.elapsed();
            }
            if self.outbound.is_empty()
                && let Some(end) = self.ending.take()
            {
                return Poll::Ready(end);
            }
            if !moved {
                return match self.poll_deadline(cx) {
                    Poll::Ready(end) => self.over(end),
                    Poll::Pending => Poll::Pending,
                };
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn over(&self, end: End) -> Poll<End> {
        self.report(&end);
        Poll::Ready(end)
    }

    /// Handles what has arrived and reads more; whether any of it happened.
    fn poll_requests(&mut self, cx: &mut Context<'_>) -> Result<bool, End> {
        self.inbound.lease().check().map_err(|_| End::GivenUp)?;
        let any = self.handle_frames(cx)?;
        if !self.outbound.has_room() {
            return Ok(any);
        }
        match self.inbound.poll_fill(&self.transport, cx) {
            Poll::Ready(Ok(0)) => Err(End::Peer),
            Poll::Ready(Ok(n)) => {
                self.shared.metrics.bytes_in.add(n as u64);
                self.handle_frames(cx)?;
                Ok(true)
            }
            Poll::Ready(Err(FillError::Frame(error))) => Err(error.into()),
            Poll::Ready(Err(FillError::Io(error))) => Err(error.into()),
            Poll::Pending => {
                if self.inbound.lease().waits() {
                    self.inbound.lease().press(self.shared.clock.elapsed());
                } else if !self.inbound.is_empty() {
                    self.inbound.lease().stand(self.shared.clock.elapsed(), cx);
                }
                Ok(any)
            }
        }
    }

    /// Runs the ordered phase of every whole request; whether there was one.
    fn handle_frames(&mut self, cx: &mut Context<'_>) -> Result<bool, End> {
        let mut any = false;
        while self.outbound.has_room() {
            let Some(frame) = self.inbound.frame()? else { break };
            let len = frame.len();
            let mut body = Reader::new(frame);
            let head = RequestHead::decode(&mut body)?;
            self.shared.metrics.began(head.api);
            let ctx = RequestContext::new(&head, &self.at, self.shared.clock.now());
            let handling = self.shared.dispatch.dispatch(&ctx, body);
            self.inbound.consume(len);
            any = true;
            match handling {
                Handling::Ready(reply) => self.outbound.push(reply),
                Handling::Parked(reply) => self.outbound.park(reply, cx),
                Handling::NoReply => {}
                Handling::Close(refusal) => return Err(refusal.into()),
            }
        }
        Ok(any)
    }

    /// Nothing moves: sets the timer for when this becomes too long.
    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        let Some(limit) = self.patience() else { return Poll::Pending };
        loop {
            let deadline = self.moved_at.saturating_add(limit);
            if deadline < self.timer_at {
                self.set_timer(deadline);
            }
            if self.timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            let now = self.shared.clock.elapsed();
            if self.inbound.lease().waits() {
                self.inbound.lease().press(now);
                self.moved_at = now;
            } else if now >= deadline {
                let stalled = self.outbound.waits_for_peer();
                return Poll::Ready(if stalled { End::Stalled(limit) } else { End::Idle(limit) });
            }
            self.set_timer(self.moved_at.saturating_add(limit));
        }
    }

    /// How long the present state may last; `None` if what it waits for is not the peer's to do.
    fn patience(&mut self) -> Option<Duration> {
        if self.inbound.lease().waits() {
            Some(self.inbound.lease().patience())
        } else if self.outbound.waits_for_peer() {
            Some(self.shared.max_stall)
        } else if self.outbound.is_empty() {
            Some(self.shared.max_idle)
        } else {
            None
        }
    }

    fn set_timer(&mut self, at: Duration) {
        let wait = at.saturating_sub(self.shared.clock.elapsed());
        if let Some(instant) = Instant::now().checked_add(wait) {
            self.timer.as_mut().reset(instant);
        }
        self.timer_at = at;
    }

    /// Ends the stream and gives the peer a moment to take in what was sent: closing a socket with
    /// unread bytes in it would throw away replies that are still on their way.
    pub(super) async fn linger(&mut self) {
        self.transport.finish();
        let mut left = LINGER_BYTES;
        let mut buf = Vec::with_capacity(4096);
        let discard = std::future::poll_fn(|cx| {
            loop {
                buf.clear();
                match self.transport.poll_recv(cx, &mut buf) {
                    Poll::Ready(Ok(n)) if n > 0 && n < left => left = left.saturating_sub(n),
                    Poll::Ready(_) => return Poll::Ready(()),
                    Poll::Pending => return Poll::Pending,
                }
            }
        });
        // Either way the socket is closed now.
        let _ = tokio::time::timeout(LINGER, discard).await;
    }
}

//! The replies of a connection, in the order of their requests, and how they get into the socket.
use std::collections::VecDeque;
use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::task::JoinHandle;

use crate::env::{Advice, FileRange};
use crate::wire::{Chunk, Reply};

use super::transport::Transport;

/// Requests of one connection that may be in flight; beyond it, its socket is not read.
const MAX_IN_FLIGHT: usize = 128;
/// Bytes in memory that may wait for the socket; beyond it, no further request is begun.
const MAX_WAITING_BYTES: usize = 1 << 20;
/// How many pieces one call sends at most.
const SLICES: usize = 32;
/// Bytes of a file that are probed, read ahead or sent at once.
const WINDOW: usize = 512 << 10;
/// Ranges of files up to this many bytes are read when they are about to be sent: one call sends several
/// of them with what stands between, which costs less than sending each by sendfile.
const SMALL: usize = 8 << 10;
/// Bytes that reading ahead reads at once.
const READ_AHEAD_STEP: usize = 64 << 10;

type Parked = Pin<Box<dyn Future<Output = Reply> + Send>>;

enum Slot {
    Waiting(Parked),
    Ready(Reply),
}

/// What work off the socket's thread yields: `Some` bytes to send instead of the front of the file,
/// or `None` when the file's next window is in memory now.
type Fetched = io::Result<Option<Bytes>>;

/// Replies that are not sent yet.
#[derive(Default)]
pub(super) struct Outbound {
    /// Replies behind the first that is not ready.
    slots: VecDeque<Slot>,
    /// What may be sent now.
    chunks: VecDeque<Chunk>,
    /// Bytes in memory in `slots` and `chunks`.
    waiting_bytes: usize,
    /// Reading that the front chunk waits for.
    fetching: Option<JoinHandle<Fetched>>,
    /// How many bytes at the front of the front file are known to be in memory.
    warm: usize,
    /// Bytes whose reading ahead was begun and not reported yet.
    read_ahead: usize,
}

impl Outbound {
    /// Whether another request may be begun.
    pub(super) fn has_room(&self) -> bool {
        self.slots.len() < MAX_IN_FLIGHT && self.waiting_bytes < MAX_WAITING_BYTES
    }

    /// Whether every reply was sent.
    pub(super) fn is_empty(&self) -> bool {
        self.slots.is_empty() && self.chunks.is_empty()
    }

    /// Whether something waits for the peer to take it.
    pub(super) fn waits_for_peer(&self) -> bool {
        !self.chunks.is_empty() && self.fetching.is_none()
    }

    /// The reply to the next request is here.
    pub(super) fn push(&mut self, reply: Reply) {
        self.waiting_bytes = self.waiting_bytes.saturating_add(reply.len_in_memory());
        if self.slots.is_empty() {
            self.chunks.extend(reply.into_chunks());
        } else {
            self.slots.push_back(Slot::Ready(reply));
        }
    }

    /// The reply to the next request comes later. It is polled once now, so that it sets its timers
    /// and says what it waits for even if others are before it.
    pub(super) fn park(&mut self, mut reply: Parked, cx: &mut Context<'_>) {
        match reply.as_mut().poll(cx) {
            Poll::Ready(reply) => self.push(reply),
            Poll::Pending => self.slots.push_back(Slot::Waiting(reply)),
        }
    }

    /// Moves replies that are ready to where they are sent from; whether there were any.
    pub(super) fn collect(&mut self, cx: &mut Context<'_>) -> bool {
        let mut any = false;
        while let Some(slot) = self.slots.front_mut() {
            if let Slot::Waiting(parked) = slot {
                let Poll::Ready(reply) = parked.as_mut().poll(cx) else { break };
                self.waiting_bytes = self.waiting_bytes.saturating_add(reply.len_in_memory());
                *slot = Slot::Ready(reply);
            }
            if let Some(Slot::Ready(reply)) = self.slots.pop_front() {
                self.chunks.extend(reply.into_chunks());
                any = true;
            }
        }
        any
    }

    /// Sends what can be sent; `Ready` with whether anything was, when there is nothing left.
    pub(super) fn poll_send(&mut self, transport: &Transport, cx: &mut Context<'_>) -> SendProgress {
        let mut sent = 0usize;
        let done = loop {
            match self.poll_send_some(transport, cx) {
                Poll::Ready(Ok(0)) => break Poll::Ready(Ok(())),
                Poll::Ready(Ok(n)) => sent = sent.saturating_add(n),
                Poll::Ready(Err(error)) => break Poll::Ready(Err(error)),
                Poll::Pending => break Poll::Pending,
            }
        };
        SendProgress { sent, read_ahead: std::mem::take(&mut self.read_ahead), done }
    }

    /// One call's worth; 0 when there is nothing to send.
    fn poll_send_some(&mut self, transport: &Transport, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        match self.chunks.front() {
            None => {
                self.shrink();
                Poll::Ready(Ok(0))
            }
            Some(Chunk::Bytes(_)) => {
                self.read_small();
                let sent = ready!(self.poll_send_bytes(transport, cx))?;
                Poll::Ready(Ok(sent))
            }
            Some(Chunk::File(range)) => {
                let range = range.clone();
                self.poll_send_file(range, transport, cx)
            }
        }
    }

    fn poll_send_bytes(&mut self, transport: &Transport, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut slices = [IoSlice::new(&[]); SLICES];
        let mut count = 0usize;
        let mut more = false;
        for (chunk, slice) in self.chunks.iter().zip(slices.iter_mut()) {
            let Chunk::Bytes(bytes) = chunk else {
                more = transport.sends_files();
                break;
            };
            *slice = IoSlice::new(bytes);
            count = count.saturating_add(1);
        }
        let slices = slices.get(..count).unwrap_or_default();
        let sent = ready!(transport.poll_send(cx, slices, more))?;
        self.waiting_bytes = self.waiting_bytes.saturating_sub(sent);
        let mut left = sent;
        while let Some(Chunk::Bytes(bytes)) = self.chunks.front_mut() {
            if left < bytes.len() {
                bytes.advance(left);
                break;
            }
            left = left.saturating_sub(bytes.len());
            self.chunks.pop_front();
        }
        Poll::Ready(Ok(sent))
    }

    /// Puts the bytes of small files in their place, among the chunks that one call may send, as far as they
    /// are in memory.
    fn read_small(&mut self) {
        for chunk in self.chunks.iter_mut().take(SLICES) {
            let Chunk::File(range) = chunk else { continue };
            if range.len > SMALL {
                break;
            }
            let mut bytes = vec![0; range.len];
            if !range.file.read_resident(&mut bytes, range.pos).unwrap_or(false) {
                break;
            }
            self.waiting_bytes = self.waiting_bytes.saturating_add(bytes.len());
            *chunk = Chunk::Bytes(bytes.into());
        }
    }

    /// The front chunk is the file range `range`.
    fn poll_send_file(
        &mut self,
        range: FileRange,
        transport: &Transport,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let window = range.len.min(WINDOW);
        if let Some(task) = &mut self.fetching {
            let done = ready!(Pin::new(task).poll(cx));
            self.fetching = None;
            match done.map_err(io::Error::other)?? {
                Some(bytes) => self.replace_front(&bytes),
                None => self.warm = window,
            }
            return self.poll_send_some(transport, cx);
        }
        let sendable = transport.sends_files() && range.file.fd().is_some();
        let resident = self.warm > 0 || range.file.is_resident(range.pos, window as u64);
        match (resident, sendable) {
            (true, true) => {
                self.warm = if self.warm == 0 { window } else { self.warm };
                let sent = ready!(transport.poll_send_file(cx, &range, self.warm))?;
                self.warm = self.warm.saturating_sub(sent);
                self.drop_front_of_file(sent);
                Poll::Ready(Ok(sent))
            }
            (true, false) => {
                let bytes = read_window(&range, window)?;
                self.replace_front(&bytes);
                self.poll_send_some(transport, cx)
            }
            (false, _) => {
                self.read_ahead = self.read_ahead.saturating_add(window);
                let work = move || fetch(&range, window, sendable);
                self.fetching = Some(tokio::task::spawn_blocking(work));
                self.poll_send_some(transport, cx)
            }
        }
    }

    /// Puts `bytes`, read from the front of the front file, in its place.
    fn replace_front(&mut self, bytes: &Bytes) {
        self.drop_front_of_file(bytes.len());
        self.waiting_bytes = self.waiting_bytes.saturating_add(bytes.len());
        self.chunks.push_front(Chunk::Bytes(bytes.clone()));
    }

    fn drop_front_of_file(&mut self, n: usize) {
        let Some(Chunk::File(range)) = self.chunks.front_mut() else { return };
        range.pos = range.pos.saturating_add(n as u64);
        range.len = range.len.saturating_sub(n);
        if range.len == 0 {
            self.warm = 0;
            self.chunks.pop_front();
        }
    }

    /// An idle connection keeps no queue that a busy moment made.
    fn shrink(&mut self) {
        if self.chunks.capacity() > SLICES {
            self.chunks = VecDeque::new();
        }
        if self.slots.is_empty() && self.slots.capacity() > SLICES {
            self.slots = VecDeque::new();
        }
    }
}

/// How far sending came.
pub(super) struct SendProgress {
    /// Bytes sent.
    pub(super) sent: usize,
    /// Bytes that had to come from the disk first.
    pub(super) read_ahead: usize,
    /// Whether all that is ready was sent.
    pub(super) done: Poll<io::Result<()>>,
}

/// Waits for the disk, on a thread that may.
fn fetch(range: &FileRange, window: usize, sendable: bool) -> Fetched {
    if !sendable {
        return read_window(range, window).map(Some);
    }
    range.file.advise(range.pos, window as u64, Advice::WillNeed);
    let mut scratch = vec![0; READ_AHEAD_STEP.min(window)];
    let end = range.pos.saturating_add(window as u64);
    let mut pos = range.pos;
    while pos < end {
        match range.file.read_at(&mut scratch, pos)? {
            0 => break,
            n => pos = pos.saturating_add(n as u64),
        }
    }
    Ok(None)
}

fn read_window(range: &FileRange, window: usize) -> io::Result<Bytes> {
    FileRange { len: window, ..range.clone() }.read().map(Bytes::from)
}

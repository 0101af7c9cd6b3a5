//! A socket, plain or (one day) behind TLS, as a connection sees it: three poll functions.
use std::io::{self, IoSlice};
use std::task::{Context, Poll, ready};

use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags};
use tokio::io::Interest;
use tokio::net::TcpStream;

use crate::env::FileRange;

/// The ways in which bytes reach a peer.
#[derive(Debug)]
pub(super) enum Transport {
    /// As they are.
    Plain(TcpStream),
}

impl Transport {
    /// Reads into the spare capacity of `buf`, which must not be empty; 0 is the end of the stream.
    pub(super) fn poll_recv(&self, cx: &mut Context<'_>, buf: &mut Vec<u8>) -> Poll<io::Result<usize>> {
        let Self::Plain(socket) = self;
        loop {
            ready!(socket.poll_read_ready(cx))?;
            let mut short = None;
            let spare = buf.capacity().saturating_sub(buf.len());
            let got = socket.try_io(Interest::READABLE, || {
                let spare_buf = rustix::buffer::spare_capacity(buf);
                let n = rustix::net::recv(socket, spare_buf, RecvFlags::empty())?.0;
                if n == 0 || n == spare {
                    return Ok(n);
                }
                // A short read has emptied the socket. Saying so here saves the read that would
                // only be told to wait (what arrives meanwhile makes it ready anew).
                short = Some(n);
                Err(io::ErrorKind::WouldBlock.into())
            });
            match (short, got) {
                (Some(n), _) => return Poll::Ready(Ok(n)),
                (None, Err(error)) if again(&error) => {}
                (None, got) => return Poll::Ready(got),
            }
        }
    }

    /// Waits until there is something to read.
    pub(super) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self::Plain(socket) = self;
        socket.poll_read_ready(cx)
    }

    /// Sends some of `slices`. `more` says that a file follows at once: the system may hold the bytes
    /// back to fill a packet.
    pub(super) fn poll_send(
        &self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
        more: bool,
    ) -> Poll<io::Result<usize>> {
        let flags = if more { SendFlags::NOSIGNAL | SendFlags::MORE } else { SendFlags::NOSIGNAL };
        self.poll_write(cx, |socket| {
            Ok(rustix::net::sendmsg(socket, slices, &mut SendAncillaryBuffer::default(), flags)?)
        })
    }

    /// Whether [`Self::poll_send_file`] works.
    pub(super) fn sends_files(&self) -> bool {
        matches!(self, Self::Plain(_))
    }

    /// Sends up to `max` bytes from the start of a range of a file that has a descriptor.
    pub(super) fn poll_send_file(
        &self,
        cx: &mut Context<'_>,
        range: &FileRange,
        max: usize,
    ) -> Poll<io::Result<usize>> {
        self.poll_write(cx, |socket| {
            let file = range.file.fd().ok_or(io::ErrorKind::Unsupported)?;
            let mut pos = range.pos;
            match rustix::fs::sendfile(socket, file, Some(&mut pos), range.len.min(max))? {
                0 => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file ends inside a reply")),
                n => Ok(n),
            }
        })
    }

    fn poll_write(
        &self,
        cx: &mut Context<'_>,
        mut write: impl FnMut(&TcpStream) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        let Self::Plain(socket) = self;
        loop {
            ready!(socket.poll_write_ready(cx))?;
            match socket.try_io(Interest::WRITABLE, || write(socket)) {
                Err(error) if again(&error) => {}
                done => return Poll::Ready(done),
            }
        }
    }

    /// Tells the peer that nothing more comes; what was sent still arrives.
    pub(super) fn finish(&self) {
        let Self::Plain(socket) = self;
        // The peer may be gone, which is what we want of it.
        let _ = rustix::net::shutdown(socket, rustix::net::Shutdown::Write);
    }
}

fn again(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

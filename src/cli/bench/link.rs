//! A connection under load: frames that were made before go out, replies come in, nothing is copied twice.
use std::io::{self, IoSlice, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::cli::client::{ClientError, Connection, MAX_REPLY};
use crate::wire::frame;

/// What the buffer of small replies begins with, in bytes.
const SMALL: usize = 16 << 10;
/// Steps in which the buffer of a large reply grows, in bytes: as its bytes arrive, not as it claims.
const STEP: usize = 4 << 20;

/// A socket to a broker, with the bytes of replies that are not read yet.
#[derive(Debug)]
pub struct Link {
    stream: TcpStream,
    address: String,
    timeout: Duration,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    correlation: i32,
}

impl Link {
    /// Takes over a connection that has no reply outstanding. `timeout` bounds each wait.
    #[must_use]
    pub fn new(connection: Connection, timeout: Duration) -> Self {
        let address = connection.address().to_owned();
        let stream = connection.into_stream();
        Self { stream, address, timeout, buffer: Vec::new(), start: 0, end: 0, correlation: 0 }
    }

    /// The socket, to wait for many at once.
    #[must_use]
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// The number of the next request.
    pub fn next_correlation(&mut self) -> i32 {
        self.correlation = self.correlation.wrapping_add(1);
        self.correlation
    }

    /// Writes a frame that is given in parts.
    ///
    /// # Errors
    /// [`ClientError::Lost`], [`ClientError::Silent`].
    pub fn write(&mut self, mut parts: &mut [IoSlice<'_>]) -> Result<(), ClientError> {
        while !parts.is_empty() {
            match self.stream.write_vectored(parts) {
                Ok(0) => return Err(self.failed(io::ErrorKind::WriteZero.into())),
                Ok(written) => IoSlice::advance_slices(&mut parts, written),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.failed(error)),
            }
        }
        Ok(())
    }

    /// Waits for bytes and takes what is there. With a `limit` it gives up quietly after that time.
    ///
    /// # Errors
    /// [`ClientError::Lost`], [`ClientError::Silent`] without a limit.
    pub fn fill(&mut self, limit: Option<Duration>) -> Result<(), ClientError> {
        if let Some(limit) = limit
            && !self.is_readable(limit)?
        {
            return Ok(());
        }
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end = self.end.saturating_sub(self.start);
            self.start = 0;
        }
        if self.end == self.buffer.len() {
            self.buffer.resize((self.buffer.len() * 2).clamp(SMALL, MAX_REPLY), 0);
        }
        let room = self.buffer.get_mut(self.end..).unwrap_or_default();
        match self.stream.read(room) {
            Ok(0) => Err(self.failed(io::ErrorKind::UnexpectedEof.into())),
            Ok(read) => {
                self.end = self.end.saturating_add(read);
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            Err(error) => Err(self.failed(error)),
        }
    }

    fn is_readable(&self, limit: Duration) -> Result<bool, ClientError> {
        let limit = Timespec {
            tv_sec: i64::try_from(limit.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(limit.subsec_nanos()),
        };
        let mut sockets = [PollFd::new(&self.stream, PollFlags::IN)];
        match poll(&mut sockets, Some(&limit)) {
            Ok(ready) => Ok(ready > 0),
            Err(rustix::io::Errno::INTR) => Ok(false),
            Err(error) => Err(self.failed(error.into())),
        }
    }

    /// The next whole reply among the bytes taken so far, without its length.
    ///
    /// # Errors
    /// [`ClientError::NotKafka`].
    pub fn frame(&mut self) -> Result<Option<&[u8]>, ClientError> {
        let waiting = self.buffer.get(self.start..self.end).unwrap_or_default();
        let Some(prefix) = waiting.first_chunk() else { return Ok(None) };
        let size = self.size(*prefix)?;
        let from = self.start.saturating_add(frame::PREFIX);
        let to = from.saturating_add(size);
        if to > self.end {
            return Ok(None);
        }
        self.start = to;
        Ok(self.buffer.get(from..to))
    }

    /// Waits for one whole reply, which may be large. Not to be mixed with [`fill`](Self::fill).
    ///
    /// # Errors
    /// [`ClientError::Lost`], [`ClientError::Silent`], [`ClientError::NotKafka`].
    pub fn receive(&mut self) -> Result<&[u8], ClientError> {
        let mut prefix = [0; frame::PREFIX];
        self.stream.read_exact(&mut prefix).map_err(|error| self.failed(error))?;
        let size = self.size(prefix)?;
        let mut read = 0;
        while read < size {
            let next = size.min(read.saturating_add(STEP));
            if self.buffer.len() < next {
                self.buffer.resize(next, 0);
            }
            let room = self.buffer.get_mut(read..next).unwrap_or_default();
            self.stream.read_exact(room).map_err(|error| failed(&self.address, self.timeout, error))?;
            read = next;
        }
        Ok(self.buffer.get(..size).unwrap_or_default())
    }

    fn size(&self, prefix: [u8; frame::PREFIX]) -> Result<usize, ClientError> {
        frame::length(prefix, MAX_REPLY).map_err(|error| self.not_kafka(error.to_string()))
    }

    /// The complaint that the peer does not keep to the protocol.
    #[must_use]
    pub fn not_kafka(&self, reason: String) -> ClientError {
        ClientError::NotKafka { address: self.address.clone(), reason }
    }

    /// The complaint that a reply cannot be read.
    #[must_use]
    pub fn unreadable(&self, api: &'static str, source: crate::schema::DecodeError) -> ClientError {
        ClientError::Unreadable { address: self.address.clone(), api, source }
    }

    fn failed(&self, source: io::Error) -> ClientError {
        failed(&self.address, self.timeout, source)
    }
}

fn failed(address: &str, timeout: Duration, source: io::Error) -> ClientError {
    let address = address.to_owned();
    match source.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
            ClientError::Silent { address, api: "the load", seconds: timeout.as_secs() }
        }
        io::ErrorKind::UnexpectedEof => {
            ClientError::Lost { address, source: io::Error::new(source.kind(), "the broker closed it") }
        }
        _ => ClientError::Lost { address, source },
    }
}

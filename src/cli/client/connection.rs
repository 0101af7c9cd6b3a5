//! One connection to one broker: frames, versions, replies in order.
use std::io::{self, Read, Write};
use std::marker::PhantomData;
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use super::error::ClientError;
use super::message::Request;
use crate::schema::clients::api_versions_request::ApiVersionsRequest;
use crate::schema::{Api, ErrorCode, Reader};
use crate::wire::{frame, request};

/// Largest reply accepted, in bytes. A fetch asks for far less; a larger claim is not Kafka's.
pub const MAX_REPLY: usize = 256 << 20;
/// How this program names itself to brokers.
pub const CLIENT_ID: &str = "klamm";
/// What a reply buffer starts with, in bytes; it grows as bytes arrive.
const FIRST_BUFFER: usize = 64 * 1024;

/// The versions of an API that the broker speaks.
#[derive(Clone, Copy, Debug)]
struct Range {
    key: i16,
    min: i16,
    max: i16,
}

/// A connection to a broker whose versions are known.
#[derive(Debug)]
pub struct Connection {
    address: String,
    stream: TcpStream,
    timeout: Duration,
    versions: Vec<Range>,
    correlation: i32,
}

/// Stands for a reply that is still to come. Replies are received in the order of the requests, and a
/// ticket is dropped only if there will be no reply.
#[derive(Debug)]
pub struct Ticket {
    api: &'static Api,
    correlation: i32,
    version: i16,
}

/// A whole reply.
#[derive(Debug)]
pub struct Reply<R> {
    address: String,
    api: &'static Api,
    frame: Vec<u8>,
    version: i16,
    request: PhantomData<fn() -> R>,
}

impl<R: Request> Reply<R> {
    /// The response in the reply.
    ///
    /// # Errors
    /// [`ClientError::Unreadable`].
    pub fn decode(&self) -> Result<R::Response<'_>, ClientError> {
        let mut reader = Reader::new(&self.frame);
        let header = request::decode_reply(self.api, self.version, &mut reader);
        header.and_then(|_| R::decode(&mut reader, self.version)).map_err(|source| ClientError::Unreadable {
            address: self.address.clone(),
            api: self.api.name,
            source,
        })
    }

    /// The version that was spoken.
    #[must_use]
    pub fn version(&self) -> i16 {
        self.version
    }
}

fn api_name<R: Request>() -> &'static str {
    Api::by_key(R::API_KEY).map_or("a request", |api| api.name)
}

impl Connection {
    /// Connects to `host:port` and asks what the broker speaks. `timeout` bounds the connection, and
    /// each wait for a reply.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`], [`ClientError::NotKafka`] and those of a request.
    pub fn open(address: &str, timeout: Duration) -> Result<Self, ClientError> {
        let unreachable = |error: io::Error| ClientError::Unreachable {
            servers: address.to_owned(),
            reason: error.to_string(),
        };
        let stream = connect(address, timeout).map_err(unreachable)?;
        stream.set_nodelay(true).map_err(unreachable)?;
        stream.set_read_timeout(Some(timeout)).map_err(unreachable)?;
        stream.set_write_timeout(Some(timeout)).map_err(unreachable)?;
        let mut connection =
            Self { address: address.to_owned(), stream, timeout, versions: Vec::new(), correlation: 0 };
        connection.negotiate()?;
        Ok(connection)
    }

    /// Where the broker is.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The socket alone, for who writes and reads frames without help. No reply may be outstanding.
    #[must_use]
    pub fn into_stream(self) -> TcpStream {
        self.stream
    }

    /// A broker that does not know the version asked for answers as version 0, and is asked again so.
    fn negotiate(&mut self) -> Result<(), ClientError> {
        let request = ApiVersionsRequest {
            client_software_name: CLIENT_ID.into(),
            client_software_version: env!("CARGO_PKG_VERSION").into(),
            ..Default::default()
        };
        for version in [ApiVersionsRequest::MAX_VERSION, 0] {
            let ticket = self.send_as(&request, version)?;
            let mut reply =
                self.receive::<ApiVersionsRequest<'_>>(ticket).map_err(|error| self.stranger(error))?;
            if reply.frame.get(4..6) == Some(&ErrorCode::UNSUPPORTED_VERSION.code().to_be_bytes()) {
                reply.version = 0;
            }
            let response = reply.decode()?;
            if response.error_code == ErrorCode::UNSUPPORTED_VERSION.code() && version > 0 {
                continue;
            }
            ClientError::check(response.error_code, None, || format!("the broker at {}", self.address))?;
            let ranges = response.api_keys.iter();
            self.versions =
                ranges.map(|k| Range { key: k.api_key, min: k.min_version, max: k.max_version }).collect();
            return Ok(());
        }
        Err(self.no_common_version::<ApiVersionsRequest<'_>>())
    }

    /// A peer that fails at the first question is likely no broker at all.
    fn stranger(&self, error: ClientError) -> ClientError {
        match error {
            ClientError::Lost { address, source } => ClientError::NotKafka {
                address,
                reason: format!("it closed the connection at the first request: {source}"),
            },
            other => other,
        }
    }

    fn no_common_version<R: Request>(&self) -> ClientError {
        ClientError::NoCommonVersion { address: self.address.clone(), api: api_name::<R>() }
    }

    /// The highest version of a request that both sides speak.
    ///
    /// # Errors
    /// [`ClientError::NoCommonVersion`].
    pub fn version<R: Request>(&self) -> Result<i16, ClientError> {
        let range = self.versions.iter().find(|range| range.key == R::API_KEY);
        range
            .map(|range| (range.min.max(R::MIN_VERSION), range.max.min(R::MAX_VERSION)))
            .filter(|(low, high)| low <= high)
            .map(|(_, high)| high)
            .ok_or_else(|| self.no_common_version::<R>())
    }

    /// The APIs that the broker speaks: key, lowest and highest version of each.
    pub fn versions(&self) -> impl Iterator<Item = (i16, i16, i16)> {
        self.versions.iter().map(|range| (range.key, range.min, range.max))
    }

    /// Sends a request and waits for its reply.
    ///
    /// # Errors
    /// [`ClientError::Lost`], [`ClientError::Silent`], [`ClientError::NoCommonVersion`].
    pub fn ask<R: Request>(&mut self, request: &R) -> Result<Reply<R>, ClientError> {
        let ticket = self.send(request)?;
        self.receive(ticket)
    }

    /// Sends a request whose reply is received later.
    ///
    /// # Errors
    /// [`ClientError::Lost`], [`ClientError::NoCommonVersion`].
    pub fn send<R: Request>(&mut self, request: &R) -> Result<Ticket, ClientError> {
        let version = self.version::<R>()?;
        self.send_as(request, version)
    }

    fn send_as<R: Request>(&mut self, body: &R, version: i16) -> Result<Ticket, ClientError> {
        let api = Api::by_key(R::API_KEY).ok_or_else(|| self.no_common_version::<R>())?;
        self.correlation = self.correlation.wrapping_add(1);
        let correlation = self.correlation;
        let frame = request::encode(api, version, correlation, Some(CLIENT_ID), |w| body.encode(w, version));
        self.stream.write_all(&frame).map_err(|error| self.failed::<R>(error))?;
        Ok(Ticket { api, correlation, version })
    }

    /// Waits for the reply to the oldest request that has none yet.
    ///
    /// # Errors
    /// [`ClientError::Lost`], [`ClientError::Silent`], [`ClientError::NotKafka`].
    pub fn receive<R: Request>(&mut self, ticket: Ticket) -> Result<Reply<R>, ClientError> {
        let frame = self.read_frame::<R>()?;
        let found = frame.first_chunk().map(|bytes| i32::from_be_bytes(*bytes));
        if found != Some(ticket.correlation) {
            let reason = format!("it answered request {found:?} instead of {}", ticket.correlation);
            return Err(ClientError::NotKafka { address: self.address.clone(), reason });
        }
        let address = self.address.clone();
        Ok(Reply { address, api: ticket.api, frame, version: ticket.version, request: PhantomData })
    }

    fn read_frame<R: Request>(&mut self) -> Result<Vec<u8>, ClientError> {
        let mut prefix = [0; frame::PREFIX];
        self.stream.read_exact(&mut prefix).map_err(|error| self.failed::<R>(error))?;
        let size = frame::length(prefix, MAX_REPLY).map_err(|error| ClientError::NotKafka {
            address: self.address.clone(),
            reason: error.to_string(),
        })?;
        let mut bytes = Vec::with_capacity(size.min(FIRST_BUFFER));
        let read = (&mut self.stream).take(size as u64).read_to_end(&mut bytes);
        match read {
            Ok(read) if read == size => Ok(bytes),
            Ok(_) => Err(self.failed::<R>(io::ErrorKind::UnexpectedEof.into())),
            Err(error) => Err(self.failed::<R>(error)),
        }
    }

    fn failed<R: Request>(&self, source: io::Error) -> ClientError {
        let address = self.address.clone();
        match source.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
                ClientError::Silent { address, api: api_name::<R>(), seconds: self.timeout.as_secs() }
            }
            io::ErrorKind::UnexpectedEof => {
                let source = io::Error::new(source.kind(), "the broker closed it");
                ClientError::Lost { address, source }
            }
            _ => ClientError::Lost { address, source },
        }
    }
}

/// Tries every address that the name stands for.
fn connect(address: &str, timeout: Duration) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for socket in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&socket, timeout) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    /// A peer that answers each connection's first bytes with `answer` and closes.
    fn peer(answer: Vec<u8>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut buffer = [0; 4096];
            let _ = stream.read(&mut buffer);
            let _ = stream.write_all(&answer);
        });
        address
    }

    #[test]
    fn strangers_are_told_from_brokers() {
        for answer in
            [&b"HTTP/1.1 400 Bad Request\r\n"[..], b"", b"\0\0\0\x08\0\0\0\x07abcd", b"\0\0\x10\0ab"]
        {
            let error = Connection::open(&peer(answer.to_vec()), Duration::from_secs(5)).unwrap_err();
            assert!(matches!(error, ClientError::NotKafka { .. }), "{answer:?}: {error}");
        }
    }

    #[test]
    fn an_address_without_listener_says_how_to_start_one() {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let error = Connection::open(&free, Duration::from_secs(5)).unwrap_err().to_string();
        assert!(error.contains(&free) && error.contains("klamm serve"), "{error}");
    }

    /// Reads one request and gives its API version.
    fn read_version(stream: &mut TcpStream) -> i16 {
        let mut prefix = [0; 4];
        stream.read_exact(&mut prefix).unwrap();
        let mut request = vec![0; u32::from_be_bytes(prefix) as usize];
        stream.read_exact(&mut request).unwrap();
        i16::from_be_bytes([request[2], request[3]])
    }

    #[test]
    fn a_broker_that_knows_only_version_0_is_asked_again() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let broker = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let first = read_version(&mut stream);
            // Correlation id 1, error 35, ApiVersions 0 to 0; then id 2, no error, Metadata 0 to 5.
            stream.write_all(b"\0\0\0\x10\0\0\0\x01\0\x23\0\0\0\x01\0\x12\0\0\0\0").unwrap();
            let second = read_version(&mut stream);
            stream.write_all(b"\0\0\0\x10\0\0\0\x02\0\0\0\0\0\x01\0\x03\0\0\0\x05").unwrap();
            (first, second)
        });
        let connection = Connection::open(&address, Duration::from_secs(5)).unwrap();
        assert_eq!(broker.join().unwrap(), (3, 0));
        use crate::schema::clients::{fetch_request::FetchRequest, metadata_request::MetadataRequest};
        assert_eq!(connection.version::<MetadataRequest<'_>>().unwrap(), 5);
        let missing = connection.version::<FetchRequest<'_>>().unwrap_err();
        assert!(matches!(missing, ClientError::NoCommonVersion { api: "Fetch", .. }), "{missing}");
    }
}

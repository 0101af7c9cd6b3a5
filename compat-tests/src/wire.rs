//! One connection: frames out, frames in.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use klamm_schema::{Reader, Writer};
use serde_json::{Value, json};

use crate::dynamic::Api;

/// How long a reply may take.
pub const PATIENCE: Duration = Duration::from_secs(15);

/// A connection to a broker.
pub struct Connection {
    stream: TcpStream,
    next: i32,
}

/// What came back.
#[derive(Debug)]
pub enum Answer {
    /// A frame's content.
    Frame(Vec<u8>),
    /// The broker closed the connection.
    Closed,
    /// Nothing within the time.
    Silence,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// When nobody listens there.
    pub fn open(address: &str) -> std::io::Result<Self> {
        let address = address.to_socket_addrs()?.next().ok_or(std::io::ErrorKind::NotFound)?;
        let stream = TcpStream::connect_timeout(&address, Duration::from_secs(5))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { stream, next: 1 })
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// When the connection is gone.
    pub fn send_raw(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Sends a request and answers its correlation id.
    ///
    /// # Errors
    /// When the connection is gone.
    pub fn send(&mut self, api: &Api, version: i16, body: &[u8]) -> std::io::Result<i32> {
        let id = self.next;
        self.next += 1;
        let mut w = Writer::new();
        w.i32(0);
        w.i16(api.key);
        w.i16(version);
        w.i32(id);
        w.nullable_string(Some("scenario"), false);
        if api.is_flexible(version) {
            w.uvarint(0);
        }
        w.buf.extend_from_slice(body);
        let length = i32::try_from(w.buf.len() - 4).unwrap();
        w.buf[..4].copy_from_slice(&length.to_be_bytes());
        self.send_raw(&w.buf).map(|()| id)
    }

    /// Waits at most `limit` for a frame.
    pub fn receive(&mut self, limit: Duration) -> Answer {
        let _ = self.stream.set_read_timeout(Some(limit));
        let mut length = [0; 4];
        if let Err(e) = self.stream.read_exact(&mut length) {
            return answer_of(&e);
        }
        let _ = self.stream.set_read_timeout(Some(PATIENCE));
        let length = usize::try_from(i32::from_be_bytes(length)).expect("a reply's length is not negative");
        let mut frame = vec![0; length];
        match self.stream.read_exact(&mut frame) {
            Ok(()) => Answer::Frame(frame),
            Err(e) => answer_of(&e),
        }
    }

    /// Sends a request and decodes its reply.
    ///
    /// # Errors
    /// In words: the connection closed, nothing came, or the reply is not what the schema says.
    pub fn call(&mut self, name: &str, version: i16, body: &Value) -> Result<Value, String> {
        let api = Api::named(name);
        let id = self.send(api, version, &api.encode_request(body, version)).map_err(|e| e.to_string())?;
        match self.receive(PATIENCE) {
            Answer::Frame(frame) => decode_reply(api, version, id, &frame),
            Answer::Closed => Err("closed".to_owned()),
            Answer::Silence => Err("silence".to_owned()),
        }
    }
}

fn answer_of(e: &std::io::Error) -> Answer {
    match e.kind() {
        std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut => Answer::Silence,
        _ => Answer::Closed,
    }
}

/// Decodes the frame of a reply: header, then body. A reply to ApiVersions may be of version 0.
///
/// # Errors
/// In words.
pub fn decode_reply(api: &Api, version: i16, id: i32, frame: &[u8]) -> Result<Value, String> {
    let mut r = Reader::new(frame);
    let got = r.i32().map_err(|e| e.to_string())?;
    if got != id {
        return Err(format!("the reply is to request {got}, not to {id}"));
    }
    const API_VERSIONS: i16 = 18;
    if api.is_flexible(version) && api.key != API_VERSIONS {
        let mut tags = Vec::new();
        r.tagged_fields(&mut tags, |_, _| Ok(false)).map_err(|e| format!("header: {e}"))?;
    }
    let body = r.rest();
    if api.key == API_VERSIONS && version > 0 && body.starts_with(&[0, 35]) {
        let v0 = api.decode_response(body, 0).map_err(|e| format!("as v0: {e}"))?;
        return Ok(json!({ "as version 0": v0 }));
    }
    api.decode_response(body, version).map_err(|e| format!("undecodable as v{version}: {e}"))
}

//! The server through real sockets, with a handler that a test commands by the key of the API.
mod limits;
mod replies;
mod stop;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::*;
use crate::api::{Context, Handling, ListenerKind, Refusal, reply};
use crate::env::{FileRange, SystemClock};
use crate::metrics::Registry;
use crate::schema::{Api, Reader, Records, api_key};
use crate::wire::{Chunk, request};

/// Answers with the body.
const ECHO: i16 = api_key::HEARTBEAT;
/// Answers nothing.
const SILENT: i16 = api_key::PRODUCE;
/// Answers with the body once [`Handler::released`] has reached the correlation id.
const PARK: i16 = api_key::JOIN_GROUP;
/// Answers with two copies of the handler's file between bytes.
const FILE: i16 = api_key::FETCH;
/// A fault of the handler.
const PANIC: i16 = api_key::LEAVE_GROUP;
/// Closes.
const CLOSE: i16 = api_key::VOTE;

struct Handler {
    released: watch::Sender<i32>,
    file: Option<FileRange>,
    handled: AtomicUsize,
}

impl Dispatch for Handler {
    fn dispatch(&self, ctx: &Context<'_>, body: Reader<'_>) -> Handling {
        self.handled.fetch_add(1, SeqCst);
        let body = body.rest();
        match ctx.api.key {
            ECHO => reply(ctx, |w| w.buf.extend_from_slice(body)),
            SILENT => Handling::NoReply,
            PARK => {
                let (head, body) = (ctx.head(), body.to_vec());
                let mut released = self.released.subscribe();
                Handling::parked(async move {
                    let reached = released.wait_for(|up_to| *up_to >= head.correlation_id).await;
                    assert!(reached.is_ok());
                    drop(reached);
                    head.reply(|w| w.buf.extend_from_slice(&body))
                })
            }
            FILE => {
                let range = self.file.clone().unwrap();
                let len = range.len;
                let between = Chunk::Bytes(Bytes::from_static(b"between"));
                let chunks = vec![Chunk::File(range.clone()), between, Chunk::File(range)];
                let head = ctx.head();
                Handling::Ready(
                    head.reply_spliced(chunks, |w| {
                        w.i8(1);
                        w.records(Some(&Records::Splice { len }), false);
                        w.records(Some(&Records::Splice { len: 7 + len }), false);
                        w.i8(2);
                    })
                    .unwrap(),
                )
            }
            PANIC => panic!("a fault that a test asked for"),
            _ => Handling::Close(Refusal::NotServed { api: ctx.api.name, key: ctx.api.key }),
        }
    }
}

struct Fixture {
    server: Server,
    handler: Arc<Handler>,
    address: SocketAddr,
}

impl Fixture {
    async fn start(change: impl FnOnce(&mut ServerConfig)) -> Self {
        Self::with_file(None, change).await
    }

    async fn with_file(file: Option<FileRange>, change: impl FnOnce(&mut ServerConfig)) -> Self {
        let listener = ListenerConfig {
            name: "PLAINTEXT".into(),
            kind: ListenerKind::Broker,
            host: "127.0.0.1".into(),
            port: 0,
        };
        let mut config = ServerConfig { listeners: vec![listener], ..Default::default() };
        change(&mut config);
        let released = watch::channel(0).0;
        let handler = Arc::new(Handler { released, file, handled: AtomicUsize::new(0) });
        let dispatch: Arc<dyn Dispatch> = handler.clone();
        let bound = Server::bind(config).await.unwrap();
        let server = bound.serve(dispatch, Arc::new(SystemClock::new()), &Registry::default());
        let address = server.addresses()[0].1;
        Self { server, handler, address }
    }

    async fn client(&self) -> Client {
        Client(TcpStream::connect(self.address).await.unwrap())
    }

    /// Waits until the handler has seen `n` requests.
    async fn handled(&self, n: usize) {
        until(|| self.handler.handled.load(SeqCst) >= n).await;
    }
}

/// Waits for a condition; a test that waits for ten seconds has failed.
async fn until(condition: impl Fn() -> bool) {
    let wait = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), wait).await.expect("a condition was not reached");
}

fn frame(key: i16, id: i32, body: &[u8]) -> Vec<u8> {
    request::encode(Api::by_key(key).unwrap(), 0, id, Some("t"), |w| w.buf.extend_from_slice(body))
}

struct Client(TcpStream);

impl Client {
    async fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.unwrap();
    }

    /// The next reply: correlation id and body.
    async fn receive(&mut self) -> io::Result<(i32, Vec<u8>)> {
        let read = async {
            let len = self.0.read_i32().await?;
            let mut content = vec![0; usize::try_from(len).unwrap()];
            self.0.read_exact(&mut content).await?;
            let id = i32::from_be_bytes(content[..4].try_into().unwrap());
            Ok((id, content.split_off(4)))
        };
        tokio::time::timeout(Duration::from_secs(10), read).await.expect("no reply came")
    }

    async fn expect_echo(&mut self, id: i32, body: &[u8]) {
        self.send(&frame(ECHO, id, body)).await;
        assert_eq!(self.receive().await.unwrap(), (id, body.to_vec()));
    }

    /// Waits for the end of the connection; whatever is sent before it is dropped.
    async fn expect_end(&mut self) {
        let mut sink = [0u8; 1024];
        let end = async { while matches!(self.0.read(&mut sink).await, Ok(n) if n > 0) {} };
        tokio::time::timeout(Duration::from_secs(10), end).await.expect("the connection did not end");
    }
}

//! The loads, each a thread of its own.
use std::net::{SocketAddr, TcpStream};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use klamm::record::Compression;
use klamm::schema::clients::fetch_request::FetchRequest;
use klamm::schema::clients::produce_request::ProduceRequest;

use super::support::batches;
use super::support::client::{Ask, Client, Topic, bytes_of, fetch, produce};

/// Connections that come and go at once.
const CROWD: usize = 1000;
/// Bytes of a greedy batch.
const LARGE: usize = 256 << 10;

/// When to end.
#[derive(Debug, Default)]
pub struct Stop(AtomicBool);

impl Stop {
    pub fn set(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    fn is_set(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// What the loads work on.
pub struct Shared {
    pub address: SocketAddr,
    pub stop: Stop,
    pub steady: Topic,
    pub greedy: Topic,
    pub compacted: Topic,
    /// Of the steady producer, in order.
    pub latencies: Mutex<Vec<Duration>>,
}

impl Shared {
    fn client(&self) -> Client {
        Client::connect(self.address)
    }

    /// Median and 99th percentile of the steady producer's latency, by thirds of the run.
    pub fn percentiles(&self) -> [(Duration, Duration); 3] {
        let all = self.latencies.lock().unwrap();
        let len = all.len() / 3;
        assert!(len >= 10, "the steady producer wrote {} records in all", all.len());
        [0, 1, 2].map(|third| {
            let mut part = all[third * len..(third + 1) * len].to_vec();
            part.sort();
            (part[len / 2], part[len * 99 / 100])
        })
    }
}

/// A load and its name.
pub type Load = (&'static str, fn(&Shared));

/// All loads.
pub const ALL: &[Load] = &[
    ("steady", steady),
    ("tail", tail),
    ("greedy", greedy),
    ("replay", replay),
    ("compacted", compacted),
    ("slow reader", slow_reader),
    ("vanishing", vanishing),
    ("half-open", half_open),
    ("crowd", crowd),
];

/// One record at a time, never lost, in order.
fn steady(shared: &Shared) {
    let (mut client, batch, mut next) = (shared.client(), batches::sized(100), 0);
    while !shared.stop.is_set() {
        let began = Instant::now();
        assert_eq!(client.append(&shared.steady, 0, &batch), next);
        shared.latencies.lock().unwrap().push(began.elapsed());
        next += 1;
        sleep(Duration::from_millis(5));
    }
}

/// Follows the steady producer by long polls, and misses nothing.
fn tail(shared: &Shared) {
    let (mut client, mut next) = (shared.client(), 0);
    while !shared.stop.is_set() {
        let request = FetchRequest { max_wait_ms: 500, min_bytes: 1, ..fetch(&shared.steady, &[(0, next)]) };
        let reply = client.ask_latest(&request);
        for offset in batches::offsets(bytes_of(&reply.responses[0].partitions[0])) {
            assert_eq!(offset, next);
            next += 1;
        }
    }
}

/// Keeps four large requests in flight.
fn greedy(shared: &Shared) {
    let (mut client, batch) = (shared.client(), batches::sized(LARGE));
    let version = *ProduceRequest::versions().end();
    let request = produce(&shared.greedy, -1, &[(0, &batch), (1, &batch)]);
    let mut in_flight: Vec<i32> = (0..4).map(|_| client.send(version, &request)).collect();
    while !in_flight.is_empty() {
        let reply = client.receive::<ProduceRequest<'_>>(version, in_flight.remove(0));
        assert!(reply.responses[0].partition_responses.iter().all(|answer| answer.error_code == 0));
        if !shared.stop.is_set() {
            in_flight.push(client.send(version, &request));
        }
    }
}

/// Reads what the greedy one wrote from the start, again and again, while retention takes it away.
fn replay(shared: &Shared) {
    let (mut client, mut from) = (shared.client(), 0);
    while !shared.stop.is_set() {
        let data = client.fetch(&shared.greedy, 0, from);
        match batches::offsets(bytes_of(&data)).last() {
            Some(last) => from = last + 1,
            None => {
                from = data.log_start_offset.max(0);
                sleep(Duration::from_millis(10));
            }
        }
    }
}

/// Writes the same keys over and over; the cleaner has work.
fn compacted(shared: &Shared) {
    let mut client = shared.client();
    let value = "x".repeat(1000);
    let keys: Vec<String> = (0..50).map(|key| format!("key-{key}")).collect();
    while !shared.stop.is_set() {
        let now = batches::now();
        let records: Vec<_> =
            keys.iter().map(|key| (Some(key.as_str()), Some(value.as_str()), now)).collect();
        client.append(&shared.compacted, 0, &batches::with(&records, Compression::NONE));
        sleep(Duration::from_millis(10));
    }
}

/// Asks for much and takes none of it.
fn slow_reader(shared: &Shared) {
    while !shared.stop.is_set() {
        let mut client = shared.client();
        let version = *FetchRequest::versions().end();
        for _ in 0..20 {
            client.send(version, &fetch(&shared.greedy, &[(0, 0), (1, 0)]));
        }
        sleep(Duration::from_secs(2));
    }
}

/// Goes away amid a long poll.
fn vanishing(shared: &Shared) {
    while !shared.stop.is_set() {
        let mut client = shared.client();
        let version = *FetchRequest::versions().end();
        let poll = FetchRequest {
            max_wait_ms: 30_000,
            min_bytes: 1 << 20,
            ..fetch(&shared.steady, &[(0, i64::from(u8::MAX))])
        };
        client.send(version, &poll);
        sleep(Duration::from_millis(20));
    }
}

/// Sends half a request, says nothing for a while, and goes.
fn half_open(shared: &Shared) {
    let batch = batches::sized(LARGE);
    let version = *ProduceRequest::versions().end();
    let whole = Client::frame(version, &produce(&shared.greedy, -1, &[(0, &batch)]), 1);
    while !shared.stop.is_set() {
        let mut clients: Vec<Client> = (0..8).map(|_| shared.client()).collect();
        clients.iter_mut().for_each(|client| client.send_raw(&whole[..whole.len() / 2]));
        sleep(Duration::from_millis(500));
    }
}

/// A thousand connections at once, closed at once.
fn crowd(shared: &Shared) {
    while !shared.stop.is_set() {
        let connections: Vec<_> =
            (0..CROWD).filter_map(|_| TcpStream::connect(shared.address).ok()).collect();
        assert!(!connections.is_empty(), "nobody can connect");
        drop(connections);
        sleep(Duration::from_millis(1500));
    }
}

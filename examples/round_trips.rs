//! How many requests per second one broker process answers, and what one costs: ApiVersions, the
//! request that needs nothing but the server.
//!
//!     cargo run --release --example round_trips -- [connections] [in flight] [seconds] [padding]
//!
//! `padding` bytes make each request larger. The server runs in this process, the clients in a child process; printed are the requests answered
//! and the CPU that the server took for each. `idle N` instead opens N connections, sends one request
//! on each, and prints what memory they take.
#![allow(clippy::disallowed_methods, clippy::expect_used, reason = "a program that measures")]

use std::error::Error;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use klamm::broker::{Broker, Environment};
use klamm::config::{self, Sources};
use klamm::env::{MemoryFiles, SystemClock, SystemRng};
use klamm::schema::clients::api_versions_request::ApiVersionsRequest;
use klamm::schema::{Api, api_key};
use klamm::wire::request;

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let number = |i: usize, default: u64| args.get(i).map_or(Ok(default), |text| text.parse());
    match args.first().map(String::as_str) {
        Some("client") => {
            let address = args.get(1).ok_or("no address")?.parse()?;
            let time = Duration::from_secs(number(4, 1)?);
            client(address, number(2, 1)?, number(3, 1)?, time, number(5, 0)?)
        }
        Some("idle") => with_server(|address| idle(address, number(1, 1000)?)),
        _ => {
            let numbers = [number(0, 16)?, number(1, 1)?, number(2, 3)?, number(3, 0)?];
            with_server(|address| busy(address, numbers))
        }
    }
}

fn with_server(work: impl FnOnce(SocketAddr) -> Outcome<()>) -> Outcome<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let overrides = ["listeners=PLAINTEXT://127.0.0.1:0".to_owned()];
    let loaded = config::load(&Sources { overrides: &overrides, ..Default::default() })?;
    let environment = Environment {
        files: Arc::new(MemoryFiles::new(1)),
        clock: Arc::new(SystemClock::new()),
        rng: Arc::new(SystemRng),
    };
    let broker = runtime.block_on(Broker::start(loaded, environment))?;
    let address = broker.addresses().first().ok_or("no listener")?.1;
    work(address)
}

fn busy(address: SocketAddr, numbers: [u64; 4]) -> Outcome<()> {
    let [connections, in_flight, seconds, padding] = numbers;
    let args = numbers.map(|n| n.to_string());
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("client").arg(address.to_string()).args(args).stdout(Stdio::piped());
    let before = cpu()?;
    let output = command.output()?;
    let used = cpu()?.saturating_sub(before);
    let answered: u64 = String::from_utf8(output.stdout)?.trim().parse()?;
    let each = used.as_secs_f64() * 1e6 / answered.max(1) as f64;
    println!(
        "{connections} connections, {in_flight} in flight, {padding} bytes: {} requests/s, {each:.2} us of server CPU each",
        answered / seconds.max(1)
    );
    Ok(())
}

fn idle(address: SocketAddr, connections: u64) -> Outcome<()> {
    let before = resident()?;
    let mut open = Vec::new();
    for _ in 0..connections {
        let mut socket = TcpStream::connect(address)?;
        round_trips(&mut socket, &frames(1, 0), 1)?;
        open.push(socket);
    }
    let each = resident()?.saturating_sub(before) / connections.max(1);
    let cpu_before = cpu()?;
    std::thread::sleep(Duration::from_secs(2));
    let used = cpu()?.saturating_sub(cpu_before);
    println!("{connections} idle connections: {each} bytes each, {used:?} of CPU in 2 s");
    Ok(())
}

fn client(
    address: SocketAddr,
    connections: u64,
    in_flight: u64,
    time: Duration,
    padding: u64,
) -> Outcome<()> {
    let start = Instant::now();
    let worker = move || {
        let mut socket = TcpStream::connect(address).expect("the server is there");
        socket.set_nodelay(true).expect("a TCP socket");
        let (frames, mut count) = (frames(in_flight, padding), 0u64);
        while start.elapsed() < time {
            round_trips(&mut socket, &frames, in_flight).expect("the server answers");
            count += in_flight;
        }
        count
    };
    let workers: Vec<_> = (0..connections).map(|_| std::thread::spawn(worker)).collect();
    let counts = workers.into_iter().map(|worker| worker.join().unwrap_or(0));
    println!("{}", counts.sum::<u64>());
    Ok(())
}

fn frames(n: u64, padding: u64) -> Vec<u8> {
    let api = Api::by_key(api_key::API_VERSIONS).expect("an API of the schemas");
    let body = ApiVersionsRequest {
        client_software_name: "round-trips".into(),
        client_software_version: "1".into(),
        ..Default::default()
    };
    let one = |i| {
        request::encode(api, 4, i as i32, Some("rt"), |w| {
            body.encode(w, 4);
            w.buf.resize(w.buf.len() + padding as usize, 0);
        })
    };
    (0..n).flat_map(one).collect()
}

fn round_trips(socket: &mut TcpStream, frames: &[u8], n: u64) -> Outcome<()> {
    socket.write_all(frames)?;
    let mut buf = [0u8; 16 << 10];
    let (mut have, mut left) = (Vec::new(), n);
    while left > 0 {
        let got = socket.read(&mut buf)?;
        have.extend_from_slice(buf.get(..got).ok_or("a read beyond its buffer")?);
        while let Some((_, rest)) = klamm::wire::frame::split(&have, 1 << 20)? {
            have = rest.to_vec();
            left = left.saturating_sub(1);
        }
        if got == 0 {
            return Err("the server closed".into());
        }
    }
    Ok(())
}

/// CPU that this process has taken, user and system; exact to the 10 ms of Linux's ticks.
fn cpu() -> Outcome<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let (_, after_name) = stat.rsplit_once(')').ok_or("no name in stat")?;
    let fields = after_name.split_whitespace().skip(11).take(2);
    let ticks = fields.map(str::parse::<u64>).sum::<Result<u64, _>>()?;
    Ok(Duration::from_millis(ticks * 10))
}

/// Bytes of memory that this process holds.
fn resident() -> Outcome<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).ok_or("no VmRSS")?;
    let kib: u64 = line.split_whitespace().nth(1).ok_or("no number")?.parse()?;
    Ok(kib * 1024)
}

//! A real S3 server over HTTP (moto, from PyPI), and a proxy before it that fails on demand.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use crate::broker::{Process, free_port};
use crate::programs::{have, prepared, run, sources};
use crate::wait_for;

const FETCH: Duration = Duration::from_secs(600);
const START: Duration = Duration::from_secs(60);

/// An S3 server with one bucket, `klamm`.
pub struct S3 {
    _process: Process,
    _folder: tempfile::TempDir,
    port: u16,
}

impl S3 {
    /// Starts one; none if Python is missing.
    ///
    /// # Panics
    /// When it cannot be installed or does not start.
    #[must_use]
    pub fn start() -> Option<Self> {
        if !have(&["python3"]) {
            return None;
        }
        let requirements = sources().join("s3/requirements.txt");
        let environment = prepared("s3", std::slice::from_ref(&requirements), |at| {
            let _ = run(Command::new("python3").args(["-m", "venv"]).arg(at), "", FETCH).good();
            let mut pip = Command::new(at.join("bin/pip"));
            pip.args(["install", "--quiet", "--disable-pip-version-check", "-r"]);
            let _ = run(pip.arg(&requirements), "", FETCH).good();
        });
        let (folder, port) = (tempfile::tempdir().expect("a temporary directory"), free_port());
        let mut command = Command::new(environment.join("bin/moto_server"));
        command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
        let process = Process::start(command, folder.path().join("output.txt"));
        let this = Self { _process: process, _folder: folder, port };
        wait_for("the S3 server to answer", START, || {
            this.ask("PUT", "/klamm").filter(|reply| reply.contains(" 200 "))
        });
        Some(this)
    }

    /// Its port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    fn ask(&self, method: &str, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).ok()?;
        let mut reply = String::new();
        stream.read_to_string(&mut reply).ok()?;
        Some(reply)
    }

    /// Names of all objects in the bucket (the first thousand).
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let reply = self.ask("GET", "/klamm?list-type=2").unwrap_or_default();
        let keys = reply.split("<Key>").skip(1).filter_map(|rest| rest.split("</Key>").next());
        keys.map(str::to_owned).collect()
    }
}

/// What a proxy does with the connections that come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Mood {
    /// It passes everything on.
    Pass,
    /// It closes at once.
    Refuse,
    /// It answers 503 to whatever is asked.
    SlowDown,
    /// It cuts each answer off after some bytes.
    Cut,
    /// It takes the request and never answers.
    Hang,
}

const MOODS: [Mood; 5] = [Mood::Pass, Mood::Refuse, Mood::SlowDown, Mood::Cut, Mood::Hang];

/// A proxy before a server on this machine. A change of mood ends the connections that are there.
pub struct Proxy {
    port: u16,
    mood: Arc<AtomicU8>,
}

impl Proxy {
    /// Stands before the server on `port`.
    ///
    /// # Panics
    /// When the machine has no port left.
    #[must_use]
    pub fn before(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let own = listener.local_addr().expect("a bound socket has an address").port();
        let mood = Arc::new(AtomicU8::new(Mood::Pass as u8));
        let its = Arc::clone(&mood);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let mood = Arc::clone(&its);
                std::thread::spawn(move || serve(client, port, &mood));
            }
        });
        Self { port: own, mood }
    }

    /// Its own port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// How it treats connections from now on.
    pub fn set(&self, mood: Mood) {
        self.mood.store(mood as u8, Ordering::SeqCst);
    }
}

fn serve(mut client: TcpStream, port: u16, mood: &Arc<AtomicU8>) {
    let now = mood.load(Ordering::SeqCst);
    match MOODS.get(usize::from(now)) {
        Some(Mood::Refuse) | None => {}
        Some(Mood::Hang) => {
            while mood.load(Ordering::SeqCst) == now {
                std::thread::sleep(Duration::from_millis(50));
            }
        }
        Some(Mood::SlowDown) => {
            let mut head = [0; 65536];
            let _ = client.read(&mut head);
            let _ =
                client.write_all(b"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        }
        Some(kind) => {
            let Ok(server) = TcpStream::connect(("127.0.0.1", port)) else { return };
            let limit = if *kind == Mood::Cut { 700 } else { usize::MAX };
            let (from, to) = (client.try_clone(), server.try_clone());
            if let (Ok(from), Ok(to)) = (from, to) {
                let its = Arc::clone(mood);
                std::thread::spawn(move || copy(from, to, usize::MAX, now, &its));
            }
            copy(server, client, limit, now, mood);
        }
    }
}

fn copy(mut from: TcpStream, mut to: TcpStream, mut limit: usize, begun: u8, mood: &AtomicU8) {
    let mut buffer = vec![0; 65536];
    while let Ok(read) = from.read(&mut buffer) {
        if read == 0 || mood.load(Ordering::SeqCst) != begun {
            break;
        }
        let now = read.min(limit);
        if to.write_all(&buffer[..now]).is_err() {
            break;
        }
        limit -= now;
        if limit == 0 {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}

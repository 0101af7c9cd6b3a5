//! The log lines of this process. A connection is told apart by its address, which its lines name.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::{Mutex, Once, PoisonError};

use super::wait_for;

static LINES: Mutex<String> = Mutex::new(String::new());

struct Sink;

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LINES.lock().unwrap_or_else(PoisonError::into_inner).push_str(&String::from_utf8_lossy(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Keeps the lines from now on, at info and above.
pub fn capture() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let lines = tracing_subscriber::fmt().with_ansi(false).with_writer(|| Sink);
        lines.init();
    });
}

/// The lines that name a peer.
pub fn about(peer: SocketAddr) -> Vec<String> {
    let lines = LINES.lock().unwrap_or_else(PoisonError::into_inner);
    lines.lines().filter(|line| line.contains(&peer.to_string())).map(str::to_owned).collect()
}

/// Waits for the first line that contains `text`.
pub fn containing(text: &str) -> String {
    wait_for(text, || {
        let lines = LINES.lock().unwrap_or_else(PoisonError::into_inner);
        lines.lines().find(|line| line.contains(text)).map(str::to_owned)
    })
}

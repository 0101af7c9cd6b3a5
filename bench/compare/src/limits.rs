//! What the machine itself can do: the stand-ins against which the figures are held.
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

/// Results by name.
pub type Limits = BTreeMap<String, f64>;

const MB: usize = 1_000_000;
/// One write of the sequential writer, in bytes.
const WRITE: usize = 1 << 20;
/// Writes between two flushes; the best of them is the limit.
const SPANS: [usize; 3] = [1, 8, 64];

/// Measures all, taking about `time` for each. `dir` is on the disk in question.
pub fn measure(dir: &Path, time: Duration) -> io::Result<Limits> {
    let mut limits = Limits::new();
    let mut put = |name: &str, value: f64| {
        eprintln!("    {name:<34} {value:>12.3}");
        limits.insert(name.to_owned(), value);
    };
    fs::create_dir_all(dir)?;
    let path = dir.join("limit");
    let mut best = 0.0f64;
    for span in SPANS {
        best = best.max(durable_write(&path, span, time / 3)?);
    }
    put("durable_write_mb_s", best);
    let mut flushes = flush_latencies(&path, time)?;
    flushes.sort_by(f64::total_cmp);
    let quantile = |share: f64| flushes[((flushes.len() - 1) as f64 * share) as usize];
    for (name, share) in [("p50", 0.5), ("p99", 0.99), ("p999", 0.999)] {
        put(&format!("flush_{name}_ms"), quantile(share));
    }
    put("flush_s", flushes.len() as f64 / (flushes.iter().sum::<f64>() / 1e3));
    put("loopback_mb_s", transfer(time, |stream| stream.write(&[7; WRITE]))?);
    let file = filled(&path)?;
    put(
        "sendfile_mb_s",
        transfer(time, |stream| {
            let mut at = 0;
            Ok(rustix::fs::sendfile(&*stream, &file, Some(&mut at), 64 * WRITE)?)
        })?,
    );
    put("round_trips_s", round_trips(time)?);
    put("memcpy_mb_s", copies(time));
    fs::remove_file(&path)?;
    Ok(limits)
}

/// Megabytes per second that are on disk, flushed after each `span` writes.
fn durable_write(path: &Path, span: usize, time: Duration) -> io::Result<f64> {
    let mut file = File::create(path)?;
    let block = vec![7u8; WRITE];
    let (begun, mut written) = (Instant::now(), 0);
    while begun.elapsed() < time {
        for _ in 0..span {
            file.write_all(&block)?;
        }
        file.sync_data()?;
        written += span * WRITE;
    }
    Ok(written as f64 / MB as f64 / begun.elapsed().as_secs_f64())
}

/// Milliseconds of each flush after 4 KiB were appended.
fn flush_latencies(path: &Path, time: Duration) -> io::Result<Vec<f64>> {
    let mut file = File::create(path)?;
    let (begun, mut found) = (Instant::now(), Vec::new());
    while begun.elapsed() < time {
        let before = Instant::now();
        file.write_all(&[7; 4096])?;
        file.sync_data()?;
        found.push(before.elapsed().as_secs_f64() * 1e3);
    }
    Ok(found)
}

fn filled(path: &Path) -> io::Result<File> {
    let mut file = File::create(path)?;
    for _ in 0..64 {
        file.write_all(&[7; WRITE])?;
    }
    File::open(path)
}

fn pair() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let client = TcpStream::connect(listener.local_addr()?)?;
    let (server, _) = listener.accept()?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    Ok((client, server))
}

/// Megabytes per second over loopback into a reader that throws them away.
fn transfer(time: Duration, mut send: impl FnMut(&mut TcpStream) -> io::Result<usize>) -> io::Result<f64> {
    let (mut reader, mut writer) = pair()?;
    let sink = std::thread::spawn(move || {
        let mut buffer = vec![0; WRITE];
        while reader.read(&mut buffer).is_ok_and(|read| read > 0) {}
    });
    let (begun, mut sent) = (Instant::now(), 0);
    while begun.elapsed() < time {
        sent += send(&mut writer)?;
    }
    let seconds = begun.elapsed().as_secs_f64();
    drop(writer);
    let _ = sink.join();
    Ok(sent as f64 / MB as f64 / seconds)
}

/// Requests of 1 KiB per second that an echo on loopback answers, one at a time.
fn round_trips(time: Duration) -> io::Result<f64> {
    let (mut client, mut server) = pair()?;
    let echo = std::thread::spawn(move || {
        let mut buffer = [0; 1024];
        while server.read_exact(&mut buffer).is_ok() && server.write_all(&buffer[..64]).is_ok() {}
    });
    let (begun, mut count) = (Instant::now(), 0u64);
    let mut reply = [0; 64];
    while begun.elapsed() < time {
        client.write_all(&[7; 1024])?;
        client.read_exact(&mut reply)?;
        count += 1;
    }
    let seconds = begun.elapsed().as_secs_f64();
    drop(client);
    let _ = echo.join();
    Ok(count as f64 / seconds)
}

/// Megabytes per second that are copied in memory, beyond all caches.
fn copies(time: Duration) -> f64 {
    let from = vec![7u8; 256 * MB];
    let mut to = vec![0u8; 256 * MB];
    let (begun, mut copied) = (Instant::now(), 0);
    while begun.elapsed() < time {
        to.copy_from_slice(&from);
        std::hint::black_box(&mut to);
        copied += to.len();
    }
    copied as f64 / MB as f64 / begun.elapsed().as_secs_f64()
}

//! What a process costs: CPU time and resident memory, as Linux counts them.
use std::fmt::Display;
use std::io;
use std::time::Duration;

/// Ticks of a second in `/proc/<pid>/stat`: the same on every Linux that Rust runs on.
const TICKS: u64 = 100;

/// A process at a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// CPU time so far, of all threads.
    pub cpu: Duration,
    /// Resident bytes.
    pub resident: u64,
    /// Most resident bytes ever.
    pub peak: u64,
    /// Threads.
    pub threads: u64,
}

/// Looks at a process; `self` is this one.
///
/// # Errors
/// There is no such process, or this system has no `/proc`.
pub fn usage(pid: impl Display) -> io::Result<Usage> {
    let read = |name: &str| read(&format!("/proc/{pid}/{name}"));
    let (stat, status) = (read("stat")?, read("status")?);
    let cpu = cpu(&stat).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))?;
    Ok(Usage {
        cpu,
        resident: field(&status, "VmRSS:") << 10,
        peak: field(&status, "VmHWM:") << 10,
        threads: field(&status, "Threads:"),
    })
}

#[allow(clippy::disallowed_methods, reason = "what the kernel says of a process is no file of the broker")]
fn read(path: &str) -> io::Result<String> {
    std::fs::read_to_string(path)
}

/// Fields 14 and 15, counted from the name in parentheses, which may hold anything.
fn cpu(stat: &str) -> Option<Duration> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut times = rest.split_whitespace().skip(11);
    let ticks = times.next()?.parse::<u64>().ok()?.checked_add(times.next()?.parse().ok()?)?;
    Some(Duration::from_millis(ticks.saturating_mul(1000 / TICKS)))
}

fn field(status: &str, name: &str) -> u64 {
    let value = status.lines().find_map(|line| line.strip_prefix(name));
    value.and_then(|value| value.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_read_whatever_its_name() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 1 2 3 4 150 50 0 0 20 0 3 0 1";
        assert_eq!(cpu(stat), Some(Duration::from_secs(2)));
        assert_eq!(cpu("7 (a) S 1"), None);
        let own = usage("self").unwrap();
        assert!(own.resident > 0 && own.peak >= own.resident && own.threads > 0, "{own:?}");
    }
}

//! What the system knows of the broker's process.
use std::time::Duration;

/// One look.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// Memory in bytes.
    pub resident: u64,
    /// Open files, sockets included.
    pub files: usize,
    /// Processor time so far.
    pub cpu: Duration,
}

impl Sample {
    /// Looks at a process.
    pub fn of(id: u32) -> Self {
        let read = |name: &str| std::fs::read_to_string(format!("/proc/{id}/{name}")).unwrap();
        let status = read("status");
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        let kib: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
        let stat = read("stat");
        // The name, in parentheses, may hold spaces; user and system time are 12 and 13 fields behind it.
        let (_, behind) = stat.rsplit_once(')').unwrap();
        let ticks: u64 = behind.split_whitespace().skip(11).take(2).map(|n| n.parse::<u64>().unwrap()).sum();
        let files = std::fs::read_dir(format!("/proc/{id}/fd")).unwrap().count();
        Self { resident: kib << 10, files, cpu: Duration::from_millis(ticks * 10) }
    }
}

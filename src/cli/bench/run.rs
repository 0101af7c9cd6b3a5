//! One run: its clients side by side, the measured part of its time, and what is shown meanwhile.
use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use super::server::{self, Usage};
use super::tally::Tally;
use crate::cli::CliError;
use crate::env::{Clock, SystemClock};

/// Stack of a client's thread, in bytes: there may be thousands.
const STACK: usize = 192 << 10;
/// Time that the threads get to start, before the first record is due.
const START: Duration = Duration::from_millis(20);
/// Time between two looks at the server.
const PERIOD: Duration = Duration::from_millis(100);
/// Time between two lines on the terminal.
const LINE: Duration = Duration::from_secs(1);

/// What a client does until the run ends.
type Work<'a> = Box<dyn FnOnce(&Run) -> Result<Tally, CliError> + Send + 'a>;

/// A client: what it is, and what it does until the run ends.
pub struct Client<'a> {
    /// Clients of the same kind are counted together.
    pub kind: &'static str,
    /// Its work.
    pub work: Work<'a>,
}

impl<'a> Client<'a> {
    /// A client of this kind.
    pub fn new(kind: &'static str, work: impl FnOnce(&Run) -> Result<Tally, CliError> + Send + 'a) -> Self {
        Self { kind, work: Box::new(work) }
    }
}

/// How long a run lasts.
#[derive(Clone, Copy, Debug)]
pub struct Length {
    /// What is not counted at its beginning.
    pub warmup: Duration,
    /// What is counted; `None`: until the clients have done their part.
    pub measured: Option<Duration>,
}

/// What clients share.
#[derive(Debug)]
pub struct Run {
    /// The clock that all times of the run are of.
    pub clock: SystemClock,
    /// When clients begin.
    pub start: Duration,
    /// From when on they count.
    pub from: Duration,
    /// When they end by themselves.
    pub until: Option<Duration>,
    stopped: AtomicBool,
    records: AtomicU64,
    bytes: AtomicU64,
}

/// The processes at the two ends of the measured time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    /// Before the first client began.
    pub idle: Usage,
    /// At the beginning of the measured time.
    pub before: Usage,
    /// At its end.
    pub after: Usage,
}

/// What came of a run.
#[derive(Debug)]
pub struct Outcome {
    /// By kind of client, in the order in which the kinds came.
    pub tallies: Vec<(&'static str, Tally)>,
    /// When the measured time began, on the clock of the run.
    pub from: Duration,
    /// The measured time.
    pub time: Duration,
    /// What the server cost, if its process is known.
    pub server: Option<Cost>,
    /// What this program cost.
    pub client: Cost,
}

impl Run {
    fn new(length: Length) -> Self {
        let clock = SystemClock::new();
        let start = clock.elapsed().saturating_add(START);
        let from = start.saturating_add(length.warmup);
        Self {
            clock,
            start,
            from,
            until: length.measured.map(|measured| from.saturating_add(measured)),
            stopped: AtomicBool::new(false),
            records: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
        }
    }

    /// Whether clients shall send nothing more.
    #[must_use]
    pub fn is_over(&self, now: Duration) -> bool {
        self.until.is_some_and(|until| now >= until) || self.stopped.load(Ordering::Relaxed)
    }

    /// Whether what happened `now` counts.
    #[must_use]
    pub fn counts(&self, now: Duration) -> bool {
        now >= self.from && self.until.is_none_or(|until| now <= until)
    }

    /// Ends the run early.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// Tells the person who looks on.
    pub fn progress(&self, records: u64, bytes: u64) {
        self.records.fetch_add(records, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Sleeps until a time of this run.
    #[allow(clippy::disallowed_methods, reason = "a client that has nothing due waits")]
    pub fn sleep_until(&self, time: Duration) {
        let pause = time.saturating_sub(self.clock.elapsed());
        if !pause.is_zero() {
            std::thread::sleep(pause);
        }
    }
}

/// Lets clients work side by side and adds up what they counted. The first that fails ends the run.
///
/// # Errors
/// That of the first client that failed, or the server's process is not there.
pub fn supervise(clients: Vec<Client<'_>>, length: Length, server: Option<u32>) -> Result<Outcome, CliError> {
    let mut watch = Watch::new(server)?;
    let run = Run::new(length);
    let (sender, results) = channel();
    let mut tallies: Vec<(&'static str, Tally)> = Vec::new();
    let mut failure = None;
    std::thread::scope(|scope| -> Result<(), CliError> {
        let mut waiting = 0usize;
        for client in clients {
            let (sender, run) = (sender.clone(), &run);
            let kind = client.kind;
            let thread = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, move || {
                // A timer that is late by the kernel's leisure would look like the server's latency.
                let _ = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1));
                run.sleep_until(run.start);
                let _ = sender.send((kind, (client.work)(run)));
            });
            if let Err(error) = thread {
                run.stop();
                return Err(CliError::failed(format!(
                    "client {waiting} cannot have a thread ({error}): raise the limit (ulimit -u), or take fewer"
                )));
            }
            waiting += 1;
        }
        while waiting > 0 {
            watch.look(&run);
            match results.recv_timeout(PERIOD) {
                Ok((kind, Ok(tally))) => {
                    waiting -= 1;
                    match tallies.iter_mut().find(|(known, _)| *known == kind) {
                        Some((_, sum)) => sum.merge(&tally),
                        None => tallies.push((kind, tally)),
                    }
                }
                Ok((_, Err(error))) => {
                    waiting -= 1;
                    run.stop();
                    failure.get_or_insert(error);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        Ok(())
    })?;
    watch.finish();
    if let Some(error) = failure {
        return Err(error);
    }
    let last = tallies.iter().map(|(_, tally)| tally.last).max().unwrap_or_default();
    let end = run.until.unwrap_or(last);
    let time = end.saturating_sub(run.from).max(Duration::from_nanos(1));
    Ok(Outcome {
        tallies,
        from: run.from,
        time,
        server: watch.server.map(|(_, cost)| cost),
        client: watch.client,
    })
}

/// Looks at the processes, and shows how the run goes.
struct Watch {
    server: Option<(u32, Cost)>,
    client: Cost,
    has_begun: bool,
    has_ended: bool,
    is_terminal: bool,
    shown: Duration,
    records: u64,
    bytes: u64,
}

impl Watch {
    fn new(pid: Option<u32>) -> Result<Self, CliError> {
        let server = match pid {
            Some(pid) => {
                let idle = server::usage(pid).map_err(|error| {
                    CliError::failed(format!(
                        "process {pid} cannot be watched ({error}): --server-pid takes the id of a broker on this machine"
                    ))
                })?;
                Some((pid, Cost { idle, ..Cost::default() }))
            }
            None => None,
        };
        Ok(Self {
            server,
            client: Cost::default(),
            has_begun: false,
            has_ended: false,
            is_terminal: io::stderr().is_terminal(),
            shown: Duration::ZERO,
            records: 0,
            bytes: 0,
        })
    }

    fn look(&mut self, run: &Run) {
        let now = run.clock.elapsed();
        if !self.has_begun && now >= run.from {
            self.has_begun = true;
            self.sample(|cost| &mut cost.before);
        }
        if !self.has_ended && run.until.is_some_and(|until| now >= until) {
            self.finish();
        }
        if self.is_terminal && now.saturating_sub(self.shown) >= LINE {
            self.show(run, now);
        }
    }

    /// Takes the last look, unless the measured time ended before.
    fn finish(&mut self) {
        if !self.has_ended {
            self.has_ended = true;
            self.sample(|cost| &mut cost.after);
        }
    }

    fn sample(&mut self, place: impl Fn(&mut Cost) -> &mut Usage) {
        // A server that is gone has failed the clients too, and they say so.
        *place(&mut self.client) = server::usage("self").unwrap_or_default();
        if let Some((pid, cost)) = &mut self.server {
            *place(cost) = server::usage(*pid).unwrap_or_default();
        }
    }

    fn show(&mut self, run: &Run, now: Duration) {
        let (records, bytes) = (run.records.load(Ordering::Relaxed), run.bytes.load(Ordering::Relaxed));
        let seconds = now.saturating_sub(self.shown).as_secs_f64();
        let rate = |now: u64, before: u64| now.saturating_sub(before) as f64 / seconds;
        let (records_rate, bytes_rate) = (rate(records, self.records), rate(bytes, self.bytes) / 1e6);
        let phase = if now < run.from { " (warm-up)" } else { "" };
        let at = now.saturating_sub(run.start).as_secs();
        let _ = writeln!(io::stderr(), "{at:>4} s  {records_rate:>12.0}/s  {bytes_rate:>9.1} MB/s{phase}");
        (self.shown, self.records, self.bytes) = (now, records, bytes);
    }
}

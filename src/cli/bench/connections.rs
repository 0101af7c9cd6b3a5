//! `klamm bench connections`: what a broker bears of clients that are mostly silent.
use std::io::{IoSlice, Write};
use std::time::Duration;

use rustix::event::epoll;
use serde_json::json;

use super::link::Link;
use super::pace::Pace;
use super::report::Report;
use super::run::{Client, Run, supervise};
use super::setup::{Common, link, refuse};
use super::tally::Tally;
use crate::cli::CliError;
use crate::cli::client::{CLIENT_ID, ClientError, Cluster, Connection, Request};
use crate::env::{Clock, SystemClock};
use crate::schema::clients::metadata_request::MetadataRequest;
use crate::schema::{Api, api_key};
use crate::wire::request;

/// Events taken at once.
const EVENTS: usize = 256;
/// File handles that are left for everything else.
const SPARE: u64 = 64;

const EXAMPLES: &str = "\
Examples:
  klamm bench connections --count 10000 --server-pid $(pidof klamm)
  klamm bench connections --count 1000 --rate 5000

Each connection negotiates versions and then asks, in turn and at the rate given, for metadata of no \
topic: the smallest request there is.";

/// Open many connections and ask a little on each
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Connections
    #[arg(long, value_name = "N", default_value_t = 1000)]
    count: usize,
    /// Requests per second of all connections together
    #[arg(short, long, value_name = "N", default_value_t = 1000.0)]
    rate: f64,
    /// Threads that the connections share
    #[arg(long, value_name = "N", default_value_t = 2)]
    threads: usize,
    /// The settings of every load.
    #[command(flatten)]
    pub common: Common,
}

/// Runs `klamm bench connections`.
///
/// # Errors
/// The system or the broker allows fewer connections; one breaks.
pub fn run(args: &Args, out: &mut dyn Write) -> Result<(), CliError> {
    let common = &args.common;
    allow(args.count)?;
    let cluster = common.connect()?;
    let brokers = cluster.broker_ids();
    let idle = common.server_pid.and_then(|pid| super::server::usage(pid).ok());
    let clock = SystemClock::new();
    let mut opened = super::tally::Latencies::new()?;
    let mut crowds: Vec<Vec<Link>> = (0..args.threads.max(1)).map(|_| Vec::new()).collect();
    let mut version = 0;
    for at in 0..args.count {
        let broker = at.checked_rem(brokers.len()).and_then(|at| brokers.get(at)).copied().unwrap_or(0);
        let begun = clock.elapsed();
        let (one, spoken) = open(&cluster, broker).map_err(|error| {
            CliError::failed(format!("connection {} of {}: {error}", at.saturating_add(1), args.count))
        })?;
        opened.add(clock.elapsed().saturating_sub(begun), 1);
        version = spoken;
        let threads = crowds.len();
        if let Some(crowd) = crowds.get_mut(at % threads) {
            crowd.push(one);
        }
    }
    let took = clock.elapsed();
    let rate = args.rate / crowds.len() as f64;
    let clients = crowds.into_iter().map(|links| {
        let crowd = Crowd { links, version, rate };
        Client::new("requests", move |run| crowd.work(run))
    });
    let outcome = supervise(clients.collect(), common.length(), common.server_pid)?;
    let settings = json!({ "connections": args.count, "rate": args.rate, "threads": args.threads });
    let held = outcome.server.map(|cost| cost.idle.resident);
    let mut report = Report::new(settings, outcome);
    report.latencies("connect", opened);
    report.note(
        "connections_per_second",
        args.count as f64 / took.as_secs_f64(),
        "connections opened per second",
    );
    if let (Some(idle), Some(held)) = (idle, held) {
        let each = held.saturating_sub(idle.resident) as f64 / args.count.max(1) as f64;
        report.note("resident_bytes_per_connection", each, "bytes of the server");
    }
    report.write(out, common.json)
}

fn open(cluster: &Cluster, broker: i32) -> Result<(Link, i16), ClientError> {
    link::<MetadataRequest<'_>>(cluster, broker, i16::MAX)
}

/// Raises the limit on open files as far as it goes.
fn allow(connections: usize) -> Result<(), CliError> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let wanted = (connections as u64).saturating_add(SPARE);
    if limit.current.is_none_or(|current| current >= wanted) {
        return Ok(());
    }
    let most = limit.maximum.unwrap_or(u64::MAX);
    if most < wanted || setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), ..limit }).is_err() {
        return refuse(format!(
            "{connections} connections need {wanted} open files, the limit is {most}: ulimit -n"
        ));
    }
    Ok(())
}

/// Connections that a thread looks after.
#[derive(Debug)]
struct Crowd {
    links: Vec<Link>,
    version: i16,
    rate: f64,
}

impl Crowd {
    /// Request n goes out on connection n, when it is due, unless the one before has no reply yet: then it
    /// waits, and is charged with it.
    fn work(mut self, run: &Run) -> Result<Tally, CliError> {
        let mut tally = Tally::new()?;
        let system = |error: rustix::io::Errno| CliError::Io(error.into());
        let poll = epoll::create(epoll::CreateFlags::CLOEXEC).map_err(system)?;
        for (at, link) in self.links.iter().enumerate() {
            let data = epoll::EventData::new_u64(at as u64);
            epoll::add(&poll, link.stream(), data, epoll::EventFlags::IN).map_err(system)?;
        }
        let pace = Pace::new(run.start, Some(self.rate));
        let mut due: Vec<Option<Duration>> = vec![None; self.links.len()];
        let mut events = Vec::with_capacity(EVENTS);
        let (mut next, mut pending) = (0u64, 0usize);
        loop {
            let now = run.clock.elapsed();
            let is_over = run.is_over(now) || self.links.is_empty();
            if is_over && pending == 0 {
                return Ok(tally);
            }
            let at = usize::try_from(next).unwrap_or(usize::MAX).checked_rem(self.links.len()).unwrap_or(0);
            let is_free = due.get(at).is_some_and(Option::is_none);
            if !is_over && is_free && pace.due(next) <= now {
                self.ask(at)?;
                if let Some(slot) = due.get_mut(at) {
                    *slot = Some(pace.due(next));
                }
                (next, pending) = (next.wrapping_add(1), pending.saturating_add(1));
                continue;
            }
            let wait = if is_over || !is_free {
                Duration::from_millis(100)
            } else {
                pace.due(next).saturating_sub(now)
            };
            let wait = rustix::event::Timespec {
                tv_sec: i64::try_from(wait.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: i64::from(wait.subsec_nanos()),
            };
            events.clear();
            match epoll::wait(&poll, rustix::buffer::spare_capacity(&mut events), Some(&wait)) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(system(error)),
            }
            for event in &events {
                let at = usize::try_from(event.data.u64()).unwrap_or(usize::MAX);
                let Some(link) = self.links.get_mut(at) else { continue };
                link.fill(None)?;
                while link.frame()?.is_some() {
                    let now = run.clock.elapsed();
                    let Some(intended) = due.get_mut(at).and_then(Option::take) else { continue };
                    pending = pending.saturating_sub(1);
                    run.progress(1, 0);
                    if run.counts(now) {
                        tally.records = tally.records.saturating_add(1);
                        tally.requests = tally.requests.saturating_add(1);
                        tally.latencies.add(now.saturating_sub(intended), 1);
                        tally.last = now;
                    }
                }
            }
        }
    }

    fn ask(&mut self, at: usize) -> Result<(), ClientError> {
        let Some(link) = self.links.get_mut(at) else { return Ok(()) };
        let request = MetadataRequest { topics: Some(Vec::new()), ..Default::default() };
        let correlation = link.next_correlation();
        let frame = Api::by_key(api_key::METADATA).map_or_else(Vec::new, |api| {
            request::encode(api, self.version, correlation, Some(CLIENT_ID), |w| {
                Request::encode(&request, w, self.version);
            })
        });
        link.write(&mut [IoSlice::new(&frame)])
    }
}

/// Opens connections that do nothing but exist.
///
/// # Errors
/// Those of connecting.
pub fn silent(cluster: &Cluster, count: usize) -> Result<Vec<Connection>, CliError> {
    allow(count)?;
    let brokers = cluster.broker_ids();
    let open = |at: usize| {
        let broker = at.checked_rem(brokers.len()).and_then(|at| brokers.get(at)).copied().unwrap_or(0);
        cluster.open(broker)
    };
    Ok((0..count).map(open).collect::<Result<_, _>>()?)
}

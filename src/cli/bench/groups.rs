//! `klamm bench groups`: members that join, send heartbeats and commit offsets.
use std::io::Write;
use std::time::Duration;

use serde_json::json;

use super::member::{Member, Protocol};
use super::pace::Pace;
use super::report::Report;
use super::run::{Client, supervise};
use super::setup::{Common, Ground};
use crate::cli::CliError;
use crate::cli::client::Cluster;

const EXAMPLES: &str = "\
Examples:
  klamm bench groups --groups 1000
  klamm bench groups --groups 10 --members 20 --protocol classic
  klamm bench groups --groups 100 --heartbeat 100 --commits 10 --server-pid $(pidof klamm)

The warm-up should be long enough for all members to join; how long it took them is in the report.";

/// What groups do.
#[derive(Clone, Debug, clap::Args)]
pub struct Membership {
    /// Groups
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub groups: usize,
    /// Members of each group, each with a connection of its own
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub members: usize,
    /// How members speak to their coordinator: consumer (KIP-848) or classic
    #[arg(long, value_enum, default_value_t)]
    pub protocol: Protocol,
    /// Time between two heartbeats of a member, in ms
    #[arg(long, value_name = "MS", default_value_t = 1000)]
    pub heartbeat: u64,
    /// Commits per second of each member
    #[arg(long, value_name = "N", default_value_t = 1.0)]
    pub commits: f64,
}

/// Run groups of consumers that only coordinate
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    load: Membership,
    /// The settings of every load.
    #[command(flatten)]
    pub common: Common,
}

impl Membership {
    /// All members, as clients of a run.
    ///
    /// # Errors
    /// Those of connecting, and of finding coordinators.
    pub fn clients(&self, cluster: &mut Cluster, ground: &Ground) -> Result<Vec<Client<'static>>, CliError> {
        let mut clients = Vec::new();
        for group in 0..self.groups {
            let id = format!("{}-{group}", ground.name);
            let coordinator = cluster.retrying(|cluster| cluster.coordinator(&id))?;
            for index in 0..self.members {
                let member = Member {
                    connection: cluster.open(coordinator)?,
                    group: id.clone(),
                    topic: ground.name.clone(),
                    topic_id: ground.id,
                    partition: i32::try_from(index).unwrap_or(0)
                        % i32::try_from(ground.partitions.len()).unwrap_or(1).max(1),
                    protocol: self.protocol,
                    heartbeat: Duration::from_millis(self.heartbeat.max(1)),
                    commits: (self.commits > 0.0).then_some(self.commits),
                    // Members that all beat at once would measure themselves.
                    shift: clients.len() as u32,
                    of: u32::try_from(self.groups.saturating_mul(self.members)).unwrap_or(u32::MAX),
                    state: super::member::State::default(),
                };
                clients.push(Client::new("groups", move |run| member.work(run)));
            }
        }
        Ok(clients)
    }
}

/// When the beats of a member are due: spread over the period.
#[must_use]
pub fn beat(start: Duration, period: Duration, shift: u32, of: u32) -> Pace {
    let offset = period.saturating_mul(shift).checked_div(of.max(1)).unwrap_or_default();
    Pace::new(start.saturating_add(offset), Some(1.0 / period.as_secs_f64()))
}

/// Runs `klamm bench groups`.
///
/// # Errors
/// What the coordinators refuse; a connection breaks.
pub fn run(args: &Args, out: &mut dyn Write) -> Result<(), CliError> {
    let Args { load, common } = args;
    let mut cluster = common.connect()?;
    let ground = Ground::prepare(&mut cluster, common)?;
    let clients = load.clients(&mut cluster, &ground)?;
    let outcome = supervise(clients, common.length(), common.server_pid)?;
    let settings = json!({
        "groups": load.groups,
        "members": load.members,
        "protocol": load.protocol.name(),
        "heartbeat_ms": load.heartbeat,
        "commits_per_second": load.commits,
    });
    let report = Report::new(settings, outcome);
    ground.clear(&mut cluster, common)?;
    report.write(out, common.json)
}

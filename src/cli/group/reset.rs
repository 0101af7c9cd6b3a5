//! `klamm group reset`: where a group reads on. Without `--execute` it only shows what would change.
use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::description::Description;
use super::scope::TopicScope;
use super::target::{Known, Target, To};
use crate::cli::CliError;
use crate::cli::client::{ClientError, Cluster, Committed, EARLIEST, Isolation, LATEST};
use crate::cli::session::{Session, note, number};
use crate::cli::table::Table;
use crate::env::{Clock, SystemClock};

/// Set where a group without members reads on; a dry run unless --execute is given
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Reset {
    /// Which group; it need not exist yet
    group: String,
    /// A topic, or some of its partitions; may be repeated
    #[arg(long = "topic", value_name = "TOPIC[:PARTITION,...]", value_parser = TopicScope::parse)]
    #[arg(required_unless_present = "all_topics")]
    topics: Vec<TopicScope>,
    /// All that the group has committed
    #[arg(long, conflicts_with = "topics")]
    all_topics: bool,
    #[command(flatten)]
    to: To,
    /// Commit the new offsets
    #[arg(long)]
    execute: bool,
}

/// The partitions of each topic that are reset.
type Partitions = BTreeMap<String, BTreeSet<i32>>;

pub(super) fn reset(session: &mut Session<'_>, args: &Reset) -> Result<(), CliError> {
    refuse_if_active(session.cluster, &args.group)?;
    let committed = session.cluster.committed(&args.group)?;
    let partitions =
        if args.all_topics { of_committed(&committed) } else { of_topics(session.cluster, &args.topics)? };
    if partitions.is_empty() {
        return Err(CliError::failed(format!("group {} has committed nothing: name a --topic", args.group)));
    }
    let target = args.to.target(SystemClock::new().now().get());
    let planned = plan(session.cluster, &partitions, &committed, target)?;
    if args.execute {
        session.cluster.commit(&args.group, &planned)?;
    }
    write_plan(session, args, &committed, &planned)?;
    if !args.execute {
        note("Nothing was changed; add --execute to commit the new offsets.");
    }
    Ok(())
}

/// Members would go on with their own offsets and commit those.
fn refuse_if_active(cluster: &mut Cluster, group: &str) -> Result<(), CliError> {
    match Description::of(cluster, group)? {
        Some(active) if !active.is_inactive() => Err(CliError::failed(format!(
            "group {group} is in use (state {}, members: {}): stop its members first",
            active.state,
            active.members.len(),
        ))),
        _ => Ok(()),
    }
}

fn of_committed(committed: &Committed) -> Partitions {
    let mut partitions = Partitions::new();
    for (topic, index) in committed.keys() {
        partitions.entry(topic.clone()).or_default().insert(*index);
    }
    partitions
}

fn of_topics(cluster: &mut Cluster, scopes: &[TopicScope]) -> Result<Partitions, ClientError> {
    let mut partitions = Partitions::new();
    for scope in scopes {
        // Asked even if partitions are named, so that a mistyped topic is told at once.
        let topics = cluster.topics(Some(std::slice::from_ref(&scope.topic)))?;
        let all = || topics.iter().flat_map(|topic| &topic.partitions).map(|partition| partition.index);
        let named = scope.partitions.clone().unwrap_or_else(|| all().collect());
        partitions.entry(scope.topic.clone()).or_default().extend(named);
    }
    Ok(partitions)
}

/// The new offset of each partition.
fn plan(
    cluster: &mut Cluster,
    partitions: &Partitions,
    committed: &Committed,
    target: Target,
) -> Result<Committed, CliError> {
    let mut planned = Committed::new();
    for (topic, indexes) in partitions {
        cluster.topics(Some(std::slice::from_ref(topic)))?;
        let mut ask = |timestamp| {
            let timestamps = indexes.iter().map(|&index| (index, timestamp)).collect();
            cluster.offsets(topic, &timestamps, Isolation::ReadUncommitted)
        };
        let (first, end) = (ask(EARLIEST)?, ask(LATEST)?);
        let at_time = if let Target::Time(ms) = target { ask(ms)? } else { BTreeMap::new() };
        for &index in indexes {
            let of = |offsets: &BTreeMap<i32, Option<i64>>| offsets.get(&index).copied().flatten();
            let at = (topic.clone(), index);
            let first = of(&first).unwrap_or(0);
            let known = Known {
                first,
                end: of(&end).unwrap_or(first),
                committed: committed.get(&at).copied(),
                at_time: of(&at_time),
            };
            let offset = target.place(known).ok_or_else(|| {
                CliError::failed(format!(
                    "partition {topic}-{index} cannot be shifted: the group has committed nothing there"
                ))
            })?;
            planned.insert(at, offset);
        }
    }
    Ok(planned)
}

fn write_plan(
    session: &mut Session<'_>,
    args: &Reset,
    committed: &Committed,
    planned: &Committed,
) -> Result<(), CliError> {
    if session.json {
        let offset = |(at, new): (&(String, i32), &i64)| {
            json!({
                "topic": at.0,
                "partition": at.1,
                "committed_offset": committed.get(at),
                "new_offset": new,
            })
        };
        let offsets: serde_json::Value = planned.iter().map(offset).collect();
        let document = json!({ "group": args.group, "executed": args.execute, "offsets": offsets });
        return session.print_json(&document);
    }
    let mut table = Table::new(&["TOPIC", "PARTITION", "COMMITTED", "NEW OFFSET"]);
    for (at, new) in planned {
        table.row([at.0.clone(), at.1.to_string(), number(committed.get(at).copied()), new.to_string()]);
    }
    Ok(table.write(session.out, "")?)
}

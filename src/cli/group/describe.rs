//! `klamm group describe`.
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::description::{Assignment, Description, Member};
use super::no_such_group;
use crate::cli::CliError;
use crate::cli::client::{ClientError, Cluster, Committed, Isolation, LATEST};
use crate::cli::session::{Session, count, note, number, unless_failed};
use crate::cli::table::Table;
use crate::schema::ErrorCode;

/// Show how far groups have read, and who is in them
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Describe {
    /// Which groups; all if none is named
    #[arg(value_name = "GROUP")]
    groups: Vec<String>,
    /// Show the members and what each of them reads
    #[arg(long, conflicts_with = "state")]
    members: bool,
    /// Show the state, the coordinator and the assignor
    #[arg(long)]
    state: bool,
}

/// How far a group has read a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Position {
    committed: Option<i64>,
    end: Option<i64>,
}

impl Position {
    /// How many offsets are still to read.
    fn lag(self) -> Option<i64> {
        Some(self.end?.saturating_sub(self.committed?))
    }
}

type Positions = BTreeMap<(String, i32), Position>;

pub(super) fn describe(session: &mut Session<'_>, args: &Describe) -> Result<(), CliError> {
    let mut described = Vec::new();
    let mut failures = Vec::new();
    for group in names(session.cluster, &args.groups)? {
        match Description::of(session.cluster, &group)? {
            Some(description) => described.push(description),
            None => failures.push(no_such_group(&group)),
        }
    }
    if session.json {
        let documents: Result<Value, CliError> =
            described.iter().map(|group| document(session.cluster, group, args)).collect();
        session.print_json(&documents?)?;
    } else if args.state {
        write_states(session, &described)?;
    } else {
        for (number, group) in described.iter().enumerate() {
            if number > 0 {
                writeln!(session.out)?;
            }
            write_group(session, group, args)?;
        }
    }
    unless_failed(&failures)
}

/// The groups named, or all that consumers use.
fn names(cluster: &mut Cluster, named: &[String]) -> Result<Vec<String>, CliError> {
    if !named.is_empty() {
        return Ok(named.to_vec());
    }
    let mut groups = cluster.groups()?;
    groups.retain(|group| matches!(group.kind.as_str(), "classic" | "consumer"));
    Ok(groups.into_iter().map(|group| group.id).collect())
}

fn document(cluster: &mut Cluster, group: &Description, args: &Describe) -> Result<Value, CliError> {
    let (name, value) = if args.state {
        ("members", json!(group.members.len()))
    } else if args.members {
        ("members", group.members.iter().map(member_document).collect())
    } else {
        let positions = positions(cluster, group)?;
        ("offsets", positions.iter().map(|at| position_document(group, at)).collect())
    };
    Ok(json!({
        "group": group.group,
        "type": group.kind,
        "state": group.state,
        "coordinator": group.coordinator,
        "assignor": Some(&group.assignor).filter(|name| !name.is_empty()),
        "epoch": group.epoch,
        name: value,
    }))
}

fn member_document(member: &Member) -> Value {
    json!({
        "member": member.id,
        "instance": member.instance,
        "client": member.client,
        "host": member.host,
        "epoch": member.epoch,
        "assignment": member.assignment,
    })
}

fn position_document(
    group: &Description,
    ((topic, partition), position): (&(String, i32), &Position),
) -> Value {
    let reader = group.reader_of(topic, *partition);
    json!({
        "topic": topic,
        "partition": partition,
        "committed_offset": position.committed,
        "end_offset": position.end,
        "lag": position.lag(),
        "member": reader.map(|member| &member.id),
        "client": reader.map(|member| &member.client),
        "host": reader.map(|member| &member.host),
    })
}

fn write_states(session: &mut Session<'_>, groups: &[Description]) -> Result<(), CliError> {
    if groups.is_empty() {
        return Ok(());
    }
    let head = ["GROUP", "TYPE", "STATE", "MEMBERS", "COORDINATOR", "ASSIGNOR", "EPOCH"];
    let mut table = Table::new(&head);
    for group in groups {
        table.row([
            group.group.clone(),
            group.kind.clone(),
            group.state.clone(),
            group.members.len().to_string(),
            group.coordinator.to_string(),
            text(Some(&group.assignor)),
            number(group.epoch.map(i64::from)),
        ]);
    }
    Ok(table.write(session.out, "")?)
}

fn write_group(session: &mut Session<'_>, group: &Description, args: &Describe) -> Result<(), CliError> {
    let members = count(group.members.len(), "member");
    writeln!(session.out, "{}: {} group, {}, {members}", group.group, group.kind, group.state)?;
    let table = if args.members { members_table(group) } else { offsets_table(session.cluster, group)? };
    match table {
        Some(table) => Ok(table.write(session.out, "  ")?),
        None if args.members => Ok(()),
        None => {
            note(&format!("Group {} has committed nothing and reads nothing.", group.group));
            Ok(())
        }
    }
}

fn members_table(group: &Description) -> Option<Table> {
    let mut table =
        Table::new(&["MEMBER", "INSTANCE", "CLIENT", "HOST", "EPOCH", "PARTITIONS", "ASSIGNMENT"]);
    for member in &group.members {
        table.row([
            member.id.clone(),
            text(member.instance.as_ref()),
            member.client.clone(),
            member.host.clone(),
            number(member.epoch.map(i64::from)),
            member.assignment.values().map(Vec::len).sum::<usize>().to_string(),
            text(Some(&written(&member.assignment))),
        ]);
    }
    Some(table).filter(|_| !group.members.is_empty())
}

fn offsets_table(cluster: &mut Cluster, group: &Description) -> Result<Option<Table>, CliError> {
    let positions = positions(cluster, group)?;
    let head = ["TOPIC", "PARTITION", "COMMITTED", "END OFFSET", "LAG", "MEMBER", "CLIENT", "HOST"];
    let mut table = Table::new(&head);
    for ((topic, partition), position) in &positions {
        let reader = group.reader_of(topic, *partition);
        table.row([
            topic.clone(),
            partition.to_string(),
            number(position.committed),
            number(position.end),
            number(position.lag()),
            text(reader.map(|member| &member.id)),
            text(reader.map(|member| &member.client)),
            text(reader.map(|member| &member.host)),
        ]);
    }
    Ok(Some(table).filter(|_| !positions.is_empty()))
}

/// What stands in a table for a text: itself, or "-" if there is none.
fn text(text: Option<&String>) -> String {
    text.filter(|text| !text.is_empty()).map_or_else(|| "-".to_owned(), Clone::clone)
}

/// `a:0,1 b:2`.
fn written(assignment: &Assignment) -> String {
    let topic = |(name, partitions): (&String, &Vec<i32>)| {
        let partitions: Vec<_> = partitions.iter().map(ToString::to_string).collect();
        format!("{name}:{}", partitions.join(","))
    };
    assignment.iter().map(topic).collect::<Vec<_>>().join(" ")
}

/// How far the group has read each partition that it has committed or reads.
fn positions(cluster: &mut Cluster, group: &Description) -> Result<Positions, CliError> {
    let committed = cluster.committed(&group.group)?;
    let mut ends = BTreeMap::new();
    for (topic, partitions) in concerned(&committed, group) {
        let found = ends_of(cluster, &topic, &partitions)?;
        ends.extend(partitions.into_iter().map(|index| ((topic.clone(), index), found.get(&index).copied())));
    }
    let position = |(at, end): ((String, i32), Option<i64>)| {
        let committed = committed.get(&at).copied();
        (at, Position { committed, end })
    };
    Ok(ends.into_iter().map(position).collect())
}

fn concerned(committed: &Committed, group: &Description) -> BTreeMap<String, BTreeSet<i32>> {
    let mut concerned: BTreeMap<String, BTreeSet<i32>> = BTreeMap::new();
    for (topic, index) in committed.keys() {
        concerned.entry(topic.clone()).or_default().insert(*index);
    }
    for (topic, partitions) in group.members.iter().flat_map(|member| &member.assignment) {
        concerned.entry(topic.clone()).or_default().extend(partitions);
    }
    concerned
}

/// The ends of those partitions that exist and have a leader.
fn ends_of(
    cluster: &mut Cluster,
    topic: &str,
    partitions: &BTreeSet<i32>,
) -> Result<BTreeMap<i32, i64>, ClientError> {
    // An unknown topic counts as retriable elsewhere; here it is a deleted one, whose offsets remain.
    let found = cluster.retrying(|cluster| match cluster.topics(Some(&[topic.to_owned()])) {
        Err(error) if error.code() == Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION) => Ok(Vec::new()),
        found => found,
    })?;
    let known = found.iter().flat_map(|topic| &topic.partitions);
    let led = known.filter(|known| known.leader.is_some() && partitions.contains(&known.index));
    let asked: BTreeMap<i32, i64> = led.map(|known| (known.index, LATEST)).collect();
    if asked.is_empty() {
        return Ok(BTreeMap::new());
    }
    let ends = cluster.offsets(topic, &asked, Isolation::ReadUncommitted)?;
    Ok(ends.into_iter().filter_map(|(index, end)| Some((index, end?))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lag_is_known_if_both_offsets_are() {
        let cases = [
            (Some(3), Some(10), Some(7)),
            (Some(10), Some(10), Some(0)),
            (None, Some(10), None),
            (Some(3), None, None),
            // Committed before the topic was made anew.
            (Some(10), Some(3), Some(-7)),
        ];
        for (committed, end, want) in cases {
            assert_eq!(Position { committed, end }.lag(), want, "{committed:?} {end:?}");
        }
    }

    #[test]
    fn an_assignment_is_written_by_topic() {
        let assignment = Assignment::from([("b".into(), vec![2]), ("a".into(), vec![0, 1])]);
        assert_eq!(written(&assignment), "a:0,1 b:2");
    }
}

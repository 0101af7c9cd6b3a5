//! `kafka-consumer-groups`.
use std::io::Write;

use clap::ArgGroup;

use super::connect::Connect;
use super::{Tool, Words, own};
use crate::cli::CliError;

/// List, describe, delete and reset consumer groups
#[derive(Debug, clap::Parser)]
#[command(name = "kafka-consumer-groups", version)]
#[command(group(ArgGroup::new("action").required(true)
    .args(["list", "describe", "delete", "reset_offsets", "delete_offsets"])))]
pub(super) struct ConsumerGroups {
    #[command(flatten)]
    connect: Connect,
    /// List groups
    #[arg(long)]
    list: bool,
    /// Show how far groups have read
    #[arg(long)]
    describe: bool,
    /// Delete groups
    #[arg(long)]
    delete: bool,
    /// Set committed offsets anew
    #[arg(long)]
    reset_offsets: bool,
    /// Forget committed offsets
    #[arg(long)]
    delete_offsets: bool,
    /// Which group; may be repeated
    #[arg(long)]
    group: Vec<String>,
    /// All groups
    #[arg(long)]
    all_groups: bool,
    /// A topic, or some of its partitions; may be repeated
    #[arg(long, value_name = "TOPIC[:PARTITION,...]")]
    topic: Vec<String>,
    /// All that the group has committed
    #[arg(long)]
    all_topics: bool,
    /// Show members
    #[arg(long)]
    members: bool,
    /// Show the state
    #[arg(long)]
    state: bool,
    /// Read on at the beginning
    #[arg(long)]
    to_earliest: bool,
    /// Read on at the end
    #[arg(long)]
    to_latest: bool,
    /// Read on where it is
    #[arg(long)]
    to_current: bool,
    /// Read on at an offset
    #[arg(long, value_name = "OFFSET")]
    to_offset: Option<i64>,
    /// Read on at a time
    #[arg(long, value_name = "TIME")]
    to_datetime: Option<String>,
    /// Read on at what is so old
    #[arg(long, value_name = "DURATION")]
    by_duration: Option<String>,
    /// Move on by so many records
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    shift_by: Option<i64>,
    /// Commit the new offsets
    #[arg(long, conflicts_with = "dry_run")]
    execute: bool,
    /// Show the new offsets only
    #[arg(long)]
    dry_run: bool,
}

impl Tool for ConsumerGroups {
    fn run(&self, out: &mut dyn Write) -> Result<(), CliError> {
        if self.list {
            let groups = self.connect.cluster()?.groups()?;
            return groups.iter().try_for_each(|group| Ok(writeln!(out, "{}", group.id)?));
        }
        if self.group.is_empty() && !self.all_groups {
            return Err(CliError::failed("--group or --all-groups is missing"));
        }
        let groups = match self.all_groups {
            true => self.connect.cluster()?.groups()?.into_iter().map(|group| group.id).collect(),
            false => self.group.clone(),
        };
        for group in groups {
            let mut words = self.words();
            words.0.extend(self.connect.flags()?);
            own(&words.then([group]).0, out)?;
        }
        Ok(())
    }
}

impl ConsumerGroups {
    fn words(&self) -> Words {
        match () {
            () if self.describe => {
                Words::new(&["group", "describe"]).flag("--members", self.members).flag("--state", self.state)
            }
            () if self.delete => Words::new(&["group", "delete"]),
            () if self.delete_offsets => {
                Words::new(&["group", "delete-offsets"]).with("--topic", &self.topic)
            }
            () => Words::new(&["group", "reset"])
                .with("--topic", &self.topic)
                .flag("--all-topics", self.all_topics)
                .flag("--to-earliest", self.to_earliest)
                .flag("--to-latest", self.to_latest)
                .flag("--to-current", self.to_current)
                .with("--to-offset", self.to_offset)
                .with("--to-datetime", &self.to_datetime)
                .with("--by-duration", &self.by_duration)
                .with("--shift-by", self.shift_by)
                .flag("--execute", self.execute),
        }
    }
}

//! `klamm remote`: look into the bucket of tiered storage, check it, bring a topic back.
use std::io::Write;
use std::path::{Path, PathBuf};

use super::CliError;
use super::table::Table;
use crate::env::{Files, RealFiles};
use crate::inspect::remote;
use crate::log::contents;
use crate::log::names::{FileName, Kind, parse_file};
use crate::tier::{Manifest, Store, StoreError, Target, offline};
use crate::types::{Offset, TopicPartition};

const EXAMPLES: &str = "\
Examples:
  klamm remote ls s3://bucket/prefix                         what is there
  klamm remote verify s3://bucket/prefix --topic orders      every byte is read and checked
  klamm remote pull s3://bucket/prefix --topic orders --dir klamm-data

URL is that of klamm.remote.url; credentials come from the same environment variables. `ls` and `verify` write nothing
and may run while a broker does. `pull` brings segments that have left the disk back to a log directory whose broker is
stopped. Set local.retention.ms=-1 and local.retention.bytes=-1 on the topic before, or they leave again.";

/// Look into the bucket of tiered storage, check it, bring a topic back
#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Debug, PartialEq, Eq, clap::Subcommand)]
enum Command {
    /// List partitions, their segments and offsets
    Ls(Which),
    /// Read everything and check it
    Verify(Which),
    /// Bring segments back to a log directory
    Pull {
        #[command(flatten)]
        which: Which,
        /// The log directory; its broker must be stopped
        #[arg(long, value_name = "DIR")]
        dir: PathBuf,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
struct Which {
    /// s3://bucket/prefix, gs://bucket/prefix, az://container/prefix or file:///directory
    #[arg(value_name = "URL")]
    url: String,
    /// Only this topic
    #[arg(long, value_name = "TOPIC")]
    topic: Option<String>,
}

/// Does what was asked.
///
/// # Errors
/// The store or the directory cannot be used; something in the bucket is damaged.
pub fn run(args: &Args, out: &mut dyn Write) -> Result<(), CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        match &args.command {
            Command::Ls(which) => list(&found(which).await?.1, out),
            Command::Verify(which) => verify(which, out).await,
            Command::Pull { which, dir } => pull(which, dir, out).await,
        }
    })
}

fn failed(error: impl std::fmt::Display) -> CliError {
    CliError::failed(error.to_string())
}

async fn found(which: &Which) -> Result<(Store, Vec<Manifest>), CliError> {
    let store = Target::parse(&which.url).and_then(|target| target.connect(true)).map_err(failed)?;
    let mut manifests = offline::partitions(&store).await.map_err(failed)?;
    manifests.retain(|manifest| which.topic.as_ref().is_none_or(|topic| *topic == manifest.topic));
    if manifests.is_empty() {
        return Err(CliError::failed(match &which.topic {
            Some(topic) => format!("there is nothing of topic `{topic}` below {}", which.url),
            None => format!("there is no tiered topic below {}", which.url),
        }));
    }
    Ok((store, manifests))
}

fn list(manifests: &[Manifest], out: &mut dyn Write) -> Result<(), CliError> {
    let mut table =
        Table::new(&["TOPIC", "PARTITION", "START", "END", "SEGMENTS", "BYTES", "MANIFEST", "TOPIC ID"]);
    for manifest in manifests {
        let offset =
            |offset: Option<Offset>| offset.map_or_else(|| "-".to_owned(), |offset| offset.to_string());
        table.row([
            manifest.topic.clone(),
            manifest.partition.to_string(),
            offset(manifest.start()),
            offset(manifest.end()),
            manifest.segments.len().to_string(),
            manifest.log_bytes().to_string(),
            manifest.version.to_string(),
            manifest.topic_id.to_string(),
        ]);
    }
    Ok(table.write(out, "")?)
}

async fn verify(which: &Which, out: &mut dyn Write) -> Result<(), CliError> {
    let (store, manifests) = found(which).await?;
    let (mut segments, mut bytes, mut damaged) = (0u64, 0u64, 0u64);
    for manifest in &manifests {
        for segment in &manifest.segments {
            segments = segments.saturating_add(1);
            bytes = bytes.saturating_add(segment.log_bytes);
            let mut walk = remote::Batches::new(segment);
            let read =
                offline::read_segment(&store, manifest, segment, |_, piece| -> Result<(), StoreError> {
                    walk.take(&piece);
                    Ok(())
                });
            match read.await {
                Ok(_) => {}
                Err(error @ StoreError::Damaged { .. }) => {
                    damaged = damaged.saturating_add(1);
                    writeln!(out, "damage: {error}")?;
                    continue;
                }
                Err(error) => return Err(failed(error)),
            }
            if let Err(reason) = walk.finish() {
                damaged = damaged.saturating_add(1);
                writeln!(
                    out,
                    "damage: {}-{} from offset {}: {reason}",
                    manifest.topic, manifest.partition, segment.base
                )?;
            }
        }
    }
    writeln!(out, "{} partitions, {segments} segments, {bytes} bytes, {damaged} damaged", manifests.len())?;
    if damaged == 0 { Ok(()) } else { Err(CliError::failed("something in the bucket is damaged")) }
}

async fn pull(which: &Which, root: &Path, out: &mut dyn Write) -> Result<(), CliError> {
    let (store, manifests) = found(which).await?;
    let files = RealFiles;
    let _lock = files.lock(&root.join(contents::LOCK)).map_err(failed)?;
    for manifest in &manifests {
        let tp = TopicPartition::new(manifest.topic.as_str(), manifest.partition);
        let dir = root.join(tp.to_string());
        let first = first_local(&files, &dir)?;
        let mut pulled = 0u64;
        // From the newest on, so that what is there has no gap whenever this ends.
        for segment in manifest.segments.iter().rev().filter(|segment| segment.base < first) {
            if segment.end > first {
                return Err(CliError::failed(format!(
                    "{tp}: the segment from offset {} on overlaps what is here from {first} on; start the broker once \
                     so that the bucket follows the compaction, stop it, and try again",
                    segment.base
                )));
            }
            offline::pull_segment(&store, manifest, segment, &files, &dir).await.map_err(failed)?;
            files.sync_dir(&dir)?;
            pulled = pulled.saturating_add(1);
        }
        writeln!(out, "{tp}: {pulled} segments brought back")?;
    }
    Ok(())
}

/// Base offset of the first segment on the local disk.
fn first_local(files: &RealFiles, dir: &Path) -> Result<Offset, CliError> {
    let entries = files.list(dir).map_err(|error| {
        CliError::failed(format!(
            "{}: {error}; pull needs the log directory that the broker had",
            dir.display()
        ))
    })?;
    let base = |name: &str| match parse_file(name) {
        FileName::Offset(base, Kind::Log) => Some(base),
        _ => None,
    };
    let first = entries.iter().filter_map(|entry| base(&entry.name)).min();
    first.ok_or_else(|| CliError::failed(format!("{} holds no segment", dir.display())))
}

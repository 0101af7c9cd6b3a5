//! Recovering a directory without starting a broker on it: what the journal has is put back, torn ends are cut,
//! and the clean-shutdown marker is written. A Kafka, which does not know the journal, may boot on it then.

use std::path::Path;
use std::sync::Arc;

use super::check::image;
use super::check::report::Report;
use crate::env::{Clock, Files, Rng};
use crate::log::checkpoint::Offsets;
use crate::log::{FoundPartition, LogConfig, LogDirectory, LogEnv, LogError, RecoveryReport};
use crate::metadata::format::METADATA_DIR;
use crate::types::TopicPartition;

/// What became of a directory.
#[derive(Debug)]
pub enum Recovered {
    /// Its last stop was a clean one; nothing was touched.
    WasClean,
    /// Each partition with what was done, or why it cannot be opened. Unless all could be opened, there is no
    /// marker of a clean stop, and what the journal has of the others is kept.
    Done(Vec<(TopicPartition, Result<RecoveryReport, LogError>)>),
}

/// Recovers the log directory `dir`, on `threads` threads. It is locked meanwhile.
///
/// # Errors
/// It is in use, it is none, the journal is damaged, or the system refuses.
pub fn recover(
    files: Arc<dyn Files>,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
    dir: &Path,
    threads: usize,
) -> Result<Recovered, LogError> {
    let compacted = compacted(files.as_ref(), dir);
    let env = LogEnv::new(files, clock, rng, dir.to_owned());
    let (directory, contents) = LogDirectory::open(env, dir.to_owned(), 1)?;
    if contents.clean_shutdown {
        return Ok(Recovered::WasClean);
    }
    let config = |found: &FoundPartition| {
        let compact = compacted(&found.tp);
        Arc::new(LogConfig { compact, ..LogConfig::default() })
    };
    let opened = directory.open_logs(&contents.partitions, &config, threads)?;
    let ends: Offsets =
        directory.logs().iter().map(|log| (log.topic_partition().clone(), log.log_end())).collect();
    directory.close(-1, &ends)?;
    let names = contents.partitions.into_iter().map(|found| found.tp);
    Ok(Recovered::Done(
        names.zip(opened.into_iter().map(|opened| opened.map(|(_, report)| report))).collect(),
    ))
}

/// Says of each topic whether it is compacted, as far as the metadata log tells.
fn compacted(files: &dyn Files, dir: &Path) -> impl Fn(&TopicPartition) -> bool + Sync + use<> {
    let mut ignored = |_: &super::Finding| {};
    let mut report = Report::new(&mut ignored);
    let image = image::load(files, &dir.join(METADATA_DIR), &mut report).ok().flatten();
    move |tp| {
        let configs = image.as_ref().map(|image| image.configs().of_topic(&tp.topic));
        configs
            .and_then(|c| c.get("cleanup.policy").cloned())
            .is_some_and(|policy| policy.contains("compact"))
    }
}

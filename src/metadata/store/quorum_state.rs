//! `quorum-state`: the epoch that this node leads in, as JSON. Version 0 goes with voters of the
//! configuration, version 1 with voters of the log.

use std::io;
use std::path::Path;

use crate::env::{self, Files};
use crate::types::{LeaderEpoch, NodeId, Uuid};

const FILE: &str = "quorum-state";

/// The last epoch that the file names; `None` if there is no such file or it cannot be understood: then
/// the log's own epochs count.
pub(super) fn read_epoch(files: &dyn Files, dir: &Path) -> io::Result<Option<LeaderEpoch>> {
    let bytes = match env::read_small(files, &dir.join(FILE)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    let parsed: Option<serde_json::Value> = serde_json::from_slice(&bytes).ok();
    let epoch = parsed.and_then(|v| v.get("leaderEpoch")?.as_i64()).and_then(|e| i32::try_from(e).ok());
    if epoch.is_none() {
        tracing::warn!(dir = %dir.display(), "quorum-state cannot be understood; the epoch is taken from the log");
    }
    Ok(epoch.map(LeaderEpoch))
}

/// Replaces the file: this node leads `epoch`.
pub(super) fn write(
    files: &dyn Files,
    dir: &Path,
    node: NodeId,
    epoch: LeaderEpoch,
    kraft_version: i16,
) -> io::Result<()> {
    let text = if kraft_version == 0 {
        format!(
            r#"{{"clusterId":"","leaderId":{node},"leaderEpoch":{epoch},"votedId":-1,"appliedOffset":0,"currentVoters":[{{"voterId":{node}}}],"data_version":0}}"#
        )
    } else {
        let voted = Uuid::ZERO;
        format!(
            r#"{{"leaderId":{node},"leaderEpoch":{epoch},"votedId":-1,"votedDirectoryId":"{voted}","data_version":1}}"#
        )
    };
    env::replace(files, &dir.join(FILE), text.as_bytes())
}

//! Keeping one partition's part of the bucket: one step does what is due, and what it cannot do now is due again.
use std::sync::Arc;

use bytes::Bytes;

use super::decide::{self, FoundObject, Rules};
use super::layout::{self, Name};
use super::manifest::{MAX_BYTES, Manifest, RemoteSegment};
use super::remote_log::{Known, RemoteLog};
use super::store::StoreError;
use super::upload::upload;
use super::work::Shared;
use super::writer::{self, Claim};
use crate::log::{LogError, SealedSegment};
use crate::types::Offset;

/// Why a step ended early.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The local log.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The list of topics that are in the bucket.
    #[error("the list of topics in the bucket: {0}")]
    Known(#[from] std::io::Error),
}

/// Does what is due for one partition.
///
/// # Errors
/// [`KeepError`]: what was done holds, the rest is due again.
pub(super) async fn keep(shared: &Shared, log: &Arc<RemoteLog>, claim: &Claim) -> Result<(), KeepError> {
    if log.is_dropped() {
        return remove_all(shared, log, claim).await;
    }
    let Some(rules) = log.rules() else { return Ok(()) };
    let mut manifest = match log.known() {
        Known::Broken(_) => return Ok(()),
        Known::Manifest(manifest) => manifest,
        Known::NotYet => match load(shared, log).await? {
            Some(manifest) => manifest,
            None => return Ok(()),
        },
    };
    let options = shared.options();
    if rules.copies {
        log.log.seal_quiet(options.upload_interval_ms)?;
    }
    loop {
        manifest = expire(shared, log, manifest, &rules, claim).await?;
        let sealed = with_bytes_behind(log)?;
        let now = shared.clock.now();
        let Some(segment) = decide::next_upload(&sealed, &manifest, &rules, now) else { break };
        match copy(shared, log, &manifest, segment, claim).await? {
            Some(next) => manifest = next,
            None => break,
        }
        if log.is_dropped() || shared.is_stopping() {
            return Ok(());
        }
    }
    shared.note_lag(log, &manifest);
    if shared.sweep_is_due(log) {
        sweep(shared, log, &manifest, claim).await?;
    }
    Ok(())
}

/// Finds out what the bucket holds. `None` if it cannot be used.
async fn load(shared: &Shared, log: &Arc<RemoteLog>) -> Result<Option<Arc<Manifest>>, KeepError> {
    let tp = log.log.topic_partition();
    let found = newest_manifest(shared, &log.dir).await;
    let manifest = match found {
        Ok(Some(manifest)) => manifest,
        Ok(None) => Manifest::empty(&tp.topic, log.topic_id, tp.partition),
        Err(error @ StoreError::Damaged { .. }) => {
            log.give_up(&error.to_string());
            return Ok(None);
        }
        Err(error) => return Err(error.into()),
    };
    let (end, own_end) = (manifest.end().unwrap_or(Offset::ZERO), log.log.log_end());
    if end > own_end {
        let text = format!(
            "the bucket holds offsets up to {end} of it, and the local log ends at {own_end}: it was lost, or is another \
             one. `klamm restore` brings it back from the bucket"
        );
        log.give_up(&text);
        return Ok(None);
    }
    let manifest = Arc::new(manifest);
    log.learn(Arc::clone(&manifest));
    Ok(Some(manifest))
}

/// The manifest in force of the partition in `dir`.
pub(super) async fn newest_manifest(shared: &Shared, dir: &str) -> Result<Option<Manifest>, StoreError> {
    read_newest(&shared.store, dir).await
}

/// The manifest in force of the partition in `dir` of a store.
///
/// # Errors
/// [`StoreError`].
pub async fn read_newest(store: &super::store::Store, dir: &str) -> Result<Option<Manifest>, StoreError> {
    loop {
        let listed = store.list(&layout::manifests(dir)).await?;
        let version = |name: &str| match layout::parse(&format!("manifest/{name}")) {
            Name::Manifest(version) => Some(version),
            _ => None,
        };
        let Some(newest) = listed.iter().filter_map(|object| version(&object.name)).max() else {
            return Ok(None);
        };
        let name = layout::manifest(dir, newest);
        match store.get(&name, MAX_BYTES).await {
            Ok(bytes) => {
                return Manifest::decode(&bytes).map(Some).map_err(|error| StoreError::damaged(&name, error));
            }
            // Replaced and swept between the two requests.
            Err(StoreError::NotFound(_)) => {}
            Err(error) => return Err(error),
        }
    }
}

fn with_bytes_behind(log: &RemoteLog) -> Result<Vec<(SealedSegment, u64)>, LogError> {
    let sealed = log.log.sealed_segments()?;
    let mut behind = log.log.size();
    Ok(sealed
        .into_iter()
        .map(|segment| {
            behind = behind.saturating_sub(segment.len);
            (segment, behind)
        })
        .collect())
}

/// Uploads a segment and records it. `None` if it is not any more what it was.
async fn copy(
    shared: &Shared,
    log: &Arc<RemoteLog>,
    manifest: &Arc<Manifest>,
    segment: &SealedSegment,
    claim: &Claim,
) -> Result<Option<Arc<Manifest>>, KeepError> {
    let (local, wanted) = (Arc::clone(&log.log), *segment);
    let opened = tokio::task::spawn_blocking(move || local.open_sealed(&wanted)).await;
    let Some(files) = opened.map_err(std::io::Error::other)?? else { return Ok(None) };
    shared.known.note(log.topic_id)?;
    let id = shared.rng.uuid();
    let name = layout::segment(&log.dir, segment.base, id);
    let rate = shared.options().copy_bytes_per_second;
    let tail_bytes = match upload(&shared.store, &name, &files, &shared.limits, rate).await {
        Ok(tail_bytes) => tail_bytes,
        Err(error) => {
            // Whether it is there or not: it is nobody's.
            let _ = shared.store.remove(&name).await;
            return Err(error.into());
        }
    };
    let now = shared.clock.now();
    let added = RemoteSegment {
        base: segment.base,
        end: segment.end,
        log_bytes: segment.len,
        tail_bytes,
        newest: files.segment.newest,
        uploaded: now,
        aborted: !files.txn_index.is_empty(),
        id,
    };
    let Some(mut next) = decide::with_segment(manifest, added) else { return Ok(None) };
    if next.end() == Some(added.end) {
        next.leader_epochs.clone_from(&files.leader_epochs);
    }
    let replaced = gone_from(manifest, &next);
    let next = commit(shared, log, next, claim).await?;
    shared.metrics.copied_segments.inc();
    shared.metrics.copied_bytes.add(added.object_bytes());
    tracing::debug!(
        partition = %log.log.topic_partition(), base = %segment.base, bytes = segment.len, version = next.version,
        "a segment is in the remote tier"
    );
    remove_segments(shared, log, &replaced).await;
    Ok(Some(next))
}

/// The segments that the one manifest names and the other does not.
fn gone_from(before: &Manifest, after: &Manifest) -> Vec<RemoteSegment> {
    let stays = |one: &RemoteSegment| after.segments.iter().any(|other| other.id == one.id);
    before.segments.iter().filter(|one| !stays(one)).copied().collect()
}

/// Moves the log start past what has expired or was deleted, and removes what lies wholly below it.
async fn expire(
    shared: &Shared,
    log: &Arc<RemoteLog>,
    manifest: Arc<Manifest>,
    rules: &Rules,
    claim: &Claim,
) -> Result<Arc<Manifest>, KeepError> {
    let Some(end) = manifest.end() else { return Ok(manifest) };
    let local: u64 = log.log.sealed_segments()?.iter().filter(|s| s.base >= end).map(|s| s.len).sum();
    let start = decide::expired(&manifest, local, rules, shared.clock.now()).max(log.log.log_start());
    if start <= manifest.log_start {
        return Ok(manifest);
    }
    let (next, gone) = decide::started_at(&manifest, start);
    let next = commit(shared, log, next, claim).await?;
    remove_segments(shared, log, &gone).await;
    Ok(next)
}

/// Records a manifest: a new object, and a look whether another broker has taken over meanwhile.
async fn commit(
    shared: &Shared,
    log: &Arc<RemoteLog>,
    mut next: Manifest,
    claim: &Claim,
) -> Result<Arc<Manifest>, StoreError> {
    next.writer = claim.epoch;
    loop {
        next.version = next.version.saturating_add(1);
        let name = layout::manifest(&log.dir, next.version);
        let bytes = Bytes::from(next.encode());
        match shared.store.put_new(&name, vec![bytes.clone()]).await {
            Ok(()) => break,
            Err(StoreError::Exists(_)) => {
                let there = shared.store.get(&name, MAX_BYTES).await?;
                if there == bytes {
                    // One's own: the answer was lost.
                    break;
                }
                let other = Manifest::decode(&there).map_err(|error| StoreError::damaged(&name, error))?;
                if other.writer > claim.epoch {
                    return Err(StoreError::Fenced { object: name, writer: other.writer });
                }
                // A broker that was fenced meanwhile was quicker; it acts on nothing that it has written.
            }
            Err(error) => return Err(error),
        }
    }
    writer::check(&shared.store, claim).await?;
    let next = Arc::new(next);
    log.learn(Arc::clone(&next));
    if let Some(old) = next.version.checked_sub(2).filter(|old| *old > 0) {
        // The one before stays for those who are just reading it. What stays by mistake is swept.
        let _ = shared.store.remove(&layout::manifest(&log.dir, old)).await;
    }
    Ok(next)
}

/// Removes objects that no manifest names any more; what cannot be removed now is swept later.
async fn remove_segments(shared: &Shared, log: &RemoteLog, gone: &[RemoteSegment]) {
    for segment in gone {
        let name = layout::segment(&log.dir, segment.base, segment.id);
        match shared.store.remove(&name).await {
            Ok(()) => shared.metrics.removed.inc(),
            Err(error) => {
                tracing::warn!(%error, "an object cannot be removed now");
                shared.metrics.remove_errors.inc();
            }
        }
    }
}

async fn sweep(
    shared: &Shared,
    log: &RemoteLog,
    manifest: &Manifest,
    claim: &Claim,
) -> Result<(), StoreError> {
    let listed = shared.store.list(&log.dir).await?;
    let found: Vec<FoundObject> =
        listed.into_iter().map(|object| FoundObject { name: object.name, stored: object.stored }).collect();
    let grace = shared.options().sweep_grace_ms;
    // No upload of this partition is under way: this is the one who would do it.
    let removable = decide::removable(&found, manifest, &[], claim.stored, grace);
    if removable.is_empty() {
        return Ok(());
    }
    writer::check(&shared.store, claim).await?;
    for name in removable {
        tracing::info!(partition = %log.log.topic_partition(), object = name, "sweeping what no manifest names");
        shared.store.remove(&format!("{}/{name}", log.dir)).await?;
    }
    Ok(())
}

async fn remove_all(shared: &Shared, log: &Arc<RemoteLog>, claim: &Claim) -> Result<(), KeepError> {
    remove_dir(shared, &log.dir, claim).await?;
    log.emptied();
    shared.partition_is_gone(log)?;
    Ok(())
}

/// Removes all objects below a directory, manifests last and the one in force last of all: until then a restore
/// would know what is missing.
pub(super) async fn remove_dir(shared: &Shared, dir: &str, claim: &Claim) -> Result<(), StoreError> {
    let mut listed = shared.store.list(dir).await?;
    if listed.is_empty() {
        return Ok(());
    }
    writer::check(&shared.store, claim).await?;
    let is_manifest = |name: &str| name.contains("manifest/");
    listed.sort_by(|a, b| (is_manifest(&a.name), &a.name).cmp(&(is_manifest(&b.name), &b.name)));
    for object in listed {
        shared.store.remove(&format!("{dir}/{}", object.name)).await?;
    }
    Ok(())
}

//! Looking into a bucket without a broker: what is there, whether it is whole, and bringing it back to a directory.
use std::path::Path;

use bytes::Bytes;

use super::keep::read_newest;
use super::layout;
use super::manifest::{Manifest, RemoteSegment};
use super::object::{CHUNK, Checksums, Directory, HEAD_LEN, Section};
use super::store::{Store, StoreError};
use crate::env::{Files, OpenMode};
use crate::log::names::{Kind, file_name};
use crate::types::{Offset, Uuid};

/// Chunks that are fetched with one request.
const CHUNKS: u64 = 16;

/// Why a segment is not brought back.
#[derive(Debug, thiserror::Error)]
pub enum PullError {
    /// The store, or what is in it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The local file system.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
}

/// The manifests in force of all partitions, by topic and index.
///
/// # Errors
/// [`StoreError`].
pub async fn partitions(store: &Store) -> Result<Vec<Manifest>, StoreError> {
    let mut found = Vec::new();
    for topic in store.children(layout::TOPICS).await? {
        let Some(id) = Uuid::parse(&topic) else { continue };
        for partition in store.children(&layout::topic(id)).await? {
            let Ok(index) = partition.parse() else { continue };
            found.extend(read_newest(store, &layout::partition(id, index)).await?);
        }
    }
    found.sort_by(|a, b| (&a.topic, a.partition).cmp(&(&b.topic, b.partition)));
    Ok(found)
}

/// Reads all of a segment and checks it, piece by piece; `each` gets the batches in their order. Gives the sections
/// of the tail but for the checksums.
///
/// # Errors
/// [`StoreError`]; [`StoreError::Damaged`] names the object.
pub async fn read_segment<E: From<StoreError>>(
    store: &Store,
    manifest: &Manifest,
    segment: &RemoteSegment,
    mut each: impl FnMut(u64, Bytes) -> Result<(), E>,
) -> Result<Vec<(Section, Bytes)>, E> {
    let dir = layout::partition(manifest.topic_id, manifest.partition);
    let name = layout::segment(&dir, segment.base, segment.id);
    let damaged = |error| StoreError::damaged(&name, error);
    let front = store.get_range(&name, Directory::front(segment.log_bytes)).await?;
    let directory = Directory::parse(&front, segment.log_bytes).map_err(damaged)?;
    let checksums = front.slice(HEAD_LEN.min(front.len())..);
    directory.check(Section::Checksums, &checksums).map_err(damaged)?;
    let checksums = Checksums(checksums);
    let mut chunk = 0u64;
    while chunk < Directory::chunks(segment.log_bytes) {
        let start = chunk.saturating_mul(CHUNK);
        let end = start.saturating_add(CHUNKS.saturating_mul(CHUNK)).min(segment.log_bytes);
        let bytes = store.get_range(&name, start..end).await?;
        for piece in bytes.chunks(CHUNK as usize) {
            checksums.check(chunk, piece).map_err(|error| {
                StoreError::damaged(
                    &name,
                    format!("batches from byte {}: {error}", chunk.saturating_mul(CHUNK)),
                )
            })?;
            chunk = chunk.saturating_add(1);
        }
        each(start, bytes)?;
    }
    let mut sections = Vec::new();
    for section in Section::ALL.into_iter().skip(1) {
        let bytes = store.get_range(&name, directory.range(section)).await?;
        let checked = directory.check(section, &bytes);
        checked.map_err(|error| StoreError::damaged(&name, format!("{section:?}: {error}")))?;
        sections.push((section, bytes));
    }
    Ok(sections)
}

/// Brings a segment back as files of a partition's directory; durable but for the names when this returns. The
/// `.log` gets its name last, so that a segment is there wholly or not at all.
///
/// # Errors
/// [`PullError`].
pub async fn pull_segment(
    store: &Store,
    manifest: &Manifest,
    segment: &RemoteSegment,
    files: &dyn Files,
    dir: &Path,
) -> Result<(), PullError> {
    let log = dir.join(file_name(segment.base, Kind::Log));
    let part = dir.join(file_name(segment.base, Kind::Log) + ".pulled");
    let failed = |path: &Path| {
        let path = path.display().to_string();
        move |source| PullError::File { path, source }
    };
    let file = files.open(&part, OpenMode::Create).map_err(failed(&part))?;
    file.set_len(0).map_err(failed(&part))?;
    let write = |pos, bytes: Bytes| file.write_all_at(&bytes, pos).map_err(failed(&part));
    let sections = read_segment(store, manifest, segment, write).await?;
    file.sync_data().map_err(failed(&part))?;
    for (section, bytes) in sections {
        let (base, kind): (Offset, Kind) = match section {
            Section::OffsetIndex => (segment.base, Kind::OffsetIndex),
            Section::TimeIndex => (segment.base, Kind::TimeIndex),
            Section::TxnIndex if !bytes.is_empty() => (segment.base, Kind::TxnIndex),
            Section::Snapshot if !bytes.is_empty() => (segment.end, Kind::Snapshot),
            _ => continue,
        };
        let path = dir.join(file_name(base, kind));
        let file = files.open(&path, OpenMode::Create).map_err(failed(&path))?;
        file.set_len(0).map_err(failed(&path))?;
        file.write_all_at(&bytes, 0).map_err(failed(&path))?;
        file.sync_data().map_err(failed(&path))?;
    }
    files.rename(&part, &log).map_err(failed(&log))
}

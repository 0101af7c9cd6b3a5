//! Putting a sealed segment into the store: one request for a segment up to 64 MiB, else one for each 64 MiB and two
//! around them. Memory and rate are bounded; files are read, and checksums made, on threads that may block.
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::try_join_all;

use super::limit::{Budget, Rate};
use super::object::{self, Summing};
use super::store::{Store, StoreError, told};
use crate::env::File;
use crate::log::SegmentFiles;

/// Bytes of one part of a large object. A multiple of the chunks under one checksum.
pub const PART: u64 = 64 << 20;

/// What bounds uploads.
#[derive(Debug)]
pub struct UploadLimits {
    /// Bytes in memory.
    pub memory: Budget,
    /// Bytes per second.
    pub rate: Rate,
}

/// Uploads a segment as the object `name`. Gives the length of its tail in bytes.
///
/// # Errors
/// [`StoreError`]; nothing of that name is there then, or something that no manifest names.
pub async fn upload(
    store: &Store,
    name: &str,
    files: &SegmentFiles,
    limits: &UploadLimits,
    bytes_per_second: u64,
) -> Result<u32, StoreError> {
    let len = files.segment.len;
    if len <= PART {
        let _held = limits.memory.take(len).await;
        limits.rate.take(len, bytes_per_second).await;
        let (bytes, summing) = read(files, 0, len, Summing::default()).await?;
        let tail = object::tail(&summing.finish(), files);
        let tail_len = tail.len();
        store.put_new(name, vec![bytes, Bytes::from(tail)]).await?;
        return Ok(u32::try_from(tail_len).unwrap_or(u32::MAX));
    }
    let mut parts = store.put_parts(name).await?;
    let done = put_parts(parts.as_mut(), name, files, limits, bytes_per_second).await;
    match done {
        Ok(tail) => Ok(tail),
        Err(error) => {
            // If it cannot be taken back, the store's own rule for unfinished uploads has to.
            let _ = parts.abort().await;
            Err(error)
        }
    }
}

async fn put_parts(
    parts: &mut dyn object_store::MultipartUpload,
    name: &str,
    files: &SegmentFiles,
    limits: &UploadLimits,
    bytes_per_second: u64,
) -> Result<u32, StoreError> {
    let len = files.segment.len;
    let (mut at, mut summing, mut tail_len) = (0, Summing::default(), 0);
    let mut in_flight = Vec::new();
    while at < len {
        let now = PART.min(len.saturating_sub(at));
        let held = limits.memory.take(now).await;
        limits.rate.take(now, bytes_per_second).await;
        let (bytes, summed) = read(files, at, now, summing).await?;
        summing = summed;
        at = at.saturating_add(now);
        let mut pieces = vec![bytes];
        if at >= len {
            let tail = object::tail(&std::mem::take(&mut summing).finish(), files);
            tail_len = tail.len();
            pieces.push(Bytes::from(tail));
        }
        let put = parts.put_part(pieces.into_iter().collect());
        in_flight.push(tokio::spawn(async move {
            let done = put.await;
            drop(held);
            done
        }));
        // Two at a time keep the line busy.
        if in_flight.len() >= 2 {
            wait(name, in_flight.remove(0)).await?;
        }
    }
    try_join_all(in_flight.into_iter().map(|part| wait(name, part))).await?;
    parts.complete().await.map_err(|error| told(name, &error))?;
    Ok(u32::try_from(tail_len).unwrap_or(u32::MAX))
}

async fn wait(name: &str, part: tokio::task::JoinHandle<object_store::Result<()>>) -> Result<(), StoreError> {
    match part.await {
        Ok(done) => done.map_err(|error| told(name, &error)),
        Err(error) => Err(StoreError::Failed { object: name.to_owned(), reason: error.to_string() }),
    }
}

/// Reads a part of the batches and takes it into the checksums.
async fn read(
    files: &SegmentFiles,
    pos: u64,
    len: u64,
    mut summing: Summing,
) -> Result<(Bytes, Summing), StoreError> {
    let file: Arc<dyn File> = Arc::clone(&files.log);
    let reading = tokio::task::spawn_blocking(move || {
        let mut bytes = vec![0; usize::try_from(len).unwrap_or(0)];
        file.read_exact_at(&mut bytes, pos).map(|()| {
            summing.add(&bytes);
            (Bytes::from(bytes), summing)
        })
    });
    let failed = |reason: String| StoreError::Failed { object: files.path.display().to_string(), reason };
    match reading.await {
        Ok(read) => read.map_err(|error| failed(error.to_string())),
        Err(error) => Err(failed(error.to_string())),
    }
}

//! What a partition gives from the remote tier: the same questions as to the local log, with answers that come later.

use bytes::Bytes;

use super::partition::{Isolation, Partition, Watermarks};
use super::storage::Found;
use crate::log::{AbortedTxn, LogError, ReadRequest};
use crate::types::{Offset, Timestamp};

/// What a remote fetch found.
#[derive(Debug)]
pub struct FetchedRemotely {
    /// Whole batches; empty if there are none to give.
    pub bytes: Bytes,
    /// Where the partition stood.
    pub marks: Watermarks,
    /// Aborted transactions among the batches, for a read_committed reader.
    pub aborted: Vec<AbortedTxn>,
}

/// What of a log is in the remote tier, as ListOffsets tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tiered {
    /// The topic is not tiered.
    No,
    /// The remote tier has not told yet.
    Unknown,
    /// Nothing.
    Nothing,
    /// Everything below this offset.
    Below(Offset),
}

impl Partition {
    /// Reads whole batches that have left the local disk, from the one that holds `from`. If the caller stops waiting
    /// the read goes on, so that the next one finds it done.
    ///
    /// # Errors
    /// [`LogError::Remote`]; [`LogError::OffsetOutOfRange`] below the log start.
    pub async fn fetch_remote(
        &self,
        from: Offset,
        max_bytes: usize,
        at_least_one: bool,
        isolation: Isolation,
    ) -> Result<FetchedRemotely, LogError> {
        let marks = self.marks();
        let Some(remote) = self.storage().remote() else {
            return Err(LogError::NotLocal { offset: from, local_start: self.local_start() });
        };
        let request = ReadRequest { from, max_bytes, upto: marks.limit(isolation), at_least_one };
        match remote.read(request, isolation == Isolation::ReadCommitted).await {
            Ok(slice) => {
                Ok(FetchedRemotely { bytes: slice.bytes, marks: self.marks(), aborted: slice.aborted })
            }
            // Nothing is there from that offset on: what is here follows.
            Err(LogError::NotLocal { local_start, .. }) => {
                let fetched = self.fetch(local_start.max(from), max_bytes, at_least_one, isolation)?;
                let bytes = match &fetched.slice.range {
                    Some(range) => {
                        let path = self.directory();
                        range.read().map_err(|source| LogError::Io { path, source })?.into()
                    }
                    None => Bytes::new(),
                };
                Ok(FetchedRemotely { bytes, marks: fetched.marks, aborted: fetched.aborted })
            }
            Err(error) => Err(error),
        }
    }

    /// Whether records lie in the remote tier and not here.
    #[must_use]
    pub fn has_remote_part(&self) -> bool {
        self.storage().remote().is_some() && self.local_start() > self.bounds().start
    }

    /// First offset on the local disk.
    #[must_use]
    pub fn local_start(&self) -> Offset {
        self.storage().local_start()
    }

    /// What is in the remote tier.
    #[must_use]
    pub fn tiered(&self) -> Tiered {
        let Some(remote) = self.storage().remote().filter(|remote| remote.rules().is_some()) else {
            return Tiered::No;
        };
        remote
            .manifest()
            .map_or(Tiered::Unknown, |manifest| manifest.end().map_or(Tiered::Nothing, Tiered::Below))
    }

    /// First visible record at or after `timestamp`, in the remote tier or here.
    ///
    /// # Errors
    /// What the log says, or [`LogError::Remote`].
    pub async fn find_time_anywhere(
        &self,
        timestamp: Timestamp,
        isolation: Isolation,
    ) -> Result<Option<Found>, LogError> {
        if let Some(remote) = self.storage().remote().filter(|_| self.has_remote_part())
            && let Some(found) = remote.find_time(timestamp).await?
        {
            let limit = self.marks().limit(isolation);
            return Ok((found.offset < limit).then_some(Found {
                timestamp: found.timestamp,
                offset: found.offset,
                leader_epoch: found.leader_epoch,
            }));
        }
        self.find_time(timestamp, isolation)
    }
}

//! Putting a finished output in the place of the segments that it was made of.
//!
//! | step | on disk | a crash leaves |
//! |------|---------|----------------|
//! | the output is synced | `.cleaned` | the old segments |
//! | its indexes are renamed, durably | `.swap`, but for the log | the old segments: a `.cleaned` is there |
//! | its log is renamed, durably | `.swap` | the new one: the start completes the swap |
//! | all old segments but the first are renamed | `.deleted` | the same |
//! | the output takes the first one's names | | the new one |
//!
//! The last two happen under the log's lock. What a reader holds open stays readable.
use std::path::Path;

use super::copy::{CleanError, Source};
use super::output::{Output, discard, path};
use crate::log::error::{At, LogError};
use crate::log::names::{CLEANED, Kind, SWAP};
use crate::log::partition_log::{Inner, Log};
use crate::log::segment::Segment;
use crate::types::Timestamp;

const INDEXES: [Kind; 3] = [Kind::OffsetIndex, Kind::TimeIndex, Kind::TxnIndex];

impl Log {
    /// Replaces the segments in `group`, which must be neighbours, by `output`, which must be finished.
    pub(super) fn swap_in(&self, dir: &Path, group: &[Source], output: &Output) -> Result<(), CleanError> {
        let swapped = self.try_swap(dir, group, output);
        if matches!(swapped, Err(CleanError::Gone)) {
            discard(self.env.files.as_ref(), dir, output.base());
        }
        swapped
    }

    fn try_swap(&self, dir: &Path, group: &[Source], output: &Output) -> Result<(), CleanError> {
        let files = self.env.files.as_ref();
        for kinds in [INDEXES.as_slice(), &[Kind::Log]] {
            let inner = self.lock();
            self.position_of(&inner, dir, group)?;
            for kind in kinds {
                let from = path(dir, output.base(), *kind, CLEANED);
                files.rename(&from, &path(dir, output.base(), *kind, SWAP)).at(&from)?;
            }
            drop(inner);
            files.sync_dir(dir).at(dir)?;
        }
        let now = self.env.clock.now();
        {
            let mut inner = self.lock();
            let at = self.position_of(&inner, dir, group)?;
            self.exchange(&mut inner, at, group, output, now)?;
        }
        files.sync_dir(dir).at(dir)?;
        Ok(())
    }

    /// Index of the first segment of `group`, if the log still is in `dir` and has all of them.
    fn position_of(&self, inner: &Inner, dir: &Path, group: &[Source]) -> Result<usize, CleanError> {
        if inner.dir != dir || self.check_online(inner).is_err() {
            return Err(CleanError::Gone);
        }
        let first = group.first().ok_or(CleanError::Gone)?;
        let at = inner.segments.iter().position(|segment| segment.base == first.base);
        let at = at.ok_or(CleanError::Gone)?;
        let mut segments = inner.segments.iter().skip(at);
        let same = |source: &Source| {
            segments.next().is_some_and(|segment| (segment.base, segment.len) == (source.base, source.len))
        };
        let are_there = group.iter().all(same);
        // The active one is never among them.
        let are_sealed = at.saturating_add(group.len()) < inner.segments.len();
        if are_there && are_sealed { Ok(at) } else { Err(CleanError::Gone) }
    }

    fn exchange(
        &self,
        inner: &mut Inner,
        at: usize,
        group: &[Source],
        output: &Output,
        now: Timestamp,
    ) -> Result<(), LogError> {
        let files = self.env.files.as_ref();
        let dir = inner.dir.clone();
        let mut removed = Vec::new();
        for source in group.iter().skip(1) {
            removed.extend(Segment::new(source.base, source.len).rename_deleted(files, &dir)?);
        }
        for kind in INDEXES.into_iter().chain([Kind::Log]) {
            let from = path(&dir, output.base(), kind, SWAP);
            files.rename(&from, &path(&dir, output.base(), kind, "")).at(&from)?;
        }
        if !output.has_aborted() {
            let txns = path(&dir, output.base(), Kind::TxnIndex, "");
            files.remove_file(&txns).at(&txns)?;
        }
        let end = at.saturating_add(group.len()).min(inner.segments.len());
        inner.segments.splice(at..end, [Segment::new(output.base(), output.len())]);
        inner.cursors.replaced();
        inner.head = None;
        let due = now.get().saturating_add(inner.config.file_delete_delay_ms);
        inner.removals.push_back((Timestamp(due), removed));
        Ok(())
    }
}

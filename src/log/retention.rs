//! Retention: which leading batches go. A prefix, exact to the batch.
//!
//! The decision is a pure [`Rule`]; the effects follow it: the log start moves, segments wholly below it
//! are renamed and, after a delay, removed.
use super::config::LogConfig;
use super::error::{At, LogError};
use super::names::Kind;
use super::partition_log::{Inner, Log};
use super::scan::{Found, SHORT, Scan};
use crate::types::{Offset, Timestamp};

/// What retention demands of a log at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// What was written before this goes.
    oldest: Option<Timestamp>,
    /// Bytes that may go while what stays is at least `retention.bytes`.
    spare: u64,
}

impl Rule {
    /// The rule for a log that holds `bytes` bytes from its log start on.
    #[must_use]
    pub fn new(config: &LogConfig, bytes: u64, now: Timestamp) -> Self {
        Self::of(config.delete, config.retention_ms, config.retention_bytes, bytes, now)
    }

    /// The rule of these options: whether anything goes at all, age in ms and size in bytes, -1 for no limit.
    #[must_use]
    pub fn of(delete: bool, retention_ms: i64, retention_bytes: i64, bytes: u64, now: Timestamp) -> Self {
        let oldest = (delete && retention_ms >= 0).then(|| Timestamp(now.get().saturating_sub(retention_ms)));
        let keep = u64::try_from(retention_bytes).unwrap_or(u64::MAX);
        Self { oldest, spare: if delete { bytes.saturating_sub(keep) } else { 0 } }
    }

    /// Whether the first batch, or the first segment as a whole, goes: of `bytes` bytes, the newest
    /// of them written at `written`. If so, the rule now is that for the rest.
    pub fn take(&mut self, bytes: u64, written: Timestamp) -> bool {
        let goes = self.oldest.is_some_and(|oldest| written < oldest) || bytes <= self.spare;
        if goes {
            self.spare = self.spare.saturating_sub(bytes);
        }
        goes
    }
}

/// The first batch of a log, so that most checks cost nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pos: u64,
    bytes: u64,
    written: Timestamp,
}

impl Head {
    pub fn new(found: &Found, written: Timestamp) -> Self {
        Self { pos: found.pos, bytes: found.header.size() as u64, written }
    }
}

impl Log {
    /// Moves the log start past what has expired. Called by a timer, and before a read.
    ///
    /// # Errors
    /// The system's; the log start is then where it was, or further.
    pub fn apply_retention(&self) -> Result<Offset, LogError> {
        let mut inner = self.lock();
        self.check_online(&inner)?;
        self.sweep(&mut inner).map_err(|error| self.judge(error))?;
        Ok(inner.log_start)
    }

    /// The check before a read: free unless the first batch has just expired. What fails here fails
    /// again, and louder, at the next timer.
    pub(super) fn expire_head(&self, inner: &mut Inner) {
        if !inner.config.delete || inner.log_start == inner.end || !inner.expires_here() {
            return;
        }
        let due = match inner.head {
            None => true,
            Some(head) => {
                let by_size = inner.config.retention_bytes >= 0;
                let bytes = if by_size { inner.bytes_from(head.pos) } else { 0 };
                Rule::new(&inner.config, bytes, self.env.clock.now()).take(head.bytes, head.written)
            }
        };
        if due && let Err(error) = self.sweep(inner) {
            tracing::warn!(partition = %self.topic_partition(), %error, "retention failed");
        }
    }

    fn sweep(&self, inner: &mut Inner) -> Result<(), LogError> {
        let now = self.env.clock.now();
        self.drop_segments(inner, now)?;
        self.leave_segments(inner, now)?;
        if !inner.config.delete || inner.log_start == inner.end || !inner.expires_here() {
            return Ok(());
        }
        let mut start = self.start_position(inner)?;
        let mut rule = Rule::new(&inner.config, inner.bytes_from(start), now);
        let limit = if inner.config.visible_means_durable() { inner.durable } else { inner.end };
        // Whole segments first: what they hold need not be read.
        loop {
            let at = inner.start_segment();
            let Inner { segments, dir, .. } = &mut *inner;
            let Some(next) = segments.get(at.saturating_add(1)).map(|segment| segment.base) else { break };
            let Some(first) = segments.get_mut(at) else { break };
            let newest = first.newest(self.env.files.as_ref(), dir)?.0;
            let bytes = first.len.saturating_sub(start);
            // Compaction may have left nothing in it.
            let goes = bytes == 0 || (newest.get() >= 0 && rule.take(bytes, newest));
            if next > limit || !goes {
                // Its newest batch stays, or seems to: the batches tell.
                self.sweep_batches(inner, start, &mut rule, limit, now)?;
                if inner.log_start < next {
                    return self.drop_segments(inner, now);
                }
            } else {
                self.move_start(inner, next);
            }
            start = 0;
        }
        self.sweep_batches(inner, start, &mut rule, limit, now)?;
        if inner.log_start == inner.end && inner.active().len > 0 {
            self.roll(inner, now)?;
        }
        self.drop_segments(inner, now)
    }

    fn sweep_batches(
        &self,
        inner: &mut Inner,
        start: u64,
        rule: &mut Rule,
        limit: Offset,
        now: Timestamp,
    ) -> Result<(), LogError> {
        let at = inner.start_segment();
        let Inner { segments, dir, .. } = &mut *inner;
        let Some(first) = segments.get_mut(at) else { return Ok(()) };
        let path = first.path(dir, Kind::Log);
        let mut scan = Scan::new(first.file(self.env.files.as_ref(), dir)?, start, first.len, SHORT);
        inner.head = None;
        while let Some(found) = scan.next().at(&path)? {
            let found = found.map_err(|error| LogError::corrupt(&path, error.to_string()))?;
            let written = self.written(inner, &found, now);
            let next = found.header.next_offset();
            if next > limit || !rule.take(found.header.size() as u64, written) {
                inner.head = Some(Head::new(&found, written));
                break;
            }
            self.move_start(inner, next);
        }
        Ok(())
    }

    /// When a batch was written, as far as retention is concerned: its largest timestamp, unless that
    /// cannot be (none, or in the future).
    fn written(&self, inner: &mut Inner, found: &Found, now: Timestamp) -> Timestamp {
        let (stamped, last) = (found.header.max_timestamp, found.header.last_offset());
        match inner.early.written(last) {
            Some(written) if stamped > written || stamped.get() < 0 => written,
            _ if stamped > now || stamped.get() < 0 => {
                // Nobody noted it; from now on it ages.
                inner.early.insert(last, now);
                now
            }
            _ => stamped,
        }
    }

    /// Position of the first batch in the segment of the log start that holds an offset at or above the log start.
    fn start_position(&self, inner: &mut Inner) -> Result<u64, LogError> {
        if let Some(head) = inner.head {
            return Ok(head.pos);
        }
        let (log_start, at) = (inner.log_start, inner.start_segment());
        let Inner { segments, dir, .. } = inner;
        let Some(first) = segments.get_mut(at) else { return Ok(0) };
        if log_start <= first.base {
            return Ok(0);
        }
        let path = first.path(dir, Kind::Log);
        let relative = log_start.get().saturating_sub(first.base.get());
        let files = self.env.files.as_ref();
        let search = first.indexes(files, dir)?.offsets.known();
        let entry = search.last_where(|entry| i64::from(entry.relative_offset) <= relative).at(&path)?;
        let from = entry.map_or(0, |entry| u64::from(entry.position));
        let mut scan = Scan::new(first.file(files, dir)?, from, first.len, SHORT);
        while let Some(Ok(found)) = scan.next().at(&path)? {
            if found.header.last_offset() >= log_start {
                return Ok(found.pos);
            }
        }
        Ok(first.len)
    }

    pub(super) fn move_start(&self, inner: &mut Inner, start: Offset) {
        if start > inner.log_start {
            inner.log_start = start;
            inner.early.forget_below(start);
            inner.epochs.truncate_before(start);
            inner.epochs_dirty = true;
            inner.head = None;
        }
    }

    /// Takes segments that lie wholly below the log start out of the log. Their files are renamed now
    /// and removed later. Those past the recovery point stay until it has moved: what their batches say of
    /// producers is nowhere else.
    pub(super) fn drop_segments(&self, inner: &mut Inner, now: Timestamp) -> Result<(), LogError> {
        while inner.is_first_useless() && !inner.holds_back_segments() {
            let Some(first) = inner.segments.first() else { break };
            let renamed = first.rename_deleted(self.env.files.as_ref(), &inner.dir)?;
            tracing::debug!(partition = %self.topic_partition(), base = %first.base, "segment deleted");
            inner.segments.remove(0);
            inner.head = None;
            let due = now.get().saturating_add(inner.config.file_delete_delay_ms);
            inner.removals.push_back((Timestamp(due), renamed));
        }
        Ok(())
    }

    /// Removes files whose time has come; one that is gone already is fine.
    pub(super) fn remove_due(&self, inner: &mut Inner, now: Timestamp) {
        while inner.removals.front().is_some_and(|(due, _)| *due <= now) {
            for path in inner.removals.pop_front().map(|(_, paths)| paths).unwrap_or_default() {
                if let Err(error) = self.env.files.remove_file(&path)
                    && error.kind() != std::io::ErrorKind::NotFound
                {
                    tracing::warn!(%error, "cannot remove a deleted file; the next start tries again");
                }
            }
        }
    }

    /// Deletes everything below `offset` for good: it can't be read any more, not even while its file is
    /// still there. Durable with the directory's log start checkpoint, see
    /// [`LogDirectory::delete_before`](super::LogDirectory::delete_before).
    pub(super) fn delete_before(&self, offset: Offset) -> Result<Offset, LogError> {
        if offset > self.durable_end() {
            self.flush()?;
        }
        let mut inner = self.lock();
        self.check_online(&inner)?;
        if offset > inner.end {
            let (start, end) = (inner.log_start, inner.end);
            return Err(LogError::OffsetOutOfRange { offset, start, end });
        }
        if offset > inner.log_start {
            self.move_start(&mut inner, offset);
            inner.deleted_before = offset;
            inner.deletion_dirty = true;
        }
        let start = inner.log_start;
        drop(inner);
        self.checkpoint()?;
        let now = self.env.clock.now();
        self.drop_segments(&mut self.lock(), now).map_err(|error| self.judge(error))?;
        Ok(start)
    }
}

impl Inner {
    /// Index of the segment that holds the log start.
    fn start_segment(&self) -> usize {
        self.segment_of(self.log_start).unwrap_or(0)
    }

    /// Bytes from position `start` of the segment of the log start to the log end.
    fn bytes_from(&self, start: u64) -> u64 {
        let lens = self.segments.iter().skip(self.start_segment()).map(|segment| segment.len);
        lens.fold(0, u64::saturating_add).saturating_sub(start)
    }

    fn is_first_useless(&self) -> bool {
        self.segments.get(1).is_some_and(|second| second.base <= self.keep_from())
    }

    /// Whether a segment could go but for the recovery point.
    pub fn holds_back_segments(&self) -> bool {
        let past = |second: &super::segment::Segment| second.base > self.recovery_point;
        self.is_first_useless() && self.segments.get(1).is_some_and(past)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of the leading pieces (bytes, write time) go at time 1000.
    fn gone(retention_ms: i64, retention_bytes: i64, delete: bool, pieces: &[(u64, i64)]) -> usize {
        let config = LogConfig { retention_ms, retention_bytes, delete, ..LogConfig::default() };
        let mut rule = Rule::new(&config, pieces.iter().map(|p| p.0).sum(), Timestamp(1000));
        pieces.iter().take_while(|(bytes, written)| rule.take(*bytes, Timestamp(*written))).count()
    }

    #[test]
    fn a_prefix_goes_and_not_a_batch_more() {
        let pieces = [(10, 100), (10, 900), (10, 200), (10, 950)];
        let cases = [
            (-1, -1, 0, "nothing expires"),
            (500, -1, 1, "an old batch behind a young one stays"),
            (900, -1, 0, "at its age limit a batch stays"),
            (899, -1, 1, "just past it, it goes"),
            (40, -1, 4, "all are old"),
            (-1, 40, 0, "exactly what may stay"),
            (-1, 30, 1, "what stays is at least the limit"),
            (-1, 29, 1, "a batch goes only while what stays is at least the limit"),
            (-1, 0, 4, "nothing need stay"),
            (500, 30, 1, "both rules count the same bytes"),
            (500, 20, 3, "size goes on where time stops, and time behind it"),
        ];
        for (ms, bytes, want, why) in cases {
            assert_eq!(gone(ms, bytes, true, &pieces), want, "{why}");
        }
        assert_eq!(gone(0, 0, false, &pieces), 0, "a compacted log keeps all");
    }
}

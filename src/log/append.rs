//! Appending to a log.
use super::error::{At, LogError};
use super::markers;
use super::names::{Kind, file_name};
use super::partition_log::{Inner, Log};
use super::producers::Verdict;
use super::retention::Head;
use super::scan::Found;
use super::segment::Segment;
use super::snapshot;
use crate::env::OpenMode;
use crate::record::{BatchHeader, BatchView, Terms, TimestampType, ValidBatch};
use crate::types::{LeaderEpoch, Offset, Timestamp};

/// Where a batch went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Offset of its first record.
    pub base_offset: Offset,
    /// Offset of its last record; the batch is durable when the log's durable end is above it.
    pub last_offset: Offset,
    /// The broker's time for its records, with log append time.
    pub log_append_time: Option<Timestamp>,
    /// First offset of the log.
    pub log_start_offset: Offset,
    /// It was in the log already, and nothing was written.
    pub duplicate: bool,
}

impl Log {
    /// Appends a batch that a client sent and validation has passed. It is in the page cache when this
    /// returns, and on disk when the durable end has passed it.
    ///
    /// # Errors
    /// The producer's sequence or epoch is wrong; the batch is too large; no space (nothing was
    /// appended); offline. After any of them the log is as it was before.
    pub fn append(
        &self,
        batch: &ValidBatch<'_>,
        epoch: LeaderEpoch,
        now: Timestamp,
    ) -> Result<Appended, LogError> {
        self.append_parts(*batch.header(), batch.body(), batch.terms(), epoch, now)
    }

    /// Appends one batch that the broker itself made (metadata, coordinators, transaction markers);
    /// its offset and epoch are patched like those of any other.
    ///
    /// # Errors
    /// As [`append`](Self::append), and [`LogError::InvalidBatch`] if the bytes are not one batch.
    pub fn append_raw(&self, bytes: &[u8], epoch: LeaderEpoch, now: Timestamp) -> Result<Appended, LogError> {
        let batch = BatchView::parse(bytes).map_err(|error| LogError::InvalidBatch(error.to_string()))?;
        if batch.bytes().len() != bytes.len() {
            return Err(LogError::InvalidBatch("bytes follow the batch".to_owned()));
        }
        batch.verify_crc().map_err(|error| LogError::InvalidBatch(error.to_string()))?;
        self.append_parts(*batch.header(), batch.body(), Terms::default(), epoch, now)
    }

    /// A producer is about to send a batch that begins its transaction here; see [`Producers::announce`].
    ///
    /// # Errors
    /// The producer's epoch is an old one.
    ///
    /// [`Producers::announce`]: super::producers::Producers::announce
    pub fn announce(&self, header: &BatchHeader, from_zero: bool, now: Timestamp) -> Result<(), LogError> {
        self.lock().producers.announce(header, from_zero, now)
    }

    fn append_parts(
        &self,
        mut header: BatchHeader,
        body: &[u8],
        terms: Terms,
        epoch: LeaderEpoch,
        now: Timestamp,
    ) -> Result<Appended, LogError> {
        let mut inner = self.lock();
        self.check_online(&inner)?;
        let marker = markers::parse(&header, body).filter(|_| header.is_control());
        let log_append_time = (header.timestamp_type() == TimestampType::LogAppendTime
            && !header.is_control())
        .then_some(header.max_timestamp);
        let log_start_offset = inner.log_start;
        match marker {
            Some(marker) => inner.producers.check_marker(&header, marker, terms.ends_earlier_epochs)?,
            None if header.is_control() => {}
            None => {
                if let Verdict::Duplicate(batch) = inner.producers.check(&header, terms.enlisted_at)? {
                    let (base_offset, last_offset) = (batch.first_offset(), batch.last_offset);
                    let duplicate = true;
                    let log_append_time = log_append_time.map(|_| batch.timestamp);
                    return Ok(Appended {
                        base_offset,
                        last_offset,
                        log_append_time,
                        log_start_offset,
                        duplicate,
                    });
                }
            }
        }
        header.base_offset = inner.end;
        header.partition_leader_epoch = epoch;
        let size = header.size();
        if size as u64 > inner.config.segment_bytes {
            return Err(LogError::BatchTooLarge { size, limit: inner.config.segment_bytes });
        }
        if header.last_offset_delta < 0 {
            return Err(LogError::InvalidBatch("its last offset lies below its first".to_owned()));
        }
        let may_use_reserve = inner.config.uses_reserve;
        if !may_use_reserve && self.env.reserve.is_out(self.env.files.as_ref()) {
            return Err(LogError::NoSpace { path: inner.dir.clone() });
        }
        let pos = match self.roll_and_write(&mut inner, &header, body, now) {
            Err(LogError::NoSpace { .. }) if may_use_reserve => {
                self.roll_and_write(&mut inner, &header, body, now)?
            }
            other => other?,
        };
        self.take_in(&mut inner, &Found { pos, header }, marker, now).map_err(|error| self.judge(error))?;
        self.env.health.count(size as u64);
        self.env.metrics.appended.add(size as u64);
        Ok(Appended {
            base_offset: header.base_offset,
            last_offset: header.last_offset(),
            log_append_time,
            log_start_offset,
            duplicate: false,
        })
    }

    /// Writes a batch at the log end and gives its position. After an error nothing has changed.
    fn roll_and_write(
        &self,
        inner: &mut Inner,
        header: &BatchHeader,
        body: &[u8],
        now: Timestamp,
    ) -> Result<u64, LogError> {
        self.roll_if_due(inner, header, now).map_err(|error| self.judge(error))?;
        let (active, dir, config) = inner.active_and_dir();
        let pos = active.len;
        match active.append(self.env.files.as_ref(), dir, config, header, body) {
            Ok(()) => Ok(pos),
            Err((error @ (LogError::NoSpace { .. } | LogError::TooManyFiles { .. }), true)) => {
                Err(self.judge(error))
            }
            Err((error, _)) => {
                // What lies after the log end is unknown now: nobody may append there.
                self.env.health.fail(&error.to_string());
                Err(error)
            }
        }
    }

    /// Everything that follows from a batch being at the end of the log.
    fn take_in(
        &self,
        inner: &mut Inner,
        found: &Found,
        marker: Option<super::producers::Marker>,
        now: Timestamp,
    ) -> Result<(), LogError> {
        let header = &found.header;
        let (active, _, config) = inner.active_and_dir();
        active.note(found, config);
        let retention_ms = config.retention_ms;
        let aborted = match marker {
            Some(marker) => inner.producers.apply_marker(header, marker, now),
            None => {
                inner.producers.apply(header, now);
                None
            }
        };
        inner.epochs_dirty |= inner.epochs.assign(header.partition_leader_epoch, header.base_offset);
        let ahead = header.max_timestamp > now || header.max_timestamp.get() < 0;
        if ahead {
            inner.early.note(header.last_offset(), now, retention_ms);
        }
        if inner.log_start == inner.end {
            inner.head = Some(Head::new(found, if ahead { now } else { header.max_timestamp }));
        }
        inner.end = header.next_offset();
        inner.cursors.appended(found);
        inner.unflushed_records = inner.unflushed_records.saturating_add(i64::from(header.record_count));
        inner.unflushed_since.get_or_insert(now);
        let files = self.env.files.as_ref();
        let (active, dir, _) = inner.active_and_dir();
        if let Some(aborted) = aborted {
            active.indexes(files, dir)?.txns.push(aborted);
        }
        // The batch is in; an index that cannot grow now will be made good at recovery or later.
        match active.write_indexes(files, dir, false) {
            Err(error @ LogError::NoSpace { .. }) => {
                self.judge(error);
                Ok(())
            }
            other => other,
        }
    }

    fn roll_if_due(&self, inner: &mut Inner, header: &BatchHeader, now: Timestamp) -> Result<(), LogError> {
        let last = header.last_offset();
        let files = self.env.files.as_ref();
        let (active, dir, config) = inner.active_and_dir();
        active.learn_age(files, dir)?;
        // They may be at rest; what is noted of the batch goes behind what they hold.
        active.indexes(files, dir)?;
        if active.is_full_for(header, last, config, now) { self.roll(inner, now) } else { Ok(()) }
    }

    /// Begins a new segment at the log end. Nothing has changed after an error.
    pub(super) fn roll(&self, inner: &mut Inner, now: Timestamp) -> Result<(), LogError> {
        let files = self.env.files.as_ref();
        let end = inner.end;
        let jitter = u64::try_from(inner.config.segment_jitter_ms.min(inner.config.segment_ms)).unwrap_or(0);
        let jitter_ms = i64::try_from(self.env.rng.below(jitter)).unwrap_or(0);
        let (active, dir, _) = inner.active_and_dir();
        if active.base == end {
            return Ok(());
        }
        active.seal(files, dir)?;
        let mut sealed = vec![active.file_to_flush(files, dir)?];
        sealed.extend(active.index_files());
        let mut segment = Segment::create(files, dir, end, now)?;
        segment.jitter_ms = jitter_ms;
        self.write_snapshot(inner)?;
        inner.unsynced.extend(sealed);
        inner.names_dirty = true;
        inner.segments.push(segment);
        inner.cursors.rolled();
        tracing::debug!(partition = %self.topic_partition(), base = %end, "new segment");
        Ok(())
    }

    /// Writes Kafka's producer snapshot for the log end. It is checked when it is read, so it need not
    /// be durable.
    pub(super) fn write_snapshot(&self, inner: &Inner) -> Result<(), LogError> {
        let path = inner.dir.join(file_name(inner.end, Kind::Snapshot));
        let file = self.env.files.open(&path, OpenMode::Create).at(&path)?;
        file.set_len(0).at(&path)?;
        file.write_all_at(&snapshot::encode(&inner.producers), 0).at(&path)
    }
}

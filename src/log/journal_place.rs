//! The journal of a log directory: found at start, left when all logs are open, made when it is of use, removed
//! by a clean stop.
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard, PoisonError};

use super::contents::{Contents, FoundPartition};
use super::directory::{LogDirectory, is_missing};
use super::error::{At, LogError};
use super::journal::{self, Journal, Tail};
use crate::env::Files;
use crate::types::TopicId;

/// The journal in a directory, unless it is void: somebody wrote there since who does not know it, or the last stop
/// was a clean one.
pub(super) fn find(
    files: &dyn Files,
    root: &Path,
    contents: &Contents,
) -> Result<Option<journal::Found>, LogError> {
    let path = root.join(journal::FILE);
    if contents.clean_shutdown || contents.journal == 0 {
        return Ok(None);
    }
    let found = journal::reader::read(files, &path)?;
    Ok(found.filter(|found| {
        let is_ours = found.id == contents.journal;
        if !is_ours {
            tracing::warn!(file = %path.display(), "another program has written since: the journal is void");
        }
        is_ours
    }))
}

impl LogDirectory {
    /// What the journal has of a log.
    pub(super) fn tail(&self, topic_id: TopicId, partition: i32) -> Tail {
        let found = self.found_journal();
        found.as_ref().and_then(|found| found.tails.get(&(topic_id, partition))).cloned().unwrap_or_default()
    }

    /// After all logs are open, and what they have of the journal is durable in them: removes it. As long as a
    /// log that is in it could not be opened it stays as it is, and this run has none.
    pub(super) fn leave_journal(&self) -> Result<(), LogError> {
        let mut found = self.found_journal();
        let tails = found.as_ref().map(|found| &found.tails);
        let is_needed = |found: &FoundPartition| {
            let key = found.topic_id.map(|id| (id, found.tp.partition));
            key.is_some_and(|key| tails.is_some_and(|tails| tails.contains_key(&key)))
        };
        if let Some(closed) = self.closed().values().find(|found| is_needed(found)) {
            let why = "the journal is kept for it, and none is written";
            tracing::warn!(partition = %closed.tp, why, "could not be opened");
            return Ok(());
        }
        *found = None;
        self.remove_journal()
    }

    /// The journal, once it is in use.
    #[must_use]
    pub fn journal(&self) -> Option<&Arc<Journal>> {
        self.flusher.journal()
    }

    pub(super) fn remove_journal(&self) -> Result<(), LogError> {
        let _ = self.env.files.remove_file(&self.path.join(journal::UNFINISHED));
        let path = self.path.join(journal::FILE);
        match self.env.files.remove_file(&path) {
            Err(error) if is_missing(&error) => return Ok(()),
            other => other.at(&path)?,
        }
        self.sync_dir()?;
        self.journal.store(0, Ordering::Relaxed);
        Ok(())
    }

    /// Lets the directory have a journal of so many bytes once it would be of use; 0 for none.
    pub fn allow_journal(&self, bytes: u64) {
        self.journal_bytes.store(bytes, Ordering::Relaxed);
    }

    /// Makes the journal if it is of use and allowed. From now on the recovery points name it; only then it is
    /// written to.
    ///
    /// # Errors
    /// The system's, but no space.
    pub fn make_journal(&self) -> Result<(), LogError> {
        let bytes = self.journal_bytes.load(Ordering::Relaxed);
        let files = self.env.files.as_ref();
        if bytes == 0 || self.journal.load(Ordering::Relaxed) != 0 || self.env.reserve.is_out(files) {
            return Ok(());
        }
        let id = i64::try_from(self.env.rng.next() >> 1).unwrap_or(1).max(1);
        let made = Journal::create(files, &self.path, bytes, id).at(&self.path.join(journal::FILE));
        match made {
            Ok(journal) => {
                self.journal.store(id, Ordering::Relaxed);
                self.save_points()?;
                self.flusher.use_journal(Arc::new(journal));
                Ok(())
            }
            // Without it all works as well, only slower.
            Err(LogError::NoSpace { .. }) => Ok(()),
            Err(error) => Err(self.env.judge(error)),
        }
    }

    fn found_journal(&self) -> MutexGuard<'_, Option<journal::Found>> {
        self.found_journal.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

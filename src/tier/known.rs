//! `klamm.remote`: the topics of which something may be in the bucket, in a file of the first log directory.
//!
//! A topic is noted before its first upload and struck off when all of it is gone. So a deletion that a crash cut
//! short is taken up again at the next start, and a broker with an empty disk that is pointed at a full bucket
//! removes nothing: it has noted nothing.
use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::env::{self, Files};
use crate::types::{TopicId, Uuid};

/// Name of the file.
pub const FILE: &str = "klamm.remote";
const FIRST_LINE: &str = "klamm remote 1";

/// The topics that are noted.
#[derive(Debug)]
pub struct KnownTopics {
    files: Arc<dyn Files>,
    path: PathBuf,
    topics: Mutex<BTreeSet<TopicId>>,
}

impl KnownTopics {
    /// Reads the file at `path`; there may be none yet.
    ///
    /// # Errors
    /// It is broken; the system's.
    pub fn open(files: Arc<dyn Files>, path: PathBuf) -> io::Result<Self> {
        let topics = match env::read_small(files.as_ref(), &path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeSet::new(),
            other => {
                let text = String::from_utf8_lossy(&other?).into_owned();
                parse(&text).ok_or_else(|| {
                    let text = format!(
                        "{} is not a list of topics; remove it if nothing is in the bucket",
                        path.display()
                    );
                    io::Error::new(io::ErrorKind::InvalidData, text)
                })?
            }
        };
        Ok(Self { files, path, topics: Mutex::new(topics) })
    }

    /// The topics.
    #[must_use]
    pub fn topics(&self) -> BTreeSet<TopicId> {
        self.lock().clone()
    }

    /// Notes a topic, durably.
    ///
    /// # Errors
    /// The system's.
    pub fn note(&self, topic: TopicId) -> io::Result<()> {
        let mut topics = self.lock();
        if topics.contains(&topic) {
            return Ok(());
        }
        let mut more = topics.clone();
        more.insert(topic);
        self.write(&more)?;
        *topics = more;
        Ok(())
    }

    /// Strikes a topic off.
    ///
    /// # Errors
    /// The system's.
    pub fn strike(&self, topic: TopicId) -> io::Result<()> {
        let mut topics = self.lock();
        let mut fewer = topics.clone();
        if fewer.remove(&topic) {
            self.write(&fewer)?;
            *topics = fewer;
        }
        Ok(())
    }

    fn write(&self, topics: &BTreeSet<TopicId>) -> io::Result<()> {
        let lines = topics.iter().map(|topic| format!("{topic}\n"));
        let text = format!("{FIRST_LINE}\n{}", lines.collect::<String>());
        env::replace(self.files.as_ref(), &self.path, text.as_bytes())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<TopicId>> {
        self.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn parse(text: &str) -> Option<BTreeSet<TopicId>> {
    let mut lines = text.lines();
    (lines.next()? == FIRST_LINE).then(|| lines.map(Uuid::parse).collect())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::MemoryFiles;

    #[test]
    fn what_was_noted_survives_a_crash_until_it_is_struck_off() {
        let files = Arc::new(MemoryFiles::new(1));
        files.create_dir_all("/d".as_ref()).unwrap();
        let open = || KnownTopics::open(Arc::clone(&files) as Arc<dyn Files>, "/d/klamm.remote".into());
        let known = open().unwrap();
        let (one, two) = (Uuid([1; 16]), Uuid([2; 16]));
        known.note(one).unwrap();
        known.note(two).unwrap();
        known.strike(one).unwrap();
        assert_eq!(open().unwrap().topics(), BTreeSet::from([two]));
        assert_eq!(parse("something else\n"), None);
    }
}

//! The store below one prefix: put, get, list and remove by the names of [`layout`](super::layout), with errors named
//! by what the caller can do.
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::TryStreamExt;
use object_store::path::Path;
use object_store::{
    GetOptions, GetRange, MultipartUpload, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload,
};

use crate::types::Timestamp;

/// Why the store did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// There is no such object.
    #[error("{0} is not there")]
    NotFound(String),
    /// There is one of that name, which may be one's own: an answer may have been lost.
    #[error("{0} is there already")]
    Exists(String),
    /// Credentials, rights or the store itself: trying again helps once that is mended.
    #[error("{object}: {reason}")]
    Failed {
        /// The object, or the directory.
        object: String,
        /// What the store said.
        reason: String,
    },
    /// The object is not what it should be. Trying again does not help.
    #[error("{object} is damaged: {reason}")]
    Damaged {
        /// The object.
        object: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Another broker has taken the prefix over: this one must not write there any more.
    #[error(
        "{object} shows that another broker writes below this prefix (writer {writer}): give each broker a prefix of its own, then restart"
    )]
    Fenced {
        /// What tells it.
        object: String,
        /// The other one's claim.
        writer: u32,
    },
}

impl StoreError {
    /// Something is wrong with the content of an object.
    pub fn damaged(object: &str, reason: impl fmt::Display) -> Self {
        Self::Damaged { object: object.to_owned(), reason: reason.to_string() }
    }
}

/// An object as a listing shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its name below the directory that was listed.
    pub name: String,
    /// Size in bytes.
    pub size: u64,
    /// When it was stored, by the clock of the store.
    pub stored: Timestamp,
}

/// A store, below one prefix.
#[derive(Clone)]
pub struct Store {
    inner: Arc<dyn ObjectStore>,
    prefix: Path,
    /// Whether an object is made only if there is none of its name. Off with the promise of a single writer.
    is_conditional: bool,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Store({}/{})", self.inner, self.prefix)
    }
}

impl Store {
    /// The store below `prefix`.
    #[must_use]
    pub fn new(inner: Arc<dyn ObjectStore>, prefix: Path, is_conditional: bool) -> Self {
        Self { inner, prefix, is_conditional }
    }

    /// Whether it makes objects on the condition that there is none of that name.
    #[must_use]
    pub fn is_conditional(&self) -> bool {
        self.is_conditional
    }

    fn path(&self, name: &str) -> Path {
        name.split('/').fold(self.prefix.clone(), |path, part| path.join(part))
    }

    /// Stores a new object.
    ///
    /// # Errors
    /// [`StoreError::Exists`] if there is one of that name.
    pub async fn put_new(&self, name: &str, bytes: Vec<Bytes>) -> Result<(), StoreError> {
        let mode = if self.is_conditional { PutMode::Create } else { PutMode::Overwrite };
        let payload: PutPayload = bytes.into_iter().collect();
        let put = self.inner.put_opts(&self.path(name), payload, PutOptions::from(mode)).await;
        put.map(|_| ()).map_err(|error| told(name, &error))
    }

    /// Begins an object that comes in parts.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn put_parts(&self, name: &str) -> Result<Box<dyn MultipartUpload>, StoreError> {
        self.inner.put_multipart(&self.path(name)).await.map_err(|error| told(name, &error))
    }

    /// A whole object of at most `limit` bytes.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Damaged`] if it is larger.
    pub async fn get(&self, name: &str, limit: u64) -> Result<Bytes, StoreError> {
        let got = self.inner.get(&self.path(name)).await.map_err(|error| told(name, &error))?;
        if got.meta.size > limit {
            return Err(StoreError::damaged(
                name,
                format!("{} bytes are more than it can have", got.meta.size),
            ));
        }
        got.bytes().await.map_err(|error| told(name, &error))
    }

    /// A part of an object.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Damaged`] if the object ends before.
    pub async fn get_range(&self, name: &str, range: Range<u64>) -> Result<Bytes, StoreError> {
        let want = range.end.saturating_sub(range.start);
        if want == 0 {
            return Ok(Bytes::new());
        }
        let options = GetOptions { range: Some(GetRange::Bounded(range)), ..GetOptions::default() };
        let got = self.inner.get_opts(&self.path(name), options).await.map_err(|error| told(name, &error))?;
        let bytes = got.bytes().await.map_err(|error| told(name, &error))?;
        if bytes.len() as u64 != want {
            return Err(StoreError::damaged(
                name,
                format!("it gave {} bytes instead of {want}", bytes.len()),
            ));
        }
        Ok(bytes)
    }

    /// When an object was stored; `None` if there is none.
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    pub async fn stored(&self, name: &str) -> Result<Option<Timestamp>, StoreError> {
        match self.inner.head(&self.path(name)).await {
            Ok(meta) => Ok(Some(Timestamp(meta.last_modified.timestamp_millis()))),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(told(name, &error)),
        }
    }

    /// All objects below a directory.
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    pub async fn list(&self, dir: &str) -> Result<Vec<Listed>, StoreError> {
        let prefix = self.path(dir);
        let listed = self.inner.list(Some(&prefix)).try_collect::<Vec<_>>().await;
        let listed = listed.map_err(|error| told(dir, &error))?;
        let below = |meta: object_store::ObjectMeta| {
            let rest: Vec<_> =
                meta.location.prefix_match(&prefix)?.map(|part| part.as_ref().to_owned()).collect();
            Some(Listed {
                name: rest.join("/"),
                size: meta.size,
                stored: Timestamp(meta.last_modified.timestamp_millis()),
            })
        };
        Ok(listed.into_iter().filter_map(below).collect())
    }

    /// The names directly below a directory: of its directories and its objects.
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    pub async fn children(&self, dir: &str) -> Result<Vec<String>, StoreError> {
        let prefix = self.path(dir);
        let listed =
            self.inner.list_with_delimiter(Some(&prefix)).await.map_err(|error| told(dir, &error))?;
        let objects = listed.objects.iter().map(|meta| &meta.location);
        let names = listed.common_prefixes.iter().chain(objects).filter_map(Path::filename);
        Ok(names.map(ToOwned::to_owned).collect())
    }

    /// Removes an object; one that is not there is fine.
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    pub async fn remove(&self, name: &str) -> Result<(), StoreError> {
        match self.inner.delete(&self.path(name)).await {
            Err(object_store::Error::NotFound { .. }) | Ok(()) => Ok(()),
            Err(error) => Err(told(name, &error)),
        }
    }
}

/// What the store said, in our words.
pub(super) fn told(name: &str, error: &object_store::Error) -> StoreError {
    use object_store::Error;
    match error {
        Error::NotFound { .. } => StoreError::NotFound(name.to_owned()),
        Error::AlreadyExists { .. } | Error::Precondition { .. } => StoreError::Exists(name.to_owned()),
        other => StoreError::Failed { object: name.to_owned(), reason: chain(other) },
    }
}

/// An error with its causes, on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string().replace('\n', " ");
    let mut cause = error.source();
    while let Some(error) = cause {
        let also = error.to_string().replace('\n', " ");
        if !text.contains(&also) {
            text = format!("{text}: {also}");
        }
        cause = error.source();
    }
    text
}

//! Why a command did not do what it was asked.
use std::io;

use thiserror::Error;

use super::client::ClientError;

/// The end of a command that did not do all it was asked. Its text is what the person reads.
#[derive(Debug, Error)]
pub enum CliError {
    /// A sentence that says what happened and what to do.
    #[error("{0}")]
    Failed(String),
    /// A broker did not do what it was asked.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// Reading or writing failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl CliError {
    /// An error with this sentence.
    pub fn failed(text: impl Into<String>) -> Self {
        Self::Failed(text.into())
    }

    /// Whether the reader of our output went away: no failure of ours.
    #[must_use]
    pub fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Io(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}

//! Walking over the batches of a remote segment that come in pieces.
use crate::record::{BatchError, BatchView};
use crate::tier::RemoteSegment;
use crate::types::Offset;

/// A walk that is fed with bytes.
#[derive(Debug)]
pub struct Batches {
    rest: Vec<u8>,
    next: Offset,
    end: Offset,
    problem: Option<String>,
}

impl Batches {
    /// Over the batches of this segment.
    #[must_use]
    pub fn new(segment: &RemoteSegment) -> Self {
        Self { rest: Vec::new(), next: segment.base, end: segment.end, problem: None }
    }

    /// Takes the next bytes.
    pub fn take(&mut self, bytes: &[u8]) {
        if self.problem.is_some() {
            return;
        }
        self.rest.extend_from_slice(bytes);
        let mut at = 0usize;
        while let Some(rest) = self.rest.get(at..).filter(|rest| !rest.is_empty()) {
            match BatchView::parse(rest) {
                Ok(batch) => {
                    let header = batch.header();
                    if header.base_offset < self.next || header.last_offset() >= self.end {
                        let found = header.base_offset;
                        self.problem = Some(format!("a batch at offset {found}, where {} is due", self.next));
                        return;
                    }
                    if let Err(error) = batch.verify_crc() {
                        self.problem = Some(format!("the batch at offset {}: {error}", header.base_offset));
                        return;
                    }
                    self.next = header.next_offset();
                    at = at.saturating_add(header.size());
                }
                Err(BatchError::Incomplete { .. }) => break,
                Err(error) => {
                    self.problem = Some(format!("after offset {}: {error}", self.next));
                    return;
                }
            }
        }
        self.rest.drain(..at.min(self.rest.len()));
    }

    /// Whether all was whole.
    ///
    /// # Errors
    /// What was wrong first.
    pub fn finish(self) -> Result<(), String> {
        match self.problem {
            Some(problem) => Err(problem),
            None if self.rest.is_empty() => Ok(()),
            None => Err(format!("it ends inside the batch after offset {}", self.next)),
        }
    }
}

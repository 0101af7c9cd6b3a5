//! `partition.metadata`: which topic id a partition's directory belongs to. Pure.
use crate::types::{TopicId, Uuid};

/// Name of the file in a partition's directory.
pub const FILE: &str = "partition.metadata";

/// Reads the file's content; `None` if it is not one.
#[must_use]
pub fn parse(text: &str) -> Option<TopicId> {
    let mut lines = text.lines();
    if lines.next()? != "version: 0" {
        return None;
    }
    Uuid::parse(lines.next()?.strip_prefix("topic_id: ")?)
}

/// Writes the file's content: 43 bytes, no newline at the end.
#[must_use]
pub fn encode(id: TopicId) -> String {
    format!("version: 0\ntopic_id: {id}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_reads_as_it_was_written() {
        let text = encode(Uuid::METADATA_TOPIC);
        assert_eq!(text, "version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAQ");
        assert_eq!(text.len(), 43);
        assert_eq!(parse(&text), Some(Uuid::METADATA_TOPIC));
        assert_eq!(parse("version: 1\ntopic_id: AAAAAAAAAAAAAAAAAAAAAQ"), None);
    }
}

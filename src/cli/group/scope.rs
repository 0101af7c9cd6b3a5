//! The partitions that an action is about: `orders`, `orders:0,2`.
use std::collections::BTreeSet;

/// A topic, or some of its partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TopicScope {
    /// The topic's name.
    pub topic: String,
    /// `None` is all of them.
    pub partitions: Option<BTreeSet<i32>>,
}

impl TopicScope {
    /// Reads what a person typed.
    ///
    /// # Errors
    /// A sentence that shows the form.
    pub fn parse(text: &str) -> Result<Self, String> {
        let bad = || "give it as TOPIC or TOPIC:PARTITION,PARTITION".to_owned();
        let (topic, partitions) = match text.split_once(':') {
            Some((topic, list)) => (topic, Some(list)),
            None => (text, None),
        };
        let index = |text: &str| text.trim().parse().ok().filter(|index| *index >= 0i32).ok_or_else(bad);
        let partitions = partitions.map(|list| list.split(',').map(index).collect()).transpose()?;
        if topic.is_empty() { Err(bad()) } else { Ok(Self { topic: topic.to_owned(), partitions }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_or_some_of_its_partitions() {
        let scope = |topic: &str, partitions: Option<&[i32]>| TopicScope {
            topic: topic.to_owned(),
            partitions: partitions.map(|list| list.iter().copied().collect()),
        };
        let cases = [
            ("a", Some(scope("a", None))),
            ("a:0", Some(scope("a", Some(&[0])))),
            ("a:2, 1,2", Some(scope("a", Some(&[1, 2])))),
            ("", None),
            (":1", None),
            ("a:", None),
            ("a:-1", None),
            ("a:1,", None),
            ("a:x", None),
        ];
        for (text, want) in cases {
            assert_eq!(TopicScope::parse(text).ok(), want, "{text}");
        }
    }
}

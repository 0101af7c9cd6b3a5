//! Subscriptions by pattern: the whole name of a topic must match.

use std::collections::BTreeSet;
use std::sync::Arc;

use regex::Regex;

use super::super::{Cluster, GroupError};
use crate::schema::ErrorCode;
use crate::schema::group_coordinator::consumer_group_regular_expression_value::ConsumerGroupRegularExpressionValue;

/// A pattern and the topics that it was found to match.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resolved {
    /// Names of the topics.
    pub topics: BTreeSet<Arc<str>>,
    /// Version of the metadata that it was matched against, as it was written.
    pub version: i64,
    /// When it was matched, ms since 1970.
    pub at: i64,
}

impl Resolved {
    pub(super) fn from_record(value: &ConsumerGroupRegularExpressionValue<'_>) -> Self {
        Self {
            topics: value.topics.iter().map(|name| name.as_ref().into()).collect(),
            version: value.version,
            at: value.timestamp,
        }
    }

    pub(super) fn to_record(&self) -> ConsumerGroupRegularExpressionValue<'static> {
        ConsumerGroupRegularExpressionValue {
            topics: self.topics.iter().map(|name| name.to_string().into()).collect(),
            version: self.version,
            timestamp: self.at,
            ..Default::default()
        }
    }
}

/// Largest compiled pattern, in bytes: a few characters of a pattern can stand for a huge machine.
const MAX_COMPILED: usize = 1 << 20;

/// Compiles a pattern to match whole names. The syntax is that of RE2, as Kafka's is.
pub(super) fn compile(pattern: &str) -> Result<Regex, GroupError> {
    let build = |text: &str| regex::RegexBuilder::new(text).size_limit(MAX_COMPILED).build();
    // By itself first: `a)(b` is no pattern, though it would be one inside of the brackets below.
    build(pattern).and_then(|_| build(&format!(r"\A(?:{pattern})\z"))).map_err(|e| {
        let message = format!("The pattern `{pattern}` of SubscribedTopicRegex can't be understood: {e}");
        GroupError::new(ErrorCode::INVALID_REGULAR_EXPRESSION, message)
    })
}

/// The topics that a pattern matches.
pub(super) fn matching(pattern: &Regex, cluster: &dyn Cluster) -> BTreeSet<Arc<str>> {
    cluster.topics().filter(|topic| pattern.is_match(&topic.name)).map(|topic| topic.name).collect()
}

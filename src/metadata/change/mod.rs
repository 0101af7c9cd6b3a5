//! What the controller decides: each file is one request as `(image, request) -> (records, reply)`.
//!
//! A decision changes nothing; its records do, once they are in the log and replayed. Replies are those of
//! the wire, with Kafka's error codes.

mod alter_configs;
mod assignment;
mod create_partitions;
mod create_topics;
mod delete_topics;
mod elect_leaders;
mod internal_topics;
mod producer_ids;
mod reassignments;
mod refuse;
mod registration;
#[cfg(test)]
mod tests;
mod topic_name;
mod update_features;

use crate::config::{Layers, Settings};
use crate::metadata::{ConfigResource, Image};
use crate::schema::metadata::MetadataRecord;
use crate::schema::{ErrorCode, Str};
use crate::types::NodeId;

pub use alter_configs::{alter_configs, incremental_alter_configs};
pub use create_partitions::create_partitions;
pub use create_topics::create_topics;
pub use delete_topics::delete_topics;
pub use elect_leaders::elect_leaders;
pub use internal_topics::{INTERNAL_TOPICS, automatic_topic, is_internal};
pub use producer_ids::{PRODUCER_ID_BLOCK, ProducerIdBlock, allocate_producer_ids};
pub use reassignments::{alter_partition_reassignments, list_partition_reassignments};
pub use refuse::Refuse;
pub use registration::{Registration, bootstrap, default_features, lead_again, register};
pub use topic_name::{MAX_TOPIC_NAME, validate_topic_name};
pub use update_features::update_features;

/// What was decided: records for the log, all or none, and the reply that may leave once they are durable.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision<R> {
    /// In the order in which they are to be replayed; none if nothing changes.
    pub records: Vec<MetadataRecord<'static>>,
    /// The answer.
    pub reply: R,
}

impl<R> Decision<R> {
    /// An answer that changes nothing.
    pub const fn reply(reply: R) -> Self {
        Self { records: Vec::new(), reply }
    }
}

/// What a decision must know besides the image: who decides, and by which file.
#[derive(Clone, Copy, Debug)]
pub struct Site<'a> {
    /// The node.
    pub node: NodeId,
    /// What its file, environment and command line set.
    pub settings: &'a Settings,
}

impl<'a> Site<'a> {
    /// The layers over the defaults of the broker's options, those set at run time included.
    #[must_use]
    pub fn layers(&self, image: &'a Image) -> Layers<'a> {
        let configs = image.configs();
        Layers {
            fixed: self.settings,
            cluster: configs.of(&ConfigResource::cluster()),
            broker: configs.of(&ConfigResource::broker(self.node.0)),
        }
    }
}

/// Kafka's error code and a sentence that explains it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rejection {
    pub(crate) code: ErrorCode,
    pub(crate) message: Option<String>,
}

impl Rejection {
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: Some(message.into()) }
    }

    /// The code alone; clients show their own text for it.
    pub(crate) const fn bare(code: ErrorCode) -> Self {
        Self { code, message: None }
    }

    pub(crate) fn text(self) -> Option<Str<'static>> {
        self.message.map(Into::into)
    }
}

impl From<crate::config::ConfigError> for Rejection {
    fn from(error: crate::config::ConfigError) -> Self {
        use crate::config::ConfigError as E;
        match error {
            E::InvalidConfig(text) => Self::new(ErrorCode::INVALID_CONFIG, text),
            E::InvalidRequest(text) => Self::new(ErrorCode::INVALID_REQUEST, text),
        }
    }
}

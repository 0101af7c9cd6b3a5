//! Topics that the broker keeps for itself, and topics made because someone asked for them.

use super::Site;
use crate::config::{BrokerConfig, Scope, find};
use crate::metadata::Image;
use crate::schema::clients::create_topics_request::{CreatableTopic, CreatableTopicConfig};

/// Committed offsets and groups.
const OFFSETS: &str = "__consumer_offsets";
/// Transactions.
const TRANSACTIONS: &str = "__transaction_state";
/// Deliveries of share groups.
const SHARES: &str = "__share_group_state";

/// The names of the internal topics.
pub const INTERNAL_TOPICS: [&str; 3] = [OFFSETS, TRANSACTIONS, SHARES];

/// Whether a topic is one of [`INTERNAL_TOPICS`].
#[must_use]
pub fn is_internal(name: &str) -> bool {
    INTERNAL_TOPICS.contains(&name)
}

/// What is asked of CreateTopics when a topic is to exist because it is used. Internal topics follow their
/// own options, others the defaults.
#[must_use]
pub fn automatic_topic(image: &Image, site: Site<'_>, name: &str) -> CreatableTopic<'static> {
    let layers = site.layers(image);
    let text = |option: &str| {
        let value = find(Scope::Broker, option).and_then(|option| layers.broker_value(option));
        value.map(|v| v.to_string()).unwrap_or_default()
    };
    let number = |option: &str| text(option).parse::<i32>().unwrap_or(-1);
    let internal = |prefix: &str, fixed: &[(&'static str, &str)]| {
        let replicas = number(&format!("{prefix}.replication.factor"));
        let segment = ("segment.bytes", text(&format!("{prefix}.segment.bytes")));
        let fixed = fixed.iter().map(|(key, value)| (*key, (*value).to_owned()));
        (number(&format!("{prefix}.num.partitions")), replicas, fixed.chain([segment]).collect::<Vec<_>>())
    };
    let (partitions, replicas, configs) = match name {
        OFFSETS => {
            internal("offsets.topic", &[("cleanup.policy", "compact"), ("compression.type", "producer")])
        }
        TRANSACTIONS => {
            let min_isr = text("transaction.state.log.min.isr");
            let fixed = [
                ("cleanup.policy", "compact"),
                ("compression.type", "uncompressed"),
                ("unclean.leader.election.enable", "false"),
                ("min.insync.replicas", &min_isr),
            ];
            internal("transaction.state.log", &fixed)
        }
        SHARES => {
            let min_isr = text("share.coordinator.state.topic.min.isr");
            let fixed =
                [("cleanup.policy", "delete"), ("retention.ms", "-1"), ("min.insync.replicas", &min_isr)];
            internal("share.coordinator.state.topic", &fixed)
        }
        _ => {
            let config = BrokerConfig::resolve(&layers);
            (config.num_partitions, config.default_replication_factor, Vec::new())
        }
    };
    let config = |(name, value): (&'static str, String)| CreatableTopicConfig {
        name: name.into(),
        value: Some(value.into()),
        ..Default::default()
    };
    CreatableTopic {
        name: name.to_owned().into(),
        num_partitions: partitions,
        replication_factor: i16::try_from(replicas).unwrap_or(-1),
        configs: configs.into_iter().map(config).collect(),
        ..Default::default()
    }
}

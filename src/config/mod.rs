//! Configuration: which options there are, what their values mean, and which value is in force.
//!
//! Owns the option table (`options/`, one line for each of Kafka 4.4's options and Klamm's own), the
//! parsing of `.properties` text, `KAFKA_*` variables and `--override` flags, the check of values, and
//! the typed results [`BrokerConfig`] and [`TopicConfig`]. `docs/config-reference.md` and
//! `docs/config-differences.md` are printed from the same tables.
//!
//! Promises: every complaint names where the value stands and what is allowed, all complaints come at
//! once, and an option that protects is never ignored in silence.
//!
//! Must not know: files, the environment, clocks, or how an option is obeyed. Text comes in, decisions
//! go out.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod broker;
mod check;
mod container;
mod describe;
mod differences;
mod environment;
mod layers;
mod listeners;
mod load;
mod option;
mod options;
mod problem;
mod properties;
mod reference;
mod table;
mod tiering;
mod topic;
mod validate;
mod value;

pub use broker::{BrokerConfig, LogFormat, ProduceValidation};
pub use container::{DATA as CONTAINER_DATA, MOUNTED_FILE, container_defaults};
pub use describe::{
    Described, DescribedSynonym, describe_broker, describe_client_metrics, describe_cluster_default,
    describe_group, describe_topic,
};
pub use differences::{Difference, differences};
pub use environment::{CLUSTER_ID, option_of_variable};
pub use layers::{Layers, Overrides, Settings, Source};
pub use listeners::{Endpoint, SecurityProtocol, parse_endpoints, parse_protocol_map};
pub use load::{Loaded, Sources, load};
pub use option::{Importance, Inert, Meaning, Opt, Scope, Synonym, Type, Unit, UpdateMode, Valid};
pub use problem::{Place, Problem, Rejected, Severity};
pub use properties::{Property, parse_properties};
pub use reference::{differences_page, reference_page};
pub use table::{find, nearest, options_of};
pub use tiering::validate_tiering;
pub use topic::{CleanupPolicy, CompressionType, TimestampType, TopicConfig};
pub use validate::{
    BrokerTarget, ConfigError, append_to_list, subtract_from_list, validate_broker_change,
    validate_broker_dynamic, validate_broker_overrides, validate_client_metrics_config,
    validate_group_config, validate_topic_config, validate_topic_overrides,
};
pub use value::Value;

#[cfg(test)]
mod tests;

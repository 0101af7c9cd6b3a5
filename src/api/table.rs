//! The only list of APIs: which are served, by which handler, and what ApiVersions says of them.
//!
//! Versions and listeners come from the schemas; a row states only where Klamm departs from them.
use crate::schema::{Api, DecodeError, Reader, api_key};

use super::{Context, Handling, ListenerKind, Refusal, Services};
use super::{
    add_offsets_to_txn, add_partitions_to_txn, alter_configs, alter_partition_reassignments,
    alter_replica_log_dirs, api_versions, consumer_group_describe, consumer_group_heartbeat,
    create_partitions, create_topics, delete_groups, delete_records, delete_topics, describe_acls,
    describe_client_quotas, describe_cluster, describe_configs, describe_groups, describe_log_dirs,
    describe_producers, describe_quorum, describe_topic_partitions, describe_transactions,
    describe_user_scram_credentials, elect_leaders, end_txn, fetch, find_coordinator, heartbeat,
    incremental_alter_configs, init_producer_id, join_group, leave_group, list_config_resources, list_groups,
    list_offsets, list_partition_reassignments, list_transactions, metadata, offset_commit, offset_delete,
    offset_fetch, offset_for_leader_epoch, produce, sync_group, txn_offset_commit, update_features,
    write_txn_markers,
};

/// The ordered phase of an API. `Err` closes the connection: the body could not be read.
pub type Handler = fn(&Services, &Context<'_>, Reader<'_>) -> Result<Handling, DecodeError>;

/// One API that Klamm serves.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The API.
    pub key: i16,
    /// Its handler.
    pub handler: Handler,
    /// Lowest version that ApiVersions tells, where it is not the lowest one served.
    pub advertised_from: Option<i16>,
}

const fn row(key: i16, handler: Handler) -> Row {
    Row { key, handler, advertised_from: None }
}

/// Every API that is served, in the order of the keys. What is not here is not announced, and a
/// request for it closes the connection. Produce's row must say `advertised_from: Some(0)`: older
/// librdkafka drops compression without a word if it does not (KAFKA-18659).
pub static TABLE: &[Row] = &[
    Row { key: api_key::PRODUCE, handler: produce::handle, advertised_from: Some(0) },
    row(api_key::FETCH, fetch::handle),
    row(api_key::LIST_OFFSETS, list_offsets::handle),
    row(api_key::METADATA, metadata::handle),
    row(api_key::OFFSET_COMMIT, offset_commit::handle),
    row(api_key::OFFSET_FETCH, offset_fetch::handle),
    row(api_key::FIND_COORDINATOR, find_coordinator::handle),
    row(api_key::JOIN_GROUP, join_group::handle),
    row(api_key::HEARTBEAT, heartbeat::handle),
    row(api_key::LEAVE_GROUP, leave_group::handle),
    row(api_key::SYNC_GROUP, sync_group::handle),
    row(api_key::DESCRIBE_GROUPS, describe_groups::handle),
    row(api_key::LIST_GROUPS, list_groups::handle),
    row(api_key::API_VERSIONS, api_versions::handle),
    row(api_key::CREATE_TOPICS, create_topics::handle),
    row(api_key::DELETE_TOPICS, delete_topics::handle),
    row(api_key::DELETE_RECORDS, delete_records::handle),
    row(api_key::INIT_PRODUCER_ID, init_producer_id::handle),
    row(api_key::OFFSET_FOR_LEADER_EPOCH, offset_for_leader_epoch::handle),
    row(api_key::ADD_PARTITIONS_TO_TXN, add_partitions_to_txn::handle),
    row(api_key::ADD_OFFSETS_TO_TXN, add_offsets_to_txn::handle),
    row(api_key::END_TXN, end_txn::handle),
    row(api_key::WRITE_TXN_MARKERS, write_txn_markers::handle),
    row(api_key::TXN_OFFSET_COMMIT, txn_offset_commit::handle),
    row(api_key::DESCRIBE_ACLS, describe_acls::handle),
    row(api_key::DESCRIBE_CONFIGS, describe_configs::handle),
    row(api_key::ALTER_CONFIGS, alter_configs::handle),
    row(api_key::ALTER_REPLICA_LOG_DIRS, alter_replica_log_dirs::handle),
    row(api_key::DESCRIBE_LOG_DIRS, describe_log_dirs::handle),
    row(api_key::CREATE_PARTITIONS, create_partitions::handle),
    row(api_key::DELETE_GROUPS, delete_groups::handle),
    row(api_key::ELECT_LEADERS, elect_leaders::handle),
    row(api_key::INCREMENTAL_ALTER_CONFIGS, incremental_alter_configs::handle),
    row(api_key::ALTER_PARTITION_REASSIGNMENTS, alter_partition_reassignments::handle),
    row(api_key::LIST_PARTITION_REASSIGNMENTS, list_partition_reassignments::handle),
    row(api_key::OFFSET_DELETE, offset_delete::handle),
    row(api_key::DESCRIBE_CLIENT_QUOTAS, describe_client_quotas::handle),
    row(api_key::DESCRIBE_USER_SCRAM_CREDENTIALS, describe_user_scram_credentials::handle),
    row(api_key::DESCRIBE_QUORUM, describe_quorum::handle),
    row(api_key::UPDATE_FEATURES, update_features::handle),
    row(api_key::DESCRIBE_CLUSTER, describe_cluster::handle),
    row(api_key::DESCRIBE_PRODUCERS, describe_producers::handle),
    row(api_key::DESCRIBE_TRANSACTIONS, describe_transactions::handle),
    row(api_key::LIST_TRANSACTIONS, list_transactions::handle),
    row(api_key::CONSUMER_GROUP_HEARTBEAT, consumer_group_heartbeat::handle),
    row(api_key::CONSUMER_GROUP_DESCRIBE, consumer_group_describe::handle),
    row(api_key::LIST_CONFIG_RESOURCES, list_config_resources::handle),
    row(api_key::DESCRIBE_TOPIC_PARTITIONS, describe_topic_partitions::handle),
];

impl Row {
    /// The row of an API on listeners of this kind.
    #[must_use]
    pub fn find(key: i16, kind: ListenerKind) -> Option<&'static Self> {
        let at = TABLE.binary_search_by_key(&key, |row| row.key).ok()?;
        TABLE.get(at).filter(|row| row.api().is_some_and(|api| serves(api, kind)))
    }

    /// What the schemas say of it.
    #[must_use]
    pub fn api(&self) -> Option<&'static Api> {
        Api::by_key(self.key)
    }
}

fn serves(api: &Api, kind: ListenerKind) -> bool {
    match kind {
        ListenerKind::Broker => api.on_broker,
        ListenerKind::Controller => api.on_controller,
    }
}

/// What ApiVersions tells on listeners of this kind: key, lowest and highest version.
pub fn advertised(kind: ListenerKind) -> impl Iterator<Item = (i16, i16, i16)> {
    TABLE.iter().filter_map(move |row| {
        let api = row.api().filter(|api| serves(api, kind))?;
        Some((row.key, row.advertised_from.unwrap_or(api.min_version), api.max_version))
    })
}

/// Runs the ordered phase of a request.
pub fn dispatch(services: &Services, ctx: &Context<'_>, body: Reader<'_>) -> Handling {
    let api = ctx.api;
    let Some(row) = Row::find(api.key, ctx.kind) else {
        return Handling::Close(Refusal::NotServed { api: api.name, key: api.key });
    };
    if !(api.min_version..=api.max_version).contains(&ctx.version) {
        if api.key == api_key::API_VERSIONS {
            return api_versions::unknown_version(ctx);
        }
        let (min, max) = (api.min_version, api.max_version);
        return Handling::Close(Refusal::UnsupportedVersion {
            api: api.name,
            version: ctx.version,
            min,
            max,
        });
    }
    (row.handler)(services, ctx, body).unwrap_or_else(|error| {
        Handling::Close(Refusal::Undecodable { api: api.name, version: ctx.version, error })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::tests::{call, services};

    #[test]
    fn the_table_is_sorted_and_known_to_the_schemas() {
        assert!(TABLE.is_sorted_by(|a, b| a.key < b.key));
        assert!(TABLE.iter().all(|row| row.api().is_some()));
    }

    #[test]
    fn what_is_not_in_the_table_closes_the_connection() {
        let close = |key, version| match call(&services(), ListenerKind::Broker, (key, version), |_| ()) {
            Handling::Close(refusal) => refusal,
            _ => panic!("answered"),
        };
        assert!(matches!(close(api_key::VOTE, 0), Refusal::NotServed { api: "Vote", .. }));
        assert!(matches!(close(api_key::API_VERSIONS, 3), Refusal::Undecodable { version: 3, .. }));
    }
}

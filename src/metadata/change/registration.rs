//! What a node says of itself when it starts, and what follows for the partitions it leads.

use super::elect_leaders::make_leader;
use crate::metadata::features::{DEFAULT_METADATA_VERSION, ELR_VERSION, FEATURES, KRAFT_VERSION};
use crate::metadata::{Image, ResourceKind};
use crate::schema::metadata::MetadataRecord;
use crate::schema::metadata::broker_registration_change_record::BrokerRegistrationChangeRecord;
use crate::schema::metadata::config_record::ConfigRecord;
use crate::schema::metadata::feature_level_record::FeatureLevelRecord;
use crate::schema::metadata::partition_change_record::PartitionChangeRecord;
use crate::schema::metadata::register_broker_record::{BrokerEndpoint, BrokerFeature, RegisterBrokerRecord};
use crate::schema::metadata::register_controller_record::{
    ControllerEndpoint, ControllerFeature, RegisterControllerRecord,
};
use crate::types::{NodeId, Uuid};

/// `leader` of a change record that names no leader.
pub(super) const SAME_LEADER: i32 = -2;

/// What a node says of itself.
#[derive(Clone, Debug, Default)]
pub struct Registration {
    /// Its id.
    pub node: NodeId,
    /// A new random id of this start.
    pub incarnation: Uuid,
    /// Listeners for clients: name, host, port, security protocol (Kafka's number).
    pub endpoints: Vec<(String, String, u16, i16)>,
    /// Listeners of the controller, likewise.
    pub controller_endpoints: Vec<(String, String, u16, i16)>,
    /// `broker.rack`.
    pub rack: Option<String>,
    /// Ids of the log directories that work.
    pub log_dirs: Vec<Uuid>,
    /// Ids of the log directories that get no new partitions (`cordoned.log.dirs`).
    pub cordoned_log_dirs: Vec<Uuid>,
}

/// The records that a new cluster begins with: its features, and the minimum ISR that Kafka sets for all
/// brokers with eligible leader replicas.
#[must_use]
pub fn bootstrap(features: &[(String, i16)], min_insync_replicas: i32) -> Vec<MetadataRecord<'static>> {
    let mut records: Vec<_> = features
        .iter()
        .map(|(name, level)| {
            let (name, feature_level) = (name.clone().into(), *level);
            MetadataRecord::FeatureLevel(FeatureLevelRecord { name, feature_level, ..Default::default() })
        })
        .collect();
    if features.iter().any(|(name, level)| name == ELR_VERSION && *level > 0) {
        records.push(MetadataRecord::Config(ConfigRecord {
            resource_type: ResourceKind::BROKER.0,
            resource_name: "".into(),
            name: "min.insync.replicas".into(),
            value: Some(min_insync_replicas.to_string().into()),
            ..Default::default()
        }));
    }
    records
}

/// Registers this node as controller and broker, and lifts its fence. `broker_epoch` is the offset at which
/// the registration will stand in the log: that of the second record.
#[must_use]
pub fn register(
    registration: &Registration,
    metadata_version: i16,
    broker_epoch: i64,
) -> Vec<MetadataRecord<'static>> {
    let node = registration.node.0;
    let log_dirs: Vec<[u8; 16]> = registration.log_dirs.iter().map(|d| d.0).collect();
    let controller = RegisterControllerRecord {
        controller_id: node,
        incarnation_id: registration.incarnation.0,
        end_points: registration
            .controller_endpoints
            .iter()
            .map(|(name, host, port, security_protocol)| ControllerEndpoint {
                name: name.clone().into(),
                host: host.clone().into(),
                port: *port,
                security_protocol: *security_protocol,
                ..Default::default()
            })
            .collect(),
        features: FEATURES
            .iter()
            .map(|f| ControllerFeature {
                name: f.name.into(),
                min_supported_version: f.min,
                max_supported_version: f.max,
                ..Default::default()
            })
            .collect(),
        ..Default::default()
    };
    let broker = RegisterBrokerRecord {
        broker_id: node,
        incarnation_id: registration.incarnation.0,
        broker_epoch,
        end_points: registration
            .endpoints
            .iter()
            .map(|(name, host, port, security_protocol)| BrokerEndpoint {
                name: name.clone().into(),
                host: host.clone().into(),
                port: *port,
                security_protocol: *security_protocol,
                ..Default::default()
            })
            .collect(),
        features: FEATURES
            .iter()
            .map(|f| BrokerFeature {
                name: f.name.into(),
                min_supported_version: f.min,
                max_supported_version: f.max,
                ..Default::default()
            })
            .collect(),
        rack: registration.rack.clone().map(Into::into),
        fenced: true,
        log_dirs,
        ..Default::default()
    };
    let can_cordon = metadata_version >= DEFAULT_METADATA_VERSION;
    let cordoned = || registration.cordoned_log_dirs.iter().map(|d| d.0).collect();
    let unfence = BrokerRegistrationChangeRecord {
        broker_id: node,
        broker_epoch,
        fenced: -1,
        cordoned_log_dirs: can_cordon.then(cordoned),
        ..Default::default()
    };
    vec![
        MetadataRecord::RegisterController(controller),
        MetadataRecord::RegisterBroker(broker),
        MetadataRecord::BrokerRegistrationChange(unfence),
    ]
}

/// What makes this node lead every partition that it holds alone or in sync. After an unclean stop each of
/// them starts a new leader epoch, for offsets that were lost may be written anew; after a clean one only
/// those do that have no leader, as Kafka leaves them behind. `directory_of` names the log directory in
/// which a replica was found, if that is another one than the image says.
#[must_use]
pub fn lead_again(
    image: &Image,
    node: NodeId,
    was_unclean: bool,
    directory_of: impl Fn(Uuid, i32) -> Option<Uuid>,
) -> Vec<MetadataRecord<'static>> {
    let mut records = Vec::new();
    for topic in image.topics().iter() {
        for (index, partition) in &topic.partitions {
            let Some(at) = partition.replicas.iter().position(|n| *n == node) else { continue };
            let found = directory_of(topic.id, *index);
            let moved = found.filter(|d| partition.directories.get(at).is_some_and(|known| known != d));
            let may_lead = partition.isr.contains(&node)
                || partition.elr.contains(&node)
                || partition.last_known_elr.contains(&node)
                || partition.replicas.len() == 1;
            let elects = may_lead && (was_unclean || partition.leader != Some(node));
            if !elects && moved.is_none() {
                continue;
            }
            let mut record = if elects {
                make_leader(topic.id, *index, partition, node)
            } else {
                PartitionChangeRecord { partition_id: *index, topic_id: topic.id.0, ..Default::default() }
            };
            if let Some(moved) = moved {
                let mut directories: Vec<[u8; 16]> = partition.directories.iter().map(|d| d.0).collect();
                if let Some(directory) = directories.get_mut(at) {
                    *directory = moved.0;
                }
                record.directories = Some(directories);
            }
            if partition.recovering {
                record.leader_recovery_state = 0;
            }
            records.push(MetadataRecord::PartitionChange(record));
        }
    }
    records
}

/// The default features of a new cluster at a metadata.version, those of level 0 and the quorum's own left
/// out: what `bootstrap.checkpoint` holds.
#[must_use]
pub fn default_features(metadata_version: i16) -> Vec<(String, i16)> {
    FEATURES
        .iter()
        .filter(|f| f.name != KRAFT_VERSION)
        .map(|f| (f.name.to_owned(), f.default_level(metadata_version)))
        .filter(|(_, level)| *level > 0)
        .collect()
}

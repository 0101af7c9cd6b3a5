//! What this start tells the metadata log: that the node is here, and that it leads its partitions.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use super::Environment;
use super::directories::Opened;
use super::start::StartError;
use crate::config::{BrokerConfig, Endpoint};
use crate::metadata::change::{self, Registration};
use crate::metadata::features::METADATA_VERSION;
use crate::metadata::store::Journal;
use crate::types::{NodeId, Offset, Uuid};

/// Kafka's number of the security protocol PLAINTEXT.
const PLAINTEXT: i16 = 0;

/// Registers the node and lets it lead again; durable when this returns. Gives the broker epoch: the offset
/// of the registration.
pub(super) fn register(
    journal: &mut Journal,
    config: &BrokerConfig,
    opened: &Opened,
    addresses: &[(Arc<str>, SocketAddr)],
    environment: &Environment,
) -> Result<Offset, StartError> {
    let node = NodeId(config.node_id);
    let (clients, controllers): (Vec<_>, Vec<_>) =
        config.listeners.iter().partition(|e| !config.is_controller_listener(&e.listener));
    let cordoned = |path: &str| config.cordoned_log_dirs.iter().any(|dir| dir == path || dir == "*");
    let with_ids = opened.directories.iter().zip(&opened.ids);
    let registration = Registration {
        node,
        incarnation: environment.rng.uuid(),
        endpoints: clients.into_iter().map(|e| endpoint(e, config, addresses)).collect(),
        controller_endpoints: controllers.into_iter().map(|e| endpoint(e, config, addresses)).collect(),
        rack: config.broker_rack.clone(),
        log_dirs: opened.ids.clone(),
        cordoned_log_dirs: with_ids
            .clone()
            .filter(|(directory, _)| cordoned(&directory.path().to_string_lossy()))
            .map(|(_, id)| *id)
            .collect(),
    };
    let now = environment.clock.now();
    // The controller's registration comes first.
    let epoch = journal.end_offset().plus(1);
    let version = journal.image().feature(METADATA_VERSION);
    journal.append(&change::register(&registration, version, epoch.get()), now)?;
    let mut found: HashMap<(Uuid, i32), Uuid> = HashMap::new();
    for (contents, id) in opened.contents.iter().zip(&opened.ids) {
        for partition in &contents.partitions {
            if let Some(topic) = partition.topic_id {
                found.insert((topic, partition.tp.partition), *id);
            }
        }
    }
    let directory_of = |topic: Uuid, index: i32| found.get(&(topic, index)).copied();
    let records = change::lead_again(journal.image(), node, opened.was_unclean, directory_of);
    journal.append(&records, now)?;
    journal.flush()?;
    Ok(epoch)
}

/// A listener as other nodes would reach it: its advertised address, or the one it is bound to.
fn endpoint(
    endpoint: &Endpoint,
    config: &BrokerConfig,
    addresses: &[(Arc<str>, SocketAddr)],
) -> (String, String, u16, i16) {
    let same = |e: &&Endpoint| e.listener == endpoint.listener;
    let told = config.advertised_listeners.iter().flatten().find(same).unwrap_or(endpoint);
    let host = if told.host.is_empty() { "localhost" } else { &told.host };
    let bound = addresses.iter().find(|(name, _)| **name == *endpoint.listener);
    let port = match told.port {
        0 => bound.map_or(0, |(_, address)| address.port()),
        port => port,
    };
    (endpoint.listener.clone(), host.to_owned(), port, PLAINTEXT)
}

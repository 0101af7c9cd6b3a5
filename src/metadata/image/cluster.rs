//! Registered brokers and controllers. A registration is kept as its record, changed in place.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::ReplayError;
use crate::schema::metadata::MetadataRecord;
use crate::schema::metadata::broker_registration_change_record::BrokerRegistrationChangeRecord;
use crate::schema::metadata::register_broker_record::RegisterBrokerRecord;
use crate::schema::metadata::register_controller_record::RegisterControllerRecord;
use crate::types::NodeId;

/// Brokers and controllers by node id.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cluster {
    brokers: Arc<BTreeMap<NodeId, RegisterBrokerRecord<'static>>>,
    controllers: Arc<BTreeMap<NodeId, RegisterControllerRecord<'static>>>,
}

impl Cluster {
    /// A broker's registration.
    #[must_use]
    pub fn broker(&self, id: NodeId) -> Option<&RegisterBrokerRecord<'static>> {
        self.brokers.get(&id)
    }

    /// All broker registrations, by node id.
    pub fn brokers(&self) -> impl Iterator<Item = &RegisterBrokerRecord<'static>> {
        self.brokers.values()
    }

    /// Node ids of the brokers that may lead: registered and not fenced.
    pub fn live_brokers(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.brokers.values().filter(|b| !b.fenced && !b.in_controlled_shutdown).map(|b| NodeId(b.broker_id))
    }

    /// A controller's registration.
    #[must_use]
    pub fn controller(&self, id: NodeId) -> Option<&RegisterControllerRecord<'static>> {
        self.controllers.get(&id)
    }

    /// All controller registrations, by node id.
    pub fn controllers(&self) -> impl Iterator<Item = &RegisterControllerRecord<'static>> {
        self.controllers.values()
    }

    pub(super) fn register_broker(&mut self, r: &RegisterBrokerRecord<'_>) {
        Arc::make_mut(&mut self.brokers).insert(NodeId(r.broker_id), r.clone().into_static());
    }

    pub(super) fn unregister_broker(&mut self, id: i32, epoch: i64) -> Result<(), ReplayError> {
        self.broker_mut(id, epoch)?;
        Arc::make_mut(&mut self.brokers).remove(&NodeId(id));
        Ok(())
    }

    pub(super) fn fence(&mut self, id: i32, epoch: i64, fenced: bool) -> Result<(), ReplayError> {
        self.broker_mut(id, epoch)?.fenced = fenced;
        Ok(())
    }

    pub(super) fn change_broker(&mut self, r: &BrokerRegistrationChangeRecord) -> Result<(), ReplayError> {
        let broker = self.broker_mut(r.broker_id, r.broker_epoch)?;
        if r.fenced != 0 {
            broker.fenced = r.fenced > 0;
        }
        if r.in_controlled_shutdown != 0 {
            broker.in_controlled_shutdown = r.in_controlled_shutdown > 0;
        }
        if !r.log_dirs.is_empty() {
            broker.log_dirs.clone_from(&r.log_dirs);
        }
        if r.cordoned_log_dirs.is_some() {
            broker.cordoned_log_dirs.clone_from(&r.cordoned_log_dirs);
        }
        Ok(())
    }

    pub(super) fn register_controller(&mut self, r: &RegisterControllerRecord<'_>) {
        Arc::make_mut(&mut self.controllers).insert(NodeId(r.controller_id), r.clone().into_static());
    }

    pub(super) fn unregister_controller(&mut self, id: i32) {
        Arc::make_mut(&mut self.controllers).remove(&NodeId(id));
    }

    fn broker_mut(&mut self, id: i32, epoch: i64) -> Result<&mut RegisterBrokerRecord<'static>, ReplayError> {
        let id = NodeId(id);
        let broker = self.brokers.get(&id).ok_or(ReplayError::UnknownBroker(id))?;
        if broker.broker_epoch != epoch {
            return Err(ReplayError::BrokerEpoch { id, epoch: broker.broker_epoch, found: epoch });
        }
        Arc::make_mut(&mut self.brokers).get_mut(&id).ok_or(ReplayError::UnknownBroker(id))
    }

    pub(super) fn to_records(&self, out: &mut Vec<MetadataRecord<'static>>) {
        out.extend(self.brokers.values().cloned().map(MetadataRecord::RegisterBroker));
        out.extend(self.controllers.values().cloned().map(MetadataRecord::RegisterController));
    }
}

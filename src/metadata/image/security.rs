//! SCRAM credentials, ACLs, quotas and delegation tokens. All but quotas are kept as their records.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::schema::metadata::MetadataRecord;
use crate::schema::metadata::access_control_entry_record::AccessControlEntryRecord;
use crate::schema::metadata::client_quota_record::{ClientQuotaRecord, EntityData};
use crate::schema::metadata::delegation_token_record::DelegationTokenRecord;
use crate::schema::metadata::user_scram_credential_record::UserScramCredentialRecord;
use crate::types::Uuid;

/// Whom a quota is for: pairs of type (`user`, `client-id`, `ip`) and name, `None` for the default;
/// sorted by type.
pub type QuotaEntity = Vec<(Arc<str>, Option<Arc<str>>)>;

/// Who may do what, and how much of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Security {
    credentials: Arc<BTreeMap<(Arc<str>, i8), UserScramCredentialRecord<'static>>>,
    acls: Arc<BTreeMap<Uuid, AccessControlEntryRecord<'static>>>,
    quotas: Arc<BTreeMap<QuotaEntity, BTreeMap<Arc<str>, f64>>>,
    tokens: Arc<BTreeMap<Arc<str>, DelegationTokenRecord<'static>>>,
}

impl Security {
    /// SCRAM credentials, by user and mechanism.
    pub fn credentials(&self) -> impl Iterator<Item = &UserScramCredentialRecord<'static>> {
        self.credentials.values()
    }

    /// ACLs, by id.
    pub fn acls(&self) -> impl Iterator<Item = &AccessControlEntryRecord<'static>> {
        self.acls.values()
    }

    /// Quotas: values by name, for each entity.
    pub fn quotas(&self) -> impl Iterator<Item = (&QuotaEntity, &BTreeMap<Arc<str>, f64>)> {
        self.quotas.iter()
    }

    /// Delegation tokens, by id.
    pub fn tokens(&self) -> impl Iterator<Item = &DelegationTokenRecord<'static>> {
        self.tokens.values()
    }

    /// Applies a record of this file's subject; others do nothing.
    pub(super) fn replay(&mut self, record: &MetadataRecord<'_>) {
        use MetadataRecord as R;
        match record {
            R::UserScramCredential(r) => {
                let key = (Arc::from(&*r.name), r.mechanism);
                Arc::make_mut(&mut self.credentials).insert(key, r.clone().into_static());
            }
            R::RemoveUserScramCredential(r) => {
                Arc::make_mut(&mut self.credentials).remove(&(Arc::from(&*r.name), r.mechanism));
            }
            R::AccessControlEntry(r) => {
                Arc::make_mut(&mut self.acls).insert(Uuid(r.id), r.clone().into_static());
            }
            R::RemoveAccessControlEntry(r) => {
                Arc::make_mut(&mut self.acls).remove(&Uuid(r.id));
            }
            R::DelegationToken(r) => {
                Arc::make_mut(&mut self.tokens).insert(Arc::from(&*r.token_id), r.clone().into_static());
            }
            R::RemoveDelegationToken(r) => {
                Arc::make_mut(&mut self.tokens).remove(&*r.token_id);
            }
            R::ClientQuota(r) => self.set_quota(r),
            _ => {}
        }
    }

    fn set_quota(&mut self, r: &ClientQuotaRecord<'_>) {
        let name = |e: &EntityData<'_>| e.entity_name.as_deref().map(Arc::from);
        let mut entity: QuotaEntity =
            r.entity.iter().map(|e| (Arc::from(&*e.entity_type), name(e))).collect();
        entity.sort();
        let quotas = Arc::make_mut(&mut self.quotas);
        if !r.remove {
            quotas.entry(entity).or_default().insert(Arc::from(&*r.key), r.value);
        } else if let Some(values) = quotas.get_mut(&entity) {
            values.remove(&*r.key);
            if values.is_empty() {
                quotas.remove(&entity);
            }
        }
    }

    pub(super) fn to_records(&self, out: &mut Vec<MetadataRecord<'static>>) {
        for (entity, values) in self.quotas.iter() {
            for (key, value) in values {
                out.push(MetadataRecord::ClientQuota(quota_record(entity, key, *value)));
            }
        }
        out.extend(self.acls.values().cloned().map(MetadataRecord::AccessControlEntry));
        out.extend(self.credentials.values().cloned().map(MetadataRecord::UserScramCredential));
        out.extend(self.tokens.values().cloned().map(MetadataRecord::DelegationToken));
    }
}

fn quota_record(entity: &QuotaEntity, key: &str, value: f64) -> ClientQuotaRecord<'static> {
    let entity = entity.iter().map(|(kind, name)| EntityData {
        entity_type: kind.to_string().into(),
        entity_name: name.as_ref().map(|name| name.to_string().into()),
        ..EntityData::default()
    });
    ClientQuotaRecord { entity: entity.collect(), key: key.to_owned().into(), value, ..Default::default() }
}

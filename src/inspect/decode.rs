//! What records of internal topics and control records say. Pure.
//!
//! Names and shapes are those of Kafka's dump tool, so that scripts for one read the other.

use serde_json::{Value, json};

use crate::metadata::frame;
use crate::record::Record;
use crate::record::control::ControlRecord;
use crate::schema::group_coordinator::group_metadata_value::GroupMetadataValue;
use crate::schema::{DecodeError, MESSAGES, MessageInfo, Reader};

/// The metadata log, and the topic of its snapshots.
pub const METADATA_TOPIC: &str = "__cluster_metadata";

/// Type of the key of a classic group.
const CLASSIC_GROUP: i16 = 2;

/// The internal topics whose records a coordinator writes, and the folder of their schemas.
const COORDINATORS: &[(&str, &str)] = &[
    ("__consumer_offsets", "group-coordinator"),
    ("__transaction_state", "transaction-coordinator"),
    ("__share_group_state", "share-coordinator"),
];

/// A record understood: what its key and its value say.
#[derive(Clone, Debug, PartialEq)]
pub struct Decoded {
    /// `None` where the value says it all.
    pub key: Option<Value>,
    /// What the record says; null for a tombstone.
    pub value: Value,
}

/// Understands a record of the topic; `None` if its bytes mean something only to its producer.
///
/// # Errors
/// The bytes are not what the topic's schemas say.
pub fn decode(topic: &str, is_control: bool, record: &Record<'_>) -> Option<Result<Decoded, DecodeError>> {
    if is_control {
        return Some(control(record));
    }
    if topic == METADATA_TOPIC {
        return Some(metadata(record));
    }
    let (_, room) = COORDINATORS.iter().find(|(name, _)| *name == topic)?;
    Some(coordinator(room, record))
}

fn metadata(record: &Record<'_>) -> Result<Decoded, DecodeError> {
    let (message, version) = frame::decode(record.value.unwrap_or_default())?;
    let value = json!({
        "type": message.type_name(), "version": version, "data": message.to_json(version),
    });
    Ok(Decoded { key: None, value })
}

fn coordinator(room: &str, record: &Record<'_>) -> Result<Decoded, DecodeError> {
    let (kind, key) = version_and_rest(record.key.unwrap_or_default())?;
    let schema = |suffix| {
        let unknown = DecodeError::UnknownType(i64::from(kind));
        MessageInfo::of_record(room, kind, suffix).and_then(|m| m.to_json).ok_or(unknown)
    };
    // Keys have no version of their own: the number before them is the type.
    let key = schema("Key")?(key, 0)?;
    let value = match record.value {
        None => Value::Null,
        Some(value) => {
            let (version, value) = version_and_rest(value)?;
            let mut data = schema("Value")?(value, version)?;
            if room == "group-coordinator" && kind == CLASSIC_GROUP {
                consumer_protocol(&mut data, &GroupMetadataValue::decode(&mut Reader::new(value), version)?);
            }
            json!({ "version": version.to_string(), "data": data })
        }
    };
    Ok(Decoded { key: Some(json!({ "type": kind.to_string(), "data": key })), value })
}

/// Puts what members of a classic consumer group said in place of its bytes, where it can be read.
fn consumer_protocol(data: &mut Value, group: &GroupMetadataValue<'_>) {
    if group.protocol_type != "consumer" {
        return;
    }
    let members = data.get_mut("members").and_then(Value::as_array_mut).into_iter().flatten();
    for (shown, member) in members.zip(&group.members) {
        let fields = [
            ("subscription", "ConsumerProtocolSubscription", &member.subscription),
            ("assignment", "ConsumerProtocolAssignment", &member.assignment),
        ];
        for (field, schema, bytes) in fields {
            let Ok((version, rest)) = version_and_rest(bytes) else { continue };
            let to_json = MESSAGES.iter().find(|m| m.name == schema).and_then(|m| m.to_json);
            if let (Some(Ok(said)), Some(place)) = (to_json.map(|f| f(rest, version)), shown.get_mut(field)) {
                *place = said;
            }
        }
    }
}

fn control(record: &Record<'_>) -> Result<Decoded, DecodeError> {
    let bytes = record.value.unwrap_or_default();
    let (version, _) = version_and_rest(bytes)?;
    let (name, data) = match ControlRecord::decode(record.key.unwrap_or_default(), bytes)? {
        ControlRecord::Abort(marker) => ("ABORT", marker.to_json(version)),
        ControlRecord::Commit(marker) => ("COMMIT", marker.to_json(version)),
        ControlRecord::LeaderChange(message) => ("LeaderChange", message.to_json(version)),
        ControlRecord::SnapshotHeader(header) => ("SnapshotHeader", header.to_json(version)),
        ControlRecord::SnapshotFooter(footer) => ("SnapshotFooter", footer.to_json(version)),
        ControlRecord::KraftVersion(version_record) => ("KRaftVersion", version_record.to_json(version)),
        ControlRecord::Voters(voters) => ("KRaftVoters", voters.to_json(version)),
    };
    Ok(Decoded { key: None, value: json!({ "control": name, "version": version, "data": data }) })
}

fn version_and_rest(bytes: &[u8]) -> Result<(i16, &[u8]), DecodeError> {
    match bytes.split_first_chunk() {
        Some((head, rest)) => Ok((i16::from_be_bytes(*head), rest)),
        None => Err(DecodeError::Truncated { needed: 2, left: bytes.len() }),
    }
}

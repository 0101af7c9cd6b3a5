//! The records of `__consumer_offsets`: a key (type, then the schema's version 0) and a value (version,
//! then the schema); no value deletes the key.

use std::borrow::Cow;

use crate::schema::group_coordinator as g;
use crate::schema::{DecodeError, Reader, Writer};

macro_rules! records {
    ($($(#[$doc:meta])* $name:ident = $kind:literal v $version:literal: $key:ty => $value:ty,)*) => {
        /// A record of the topic: what is said of a key.
        #[derive(Clone, Debug, PartialEq)]
        pub enum CoordinatorRecord<'a> {
            $($(#[$doc])* $name {
                /// Of what.
                key: $key,
                /// The state; `None` deletes it.
                value: Option<$value>,
            },)*
            /// A kind that is not understood here, or a value of a version that is not: kept as it is.
            Opaque {
                /// Type of the record.
                kind: i16,
                /// All bytes of the key.
                key: Cow<'a, [u8]>,
                /// All bytes of the value.
                value: Option<Cow<'a, [u8]>>,
            },
        }

        impl<'a> CoordinatorRecord<'a> {
            /// Type of the record, as it stands at the head of the key.
            #[must_use]
            pub fn kind(&self) -> i16 {
                match self {
                    $(Self::$name { .. } => $kind,)*
                    Self::Opaque { kind, .. } => *kind,
                }
            }

            /// The bytes of key and value, in the version that Kafka 4.3 writes.
            #[must_use]
            pub fn encode(&self) -> (Vec<u8>, Option<Vec<u8>>) {
                match self {
                    $(Self::$name { key, value } => {
                        let mut k = Writer::new();
                        k.i16($kind);
                        key.encode(&mut k, 0);
                        let value = value.as_ref().map(|value| {
                            let mut v = Writer::new();
                            v.i16($version);
                            value.encode(&mut v, $version);
                            v.buf
                        });
                        (k.buf, value)
                    })*
                    Self::Opaque { key, value, .. } => {
                        (key.to_vec(), value.as_ref().map(|value| value.to_vec()))
                    }
                }
            }

            /// Reads a record. What is of an unknown kind, or of a version from the future, is opaque.
            ///
            /// # Errors
            /// Key or value are damaged.
            pub fn decode(key: &'a [u8], value: Option<&'a [u8]>) -> Result<Self, DecodeError> {
                let opaque = |kind| Self::Opaque { kind, key: key.into(), value: value.map(Cow::Borrowed) };
                let mut k = Reader::new(key);
                let kind = k.i16()?;
                match kind {
                    $($kind => {
                        let decoded = <$key>::decode(&mut k, 0)?;
                        let value = match value {
                            None => None,
                            Some(bytes) => {
                                let mut v = Reader::new(bytes);
                                let version = v.i16()?;
                                match <$value>::decode(&mut v, version) {
                                    Err(DecodeError::UnsupportedVersion(_)) => return Ok(opaque(kind)),
                                    decoded => Some(decoded?),
                                }
                            }
                        };
                        Ok(Self::$name { key: decoded, value })
                    })*
                    _ => Ok(opaque(kind)),
                }
            }
        }
    };
}

records! {
    /// A committed offset.
    OffsetCommit = 1 v 4:
        g::offset_commit_key::OffsetCommitKey<'a> => g::offset_commit_value::OffsetCommitValue<'a>,
    /// A generation of a classic group with its members and their assignments.
    GroupMetadata = 2 v 3:
        g::group_metadata_key::GroupMetadataKey<'a> => g::group_metadata_value::GroupMetadataValue<'a>,
    /// Epoch of a consumer group.
    ConsumerGroupMetadata = 3 v 0:
        g::consumer_group_metadata_key::ConsumerGroupMetadataKey<'a> =>
        g::consumer_group_metadata_value::ConsumerGroupMetadataValue,
    /// The topics that a consumer group knew; Kafka only deletes such records now.
    ConsumerGroupPartitionMetadata = 4 v 0:
        g::consumer_group_partition_metadata_key::ConsumerGroupPartitionMetadataKey<'a> =>
        g::consumer_group_partition_metadata_value::ConsumerGroupPartitionMetadataValue<'a>,
    /// A member of a consumer group and its subscription.
    ConsumerGroupMember = 5 v 0:
        g::consumer_group_member_metadata_key::ConsumerGroupMemberMetadataKey<'a> =>
        g::consumer_group_member_metadata_value::ConsumerGroupMemberMetadataValue<'a>,
    /// Epoch of the target assignment of a consumer group.
    ConsumerGroupTargetAssignment = 6 v 0:
        g::consumer_group_target_assignment_metadata_key::ConsumerGroupTargetAssignmentMetadataKey<'a> =>
        g::consumer_group_target_assignment_metadata_value::ConsumerGroupTargetAssignmentMetadataValue,
    /// Target assignment of a member of a consumer group.
    ConsumerGroupTargetAssignmentMember = 7 v 0:
        g::consumer_group_target_assignment_member_key::ConsumerGroupTargetAssignmentMemberKey<'a> =>
        g::consumer_group_target_assignment_member_value::ConsumerGroupTargetAssignmentMemberValue,
    /// What a member of a consumer group owns now.
    ConsumerGroupCurrentMember = 8 v 0:
        g::consumer_group_current_member_assignment_key::ConsumerGroupCurrentMemberAssignmentKey<'a> =>
        g::consumer_group_current_member_assignment_value::ConsumerGroupCurrentMemberAssignmentValue,
    /// A pattern that a consumer group subscribes to, resolved.
    ConsumerGroupRegularExpression = 16 v 0:
        g::consumer_group_regular_expression_key::ConsumerGroupRegularExpressionKey<'a> =>
        g::consumer_group_regular_expression_value::ConsumerGroupRegularExpressionValue<'a>,
    /// Epoch of a share group; only that such a group is there matters here.
    ShareGroupMetadata = 11 v 0:
        g::share_group_metadata_key::ShareGroupMetadataKey<'a> =>
        g::share_group_metadata_value::ShareGroupMetadataValue,
    /// Epoch of a streams group; only that such a group is there matters here.
    StreamsGroupMetadata = 17 v 0:
        g::streams_group_metadata_key::StreamsGroupMetadataKey<'a> =>
        g::streams_group_metadata_value::StreamsGroupMetadataValue<'a>,
}

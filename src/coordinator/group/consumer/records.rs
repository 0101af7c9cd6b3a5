//! The records of a consumer group.

use super::super::assignor::Assignment;
use super::member::{Current, Member, Subscription, owned};
use super::pattern::Resolved;
use crate::coordinator::record::CoordinatorRecord as R;
use crate::schema::group_coordinator as g;
use crate::schema::group_coordinator::consumer_group_target_assignment_member_value as target;

/// Makes the records of one group.
#[derive(Clone, Copy, Debug)]
pub(super) struct Records<'a>(pub &'a str);

impl Records<'_> {
    /// Epoch of the group and fingerprint of its topics.
    pub fn epoch(self, epoch: i32, metadata_hash: i64) -> R<'static> {
        let value = g::consumer_group_metadata_value::ConsumerGroupMetadataValue {
            epoch,
            metadata_hash,
            ..Default::default()
        };
        self.epoch_record(Some(value))
    }

    /// The group is gone; it comes last.
    pub fn no_group(self) -> R<'static> {
        self.epoch_record(None)
    }

    fn epoch_record(
        self,
        value: Option<g::consumer_group_metadata_value::ConsumerGroupMetadataValue>,
    ) -> R<'static> {
        let key = g::consumer_group_metadata_key::ConsumerGroupMetadataKey { group_id: owned(self.0) };
        R::ConsumerGroupMetadata { key, value }
    }

    /// What older versions of Kafka wrote about topics is void.
    pub fn no_partition_metadata(self) -> R<'static> {
        let key = g::consumer_group_partition_metadata_key::ConsumerGroupPartitionMetadataKey {
            group_id: owned(self.0),
        };
        R::ConsumerGroupPartitionMetadata { key, value: None }
    }

    /// What a member asks for; `None` if it is gone.
    pub fn subscription(self, member: &str, wants: Option<&Subscription>) -> R<'static> {
        let key = g::consumer_group_member_metadata_key::ConsumerGroupMemberMetadataKey {
            group_id: owned(self.0),
            member_id: owned(member),
        };
        R::ConsumerGroupMember { key, value: wants.map(Subscription::to_record) }
    }

    /// Epoch of the target assignment, and when it was made.
    pub fn target_epoch(self, made: Option<(i32, i64)>) -> R<'static> {
        let key =
            g::consumer_group_target_assignment_metadata_key::ConsumerGroupTargetAssignmentMetadataKey {
                group_id: owned(self.0),
            };
        let value = made.map(|(assignment_epoch, assignment_timestamp)| {
            g::consumer_group_target_assignment_metadata_value::ConsumerGroupTargetAssignmentMetadataValue {
                assignment_epoch,
                assignment_timestamp,
                ..Default::default()
            }
        });
        R::ConsumerGroupTargetAssignment { key, value }
    }

    /// What a member is to have.
    pub fn target(self, member: &str, target: Option<&Assignment>) -> R<'static> {
        let key = g::consumer_group_target_assignment_member_key::ConsumerGroupTargetAssignmentMemberKey {
            group_id: owned(self.0),
            member_id: owned(member),
        };
        let value = target.map(|assignment| {
            let topic = |(id, partitions): (&crate::types::TopicId, &std::collections::BTreeSet<i32>)| {
                target::TopicPartition {
                    topic_id: id.0,
                    partitions: partitions.iter().copied().collect(),
                    ..Default::default()
                }
            };
            target::ConsumerGroupTargetAssignmentMemberValue {
                topic_partitions: assignment.iter().map(topic).collect(),
                ..Default::default()
            }
        });
        R::ConsumerGroupTargetAssignmentMember { key, value }
    }

    /// What a member has.
    pub fn current(self, member: &str, has: Option<&Current>) -> R<'static> {
        let key = g::consumer_group_current_member_assignment_key::ConsumerGroupCurrentMemberAssignmentKey {
            group_id: owned(self.0),
            member_id: owned(member),
        };
        R::ConsumerGroupCurrentMember { key, value: has.map(Current::to_record) }
    }

    /// A pattern and what it matches.
    pub fn pattern(self, pattern: &str, resolved: Option<&Resolved>) -> R<'static> {
        let key = g::consumer_group_regular_expression_key::ConsumerGroupRegularExpressionKey {
            group_id: owned(self.0),
            regular_expression: owned(pattern),
        };
        R::ConsumerGroupRegularExpression { key, value: resolved.map(Resolved::to_record) }
    }

    /// A member is gone.
    pub fn no_member(self, member: &str) -> [R<'static>; 3] {
        [self.current(member, None), self.target(member, None), self.subscription(member, None)]
    }

    /// All of a member anew.
    pub fn whole_member(self, member: &Member, target: &Assignment) -> [R<'static>; 3] {
        [
            self.subscription(&member.id, Some(&member.wants)),
            self.target(&member.id, Some(target)),
            self.current(&member.id, Some(&member.has)),
        ]
    }
}

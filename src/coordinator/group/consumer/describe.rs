//! ConsumerGroupDescribe: a group for people to look at.

use std::collections::BTreeSet;

use super::super::assignor::Assignment;
use super::super::{Group, GroupShard, View};
use super::group::ConsumerGroup;
use super::heartbeat::group_not_found;
use super::member::{Member, owned, partitions};
use super::options::Options;
use crate::schema::clients::consumer_group_describe_response::{
    self as response, DescribedGroup, TopicPartitions,
};

/// What `MemberType` says of a member.
const CLASSIC: i8 = 0;
const CONSUMER: i8 = 1;

impl GroupShard {
    /// Describes one group; a group that is not a consumer group is described by its error.
    #[must_use]
    pub fn consumer_describe(&self, view: &View<'_>, id: &str) -> DescribedGroup<'static> {
        if let Some(Group::Consumer(group)) = self.groups.get(id) {
            return describe(group, view);
        }
        let refused = group_not_found(id);
        DescribedGroup {
            error_code: refused.code.code(),
            error_message: Some(refused.message.into()),
            group_id: owned(id),
            ..Default::default()
        }
    }
}

fn describe(group: &ConsumerGroup, view: &View<'_>) -> DescribedGroup<'static> {
    let assignor = Options::of(view, &group.id).assignor(group.preferred_assignor(None, None));
    DescribedGroup {
        group_id: owned(&group.id),
        group_state: group.state_name().into(),
        group_epoch: group.epoch,
        assignment_epoch: group.target_epoch,
        assignor_name: assignor.name().into(),
        members: group.members.values().map(|member| describe_member(group, member, view)).collect(),
        ..Default::default()
    }
}

fn describe_member(group: &ConsumerGroup, member: &Member, view: &View<'_>) -> response::Member<'static> {
    let wants = &member.wants;
    response::Member {
        member_id: owned(&member.id),
        instance_id: member.instance().map(owned),
        rack_id: wants.rack.as_deref().map(owned),
        member_epoch: member.has.epoch,
        client_id: owned(&wants.client_id),
        client_host: owned(&wants.client_host),
        subscribed_topic_names: wants.topics.iter().map(|name| owned(name)).collect(),
        subscribed_topic_regex: wants.regex.as_deref().map(owned),
        assignment: describe_assignment(&partitions(&member.has.assigned), view),
        target_assignment: describe_assignment(&group.target(&member.id), view),
        member_type: if member.is_classic() { CLASSIC } else { CONSUMER },
        ..Default::default()
    }
}

/// Topics that are gone are left out: they have no name.
fn describe_assignment(assignment: &Assignment, view: &View<'_>) -> response::Assignment<'static> {
    let topic = |(id, partitions): (&_, &BTreeSet<i32>)| {
        let info = view.cluster.topic_by_id(*id)?;
        Some(TopicPartitions {
            topic_id: id.0,
            topic_name: info.name.to_string().into(),
            partitions: partitions.iter().copied().collect(),
            ..Default::default()
        })
    };
    response::Assignment {
        topic_partitions: assignment.iter().filter_map(topic).collect(),
        ..Default::default()
    }
}

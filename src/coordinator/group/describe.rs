//! ListGroups and DescribeGroups.

use std::borrow::Cow;

use super::classic::{Member, State};
use super::{Group, GroupShard};
use crate::schema::ErrorCode;
use crate::schema::clients::describe_groups_response::{DescribedGroup, DescribedGroupMember};
use crate::schema::clients::list_groups_response::ListedGroup;

/// From this version on a group that is not there is an error; before, it is `Dead`.
const NOT_FOUND_FROM: i16 = 6;

impl Group {
    /// Its state, by Kafka's name.
    #[must_use]
    pub fn state_name(&self) -> &'static str {
        match self {
            Self::Classic(group) => group.state().name(),
            Self::Consumer(group) => group.state_name(),
            Self::Share | Self::Streams => "Empty",
        }
    }

    fn protocol_type(&self) -> &str {
        match self {
            Self::Classic(group) => group.protocol_type().unwrap_or_default(),
            Self::Consumer(_) => "consumer",
            Self::Share => "share",
            Self::Streams => "streams",
        }
    }
}

impl GroupShard {
    /// The groups in one of these states and of one of these types; an empty list means all. Case does
    /// not matter.
    #[must_use]
    pub fn list(&self, states: &[&str], types: &[&str]) -> Vec<ListedGroup<'static>> {
        let passes = |filter: &[&str], value: &str| {
            filter.is_empty() || filter.iter().any(|wanted| wanted.eq_ignore_ascii_case(value))
        };
        let mut listed: Vec<ListedGroup<'static>> = self
            .groups
            .iter()
            .filter(|(_, group)| passes(states, group.state_name()) && passes(types, group.type_name()))
            .map(|(id, group)| ListedGroup {
                group_id: id.to_string().into(),
                protocol_type: group.protocol_type().to_owned().into(),
                group_state: group.state_name().into(),
                group_type: group.type_name().into(),
                ..Default::default()
            })
            .collect();
        listed.sort_by(|a, b| a.group_id.cmp(&b.group_id));
        listed
    }

    /// A classic group with its members.
    #[must_use]
    pub fn describe(&self, id: &str, version: i16) -> DescribedGroup<'static> {
        let group = match self.group(id) {
            Some(Group::Classic(group)) => group,
            other => {
                let message = match other {
                    None => format!("there is no group {id}"),
                    Some(_) => format!("group {id} is not a classic group"),
                };
                return not_found(id, message, version);
            }
        };
        // Before the group is stable, what members subscribe to and own is about to change.
        let stable = group.state() == State::Stable;
        let protocol = group.protocol().filter(|_| stable).unwrap_or_default();
        DescribedGroup {
            group_id: id.to_owned().into(),
            group_state: group.state().name().into(),
            protocol_type: group.protocol_type().unwrap_or_default().to_owned().into(),
            protocol_data: protocol.to_owned().into(),
            members: group
                .members()
                .values()
                .map(|m| describe_member(m, stable.then_some(protocol)))
                .collect(),
            ..Default::default()
        }
    }
}

fn not_found(id: &str, message: String, version: i16) -> DescribedGroup<'static> {
    let group_id = id.to_owned().into();
    if version >= NOT_FOUND_FROM {
        DescribedGroup {
            group_id,
            error_code: ErrorCode::GROUP_ID_NOT_FOUND.code(),
            error_message: Some(message.into()),
            group_state: "Dead".into(),
            ..Default::default()
        }
    } else {
        DescribedGroup { group_id, group_state: "Dead".into(), ..Default::default() }
    }
}

fn describe_member(member: &Member, protocol: Option<&str>) -> DescribedGroupMember<'static> {
    let metadata = protocol.map(|protocol| member.metadata(protocol).to_vec()).unwrap_or_default();
    let assignment = protocol.map(|_| member.assignment.to_vec()).unwrap_or_default();
    DescribedGroupMember {
        member_id: member.id.to_string().into(),
        group_instance_id: member.instance.as_deref().map(|id| id.to_owned().into()),
        client_id: member.client_id.to_string().into(),
        client_host: member.client_host.to_string().into(),
        member_metadata: Cow::Owned(metadata),
        member_assignment: Cow::Owned(assignment),
        ..Default::default()
    }
}

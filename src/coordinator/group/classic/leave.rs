//! LeaveGroup.

use super::super::{Decision, Group, GroupShard, Outcome, View, consumer};
use super::State;
use super::rebalance::Turn;
use crate::schema::ErrorCode;
use crate::schema::clients::leave_group_request::LeaveGroupRequest;
use crate::schema::clients::leave_group_response::{LeaveGroupResponse, MemberResponse};

impl GroupShard {
    /// Members leave, or an administrator removes static ones by their instance ids. The request is in
    /// the form of version 3 and later, with a list of members.
    pub fn leave(
        &mut self,
        view: &View<'_>,
        request: &LeaveGroupRequest<'_>,
    ) -> Decision<LeaveGroupResponse<'static>> {
        if request.group_id.is_empty() {
            let error_code = ErrorCode::INVALID_GROUP_ID.code();
            return Decision::reply(LeaveGroupResponse { error_code, ..Default::default() });
        }
        Decision::collect(|changes| {
            let results = match self.group(&request.group_id) {
                Some(Group::Consumer(_)) => consumer::classic_leave(self, view, request, changes),
                Some(Group::Classic(_)) => self
                    .turn(&request.group_id, view, changes)
                    .map(|mut turn| turn.leave(request))
                    .unwrap_or_default(),
                _ => request.members.iter().map(|_| ErrorCode::UNKNOWN_MEMBER_ID).collect(),
            };
            let tell = |(member, code): (_, ErrorCode)| {
                let member: &crate::schema::clients::leave_group_request::MemberIdentity<'_> = member;
                MemberResponse {
                    member_id: member.member_id.to_string().into(),
                    group_instance_id: member.group_instance_id.as_deref().map(|id| id.to_owned().into()),
                    error_code: code.code(),
                    ..Default::default()
                }
            };
            let members = request.members.iter().zip(results).map(tell).collect();
            Outcome::Reply(LeaveGroupResponse { members, ..Default::default() })
        })
    }
}

impl Turn<'_> {
    fn leave(&mut self, request: &LeaveGroupRequest<'_>) -> Vec<ErrorCode> {
        let mut results = Vec::with_capacity(request.members.len());
        let mut left = false;
        for member in &request.members {
            let result = self.leave_one(&member.member_id, member.group_instance_id.as_deref());
            left |= result.is_ok();
            results.push(result.err().unwrap_or(ErrorCode::NONE));
        }
        if left {
            match self.group.state {
                State::Stable | State::CompletingRebalance => self.prepare("members left"),
                State::PreparingRebalance => self.complete_if_all_joined(),
                State::Empty => {}
            }
        }
        results
    }

    fn leave_one(&mut self, id: &str, instance: Option<&str>) -> Result<(), ErrorCode> {
        if id.is_empty() {
            let known = instance.and_then(|instance| self.group.statics.get(instance)).cloned();
            let member = known.ok_or(ErrorCode::UNKNOWN_MEMBER_ID)?;
            self.drop_member(&member);
        } else if self.group.pending.remove(id) {
            self.end_session(id);
        } else {
            self.group.validate(id, instance)?;
            self.drop_member(id);
        }
        Ok(())
    }
}

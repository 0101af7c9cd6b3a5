//! SyncGroup and Heartbeat.

use std::collections::HashMap;
use std::sync::Arc;

use super::super::{Decision, Group, GroupShard, Outcome, Ticket, View, consumer};
use super::rebalance::Turn;
use super::{State, sync_error};
use crate::schema::ErrorCode;
use crate::schema::clients::heartbeat_request::HeartbeatRequest;
use crate::schema::clients::sync_group_request::SyncGroupRequest;
use crate::schema::clients::sync_group_response::SyncGroupResponse;

/// From this version on the request names the protocol.
const NAMED_PROTOCOL_FROM: i16 = 5;

type Reply = Outcome<SyncGroupResponse<'static>>;

impl GroupShard {
    /// A member asks for its assignment; the leader brings everyone's.
    pub fn sync(
        &mut self,
        view: &View<'_>,
        request: &SyncGroupRequest<'_>,
        version: i16,
    ) -> Decision<SyncGroupResponse<'static>> {
        if request.group_id.is_empty() {
            return Decision::reply(sync_error(ErrorCode::INVALID_GROUP_ID));
        }
        let named = request.protocol_type.is_some() && request.protocol_name.is_some();
        if version >= NAMED_PROTOCOL_FROM && !named {
            return Decision::reply(sync_error(ErrorCode::INCONSISTENT_GROUP_PROTOCOL));
        }
        Decision::collect(|changes| match self.group(&request.group_id) {
            Some(Group::Consumer(group)) if !group.is_empty() => {
                consumer::classic_sync(self, view, request, changes)
            }
            Some(Group::Classic(_)) => {
                let ticket = self.ticket();
                let turn = self.turn(&request.group_id, view, changes);
                turn.map_or_else(
                    || Outcome::Reply(sync_error(ErrorCode::UNKNOWN_MEMBER_ID)),
                    |mut turn| turn.sync(request, ticket),
                )
            }
            _ => Outcome::Reply(sync_error(ErrorCode::UNKNOWN_MEMBER_ID)),
        })
    }

    /// A member says that it lives.
    pub fn heartbeat(&mut self, view: &View<'_>, request: &HeartbeatRequest<'_>) -> Decision<ErrorCode> {
        if request.group_id.is_empty() {
            return Decision::reply(ErrorCode::INVALID_GROUP_ID);
        }
        Decision::collect(|changes| {
            Outcome::Reply(match self.group(&request.group_id) {
                Some(Group::Consumer(_)) => consumer::classic_heartbeat(self, view, request, changes),
                Some(Group::Classic(_)) => {
                    let turn = self.turn(&request.group_id, view, changes);
                    turn.map_or(ErrorCode::UNKNOWN_MEMBER_ID, |mut turn| turn.heartbeat(request))
                }
                _ => ErrorCode::UNKNOWN_MEMBER_ID,
            })
        })
    }
}

fn differs(asked: Option<&str>, agreed: Option<&str>) -> bool {
    asked.zip(agreed).is_some_and(|(asked, agreed)| asked != agreed)
}

impl Turn<'_> {
    fn sync(&mut self, request: &SyncGroupRequest<'_>, ticket: Ticket) -> Reply {
        match self.validate_sync(request) {
            Ok(()) => {}
            Err(code) => return Outcome::Reply(sync_error(code)),
        }
        let id = request.member_id.as_ref();
        self.has_synced(id);
        if self.group.state == State::Stable {
            return Outcome::Reply(self.group.synced(id));
        }
        if let Some(member) = self.group.members.get_mut(id)
            && let Some(before) = member.syncing.replace(ticket)
        {
            let reply = sync_error(ErrorCode::REBALANCE_IN_PROGRESS);
            self.changes.completed.push((before, super::super::Completed::Sync(reply)));
        }
        if self.group.leader() == Some(id) {
            self.assign(request);
        }
        Outcome::Parked(ticket)
    }

    fn validate_sync(&self, request: &SyncGroupRequest<'_>) -> Result<(), ErrorCode> {
        if self.group.is_empty() {
            return Err(ErrorCode::UNKNOWN_MEMBER_ID);
        }
        self.group.validate(&request.member_id, request.group_instance_id.as_deref())?;
        if request.generation_id != self.group.generation {
            return Err(ErrorCode::ILLEGAL_GENERATION);
        }
        if differs(request.protocol_type.as_deref(), self.group.protocol_type())
            || differs(request.protocol_name.as_deref(), self.group.protocol())
        {
            return Err(ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
        }
        if self.group.state == State::PreparingRebalance {
            return Err(ErrorCode::REBALANCE_IN_PROGRESS);
        }
        Ok(())
    }

    /// The leader has assigned: whom it forgot gets nothing.
    fn assign(&mut self, request: &SyncGroupRequest<'_>) {
        let assignments: HashMap<&str, &[u8]> =
            request.assignments.iter().map(|a| (a.member_id.as_ref(), a.assignment.as_ref())).collect();
        for member in self.group.members.values_mut() {
            let bytes = assignments.get(&*member.id).copied().unwrap_or_default();
            member.assignment = Arc::from(bytes);
        }
        self.group.enter(State::Stable, self.view.now);
        let record = self.group.to_record();
        self.changes.push(record);
        self.complete_syncs(ErrorCode::NONE);
    }

    fn heartbeat(&mut self, request: &HeartbeatRequest<'_>) -> ErrorCode {
        let id = request.member_id.as_ref();
        if let Err(code) = self.group.validate(id, request.group_instance_id.as_deref()) {
            return code;
        }
        if request.generation_id != self.group.generation {
            return ErrorCode::ILLEGAL_GENERATION;
        }
        match self.group.state {
            State::Empty => ErrorCode::UNKNOWN_MEMBER_ID,
            State::PreparingRebalance => {
                self.renew_session(id);
                ErrorCode::REBALANCE_IN_PROGRESS
            }
            State::CompletingRebalance | State::Stable => {
                self.renew_session(id);
                ErrorCode::NONE
            }
        }
    }
}

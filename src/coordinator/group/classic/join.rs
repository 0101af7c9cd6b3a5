//! JoinGroup.

use std::collections::HashSet;
use std::sync::Arc;

use super::super::{
    Changes, Client, Completed, Decision, Group, GroupShard, Outcome, Ticket, View, consumer,
};
use super::rebalance::Turn;
use super::{ClassicGroup, Join, Member, State, join_error, sync_error};
use crate::schema::ErrorCode;
use crate::schema::clients::join_group_request::JoinGroupRequest;
use crate::schema::clients::join_group_response::JoinGroupResponse;
use crate::types::Uuid;

/// From this version on a client joins again with the id that it is given (KIP-394).
const KNOWN_ID_FROM: i16 = 4;
/// From this version on a client understands `skip_assignment` (KIP-814).
const SKIP_ASSIGNMENT_FROM: i16 = 9;

type Reply = Outcome<JoinGroupResponse<'static>>;

fn refuse(member: &str, code: ErrorCode) -> Reply {
    Outcome::Reply(join_error(member, code))
}

impl GroupShard {
    /// A client wants to be a member of the next generation.
    pub fn join(
        &mut self,
        view: &View<'_>,
        client: Client<'_>,
        join: Join<'_>,
    ) -> Decision<JoinGroupResponse<'static>> {
        let request = join.request;
        let config = view.config;
        let bounds = config.group_min_session_timeout_ms..=config.group_max_session_timeout_ms;
        if request.group_id.is_empty() {
            return Decision::reply(join_error(&request.member_id, ErrorCode::INVALID_GROUP_ID));
        }
        if !bounds.contains(&request.session_timeout_ms) {
            return Decision::reply(join_error("", ErrorCode::INVALID_SESSION_TIMEOUT));
        }
        Decision::collect(|changes| match self.group(&request.group_id) {
            Some(Group::Consumer(group)) if !group.is_empty() => {
                consumer::classic_join(self, view, client, &join, changes)
            }
            Some(Group::Share | Group::Streams) => refuse("", ErrorCode::INCONSISTENT_GROUP_PROTOCOL),
            _ => self.join_classic(view, client, join, changes),
        })
    }

    fn join_classic(
        &mut self,
        view: &View<'_>,
        client: Client<'_>,
        join: Join<'_>,
        changes: &mut Changes,
    ) -> Reply {
        let request = join.request;
        let replaced = match self.group(&request.group_id) {
            Some(Group::Classic(_)) => None,
            _ if !request.member_id.is_empty() => {
                return refuse(&request.member_id, ErrorCode::UNKNOWN_MEMBER_ID);
            }
            other => Some(other.cloned()),
        };
        let is_new = replaced.is_some();
        if let Some(replaced) = replaced {
            self.begin_classic(&request.group_id, replaced, view, changes);
        }
        let before = changes.records.len();
        let ticket = self.ticket();
        let Some(mut turn) = self.turn(&request.group_id, view, changes) else {
            return refuse(&request.member_id, ErrorCode::UNKNOWN_SERVER_ERROR);
        };
        let reply = turn.join(client, join, ticket);
        if is_new && turn.changes.records.len() == before {
            // The group exists from now on, whatever becomes of its first member.
            let fresh = ClassicGroup::new(Arc::clone(&turn.group.id), turn.group.since);
            turn.changes.push(fresh.to_record());
        }
        reply
    }

    /// Puts a new classic group in place of none, or of a consumer group without members.
    fn begin_classic(&mut self, id: &str, replaced: Option<Group>, view: &View<'_>, changes: &mut Changes) {
        let id: Arc<str> = id.into();
        let mut group = ClassicGroup::new(Arc::clone(&id), view.now);
        if let Some(Group::Consumer(old)) = replaced {
            changes.records.extend(old.tombstones(&id));
            group.replaced = Some(old);
        }
        self.groups.insert(id, Group::Classic(Box::new(group)));
    }
}

impl Turn<'_> {
    fn join(&mut self, client: Client<'_>, join: Join<'_>, ticket: Ticket) -> Reply {
        let request = join.request;
        let protocols = protocols_of(request);
        if !self.has_room(&request.member_id) {
            self.drop_member(&request.member_id);
            self.complete_if_all_joined();
            return refuse("", ErrorCode::GROUP_MAX_SIZE_REACHED);
        }
        if !self.group.accepts(&request.protocol_type, &protocols) {
            return refuse(&request.member_id, ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
        }
        if !request.member_id.is_empty() {
            return self.join_known(client, request, protocols, ticket);
        }
        match request.group_instance_id.as_deref() {
            Some(instance) => {
                let id = member_id(instance, (self.view.fresh_id)());
                match self.group.statics.get(instance).cloned() {
                    Some(old) => self.join_again_static(join, (&old, &id), protocols, ticket),
                    None => self.add_member(client, request, id, protocols, ticket),
                }
            }
            None => {
                let id = member_id(client.id, (self.view.fresh_id)());
                if join.version < KNOWN_ID_FROM {
                    return self.add_member(client, request, id, protocols, ticket);
                }
                self.group.pending.insert(Arc::clone(&id));
                self.begin_session_of_pending(&id, request.session_timeout_ms);
                refuse(&id, ErrorCode::MEMBER_ID_REQUIRED)
            }
        }
    }

    /// Whether `group.max.size` leaves room. While members are called, those who come first get in.
    fn has_room(&self, member: &str) -> bool {
        let max = usize::try_from(self.view.config.group_max_size).unwrap_or(usize::MAX);
        let known = self.group.members.get(member);
        match self.group.state {
            State::Empty => true,
            State::PreparingRebalance => {
                known.is_some_and(|m| m.joining.is_some()) || self.group.joining < max
            }
            State::CompletingRebalance | State::Stable => known.is_some() || self.group.members.len() < max,
        }
    }

    fn add_member(
        &mut self,
        client: Client<'_>,
        request: &JoinGroupRequest<'_>,
        id: Arc<str>,
        protocols: Vec<(Box<str>, Arc<[u8]>)>,
        ticket: Ticket,
    ) -> Reply {
        if self.group.members.is_empty() {
            self.group.protocol_type = Some(request.protocol_type.as_ref().into());
        }
        self.group.member_added |= self.group.initial_delay.is_some();
        let (rebalance_timeout_ms, session_timeout_ms) = timeouts(request);
        self.group.add(Member {
            id: Arc::clone(&id),
            instance: request.group_instance_id.as_deref().map(Into::into),
            client_id: client.id.into(),
            client_host: client.host.into(),
            rebalance_timeout_ms,
            session_timeout_ms,
            protocols,
            assignment: Arc::default(),
            joining: Some(ticket),
            syncing: None,
            is_new: true,
        });
        self.begin_session_of_new(&id);
        self.rebalance_or_complete("a member joins");
        Outcome::Parked(ticket)
    }

    fn join_known(
        &mut self,
        client: Client<'_>,
        request: &JoinGroupRequest<'_>,
        protocols: Vec<(Box<str>, Arc<[u8]>)>,
        ticket: Ticket,
    ) -> Reply {
        let id = request.member_id.as_ref();
        if let Some(pending) = self.group.pending.get(id).cloned() {
            if request.group_instance_id.is_some() {
                // Ids are handed out beforehand to dynamic members only.
                return refuse(id, ErrorCode::UNKNOWN_SERVER_ERROR);
            }
            return self.add_member(client, request, pending, protocols, ticket);
        }
        if let Err(code) = self.group.validate(id, request.group_instance_id.as_deref()) {
            return refuse(id, code);
        }
        let same = self.group.members.get(id).is_some_and(|m| m.protocols == protocols);
        let answer_now = match self.group.state {
            State::Empty => return refuse(id, ErrorCode::UNKNOWN_MEMBER_ID),
            State::PreparingRebalance => false,
            // It may have missed the reply: it gets it again.
            State::CompletingRebalance => same,
            // The leader rejoins where the topics have changed: that is a wish for a rebalance.
            State::Stable => same && self.group.leader() != Some(id),
        };
        if answer_now {
            return Outcome::Reply(self.group.joined(id));
        }
        self.group.update(id, protocols, timeouts(request));
        self.await_join(id, ticket);
        self.rebalance_or_complete("a member rejoins");
        Outcome::Parked(ticket)
    }

    /// The member waits for the next generation; a JoinGroup of its that waits already is answered so
    /// that its client, which has sent it anew, is not left waiting.
    fn await_join(&mut self, id: &str, ticket: Ticket) {
        if let Some(before) = self.group.set_joining(id, Some(ticket)) {
            let reply = join_error(id, ErrorCode::REBALANCE_IN_PROGRESS);
            self.changes.completed.push((before, Completed::Join(reply)));
        }
    }

    /// A static member has come back without its id: the new one takes the place of the old one.
    fn join_again_static(
        &mut self,
        join: Join<'_>,
        (old, new): (&Arc<str>, &Arc<str>),
        protocols: Vec<(Box<str>, Arc<[u8]>)>,
        ticket: Ticket,
    ) -> Reply {
        let request = join.request;
        let leader_before = self.group.leader.clone();
        self.complete_join(old, join_error(old, ErrorCode::FENCED_INSTANCE_ID));
        if let Some(sync) = self.group.members.get_mut(old).and_then(|m| m.syncing.take()) {
            self.changes.completed.push((sync, Completed::Sync(sync_error(ErrorCode::FENCED_INSTANCE_ID))));
        }
        self.end_session(old);
        self.group.rename(old, new);
        self.group.update(new, protocols, timeouts(request));
        self.renew_session(new);
        match self.group.state {
            State::Stable if self.group.select_protocol() == self.group.protocol => {
                // Nothing changes for the others: the assignment stays with the instance.
                let record = self.group.to_record();
                self.changes.push(record);
                let mut reply = self.group.joined(new);
                if join.version >= SKIP_ASSIGNMENT_FROM {
                    reply.skip_assignment = self.group.leader() == Some(new);
                } else {
                    // An old client that leads would assign anew; it is told of its former id instead.
                    reply.leader = leader_before.as_deref().unwrap_or_default().to_owned().into();
                    reply.members.clear();
                }
                return Outcome::Reply(reply);
            }
            State::Stable => {
                self.await_join(new, ticket);
                self.rebalance_or_complete("a static member changed its protocols");
            }
            State::CompletingRebalance => {
                // The leader may be assigning to the old id: what it sends would miss the new one.
                self.await_join(new, ticket);
                self.prepare("a static member came back amid a rebalance");
            }
            State::PreparingRebalance | State::Empty => {
                self.await_join(new, ticket);
                self.complete_if_all_joined();
            }
        }
        Outcome::Parked(ticket)
    }
}

/// What the client supports, the best first; a name counts once.
fn protocols_of(request: &JoinGroupRequest<'_>) -> Vec<(Box<str>, Arc<[u8]>)> {
    let mut seen = HashSet::new();
    let protocols = request.protocols.iter().filter(|p| seen.insert(p.name.as_ref()));
    protocols.map(|p| (p.name.as_ref().into(), p.metadata.as_ref().into())).collect()
}

/// How long the member may take to rejoin, and be silent, in ms. Version 0 has one time for both.
fn timeouts(request: &JoinGroupRequest<'_>) -> (i32, i32) {
    let session = request.session_timeout_ms;
    (if request.rebalance_timeout_ms == -1 { session } else { request.rebalance_timeout_ms }, session)
}

/// A new member id: a name, and a random id as Java prints them.
fn member_id(name: &str, id: Uuid) -> Arc<str> {
    let hex = format!("{:032x}", u128::from_be_bytes(id.0));
    let part = |from, to| hex.get(from..to).unwrap_or_default();
    format!("{name}-{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)).into()
}

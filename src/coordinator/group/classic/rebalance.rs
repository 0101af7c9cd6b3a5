//! The rebalance: members are called, the next generation begins when they have come or the time is up.

use std::sync::Arc;

use super::super::timers::{Timer, Timers};
use super::super::{Changes, Completed, GroupShard, Ticket, View};
use super::{ClassicGroup, State, join_error, sync_error};
use crate::schema::ErrorCode;
use crate::schema::clients::join_group_response::JoinGroupResponse;

/// How long a new member may wait for its first generation before it counts as gone: it has no id yet
/// and sends no heartbeat, so nothing else would tell that its client has left.
const NEW_MEMBER_TIMEOUT_MS: i64 = 5 * 60 * 1000;

/// A decision under way about one classic group.
pub(super) struct Turn<'a> {
    pub(super) group: &'a mut ClassicGroup,
    pub(super) timers: &'a mut Timers,
    pub(super) view: &'a View<'a>,
    pub(super) changes: &'a mut Changes,
}

impl GroupShard {
    /// Begins a decision about a classic group.
    pub(super) fn turn<'a>(
        &'a mut self,
        id: &str,
        view: &'a View<'_>,
        changes: &'a mut Changes,
    ) -> Option<Turn<'a>> {
        let Some(super::Group::Classic(group)) = self.groups.get_mut(id) else { return None };
        changes.touched = Some(Arc::clone(&group.id));
        Some(Turn { group, timers: &mut self.timers, view, changes })
    }
}

impl Turn<'_> {
    fn join_timer(&self) -> Timer {
        Timer::ClassicJoin { group: Arc::clone(&self.group.id) }
    }

    fn sync_timer(&self) -> Timer {
        Timer::ClassicSync { group: Arc::clone(&self.group.id) }
    }

    fn session_timer(&self, member: &str) -> Timer {
        Timer::ClassicSession { group: Arc::clone(&self.group.id), member: member.into() }
    }

    fn set_timer(&mut self, timer: Timer, after_ms: i64) {
        self.timers.set(timer, self.view.tick.saturating_add(after_ms.max(0)));
    }

    /// The member may be silent for its session timeout from now on.
    pub(super) fn renew_session(&mut self, member: &str) {
        let Some(timeout) = self.group.members.get(member).map(|m| m.session_timeout_ms) else { return };
        self.set_timer(self.session_timer(member), i64::from(timeout));
    }

    /// A new member may wait for long, but not for ever.
    pub(super) fn begin_session_of_new(&mut self, member: &str) {
        self.set_timer(self.session_timer(member), NEW_MEMBER_TIMEOUT_MS);
    }

    /// An id that was handed out must join within this time.
    pub(super) fn begin_session_of_pending(&mut self, member: &str, timeout_ms: i32) {
        self.set_timer(self.session_timer(member), i64::from(timeout_ms));
    }

    pub(super) fn end_session(&mut self, member: &str) {
        self.timers.cancel(&self.session_timer(member));
    }

    pub(super) fn complete_join(&mut self, member: &str, reply: JoinGroupResponse<'static>) -> bool {
        let Some(ticket) = self.group.set_joining(member, None) else { return false };
        self.changes.completed.push((ticket, Completed::Join(reply)));
        true
    }

    pub(super) fn complete_syncs(&mut self, code: ErrorCode) {
        let waiting: Vec<(Arc<str>, Ticket)> = self
            .group
            .members
            .values_mut()
            .filter_map(|m| m.syncing.take().map(|ticket| (Arc::clone(&m.id), ticket)))
            .collect();
        for (member, ticket) in waiting {
            let reply = if code.is_none() { self.group.synced(&member) } else { sync_error(code) };
            self.changes.completed.push((ticket, Completed::Sync(reply)));
            self.renew_session(&member);
        }
    }

    /// Takes a member out; its JoinGroup, if it waits, tells its client to begin anew.
    pub(super) fn drop_member(&mut self, member: &str) {
        self.complete_join(member, join_error("", ErrorCode::UNKNOWN_MEMBER_ID));
        if let Some(ticket) = self.group.members.get_mut(member).and_then(|m| m.syncing.take()) {
            self.changes.completed.push((ticket, Completed::Sync(sync_error(ErrorCode::UNKNOWN_MEMBER_ID))));
        }
        self.group.remove(member);
        self.end_session(member);
    }

    /// After members came, changed or went: calls for a rebalance, or ends the one under way if all are here.
    pub(super) fn rebalance_or_complete(&mut self, reason: &str) {
        if self.group.state == State::PreparingRebalance {
            self.complete_if_all_joined();
        } else {
            self.prepare(reason);
        }
    }

    /// Ends the join phase if all members are here and it is not the first one, which takes its time.
    pub(super) fn complete_if_all_joined(&mut self) {
        let first = self.group.previous == State::Empty;
        if self.group.state == State::PreparingRebalance && !first && self.group.all_joined() {
            self.complete_join_phase();
        }
    }

    /// Calls all members to join.
    pub(super) fn prepare(&mut self, reason: &str) {
        if self.group.state == State::CompletingRebalance {
            for member in self.group.members.values_mut() {
                member.assignment = Arc::default();
            }
            self.complete_syncs(ErrorCode::REBALANCE_IN_PROGRESS);
        }
        self.group.unsynced.clear();
        self.timers.cancel(&self.sync_timer());
        let first = self.group.state == State::Empty;
        self.group.enter(State::PreparingRebalance, self.view.now);
        tracing::info!(group = %self.group.id, generation = self.group.generation, reason, "rebalance begins");
        if first {
            let delay = self.view.config.group_initial_rebalance_delay_ms.max(0);
            let remaining = self.group.rebalance_timeout_ms().saturating_sub(delay).max(0);
            self.group.member_added = false;
            self.delay_first(delay, remaining);
        } else if self.group.all_joined() {
            self.complete_join_phase();
        } else {
            self.await_joins();
        }
    }

    fn await_joins(&mut self) {
        let timeout = i64::from(self.group.rebalance_timeout_ms());
        self.set_timer(self.join_timer(), timeout);
    }

    fn delay_first(&mut self, delay: i32, remaining: i32) {
        self.group.initial_delay = Some((delay, remaining));
        self.set_timer(self.join_timer(), i64::from(delay));
    }

    /// The time for joins is up; the first time is extended while members keep coming.
    fn join_time_is_up(&mut self) {
        if self.group.state != State::PreparingRebalance {
            return;
        }
        if let Some((delay, remaining)) = self.group.initial_delay
            && self.group.member_added
            && remaining > 0
        {
            self.group.member_added = false;
            let next = self.view.config.group_initial_rebalance_delay_ms.max(0).min(remaining);
            self.delay_first(next, remaining.saturating_sub(delay).max(0));
        } else {
            self.complete_join_phase();
        }
    }

    /// Begins the next generation with the members that have joined; dynamic ones that have not are gone.
    pub(super) fn complete_join_phase(&mut self) {
        self.timers.cancel(&self.join_timer());
        self.group.initial_delay = None;
        let absent: Vec<Arc<str>> = self
            .group
            .members
            .values()
            .filter(|m| m.joining.is_none() && m.instance.is_none())
            .map(|m| Arc::clone(&m.id))
            .collect();
        for member in &absent {
            tracing::info!(group = %self.group.id, %member, "member did not rejoin in time");
            self.drop_member(member);
        }
        if !self.group.elect_leader() && !self.group.members.is_empty() {
            // Only static members are left and none has come: their sessions end, or they come later.
            self.await_joins();
            return;
        }
        self.group.next_generation(self.view.now);
        if self.group.is_empty() {
            let record = self.group.to_record();
            self.changes.push(record);
            return;
        }
        tracing::info!(
            group = %self.group.id,
            generation = self.group.generation,
            members = self.group.members.len(),
            "generation begins"
        );
        let members: Vec<Arc<str>> = self.group.members.keys().cloned().collect();
        for member in &members {
            let reply = self.group.joined(member);
            self.complete_join(member, reply);
            self.renew_session(member);
            if let Some(member) = self.group.members.get_mut(member) {
                member.is_new = false;
            }
        }
        self.group.unsynced.extend(members);
        let timeout = i64::from(self.group.rebalance_timeout_ms());
        self.set_timer(self.sync_timer(), timeout);
    }

    /// Who has not sent SyncGroup in time is gone.
    fn sync_time_is_up(&mut self) {
        let state = self.group.state;
        let late = std::mem::take(&mut self.group.unsynced);
        if late.is_empty() || !matches!(state, State::CompletingRebalance | State::Stable) {
            return;
        }
        for member in &late {
            self.drop_member(member);
        }
        self.prepare("members did not send SyncGroup in time");
    }

    /// Notes that the member has sent SyncGroup.
    pub(super) fn has_synced(&mut self, member: &str) {
        self.group.unsynced.remove(member);
        if self.group.unsynced.is_empty() {
            self.timers.cancel(&self.sync_timer());
        }
    }

    fn session_is_over(&mut self, member: &str) {
        if self.group.pending.remove(member) {
            if self.group.state == State::PreparingRebalance && self.group.all_joined() {
                self.complete_join_phase();
            }
            return;
        }
        let Some(known) = self.group.members.get(member) else { return };
        // Those who wait for us need not send heartbeats; but see `NEW_MEMBER_TIMEOUT_MS`.
        let excused = !known.is_new && (known.joining.is_some() || known.syncing.is_some());
        if excused {
            return;
        }
        tracing::info!(group = %self.group.id, member, "member was silent too long");
        self.drop_member(member);
        self.after_loss("a member was silent too long");
    }

    /// A member is gone: those who remain share anew.
    pub(super) fn after_loss(&mut self, reason: &str) {
        match self.group.state {
            State::Stable | State::CompletingRebalance => self.prepare(reason),
            State::PreparingRebalance if self.group.all_joined() => self.complete_join_phase(),
            State::PreparingRebalance | State::Empty => {}
        }
    }
}

/// A deadline of a classic group has passed.
pub(in super::super) fn on_timer(
    shard: &mut GroupShard,
    view: &View<'_>,
    timer: &Timer,
    changes: &mut Changes,
) {
    match timer {
        Timer::ClassicJoin { group } => {
            if let Some(mut turn) = shard.turn(group, view, changes) {
                turn.join_time_is_up();
            }
        }
        Timer::ClassicSync { group } => {
            if let Some(mut turn) = shard.turn(group, view, changes) {
                turn.sync_time_is_up();
            }
        }
        Timer::ClassicSession { group, member } => {
            if let Some(mut turn) = shard.turn(group, view, changes) {
                turn.session_is_over(member);
            }
        }
        _ => {}
    }
}

/// Calls the members of a classic group together, for a reason from outside of it.
pub(in super::super) fn prepare_rebalance(
    shard: &mut GroupShard,
    view: &View<'_>,
    id: &str,
    reason: &str,
    changes: &mut Changes,
) {
    if let Some(mut turn) = shard.turn(id, view, changes) {
        turn.after_loss(reason);
    }
}

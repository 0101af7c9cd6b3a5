//! The state of one partition of `__consumer_offsets`.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;

use super::classic::ClassicGroup;
use super::consumer::{self, ConsumerGroup};
use super::offsets::{Committed, Offsets};
use super::timers::{Timer, Timers};
use super::{Changes, Completed, ReplayAt, Ticket, View, classic};
use crate::coordinator::machine::Machine;
use crate::coordinator::record::CoordinatorRecord;
use crate::schema::{DecodeError, ErrorCode};
use crate::types::{ProducerId, Timestamp};

/// A group of one of Kafka's kinds.
#[derive(Clone, Debug)]
pub enum Group {
    /// Members elect a leader, which assigns.
    Classic(Box<ClassicGroup>),
    /// The broker assigns (KIP-848).
    Consumer(Box<ConsumerGroup>),
    /// A share group, known from its records only.
    Share,
    /// A streams group, known from its records only.
    Streams,
}

impl Group {
    /// Its type, by Kafka's name.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Classic(_) => "classic",
            Self::Consumer(_) => "consumer",
            Self::Share => "share",
            Self::Streams => "streams",
        }
    }
}

/// The groups of one partition of `__consumer_offsets` and their committed offsets.
#[derive(Clone, Debug)]
pub struct GroupShard {
    pub(super) groups: HashMap<Arc<str>, Group>,
    pub(super) offsets: Offsets,
    pub(super) timers: Timers,
    next_ticket: u64,
    /// The log is being replayed: classic groups are made of their records when it is done.
    loading: bool,
}

impl Default for GroupShard {
    fn default() -> Self {
        Self::new()
    }
}

impl GroupShard {
    /// An empty state, ready to replay its log.
    #[must_use]
    pub fn new() -> Self {
        Self {
            groups: HashMap::new(),
            offsets: Offsets::default(),
            timers: Timers::default(),
            next_ticket: 0,
            loading: true,
        }
    }

    /// Finds a group.
    #[must_use]
    pub fn group(&self, id: &str) -> Option<&Group> {
        self.groups.get(id)
    }

    /// The committed offsets.
    #[must_use]
    pub fn offsets(&self) -> &Offsets {
        &self.offsets
    }

    /// The classic group of that id.
    pub(super) fn classic(&mut self, id: &str) -> Option<&mut ClassicGroup> {
        match self.groups.get_mut(id) {
            Some(Group::Classic(group)) => Some(group),
            _ => None,
        }
    }

    pub(super) fn ticket(&mut self) -> Ticket {
        self.next_ticket = self.next_ticket.wrapping_add(1);
        Ticket(self.next_ticket)
    }

    /// Applies one record; nothing else changes what is persisted.
    pub fn replay(&mut self, at: ReplayAt, record: &CoordinatorRecord<'_>) {
        use CoordinatorRecord as R;
        match record {
            R::OffsetCommit { key, value } => {
                let committed = value.as_ref().map(|value| Committed::from_record(value, at.offset));
                if committed.is_some() && !self.groups.contains_key(key.group.as_ref()) {
                    // Whoever keeps offsets without being a member has a group, though an empty one.
                    let id: Arc<str> = key.group.as_ref().into();
                    let group = ClassicGroup::new(Arc::clone(&id), Timestamp::NONE);
                    self.groups.insert(id, Group::Classic(Box::new(group)));
                }
                self.offsets.replay(at.producer, (&key.group, &key.topic, key.partition), committed);
            }
            R::GroupMetadata { key, value } => {
                classic::replay(self, &key.group, value.as_ref());
            }
            R::ShareGroupMetadata { key, value } => {
                self.replay_foreign(&key.group_id, Group::Share, value.is_some());
            }
            R::StreamsGroupMetadata { key, value } => {
                self.replay_foreign(&key.group_id, Group::Streams, value.is_some());
            }
            R::ConsumerGroupMetadata { .. }
            | R::ConsumerGroupPartitionMetadata { .. }
            | R::ConsumerGroupMember { .. }
            | R::ConsumerGroupTargetAssignment { .. }
            | R::ConsumerGroupTargetAssignmentMember { .. }
            | R::ConsumerGroupCurrentMember { .. }
            | R::ConsumerGroupRegularExpression { .. } => consumer::replay(self, record),
            R::Opaque { kind, .. } => {
                tracing::debug!(kind, "a record of a kind that is not understood here is left alone");
            }
        }
    }

    /// Replays the end of a producer's transaction.
    pub fn replay_end(&mut self, producer: ProducerId, commit: bool) {
        self.offsets.replay_end(producer, commit);
    }

    fn replay_foreign(&mut self, id: &str, group: Group, exists: bool) {
        let same = |old: &Group| old.type_name() == group.type_name();
        if exists {
            self.groups.insert(id.into(), group);
        } else if self.groups.get(id).is_some_and(same) {
            self.groups.remove(id);
        }
    }

    /// The log has been replayed: groups come to life, with fresh session timers.
    pub fn loaded(&mut self, view: &View<'_>) -> Changes {
        self.loading = false;
        let mut changes = Changes::default();
        let interval = view.config.offsets_retention_check_interval_ms;
        self.timers.set(Timer::OffsetExpiry, view.tick.saturating_add(interval));
        classic::loaded(self, view, &mut changes);
        consumer::loaded(self, view, &mut changes);
        changes
    }

    pub(super) fn is_loading(&self) -> bool {
        self.loading
    }

    /// When [`GroupShard::on_timer`] should be called, in ticks.
    #[must_use]
    pub fn next_deadline(&self) -> Option<i64> {
        self.timers.next()
    }

    /// Handles one deadline that has passed; `None` when there is none. Each one's records are appended
    /// and replayed before the next one is asked for.
    pub fn on_timer(&mut self, view: &View<'_>) -> Option<Changes> {
        let timer = self.timers.pop(view.tick)?;
        let mut changes = Changes::default();
        match &timer {
            Timer::ClassicSession { .. } | Timer::ClassicJoin { .. } | Timer::ClassicSync { .. } => {
                classic::on_timer(self, view, &timer, &mut changes);
            }
            Timer::ConsumerSession { .. }
            | Timer::ConsumerRebalance { .. }
            | Timer::ConsumerClassic { .. }
            | Timer::ConsumerGroup { .. } => consumer::on_timer(self, view, &timer, &mut changes),
            Timer::OffsetExpiry => self.expire(view, &mut changes),
        }
        Some(changes)
    }

    /// The records of a decision were not appended: the group whose memory changed with them goes back
    /// to what the log says. All who wait in it, and all whom the decision would have answered, get `code`.
    pub fn refused(
        &mut self,
        changes: Changes,
        code: ErrorCode,
        view: &View<'_>,
    ) -> Vec<(Ticket, Completed)> {
        let mut out: Vec<(Ticket, Completed)> = changes
            .completed
            .into_iter()
            .map(|(ticket, completed)| {
                let refused = match completed {
                    Completed::Join(reply) => Completed::Join(classic::join_error(&reply.member_id, code)),
                    Completed::Sync(_) => Completed::Sync(classic::sync_error(code)),
                };
                (ticket, refused)
            })
            .collect();
        if let Some(group) = changes.touched {
            out.extend(classic::refused(self, &group, code, view));
        }
        out
    }
}

impl Machine for GroupShard {
    const TOPIC: &'static str = "__consumer_offsets";
    type Record = CoordinatorRecord<'static>;
    type Completed = Completed;
    type Effect = Infallible;

    fn empty() -> Self {
        Self::new()
    }

    fn encode(record: &Self::Record) -> (Vec<u8>, Option<Vec<u8>>) {
        record.encode()
    }

    fn replay(&mut self, at: ReplayAt, record: &Self::Record) {
        Self::replay(self, at, record);
    }

    fn replay_bytes(&mut self, at: ReplayAt, key: &[u8], value: Option<&[u8]>) -> Result<(), DecodeError> {
        Self::replay(self, at, &CoordinatorRecord::decode(key, value)?);
        Ok(())
    }

    fn replay_end(&mut self, producer: ProducerId, commit: bool) {
        Self::replay_end(self, producer, commit);
    }

    fn loaded(&mut self, view: &View<'_>) -> Changes {
        Self::loaded(self, view)
    }

    fn forget_deleted(&self, view: &View<'_>) -> Changes {
        Self::forget_deleted(self, view)
    }

    fn next_deadline(&self) -> Option<i64> {
        Self::next_deadline(self)
    }

    fn on_timer(&mut self, view: &View<'_>) -> Option<Changes> {
        Self::on_timer(self, view)
    }

    fn refused(&mut self, changes: Changes, code: ErrorCode, view: &View<'_>) -> Vec<(Ticket, Completed)> {
        Self::refused(self, changes, code, view)
    }
}

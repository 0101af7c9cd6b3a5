//! Runs state machines on the partitions of their internal topics: groups and their offsets on
//! `__consumer_offsets`, transactions on `__transaction_state`.
//!
//! A request is decided inline, in the ordered phase of its handler: the shard is locked, the machine
//! decides, the records go into the log as one batch and are replayed at once, deadlines that have come
//! are handled, the lock is released. Every reply, reads and rejections too, then waits until the log is
//! durable up to the state that it was decided on; usually it is, and nothing is parked.
//!
//! Promises: a refused append changes nothing and is answered with a retriable error; a partition that
//! fails takes its shard out of service until it loads again; a shard that is loading says so. One task
//! per shard in service keeps its deadlines and sleeps until the next one.
//! Must not know: requests' bytes, sockets, or what the machines decide.

mod ending;
mod load;
mod shard;
#[cfg(test)]
mod tests;
mod world;

use std::collections::HashMap;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use tokio::runtime::Handle;

use self::shard::{Active, Left, Shard, view_of};
use self::world::World;
use super::group::{Completed, GroupShard};
use super::machine::{DecisionOf, Machine, partition_of};
use super::txn::{Ended, TxnShard};
use super::view::View;
use crate::env::{Clock, Rng};
use crate::metadata::Image;
use crate::partition::{Partition, Partitions};
use crate::record::ValidBatch;
use crate::schema::ErrorCode;
use crate::types::{Offset, Timestamp, TopicId};

pub use ending::{Marker, Markers};
pub use load::LoadError;
pub use world::{Later, Metadata, StoredMetadata};

/// A reply, or an error that is not the machine's own.
pub type Answer<T> = Result<T, ErrorCode>;

/// What becomes of a request after its ordered phase.
pub enum Pending<T> {
    /// It may be answered.
    Ready(Answer<T>),
    /// It may be answered when this ends.
    Later(Later<Answer<T>>),
}

impl<T: Send + 'static> Pending<T> {
    /// Refuses a request.
    #[must_use]
    pub fn error(code: ErrorCode) -> Self {
        Self::Ready(Err(code))
    }

    /// Whether it is known already that nothing was decided.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        matches!(self, Self::Ready(Err(_)))
    }

    /// Waits for the answer.
    pub async fn wait(self) -> Answer<T> {
        match self {
            Self::Ready(answer) => answer,
            Self::Later(answer) => answer.await,
        }
    }
}

/// A reply that may come by a ticket.
pub trait Reply<C>: Send + 'static {
    /// Takes it out of what a ticket brought; `None` if that is a reply to another kind of request.
    fn from_completed(completed: C) -> Option<Self>
    where
        Self: Sized;
}

impl Reply<Completed> for crate::schema::clients::join_group_response::JoinGroupResponse<'static> {
    fn from_completed(completed: Completed) -> Option<Self> {
        if let Completed::Join(reply) = completed { Some(reply) } else { None }
    }
}

impl Reply<Completed> for crate::schema::clients::sync_group_response::SyncGroupResponse<'static> {
    fn from_completed(completed: Completed) -> Option<Self> {
        if let Completed::Sync(reply) = completed { Some(reply) } else { None }
    }
}

impl Reply<Ended> for Ended {
    fn from_completed(completed: Ended) -> Option<Self> {
        Some(completed)
    }
}

/// The coordinator of all groups.
pub type Groups = Coordinator<GroupShard>;

/// The coordinator of all transactions.
pub type Transactions = Coordinator<TxnShard>;

/// What runs an effect.
type Runner<E> = Box<dyn Fn(E) -> Later<()> + Send + Sync>;

/// Shards by the partition that keeps them.
type Shards<M> = HashMap<(TopicId, i32), Arc<Shard<M>>>;

/// All shards of one kind of state machine.
pub struct Coordinator<M: Machine> {
    world: World,
    partitions: Arc<Partitions>,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
    shards: RwLock<Shards<M>>,
    runner: OnceLock<Runner<M::Effect>>,
}

/// Where an id is kept.
struct Place<M: Machine> {
    shard: Arc<Shard<M>>,
    partition: Arc<Partition>,
}

impl<M: Machine> Coordinator<M> {
    /// The coordinator over the partitions of this broker. A partition is read when someone asks for it, or
    /// by [`Coordinator::load_all`].
    #[must_use]
    pub fn new(
        metadata: Arc<dyn Metadata>,
        partitions: Arc<Partitions>,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn Rng>,
    ) -> Arc<Self> {
        let world = World::new(metadata);
        let (shards, runner) = (RwLock::default(), OnceLock::new());
        Arc::new(Self { world, partitions, clock, rng, shards, runner })
    }

    /// Decides a request about a group. `decide` runs before this returns, if it runs at all.
    pub fn decide<T: Send + 'static>(
        self: &Arc<Self>,
        group: &str,
        decide: impl FnOnce(&mut M, &View<'_>) -> DecisionOf<M, T>,
    ) -> Pending<T> {
        match self.place_of(group) {
            Ok(place) => self.at(&place, decide, |_| None),
            Err(code) => Pending::error(code),
        }
    }

    /// Decides a request whose reply may come by a ticket.
    pub fn decide_or_park<T: Reply<M::Completed>>(
        self: &Arc<Self>,
        group: &str,
        decide: impl FnOnce(&mut M, &View<'_>) -> DecisionOf<M, T>,
    ) -> Pending<T> {
        match self.place_of(group) {
            Ok(place) => self.at(&place, decide, T::from_completed),
            Err(code) => Pending::error(code),
        }
    }

    /// Decides on each partition of the topic, for requests about all groups; nothing if there is no topic.
    pub fn decide_everywhere<T: Send + 'static>(
        self: &Arc<Self>,
        decide: impl Fn(&mut M, &View<'_>) -> DecisionOf<M, T>,
    ) -> Vec<Pending<T>> {
        let image = self.world.metadata().image();
        let Some(topic) = image.topics().by_name(M::TOPIC) else { return Vec::new() };
        let one = |&index: &i32| match self.place(topic.id, index) {
            Ok(place) => self.at(&place, &decide, |_| None),
            Err(code) => Pending::error(code),
        };
        topic.partitions.keys().map(one).collect()
    }

    /// Makes sure that the topic is there and that the group's partition is loaded, or being loaded; the
    /// answer says whether this node coordinates the group.
    pub fn prepare(self: &Arc<Self>, group: &str) -> Pending<()> {
        let groups = Arc::clone(self);
        let group = group.to_owned();
        match self.place_of(&group) {
            Ok(place) => {
                self.begin_loading(&place);
                Pending::Ready(Ok(()))
            }
            Err(ErrorCode::COORDINATOR_NOT_AVAILABLE) => {
                let created = self.world.metadata().create_topic(M::TOPIC);
                Pending::Later(Box::pin(async move {
                    if !created.await {
                        return Err(ErrorCode::COORDINATOR_NOT_AVAILABLE);
                    }
                    groups.place_of(&group).map(|place| groups.begin_loading(&place))
                }))
            }
            Err(code) => Pending::error(code),
        }
    }

    /// Topics were deleted, and `image` is without them: so are the groups' offsets. To be called once the
    /// deletion is durable.
    pub fn topics_deleted(&self, image: &Arc<Image>) {
        let snapshot = self.world.of(Arc::clone(image));
        let shards: Vec<Arc<Shard<M>>> =
            self.shards.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        let fresh_id = || self.rng.uuid();
        let view = view_of(&snapshot, self.moment(), &fresh_id);
        for shard in shards {
            if let Some(mut guard) = shard.active()
                && let Some(active) = guard.get()
            {
                forget(active, &view);
            }
        }
    }

    /// The partition of the topic that keeps an id; `None` if there is no topic yet.
    #[must_use]
    pub fn partition_of(&self, id: &str) -> Option<i32> {
        let image = self.world.metadata().image();
        let topic = image.topics().by_name(M::TOPIC)?;
        Some(partition_of(id, i32::try_from(topic.partitions.len()).unwrap_or(i32::MAX)))
    }

    /// Leader epoch of the partition that keeps an id.
    #[must_use]
    pub fn leader_epoch(&self, id: &str) -> Option<i32> {
        Some(self.place_of(id).ok()?.partition.leader_epoch().get())
    }

    /// Where the log of the partition that keeps an id ends.
    #[must_use]
    pub fn log_end(&self, id: &str) -> Option<Offset> {
        Some(self.place_of(id).ok()?.partition.log_end())
    }

    /// Says what runs the effects. Only the first call counts; to be called before anything is decided.
    pub fn set_runner(&self, run: impl Fn(M::Effect) -> Later<()> + Send + Sync + 'static) {
        let _ = self.runner.set(Box::new(run));
    }

    /// Loads what is there, so that what a stop or a crash left unfinished goes on by itself.
    pub fn load_all(self: &Arc<Self>) {
        let image = self.world.metadata().image();
        let Some(topic) = image.topics().by_name(M::TOPIC) else { return };
        for &index in topic.partitions.keys() {
            if let Ok(place) = self.place(topic.id, index) {
                self.begin_loading(&place);
            }
        }
    }

    /// Appends the marker that ends a producer's transaction to a partition of the topic. Gives where, and
    /// how far its log must be durable.
    ///
    /// # Errors
    /// Kafka's code.
    pub fn end_transaction(
        self: &Arc<Self>,
        (topic, index): (TopicId, i32),
        marker: ValidBatch<'static>,
        commit: bool,
    ) -> Result<(Arc<Partition>, Offset), ErrorCode> {
        let place = self.place(topic, index)?;
        let mut guard = self.enter(&place)?;
        let active = guard.get().ok_or(ErrorCode::NOT_COORDINATOR)?;
        let end = active
            .end_transaction(marker, commit, self.clock.now())
            .map_err(|error| shard::refusal(&error))?;
        drop(guard);
        Ok((place.partition, end))
    }

    /// Starts what is to be done; each waits until its records are durable. An effect whose partition fails
    /// before is found again when the partition is loaded.
    fn run_effects(self: &Arc<Self>, active: &mut Active<M>) {
        for (effect, end) in active.take_effects() {
            let (coordinator, partition) = (Arc::clone(self), Arc::clone(&active.partition));
            Handle::current().spawn(async move {
                if partition.visible(end).await
                    && let Some(run) = coordinator.runner.get()
                {
                    run(effect).await;
                }
            });
        }
    }

    fn place_of(&self, group: &str) -> Result<Place<M>, ErrorCode> {
        let image = self.world.metadata().image();
        let topic = image.topics().by_name(M::TOPIC).ok_or(ErrorCode::COORDINATOR_NOT_AVAILABLE)?;
        let partitions = i32::try_from(topic.partitions.len()).unwrap_or(i32::MAX);
        self.place(topic.id, partition_of(group, partitions))
    }

    fn place(&self, topic: TopicId, index: i32) -> Result<Place<M>, ErrorCode> {
        let partition = self.partitions.get(topic, index).ok_or(ErrorCode::NOT_COORDINATOR)?;
        if partition.is_gone() {
            return Err(ErrorCode::NOT_COORDINATOR);
        }
        let known = self.shards.read().unwrap_or_else(PoisonError::into_inner).get(&(topic, index)).cloned();
        let shard = known.unwrap_or_else(|| {
            let mut shards = self.shards.write().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(shards.entry((topic, index)).or_default())
        });
        Ok(Place { shard, partition })
    }

    fn moment(&self) -> (Timestamp, i64) {
        let tick = i64::try_from(self.clock.elapsed().as_millis()).unwrap_or(i64::MAX);
        (self.clock.now(), tick)
    }

    fn at<T: Send + 'static>(
        self: &Arc<Self>,
        place: &Place<M>,
        decide: impl FnOnce(&mut M, &View<'_>) -> DecisionOf<M, T>,
        from_completed: fn(M::Completed) -> Option<T>,
    ) -> Pending<T> {
        let mut guard = match self.enter(place) {
            Ok(guard) => guard,
            Err(code) => return Pending::error(code),
        };
        let Some(active) = guard.get() else { return Pending::error(ErrorCode::NOT_COORDINATOR) };
        let (snapshot, fresh_id) = (self.world.now(), || self.rng.uuid());
        let view = view_of(&snapshot, self.moment(), &fresh_id);
        let left = active.decide(&view, decide);
        if active.sooner() {
            place.shard.sooner.notify_one();
        }
        self.run_effects(active);
        drop(guard);
        let partition = Arc::clone(&place.partition);
        match left {
            Err(code) => Pending::error(code),
            Ok(Left::Reply((reply, end))) if partition.high_watermark() >= end => Pending::Ready(Ok(reply)),
            Ok(Left::Reply((reply, end))) => Pending::Later(Box::pin(async move {
                if partition.visible(end).await { Ok(reply) } else { Err(ErrorCode::NOT_COORDINATOR) }
            })),
            Ok(Left::Parked(receiver)) => Pending::Later(Box::pin(async move {
                let gone = partition.visible(Offset(i64::MAX));
                let completed = tokio::select! {
                    completed = receiver => completed.map_err(|_| ErrorCode::NOT_COORDINATOR),
                    _ = gone => Err(ErrorCode::NOT_COORDINATOR),
                };
                let (completed, end) = completed?;
                if !partition.visible(end).await {
                    return Err(ErrorCode::NOT_COORDINATOR);
                }
                from_completed(completed).ok_or(ErrorCode::UNKNOWN_SERVER_ERROR)
            })),
        }
    }

    /// Locks a shard in service. One that is not starts loading; an empty log is loaded on the spot.
    fn enter<'a>(self: &Arc<Self>, place: &'a Place<M>) -> Result<shard::ActiveGuard<'a, M>, ErrorCode> {
        self.begin_loading(place);
        place.shard.active().ok_or(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS)
    }

    fn begin_loading(self: &Arc<Self>, place: &Place<M>) {
        if !place.shard.must_load(&place.partition) {
            return;
        }
        let (groups, shard, partition) =
            (Arc::clone(self), Arc::clone(&place.shard), Arc::clone(&place.partition));
        let end = partition.log_end();
        if end == partition.marks().log_start {
            groups.finish_loading(&shard, Some((M::empty(), end, partition)));
            return;
        }
        Handle::current().spawn(async move {
            // What is in the log but not durable yet counts too: the machine must not decide without it.
            let loaded = if partition.visible(end).await { read(partition).await } else { None };
            groups.finish_loading(&shard, loaded);
        });
    }

    fn finish_loading(self: &Arc<Self>, shard: &Arc<Shard<M>>, loaded: Option<(M, Offset, Arc<Partition>)>) {
        let is_loaded = loaded.is_some();
        shard.loaded(loaded);
        if !is_loaded {
            return;
        }
        let (snapshot, fresh_id) = (self.world.now(), || self.rng.uuid());
        let view = view_of(&snapshot, self.moment(), &fresh_id);
        if let Some(mut guard) = shard.active()
            && let Some(active) = guard.get()
        {
            let changes = active.machine.loaded(&view);
            let _ = active.settle(&view, changes);
            forget(active, &view);
            self.run_effects(active);
        }
        Handle::current().spawn(keep_time(Arc::downgrade(self), Arc::downgrade(shard)));
    }

    /// Handles the deadlines of a shard that have passed; gives how long to sleep until the next one, or
    /// `None` if the shard is out of service.
    fn run_timers(self: &Arc<Self>, shard: &Shard<M>) -> Option<Duration> {
        let (snapshot, fresh_id) = (self.world.now(), || self.rng.uuid());
        let (now, tick) = self.moment();
        let view = view_of(&snapshot, (now, tick), &fresh_id);
        let mut guard = shard.active()?;
        let active = guard.get().filter(|active| !active.partition.is_gone())?;
        active.run_timers(&view);
        self.run_effects(active);
        let wait = active.arm().map_or(i64::from(i32::MAX), |at| at.saturating_sub(tick).max(1));
        Some(Duration::from_millis(u64::try_from(wait).unwrap_or(1)))
    }
}

/// Removes the offsets of topics that are gone.
fn forget<M: Machine>(active: &mut Active<M>, view: &View<'_>) {
    loop {
        let changes = active.machine.forget_deleted(view);
        if changes.is_empty() || active.settle(view, changes).is_err() {
            return;
        }
    }
}

async fn read<M: Machine>(partition: Arc<Partition>) -> Option<(M, Offset, Arc<Partition>)> {
    let reading = Arc::clone(&partition);
    let loaded = tokio::task::spawn_blocking(move || load::load(&reading)).await;
    match loaded {
        Ok(Ok((machine, end))) => Some((machine, end, partition)),
        Ok(Err(error)) => {
            tracing::error!(partition = %partition.name(), %error, "this partition cannot be loaded");
            None
        }
        Err(error) => {
            tracing::error!(partition = %partition.name(), %error, "loading failed");
            None
        }
    }
}

/// Sleeps until the next deadline of a shard, for as long as it is in service.
async fn keep_time<M: Machine>(groups: std::sync::Weak<Coordinator<M>>, shard: std::sync::Weak<Shard<M>>) {
    loop {
        let Some(shard) = shard.upgrade() else { return };
        let Some(sleep) = groups.upgrade().and_then(|groups| groups.run_timers(&shard)) else { return };
        tokio::select! {
            () = tokio::time::sleep(sleep) => {}
            () = shard.sooner.notified() => {}
        }
    }
}

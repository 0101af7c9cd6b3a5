//! Runs the state machines of the groups on the partitions of `__consumer_offsets`.
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

mod load;
mod shard;
#[cfg(test)]
mod tests;
mod world;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::runtime::Handle;

use self::shard::{Active, Left, Shard, view_of};
use self::world::World;
use super::group::{Completed, Decision, GroupShard, View, partition_of};
use crate::env::{Clock, Rng};
use crate::metadata::Image;
use crate::partition::{Partition, Partitions};
use crate::schema::ErrorCode;
use crate::types::{Offset, Timestamp, TopicId};

pub use load::LoadError;
pub use world::{Later, Metadata, OFFSETS_TOPIC, StoredMetadata};

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

    /// Waits for the answer.
    pub async fn wait(self) -> Answer<T> {
        match self {
            Self::Ready(answer) => answer,
            Self::Later(answer) => answer.await,
        }
    }
}

/// A reply that may come by a ticket.
pub trait Reply: Send + 'static {
    /// Takes it out of what a ticket brought; `None` if that is a reply to another kind of request.
    fn from_completed(completed: Completed) -> Option<Self>
    where
        Self: Sized;
}

impl Reply for crate::schema::clients::join_group_response::JoinGroupResponse<'static> {
    fn from_completed(completed: Completed) -> Option<Self> {
        if let Completed::Join(reply) = completed { Some(reply) } else { None }
    }
}

impl Reply for crate::schema::clients::sync_group_response::SyncGroupResponse<'static> {
    fn from_completed(completed: Completed) -> Option<Self> {
        if let Completed::Sync(reply) = completed { Some(reply) } else { None }
    }
}

/// The coordinator of all groups.
pub struct Groups {
    world: World,
    partitions: Arc<Partitions>,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
    shards: RwLock<HashMap<(TopicId, i32), Arc<Shard>>>,
}

/// Where a group is kept.
struct Place {
    shard: Arc<Shard>,
    partition: Arc<Partition>,
}

impl Groups {
    /// The coordinator over the partitions of this broker. Nothing is read before someone asks.
    #[must_use]
    pub fn new(
        metadata: Arc<dyn Metadata>,
        partitions: Arc<Partitions>,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn Rng>,
    ) -> Arc<Self> {
        let world = World::new(metadata);
        Arc::new(Self { world, partitions, clock, rng, shards: RwLock::default() })
    }

    /// Decides a request about a group. `decide` runs before this returns, if it runs at all.
    pub fn decide<T: Send + 'static>(
        self: &Arc<Self>,
        group: &str,
        decide: impl FnOnce(&mut GroupShard, &View<'_>) -> Decision<T>,
    ) -> Pending<T> {
        match self.place_of(group) {
            Ok(place) => self.at(&place, decide, |_| None),
            Err(code) => Pending::error(code),
        }
    }

    /// Decides a request whose reply may come by a ticket.
    pub fn decide_or_park<T: Reply>(
        self: &Arc<Self>,
        group: &str,
        decide: impl FnOnce(&mut GroupShard, &View<'_>) -> Decision<T>,
    ) -> Pending<T> {
        match self.place_of(group) {
            Ok(place) => self.at(&place, decide, T::from_completed),
            Err(code) => Pending::error(code),
        }
    }

    /// Decides on each partition of the topic, for requests about all groups; nothing if there is no topic.
    pub fn decide_everywhere<T: Send + 'static>(
        self: &Arc<Self>,
        decide: impl Fn(&mut GroupShard, &View<'_>) -> Decision<T>,
    ) -> Vec<Pending<T>> {
        let image = self.world.metadata().image();
        let Some(topic) = image.topics().by_name(OFFSETS_TOPIC) else { return Vec::new() };
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
                let created = self.world.metadata().create_offsets_topic();
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
        let shards: Vec<Arc<Shard>> =
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

    fn place_of(&self, group: &str) -> Result<Place, ErrorCode> {
        let image = self.world.metadata().image();
        let topic = image.topics().by_name(OFFSETS_TOPIC).ok_or(ErrorCode::COORDINATOR_NOT_AVAILABLE)?;
        let partitions = i32::try_from(topic.partitions.len()).unwrap_or(i32::MAX);
        self.place(topic.id, partition_of(group, partitions))
    }

    fn place(&self, topic: TopicId, index: i32) -> Result<Place, ErrorCode> {
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
        place: &Place,
        decide: impl FnOnce(&mut GroupShard, &View<'_>) -> Decision<T>,
        from_completed: fn(Completed) -> Option<T>,
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
    fn enter<'a>(self: &Arc<Self>, place: &'a Place) -> Result<shard::ActiveGuard<'a>, ErrorCode> {
        self.begin_loading(place);
        place.shard.active().ok_or(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS)
    }

    fn begin_loading(self: &Arc<Self>, place: &Place) {
        if !place.shard.must_load(&place.partition) {
            return;
        }
        let (groups, shard, partition) =
            (Arc::clone(self), Arc::clone(&place.shard), Arc::clone(&place.partition));
        let end = partition.log_end();
        if end == partition.marks().log_start {
            groups.finish_loading(&shard, Some((GroupShard::new(), end, partition)));
            return;
        }
        Handle::current().spawn(async move {
            // What is in the log but not durable yet counts too: the machine must not decide without it.
            let loaded = if partition.visible(end).await { read(partition).await } else { None };
            groups.finish_loading(&shard, loaded);
        });
    }

    fn finish_loading(
        self: &Arc<Self>,
        shard: &Arc<Shard>,
        loaded: Option<(GroupShard, Offset, Arc<Partition>)>,
    ) {
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
        }
        Handle::current().spawn(keep_time(Arc::downgrade(self), Arc::downgrade(shard)));
    }

    /// Handles the deadlines of a shard that have passed; gives how long to sleep until the next one, or
    /// `None` if the shard is out of service.
    fn run_timers(&self, shard: &Shard) -> Option<Duration> {
        let (snapshot, fresh_id) = (self.world.now(), || self.rng.uuid());
        let (now, tick) = self.moment();
        let view = view_of(&snapshot, (now, tick), &fresh_id);
        let mut guard = shard.active()?;
        let active = guard.get().filter(|active| !active.partition.is_gone())?;
        active.run_timers(&view);
        let wait = active.arm().map_or(i64::from(i32::MAX), |at| at.saturating_sub(tick).max(1));
        Some(Duration::from_millis(u64::try_from(wait).unwrap_or(1)))
    }
}

/// Removes the offsets of topics that are gone.
fn forget(active: &mut Active, view: &View<'_>) {
    loop {
        let changes = active.machine.forget_deleted(view);
        if changes.is_empty() || active.settle(view, changes).is_err() {
            return;
        }
    }
}

async fn read(partition: Arc<Partition>) -> Option<(GroupShard, Offset, Arc<Partition>)> {
    let reading = Arc::clone(&partition);
    let loaded = tokio::task::spawn_blocking(move || load::load(&reading)).await;
    match loaded {
        Ok(Ok((machine, end))) => Some((machine, end, partition)),
        Ok(Err(error)) => {
            tracing::error!(partition = %partition.name(), %error, "the groups of this partition cannot be loaded");
            None
        }
        Err(error) => {
            tracing::error!(partition = %partition.name(), %error, "loading groups failed");
            None
        }
    }
}

/// Sleeps until the next deadline of a shard, for as long as it is in service.
async fn keep_time(groups: std::sync::Weak<Groups>, shard: std::sync::Weak<Shard>) {
    loop {
        let Some(shard) = shard.upgrade() else { return };
        let Some(sleep) = groups.upgrade().and_then(|groups| groups.run_timers(&shard)) else { return };
        tokio::select! {
            () = tokio::time::sleep(sleep) => {}
            () = shard.sooner.notified() => {}
        }
    }
}

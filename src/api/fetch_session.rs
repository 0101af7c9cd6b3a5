//! Incremental fetch sessions (KIP-227): what a consumer fetches is remembered, so that a request names
//! only what changed, and a reply holds only partitions that have something to say.
//!
//! The cache is bounded; a client that gets no session works without one. Time is handed in.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::schema::ErrorCode;
use crate::types::{Offset, Uuid};

/// A session that was not used for this long gives way to a new one (Kafka's value).
const EVICTION_AGE: Duration = Duration::from_secs(120);
/// Session epoch that opens a session.
const INITIAL_EPOCH: i32 = 0;
/// Session epoch that wants no session.
const FINAL_EPOCH: i32 = -1;

/// How a request names a topic: by id since version 13.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TopicKey {
    /// By name.
    Name(Arc<str>),
    /// By id.
    Id(Uuid),
}

/// A partition as a fetch request names it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PartitionKey {
    /// Its topic.
    pub topic: TopicKey,
    /// Its index.
    pub partition: i32,
}

/// What a client wants of one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Offset to read from.
    pub fetch_offset: Offset,
    /// Most bytes of this partition.
    pub max_bytes: i32,
    /// Leader epoch that the client knows, -1 for none.
    pub current_leader_epoch: i32,
    /// Leader epoch of the last record that the client has, -1 for none.
    pub last_fetched_epoch: i32,
}

/// What a reply told of one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// High watermark, -1 with an error.
    pub high_watermark: i64,
    /// Log start offset, -1 with an error.
    pub log_start_offset: i64,
    /// Whether there are records.
    pub has_records: bool,
    /// Whether there is an error or a diverging epoch, which is told again each time.
    pub must_tell: bool,
}

/// The head of a fetch request that concerns sessions.
#[derive(Clone, Debug)]
pub struct SessionRequest {
    /// Session id, 0 for none.
    pub id: i32,
    /// Session epoch: 0 opens a session, -1 wants none, others go on.
    pub epoch: i32,
    /// Whether topics are named by id.
    pub uses_ids: bool,
    /// Partitions to add or change.
    pub partitions: Vec<(PartitionKey, Wanted)>,
    /// Partitions to forget.
    pub forgotten: Vec<PartitionKey>,
}

/// What to read for a request, and how to answer it.
#[derive(Debug)]
pub struct Plan {
    kind: Kind,
    uses_ids: bool,
    /// Partitions to read, in order of fairness.
    pub partitions: Vec<(PartitionKey, Wanted)>,
}

#[derive(Debug)]
enum Kind {
    Sessionless,
    Opening,
    Incremental { id: i32, session: Arc<Mutex<Session>> },
}

#[derive(Debug, Default)]
struct Session {
    epoch: i32,
    uses_ids: bool,
    next_place: u64,
    /// In the order in which the next reply serves them: who got records goes to the end.
    order: BTreeMap<u64, PartitionKey>,
    partitions: HashMap<PartitionKey, Cached>,
}

#[derive(Clone, Debug)]
struct Cached {
    place: u64,
    wanted: Wanted,
    high_watermark: i64,
    log_start_offset: i64,
}

/// Open sessions by id, each with the time of its last use.
type Cache = HashMap<i32, (Duration, Arc<Mutex<Session>>)>;

/// All fetch sessions of the broker.
#[derive(Debug)]
pub struct FetchSessions {
    slots: usize,
    cache: Mutex<Cache>,
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl FetchSessions {
    /// A cache of at most `slots` sessions (`max.incremental.fetch.session.cache.slots`).
    #[must_use]
    pub fn new(slots: usize) -> Self {
        Self { slots, cache: Mutex::default() }
    }

    /// Number of open sessions.
    #[must_use]
    pub fn len(&self) -> usize {
        lock(&self.cache).len()
    }

    /// Whether no session is open.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Decides what a request fetches. `now` is monotonic.
    ///
    /// # Errors
    /// `FETCH_SESSION_ID_NOT_FOUND`, `INVALID_FETCH_SESSION_EPOCH`, `FETCH_SESSION_TOPIC_ID_ERROR`: the
    /// client opens a new session.
    pub fn begin(&self, request: SessionRequest, now: Duration) -> Result<Plan, ErrorCode> {
        let SessionRequest { id, epoch, uses_ids, partitions, forgotten } = request;
        if epoch == INITIAL_EPOCH || epoch == FINAL_EPOCH {
            if id != 0 {
                lock(&self.cache).remove(&id);
            }
            let kind = if epoch == FINAL_EPOCH { Kind::Sessionless } else { Kind::Opening };
            return Ok(Plan { kind, uses_ids, partitions });
        }
        let session = match lock(&self.cache).get_mut(&id) {
            Some((used, session)) => {
                *used = now;
                Arc::clone(session)
            }
            None => return Err(ErrorCode::FETCH_SESSION_ID_NOT_FOUND),
        };
        let mut state = lock(&session);
        if state.epoch != epoch {
            return Err(ErrorCode::INVALID_FETCH_SESSION_EPOCH);
        }
        if state.uses_ids != uses_ids {
            return Err(ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR);
        }
        state.update(partitions, &forgotten);
        let partitions = state.wanted();
        let kind = if partitions.is_empty() {
            lock(&self.cache).remove(&id);
            Kind::Sessionless
        } else {
            state.epoch = if epoch == i32::MAX { 1 } else { epoch.saturating_add(1) };
            Kind::Incremental { id, session: Arc::clone(&session) }
        };
        drop(state);
        Ok(Plan { kind, uses_ids, partitions })
    }

    /// Decides what the reply says: its session id, and for each partition of the plan (in its order)
    /// whether it is in the reply. `random` supplies candidates for a new id.
    pub fn finish(
        &self,
        plan: &Plan,
        told: &[Told],
        now: Duration,
        random: impl FnMut() -> u32,
    ) -> (i32, Vec<bool>) {
        match &plan.kind {
            Kind::Sessionless => (0, vec![true; told.len()]),
            Kind::Opening => (self.open(plan, told, now, random), vec![true; told.len()]),
            Kind::Incremental { id, session } => {
                let mut state = lock(session);
                let keep = plan.partitions.iter().zip(told).map(|((key, _), told)| state.tell(key, told));
                (*id, keep.collect())
            }
        }
    }

    fn open(&self, plan: &Plan, told: &[Told], now: Duration, mut random: impl FnMut() -> u32) -> i32 {
        let mut cache = lock(&self.cache);
        if plan.partitions.is_empty() || !self.make_room(&mut cache, now) {
            return 0;
        }
        let id = loop {
            let id = (random() & 0x7fff_ffff) as i32;
            if id != 0 && !cache.contains_key(&id) {
                break id;
            }
        };
        let mut session = Session { epoch: 1, uses_ids: plan.uses_ids, ..Session::default() };
        session.update(plan.partitions.clone(), &[]);
        for ((key, _), told) in plan.partitions.iter().zip(told) {
            session.tell(key, told);
        }
        cache.insert(id, (now, Arc::new(Mutex::new(session))));
        id
    }

    /// Whether there is a place for one more session; one that nobody uses gives way.
    fn make_room(&self, cache: &mut Cache, now: Duration) -> bool {
        if cache.len() < self.slots {
            return true;
        }
        let oldest = cache.iter().min_by_key(|(_, (used, _))| *used).map(|(id, (used, _))| (*id, *used));
        match oldest {
            Some((id, used)) if now.saturating_sub(used) > EVICTION_AGE => cache.remove(&id).is_some(),
            _ => false,
        }
    }
}

impl Session {
    fn update(&mut self, partitions: Vec<(PartitionKey, Wanted)>, forgotten: &[PartitionKey]) {
        for (key, wanted) in partitions {
            if let Some(cached) = self.partitions.get_mut(&key) {
                cached.wanted = wanted;
                continue;
            }
            let place = self.take_place();
            self.order.insert(place, key.clone());
            self.partitions.insert(key, Cached { place, wanted, high_watermark: -1, log_start_offset: -1 });
        }
        for key in forgotten {
            if let Some(cached) = self.partitions.remove(key) {
                self.order.remove(&cached.place);
            }
        }
    }

    fn take_place(&mut self) -> u64 {
        let place = self.next_place;
        self.next_place = place.wrapping_add(1);
        place
    }

    fn wanted(&self) -> Vec<(PartitionKey, Wanted)> {
        let cached = |key: &PartitionKey| self.partitions.get(key).map(|c| (key.clone(), c.wanted));
        self.order.values().filter_map(cached).collect()
    }

    /// Remembers what is told of a partition; whether the client has to hear it.
    fn tell(&mut self, key: &PartitionKey, told: &Told) -> bool {
        let place = self.take_place();
        let Some(cached) = self.partitions.get_mut(key) else { return true };
        let changed = cached.high_watermark != told.high_watermark
            || cached.log_start_offset != told.log_start_offset
            || told.has_records
            || told.must_tell;
        // After an error all is news again.
        cached.high_watermark = if told.must_tell { -1 } else { told.high_watermark };
        cached.log_start_offset = told.log_start_offset;
        if told.has_records {
            self.order.remove(&std::mem::replace(&mut cached.place, place));
            self.order.insert(place, key.clone());
        }
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1000);

    fn key(partition: i32) -> PartitionKey {
        PartitionKey { topic: TopicKey::Name("t".into()), partition }
    }

    fn wanted(offset: i64) -> Wanted {
        Wanted {
            fetch_offset: Offset(offset),
            max_bytes: 1,
            current_leader_epoch: -1,
            last_fetched_epoch: -1,
        }
    }

    fn request(id: i32, epoch: i32, partitions: &[i32], forgotten: &[i32]) -> SessionRequest {
        SessionRequest {
            id,
            epoch,
            uses_ids: false,
            partitions: partitions.iter().map(|&p| (key(p), wanted(0))).collect(),
            forgotten: forgotten.iter().map(|&p| key(p)).collect(),
        }
    }

    fn told(high_watermark: i64, has_records: bool) -> Told {
        Told { high_watermark, log_start_offset: 0, has_records, must_tell: false }
    }

    fn served(plan: &Plan) -> Vec<i32> {
        plan.partitions.iter().map(|(key, _)| key.partition).collect()
    }

    fn opened(sessions: &FetchSessions) -> i32 {
        let plan = sessions.begin(request(0, 0, &[0, 1, 2], &[]), NOW).unwrap();
        let (id, kept) = sessions.finish(&plan, &[told(5, false); 3], NOW, || 7);
        assert_eq!(kept, [true; 3]);
        id
    }

    #[test]
    fn an_incremental_reply_holds_only_news() {
        let sessions = FetchSessions::new(10);
        let id = opened(&sessions);
        assert_eq!(id, 7);
        let plan = sessions.begin(request(id, 1, &[], &[]), NOW).unwrap();
        assert_eq!(served(&plan), [0, 1, 2]);
        let error = Told { high_watermark: -1, log_start_offset: -1, has_records: false, must_tell: true };
        let news = [told(6, true), told(5, false), error];
        assert_eq!(sessions.finish(&plan, &news, NOW, || 0), (id, vec![true, false, true]));
        let plan = sessions.begin(request(id, 2, &[], &[]), NOW).unwrap();
        assert_eq!(served(&plan), [1, 2, 0], "who got records is served last");
        let (_, kept) = sessions.finish(&plan, &[told(5, false), told(5, false), told(6, false)], NOW, || 0);
        assert_eq!(kept, [false, true, false], "after an error all is news");
    }

    #[test]
    fn partitions_come_and_go() {
        let sessions = FetchSessions::new(10);
        let id = opened(&sessions);
        let plan = sessions.begin(request(id, 1, &[3], &[0, 1]), NOW).unwrap();
        assert_eq!(served(&plan), [2, 3]);
        let plan = sessions.begin(request(id, 2, &[], &[2, 3]), NOW).unwrap();
        assert!(plan.partitions.is_empty());
        assert!(sessions.is_empty(), "a session of nothing is closed");
    }

    #[test]
    fn sessions_are_refused_as_kafka_refuses_them() {
        let sessions = FetchSessions::new(10);
        let id = opened(&sessions);
        let refused = |r| sessions.begin(r, NOW).unwrap_err();
        assert_eq!(refused(request(99, 1, &[], &[])), ErrorCode::FETCH_SESSION_ID_NOT_FOUND);
        assert_eq!(refused(request(id, 2, &[], &[])), ErrorCode::INVALID_FETCH_SESSION_EPOCH);
        let by_id = SessionRequest { uses_ids: true, ..request(id, 1, &[], &[]) };
        assert_eq!(refused(by_id), ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR);
        sessions.begin(request(id, -1, &[], &[]), NOW).unwrap();
        assert_eq!(refused(request(id, 1, &[], &[])), ErrorCode::FETCH_SESSION_ID_NOT_FOUND);
    }

    #[test]
    fn a_full_cache_gives_the_place_of_an_idle_session() {
        let sessions = FetchSessions::new(1);
        let id = opened(&sessions);
        let plan = sessions.begin(request(0, 0, &[0], &[]), NOW).unwrap();
        assert_eq!(sessions.finish(&plan, &[told(0, false)], NOW, || 8).0, 0);
        let later = NOW + EVICTION_AGE + Duration::from_secs(1);
        assert_eq!(sessions.finish(&plan, &[told(0, false)], later, || 8).0, 8);
        assert!(sessions.begin(request(id, 1, &[], &[]), later).is_err());
    }
}

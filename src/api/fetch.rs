//! Fetch (key 1), versions 4 to 18: whole batches from where the consumer stands, as file ranges.
//!
//! A request that finds less than it wants parks until one of its partitions moves on or its time is
//! over; nothing polls. Sessions: [`fetch_session`](super::fetch_session).

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::{Notify, watch};

use super::fetch_session::{FetchSessions, PartitionKey, Plan, SessionRequest, Told, TopicKey, Wanted};
use super::lookup::{by_id, by_name, gone_code, log_code, partition_code};
use super::{Context, Handling, Services};
use crate::config::CompressionType;
use crate::env::{Clock, Rng};
use crate::log::{AbortedTxn, LogError};
use crate::partition::{Fetched, FetchedRemotely, Isolation, Partition, Watermarks};
use crate::schema::clients::fetch_request::FetchRequest;
use crate::schema::clients::fetch_response::{
    AbortedTransaction, EpochEndOffset, FetchResponse, FetchableTopicResponse, PartitionData,
};
use crate::schema::{DecodeError, ErrorCode, Reader, Records};
use crate::types::{LeaderEpoch, Offset, Uuid};
use crate::wire::{Chunk, Reply, ReplyHead};

/// First version that names topics by id.
const FIRST_WITH_TOPIC_IDS: i16 = 13;
/// First version whose clients know Zstandard (KIP-110).
const FIRST_WITH_ZSTD: i16 = 10;

/// All that a fetch needs beyond its first look; it outlives the frame.
struct Fetch {
    sessions: Arc<FetchSessions>,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
    head: ReplyHead,
    plan: Plan,
    leaders: Vec<Result<Arc<Partition>, ErrorCode>>,
    max_bytes: usize,
    min_bytes: usize,
    isolation: Isolation,
    stopping: watch::Receiver<bool>,
    /// How long remote reads are waited for.
    remote_wait: Duration,
}

/// What one look at a partition found.
struct Look {
    data: PartitionData<'static>,
    records: Option<Chunk>,
    must_tell: bool,
    /// The records have left the local disk: what to ask the remote tier for.
    remote: Option<RemoteWish>,
}

/// A read in the remote tier.
#[derive(Clone, Copy)]
struct RemoteWish {
    from: Offset,
    max_bytes: usize,
    at_least_one: bool,
}

/// Reads, and parks if there is too little.
pub(super) fn handle(
    services: &Services,
    ctx: &Context<'_>,
    mut body: Reader<'_>,
) -> Result<Handling, DecodeError> {
    let request = FetchRequest::decode(&mut body, ctx.version)?;
    let asks_nothing = request.session_epoch <= 0 && request.topics.is_empty();
    let plan =
        match services.fetch_sessions.begin(session_request(&request, ctx.version), services.clock.elapsed())
        {
            Ok(plan) => plan,
            Err(code) => {
                let response = FetchResponse { error_code: code.code(), ..Default::default() };
                return Ok(super::reply(ctx, |w| response.encode(w, ctx.version)));
            }
        };
    let leaders = plan.partitions.iter().map(|(key, wanted)| leader(services, ctx, key, wanted)).collect();
    let at_most = usize::try_from(request.max_bytes).unwrap_or(0).min(services.fetch_max_bytes);
    let fetch = Fetch {
        sessions: Arc::clone(&services.fetch_sessions),
        clock: Arc::clone(&services.clock),
        rng: Arc::clone(&services.rng),
        head: ctx.head(),
        plan,
        leaders,
        max_bytes: at_most,
        min_bytes: usize::try_from(request.min_bytes).unwrap_or(0).min(at_most),
        isolation: Isolation::from_wire(request.isolation_level),
        stopping: services.stopping(),
        remote_wait: Duration::from_millis(
            u64::try_from(services.config().remote_fetch_max_wait_ms).unwrap_or(0),
        ),
    };
    let wait = Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap_or(0));
    let looks = fetch.look();
    if looks.iter().any(|look| look.remote.is_some()) {
        return Ok(Handling::parked(async move {
            let looks = fetch.read_remotely(looks).await;
            fetch.answer(looks)
        }));
    }
    if wait.is_zero() || asks_nothing || fetch.is_enough(&looks) {
        return Ok(Handling::Ready(fetch.answer(looks)));
    }
    drop(looks);
    Ok(Handling::parked(fetch.wait(wait)))
}

fn session_request(request: &FetchRequest<'_>, version: i16) -> SessionRequest {
    let uses_ids = version >= FIRST_WITH_TOPIC_IDS;
    let topic_key = |name: &str, id: [u8; 16]| {
        if uses_ids { TopicKey::Id(Uuid(id)) } else { TopicKey::Name(Arc::from(name)) }
    };
    let mut partitions = Vec::new();
    for topic in &request.topics {
        let topic_key = topic_key(&topic.topic, topic.topic_id);
        for p in &topic.partitions {
            let key = PartitionKey { topic: topic_key.clone(), partition: p.partition };
            let wanted = Wanted {
                fetch_offset: Offset(p.fetch_offset),
                max_bytes: p.partition_max_bytes,
                current_leader_epoch: p.current_leader_epoch,
                last_fetched_epoch: p.last_fetched_epoch,
            };
            partitions.push((key, wanted));
        }
    }
    let mut forgotten = Vec::new();
    for topic in &request.forgotten_topics_data {
        let topic_key = topic_key(&topic.topic, topic.topic_id);
        let key = |&partition: &i32| PartitionKey { topic: topic_key.clone(), partition };
        forgotten.extend(topic.partitions.iter().map(key));
    }
    SessionRequest { id: request.session_id, epoch: request.session_epoch, uses_ids, partitions, forgotten }
}

fn leader(
    services: &Services,
    ctx: &Context<'_>,
    key: &PartitionKey,
    wanted: &Wanted,
) -> Result<Arc<Partition>, ErrorCode> {
    let leader = match &key.topic {
        TopicKey::Name(name) => by_name(services, name, key.partition)?,
        TopicKey::Id(id) => by_id(services, *id, key.partition)?,
    };
    leader.check_epoch(wanted.current_leader_epoch).map_err(|error| partition_code(&error))?;
    if ctx.version < FIRST_WITH_ZSTD && leader.config().compression_type == CompressionType::Zstd {
        return Err(ErrorCode::UNSUPPORTED_COMPRESSION_TYPE);
    }
    Ok(leader)
}

impl Fetch {
    /// Reads all partitions, as far as the limits reach.
    fn look(&self) -> Vec<Look> {
        let mut left = self.max_bytes;
        let mut found_any = false;
        let mut looks = Vec::with_capacity(self.leaders.len());
        for ((key, wanted), leader) in self.plan.partitions.iter().zip(&self.leaders) {
            let look = match leader {
                Ok(leader) => self.look_at(leader, key, wanted, left, !found_any),
                Err(code) => failed(key.partition, *code),
            };
            let remote = look.remote.map_or(0, |wish| wish.max_bytes.max(1));
            let read = look.records.as_ref().map_or(remote, Chunk::len);
            left = left.saturating_sub(read);
            found_any |= read > 0;
            looks.push(look);
        }
        looks
    }

    fn look_at(
        &self,
        leader: &Partition,
        key: &PartitionKey,
        wanted: &Wanted,
        left: usize,
        at_least_one: bool,
    ) -> Look {
        if leader.is_gone() {
            let code = match (&key.topic, gone_code(leader)) {
                (TopicKey::Id(_), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION) => ErrorCode::UNKNOWN_TOPIC_ID,
                (_, code) => code,
            };
            return failed(key.partition, code);
        }
        if let Some(diverging) = diverges(leader, wanted) {
            return self.diverged(leader, key.partition, diverging);
        }
        let max = usize::try_from(wanted.max_bytes).unwrap_or(0).min(left);
        // With nothing found yet even a limit of zero yields one batch (KIP-74).
        match leader.fetch(wanted.fetch_offset, max, at_least_one, self.isolation) {
            Ok(fetched) => found(key.partition, self.isolation, fetched),
            Err(LogError::NotLocal { offset, .. }) => {
                let wish = RemoteWish { from: offset, max_bytes: max, at_least_one };
                Look { remote: Some(wish), ..nothing(key.partition, leader.marks()) }
            }
            Err(error) => failed(key.partition, log_code(&error)),
        }
    }

    fn diverged(&self, leader: &Partition, index: i32, diverging: EpochEndOffset) -> Look {
        let mut look = nothing(index, leader.marks());
        look.data.diverging_epoch = diverging;
        Look { must_tell: true, ..look }
    }

    fn is_enough(&self, looks: &[Look]) -> bool {
        let bytes: usize = looks.iter().filter_map(|l| l.records.as_ref()).map(Chunk::len).sum();
        bytes >= self.min_bytes || looks.iter().any(|look| look.must_tell || look.remote.is_some())
    }

    /// Parks until there is enough, the time is over or the broker stops.
    async fn wait(mut self, time: Duration) -> Reply {
        let deadline = tokio::time::Instant::now() + time;
        let signal = Arc::new(Notify::new());
        loop {
            let places: Vec<_> = self
                .leaders
                .iter()
                .flatten()
                .map(|leader| leader.register(leader.high_watermark().plus(1), &signal))
                .collect();
            // What came between the last look and the registration is found here.
            let looks = self.look();
            if self.is_enough(&looks) {
                let looks = self.read_remotely(looks).await;
                return self.answer(looks);
            }
            drop(looks);
            let moved = tokio::select! {
                () = signal.notified() => true,
                () = tokio::time::sleep_until(deadline) => false,
                _ = self.stopping.wait_for(|stopping| *stopping) => false,
            };
            if !moved {
                let looks = self.look();
                return self.answer(looks);
            }
            drop(places);
        }
    }

    /// Fills in what has to come from the remote tier, all at once. What does not come in time is left out, and
    /// read nevertheless: the client's next fetch finds it.
    async fn read_remotely(&self, mut looks: Vec<Look>) -> Vec<Look> {
        let wishes = looks.iter().zip(&self.leaders).enumerate();
        let reads = wishes.filter_map(|(at, (look, leader))| {
            let (wish, leader) = (look.remote?, Arc::clone(leader.as_ref().ok()?));
            Some(async move {
                let read = leader.fetch_remote(wish.from, wish.max_bytes, wish.at_least_one, self.isolation);
                (at, tokio::time::timeout(self.remote_wait, read).await)
            })
        });
        for (at, read) in join_all(reads).await {
            let Some(look) = looks.get_mut(at) else { continue };
            match read {
                Ok(Ok(fetched)) => *look = found_remotely(look.data.partition_index, self.isolation, fetched),
                Ok(Err(error)) => *look = failed(look.data.partition_index, log_code(&error)),
                Err(_) => {}
            }
        }
        looks
    }

    fn answer(&self, looks: Vec<Look>) -> Reply {
        let told: Vec<Told> = looks.iter().map(Look::told).collect();
        let random = || {
            let mut bytes = [0; 4];
            self.rng.fill(&mut bytes);
            u32::from_be_bytes(bytes)
        };
        let (session_id, keep) = self.sessions.finish(&self.plan, &told, self.clock.elapsed(), random);
        let mut chunks = Vec::new();
        let mut responses: Vec<FetchableTopicResponse<'static>> = Vec::new();
        let mut places: HashMap<&TopicKey, usize> = HashMap::new();
        for (((key, _), look), keep) in self.plan.partitions.iter().zip(looks).zip(keep) {
            if !keep {
                continue;
            }
            chunks.extend(look.records);
            // Splices are filled in the order of the partitions: those of a topic stand together only
            // as long as no other topic comes between.
            let last = responses.len().saturating_sub(1);
            match places.get(&key.topic).filter(|&&at| at == last).and_then(|&at| responses.get_mut(at)) {
                Some(topic) => topic.partitions.push(look.data),
                None => {
                    places.insert(&key.topic, responses.len());
                    responses.push(topic_response(&key.topic, look.data));
                }
            }
        }
        let response = FetchResponse { session_id, responses, ..Default::default() };
        let version = self.head.version;
        self.head.reply_spliced(chunks, |w| response.encode(w, version)).unwrap_or_else(|error| {
            tracing::error!(%error, "a fetch reply does not add up; this is a bug");
            let code = ErrorCode::UNKNOWN_SERVER_ERROR.code();
            let response = FetchResponse { error_code: code, ..Default::default() };
            self.head.reply(|w| response.encode(w, version))
        })
    }
}

fn topic_response(key: &TopicKey, data: PartitionData<'static>) -> FetchableTopicResponse<'static> {
    let (topic, topic_id) = match key {
        TopicKey::Name(name) => (name.to_string(), Uuid::ZERO),
        TopicKey::Id(id) => (String::new(), *id),
    };
    FetchableTopicResponse {
        topic: Cow::Owned(topic),
        topic_id: topic_id.0,
        partitions: vec![data],
        ..Default::default()
    }
}

impl Look {
    fn told(&self) -> Told {
        Told {
            high_watermark: self.data.high_watermark,
            log_start_offset: self.data.log_start_offset,
            has_records: self.records.is_some(),
            must_tell: self.must_tell,
        }
    }
}

/// Whether the client's last record belongs to a history that is not this log's (KIP-595).
fn diverges(leader: &Partition, wanted: &Wanted) -> Option<EpochEndOffset> {
    let known = LeaderEpoch(wanted.last_fetched_epoch);
    if known < LeaderEpoch(0) {
        return None;
    }
    let (epoch, end) = leader.epoch_end(known)?;
    (epoch < known || end < wanted.fetch_offset).then(|| EpochEndOffset {
        epoch: epoch.get(),
        end_offset: end.get(),
        ..Default::default()
    })
}

fn failed(index: i32, code: ErrorCode) -> Look {
    let data = PartitionData {
        partition_index: index,
        error_code: code.code(),
        high_watermark: -1,
        last_stable_offset: -1,
        log_start_offset: -1,
        records: Some(Records::Bytes(Cow::Borrowed(&[]))),
        ..Default::default()
    };
    Look { data, records: None, must_tell: true, remote: None }
}

/// A partition that has nothing to tell but where it stands.
fn nothing(index: i32, marks: Watermarks) -> Look {
    let data = PartitionData {
        partition_index: index,
        high_watermark: marks.high_watermark.get(),
        last_stable_offset: marks.last_stable.get(),
        log_start_offset: marks.log_start.get(),
        records: Some(Records::Bytes(Cow::Borrowed(&[]))),
        ..Default::default()
    };
    Look { data, records: None, must_tell: false, remote: None }
}

fn found_remotely(index: i32, isolation: Isolation, fetched: FetchedRemotely) -> Look {
    let records = (!fetched.bytes.is_empty()).then_some(Chunk::Bytes(fetched.bytes));
    with_records(index, isolation, fetched.marks, &fetched.aborted, records)
}

fn found(index: i32, isolation: Isolation, fetched: Fetched) -> Look {
    let records = fetched.slice.range.map(Chunk::File);
    with_records(index, isolation, fetched.marks, &fetched.aborted, records)
}

fn with_records(
    index: i32,
    isolation: Isolation,
    marks: Watermarks,
    aborted: &[AbortedTxn],
    chunk: Option<Chunk>,
) -> Look {
    let aborted = aborted.iter().map(|txn| AbortedTransaction {
        producer_id: txn.producer_id.get(),
        first_offset: txn.first_offset.get(),
        ..Default::default()
    });
    let mut look = nothing(index, marks);
    look.data.aborted_transactions = (isolation == Isolation::ReadCommitted).then(|| aborted.collect());
    if let Some(chunk) = &chunk {
        look.data.records = Some(Records::Splice { len: chunk.len() });
    }
    Look { records: chunk, ..look }
}

//! Sending records: batches per partition, several requests under way, each record once and in order.
//!
//! As long as all goes well, up to five requests are under way (one without idempotence, or order would
//! be lost). When anything fails, whatever it is, all replies are awaited, and the batches that failed
//! are sent again one by one in their order; the broker knows by their sequence numbers those that it
//! has already. Only there is it decided what is worth another try.
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use super::batch::{Identity, OpenBatch, SealedBatch, Target, ends};
use super::input::{Header, Input};
use super::partitioner;
use crate::cli::client::{ClientError, Cluster, Ticket};
use crate::env::{Clock, Rng, SystemClock, SystemRng};
use crate::record::{Compression, NewRecord, RecordHeader};
use crate::schema::clients::init_producer_id_request::InitProducerIdRequest;
use crate::schema::clients::produce_request::{PartitionProduceData, ProduceRequest, TopicProduceData};
use crate::schema::clients::produce_response::PartitionProduceResponse;
use crate::schema::{ErrorCode, Records};
use crate::types::{ProducerEpoch, ProducerId, Timestamp};

/// Requests under way; a broker tells duplicates from new batches among the last five.
const MAX_IN_FLIGHT: usize = 5;
/// How long a topic may take to come into being, once a broker was asked for it.
const CREATION: Duration = Duration::from_secs(5);

/// How to send.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the records go.
    pub topic: String,
    /// The partition of records that name none.
    pub partition: Option<i32>,
    /// How batches are compressed.
    pub compression: Compression,
    /// How many replicas must have a batch: -1 all in sync, 1 the leader, 0 no reply is awaited.
    pub acks: i16,
    /// Whether repeated batches are told apart; needs `acks` -1.
    pub is_idempotent: bool,
    /// Bytes of a batch before compression. A larger record has a batch of its own.
    pub batch_size: usize,
}

/// Batches that went out in one request.
#[derive(Debug)]
struct InFlight {
    leader: i32,
    ticket: Ticket,
    batches: Vec<SealedBatch>,
}

/// Sends records to one topic.
#[derive(Debug)]
pub struct Producer {
    settings: Settings,
    cluster: Cluster,
    clock: SystemClock,
    rng: SystemRng,
    identity: Option<Identity>,
    partitions: Vec<i32>,
    sequences: BTreeMap<i32, i32>,
    sticky: Option<i32>,
    open: BTreeMap<i32, OpenBatch>,
    in_flight: VecDeque<InFlight>,
    failed: Vec<SealedBatch>,
    delivered: u64,
}

/// Why records were not written.
#[derive(Debug)]
pub struct Undelivered {
    /// First and last input line of those that a broker refused; others may follow.
    pub lines: (u64, u64),
    /// Why.
    pub reason: ClientError,
}

impl Producer {
    /// Finds the topic (a broker that makes topics by itself is asked to) and gets an identity.
    ///
    /// # Errors
    /// What the brokers refuse.
    pub fn open(mut cluster: Cluster, settings: Settings) -> Result<Self, ClientError> {
        let partitions = cluster.retrying_for(CREATION, |cluster| {
            let topic = cluster.topic(&settings.topic, true)?;
            Ok(topic.partitions.iter().map(|partition| partition.index).collect())
        })?;
        let identity = if settings.is_idempotent { Some(cluster.retrying(identify)?) } else { None };
        Ok(Self {
            settings,
            cluster,
            clock: SystemClock::new(),
            rng: SystemRng,
            identity,
            partitions,
            sequences: BTreeMap::new(),
            sticky: None,
            open: BTreeMap::new(),
            in_flight: VecDeque::new(),
            failed: Vec::new(),
            delivered: 0,
        })
    }

    /// Records that are known to be written (with `acks` 0: that were sent).
    #[must_use]
    pub fn delivered(&self) -> u64 {
        self.delivered
    }

    /// How long the oldest record waits for company; `None` if none waits.
    #[must_use]
    pub fn waiting(&self) -> Option<Duration> {
        let oldest = self.open.values().map(|batch| batch.opened).min()?;
        Some(self.clock.elapsed().saturating_sub(oldest))
    }

    /// Adds the record that was read from input line `line`; a batch that is full goes out.
    ///
    /// # Errors
    /// [`Undelivered`], of this record or of earlier ones.
    pub fn push(&mut self, input: &Input<'_>, line: u64) -> Result<(), Undelivered> {
        let partition = self.choose(input).map_err(|reason| Undelivered { lines: (line, line), reason })?;
        let headers: Vec<_> = input.headers.iter().map(header).collect();
        let record = NewRecord {
            timestamp: input.timestamp.map_or_else(|| self.clock.now(), Timestamp),
            key: input.key.as_deref(),
            value: input.value.as_deref(),
            headers: &headers,
        };
        let limit = self.settings.batch_size.saturating_sub(content(&record));
        if self.open.get(&partition).is_some_and(|batch| batch.size() > limit) {
            self.send_full(partition)?;
        }
        let batch = match self.open.remove(&partition) {
            Some(batch) => batch,
            None => self.new_batch(partition),
        };
        self.open.entry(partition).or_insert(batch).push(&record, line);
        Ok(())
    }

    fn new_batch(&self, partition: i32) -> OpenBatch {
        let target = Target {
            partition,
            compression: self.settings.compression,
            identity: self.identity,
            base_sequence: self.sequences.get(&partition).copied().unwrap_or(0),
        };
        OpenBatch::new(target, self.clock.elapsed())
    }

    /// The record's own partition, or that of its key, or the one that gathers keyless records now.
    fn choose(&mut self, input: &Input<'_>) -> Result<i32, ClientError> {
        if let Some(partition) = input.partition.or(self.settings.partition) {
            if self.partitions.contains(&partition) {
                return Ok(partition);
            }
            let last = self.partitions.len().saturating_sub(1);
            return Err(ClientError::Refused {
                subject: format!("partition {}-{partition}", self.settings.topic),
                code: ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
                message: Some(format!("the topic has partitions 0 to {last}")),
            });
        }
        let at = match (&input.key, self.sticky) {
            (Some(key), _) => partitioner::of_key(key, self.partitions.len()),
            (None, Some(sticky)) => return Ok(sticky),
            (None, None) => self.rng.below(self.partitions.len() as u64) as usize,
        };
        let partition = self.partitions.get(at).copied().unwrap_or(0);
        if input.key.is_none() {
            self.sticky = Some(partition);
        }
        Ok(partition)
    }

    fn send_full(&mut self, partition: i32) -> Result<(), Undelivered> {
        if self.sticky == Some(partition) {
            self.sticky = None;
        }
        let batches = self.seal(partition)?.into_iter().collect();
        self.send(batches)
    }

    fn seal(&mut self, partition: i32) -> Result<Option<SealedBatch>, Undelivered> {
        let Some(batch) = self.open.remove(&partition) else { return Ok(None) };
        self.sequences.insert(partition, batch.next_sequence());
        let lines = batch.lines();
        batch.seal().map(Some).map_err(|error| Undelivered {
            lines,
            reason: ClientError::Refused {
                subject: format!("partition {}-{partition}", self.settings.topic),
                code: ErrorCode::CORRUPT_MESSAGE,
                message: Some(error.to_string()),
            },
        })
    }

    /// Sends all that waits for company.
    ///
    /// # Errors
    /// [`Undelivered`].
    pub fn flush(&mut self) -> Result<(), Undelivered> {
        self.sticky = None;
        let partitions: Vec<i32> = self.open.keys().copied().collect();
        let mut batches = Vec::new();
        for partition in partitions {
            batches.extend(self.seal(partition)?);
        }
        self.send(batches)
    }

    /// Waits until every record that was sent is written.
    ///
    /// # Errors
    /// [`Undelivered`].
    pub fn settle(&mut self) -> Result<(), Undelivered> {
        self.receive_down_to(0)
    }

    /// Sends batches, one request for each leader.
    fn send(&mut self, batches: Vec<SealedBatch>) -> Result<(), Undelivered> {
        let mut by_leader: BTreeMap<i32, Vec<SealedBatch>> = BTreeMap::new();
        for batch in batches {
            let topic = self.cluster.topic(&self.settings.topic, false);
            match topic.and_then(|topic| topic.leader(batch.target.partition)) {
                Ok(leader) => by_leader.entry(leader).or_default().push(batch),
                Err(_) => self.failed.push(batch),
            }
        }
        for (leader, batches) in by_leader {
            let window = if self.settings.is_idempotent { MAX_IN_FLIGHT } else { 1 };
            self.receive_down_to(window - 1)?;
            self.send_to(leader, batches);
        }
        if self.failed.is_empty() { Ok(()) } else { self.recover() }
    }

    fn send_to(&mut self, leader: i32, batches: Vec<SealedBatch>) {
        match request(&mut self.cluster, &self.settings, leader, &batches) {
            Ok(Some(ticket)) => self.in_flight.push_back(InFlight { leader, ticket, batches }),
            Ok(None) => {
                self.delivered =
                    self.delivered.saturating_add(batches.iter().map(|batch| batch.lines.len() as u64).sum())
            }
            Err(_) => self.failed.extend(batches),
        }
    }

    fn receive_down_to(&mut self, limit: usize) -> Result<(), Undelivered> {
        while self.in_flight.len() > limit && self.failed.is_empty() {
            self.receive_oldest(&mut BTreeSet::new());
        }
        if self.failed.is_empty() { Ok(()) } else { self.recover() }
    }

    /// Takes the oldest reply, and keeps the batches that it does not confirm. After a broken reply
    /// the connection (`broken`) has no later ones.
    fn receive_oldest(&mut self, broken: &mut BTreeSet<i32>) {
        let Some(InFlight { leader, ticket, batches }) = self.in_flight.pop_front() else { return };
        if broken.contains(&leader) {
            self.failed.extend(batches);
            return;
        }
        let verdicts = self.cluster.broker(leader).and_then(|connection| {
            let reply = connection.receive::<ProduceRequest<'_>>(ticket)?;
            let responses = reply.decode()?.responses;
            let partitions = responses.into_iter().flat_map(|topic| topic.partition_responses);
            Ok(partitions.map(|p| (p.index, is_written(p.error_code))).collect::<BTreeMap<_, _>>())
        });
        let Ok(verdicts) = verdicts else {
            broken.insert(leader);
            self.failed.extend(batches);
            return;
        };
        for batch in batches {
            if verdicts.get(&batch.target.partition) == Some(&true) {
                self.delivered = self.delivered.saturating_add(batch.lines.len() as u64);
            } else {
                self.failed.push(batch);
            }
        }
    }

    /// Takes all replies that are still to come, then sends what failed again, in order.
    fn recover(&mut self) -> Result<(), Undelivered> {
        let mut broken = BTreeSet::new();
        while !self.in_flight.is_empty() {
            self.receive_oldest(&mut broken);
        }
        self.cluster.forget();
        let mut failed: VecDeque<SealedBatch> = std::mem::take(&mut self.failed).into();
        while let Some(batch) = failed.pop_front() {
            match self.send_alone(&batch) {
                Ok(()) => self.delivered = self.delivered.saturating_add(batch.lines.len() as u64),
                Err(undelivered) => match batch.split().filter(|_| is_too_large(&undelivered.reason)) {
                    Some([first, second]) => {
                        self.settings.batch_size = self.settings.batch_size.min(first.bytes.len());
                        failed.push_front(second);
                        failed.push_front(first);
                    }
                    None => return Err(undelivered),
                },
            }
        }
        Ok(())
    }

    /// Sends a batch until it is written, or will never be.
    fn send_alone(&mut self, batch: &SealedBatch) -> Result<(), Undelivered> {
        let (settings, partition) = (&self.settings, batch.target.partition);
        let mut culprit = None;
        let result = self.cluster.retrying(|cluster| {
            let leader = cluster.topic(&settings.topic, false)?.leader(partition)?;
            let ticket = request(cluster, settings, leader, std::slice::from_ref(batch))?;
            let Some(ticket) = ticket else { return Ok(()) };
            let reply = cluster.broker(leader)?.receive::<ProduceRequest<'_>>(ticket)?;
            let responses = reply.decode()?.responses;
            let answer = responses.into_iter().flat_map(|topic| topic.partition_responses).next();
            let PartitionProduceResponse { error_code, error_message, record_errors, .. } =
                answer.unwrap_or_default();
            if is_written(error_code) {
                return Ok(());
            }
            let first = record_errors.first();
            let message = first.and_then(|e| e.batch_index_error_message.as_deref());
            culprit = first.and_then(|e| batch.lines.get(usize::try_from(e.batch_index).ok()?).copied());
            ClientError::check(error_code, message.or(error_message.as_deref()), || {
                format!("partition {}-{partition}", settings.topic)
            })
        });
        result.map_err(|reason| Undelivered {
            lines: culprit.map_or(ends(&batch.lines), |line| (line, line)),
            reason,
        })
    }
}

/// Puts a request on its way. There is no ticket if there will be no reply.
fn request(
    cluster: &mut Cluster,
    settings: &Settings,
    leader: i32,
    batches: &[SealedBatch],
) -> Result<Option<Ticket>, ClientError> {
    let data = |batch| {
        let SealedBatch { target, bytes, .. }: &SealedBatch = batch;
        let records = Some(Records::Bytes(bytes.into()));
        PartitionProduceData { index: target.partition, records, ..Default::default() }
    };
    let request = ProduceRequest {
        acks: settings.acks,
        timeout_ms: cluster.timeout_ms(),
        topic_data: vec![TopicProduceData {
            name: settings.topic.as_str().into(),
            topic_id: cluster.topic(&settings.topic, false)?.id,
            partition_data: batches.iter().map(data).collect(),
            ..Default::default()
        }],
        ..Default::default()
    };
    let ticket = cluster.broker(leader)?.send(&request)?;
    Ok(Some(ticket).filter(|_| settings.acks != 0))
}

fn identify(cluster: &mut Cluster) -> Result<Identity, ClientError> {
    let request = InitProducerIdRequest {
        transactional_id: None,
        transaction_timeout_ms: cluster.timeout_ms(),
        producer_id: ProducerId::NONE.get(),
        producer_epoch: ProducerEpoch::NONE.get(),
        ..Default::default()
    };
    let reply = cluster.ask(&request)?;
    let response = reply.decode()?;
    ClientError::check(response.error_code, None, || {
        "the identity of an idempotent producer (--no-idempotence does without)".into()
    })?;
    Ok(Identity { id: ProducerId(response.producer_id), epoch: ProducerEpoch(response.producer_epoch) })
}

fn is_written(code: i16) -> bool {
    [ErrorCode::NONE, ErrorCode::DUPLICATE_SEQUENCE_NUMBER].contains(&ErrorCode(code))
}

fn is_too_large(error: &ClientError) -> bool {
    matches!(error.code(), Some(ErrorCode::MESSAGE_TOO_LARGE | ErrorCode::RECORD_LIST_TOO_LARGE))
}

fn header<'a>((name, value): &'a Header) -> RecordHeader<'a> {
    RecordHeader { key: name, value: value.as_deref() }
}

/// Bytes that a record brings; its few bytes of numbers do not count.
fn content(record: &NewRecord<'_>) -> usize {
    let bytes = |field: Option<&[u8]>| field.map_or(0, <[u8]>::len);
    let headers = record.headers.iter().map(|header| header.key.len() + bytes(header.value));
    headers.fold(bytes(record.key) + bytes(record.value), usize::saturating_add)
}

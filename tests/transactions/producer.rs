//! A transactional producer: what it asks of a broker, and what it makes of the answers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use klamm::coordinator::group::GroupShard;
use klamm::coordinator::machine::{Machine, partition_of};
use klamm::coordinator::txn::{End, Ended, Identity, Init, Refused};
use klamm::coordinator::view::View;
use klamm::log::LogError;
use klamm::partition::Partition;
use klamm::record::{BatchBuilder, Compression, NewRecord};
use klamm::schema::ErrorCode;
use klamm::schema::clients::txn_offset_commit_request::{
    TxnOffsetCommitRequest, TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};

use super::node::{DATA, Node};

/// Its transactions may be open so long.
pub const TIMEOUT_MS: i32 = 30_000;

/// A request under way or to be repeated.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// Becomes the id's producer.
    Init,
    /// Writes a value to one of [`DATA`].
    Send { at: usize, value: u32, sequence: i32 },
    /// Commits an offset of its group.
    Offset(i64),
    /// Ends its transaction.
    End { commit: bool },
}

/// What came of a request.
pub type Reply = Result<Option<Identity>, ErrorCode>;
/// Where a request's task leaves it.
pub type Slot = Arc<Mutex<Option<Reply>>>;

/// How a transaction stands, as far as its producer knows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outcome {
    /// Nobody has asked for its end.
    Open,
    /// Its end was asked for, and nothing came back.
    Asked {
        commit: bool,
    },
    Committed,
    Aborted,
}

/// A transaction.
#[derive(Clone, Debug)]
pub struct Attempt {
    pub outcome: Outcome,
    /// What was acknowledged: where, and what.
    pub values: Vec<(usize, u32)>,
    /// What was not.
    pub unsure: Vec<u32>,
    pub offset: Option<i64>,
}

/// A producer.
pub struct Session {
    pub id: String,
    pub identity: Option<Identity>,
    pub attempts: Vec<Attempt>,
    sequences: BTreeMap<usize, i32>,
    /// What it does, or has to repeat.
    pub op: Option<Op>,
    pub slot: Option<Slot>,
    /// It was fenced, or gave up.
    pub dead: bool,
    /// Someone else holds the id by now: since before the request under way was sent.
    pub replaced: bool,
    pub sent_replaced: bool,
}

impl Session {
    pub fn new(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            identity: None,
            attempts: Vec::new(),
            sequences: BTreeMap::new(),
            op: Some(Op::Init),
            slot: None,
            dead: false,
            replaced: false,
            sent_replaced: false,
        }
    }

    pub fn open(&mut self) -> Option<&mut Attempt> {
        self.attempts.last_mut().filter(|attempt| attempt.outcome == Outcome::Open)
    }

    pub fn sequence(&self, at: usize) -> i32 {
        self.sequences.get(&at).copied().unwrap_or(0)
    }

    /// Begins a transaction if none is open.
    pub fn begin(&mut self) -> &mut Attempt {
        if self.open().is_none() {
            let (values, unsure) = (Vec::new(), Vec::new());
            self.attempts.push(Attempt { outcome: Outcome::Open, values, unsure, offset: None });
        }
        self.attempts.last_mut().unwrap()
    }

    /// Sends what it has to.
    pub fn ask(&mut self, node: &Arc<Node>, version: i16) {
        let (Some(op), None) = (self.op.clone(), &self.slot) else { return };
        let slot = Slot::default();
        self.slot = Some(Arc::clone(&slot));
        self.sent_replaced = self.replaced;
        if let (Op::End { commit }, Some(attempt)) = (&op, self.open()) {
            attempt.outcome = Outcome::Asked { commit: *commit };
        }
        let request = carry_out(Arc::clone(node), self.id.clone(), self.identity, op, version);
        tokio::spawn(async move {
            let reply = request.await;
            *slot.lock().unwrap() = Some(reply);
        });
    }

    /// Takes in the answer, if there is one. The broker is gone: nothing came back.
    pub fn hear(&mut self, is_gone: bool) -> Option<(Op, Reply)> {
        let reply = self.slot.as_ref().and_then(|slot| slot.lock().unwrap().take());
        if reply.is_some() || is_gone {
            self.slot = None;
        }
        let (op, reply) = (self.op.clone()?, reply?);
        if reply.as_ref().is_err_and(|code| is_retriable(*code)) {
            return None;
        }
        self.op = None;
        match &reply {
            Ok(granted) => self.done(&op, *granted),
            Err(code) => self.refused(&op, *code),
        }
        Some((op, reply))
    }

    fn done(&mut self, op: &Op, granted: Option<Identity>) {
        match *op {
            Op::Init => {}
            Op::Send { at, value, sequence } => {
                self.sequences.insert(at, sequence + 1);
                let attempt = self.attempts.last_mut().unwrap();
                attempt.unsure.retain(|unsure| *unsure != value);
                attempt.values.push((at, value));
            }
            Op::Offset(offset) => self.attempts.last_mut().unwrap().offset = Some(offset),
            Op::End { commit } => {
                let attempt = self.attempts.last_mut().unwrap();
                attempt.outcome = if commit { Outcome::Committed } else { Outcome::Aborted };
                if !attempt.unsure.is_empty() && granted == self.identity {
                    // It does not know which sequence comes next, and its epoch stays: it asks for another.
                    self.op = Some(Op::Init);
                }
            }
        }
        if let Some(granted) = granted {
            if self.identity != Some(granted) {
                self.sequences.clear();
            }
            self.identity = Some(granted);
        }
    }

    fn refused(&mut self, op: &Op, code: ErrorCode) {
        let fenced = [
            ErrorCode::PRODUCER_FENCED,
            ErrorCode::INVALID_PRODUCER_EPOCH,
            // What a producer of version 2 hears whose commit comes after an abort by timeout.
            ErrorCode::INVALID_TXN_STATE,
        ];
        assert!(fenced.contains(&code), "{}: {op:?} of {:?} got {code}", self.id, self.identity);
        self.dead = true;
    }
}

fn is_retriable(code: ErrorCode) -> bool {
    code.is_retriable() || code == ErrorCode::CONCURRENT_TRANSACTIONS
}

async fn carry_out(node: Arc<Node>, id: String, identity: Option<Identity>, op: Op, version: i16) -> Reply {
    match op {
        Op::Init => init(&node, &id, identity).await.map(Some),
        Op::Send { at, value, sequence } => {
            let (topic, index) = DATA[at];
            let (producer, leader) = (identity.unwrap(), node.partition(topic, index));
            let mut builder = BatchBuilder::new(Compression::NONE)
                .producer(producer.id, producer.epoch, sequence)
                .transactional();
            let value = value.to_string();
            let timestamp = klamm::env::Clock::now(&*node.disk.clock);
            builder.push(&NewRecord { timestamp, value: Some(value.as_bytes()), ..NewRecord::default() });
            let batch = builder.build_uncompressed().enlisted_at(leader.log_end());
            if !leader.has_open_transaction(producer.id, producer.epoch) {
                leader.announce(batch.header(), version >= 2, timestamp).map_err(code)?;
                enlist(&node, &id, producer, (topic, index), version).await?;
            }
            append(&leader, || leader.append(batch, timestamp)).await
        }
        Op::Offset(offset) => {
            let producer = identity.unwrap();
            let index = partition_of(&group(&id), 1);
            enlist(&node, &id, producer, (GroupShard::TOPIC, index), version).await?;
            let partition =
                TxnOffsetCommitRequestPartition { committed_offset: offset, ..Default::default() };
            let topic = TxnOffsetCommitRequestTopic {
                name: "a".into(),
                partitions: vec![partition],
                ..Default::default()
            };
            let request = TxnOffsetCommitRequest {
                transactional_id: id.clone().into(),
                group_id: group(&id).into(),
                producer_id: producer.id.get(),
                producer_epoch: producer.epoch.get(),
                generation_id_or_member_epoch: -1,
                topics: vec![topic],
                ..Default::default()
            };
            let decide =
                |shard: &mut GroupShard, view: &View<'_>| shard.commit_in_transaction(view, &request, 5);
            let reply = node.groups.decide(&group(&id), decide).wait().await?;
            match ErrorCode(reply.topics[0].partitions[0].error_code) {
                ErrorCode::NONE => Ok(None),
                code => Err(code),
            }
        }
        Op::End { commit } => end(&node, &id, identity.unwrap(), commit, version).await.map(Some),
    }
}

/// The group whose offsets go with the producer's transactions.
pub fn group(id: &str) -> String {
    format!("group-{id}")
}

fn code(error: LogError) -> ErrorCode {
    match error {
        LogError::InvalidProducerEpoch { .. } => ErrorCode::INVALID_PRODUCER_EPOCH,
        LogError::OutOfOrderSequence { .. } => ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER,
        LogError::InvalidTransactionState { .. } => ErrorCode::INVALID_TXN_STATE,
        _ => ErrorCode::KAFKA_STORAGE_ERROR,
    }
}

async fn append(
    leader: &Partition,
    append: impl FnOnce() -> Result<klamm::log::Appended, LogError>,
) -> Reply {
    let appended = append().map_err(code)?;
    match leader.visible(appended.last_offset.plus(1)).await {
        true => Ok(None),
        false => Err(ErrorCode::NOT_LEADER_OR_FOLLOWER),
    }
}

/// Adds a partition to the transaction: by AddPartitionsToTxn and a look, or as producing does.
async fn enlist(
    node: &Arc<Node>,
    id: &str,
    producer: Identity,
    partition: (&str, i32),
    version: i16,
) -> Result<(), ErrorCode> {
    let transactions = &node.transactions;
    let client = if version >= 2 { 2 } else { 0 };
    transactions
        .decide(id, |shard, view| shard.add_partitions(view, id, producer, &[partition], client))
        .wait()
        .await??;
    if version < 2 {
        let verify = transactions.decide(id, |shard, _| shard.verify_partitions(id, producer, &[partition]));
        let codes = verify.wait().await??;
        return codes.into_iter().find(|code| !code.is_none()).map_or(Ok(()), Err);
    }
    Ok(())
}

async fn init(node: &Arc<Node>, id: &str, known: Option<Identity>) -> Result<Identity, ErrorCode> {
    let request = Init { id, timeout_ms: TIMEOUT_MS, known, two_phase: false, keep_prepared: false };
    let mut fresh = None;
    loop {
        let decide =
            node.transactions.decide(id, |shard, view| shard.init_producer_id(view, &request, fresh));
        match decide.wait().await? {
            Ok(granted) => return Ok(granted),
            Err(Refused::Code(code)) => return Err(code),
            Err(Refused::NeedsProducerId) => fresh = Some(node.disk.producer_id()),
        }
    }
}

async fn end(
    node: &Arc<Node>,
    id: &str,
    producer: Identity,
    commit: bool,
    version: i16,
) -> Result<Identity, ErrorCode> {
    let client_version = if version >= 2 { 2 } else { 0 };
    let request = End { id, producer, commit, client_version };
    let mut fresh = None;
    loop {
        let pending = node.transactions.decide_or_park(id, |shard, view| shard.end(view, &request, fresh));
        let ended: Ended = pending.wait().await?;
        match ended {
            Ok(granted) => return Ok(granted),
            Err(Refused::Code(code)) => return Err(code),
            Err(Refused::NeedsProducerId) => fresh = Some(node.disk.producer_id()),
        }
    }
}

#![allow(clippy::arithmetic_side_effects, reason = "small numbers of tests")]

use std::collections::BTreeMap;

use super::*;
use crate::config::BrokerConfig;
use crate::coordinator::machine::{Machine, Outcome, Ticket};
use crate::coordinator::view::{Cluster, TopicInfo, View};
use crate::types::{TopicId, Uuid};

/// A cluster with a transaction version and nothing else.
struct Version(i16);

impl Cluster for Version {
    fn version(&self) -> u64 {
        0
    }
    fn topic(&self, _: &str) -> Option<TopicInfo> {
        None
    }
    fn topic_by_id(&self, _: TopicId) -> Option<TopicInfo> {
        None
    }
    fn topics(&self) -> Box<dyn Iterator<Item = TopicInfo> + '_> {
        Box::new(std::iter::empty())
    }
    fn racks(&self, _: TopicId, _: i32) -> Vec<Arc<str>> {
        Vec::new()
    }
    fn feature(&self, name: &str) -> i16 {
        assert_eq!(name, "transaction.version");
        self.0
    }
    fn group_option(&self, _: &str, _: &str) -> Option<String> {
        None
    }
}

/// Numbers that look random and follow from a seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// A shard with its log; records go through their bytes.
struct Sim {
    shard: TxnShard,
    log: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    config: BrokerConfig,
    cluster: Version,
    now: i64,
    fresh: i64,
    /// Ends to be carried out.
    endings: Vec<Ending>,
    completed: BTreeMap<Ticket, Ended>,
}

impl Sim {
    fn new(version: i16) -> Self {
        let mut sim = Self {
            shard: TxnShard::empty(),
            log: Vec::new(),
            config: BrokerConfig::default(),
            cluster: Version(version),
            now: 1_000_000,
            fresh: 99,
            endings: Vec::new(),
            completed: BTreeMap::new(),
        };
        sim.with(|shard, view| Decision { outcome: Outcome::Reply(()), changes: shard.loaded(view) });
        sim
    }

    fn with<T>(&mut self, decide: impl FnOnce(&mut TxnShard, &View<'_>) -> Decision<T>) -> Outcome<T> {
        let fresh_id = || Uuid([1; 16]);
        let view = View {
            now: Timestamp(self.now),
            tick: self.now,
            cluster: &self.cluster,
            config: &self.config,
            fresh_id: &fresh_id,
        };
        let Decision { outcome, changes } = decide(&mut self.shard, &view);
        for record in &changes.records {
            let (key, value) = record.encode();
            let read = TxnRecord::decode(&key, value.as_deref()).unwrap().unwrap();
            // What is only in memory does not come back from the bytes.
            let mut written = record.clone();
            if let Some(txn) = &mut written.txn {
                txn.last_epoch = ProducerEpoch::NONE;
            }
            if record.version == 1 {
                assert_eq!(read, written);
            }
            self.log.push((key, value));
            self.shard.replay(record);
        }
        self.endings.extend(changes.effects);
        self.completed.extend(changes.completed);
        outcome
    }

    fn reply<T>(&mut self, decide: impl FnOnce(&mut TxnShard, &View<'_>) -> Decision<T>) -> T {
        match self.with(decide) {
            Outcome::Reply(reply) => reply,
            Outcome::Parked(_) => panic!("parked"),
        }
    }

    fn init(&mut self, known: Option<Identity>) -> Result<Identity, ErrorCode> {
        self.fresh += 1;
        let (fresh, timeout_ms) = (Some(ProducerId(self.fresh)), 60_000);
        let init = Init { id: "t", timeout_ms, known, two_phase: false, keep_prepared: false };
        self.reply(|shard, view| shard.init_producer_id(view, &init, fresh)).map_err(code)
    }

    fn add(&mut self, producer: Identity, partition: i32) -> Result<(), ErrorCode> {
        let version = self.cluster.0;
        self.reply(|shard, view| shard.add_partitions(view, "t", producer, &[("a", partition)], version))
    }

    /// Ends, and carries the end out at once.
    fn end(&mut self, producer: Identity, commit: bool) -> Result<Identity, ErrorCode> {
        self.begin_end(producer, commit).and_then(|ticket| match ticket {
            Ok(ticket) => {
                self.carry_out();
                self.completed.remove(&ticket).unwrap().map_err(code)
            }
            Err(done) => Ok(done),
        })
    }

    fn begin_end(&mut self, producer: Identity, commit: bool) -> Result<Result<Ticket, Identity>, ErrorCode> {
        self.fresh += 1;
        let (fresh, client_version) = (Some(ProducerId(self.fresh)), self.cluster.0);
        let end = End { id: "t", producer, commit, client_version };
        match self.with(|shard, view| shard.end(view, &end, fresh)) {
            Outcome::Parked(ticket) => Ok(Ok(ticket)),
            Outcome::Reply(ended) => ended.map(Err).map_err(code),
        }
    }

    fn carry_out(&mut self) {
        for ending in std::mem::take(&mut self.endings) {
            self.reply(|shard, view| shard.complete(view, &ending));
        }
    }

    fn pass(&mut self, ms: i64) {
        self.now += ms;
        loop {
            let mut none = false;
            self.with(|shard, view| {
                let changes = shard.on_timer(view);
                none = changes.is_none();
                Decision { outcome: Outcome::Reply(()), changes: changes.unwrap_or_default() }
            });
            if none {
                return;
            }
        }
    }

    fn reload(&mut self) {
        self.shard = TxnShard::empty();
        self.endings.clear();
        self.completed.clear();
        for (n, (key, value)) in self.log.iter().enumerate() {
            let at = machine::ReplayAt { offset: crate::types::Offset(n as i64), producer: None };
            self.shard.replay_bytes(at, key, value.as_deref()).unwrap();
        }
        self.with(|shard, view| Decision { outcome: Outcome::Reply(()), changes: shard.loaded(view) });
    }

    fn state(&self) -> State {
        self.shard.txn("t").unwrap().state
    }
}

fn code(refused: Refused) -> ErrorCode {
    match refused {
        Refused::Code(code) => code,
        Refused::NeedsProducerId => panic!("a fresh id was given"),
    }
}

fn at(id: i64, epoch: i16) -> Identity {
    Identity { id: ProducerId(id), epoch: ProducerEpoch(epoch) }
}

#[test]
fn with_version_2_every_end_bumps_the_epoch() {
    let mut sim = Sim::new(2);
    assert_eq!(sim.init(None), Ok(at(100, 0)));
    assert_eq!(sim.add(at(100, 0), 0), Ok(()));
    assert_eq!(sim.end(at(100, 0), true), Ok(at(100, 1)));
    assert_eq!(sim.state(), State::CompleteCommit);
    // The retry of the same end, and what contradicts it.
    assert_eq!(sim.end(at(100, 0), true), Ok(at(100, 1)));
    assert_eq!(sim.end(at(100, 0), false), Err(ErrorCode::INVALID_TXN_STATE));
    // An old epoch adds nothing any more; aborting what never began bumps as well.
    assert_eq!(sim.add(at(100, 0), 0), Err(ErrorCode::PRODUCER_FENCED));
    assert_eq!(sim.end(at(100, 1), true), Err(ErrorCode::INVALID_TXN_STATE));
    assert_eq!(sim.end(at(100, 1), false), Ok(at(100, 2)));
    assert_eq!(sim.add(at(7, 2), 0), Err(ErrorCode::INVALID_PRODUCER_ID_MAPPING));
}

#[test]
fn with_version_1_the_epoch_stays() {
    let mut sim = Sim::new(1);
    assert_eq!(sim.init(None), Ok(at(100, 0)));
    assert_eq!(sim.end(at(100, 0), false), Err(ErrorCode::INVALID_TXN_STATE));
    assert_eq!(sim.add(at(100, 0), 0), Ok(()));
    assert_eq!(sim.end(at(100, 0), false), Ok(at(100, 0)));
    assert_eq!(sim.end(at(100, 0), false), Ok(at(100, 0)));
    assert_eq!(sim.end(at(100, 0), true), Err(ErrorCode::INVALID_TXN_STATE));
    assert_eq!(sim.end(at(100, 1), true), Err(ErrorCode::PRODUCER_FENCED));
}

#[test]
fn a_second_producer_aborts_and_fences_the_first() {
    for (version, next) in [(1, 2), (2, 2)] {
        let mut sim = Sim::new(version);
        sim.init(None).unwrap();
        sim.add(at(100, 0), 3).unwrap();
        assert_eq!(sim.init(None), Err(ErrorCode::CONCURRENT_TRANSACTIONS));
        assert_eq!((sim.state(), sim.endings.len()), (State::PrepareAbort, 1));
        assert_eq!(sim.endings[0].producer, at(100, next - 1));
        assert_eq!(sim.endings[0].partitions, TxnPartitions::from([("a".into(), [3].into())]));
        assert_eq!(sim.init(None), Err(ErrorCode::CONCURRENT_TRANSACTIONS));
        sim.carry_out();
        assert_eq!(sim.init(None), Ok(at(100, next)));
        assert_eq!(sim.end(at(100, 0), true), Err(ErrorCode::PRODUCER_FENCED));
    }
}

#[test]
fn a_producer_that_knows_its_epoch_goes_on_and_may_repeat_itself() {
    let mut sim = Sim::new(2);
    sim.init(None).unwrap();
    assert_eq!(sim.init(Some(at(100, 0))), Ok(at(100, 1)));
    assert_eq!(sim.init(Some(at(100, 0))), Ok(at(100, 1)));
    assert_eq!(sim.init(Some(at(100, 1))), Ok(at(100, 2)));
    assert_eq!(sim.init(Some(at(100, 0))), Err(ErrorCode::PRODUCER_FENCED));
    assert_eq!(sim.init(Some(at(5, 0))), Err(ErrorCode::PRODUCER_FENCED));
    // A new producer makes the old one's retry worthless.
    assert_eq!(sim.init(None), Ok(at(100, 3)));
    assert_eq!(sim.init(Some(at(100, 1))), Err(ErrorCode::PRODUCER_FENCED));
}

#[test]
fn used_up_epochs_bring_a_new_producer_id() {
    let mut sim = Sim::new(2);
    sim.init(None).unwrap();
    let mut txn = sim.shard.txn("t").unwrap().clone();
    txn.epoch = ProducerEpoch(i16::MAX - 1);
    sim.shard.replay(&TxnRecord { id: "t".into(), txn: Some(txn), version: 1 });
    sim.add(at(100, i16::MAX - 1), 0).unwrap();
    let next = sim.end(at(100, i16::MAX - 1), true).unwrap();
    assert_eq!(next, at(sim.fresh, 0));
    // The client did not get the reply.
    assert_eq!(sim.end(at(100, i16::MAX - 1), true), Ok(next));
    let end = End { id: "t", producer: next, commit: false, client_version: 2 };
    let mut txn = sim.shard.txn("t").unwrap().clone();
    txn.epoch = ProducerEpoch(i16::MAX - 1);
    sim.shard.replay(&TxnRecord { id: "t".into(), txn: Some(txn), version: 1 });
    let end = End { producer: at(next.id.get(), i16::MAX - 1), ..end };
    assert_eq!(sim.reply(|shard, view| shard.end(view, &end, None)), Err(Refused::NeedsProducerId));
    let fresh = sim.fresh + 1;
    assert_eq!(sim.init(None), Ok(at(fresh, 0)));
}

#[test]
fn timeouts_are_bounded() {
    let mut sim = Sim::new(2);
    let max = sim.config.transaction_max_timeout_ms;
    let cases = [(0, false), (-1, false), (1, true), (max, true), (max + 1, false)];
    for (timeout_ms, is_good) in cases {
        let init = Init { id: "t", timeout_ms, known: None, two_phase: false, keep_prepared: false };
        let got = sim.reply(|shard, view| shard.init_producer_id(view, &init, Some(ProducerId(1))));
        assert_eq!(got.is_ok(), is_good, "{timeout_ms}");
        if !is_good {
            assert_eq!(got, Err(ErrorCode::INVALID_TRANSACTION_TIMEOUT.into()));
        }
    }
    let two_phase = Init { id: "t", timeout_ms: 1, known: None, two_phase: true, keep_prepared: false };
    let got = sim.reply(|shard, view| shard.init_producer_id(view, &two_phase, None));
    assert_eq!(got, Err(ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED.into()));
    let keep = Init { keep_prepared: true, two_phase: false, ..two_phase };
    let got = sim.reply(|shard, view| shard.init_producer_id(view, &keep, None));
    assert_eq!(got, Err(ErrorCode::UNSUPPORTED_VERSION.into()));
}

#[test]
fn the_clock_aborts_and_forgets() {
    let mut sim = Sim::new(2);
    sim.init(None).unwrap();
    sim.add(at(100, 0), 0).unwrap();
    sim.pass(60_000);
    assert_eq!(sim.state(), State::Ongoing);
    sim.pass(10_001);
    assert_eq!(sim.state(), State::PrepareAbort);
    sim.carry_out();
    assert_eq!(sim.state(), State::CompleteAbort);
    // It looks like the retry of another end, and InitProducerId goes on as after one's own.
    assert_eq!(sim.end(at(100, 0), true), Err(ErrorCode::INVALID_TXN_STATE));
    assert_eq!(sim.init(Some(at(100, 0))), Ok(at(100, 1)));
    sim.pass(i64::from(sim.config.transactional_id_expiration_ms) - 1);
    assert!(sim.shard.txn("t").is_some());
    sim.pass(3_600_001);
    assert!(sim.shard.txn("t").is_none());
    assert_eq!(sim.add(at(100, 2), 0), Err(ErrorCode::INVALID_PRODUCER_ID_MAPPING));
}

#[test]
fn an_end_that_was_decided_goes_on_after_a_crash() {
    for commit in [true, false] {
        let mut sim = Sim::new(2);
        sim.init(None).unwrap();
        sim.add(at(100, 0), 1).unwrap();
        sim.begin_end(at(100, 0), commit).unwrap().unwrap();
        let decided = sim.endings.clone();
        sim.reload();
        assert_eq!(sim.endings, decided);
        assert_eq!(sim.end(at(100, 0), commit), Err(ErrorCode::CONCURRENT_TRANSACTIONS));
        sim.carry_out();
        let state = if commit { State::CompleteCommit } else { State::CompleteAbort };
        assert_eq!(sim.state(), state);
    }
}

#[test]
fn the_records_are_kafkas() {
    // From a log that Kafka 4.3.1 wrote: the first transaction of a producer.
    let mut sim = Sim::new(2);
    sim.init(None).unwrap();
    sim.add(at(100, 0), 0).unwrap();
    sim.end(at(100, 0), true).unwrap();
    let sizes: Vec<_> = sim.log.iter().map(|(_, value)| value.as_ref().unwrap().len()).collect();
    // Empty, with null partitions; one partition of a topic with a name of one byte; an empty list.
    assert_eq!(sizes, [45, 57, 57, 49]);
    assert_eq!(sim.log[0].0, [0, 0, 0, 1, b't']);
    sim.cluster = Version(0);
    sim.init(None).unwrap();
    assert_eq!(sim.log.last().unwrap().1.as_ref().unwrap()[..2], [0, 0]);
}

/// Random schedules of producers, crashes and time, against what a producer may rely on: an end that was
/// acknowledged stays what it was, only the newest producer gets anything done, nothing stays open.
#[test]
fn any_schedule_keeps_its_promises() {
    for seed in 0..300 {
        let mut dice = Dice(seed);
        let mut sim = Sim::new(if dice.below(2) == 0 { 1 } else { 2 });
        let (mut newest, mut zombies): (Option<Identity>, Vec<Identity>) = (None, Vec::new());
        let mut open = false;
        for step in 0..60 {
            let hint = format!("seed {seed} step {step}");
            match dice.below(8) {
                0 => {
                    if let Ok(granted) = sim.init(None) {
                        zombies.extend(newest.replace(granted));
                    } else {
                        zombies.extend(newest.take());
                    }
                    open = false;
                }
                1 | 2 => {
                    if let Some(me) = newest
                        && sim.add(me, dice.below(4) as i32).is_ok()
                    {
                        open = true;
                    }
                }
                3 | 4 => {
                    let Some(me) = newest else { continue };
                    let commit = dice.below(2) == 0;
                    match sim.end(me, commit) {
                        Ok(next) => {
                            assert!(
                                open || (sim.cluster.0 == 2 && !commit) || sim.state().is_idle(),
                                "{hint}"
                            );
                            if sim.cluster.0 == 2 {
                                assert_ne!(next, me, "{hint}");
                                zombies.push(me);
                            }
                            newest = Some(next);
                            open = false;
                        }
                        Err(code) => assert_ne!(code, ErrorCode::CONCURRENT_TRANSACTIONS, "{hint}"),
                    }
                }
                5 => sim.reload(),
                6 => {
                    let before = sim.shard.txn("t").map(Txn::identity);
                    sim.pass(i64::try_from(dice.below(50_000)).unwrap());
                    if sim.shard.txn("t").map(Txn::identity) != before {
                        zombies.extend(newest.take());
                        open = false;
                    }
                }
                _ => {
                    for &zombie in zombies.iter().filter(|zombie| Some(**zombie) != newest) {
                        assert!(sim.add(zombie, 0).is_err(), "{hint}");
                    }
                }
            }
            sim.carry_out();
        }
        sim.pass(10 * 60_000);
        sim.carry_out();
        assert!(sim.shard.iter().all(|(_, txn)| txn.state.is_idle()), "seed {seed}");
        let before: Vec<_> = sim.shard.iter().map(|(_, txn)| (txn.identity(), txn.state)).collect();
        sim.reload();
        let after: Vec<_> = sim.shard.iter().map(|(_, txn)| (txn.identity(), txn.state)).collect();
        assert_eq!(before, after, "seed {seed}");
    }
}

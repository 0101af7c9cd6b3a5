//! One schedule: what happens when, as a seed decides.

use std::sync::Arc;
use std::time::Duration;

use klamm::coordinator::group::GroupShard;
use klamm::coordinator::machine::Decision;
use klamm::coordinator::runtime::{Answer, Pending};
use klamm::coordinator::txn::TxnShard;
use klamm::coordinator::view::View;
use klamm::env::{Rng, SeededRng};
use klamm::schema::ErrorCode;

use super::judge;
use super::node::{DATA, Disk, Node};
use super::producer::{Op, Outcome, Session, TIMEOUT_MS, group};

const IDS: [&str; 2] = ["x", "y"];
/// Producers in one schedule, those that were replaced included.
const MOST_SESSIONS: usize = 7;
const STEPS: u64 = 400;
/// Rounds of flushing and waiting after which all must be quiet.
const PATIENCE: usize = 2_000;

/// What happened in schedules.
#[derive(Debug, Default)]
pub struct Counts {
    pub committed: usize,
    pub aborted: usize,
    pub unknown: usize,
    pub records: usize,
    pub fenced: usize,
    pub crashes: usize,
    pub timeouts: usize,
}

impl Counts {
    pub fn add(&mut self, more: &Self) {
        self.committed += more.committed;
        self.aborted += more.aborted;
        self.unknown += more.unknown;
        self.records += more.records;
        self.fenced += more.fenced;
        self.crashes += more.crashes;
        self.timeouts += more.timeouts;
    }
}

struct Schedule {
    rng: SeededRng,
    version: i16,
    disk: Arc<Disk>,
    sessions: Vec<Session>,
    /// What was read so far, of each partition.
    seen: Vec<Vec<u32>>,
    next_value: u32,
    counts: Counts,
    /// Tells what happens.
    talks: bool,
}

/// Runs the schedule of a seed, and tells of it if asked to.
pub fn run(seed: u64, talks: bool) -> Counts {
    let rng = SeededRng::new(seed);
    let version = 1 + i16::try_from(rng.below(2)).unwrap();
    let disk = Arc::new(Disk::new(rng.next(), version));
    let (sessions, seen) = (Vec::new(), vec![Vec::new(); DATA.len()]);
    let mut schedule =
        Schedule { rng, version, disk, sessions, seen, next_value: 0, counts: Counts::default(), talks };
    let lives = 1 + schedule.rng.below(4);
    for life in 1..=lives {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(schedule.live(life == lives));
        // Who waits for an answer gets none any more.
        drop(runtime);
        for session in &mut schedule.sessions {
            let _ = session.hear(true);
        }
    }
    schedule.counts
}

impl Schedule {
    fn tell(&self, what: impl FnOnce() -> String) {
        if self.talks {
            println!("{}", what());
        }
    }

    fn chance(&self, of_hundred: u64) -> bool {
        self.rng.below(100) < of_hundred
    }

    async fn live(&mut self, is_last: bool) {
        let node = Node::start(&self.disk, self.rng.next());
        loaded(&node).await;
        for _ in 0..self.rng.below(STEPS) {
            self.step(&node).await;
        }
        if is_last {
            self.settle(&node).await;
            return;
        }
        self.counts.crashes += 1;
        let is_power_cut = self.chance(60);
        self.tell(|| if is_power_cut { "power cut" } else { "kill" }.to_owned());
        match is_power_cut {
            true => self.disk.files.crash(),
            false => self.disk.files.kill(),
        }
    }

    async fn step(&mut self, node: &Arc<Node>) {
        match self.rng.below(100) {
            0..40 => self.act(node),
            40..65 => {
                let which = usize::try_from(self.rng.below(node.held.len() as u64)).unwrap();
                node.held[which].flush_if_wanted();
            }
            65..80 => drop(node.flush_all()),
            80..82 => {
                self.disk.clock.advance(Duration::from_millis(self.rng.below(20_000)));
                look(node).await;
            }
            82..88 => self.read(node),
            _ => {
                for _ in 0..self.rng.below(20) {
                    tokio::task::yield_now().await;
                }
            }
        }
        if self.chance(50) {
            tokio::task::yield_now().await;
        }
        self.hear(node);
    }

    /// Lets a producer go on, or begins with a new one.
    fn act(&mut self, node: &Arc<Node>) {
        let room = self.sessions.len() < MOST_SESSIONS;
        if self.sessions.is_empty() || (room && self.chance(3)) {
            let id = IDS[usize::try_from(self.rng.below(IDS.len() as u64)).unwrap()];
            self.sessions.push(Session::new(id));
        }
        let which = usize::try_from(self.rng.below(self.sessions.len() as u64)).unwrap();
        let (gives_up, choice, ends_well) = (self.chance(10), self.rng.below(100), self.chance(70));
        let at = usize::try_from(self.rng.below(DATA.len() as u64)).unwrap();
        let session = &mut self.sessions[which];
        if session.dead || session.slot.is_some() {
            return;
        }
        match session.op {
            // What was asked for and got no answer is asked again; or the transaction is given up.
            Some(Op::Send { .. } | Op::Offset(_)) if gives_up => session.op = Some(Op::End { commit: false }),
            Some(_) => {}
            None => {
                self.next_value += 1;
                session.op = Some(match choice {
                    0..50 => {
                        let (value, sequence) = (self.next_value, session.sequence(at));
                        session.begin().unsure.push(value);
                        Op::Send { at, value, sequence }
                    }
                    50..60 => {
                        session.begin();
                        Op::Offset(i64::from(self.next_value))
                    }
                    _ if session.open().is_none() => return,
                    _ => Op::End { commit: ends_well },
                });
            }
        }
        session.ask(node, self.version);
        let session = &self.sessions[which];
        self.tell(|| format!("{which} {} asks {:?} as {:?}", session.id, session.op, session.identity));
    }

    /// Takes in what the broker has answered.
    fn hear(&mut self, node: &Arc<Node>) {
        for which in 0..self.sessions.len() {
            let Some((op, reply)) = self.sessions[which].hear(false) else { continue };
            let session = &self.sessions[which];
            self.tell(|| format!("{which} {} hears {reply:?} to {op:?}", session.id));
            match (&op, reply) {
                (Op::Init, Ok(_)) => self.replace(which),
                (_, Ok(_)) => assert!(!session.sent_replaced, "a replaced producer got {op:?} done"),
                (_, Err(_)) => self.counts.fenced += 1,
            }
            if op == (Op::End { commit: true }) && !self.sessions[which].dead {
                self.read(node);
                let attempt = self.sessions[which].attempts.last().unwrap();
                // Another transaction that is open hides what comes after its first record.
                let is_hidden = |at: usize| {
                    let marks = node.partition(DATA[at].0, DATA[at].1).marks();
                    marks.last_stable < marks.high_watermark
                };
                let visible = |(at, value): &(usize, u32)| is_hidden(*at) || self.seen[*at].contains(value);
                assert!(attempt.values.iter().all(visible), "committed, and not to be read: {attempt:?}");
            }
        }
    }

    /// A producer has the id now: whoever had it before has not.
    fn replace(&mut self, which: usize) {
        let (id, granted) = (self.sessions[which].id.clone(), self.sessions[which].identity);
        let epoch = |session: &Session| session.identity.map(|identity| identity.epoch);
        let newest = granted.map(|granted| granted.epoch);
        for other in 0..self.sessions.len() {
            if other != which && self.sessions[other].id == id && self.sessions[other].identity.is_some() {
                let older = if epoch(&self.sessions[other]) < newest { other } else { which };
                self.sessions[older].replaced = true;
            }
        }
    }

    /// Reads all there is; what was to be read before still is, in the same order.
    fn read(&mut self, node: &Node) {
        for (at, (topic, index)) in DATA.into_iter().enumerate() {
            let now = judge::read_committed(&node.partition(topic, index));
            assert!(now.starts_with(&self.seen[at]), "{topic}-{index} was {:?}, is {now:?}", self.seen[at]);
            self.seen[at] = now;
        }
    }

    /// Lets everything come to its end, and looks at what is left.
    async fn settle(&mut self, node: &Arc<Node>) {
        let timeout = Duration::from_millis(u64::try_from(TIMEOUT_MS).unwrap());
        for round in 0.. {
            assert!(round < PATIENCE, "hanging: {}", self.describe(node));
            node.flush_all();
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
            self.hear(node);
            if self.sessions.iter().any(|session| session.slot.is_some()) {
                continue;
            }
            if round < 3 || !is_quiet(node).await {
                self.disk.clock.advance(timeout);
                continue;
            }
            break;
        }
        self.read(node);
        judge::check(&self.sessions, &self.seen);
        for id in IDS {
            let sessions: Vec<&Session> = self.sessions.iter().filter(|session| session.id == id).collect();
            let allowed = judge::offsets(&sessions, &self.seen);
            let group = group(id);
            let find = |shard: &mut GroupShard, _: &View<'_>| {
                Decision::reply(shard.offsets().get(&group, "a", 0).map(|committed| committed.offset.get()))
            };
            let found = answer(node, node.groups.decide(&group, find)).await.unwrap();
            assert!(allowed.contains(&found), "{group} is at {found:?}, not {allowed:?}");
        }
        self.count();
    }

    fn describe(&self, node: &Node) -> String {
        let partitions = node.partitions.all();
        let marks = partitions.iter().map(|p| format!("{p:?} {:?} of {:?}", p.marks(), p.log_end()));
        let ops = self.sessions.iter().map(|session| format!("{:?}", session.op));
        marks.chain(ops).collect::<Vec<_>>().join("\n")
    }

    fn count(&mut self) {
        for attempt in self.sessions.iter().flat_map(|session| &session.attempts) {
            self.counts.records += attempt.values.len();
            match attempt.outcome {
                Outcome::Committed => self.counts.committed += 1,
                Outcome::Aborted => self.counts.aborted += 1,
                Outcome::Open => self.counts.timeouts += 1,
                Outcome::Asked { .. } => self.counts.unknown += 1,
            }
        }
    }
}

/// Waits for an answer, and flushes what it waits for.
async fn answer<T: Send + 'static>(node: &Node, pending: Pending<T>) -> Answer<T> {
    let mut answer = std::pin::pin!(pending.wait());
    loop {
        tokio::select! {
            biased;
            answer = &mut answer => return answer,
            () = tokio::task::yield_now() => drop(node.flush_all()),
        }
    }
}

/// Waits until the coordinators have read their logs.
async fn loaded(node: &Arc<Node>) {
    loop {
        let transactions = node.transactions.decide_everywhere(|_: &mut TxnShard, _| Decision::reply(()));
        let groups = node.groups.decide_everywhere(|_: &mut GroupShard, _| Decision::reply(()));
        let mut loading = false;
        for pending in transactions.into_iter().chain(groups) {
            loading |= answer(node, pending).await == Err(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS);
        }
        if !loading {
            return;
        }
        tokio::time::sleep(Duration::from_micros(100)).await;
    }
}

/// Makes the coordinators look at the clock.
async fn look(node: &Arc<Node>) {
    drop(node.transactions.decide_everywhere(|_: &mut TxnShard, _| Decision::reply(())));
    tokio::task::yield_now().await;
}

/// Whether no transaction is open or under way, and readers see all there is.
async fn is_quiet(node: &Arc<Node>) -> bool {
    let idle = |shard: &mut TxnShard, _: &View<'_>| {
        Decision::reply(shard.iter().all(|(_, txn)| txn.state.is_idle()))
    };
    let mut quiet = true;
    for pending in node.transactions.decide_everywhere(idle) {
        quiet &= answer(node, pending).await == Ok(true);
    }
    let is_stable = |p: &Arc<klamm::partition::Partition>| {
        let marks = p.marks();
        marks.last_stable == p.log_end() && marks.high_watermark == p.log_end()
    };
    quiet && node.partitions.all().iter().all(is_stable)
}

//! Power cuts under load, again and again, on files that forget what was not synced, tear writes, and fail.
//! What was acknowledged is there afterwards, once and in order; what a consumer saw is still there; topics
//! and options that were acknowledged are there.
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use klamm::env::{Fault, FaultOp, MemoryFiles, Rng, SeededRng};
use klamm::schema::ErrorCode;

use super::broker::TestBroker;
use super::client::{Asked, Client, batch};

/// How long the test goes on with new power cuts, unless `KLAMM_CRASH_SECONDS` says otherwise.
const TEST_FOR: u64 = 12;
/// After so many cuts a new file system is begun, with the next seed.
const CUTS: usize = 6;
const PRODUCERS: usize = 3;
const PARTITIONS: i32 = 2;
const TOPIC: &str = "load";
/// Requests that a producer has under way, as the clients' own do.
const IN_FLIGHT: usize = 3;

/// A batch and what became of it.
#[derive(Clone)]
struct Sent {
    sequence: i32,
    values: Vec<String>,
    base_offset: Option<i64>,
}

/// An idempotent producer; it outlives the broker, as a client does.
struct Producer {
    name: usize,
    id: Option<i64>,
    sent: Vec<Sent>,
}

impl Producer {
    fn partition(&self) -> i32 {
        self.name as i32 % PARTITIONS
    }

    /// Sends again what has no answer, then goes on, until the broker is gone.
    fn run(&mut self, client: &mut Client, topic: [u8; 16], rng: &SeededRng) -> Asked<()> {
        if self.id.is_none() {
            self.id = Some(client.producer_id()?);
        }
        let mut tickets = std::collections::VecDeque::new();
        let mut next = self.sent.iter().take_while(|sent| sent.base_offset.is_some()).count();
        loop {
            if next == self.sent.len() {
                self.make(rng);
            }
            let sent = &self.sent[next];
            let bytes = batch(self.id.map(|id| (id, sent.sequence)), &sent.values);
            tickets.push_back((next, client.send((topic, TOPIC), self.partition(), &bytes)?));
            next += 1;
            while tickets.len() >= IN_FLIGHT {
                let Some((at, ticket)) = tickets.pop_front() else { break };
                let (code, offset) = client.produced(ticket)?;
                match code {
                    ErrorCode::NONE => self.sent[at].base_offset = Some(offset),
                    // The disk failed: nothing more will come of this run.
                    ErrorCode::KAFKA_STORAGE_ERROR | ErrorCode::NOT_LEADER_OR_FOLLOWER => return Ok(()),
                    code => panic!("producer {} batch {at}: {code:?}", self.name),
                }
            }
        }
    }

    fn make(&mut self, rng: &SeededRng) {
        let sequence = self.sent.last().map_or(0, |last| last.sequence + last.values.len() as i32);
        let value = |at| format!("{}-{}-{}", self.name, sequence + at, "x".repeat(rng.below(80) as usize));
        let values = (0..=rng.below(3) as i32).map(value).collect();
        self.sent.push(Sent { sequence, values, base_offset: None });
    }
}

/// Topics and options as far as the broker has said; `None`: it was asked and did not say.
#[derive(Default)]
struct Admin {
    count: usize,
    topics: BTreeMap<String, Option<bool>>,
    options: BTreeMap<String, BTreeSet<String>>,
}

impl Admin {
    fn run(&mut self, client: &mut Client, rng: &SeededRng) -> Asked<()> {
        loop {
            self.count += 1;
            let name = format!("t{}", self.count);
            self.topics.insert(name.clone(), None);
            if client.create(&name, 1 + rng.below(3) as i32, &[])? != ErrorCode::NONE {
                return Ok(());
            }
            self.topics.insert(name.clone(), Some(true));
            let value = (1_000_000 + self.count).to_string();
            self.options.insert(name.clone(), BTreeSet::from([value.clone(), (-1).to_string()]));
            if client.set(&name, "retention.ms", &value)? != ErrorCode::NONE {
                return Ok(());
            }
            self.options.insert(name.clone(), BTreeSet::from([value]));
            if rng.below(3) == 0 {
                self.topics.insert(name.clone(), None);
                if client.delete(&name)? != ErrorCode::NONE {
                    return Ok(());
                }
                self.topics.insert(name, Some(false));
            }
        }
    }

    fn check(&self, client: &mut Client) {
        let found = client.topics().unwrap();
        for (name, state) in &self.topics {
            let is_there = found.contains_key(name);
            assert!(state.is_none_or(|state| state == is_there), "{name} is there: {is_there}");
            if is_there && let Some(wanted) = self.options.get(name) {
                let value = client.option(name, "retention.ms").unwrap().unwrap();
                assert!(wanted.contains(&value), "{name}: retention.ms {value}, not one of {wanted:?}");
            }
        }
    }
}

type Records = BTreeMap<(i32, i64), String>;

/// Reads all of a partition from an offset on.
fn read(client: &mut Client, topic: [u8; 16], partition: i32, from: i64) -> Vec<(i64, String)> {
    let (mut from, mut all) = (from, Vec::new());
    loop {
        let (code, end, records) = client.fetch((topic, TOPIC), partition, from, 1000).unwrap();
        assert_eq!(code, ErrorCode::NONE, "reading partition {partition} at {from}");
        from = records.last().map_or(from, |(offset, _)| offset + 1);
        all.extend(records);
        if from >= end {
            return all;
        }
    }
}

/// Notes what it sees until the broker is gone.
fn watch(client: &mut Client, topic: [u8; 16], seen: &mut Records) -> Asked<()> {
    loop {
        for partition in 0..PARTITIONS {
            let last = seen.range((partition, 0)..(partition + 1, 0)).next_back();
            let from = last.map_or(0, |((_, offset), _)| offset + 1);
            let (code, _, records) = client.fetch((topic, TOPIC), partition, from, 10)?;
            if code != ErrorCode::NONE {
                return Ok(());
            }
            seen.extend(records.into_iter().map(|(offset, value)| ((partition, offset), value)));
        }
    }
}

/// What must hold after every start.
fn check(client: &mut Client, topic: [u8; 16], producers: &[Producer], seen: &mut Records) {
    let mut found = Records::new();
    for partition in 0..PARTITIONS {
        let records = read(client, topic, partition, 0);
        let offsets: Vec<i64> = records.iter().map(|(offset, _)| *offset).collect();
        assert!(offsets.iter().copied().eq(0..offsets.len() as i64), "offsets have holes");
        found.extend(records.into_iter().map(|(offset, value)| ((partition, offset), value)));
    }
    for (at, value) in seen.iter() {
        assert_eq!(found.get(at), Some(value), "a consumer saw it at {at:?}");
    }
    for producer in producers {
        let of_it = format!("{}-", producer.name);
        let got: Vec<&String> = found.values().filter(|value| value.starts_with(&of_it)).collect();
        let all: Vec<&String> = producer.sent.iter().flat_map(|sent| &sent.values).collect();
        let same = all.iter().zip(&got).take_while(|(sent, found)| sent == found).count();
        let (name, is, should) = (producer.name, got.get(same), all.get(same));
        assert!(same == got.len(), "producer {name}: record {same} is {is:?}, should be {should:?}");
        for sent in &producer.sent {
            let Some(base) = sent.base_offset else { continue };
            for (offset, value) in (base..).zip(&sent.values) {
                let there = found.get(&(producer.partition(), offset));
                assert_eq!(there, Some(value), "acknowledged at {offset}");
            }
        }
    }
    // What was read now may not go either.
    *seen = found;
}

fn options() -> [&'static str; 4] {
    ["log.dirs=/data", "log.segment.bytes=1048576", "log.index.interval.bytes=200", "num.partitions=1"]
}

/// One file system, and some power cuts. Gives the number of acknowledged batches.
fn run(seed: u64, until: Instant) -> usize {
    let rng = SeededRng::new(seed);
    let files = MemoryFiles::new(rng.next());
    let mut producers: Vec<Producer> =
        (0..PRODUCERS).map(|name| Producer { name, id: None, sent: Vec::new() }).collect();
    let (mut admin, mut seen) = (Admin::default(), Records::new());
    let mut topic = None;
    for cut in 0..=CUTS {
        let broker = TestBroker::start(files.for_a_run(), &options());
        let mut client = broker.client();
        let id = *topic.get_or_insert_with(|| {
            assert_eq!(client.create(TOPIC, PARTITIONS, &[]).unwrap(), ErrorCode::NONE);
            client.topics().unwrap()[TOPIC]
        });
        check(&mut client, id, &producers, &mut seen);
        admin.check(&mut client);
        if cut == CUTS || Instant::now() >= until {
            broker.stop();
            break;
        }
        let load = Duration::from_millis(rng.below(120));
        let fault = (rng.below(3) == 0).then(|| Fault {
            op: [FaultOp::Sync, FaultOp::Write, FaultOp::SyncDir, FaultOp::Rename][rng.below(4) as usize],
            path: String::new(),
            skip: rng.below(200) as u32,
            times: 1,
            kind: std::io::ErrorKind::Other,
        });
        let rngs: Vec<SeededRng> = (0..=PRODUCERS).map(|_| SeededRng::new(rng.next())).collect();
        let address = broker.address();
        std::thread::scope(|scope| {
            for (producer, rng) in producers.iter_mut().zip(&rngs) {
                let mut client = Client::connect(&address);
                scope.spawn(move || producer.run(&mut client, id, rng));
            }
            let (mut a, mut b) = (Client::connect(&address), Client::connect(&address));
            let (admin, seen, rng) = (&mut admin, &mut seen, &rngs[PRODUCERS]);
            scope.spawn(move || admin.run(&mut a, rng));
            scope.spawn(move || watch(&mut b, id, seen));
            if let Some(fault) = fault {
                files.inject(fault);
            }
            std::thread::sleep(load);
            files.crash();
            files.heal();
            drop(broker);
        });
    }
    producers.iter().flat_map(|producer| &producer.sent).filter(|sent| sent.base_offset.is_some()).count()
}

#[test]
fn what_was_acknowledged_survives_power_cuts() {
    let number = |name| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    let only = number("KLAMM_CRASH_SEED");
    let until = Instant::now() + Duration::from_secs(number("KLAMM_CRASH_SECONDS").unwrap_or(TEST_FOR));
    let (mut seed, mut acknowledged) = (only.unwrap_or(0), 0);
    while Instant::now() < until {
        let outcome = std::panic::catch_unwind(|| run(seed, until));
        match outcome {
            Ok(count) => acknowledged += count,
            Err(panic) => {
                eprintln!(
                    "seed {seed} failed; run it alone with KLAMM_CRASH_SEED={seed} (threads add chance)"
                );
                std::panic::resume_unwind(panic);
            }
        }
        seed += u64::from(only.is_none());
    }
    eprintln!("{seed} file systems, {acknowledged} acknowledged batches");
    assert!(acknowledged > 0);
}

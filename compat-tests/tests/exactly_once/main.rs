//! Exactly once, proved from outside: stock transactional clients, a broker that is killed with SIGKILL again and
//! again, and a reader of our own that trusts neither.
//!
//! Numbered records are fed by an idempotent producer of librdkafka and copied from stage to stage in transactions:
//! by Java's client, by franz-go, by librdkafka, the members of each in a group, and by Kafka Streams with
//! exactly_once_v2, which numbers them by counting. A teller of each client moves money
//! between accounts within one partition, in several batches, and notes each transfer in a journal that all share.
//! Some transactions are aborted on purpose. Clients are killed too, now and then.
//!
//! The first half of a run has transaction version 1, then the cluster is upgraded to version 2 under way.
//!
//! At every look: the numbers of a key come in order, none twice, none left out; no aborted record is seen; what was
//! seen is never gone; the total of each partition of the bank is zero whenever the last stable offset is reached.
//! In the end: every copy is what was fed, each transfer that was acknowledged is there, none that was not tried, in
//! the bank and the journal alike; no transaction hangs. The seed is printed; `KLAMM_TORTURE_SEED` repeats the
//! decisions of a run, `KLAMM_TORTURE_MINUTES` makes it longer.
#![allow(clippy::indexing_slicing, clippy::panic, reason = "a test: every surprise is a failure")]

mod books;
mod player;

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use books::{Books, STAGES, Stage, TELLERS};
use compat_tests::broker::{Broker, Target};
use compat_tests::java::java_program;
use compat_tests::programs::{go_program, have, python_program};
use compat_tests::wire::Connection;
use compat_tests::{unique, wait_for};
use player::Player;
use serde_json::{Value, json};

/// Kinds of a change of a feature's level.
const UPGRADE: i8 = 1;
const SAFE_DOWNGRADE: i8 = 2;
const USUAL: Duration = Duration::from_secs(35);
const PATIENCE: Duration = Duration::from_secs(90);
/// A look at the books, unless the broker is gone.
const EVERY: Duration = Duration::from_millis(30);
const OPTIONS: &[&str] = &[
    "group.initial.rebalance.delay.ms=0",
    // Shorter than the broker's lives: a killed member is held to be alive anew whenever the broker starts.
    "group.min.session.timeout.ms=1000",
    "group.consumer.min.session.timeout.ms=1000",
    "group.consumer.session.timeout.ms=2000",
    "group.consumer.min.heartbeat.interval.ms=300",
    "group.consumer.heartbeat.interval.ms=300",
    "offsets.topic.num.partitions=5",
    "transaction.state.log.num.partitions=5",
    "transaction.abort.timed.out.transaction.cleanup.interval.ms=1000",
    // Small segments, so that kills meet rolls, snapshots and several transaction indexes.
    "log.segment.bytes=1048576",
    "log.index.interval.bytes=512",
];

/// Numbers that follow from a seed (splitmix64).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

fn from_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn clock() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_nanos() as u64)
}

fn tell(line: &str) {
    let _ = writeln!(std::io::stderr(), "exactly once: {line}");
}

/// What is under test, and who looks at it.
struct Run {
    target: Target,
    address: String,
    dice: Dice,
    books: Books,
    connection: Option<Connection>,
    kills: u32,
    looks: u32,
}

#[test]
fn nothing_is_lost_nothing_comes_twice_and_nothing_aborted_is_seen() {
    if !have(&["java", "javac", "mvn", "go", "python3"]) {
        return;
    }
    let seed = from_environment("KLAMM_TORTURE_SEED").unwrap_or_else(clock);
    let length = from_environment("KLAMM_TORTURE_MINUTES").map_or(USUAL, |m| Duration::from_secs(m * 60));
    tell(&format!("KLAMM_TORTURE_SEED={seed}"));
    let mut folder = tempfile::tempdir().expect("a temporary directory");
    // What a failed run leaves is evidence.
    folder.disable_cleanup(true);
    let prefix = unique("eos");
    let target = match Target::start() {
        Target::Own(_) => Target::Own(Broker::with(OPTIONS)),
        given @ Target::Given(_) => given,
    };
    let (address, books) = (target.address(), Books::new(&prefix));
    let mut run = Run { target, address, dice: Dice(seed), books, connection: None, kills: 0, looks: 0 };
    run.create_topics();
    run.set_transaction_version(1, SAFE_DOWNGRADE);
    let mut players = players(&run.address, &prefix, &mut run.dice, folder.path());
    run.torture(&mut players, length);
    run.settle(&mut players, &prefix);
    folder.disable_cleanup(false);
}

fn java() -> Command {
    java_program("ExactlyOnce")
}

fn streams() -> Command {
    java_program("Counts")
}

fn python(role: &str) -> Command {
    let mut command = python_program("exactly_once.py");
    command.arg(role);
    command
}

fn go() -> Command {
    let mut command = go_program("franz-go");
    command.arg("exactly-once");
    command
}

/// The feeder, then the tellers in their order, who copy too, then the application of Kafka Streams.
fn players(address: &str, prefix: &str, dice: &mut Dice, folder: &Path) -> Vec<Player> {
    let mut start = |name, program: fn() -> Command, stage: Option<&'static str>| {
        let (address, prefix) = (address.to_owned(), prefix.to_owned());
        let seed = dice.below(1 << 32).to_string();
        Player::start(name, folder, move |first| {
            let mut command = program();
            command.arg(&address).arg(&prefix).args(stage).arg(&seed).arg(first.to_string());
            command
        })
    };
    vec![
        start("feeder", || python("feed"), None),
        start(TELLERS[0], java, Some("0")),
        start(TELLERS[1], || python("copy"), Some("2")),
        start(TELLERS[2], go, Some("1")),
        start("streams", streams, Some("3")),
    ]
}

impl Run {
    fn connect(&mut self) -> &mut Connection {
        let address = self.address.clone();
        self.connection
            .get_or_insert_with(|| wait_for("the broker", PATIENCE, || Connection::open(&address).ok()))
    }

    fn call(&mut self, name: &str, version: i16, body: &Value) -> Value {
        let reply = self.connect().call(name, version, body);
        reply.unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    fn create_topics(&mut self) {
        let topics: Vec<Value> = self
            .books
            .topics()
            .into_iter()
            .map(|(name, partitions)| json!({"name": name, "numPartitions": partitions, "replicationFactor": 1}))
            .collect();
        let reply = self.call("CreateTopics", 5, &json!({"topics": topics, "timeoutMs": 10_000}));
        for topic in reply["topics"].as_array().expect("topics") {
            assert_eq!(topic["errorCode"], 0, "{topic}");
        }
    }

    /// Tells a broker of ours which protocol of transactions is in force: with version 2 every end of a transaction
    /// is a new epoch, and producing to a partition adds it (KIP-890).
    fn set_transaction_version(&mut self, level: i16, kind: i8) {
        if let Target::Given(_) = self.target {
            return;
        }
        let update = json!({"feature": "transaction.version", "maxVersionLevel": level, "upgradeType": kind});
        let reply = self.call("UpdateFeatures", 1, &json!({"timeoutMs": 10_000, "featureUpdates": [update]}));
        assert_eq!(reply["errorCode"], 0, "{reply}");
    }

    /// One look at the books; a broker that is gone is looked at later.
    fn look(&mut self) -> bool {
        if self.connection.is_none() {
            self.connection = Connection::open(&self.address).ok();
        }
        let Some(connection) = &mut self.connection else { return false };
        let looked = self.books.read(connection);
        self.looks += 1;
        if looked.is_err() {
            self.connection = None;
        }
        looked == Ok(true)
    }

    fn look_for(&mut self, time: Duration) {
        let end = Instant::now() + time;
        while Instant::now() < end {
            self.look();
            std::thread::sleep(EVERY.min(end.saturating_duration_since(Instant::now())));
        }
    }

    /// Kills the broker at random, and now and then a client, for so long.
    fn torture(&mut self, players: &mut [Player], length: Duration) {
        let begun = Instant::now();
        // Under way first: a JVM takes a while.
        let moving = |run: &mut Self| {
            run.look();
            (!run.books.last_stage().is_empty() && run.books.left_out().iter().skip(1).any(|n| *n > 0))
                .then_some(())
        };
        wait_for("a record at the last stage", PATIENCE, || moving(self));
        tell(&format!("under way after {:?}", begun.elapsed()));
        let (half, end) = (Instant::now() + length / 2, Instant::now() + length);
        let (mut said, mut is_upgraded) = (Instant::now(), false);
        while Instant::now() < end {
            if !is_upgraded && Instant::now() > half {
                is_upgraded = true;
                self.connection = None;
                self.set_transaction_version(2, UPGRADE);
                self.report();
            }
            let up = match self.dice.below(10) {
                0 | 1 => self.dice.below(500),
                2 => 4000 + self.dice.below(4000),
                _ => 1000 + self.dice.below(2500),
            };
            self.look_for(Duration::from_millis(up));
            if self.dice.below(8) == 0 {
                // Never the feeder, who alone knows its numbers.
                let victim = 1 + self.dice.below(players.len() as u64 - 1) as usize;
                players[victim].restart();
            }
            self.kill_and_restart();
            players.iter_mut().for_each(Player::assert_alive);
            if said.elapsed() > Duration::from_secs(60) {
                said = Instant::now();
                self.report();
            }
        }
        self.report();
    }

    fn kill_and_restart(&mut self) {
        let Target::Own(broker) = &mut self.target else { return };
        broker.kill();
        self.kills += 1;
        let down = if self.dice.below(5) == 0 { self.dice.below(1500) } else { self.dice.below(100) };
        std::thread::sleep(Duration::from_millis(down));
        // Now and then it is killed while it recovers.
        while self.dice.below(4) == 0 {
            broker.relaunch();
            std::thread::sleep(Duration::from_millis(self.dice.below(60)));
            broker.kill();
            self.kills += 1;
        }
        broker.restart();
    }

    fn report(&self) {
        let (copied, transfers) = (self.books.last_stage().values().sum::<u64>(), self.books.transfers());
        tell(&format!(
            "{} kills, {copied} records copied {} times, {transfers} transfers, {} totals in {} looks, left out {:?}",
            self.kills,
            STAGES - 1,
            self.books.totals,
            self.looks,
            self.books.left_out()
        ));
    }

    /// No more kills: all comes to an end, and is looked at as a whole.
    fn settle(&mut self, players: &mut [Player], prefix: &str) {
        players.iter_mut().for_each(Player::drain);
        players.iter().for_each(|player| player.drained(PATIENCE));
        let fed = fed(&players[0]);
        let drained = wait_until(PATIENCE, || {
            self.look();
            *self.books.last_stage() == fed
        });
        if !drained {
            let behind: Vec<_> =
                fed.iter().map(|(k, n)| (k, n - self.books.last_stage().get(k).unwrap_or(&0))).collect();
            panic!("the copies stand still, this much short by key: {behind:?}");
        }
        players.iter_mut().for_each(|player| player.stop(PATIENCE));
        let idle = wait_until(PATIENCE, || self.look());
        self.nothing_hangs(prefix);
        assert!(idle, "records go on to come");
        let numbers = |of: &str| -> Vec<BTreeSet<u64>> {
            players[1..].iter().take(TELLERS.len()).map(|p| p.numbers(of)).collect()
        };
        let (tried, committed) = (numbers("trying "), numbers("committed "));
        self.books.close(&fed, &tried, &committed);
        if let Target::Own(broker) = &mut self.target {
            broker.restart();
            self.connection = None;
        }
        let mut again = Books::new(prefix);
        let whole = wait_until(PATIENCE, || again.read(self.connect()).expect("the broker is there"));
        assert!(whole, "records come after all");
        self.books.assert_same(&again);
        again.close(&fed, &tried, &committed);
        let copied = fed.values().sum::<u64>();
        assert!(copied > 100 && committed.iter().all(|c| c.len() > 10), "the load was no load");
        self.report();
    }

    /// Every transaction comes to its end: the last stable offset is the high watermark everywhere.
    fn nothing_hangs(&mut self, prefix: &str) {
        let mut topics = self.books.topics();
        topics.extend([("__consumer_offsets".to_owned(), 5), ("__transaction_state".to_owned(), 5)]);
        let settled = wait_until(PATIENCE, || self.ends(&topics, 0) == self.ends(&topics, 1));
        assert!(
            settled,
            "high watermarks {:?}\nlast stable {:?}",
            self.ends(&topics, 0),
            self.ends(&topics, 1)
        );
        let states = json!(["Ongoing", "PrepareCommit", "PrepareAbort"]);
        let reply =
            self.call("ListTransactions", 0, &json!({"stateFilters": states, "producerIdFilters": []}));
        let open = reply["transactionStates"].as_array().expect("transactions");
        let ours =
            open.iter().filter(|t| t["transactionalId"].as_str().is_some_and(|id| id.starts_with(prefix)));
        assert_eq!(ours.collect::<Vec<_>>(), Vec::<&Value>::new());
    }

    /// Topic, partition, and the end of it in an isolation level.
    fn ends(&mut self, topics: &[(String, i32)], isolation: i8) -> Vec<(String, i64, i64)> {
        let asked: Vec<Value> = topics
            .iter()
            .map(|(name, count)| {
                let partitions: Vec<Value> =
                    (0..*count).map(|p| json!({"partitionIndex": p, "timestamp": -1})).collect();
                json!({"name": name, "partitions": partitions})
            })
            .collect();
        let body = json!({"replicaId": -1, "isolationLevel": isolation, "topics": asked});
        let reply = self.call("ListOffsets", 5, &body);
        let mut ends = Vec::new();
        for topic in reply["topics"].as_array().expect("topics") {
            for p in topic["partitions"].as_array().expect("partitions") {
                let number = |key: &str| p[key].as_i64().expect("a number");
                ends.push((topic["name"].to_string(), number("partitionIndex"), number("offset")));
            }
        }
        ends
    }
}

fn fed(feeder: &Player) -> Stage {
    let count = |line: &String| {
        let mut words = line.strip_prefix("fed ")?.split(' ');
        Some((words.next()?.to_owned(), words.next()?.parse().ok()?))
    };
    feeder.lines().iter().filter_map(count).filter(|(_, n)| *n > 0).collect()
}

fn wait_until(limit: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + limit;
    while !condition() {
        if Instant::now() > end {
            return false;
        }
        std::thread::sleep(EVERY);
    }
    true
}

//! Any schedule of joins, heartbeats, leaves, lost replies, changing topics and passing time: no two
//! clients ever read the same partition, and when all is quiet every partition is read.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Beat(usize),
    /// The reply does not arrive.
    Lost(usize),
    Leave(usize),
    /// A static member restarts.
    Restart(usize),
    Resubscribe(usize, usize),
    Topic(usize, i32),
    Pass(i64),
}

const MEMBERS: [&str; 4] = ["a", "b", "c", "d"];
const TOPICS: [&str; 3] = ["t0", "t1", "t2"];

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let member = 0..MEMBERS.len();
    let step = prop_oneof![
        12 => member.clone().prop_map(Step::Beat),
        2 => member.clone().prop_map(Step::Lost),
        2 => member.clone().prop_map(Step::Leave),
        2 => member.clone().prop_map(Step::Restart),
        2 => (member, 1usize..8).prop_map(|(m, topics)| Step::Resubscribe(m, topics)),
        2 => (0..TOPICS.len(), 0i32..5).prop_map(|(topic, partitions)| Step::Topic(topic, partitions)),
        3 => prop_oneof![Just(10i64), Just(1_000), Just(20_000)].prop_map(Step::Pass),
    ];
    proptest::collection::vec(step, 1..60)
}

/// A client as a stock one behaves: it reads what it was last told to, and says so.
#[derive(Clone, Default)]
struct Consumer {
    id: String,
    epoch: i32,
    reads: BTreeSet<(TopicId, i32)>,
    /// Which of the topics, as bits.
    topics: usize,
    is_in: bool,
    starts: usize,
}

impl Consumer {
    fn request(&self, at: usize) -> Request<'static> {
        let names = (0..TOPICS.len()).filter(|t| self.topics & (1 << t) != 0).map(|t| TOPICS[t].into());
        let mut owned: BTreeMap<TopicId, Vec<i32>> = BTreeMap::new();
        for (topic, partition) in &self.reads {
            owned.entry(*topic).or_default().push(*partition);
        }
        let owned = owned.into_iter().map(|(topic, partitions)| TopicPartitions {
            topic_id: topic.0,
            partitions,
            ..Default::default()
        });
        Request {
            group_id: "g".into(),
            member_id: self.id.clone().into(),
            member_epoch: self.epoch,
            // Every other one is a static member.
            instance_id: (at % 2 == 1).then(|| format!("i{at}").into()),
            rebalance_timeout_ms: 30_000,
            subscribed_topic_names: Some(names.collect()),
            topic_partitions: Some(owned.collect()),
            ..Request::default()
        }
    }
}

struct Play {
    world: World,
    consumers: Vec<Consumer>,
}

impl Play {
    fn beat(&mut self, at: usize, arrives: bool) {
        let consumer = &mut self.consumers[at];
        if !consumer.is_in {
            let starts = consumer.starts + 1;
            let (topics, id) = (consumer.topics, format!("{}{starts}", MEMBERS[at]));
            *consumer = Consumer { id, topics, is_in: true, starts, ..Consumer::default() };
        }
        let reply = self.world.beat(&consumer.request(at));
        if !arrives {
            return;
        }
        match code(&reply) {
            ErrorCode::NONE => {
                consumer.epoch = reply.member_epoch;
                consumer.reads = given(&reply).unwrap_or_else(|| consumer.reads.clone());
            }
            ErrorCode::UNRELEASED_INSTANCE_ID => consumer.is_in = false,
            // As clients do: give up everything and join again.
            _ => (consumer.epoch, consumer.reads) = (0, BTreeSet::new()),
        }
    }

    fn leave(&mut self, at: usize, epoch: i32) {
        let consumer = &mut self.consumers[at];
        if consumer.is_in && consumer.epoch > 0 {
            let request = Request { member_epoch: epoch, ..consumer.request(at) };
            self.world.beat(&request);
        }
        consumer.is_in = false;
        consumer.reads.clear();
    }

    fn assert_nobody_shares(&self) {
        let mut seen = BTreeSet::new();
        for consumer in self.consumers.iter().filter(|c| self.world.shard_knows(&c.id)) {
            for partition in &consumer.reads {
                assert!(seen.insert(*partition), "two clients read {partition:?}");
            }
        }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Beat(at) => self.beat(*at, true),
            Step::Lost(at) => self.beat(*at, false),
            Step::Leave(at) => self.leave(*at, -1),
            Step::Restart(at) => self.leave(*at, if at % 2 == 1 { -2 } else { -1 }),
            Step::Resubscribe(at, topics) => self.consumers[*at].topics = *topics,
            Step::Topic(topic, partitions) => {
                let now = self.world.topics.topic(TOPICS[*topic]).map_or(0, |t| t.partitions);
                if *partitions == 0 || *partitions > now {
                    self.world.set_topic(TOPICS[*topic], *partitions);
                }
            }
            Step::Pass(ms) => self.world.pass(*ms),
        }
    }
}

impl World {
    fn shard_knows(&self, member: &str) -> bool {
        matches!(self.shard.groups.get("g"), Some(Group::Consumer(g)) if g.members().contains_key(member))
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_schedule_ends_well(steps in steps(), interval in prop_oneof![Just(0), Just(1000)]) {
        let mut world = World::new(&[("t0", 3), ("t1", 2)]);
        world.config.group_consumer_assignment_interval_ms = interval;
        let consumers = vec![Consumer { topics: 3, ..Consumer::default() }; MEMBERS.len()];
        let mut play = Play { world, consumers };
        for step in &steps {
            play.step(step);
            play.assert_nobody_shares();
        }
        // Quiet: everybody beats, and the sessions of those who are gone end.
        for _ in 0..20 {
            for at in 0..MEMBERS.len() {
                play.beat(at, true);
                play.assert_nobody_shares();
            }
            play.world.pass(5_000);
        }
        let group = play.world.group();
        prop_assert_eq!(group.state_name(), "Stable");
        prop_assert_eq!(group.members().len(), MEMBERS.len());
        let read: BTreeSet<_> = play.consumers.iter().flat_map(|c| c.reads.iter().copied()).collect();
        for (at, name) in TOPICS.iter().enumerate() {
            let wanted = play.consumers.iter().any(|c| c.topics & (1 << at) != 0);
            if let Some(topic) = play.world.topics.topic(name).filter(|_| wanted) {
                for partition in 0..topic.partitions {
                    prop_assert!(read.contains(&(topic.id, partition)), "nobody reads {name}-{partition}");
                }
            }
        }
    }
}

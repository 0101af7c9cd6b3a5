//! Members of a group commit offsets while the broker is killed again and again: what was
//! acknowledged stays, and members come back.

use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use compat_tests::broker::Broker;
use compat_tests::wait_for;
use klamm::schema::clients::consumer_group_heartbeat_request::{
    ConsumerGroupHeartbeatRequest, TopicPartitions,
};
use klamm::schema::clients::consumer_group_heartbeat_response::ConsumerGroupHeartbeatResponse;
use klamm::schema::clients::find_coordinator_request::FindCoordinatorRequest;
use klamm::schema::clients::find_coordinator_response::FindCoordinatorResponse;
use klamm::schema::clients::offset_commit_request::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use klamm::schema::clients::offset_commit_response::OffsetCommitResponse;
use klamm::schema::clients::offset_fetch_request::{OffsetFetchRequest, OffsetFetchRequestGroup};
use klamm::schema::clients::offset_fetch_response::OffsetFetchResponse;
use klamm::schema::{ErrorCode, Reader};

use super::client::Client;

const GROUP: &str = "committers";
const TOPIC: &str = "grouped";
const PARTITIONS: usize = 4;
const MEMBERS: usize = 2;
const ROUNDS: u32 = 6;
const BUDGET: Duration = Duration::from_secs(12);
const PATIENCE: Duration = Duration::from_secs(20);

/// The last offset that was sent for a partition, and the last that was acknowledged. Held during a
/// commit, so that commits to a partition follow each other.
type Progress = Mutex<(i64, i64)>;

struct Member {
    id: String,
    epoch: i32,
    partitions: Vec<i32>,
}

impl Member {
    /// A heartbeat; joins anew when the broker does not know the member.
    fn beat(&mut self, client: &mut Client) -> io::Result<()> {
        let joins = self.epoch == 0;
        let request = ConsumerGroupHeartbeatRequest {
            group_id: GROUP.into(),
            member_id: self.id.as_str().into(),
            member_epoch: self.epoch,
            rebalance_timeout_ms: 5000,
            subscribed_topic_names: joins.then(|| vec![TOPIC.into()]),
            topic_partitions: joins.then(Vec::<TopicPartitions>::new),
            ..Default::default()
        };
        client.send(68, 1, |w| request.encode(w, 1))?;
        let reply = client.receive()?;
        let reply = ConsumerGroupHeartbeatResponse::decode(&mut Reader::new(&reply), 1).unwrap();
        match ErrorCode(reply.error_code) {
            ErrorCode::NONE => {
                self.epoch = reply.member_epoch;
                if let Some(assigned) = reply.assignment {
                    self.partitions =
                        assigned.topic_partitions.iter().flat_map(|t| t.partitions.clone()).collect();
                }
            }
            ErrorCode::UNKNOWN_MEMBER_ID | ErrorCode::FENCED_MEMBER_EPOCH => {
                self.epoch = 0;
                self.partitions.clear();
            }
            other => assert!(other.is_retriable(), "a heartbeat of {}: {other}", self.id),
        }
        Ok(())
    }

    /// Commits the next offset of a partition; whether it was acknowledged.
    fn commit(&self, client: &mut Client, partition: i32, progress: &Progress) -> io::Result<bool> {
        let mut progress = progress.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        progress.0 += 1;
        let of = OffsetCommitRequestPartition {
            partition_index: partition,
            committed_offset: progress.0,
            ..Default::default()
        };
        let topic =
            OffsetCommitRequestTopic { name: TOPIC.into(), partitions: vec![of], ..Default::default() };
        let request = OffsetCommitRequest {
            group_id: GROUP.into(),
            generation_id_or_member_epoch: self.epoch,
            member_id: self.id.as_str().into(),
            topics: vec![topic],
            ..Default::default()
        };
        client.send(8, 9, |w| request.encode(w, 9))?;
        let reply = client.receive()?;
        let reply = OffsetCommitResponse::decode(&mut Reader::new(&reply), 9).unwrap();
        let done = reply.topics[0].partitions[0].error_code == 0;
        if done {
            progress.1 = progress.0;
        }
        Ok(done)
    }

    /// Beats and commits until the broker is gone.
    fn work(
        &mut self,
        address: &str,
        killed: &AtomicBool,
        done: &AtomicU64,
        all: &[Progress],
    ) -> io::Result<()> {
        let mut client = Client::connect(address)?;
        while !killed.load(Ordering::Relaxed) {
            self.beat(&mut client)?;
            for partition in self.partitions.clone() {
                let acknowledged = self.commit(&mut client, partition, &all[partition as usize])?;
                done.fetch_add(u64::from(acknowledged), Ordering::Relaxed);
            }
        }
        Ok(())
    }
}

/// The committed offset of each partition, once the coordinator has loaded the group.
fn committed(client: &mut Client) -> Option<Vec<i64>> {
    let group = OffsetFetchRequestGroup { group_id: GROUP.into(), topics: None, ..Default::default() };
    let request = OffsetFetchRequest { groups: vec![group], require_stable: true, ..Default::default() };
    client.send(9, 9, |w| request.encode(w, 9)).ok()?;
    let reply = client.receive().ok()?;
    let reply = OffsetFetchResponse::decode(&mut Reader::new(&reply), 9).unwrap();
    let group = &reply.groups[0];
    let mut out = vec![0; PARTITIONS];
    for partition in group.topics.iter().flat_map(|t| &t.partitions) {
        out[partition.partition_index as usize] = partition.committed_offset;
    }
    (group.error_code == 0).then_some(out)
}

fn coordinator_is_there(client: &mut Client) -> bool {
    let request = FindCoordinatorRequest { coordinator_keys: vec![GROUP.into()], ..Default::default() };
    client.send(10, 4, |w| request.encode(w, 4)).unwrap();
    let reply = client.receive().unwrap();
    let reply = FindCoordinatorResponse::decode(&mut Reader::new(&reply), 4).unwrap();
    reply.coordinators[0].error_code == 0
}

#[test]
fn committed_offsets_survive_every_kill() {
    let mut broker = Broker::with(&[]);
    let address = broker.address();
    let mut client = Client::connect(&address).expect("the broker listens");
    client.create_topic(TOPIC, PARTITIONS as i32);
    wait_for("the coordinator", PATIENCE, || coordinator_is_there(&mut client).then_some(()));
    let all: Vec<Progress> = (0..PARTITIONS).map(|_| Mutex::new((0, 0))).collect();
    let member = |i| Member { id: format!("member-{i}"), epoch: 0, partitions: Vec::new() };
    let mut members: Vec<Member> = (0..MEMBERS).map(member).collect();
    let (start, mut kills) = (Instant::now(), 0);
    while kills < ROUNDS && (kills < 2 || start.elapsed() < BUDGET) {
        let (killed, done) = (AtomicBool::new(false), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for member in &mut members {
                let (address, killed, done, all) = (&address, &killed, &done, &all);
                scope.spawn(move || {
                    let end = member.work(address, killed, done, all);
                    assert!(
                        killed.load(Ordering::SeqCst),
                        "a member failed though the broker lives: {end:?}"
                    );
                });
            }
            wait_for("commits", PATIENCE, || (done.load(Ordering::Relaxed) > 30).then_some(()));
            killed.store(true, Ordering::SeqCst);
            broker.kill();
        });
        broker.restart();
        let mut client = Client::connect(&address).expect("the broker listens");
        let found = wait_for("the committed offsets", PATIENCE, || committed(&mut client));
        for (partition, progress) in all.iter().enumerate() {
            let (sent, acknowledged) = *progress.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let at = found[partition];
            assert!(
                (acknowledged..=sent).contains(&at),
                "partition {partition} after kill {kills}: {at} is not within {acknowledged} and {sent}"
            );
        }
        kills += 1;
    }
}

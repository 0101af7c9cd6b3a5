//! Idempotent producers that go on after every crash where they were.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use klamm::record::{BatchBuilder, Codec, Compression, NewRecord};
use klamm::schema::clients::produce_request::{PartitionProduceData, ProduceRequest, TopicProduceData};
use klamm::schema::clients::produce_response::ProduceResponse;
use klamm::schema::{ErrorCode, Reader, Records};
use klamm::types::{ProducerEpoch, ProducerId, Timestamp};

use super::client::Client;
use super::judge::Expected;

/// As many batches of a partition may be unanswered: what an idempotent producer is promised.
const WINDOW: usize = 5;
const ALL: i16 = -1;

/// Nanoseconds since 1970: also something to start a seed from.
pub fn clock() -> u64 {
    std::time::UNIX_EPOCH.elapsed().map_or(0, |d| d.as_nanos() as u64)
}

/// A small generator of random numbers (xorshift).
pub struct Random(u64);

impl Random {
    /// From a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// The next number.
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        (self.next() >> 16) % end
    }
}

/// A batch that is not acknowledged yet.
struct Batch {
    first: i32,
    count: i32,
    bytes: Vec<u8>,
}

/// One producer's view of one partition. Its records are numbered from 0, as are its sequences.
#[derive(Default)]
struct Lane {
    expected: Expected,
    pending: VecDeque<Batch>,
    /// How many of the pending ones this connection has sent.
    sent_here: usize,
}

/// An idempotent producer with a connection of its own.
pub struct Worker {
    /// Written into each record.
    pub id: u8,
    producer: Option<i64>,
    random: Random,
    /// Milliseconds: the time of its first record. A recent one, so that no retention applies.
    start: i64,
    lanes: Vec<Lane>,
}

impl Worker {
    /// One that writes to all partitions.
    pub fn new(id: u8, partitions: i32, seed: u64) -> Self {
        let lanes = (0..partitions).map(|_| Lane::default()).collect();
        Self { id, producer: None, random: Random::new(seed), start: (clock() / 1_000_000) as i64, lanes }
    }

    /// What a partition must hold of this worker's.
    pub fn expected(&self, partition: i32) -> Expected {
        self.lanes[partition as usize].expected.clone()
    }

    /// How many records were acknowledged.
    pub fn acknowledged(&self) -> usize {
        self.lanes.iter().map(|lane| lane.expected.acknowledged as usize).sum()
    }

    /// Produces until the broker is killed; counts acknowledged batches.
    pub fn run(&mut self, address: &str, topic: &str, killed: &AtomicBool, acknowledged: &AtomicU64) {
        let end = self.produce(address, topic, killed, acknowledged);
        let alive = !killed.load(Ordering::SeqCst);
        assert!(!alive, "worker {}: the connection failed though the broker lives: {end:?}", self.id);
    }

    fn produce(
        &mut self,
        address: &str,
        topic: &str,
        killed: &AtomicBool,
        acknowledged: &AtomicU64,
    ) -> io::Result<()> {
        let mut client = Client::connect(address)?;
        if self.producer.is_none() {
            self.producer = Some(client.producer_id()?);
        }
        self.lanes.iter_mut().for_each(|lane| lane.sent_here = 0);
        // The partitions of each request that is on its way.
        let mut on_the_way: VecDeque<Vec<usize>> = VecDeque::new();
        while !killed.load(Ordering::Relaxed) {
            let depth = 1 + self.random.below(WINDOW as u64) as usize;
            while on_the_way.len() < depth {
                let lanes = self.chosen();
                if lanes.is_empty() {
                    break;
                }
                self.send(&mut client, topic, &lanes)?;
                on_the_way.push_back(lanes);
            }
            if let Some(lanes) = on_the_way.pop_front() {
                let reply = client.receive()?;
                let batches = self.take(&reply, &lanes);
                acknowledged.fetch_add(batches, Ordering::Relaxed);
            }
        }
        Ok(())
    }

    /// Some partitions that may get another batch; a new one is made where none waits.
    fn chosen(&mut self) -> Vec<usize> {
        let mut out = Vec::new();
        for lane in 0..self.lanes.len() {
            let (pending, here) = (self.lanes[lane].pending.len(), self.lanes[lane].sent_here);
            if self.random.below(3) > 0 || (here == pending && pending == WINDOW) {
                continue;
            }
            if here == pending {
                let batch = self.batch(self.lanes[lane].expected.sent);
                self.lanes[lane].expected.sent += batch.count;
                self.lanes[lane].pending.push_back(batch);
            }
            out.push(lane);
        }
        out
    }

    fn batch(&mut self, first: i32) -> Batch {
        const CODECS: [Codec; 4] = [Codec::None, Codec::None, Codec::Lz4, Codec::Zstd];
        let codec = CODECS[self.random.below(4) as usize];
        // Mostly small, now and then large.
        let count = if self.random.below(20) == 0 { 200 } else { 1 + self.random.below(30) as i32 };
        let producer = ProducerId(self.producer.expect("the producer has its id"));
        let compression = Compression { codec, ..Compression::NONE };
        let mut builder = BatchBuilder::new(compression).producer(producer, ProducerEpoch(0), first);
        for number in first..first + count {
            let key = format!("{}:{number}", self.id);
            let value = vec![b'a' + (number % 26) as u8; self.random.below(600) as usize];
            let time = Timestamp(self.start + i64::from(number));
            builder.push(&NewRecord {
                timestamp: time,
                key: Some(key.as_bytes()),
                value: Some(&value),
                headers: &[],
            });
        }
        Batch { first, count, bytes: builder.build().expect("a batch can be compressed").to_vec() }
    }

    fn send(&mut self, client: &mut Client, topic: &str, lanes: &[usize]) -> io::Result<()> {
        let mut data = Vec::new();
        for &lane in lanes {
            let batch = &self.lanes[lane].pending[self.lanes[lane].sent_here];
            let records = Some(Records::Bytes(batch.bytes.as_slice().into()));
            data.push(PartitionProduceData { index: lane as i32, records, ..Default::default() });
        }
        let of = TopicProduceData { name: topic.into(), partition_data: data, ..Default::default() };
        let request =
            ProduceRequest { acks: ALL, timeout_ms: 10_000, topic_data: vec![of], ..Default::default() };
        client.send(0, 12, |w| request.encode(w, 12))?;
        lanes.iter().for_each(|&lane| self.lanes[lane].sent_here += 1);
        Ok(())
    }

    /// Takes a reply: each of its partitions has acknowledged its oldest batch.
    fn take(&mut self, reply: &[u8], lanes: &[usize]) -> u64 {
        let reply = ProduceResponse::decode(&mut Reader::new(reply), 12).unwrap();
        let mut count = 0;
        for answer in reply.responses.iter().flat_map(|t| &t.partition_responses) {
            let lane = &mut self.lanes[answer.index as usize];
            let batch = lane.pending.pop_front().expect("a reply is to a batch");
            lane.sent_here -= 1;
            let (code, first) = (ErrorCode(answer.error_code), batch.first);
            assert!(
                code.is_none(),
                "worker {}, partition {}, sequence {first}: {code}",
                self.id,
                answer.index
            );
            lane.expected.acknowledged = batch.first + batch.count;
            lane.expected.batches.push((answer.base_offset, batch.first));
            count += 1;
        }
        assert_eq!(count, lanes.len() as u64, "a reply has other partitions than its request");
        count
    }
}

//! A client as small as the test allows: a few requests at one version each, over one connection.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use klamm::record::Batches;
use klamm::schema::clients::create_topics_request::{CreatableTopic, CreateTopicsRequest};
use klamm::schema::clients::create_topics_response::CreateTopicsResponse;
use klamm::schema::clients::fetch_request::{FetchPartition, FetchRequest, FetchTopic};
use klamm::schema::clients::fetch_response::FetchResponse;
use klamm::schema::clients::init_producer_id_request::InitProducerIdRequest;
use klamm::schema::clients::init_producer_id_response::InitProducerIdResponse;
use klamm::schema::clients::list_offsets_request::{
    ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic,
};
use klamm::schema::clients::list_offsets_response::ListOffsetsResponse;
use klamm::schema::clients::metadata_request::MetadataRequest;
use klamm::schema::clients::metadata_response::MetadataResponse;
use klamm::schema::{Reader, Writer};

use super::judge::Entry;

const LATEST: i64 = -1;
const MAX_BYTES: i32 = 1 << 20;

/// A connection to the broker.
pub struct Client {
    stream: TcpStream,
    next: i32,
}

impl Client {
    /// Connects.
    pub fn connect(address: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        Ok(Self { stream, next: 1 })
    }

    /// Sends a request of a flexible version.
    pub fn send(&mut self, key: i16, version: i16, body: impl FnOnce(&mut Writer)) -> io::Result<()> {
        let mut w = Writer::new();
        w.i32(0);
        w.i16(key);
        w.i16(version);
        w.i32(self.next);
        w.nullable_string(Some("crash"), false);
        w.uvarint(0);
        body(&mut w);
        self.next += 1;
        let length = (w.buf.len() - 4) as i32;
        w.buf[..4].copy_from_slice(&length.to_be_bytes());
        self.stream.write_all(&w.buf)
    }

    /// The next reply's body, behind a flexible header.
    pub fn receive(&mut self) -> io::Result<Vec<u8>> {
        let mut length = [0; 4];
        self.stream.read_exact(&mut length)?;
        let mut frame = vec![0; u32::from_be_bytes(length) as usize];
        self.stream.read_exact(&mut frame)?;
        assert_eq!(frame[4], 0, "the header of a reply has tagged fields");
        Ok(frame.split_off(5))
    }

    fn call(&mut self, key: i16, version: i16, body: impl FnOnce(&mut Writer)) -> io::Result<Vec<u8>> {
        self.send(key, version, body)?;
        self.receive()
    }

    /// Creates a topic, or fails the test.
    pub fn create_topic(&mut self, name: &str, partitions: i32) {
        let topic = CreatableTopic {
            name: name.into(),
            num_partitions: partitions,
            replication_factor: 1,
            ..Default::default()
        };
        let request = CreateTopicsRequest { topics: vec![topic], ..Default::default() };
        let reply = self.call(19, 7, |w| request.encode(w, 7)).unwrap();
        let reply = CreateTopicsResponse::decode(&mut Reader::new(&reply), 7).unwrap();
        assert_eq!(reply.topics[0].error_code, 0, "creating {name}");
    }

    fn metadata<T>(&mut self, read: impl FnOnce(MetadataResponse<'_>) -> T) -> T {
        let request = MetadataRequest { topics: None, ..Default::default() };
        let reply = self.call(3, 12, |w| request.encode(w, 12)).unwrap();
        read(MetadataResponse::decode(&mut Reader::new(&reply), 12).unwrap())
    }

    /// The names of all topics.
    pub fn topics(&mut self) -> Vec<String> {
        self.metadata(|m| m.topics.iter().filter_map(|t| t.name.as_deref().map(str::to_owned)).collect())
    }

    /// Whether each partition of a topic has a leader.
    pub fn has_leaders(&mut self, topic: &str, partitions: i32) -> bool {
        self.metadata(|m| {
            let found = m.topics.iter().find(|t| t.name.as_deref() == Some(topic));
            found.is_some_and(|t| {
                let led = t.partitions.iter().filter(|p| p.error_code == 0 && p.leader_id >= 0);
                led.count() == partitions as usize
            })
        })
    }

    /// A new producer id.
    pub fn producer_id(&mut self) -> io::Result<i64> {
        let request = InitProducerIdRequest {
            transactional_id: None,
            transaction_timeout_ms: 60_000,
            ..Default::default()
        };
        let reply = self.call(22, 5, |w| request.encode(w, 5))?;
        let reply = InitProducerIdResponse::decode(&mut Reader::new(&reply), 5).unwrap();
        assert_eq!(reply.error_code, 0, "a producer id");
        Ok(reply.producer_id)
    }

    /// The end of each partition; of none if the broker is gone.
    pub fn ends(&mut self, topic: &str, partitions: i32) -> BTreeMap<i32, i64> {
        let latest = |p| ListOffsetsPartition { partition_index: p, timestamp: LATEST, ..Default::default() };
        let of = ListOffsetsTopic {
            name: topic.into(),
            partitions: (0..partitions).map(latest).collect(),
            ..Default::default()
        };
        let request = ListOffsetsRequest { replica_id: -1, topics: vec![of], ..Default::default() };
        let Ok(reply) = self.call(2, 7, |w| request.encode(w, 7)) else { return BTreeMap::new() };
        let reply = ListOffsetsResponse::decode(&mut Reader::new(&reply), 7).unwrap();
        let answers = reply.topics.iter().flat_map(|t| &t.partitions);
        answers
            .map(|p| {
                assert_eq!(p.error_code, 0, "the end of partition {}", p.partition_index);
                (p.partition_index, p.offset)
            })
            .collect()
    }

    /// The records of a partition from an offset on, as many as come in one reply.
    pub fn fetch(&mut self, topic: &str, partition: i32, from: i64) -> io::Result<Vec<Entry>> {
        let wanted = FetchPartition {
            partition,
            fetch_offset: from,
            partition_max_bytes: MAX_BYTES,
            ..Default::default()
        };
        let of = FetchTopic { topic: topic.into(), partitions: vec![wanted], ..Default::default() };
        let request = FetchRequest { max_wait_ms: 0, min_bytes: 0, topics: vec![of], ..Default::default() };
        let reply = self.call(1, 12, |w| request.encode(w, 12))?;
        let reply = FetchResponse::decode(&mut Reader::new(&reply), 12).unwrap();
        assert_eq!(reply.error_code, 0, "fetching");
        let mut out = Vec::new();
        for answer in reply.responses.iter().flat_map(|t| &t.partitions) {
            assert_eq!(answer.error_code, 0, "fetching partition {partition} from {from}");
            let bytes = answer.records.as_ref().map(|r| r.as_bytes()).unwrap_or_default();
            out.extend(entries(bytes, from));
        }
        Ok(out)
    }
}

/// The records at `from` and later in the whole batches of `bytes`.
fn entries(bytes: &[u8], from: i64) -> Vec<Entry> {
    let mut out = Vec::new();
    for batch in Batches::new(bytes).map_while(Result::ok) {
        batch.verify_crc().unwrap();
        let payload = batch.payload(64 << 20).unwrap();
        for record in batch.records(&payload) {
            let record = record.unwrap();
            let text = std::str::from_utf8(record.key.unwrap()).unwrap();
            let (worker, number) = text.split_once(':').unwrap();
            let (worker, number) = (worker.parse().unwrap(), number.parse().unwrap());
            out.push(Entry { offset: record.offset.get(), worker, number });
        }
    }
    out.retain(|e| e.offset >= from);
    out
}

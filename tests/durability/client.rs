//! What the tests ask of a broker. Errors of the connection end in `Err`, error codes are values.
use std::collections::BTreeMap;
use std::time::Duration;

use klamm::cli::client::{ClientError, Connection, Request, Ticket};
use klamm::record::{BatchBuilder, Batches, Compression, NewRecord};
use klamm::schema::clients::create_topics_request::{
    CreatableTopic, CreatableTopicConfig, CreateTopicsRequest,
};
use klamm::schema::clients::delete_records_request::{
    DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic,
};
use klamm::schema::clients::delete_records_response::DeleteRecordsResponse;
use klamm::schema::clients::delete_topics_request::{DeleteTopicState, DeleteTopicsRequest};
use klamm::schema::clients::describe_configs_request::{DescribeConfigsRequest, DescribeConfigsResource};
use klamm::schema::clients::fetch_request::{FetchPartition, FetchRequest, FetchTopic};
use klamm::schema::clients::incremental_alter_configs_request::{
    AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest,
};
use klamm::schema::clients::init_producer_id_request::InitProducerIdRequest;
use klamm::schema::clients::metadata_request::MetadataRequest;
use klamm::schema::clients::produce_request::{PartitionProduceData, ProduceRequest, TopicProduceData};
use klamm::schema::{DecodeError, ErrorCode, Reader, Records, Writer};
use klamm::types::{ProducerEpoch, ProducerId, Timestamp};

const TOPIC: i8 = 2;
/// The time of all records; topics of these tests keep everything.
const NOW: i64 = 1_790_000_000_000;

pub type Asked<T> = Result<T, ClientError>;

/// One connection.
pub struct Client(Connection);

/// Code, high watermark, and what came in one reply: offsets and values.
type Fetched = (ErrorCode, i64, Vec<(i64, String)>);

impl Client {
    pub fn connect(address: &str) -> Self {
        Self(Connection::open(address, Duration::from_secs(20)).unwrap())
    }

    /// Creates a topic; its code.
    pub fn create(&mut self, name: &str, partitions: i32, configs: &[(&str, &str)]) -> Asked<ErrorCode> {
        let configs = configs.iter().map(|(name, value)| CreatableTopicConfig {
            name: (*name).into(),
            value: Some((*value).into()),
            ..Default::default()
        });
        let topic = CreatableTopic {
            name: name.into(),
            num_partitions: partitions,
            replication_factor: 1,
            configs: configs.collect(),
            ..Default::default()
        };
        let request = CreateTopicsRequest { topics: vec![topic], timeout_ms: 10_000, ..Default::default() };
        let reply = self.0.ask(&request)?;
        Ok(ErrorCode(reply.decode()?.topics[0].error_code))
    }

    /// Deletes a topic; its code.
    pub fn delete(&mut self, name: &str) -> Asked<ErrorCode> {
        let topic = DeleteTopicState { name: Some(name.into()), ..Default::default() };
        let request = DeleteTopicsRequest {
            topics: vec![topic],
            topic_names: vec![name.into()],
            timeout_ms: 10_000,
            ..Default::default()
        };
        let reply = self.0.ask(&request)?;
        Ok(ErrorCode(reply.decode()?.responses[0].error_code))
    }

    /// Ids of all topics by name.
    pub fn topics(&mut self) -> Asked<BTreeMap<String, [u8; 16]>> {
        let reply = self.0.ask(&MetadataRequest { topics: None, ..Default::default() })?;
        let found = reply.decode()?;
        let topic = |t: &klamm::schema::clients::metadata_response::MetadataResponseTopic<'_>| {
            (t.name.as_deref().unwrap_or_default().to_owned(), t.topic_id)
        };
        Ok(found.topics.iter().map(topic).collect())
    }

    /// Sets an option of a topic; its code.
    pub fn set(&mut self, topic: &str, option: &str, value: &str) -> Asked<ErrorCode> {
        let config = AlterableConfig {
            name: option.into(),
            config_operation: 0,
            value: Some(value.into()),
            ..Default::default()
        };
        let resource = AlterConfigsResource {
            resource_type: TOPIC,
            resource_name: topic.into(),
            configs: vec![config],
            ..Default::default()
        };
        let request = IncrementalAlterConfigsRequest { resources: vec![resource], ..Default::default() };
        let reply = self.0.ask(&request)?;
        Ok(ErrorCode(reply.decode()?.responses[0].error_code))
    }

    /// An option of a topic.
    pub fn option(&mut self, topic: &str, option: &str) -> Asked<Option<String>> {
        let resource = DescribeConfigsResource {
            resource_type: TOPIC,
            resource_name: topic.into(),
            configuration_keys: Some(vec![option.into()]),
            ..Default::default()
        };
        let request = DescribeConfigsRequest { resources: vec![resource], ..Default::default() };
        let reply = self.0.ask(&request)?;
        let found = reply.decode()?;
        let config = found.results[0].configs.first();
        Ok(config.and_then(|c| c.value.as_deref().map(str::to_owned)))
    }

    /// A producer id.
    pub fn producer_id(&mut self) -> Asked<i64> {
        let request = InitProducerIdRequest {
            transactional_id: None,
            transaction_timeout_ms: 60_000,
            ..Default::default()
        };
        let reply = self.0.ask(&request)?;
        let found = reply.decode()?;
        assert_eq!(found.error_code, 0, "a producer id");
        Ok(found.producer_id)
    }

    /// Sends a batch; what comes back is taken with [`produced`](Self::produced).
    pub fn send(&mut self, topic: ([u8; 16], &str), partition: i32, batch: &[u8]) -> Asked<Ticket> {
        let data = PartitionProduceData {
            index: partition,
            records: Some(Records::Bytes(batch.into())),
            ..Default::default()
        };
        let topic_data = TopicProduceData {
            topic_id: topic.0,
            name: topic.1.into(),
            partition_data: vec![data],
            ..Default::default()
        };
        let request = ProduceRequest {
            acks: -1,
            timeout_ms: 10_000,
            topic_data: vec![topic_data],
            ..Default::default()
        };
        self.0.send(&request)
    }

    /// Code and base offset.
    pub fn produced(&mut self, ticket: Ticket) -> Asked<(ErrorCode, i64)> {
        let reply = self.0.receive::<ProduceRequest<'_>>(ticket)?;
        let found = reply.decode()?;
        let answer = &found.responses[0].partition_responses[0];
        Ok((ErrorCode(answer.error_code), answer.base_offset))
    }

    /// Sends a batch and waits.
    pub fn produce(
        &mut self,
        topic: ([u8; 16], &str),
        partition: i32,
        batch: &[u8],
    ) -> Asked<(ErrorCode, i64)> {
        let ticket = self.send(topic, partition, batch)?;
        self.produced(ticket)
    }

    /// Code, high watermark, and what comes in one reply: offsets and values.
    pub fn fetch(
        &mut self,
        topic: ([u8; 16], &str),
        partition: i32,
        from: i64,
        wait_ms: i32,
    ) -> Asked<Fetched> {
        let wanted = FetchPartition {
            partition,
            fetch_offset: from,
            current_leader_epoch: -1,
            partition_max_bytes: 1 << 20,
            ..Default::default()
        };
        let of = FetchTopic {
            topic: topic.1.into(),
            topic_id: topic.0,
            partitions: vec![wanted],
            ..Default::default()
        };
        let request = FetchRequest {
            replica_id: -1,
            max_wait_ms: wait_ms,
            min_bytes: 1,
            max_bytes: 1 << 20,
            session_id: 0,
            session_epoch: -1,
            topics: vec![of],
            ..Default::default()
        };
        let reply = self.0.ask(&request)?;
        let found = reply.decode()?;
        let Some(data) = found.responses.first().map(|topic| &topic.partitions[0]) else {
            return Ok((ErrorCode(found.error_code), -1, Vec::new()));
        };
        let mut records = Vec::new();
        let bytes = match &data.records {
            Some(Records::Bytes(bytes)) => bytes.to_vec(),
            _ => Vec::new(),
        };
        for batch in Batches::new(&bytes) {
            let Ok(batch) = batch else { break };
            batch.verify_crc().unwrap();
            let payload = batch.payload(1 << 20).unwrap();
            for record in batch.records(&payload) {
                let record = record.unwrap();
                let value = String::from_utf8(record.value.unwrap().to_vec()).unwrap();
                if record.offset.get() >= from {
                    records.push((record.offset.get(), value));
                }
            }
        }
        Ok((ErrorCode(data.error_code), data.high_watermark, records))
    }

    /// Deletes the records of partition 0 below an offset; its code.
    pub fn delete_records(&mut self, topic: &str, below: i64) -> Asked<ErrorCode> {
        let partition = DeleteRecordsPartition { partition_index: 0, offset: below, ..Default::default() };
        let topic = DeleteRecordsTopic {
            name: topic.to_owned().into(),
            partitions: vec![partition],
            ..Default::default()
        };
        let request = DeleteRecordsRequest { topics: vec![topic], timeout_ms: 10_000, ..Default::default() };
        let reply = self.0.ask(&Deletion(request))?;
        Ok(ErrorCode(reply.decode()?.topics[0].partitions[0].error_code))
    }
}

/// The command line has no use for this request; the tests do.
struct Deletion(DeleteRecordsRequest<'static>);

impl Request for Deletion {
    const API_KEY: i16 = 21;
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 2;
    type Response<'a> = DeleteRecordsResponse<'a>;

    fn encode(&self, writer: &mut Writer, version: i16) {
        self.0.encode(writer, version);
    }

    fn decode<'a>(reader: &mut Reader<'a>, version: i16) -> Result<Self::Response<'a>, DecodeError> {
        DeleteRecordsResponse::decode(reader, version)
    }
}

/// A batch with these values; of a producer (id, sequence) if one is given.
pub fn batch(producer: Option<(i64, i32)>, values: &[String]) -> Vec<u8> {
    let mut builder = BatchBuilder::new(Compression::NONE);
    if let Some((id, sequence)) = producer {
        builder = builder.producer(ProducerId(id), ProducerEpoch(0), sequence);
    }
    for value in values {
        let timestamp = Timestamp(NOW);
        builder.push(&NewRecord { timestamp, value: Some(value.as_bytes()), ..NewRecord::default() });
    }
    builder.build().unwrap().to_vec()
}

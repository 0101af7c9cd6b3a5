//! A client that sends what a test says and checks nothing that the test does not.

use std::borrow::Cow;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};

use klamm::schema::clients::create_partitions_request::{CreatePartitionsRequest, CreatePartitionsTopic};
use klamm::schema::clients::create_topics_request::{
    CreatableTopic, CreatableTopicConfig, CreateTopicsRequest,
};
use klamm::schema::clients::delete_topics_request::{DeleteTopicState, DeleteTopicsRequest};
use klamm::schema::clients::fetch_request::{FetchPartition, FetchRequest, FetchTopic};
use klamm::schema::clients::fetch_response::PartitionData;
use klamm::schema::clients::incremental_alter_configs_request::{
    AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest,
};
use klamm::schema::clients::init_producer_id_request::InitProducerIdRequest;
use klamm::schema::clients::produce_request::{PartitionProduceData, ProduceRequest, TopicProduceData};
use klamm::schema::clients::produce_response::PartitionProduceResponse;
use klamm::schema::{Api, DecodeError, Reader, Records, Writer, api_key};
use klamm::wire::request;

use super::PATIENCE;

/// A request, its key and its reply.
pub trait Ask {
    /// The reply.
    type Reply;
    /// Key of the API.
    const KEY: i16;
    /// Writes the body.
    fn write(&self, w: &mut Writer, version: i16);
    /// Reads the reply's body.
    ///
    /// # Errors
    /// It is not what the schema says.
    fn read(r: &mut Reader<'_>, version: i16) -> Result<Self::Reply, DecodeError>;
    /// The versions that are served.
    fn versions() -> std::ops::RangeInclusive<i16> {
        let api = Api::by_key(Self::KEY).unwrap();
        api.min_version..=api.max_version
    }
}

macro_rules! ask {
    ($($key:ident: $module:ident, $reply_module:ident, $request:ident $(<$r:lifetime>)?, $reply:ident $(<$l:lifetime>)?;)*) => {$(
        impl Ask for klamm::schema::clients::$module::$request $(<$r>)? {
            type Reply = klamm::schema::clients::$reply_module::$reply $(<$l>)?;
            const KEY: i16 = api_key::$key;
            fn write(&self, w: &mut Writer, version: i16) {
                self.encode(w, version);
            }
            fn read(r: &mut Reader<'_>, version: i16) -> Result<Self::Reply, DecodeError> {
                let reply = klamm::schema::clients::$reply_module::$reply::decode(r, version)?;
                $(ask!(@hint $l);)?
                Ok(ask!(@own reply $($l)?))
            }
        }
    )*};
    (@hint $l:lifetime) => {};
    (@own $reply:ident $l:lifetime) => { $reply.into_static() };
    (@own $reply:ident) => { $reply };
}

ask! {
    PRODUCE: produce_request, produce_response, ProduceRequest<'_>, ProduceResponse<'static>;
    FETCH: fetch_request, fetch_response, FetchRequest<'_>, FetchResponse<'static>;
    LIST_OFFSETS: list_offsets_request, list_offsets_response, ListOffsetsRequest<'_>, ListOffsetsResponse<'static>;
    METADATA: metadata_request, metadata_response, MetadataRequest<'_>, MetadataResponse<'static>;
    API_VERSIONS: api_versions_request, api_versions_response, ApiVersionsRequest<'_>, ApiVersionsResponse<'static>;
    CREATE_TOPICS: create_topics_request, create_topics_response, CreateTopicsRequest<'_>, CreateTopicsResponse<'static>;
    DELETE_TOPICS: delete_topics_request, delete_topics_response, DeleteTopicsRequest<'_>, DeleteTopicsResponse<'static>;
    CREATE_PARTITIONS: create_partitions_request, create_partitions_response, CreatePartitionsRequest<'_>, CreatePartitionsResponse<'static>;
    DELETE_RECORDS: delete_records_request, delete_records_response, DeleteRecordsRequest<'_>, DeleteRecordsResponse<'static>;
    INIT_PRODUCER_ID: init_producer_id_request, init_producer_id_response, InitProducerIdRequest<'_>, InitProducerIdResponse;
    OFFSET_FOR_LEADER_EPOCH: offset_for_leader_epoch_request, offset_for_leader_epoch_response, OffsetForLeaderEpochRequest<'_>, OffsetForLeaderEpochResponse<'static>;
    DESCRIBE_CONFIGS: describe_configs_request, describe_configs_response, DescribeConfigsRequest<'_>, DescribeConfigsResponse<'static>;
    INCREMENTAL_ALTER_CONFIGS: incremental_alter_configs_request, incremental_alter_configs_response, IncrementalAlterConfigsRequest<'_>, IncrementalAlterConfigsResponse<'static>;
    ALTER_CONFIGS: alter_configs_request, alter_configs_response, AlterConfigsRequest<'_>, AlterConfigsResponse<'static>;
    DESCRIBE_LOG_DIRS: describe_log_dirs_request, describe_log_dirs_response, DescribeLogDirsRequest<'_>, DescribeLogDirsResponse<'static>;
    ALTER_REPLICA_LOG_DIRS: alter_replica_log_dirs_request, alter_replica_log_dirs_response, AlterReplicaLogDirsRequest<'_>, AlterReplicaLogDirsResponse<'static>;
    DESCRIBE_CLUSTER: describe_cluster_request, describe_cluster_response, DescribeClusterRequest, DescribeClusterResponse<'static>;
    DESCRIBE_TOPIC_PARTITIONS: describe_topic_partitions_request, describe_topic_partitions_response, DescribeTopicPartitionsRequest<'_>, DescribeTopicPartitionsResponse<'static>;
    LIST_CONFIG_RESOURCES: list_config_resources_request, list_config_resources_response, ListConfigResourcesRequest, ListConfigResourcesResponse<'static>;
    OFFSET_COMMIT: offset_commit_request, offset_commit_response, OffsetCommitRequest<'_>, OffsetCommitResponse<'static>;
    OFFSET_FETCH: offset_fetch_request, offset_fetch_response, OffsetFetchRequest<'_>, OffsetFetchResponse<'static>;
    FIND_COORDINATOR: find_coordinator_request, find_coordinator_response, FindCoordinatorRequest<'_>, FindCoordinatorResponse<'static>;
    ADD_PARTITIONS_TO_TXN: add_partitions_to_txn_request, add_partitions_to_txn_response, AddPartitionsToTxnRequest<'_>, AddPartitionsToTxnResponse<'static>;
    END_TXN: end_txn_request, end_txn_response, EndTxnRequest<'_>, EndTxnResponse;
    DESCRIBE_TRANSACTIONS: describe_transactions_request, describe_transactions_response, DescribeTransactionsRequest<'_>, DescribeTransactionsResponse<'static>;
    JOIN_GROUP: join_group_request, join_group_response, JoinGroupRequest<'_>, JoinGroupResponse<'static>;
    SYNC_GROUP: sync_group_request, sync_group_response, SyncGroupRequest<'_>, SyncGroupResponse<'static>;
    CONSUMER_GROUP_HEARTBEAT: consumer_group_heartbeat_request, consumer_group_heartbeat_response, ConsumerGroupHeartbeatRequest<'_>, ConsumerGroupHeartbeatResponse<'static>;
    DESCRIBE_QUORUM: describe_quorum_request, describe_quorum_response, DescribeQuorumRequest<'_>, DescribeQuorumResponse<'static>;
}

/// A connection.
pub struct Client {
    stream: TcpStream,
    next: i32,
}

/// A topic as requests of every version name it.
#[derive(Clone, Debug)]
pub struct Topic {
    /// Its name.
    pub name: String,
    /// Its id.
    pub id: [u8; 16],
}

impl Client {
    /// Connects.
    pub fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { stream, next: 1 }
    }

    /// The address by which the broker knows it.
    pub fn local(&self) -> SocketAddr {
        self.stream.local_addr().unwrap()
    }

    /// Sends bytes as they are.
    pub fn send_raw(&mut self, bytes: &[u8]) {
        // The broker may have closed already; reading tells.
        let _ = self.stream.write_all(bytes);
    }

    /// Says that nothing more comes.
    pub fn finish(&self) {
        let _ = self.stream.shutdown(std::net::Shutdown::Write);
    }

    /// Sends a request; gives its correlation id.
    pub fn send<R: Ask>(&mut self, version: i16, request: &R) -> i32 {
        let id = self.next;
        self.next += 1;
        self.send_raw(&Self::frame(version, request, id));
        id
    }

    /// The bytes of a request.
    pub fn frame<R: Ask>(version: i16, request: &R, id: i32) -> Vec<u8> {
        let api = Api::by_key(R::KEY).unwrap();
        request::encode(api, version, id, Some("test"), |w| request.write(w, version))
    }

    /// Receives a frame without its prefix; `None` if the broker has closed.
    pub fn receive_raw(&mut self) -> Option<Vec<u8>> {
        let mut prefix = [0; 4];
        match self.stream.read_exact(&mut prefix) {
            Ok(()) => {}
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => panic!("no reply"),
            Err(_) => return None,
        }
        let mut frame = vec![0; usize::try_from(i32::from_be_bytes(prefix)).unwrap()];
        self.stream.read_exact(&mut frame).unwrap();
        Some(frame)
    }

    /// Receives the reply to the request with this correlation id, which must be the next one.
    pub fn receive<R: Ask>(&mut self, version: i16, id: i32) -> R::Reply {
        let frame = self.receive_raw().expect("a reply, not a closed connection");
        let mut r = Reader::new(&frame);
        let api = Api::by_key(R::KEY).unwrap();
        assert_eq!(request::decode_reply(api, version, &mut r).unwrap(), id);
        let reply = R::read(&mut r, version).unwrap();
        assert!(r.rest().is_empty(), "bytes behind the reply");
        reply
    }

    /// Sends and receives.
    pub fn ask<R: Ask>(&mut self, version: i16, request: &R) -> R::Reply {
        let id = self.send(version, request);
        self.receive::<R>(version, id)
    }

    /// Asks in the highest version.
    pub fn ask_latest<R: Ask>(&mut self, request: &R) -> R::Reply {
        self.ask(*R::versions().end(), request)
    }

    /// Waits until the broker closes; no reply may come.
    pub fn assert_closed(&mut self) {
        assert_eq!(self.receive_raw(), None, "an answer instead of a closed connection");
    }

    /// Whether a reply is there or comes within a moment. For what must *not* come.
    pub fn has_reply(&self, within: std::time::Duration) -> bool {
        self.stream.set_read_timeout(Some(within)).unwrap();
        let there = self.stream.peek(&mut [0]).is_ok();
        self.stream.set_read_timeout(Some(PATIENCE)).unwrap();
        there
    }

    /// Creates a topic.
    pub fn topic(&mut self, name: &str, partitions: i32, configs: &[(&str, &str)]) -> Topic {
        let reply = self.ask_latest(&create(name, partitions, configs));
        assert_eq!(reply.topics[0].error_code, 0, "{:?}", reply.topics[0].error_message);
        Topic { name: name.to_owned(), id: reply.topics[0].topic_id }
    }

    /// Deletes a topic.
    pub fn delete_topic(&mut self, name: &str) {
        let topics = vec![DeleteTopicState { name: Some(name.into()), ..Default::default() }];
        let reply = self.ask_latest(&DeleteTopicsRequest { topics, ..Default::default() });
        assert_eq!(reply.responses[0].error_code, 0);
    }

    /// Gives a topic more partitions.
    pub fn add_partitions(&mut self, name: &str, count: i32) {
        let topics =
            vec![CreatePartitionsTopic { name: name.into(), count, assignments: None, ..Default::default() }];
        let reply = self.ask_latest(&CreatePartitionsRequest { topics, ..Default::default() });
        assert_eq!(reply.results[0].error_code, 0);
    }

    /// Sets options of a topic (kind 2) or a broker (kind 4, empty for all brokers); an empty value deletes.
    pub fn configure(&mut self, kind: i8, resource: &str, configs: &[(&str, &str)]) {
        assert_eq!(self.try_configure(kind, resource, configs), (0, None));
    }

    /// The same, with code and message.
    pub fn try_configure(
        &mut self,
        kind: i8,
        resource: &str,
        configs: &[(&str, &str)],
    ) -> (i16, Option<String>) {
        let config = |(name, value): &(&str, &str)| AlterableConfig {
            name: Cow::Owned((*name).to_owned()),
            config_operation: i8::from(value.is_empty()),
            value: (!value.is_empty()).then(|| Cow::Owned((*value).to_owned())),
            ..Default::default()
        };
        let resources = vec![AlterConfigsResource {
            resource_type: kind,
            resource_name: resource.into(),
            configs: configs.iter().map(config).collect(),
            ..Default::default()
        }];
        let reply = self.ask_latest(&IncrementalAlterConfigsRequest { resources, ..Default::default() });
        let result = &reply.responses[0];
        (result.error_code, result.error_message.as_deref().map(str::to_owned))
    }

    /// A new producer id.
    pub fn producer_id(&mut self) -> i64 {
        let reply = self.ask_latest(&InitProducerIdRequest { transactional_id: None, ..Default::default() });
        assert_eq!((reply.error_code, reply.producer_epoch), (0, 0));
        reply.producer_id
    }

    /// Produces to one partition with acks=all.
    pub fn produce(
        &mut self,
        topic: &Topic,
        partition: i32,
        batch: &[u8],
    ) -> PartitionProduceResponse<'static> {
        let version = *ProduceRequest::versions().end();
        let mut reply = self.ask(version, &produce(topic, -1, &[(partition, batch)]));
        reply.responses.remove(0).partition_responses.remove(0)
    }

    /// Produces, which must succeed; gives the base offset.
    pub fn append(&mut self, topic: &Topic, partition: i32, batch: &[u8]) -> i64 {
        let answer = self.produce(topic, partition, batch);
        assert_eq!((answer.error_code, answer.error_message), (0, None));
        answer.base_offset
    }

    /// Fetches from one partition without a wait.
    pub fn fetch(&mut self, topic: &Topic, partition: i32, offset: i64) -> PartitionData<'static> {
        let mut reply = self.ask_latest(&fetch(topic, &[(partition, offset)]));
        assert_eq!(reply.error_code, 0);
        reply.responses.remove(0).partitions.remove(0)
    }

    /// All offsets of a partition from `offset` on, as one fetch gives them.
    pub fn offsets(&mut self, topic: &Topic, partition: i32, offset: i64) -> Vec<i64> {
        let data = self.fetch(topic, partition, offset);
        assert_eq!(data.error_code, 0);
        super::batches::offsets(bytes_of(&data))
    }
}

/// A request for one topic.
pub fn create(name: &str, partitions: i32, configs: &[(&str, &str)]) -> CreateTopicsRequest<'static> {
    let config = |(name, value): &(&str, &str)| CreatableTopicConfig {
        name: Cow::Owned((*name).to_owned()),
        value: Some(Cow::Owned((*value).to_owned())),
        ..Default::default()
    };
    let topic = CreatableTopic {
        name: Cow::Owned(name.to_owned()),
        num_partitions: partitions,
        replication_factor: -1,
        configs: configs.iter().map(config).collect(),
        ..Default::default()
    };
    CreateTopicsRequest { topics: vec![topic], timeout_ms: 5000, ..Default::default() }
}

/// A request for partitions of one topic.
pub fn produce<'a>(topic: &'a Topic, acks: i16, partitions: &[(i32, &'a [u8])]) -> ProduceRequest<'a> {
    let data = partitions.iter().map(|(index, batch)| PartitionProduceData {
        index: *index,
        records: Some(Records::Bytes(Cow::Borrowed(*batch))),
        ..Default::default()
    });
    let topic_data = vec![TopicProduceData {
        name: Cow::Borrowed(&topic.name),
        topic_id: topic.id,
        partition_data: data.collect(),
        ..Default::default()
    }];
    ProduceRequest { transactional_id: None, acks, timeout_ms: 5000, topic_data, ..Default::default() }
}

/// A sessionless request for partitions of one topic, that waits for nothing.
pub fn fetch<'a>(topic: &'a Topic, partitions: &[(i32, i64)]) -> FetchRequest<'a> {
    let partition = |(partition, fetch_offset): &(i32, i64)| FetchPartition {
        partition: *partition,
        fetch_offset: *fetch_offset,
        partition_max_bytes: 1 << 20,
        ..Default::default()
    };
    let topics = vec![FetchTopic {
        topic: Cow::Borrowed(&topic.name),
        topic_id: topic.id,
        partitions: partitions.iter().map(partition).collect(),
        ..Default::default()
    }];
    FetchRequest { max_bytes: 50 << 20, session_epoch: -1, topics, ..Default::default() }
}

/// The records of an answer.
pub fn bytes_of<'a>(data: &'a PartitionData<'_>) -> &'a [u8] {
    data.records.as_ref().map(Records::as_bytes).unwrap_or_default()
}

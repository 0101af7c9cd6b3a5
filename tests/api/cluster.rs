//! What tools ask of the cluster: its node, its log directories, its quorum, what can be configured.

use klamm::env::{Fault, FaultOp};
use klamm::schema::ErrorCode;
use klamm::schema::clients::alter_replica_log_dirs_request::{
    AlterReplicaLogDir, AlterReplicaLogDirTopic, AlterReplicaLogDirsRequest,
};
use klamm::schema::clients::api_versions_request::ApiVersionsRequest;
use klamm::schema::clients::describe_cluster_request::DescribeClusterRequest;
use klamm::schema::clients::describe_log_dirs_request::{DescribableLogDirTopic, DescribeLogDirsRequest};
use klamm::schema::clients::describe_quorum_request::{DescribeQuorumRequest, PartitionData, TopicData};
use klamm::schema::clients::list_config_resources_request::ListConfigResourcesRequest;

use crate::support::batches;
use crate::support::broker::TestBroker;
use crate::support::client::Ask;

#[test]
fn the_cluster_keeps_its_id_over_a_restart() {
    let mut broker = TestBroker::start();
    let mut ids = Vec::new();
    for _ in 0..2 {
        let mut client = broker.client();
        for version in DescribeClusterRequest::versions() {
            let reply =
                client.ask(version, &DescribeClusterRequest { endpoint_type: 1, ..Default::default() });
            let node = &reply.brokers[0];
            assert_eq!((reply.error_code, reply.controller_id, node.broker_id), (0, 1, 1));
            assert_eq!((&*node.host, node.port), ("127.0.0.1", i32::from(broker.address().port())));
            ids.push(reply.cluster_id.to_string());
        }
        broker.stop();
        broker.run();
    }
    assert!(ids.windows(2).all(|pair| pair[0] == pair[1]), "{ids:?}");
}

#[test]
fn log_directories_tell_their_partitions_and_sizes() {
    let broker = TestBroker::with(&["log.dirs=/data/a,/data/b"]);
    let mut client = broker.client();
    let topic = client.topic("t", 4, &[]);
    let batch = batches::sized(1000);
    for partition in 0..4 {
        client.append(&topic, partition, &batch);
    }
    for version in DescribeLogDirsRequest::versions() {
        let reply = client.ask(version, &DescribeLogDirsRequest { topics: None, ..Default::default() });
        let mut all = Vec::new();
        assert_eq!(reply.results.len(), 2);
        for dir in &reply.results {
            assert_eq!(dir.error_code, 0);
            let partitions: Vec<_> = dir.topics.iter().flat_map(|t| &t.partitions).collect();
            assert_eq!(partitions.len(), 2, "both get as many");
            all.extend(partitions.iter().map(|p| (p.partition_index, p.partition_size)));
        }
        all.sort_unstable();
        let size = i64::try_from(batch.len()).unwrap();
        assert_eq!(all, [(0, size), (1, size), (2, size), (3, size)], "version {version}");
        let asked =
            vec![DescribableLogDirTopic { topic: "t".into(), partitions: vec![2, 9], ..Default::default() }];
        let reply =
            client.ask(version, &DescribeLogDirsRequest { topics: Some(asked), ..Default::default() });
        let told = reply.results.iter().flat_map(|d| &d.topics).flat_map(|t| &t.partitions);
        assert_eq!(told.map(|p| p.partition_index).collect::<Vec<_>>(), [2]);
    }
    for version in AlterReplicaLogDirsRequest::versions() {
        let mut codes = Vec::new();
        for path in ["/data/a", "/data/b", "/nowhere"] {
            let topics = vec![AlterReplicaLogDirTopic {
                name: "t".into(),
                partitions: vec![0, 9],
                ..Default::default()
            }];
            let dirs = vec![AlterReplicaLogDir { path: path.into(), topics, ..Default::default() }];
            let reply = client.ask(version, &AlterReplicaLogDirsRequest { dirs, ..Default::default() });
            codes.extend(reply.results[0].partitions.iter().map(|p| ErrorCode(p.error_code)));
        }
        let moves = [codes[0], codes[2]];
        assert!(
            moves.contains(&ErrorCode::NONE) && moves.contains(&ErrorCode::KAFKA_STORAGE_ERROR),
            "{codes:?}"
        );
        assert_eq!(codes[4..], [ErrorCode::LOG_DIR_NOT_FOUND; 2]);
    }
}

#[test]
fn partitions_lie_where_the_metadata_says_after_a_restart_too() {
    let mut broker = TestBroker::with(&["log.dirs=/data/a,/data/b,/data/c"]);
    let mut client = broker.client();
    let topic = client.topic("t", 9, &[]);
    for partition in 0..9 {
        client.append(&topic, partition, &batches::count(1));
    }
    broker.kill();
    broker.run();
    let mut client = broker.client();
    for partition in 0..9 {
        assert_eq!(client.offsets(&topic, partition, 0), [0]);
        assert_eq!(client.append(&topic, partition, &batches::count(1)), 1);
    }
}

#[test]
fn the_quorum_is_one_node() {
    let broker = TestBroker::start();
    let mut client = broker.client();
    for version in DescribeQuorumRequest::versions() {
        let partitions = |index| vec![PartitionData { partition_index: index, ..Default::default() }];
        let topic = |name: &'static str, index| TopicData {
            topic_name: name.into(),
            partitions: partitions(index),
            ..Default::default()
        };
        let topics = vec![topic("__cluster_metadata", 0)];
        let reply = client.ask(version, &DescribeQuorumRequest { topics, ..Default::default() });
        let told = &reply.topics[0].partitions[0];
        assert_eq!((reply.error_code, told.error_code, told.leader_id), (0, 0, 1));
        let voters: Vec<_> = told.current_voters.iter().map(|v| (v.replica_id, v.log_end_offset)).collect();
        assert_eq!(voters, [(1, told.high_watermark)]);
        assert!(told.high_watermark > 0 && told.observers.is_empty());
    }
}

#[test]
fn what_can_be_configured_is_listed() {
    let broker = TestBroker::start();
    let mut client = broker.client();
    client.topic("t", 1, &[]);
    let mut list = |version, kinds: &[i8]| {
        let request = ListConfigResourcesRequest { resource_types: kinds.to_vec(), ..Default::default() };
        let reply = client.ask(version, &request);
        let found = reply.config_resources.iter().map(|r| (r.resource_type, r.resource_name.to_string()));
        (ErrorCode(reply.error_code), found.collect::<Vec<_>>())
    };
    assert_eq!(list(0, &[]), (ErrorCode::NONE, vec![]));
    let topic = (2, "t".to_owned());
    assert_eq!(list(1, &[2]), (ErrorCode::NONE, vec![topic.clone()]));
    let (code, all) = list(1, &[]);
    assert!(code == ErrorCode::NONE && all.contains(&topic) && all.contains(&(4, "1".to_owned())), "{all:?}");
    assert_eq!(list(1, &[77]), (ErrorCode::UNSUPPORTED_VERSION, vec![]));
}

#[test]
fn every_version_tells_the_same_apis_and_an_unknown_one_is_told_so() {
    let broker = TestBroker::start();
    let mut client = broker.client();
    let request = ApiVersionsRequest {
        client_software_name: "test".into(),
        client_software_version: "1".into(),
        ..Default::default()
    };
    let mut told = Vec::new();
    for version in ApiVersionsRequest::versions() {
        let reply = client.ask(version, &request);
        assert_eq!(reply.error_code, 0);
        told.push(
            reply.api_keys.iter().map(|a| (a.api_key, a.min_version, a.max_version)).collect::<Vec<_>>(),
        );
    }
    assert!(told.windows(2).all(|pair| pair[0] == pair[1]));
    assert!(told[0].contains(&(0, 0, 13)), "Produce from 0, or librdkafka drops compression");
    client.send(99, &request);
    let frame = client.receive_raw().unwrap();
    assert_eq!(frame[4..], [0, 35, 0, 0, 0, 1, 0, 18, 0, 0, 0, 5], "as version 0, with its own entry alone");
}

#[test]
fn a_directory_that_fails_takes_its_partitions_along_and_no_other() {
    let broker = TestBroker::with(&["log.dirs=/data/a,/data/b"]);
    let mut client = broker.client();
    let topic = client.topic("t", 2, &[]);
    let batch = batches::count(1);
    for partition in 0..2 {
        client.append(&topic, partition, &batch);
    }
    let reply = client.ask_latest(&DescribeLogDirsRequest { topics: None, ..Default::default() });
    // The metadata lies in the first directory.
    let lost = reply.results.iter().find(|dir| dir.log_dir == "/data/b").unwrap().topics[0].partitions[0]
        .partition_index;
    broker.files.inject(Fault {
        op: FaultOp::Sync,
        path: "/data/b".into(),
        skip: 0,
        times: u32::MAX,
        kind: std::io::ErrorKind::Other,
    });
    let storage = ErrorCode::KAFKA_STORAGE_ERROR.code();
    for _ in 0..2 {
        assert_eq!(client.produce(&topic, lost, &batch).error_code, storage);
        assert_eq!(client.fetch(&topic, lost, 0).error_code, storage);
        client.append(&topic, 1 - lost, &batch);
    }
    let reply = client.ask_latest(&DescribeLogDirsRequest { topics: None, ..Default::default() });
    let codes: Vec<_> = reply.results.iter().map(|dir| (&*dir.log_dir, dir.error_code)).collect();
    assert!(codes.contains(&("/data/b", storage)) && codes.contains(&("/data/a", 0)), "{codes:?}");
    let new = client.topic("new", 4, &[]);
    for partition in 0..4 {
        client.append(&new, partition, &batch);
    }
}

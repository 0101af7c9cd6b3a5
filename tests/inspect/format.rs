//! What `klamm format` writes is what Kafka's own tool writes.

use std::path::Path;

use klamm::config::{Sources, load};
use klamm::env::{RealFiles, SystemRng};
use klamm::inspect::format::{Request, plan};
use klamm::inspect::{DumpOptions, dump};
use klamm::types::Timestamp;
use serde_json::Value;
use tempfile::TempDir;

use crate::unpack;

/// The lines about a file, without what differs from run to run: times, CRCs and the directory's id.
fn lines(data: &Path, file: &str) -> Vec<String> {
    let options = DumpOptions { json: true, records: true, topic: None };
    let mut out = Vec::new();
    assert_eq!(dump::dump(&RealFiles, &data.join(file), &options, &mut out).unwrap(), 0);
    let meta = std::fs::read_to_string(data.join("meta.properties")).unwrap();
    let id = meta.lines().find_map(|line| line.strip_prefix("directory.id=")).unwrap();
    let text = String::from_utf8(out).unwrap().replace(id, "ID");
    let mut lines: Vec<String> = text
        .lines()
        .skip(1)
        .map(|line| {
            let mut row: Value = serde_json::from_str(line).unwrap();
            for changing in ["timestamp", "maxTimestamp", "crc"] {
                row.as_object_mut().unwrap().remove(changing);
            }
            if let Some(time) = row.pointer_mut("/value/data/lastContainedLogTimestamp") {
                *time = time.as_i64().map(|t| t > 0).into();
            }
            row.to_string()
        })
        .collect();
    if file == "meta.properties" {
        lines.sort();
    }
    lines
}

fn klamm_formats_as_kafka_did(golden: &str, cluster: &str, quorum: &str, files: &[&str]) {
    let (kafka, klamm) = (unpack(golden), TempDir::new().unwrap());
    let data = klamm.path().join("data");
    let text = format!(
        "process.roles=broker,controller\nnode.id=1\nlog.dirs={}\n{quorum}\n\
         listeners=PLAINTEXT://localhost:39092,CONTROLLER://localhost:39093\n\
         controller.listener.names=CONTROLLER\n",
        data.display()
    );
    let config = load(&Sources { file: Some(("server.properties", &text)), ..Sources::default() }).unwrap();
    let request = Request { cluster_id: Some(cluster.to_owned()), ..Request::default() };
    let plan = plan(&config, &request, &SystemRng, Timestamp(1_795_412_735_106)).unwrap();
    plan.carry_out(&RealFiles, &SystemRng).unwrap();
    let expected = kafka.path().join("data");
    for file in files {
        assert_eq!(lines(&data, file), lines(&expected, file), "{golden} {file}");
    }
    let count = |dir: &Path| std::fs::read_dir(dir).unwrap().count();
    assert_eq!(count(&data), count(&expected), "{golden}");
}

#[test]
fn a_standalone_quorum() {
    let snapshot = "__cluster_metadata-0/00000000000000000000-0000000000.checkpoint";
    let files = ["meta.properties", "bootstrap.checkpoint", snapshot];
    let quorum = "controller.quorum.bootstrap.servers=localhost:39093";
    klamm_formats_as_kafka_did("formatted-standalone", "EBESExQVFhcYGRobHB0eHw", quorum, &files);
}

#[test]
fn a_quorum_that_the_configuration_names() {
    let quorum = "controller.quorum.voters=1@localhost:39093";
    let files = ["meta.properties", "bootstrap.checkpoint"];
    klamm_formats_as_kafka_did("formatted-static", "ICEiIyQlJicoKSorLC0uLw", quorum, &files);
}

//! The golden directories of Kafka, for the tests that read them.
#![allow(clippy::unwrap_used, reason = "a test reads its own data")]

use std::path::Path;

use klamm::env::{RealFiles, read_small};
use serde_json::Value;

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/kafka-disk");

/// Unpacks an archive; holes stay holes.
pub fn unpack(name: &str, to: &Path) {
    let archive = read_small(&RealFiles, &Path::new(GOLDEN).join(format!("{name}.tar.gz"))).unwrap();
    tar::Archive::new(flate2::read::GzDecoder::new(archive.as_slice())).unpack(to).unwrap();
}

/// What Kafka served after it had booted on the archive.
pub fn expected(name: &str) -> Value {
    let path = Path::new(GOLDEN).join(format!("{name}.expected.json"));
    serde_json::from_slice(&read_small(&RealFiles, &path).unwrap()).unwrap()
}

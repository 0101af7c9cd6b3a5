//! The golden directories of Kafka, for the tests that read them.
#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test reads its own data")]

use std::io::Read;
use std::path::Path;

use klamm::env::{Files, OpenMode, RealFiles, read_small};
use serde_json::Value;

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/kafka-disk");

/// Unpacks an archive; what is zero stays a hole.
pub fn unpack(name: &str, to: &Path) {
    let archive = read_small(&RealFiles, &Path::new(GOLDEN).join(format!("{name}.tar.gz"))).unwrap();
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(archive.as_slice()));
    let mut chunk = vec![0; 1 << 20];
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = to.join(entry.path().unwrap());
        if entry.header().entry_type().is_dir() {
            RealFiles.create_dir_all(&path).unwrap();
            continue;
        }
        RealFiles.create_dir_all(path.parent().unwrap()).unwrap();
        let file = RealFiles.open(&path, OpenMode::Create).unwrap();
        let mut len = 0;
        loop {
            let read = entry.read(&mut chunk).unwrap();
            if read == 0 {
                break;
            }
            if chunk[..read].iter().any(|byte| *byte != 0) {
                file.write_all_at(&chunk[..read], len).unwrap();
            }
            len += read as u64;
        }
        file.set_len(len).unwrap();
    }
}

/// What Kafka served after it had booted on the archive.
pub fn expected(name: &str) -> Value {
    let path = Path::new(GOLDEN).join(format!("{name}.expected.json"));
    serde_json::from_slice(&read_small(&RealFiles, &path).unwrap()).unwrap()
}

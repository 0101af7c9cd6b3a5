//! Generates the messages from Kafka's schemas under `kafka/`.
#![allow(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    reason = "a build script reads its own files"
)]

#[path = "build/emit.rs"]
mod emit;
#[path = "build/model.rs"]
mod model;
#[path = "build/tables.rs"]
mod tables;

use std::path::Path;

/// Folders of schemas, each of which becomes a module.
const FOLDERS: &[&str] = &[
    "clients",
    "group-coordinator",
    "metadata",
    "raft",
    "share-coordinator",
    "storage",
    "transaction-coordinator",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=kafka");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=build");
    let out = std::env::var("OUT_DIR")?;
    let mut messages = Vec::new();
    for folder in FOLDERS {
        messages.extend(model::read_folder(&Path::new("kafka").join(folder), folder)?);
    }
    std::fs::write(Path::new(&out).join("messages.rs"), emit::all(&messages))?;
    let errors = std::fs::read_to_string("kafka/errors.tsv")?;
    std::fs::write(Path::new(&out).join("tables.rs"), tables::all(&messages, &errors))?;
    Ok(())
}

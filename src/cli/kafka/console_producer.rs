//! `kafka-console-producer`.
use std::io::Write;
use std::path::PathBuf;

use super::connect::{Connect, refuse_protection, refuse_protection_in};
use super::{Tool, Words, own};
use crate::cli::{CliError, key_value};

/// Send the lines of standard input as records
#[derive(Debug, clap::Parser)]
#[command(name = "kafka-console-producer", version)]
pub(super) struct ConsoleProducer {
    #[command(flatten)]
    connect: Connect,
    /// Where the records go
    #[arg(long)]
    topic: String,
    /// How lines are read: parse.key, key.separator, null.marker; may be repeated
    #[arg(long = "reader-property", visible_alias = "property", value_name = "KEY=VALUE", value_parser = key_value)]
    properties: Vec<(String, String)>,
    /// A property of the producer: acks counts, tuning is passed over; may be repeated
    #[arg(long, visible_alias = "command-property", value_name = "KEY=VALUE", value_parser = key_value)]
    producer_property: Vec<(String, String)>,
    /// A file of such properties
    #[arg(long, alias = "producer.config", value_name = "FILE")]
    producer_config: Option<PathBuf>,
    /// How batches are compressed
    #[arg(long, value_name = "CODEC", num_args = 0..=1, default_missing_value = "gzip")]
    compression_codec: Option<String>,
    /// Who must have a record before it counts as written
    #[arg(long, visible_alias = "request-required-acks", value_name = "ACKS")]
    acks: Option<String>,
    /// Send each line by itself
    #[arg(long)]
    sync: bool,
}

impl Tool for ConsoleProducer {
    fn run(&self, out: &mut dyn Write) -> Result<(), CliError> {
        self.producer_config.as_deref().map_or(Ok(()), refuse_protection_in)?;
        let pairs = || self.producer_property.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        refuse_protection(pairs())?;
        let acks = self.acks.as_deref().or_else(|| pairs().find(|(k, _)| *k == "acks").map(|(_, v)| v));
        let mut words = Words::new(&["produce"])
            .with("--compression", &self.compression_codec)
            .with("--acks", acks)
            .with("--linger", self.sync.then_some(0));
        words = self.reading(words)?;
        words.0.extend(self.connect.flags()?);
        own(&words.then([self.topic.clone()]).0, out)
    }
}

impl ConsoleProducer {
    fn reading(&self, words: Words) -> Result<Words, CliError> {
        let (mut parse_key, mut separator, mut null) = (false, "\\t".to_owned(), None);
        for (key, value) in &self.properties {
            match key.as_str() {
                "parse.key" => parse_key = value == "true",
                "key.separator" => separator = value.clone(),
                "null.marker" => null = Some(value),
                // Whether a line without a key is passed over or ends the program: here it ends it.
                "ignore.error" if value == "false" => {}
                _ => return Err(CliError::failed(format!("the property {key} is not understood"))),
            }
        }
        Ok(words.with("--key-separator", parse_key.then_some(separator)).with("--null-value", null))
    }
}

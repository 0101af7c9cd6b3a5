//! `kafka-server-start`.
use std::io::Write;

use super::{Tool, Words, own};
use crate::cli::CliError;

/// Start the broker with a server.properties
#[derive(Debug, clap::Parser)]
#[command(name = "kafka-server-start", version)]
pub(super) struct ServerStart {
    /// Kafka's file
    #[arg(value_name = "server.properties")]
    properties: String,
    /// Set one option, over what the file says; may be repeated
    #[arg(long = "override", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
}

impl Tool for ServerStart {
    fn run(&self, out: &mut dyn Write) -> Result<(), CliError> {
        let words = Words::new(&["serve"]).with("--override", &self.overrides);
        own(&words.then([self.properties.clone()]).0, out)
    }
}

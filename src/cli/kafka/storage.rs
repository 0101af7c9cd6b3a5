//! `kafka-storage`: `klamm format` has its flags.
use std::io::Write;

use super::{Tool, own};
use crate::cli::CliError;

/// Make log directories ready: format, info, random-uuid
#[derive(Debug, clap::Parser)]
#[command(name = "kafka-storage", version)]
pub(super) struct Storage {
    /// What to do
    #[arg(value_parser = ["format", "info", "random-uuid"])]
    action: String,
    /// Its arguments, as `klamm format --help` explains them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

impl Tool for Storage {
    fn run(&self, out: &mut dyn Write) -> Result<(), CliError> {
        let mut words = vec!["format".to_owned()];
        words.extend((self.action != "format").then(|| self.action.clone()));
        words.extend(self.arguments.iter().cloned());
        own(&words, out)
    }
}

//! What every action of a command with actions works with.
use std::io::Write;

use serde_json::Value;

use super::CliError;
use super::client::Cluster;

/// The cluster that is asked, and where and how the answer goes.
pub(super) struct Session<'a> {
    /// Who is asked.
    pub cluster: &'a mut Cluster,
    /// Where results go.
    pub out: &'a mut dyn Write,
    /// Whether results are JSON.
    pub json: bool,
}

impl Session<'_> {
    /// Writes a result as JSON.
    pub fn print_json(&mut self, value: &Value) -> Result<(), CliError> {
        Ok(writeln!(self.out, "{value:#}")?)
    }

    /// Tells what was done, as JSON or in a sentence.
    pub fn said(&mut self, document: &Value, sentence: impl FnOnce() -> String) -> Result<(), CliError> {
        if self.json { self.print_json(document) } else { Ok(writeln!(self.out, "{}", sentence())?) }
    }
}

/// "1 partition", "2 partitions".
pub(super) fn count(n: usize, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}

/// A number for a table; "-" if there is none.
pub(super) fn number(n: Option<i64>) -> String {
    n.map_or_else(|| "-".to_owned(), |n| n.to_string())
}

/// Tells the person something that is no result.
pub(super) fn note(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Nothing, or an error with all these sentences.
pub(super) fn unless_failed(failures: &[String]) -> Result<(), CliError> {
    if failures.is_empty() { Ok(()) } else { Err(CliError::failed(failures.join("\n"))) }
}

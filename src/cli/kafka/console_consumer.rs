//! `kafka-console-consumer`.
use std::io::Write;
use std::path::PathBuf;

use super::connect::{Connect, refuse_protection, refuse_protection_in};
use super::{Tool, Words, own};
use crate::cli::{CliError, key_value};

/// Print the records of a topic
#[derive(Debug, clap::Parser)]
#[command(name = "kafka-console-consumer", version)]
pub(super) struct ConsoleConsumer {
    #[command(flatten)]
    connect: Connect,
    /// What to read
    #[arg(long)]
    topic: String,
    /// From the first record that is still there, instead of from the end
    #[arg(long, conflicts_with = "offset")]
    from_beginning: bool,
    /// Only this partition
    #[arg(long)]
    partition: Option<i32>,
    /// Where to begin in the partition: an offset, earliest, latest
    #[arg(long, requires = "partition", allow_negative_numbers = true)]
    offset: Option<String>,
    /// Stop after so many records
    #[arg(long, value_name = "N")]
    max_messages: Option<i64>,
    /// Stop when nothing has come for so long
    #[arg(long, value_name = "MS")]
    timeout_ms: Option<u64>,
    /// Whether records of open and aborted transactions are read
    #[arg(long, value_name = "LEVEL", value_parser = ["read_committed", "read_uncommitted"])]
    isolation_level: Option<String>,
    /// How records are printed: print.key, print.headers, key.separator, ...; may be repeated
    #[arg(long = "formatter-property", visible_alias = "property", value_name = "KEY=VALUE", value_parser = key_value)]
    properties: Vec<(String, String)>,
    /// A property of the consumer: tuning is passed over; may be repeated
    #[arg(long, visible_alias = "command-property", value_name = "KEY=VALUE", value_parser = key_value)]
    consumer_property: Vec<(String, String)>,
    /// A file of such properties
    #[arg(long, alias = "consumer.config", value_name = "FILE")]
    consumer_config: Option<PathBuf>,
}

impl Tool for ConsoleConsumer {
    fn run(&self, out: &mut dyn Write) -> Result<(), CliError> {
        self.consumer_config.as_deref().map_or(Ok(()), refuse_protection_in)?;
        let pairs = || self.consumer_property.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        refuse_protection(pairs())?;
        if let Some((key, _)) = pairs().find(|(key, _)| key.starts_with("group.")) {
            return Err(CliError::failed(format!("{key} is not understood: this consumer has no group")));
        }
        let committed =
            [self.isolation_level.as_deref(), pairs().find(|(k, _)| *k == "isolation.level").map(|p| p.1)];
        let from = match (&self.offset, self.from_beginning) {
            (Some(offset), _) => offset.as_str(),
            (None, true) => "beginning",
            (None, false) => "end",
        };
        let mut words = Words::new(&["consume"])
            .with("--from", [from])
            .with("--partition", self.partition)
            // Kafka takes -1 for "no end".
            .with("--max", self.max_messages.filter(|max| *max >= 0))
            .with("--idle", self.timeout_ms)
            .flag("--read-committed", committed.contains(&Some("read_committed")));
        words = words.with("--format", [self.format()?]);
        words.0.extend(self.connect.flags()?);
        own(&words.then([self.topic.clone()]).0, out)
    }
}

impl ConsoleConsumer {
    /// The template that prints what Kafka's formatter does, parts separated by `key.separator`.
    fn format(&self) -> Result<String, CliError> {
        let is = |name: &str, default: bool| {
            self.properties
                .iter()
                .rev()
                .find(|(key, _)| key == name)
                .map_or(default, |(_, value)| value == "true")
        };
        let text = |name: &str, default: &str| {
            let given = self.properties.iter().rev().find(|(key, _)| key == name);
            given.map_or(default, |(_, value)| value).replace('%', "%%")
        };
        const KNOWN: &[&str] = &[
            "print.timestamp",
            "print.partition",
            "print.offset",
            "print.headers",
            "print.key",
            "print.value",
            "key.separator",
            "line.separator",
        ];
        if let Some((key, _)) = self.properties.iter().find(|(key, _)| !KNOWN.contains(&key.as_str())) {
            return Err(CliError::failed(format!("the property {key} is not understood")));
        }
        let parts = [
            ("print.timestamp", false, "CreateTime:%T"),
            ("print.partition", false, "Partition:%p"),
            ("print.offset", false, "Offset:%o"),
            ("print.headers", false, "%h"),
            ("print.key", false, "%k"),
            ("print.value", true, "%v"),
        ];
        let wanted: Vec<&str> =
            parts.iter().filter(|(name, on, _)| is(name, *on)).map(|(.., part)| *part).collect();
        Ok(wanted.join(&text("key.separator", "\\t")) + &text("line.separator", "\\n"))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[test]
    fn a_record_is_printed_as_kafkas_formatter_prints_it() {
        let cases: [(&[&str], Option<&str>); 4] = [
            (&[], Some("%v\\n")),
            (&["print.key=true", "key.separator=:"], Some("%k:%v\\n")),
            (&["print.offset=true", "print.value=false", "line.separator=%"], Some("Offset:%o%%")),
            (&["no.such=1"], None),
        ];
        for (properties, want) in cases {
            let mut words = vec!["kafka-console-consumer", "--bootstrap-server", "a", "--topic", "t"];
            words.extend(properties.iter().flat_map(|property| ["--property", *property]));
            let tool = ConsoleConsumer::try_parse_from(words).unwrap();
            assert_eq!(tool.format().ok().as_deref(), want, "{properties:?}");
        }
    }
}

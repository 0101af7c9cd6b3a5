//! Kafka's command-line tools, as far as scripts, health checks and init containers call them.
//!
//! A link to `klamm` that is named `kafka-topics.sh`, or `kafka-topics`, is that tool: it takes Kafka's
//! arguments, prints what scripts read of it, and exits with Kafka's codes. The work is done by Klamm's own
//! commands wherever there is one ([`own`]).
//! Promises: an argument that is not understood is an error that names it, never passed over.
//! Must not know: anything that `klamm` itself cannot do.

mod cluster;
mod configs;
mod connect;
mod console_consumer;
mod console_producer;
mod groups;
mod server;
mod storage;
mod topics;

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;

use super::{Cli, CliError};

/// A tool: its arguments, and what it does.
trait Tool: Parser {
    fn run(&self, out: &mut dyn Write) -> Result<(), CliError>;
}

type Start = fn(Vec<OsString>) -> ExitCode;

/// Every tool that is answered, by Kafka's name.
const TOOLS: &[(&str, Start)] = &[
    ("kafka-broker-api-versions", start::<cluster::BrokerApiVersions>),
    ("kafka-cluster", start::<cluster::KafkaCluster>),
    ("kafka-configs", start::<configs::Configs>),
    ("kafka-console-consumer", start::<console_consumer::ConsoleConsumer>),
    ("kafka-console-producer", start::<console_producer::ConsoleProducer>),
    ("kafka-consumer-groups", start::<groups::ConsumerGroups>),
    ("kafka-server-start", start::<server::ServerStart>),
    ("kafka-storage", start::<storage::Storage>),
    ("kafka-topics", start::<topics::Topics>),
];

/// Does what the tool of Kafka's does by whose name this program was called; `None` if it was not.
pub(super) fn run(arguments: &[OsString]) -> Option<ExitCode> {
    let name = Path::new(arguments.first()?).file_name().and_then(OsStr::to_str)?;
    let name = name.strip_suffix(".sh").unwrap_or(name);
    let (_, start) = TOOLS.iter().find(|(tool, _)| *tool == name)?;
    Some(start(arguments.to_vec()))
}

fn start<T: Tool>(arguments: Vec<OsString>) -> ExitCode {
    match T::try_parse_from(arguments) {
        Ok(tool) => super::finish(|out| tool.run(out)),
        Err(error) => {
            let _ = error.print();
            // Kafka's tools know only one code for all that is wrong.
            if error.use_stderr() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
        }
    }
}

/// Runs a command of Klamm's own.
fn own(words: &[String], out: &mut dyn Write) -> Result<(), CliError> {
    let words = std::iter::once("klamm").chain(words.iter().map(String::as_str));
    let cli = Cli::try_parse_from(words).map_err(|error| CliError::failed(error.to_string()))?;
    cli.chosen().run(out)
}

/// Builds the words of a command of Klamm's own.
#[derive(Debug, Default)]
struct Words(Vec<String>);

impl Words {
    fn new(words: &[&str]) -> Self {
        Self(words.iter().map(|&word| word.to_owned()).collect())
    }

    /// A flag, if it was given.
    fn flag(mut self, name: &str, given: bool) -> Self {
        self.0.extend(given.then(|| name.to_owned()));
        self
    }

    /// A flag with a value, once for each value; as one word, since a value may begin with a dash.
    fn with<V: ToString>(mut self, name: &str, values: impl IntoIterator<Item = V>) -> Self {
        self.0.extend(values.into_iter().map(|value| format!("{name}={}", value.to_string())));
        self
    }

    /// Words that are no flags, whatever they begin with.
    fn then(mut self, words: impl IntoIterator<Item = String>) -> Self {
        self.0.push("--".to_owned());
        self.0.extend(words);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_is_found_by_the_name_of_the_program() {
        let cases = [
            ("/opt/kafka/bin/kafka-topics.sh", true),
            ("kafka-topics", true),
            ("klamm", false),
            ("kafka-topics.bat", false),
            ("kafka-dump-log.sh", false),
        ];
        for (program, is_tool) in cases {
            let answer = run(&[program.into(), "--help".into()]);
            assert_eq!(answer.is_some(), is_tool, "{program}");
        }
    }

    #[test]
    fn what_is_not_understood_is_an_error() {
        for (tool, start) in TOOLS {
            let code = start(vec![(*tool).into(), "--no-such-option".into()]);
            assert_eq!(format!("{code:?}"), format!("{:?}", ExitCode::FAILURE), "{tool}");
        }
    }
}

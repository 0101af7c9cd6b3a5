//! `klamm produce`: lines become records.

mod batch;
mod input;
pub(super) mod partitioner;
mod producer;
mod source;

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};

use super::client::{Cluster, Options};
use super::progress::Progress;
use super::{CliError, escape, key_value};
use crate::record::{Codec, Compression};
use input::{Header, Syntax};
use producer::{Producer, Settings, Undelivered};
use source::Step;

const EXAMPLES: &str = "\
Examples:
  echo hello | klamm produce greetings
  klamm produce orders orders.txt --key-separator :        \"key:value\" on each line
  klamm produce orders -H source=import < orders.txt       a header on every record
  tail -f app.log | klamm produce logs --compression zstd
  echo '{\"key\":\"a\",\"value\":{\"n\":1},\"headers\":[[\"h\",\"x\"]]}' | klamm produce orders --json
  klamm consume a --exit --json | klamm produce b --json   copy a topic

A JSON line may have key, value, headers, partition and timestamp (ms or a date). A value that is no \
string is sent as its JSON. Binary keys and values stand in key_base64 and value_base64, binary header \
values as {\"base64\": ...}.

Every record is written once and in the order of the lines of its partition, whatever breaks on the way.";

/// Send lines of files or stdin as records
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Where the records go
    topic: String,
    /// Files to read, - for stdin [default: stdin]
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Each line is a JSON object
    #[arg(long, conflicts_with_all = ["key_separator", "line_headers", "null_value"])]
    json: bool,
    /// What parts key and value on a line (\t is a tab); without it there are no keys
    #[arg(short = 'K', long, value_name = "SEP", value_parser = separator)]
    key_separator: Option<Bytes>,
    /// A header for every record; may be repeated
    #[arg(short = 'H', long = "header", visible_alias = "headers", value_name = "NAME=VALUE")]
    #[arg(value_parser = key_value)]
    headers: Vec<(String, String)>,
    /// Each line begins with its headers: name:value,name:value and a tab
    #[arg(long)]
    line_headers: bool,
    /// A value, or key, that stands for null
    #[arg(long, value_name = "TEXT")]
    null_value: Option<String>,
    /// The partition of records that name none [default: by key, or any]
    #[arg(short, long, value_parser = clap::value_parser!(i32).range(0..))]
    partition: Option<i32>,
    /// How batches are compressed
    #[arg(short = 'z', long, value_name = "CODEC", default_value = "none", value_parser = codec())]
    compression: Codec,
    /// Who must have a record before it counts as written: all replicas in sync, 1 (the leader), 0 (nobody)
    #[arg(long, default_value = "all", value_parser = acks())]
    acks: i16,
    /// Do not tell repeated batches apart (implied by --acks 1 and 0)
    #[arg(long)]
    no_idempotence: bool,
    /// Bytes of a batch before compression
    #[arg(long, value_name = "BYTES", default_value_t = 256 * 1024)]
    batch_size: usize,
    /// How long a record may wait for others to fill its batch, in ms
    #[arg(long, value_name = "MS", default_value_t = 5)]
    linger: u64,
    #[command(flatten)]
    options: Options,
}

/// Bytes given on the command line.
#[derive(Clone, Debug)]
struct Bytes(Vec<u8>);

fn separator(text: &str) -> Result<Bytes, String> {
    match escape::unescape(text)? {
        bytes if bytes.is_empty() => Err("it must not be empty".to_owned()),
        bytes => Ok(Bytes(bytes)),
    }
}

pub(super) fn codec() -> impl TypedValueParser<Value = Codec> {
    PossibleValuesParser::new(Codec::ALL.map(Codec::name))
        .map(|name| Codec::ALL.into_iter().find(|codec| codec.name() == name).unwrap_or_default())
}

pub(super) fn acks() -> impl TypedValueParser<Value = i16> {
    PossibleValuesParser::new(["all", "-1", "1", "0"]).map(|text| text.parse().unwrap_or(-1))
}

/// Runs `klamm produce`.
///
/// # Errors
/// What cannot be read, with its line; what the broker refuses, with the lines that were not written.
pub fn run(args: &Args) -> Result<(), CliError> {
    let settings = Settings {
        topic: args.topic.clone(),
        partition: args.partition,
        compression: Compression::of(args.compression),
        acks: args.acks,
        is_idempotent: args.acks == -1 && !args.no_idempotence,
        batch_size: args.batch_size,
    };
    let mut pump = Pump {
        syntax: args.syntax(),
        linger: Duration::from_millis(args.linger),
        producer: Producer::open(Cluster::connect(&args.options)?, settings)?,
        lines: Lines::default(),
        progress: Progress::new("sent", true),
    };
    let result = pump.run(&source::start(args.files.clone()));
    pump.progress.finish();
    result
}

impl Args {
    fn syntax(&self) -> Syntax {
        let header = |(name, value): &(String, String)| -> Header {
            (name.clone().into_bytes(), Some(value.clone().into_bytes()))
        };
        Syntax {
            json: self.json,
            key_separator: self.key_separator.clone().map(|Bytes(bytes)| bytes),
            line_headers: self.line_headers,
            null_value: self.null_value.clone().map(String::into_bytes),
            headers: self.headers.iter().map(header).collect(),
        }
    }
}

/// Which line is which: lines are counted over all files.
#[derive(Debug, Default)]
struct Lines {
    read: u64,
    files: Vec<(u64, String)>,
}

impl Lines {
    /// The file of a line, and its number there, from 1.
    fn place(&self, line: u64) -> String {
        match self.files.iter().rev().find(|(before, _)| *before < line) {
            Some((before, name)) => format!("{name}, line {}", line.saturating_sub(*before)),
            None => format!("line {line}"),
        }
    }
}

/// Moves lines from the source to the producer.
struct Pump {
    syntax: Syntax,
    linger: Duration,
    producer: Producer,
    lines: Lines,
    progress: Progress,
}

impl Pump {
    fn run(&mut self, source: &Receiver<Step>) -> Result<(), CliError> {
        loop {
            match self.next(source) {
                Ok(Step::File(name)) => self.lines.files.push((self.lines.read, name)),
                Ok(Step::Lines(block)) => self.send_block(&block)?,
                Ok(Step::Failed(text)) => {
                    self.finish()?;
                    return Err(self.stopped(text));
                }
                Err(RecvTimeoutError::Timeout) => {
                    // Nothing else comes for now: also learn how the last ones fared.
                    let sent = self.producer.flush().and_then(|()| self.producer.settle());
                    self.check(sent)?;
                }
                Err(RecvTimeoutError::Disconnected) => return self.finish(),
            }
            if self.producer.waiting().is_some_and(|waiting| waiting >= self.linger) {
                let sent = self.producer.flush();
                self.check(sent)?;
            }
            self.progress.show();
        }
    }

    /// The next step; waits no longer than a record may wait.
    fn next(&self, source: &Receiver<Step>) -> Result<Step, RecvTimeoutError> {
        match self.producer.waiting() {
            Some(waiting) => source.recv_timeout(self.linger.saturating_sub(waiting)),
            None => source.recv().map_err(|_| RecvTimeoutError::Disconnected),
        }
    }

    fn send_block(&mut self, block: &[u8]) -> Result<(), CliError> {
        let block = block.strip_suffix(b"\n").unwrap_or(block);
        for line in block.split(|&byte| byte == b'\n') {
            self.lines.read = self.lines.read.saturating_add(1);
            match self.syntax.read(line) {
                Ok(input) => {
                    let sent = self.producer.push(&input, self.lines.read);
                    self.check(sent)?;
                }
                Err(text) => {
                    self.finish()?;
                    return Err(self.stopped(format!("{}: {text}", self.lines.place(self.lines.read))));
                }
            }
            self.progress.add(1, line.len() as u64);
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), CliError> {
        let sent = self.producer.flush().and_then(|()| self.producer.settle());
        self.check(sent)
    }

    fn check(&self, sent: Result<(), Undelivered>) -> Result<(), CliError> {
        sent.map_err(|Undelivered { lines: (first, last), reason }| {
            let place = self.lines.place(first);
            let place = if first == last { place } else { format!("{place} to {}", self.lines.place(last)) };
            self.stopped(format!("{place}: {reason}"))
        })
    }

    fn stopped(&self, text: String) -> CliError {
        let count = self.producer.delivered();
        CliError::failed(format!("{text}\n{count} of the records before it were written"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_named_by_file_and_number() {
        let lines = Lines { read: 7, files: vec![(0, "a".into()), (3, "b".into()), (3, "c".into())] };
        assert_eq!(lines.place(3), "a, line 3");
        assert_eq!(lines.place(4), "c, line 1");
    }
}

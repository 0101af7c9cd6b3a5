//! The command line: what a person types, and what `klamm` answers.
//!
//! Owns the subcommands, one file each: their options, their help, what they print and with which code
//! they exit. `serve` starts the broker, `dump`, `check`, `format` and `recover` work on directories through
//! `inspect`, and the others are clients that know a broker only by its wire ([`client`]), so they
//! work against any Kafka. Called by the name of one of Kafka's tools it is that tool (module `kafka`).
//! Promises: results go to stdout, everything else to stderr; a reader that closes the pipe ends a
//! command quietly; an error says what to do next.
//! Must not know: how a broker does anything. No room may import this one.
#![warn(clippy::indexing_slicing)]

mod base64;
mod bench;
mod check;
pub mod client;
mod configuration;
mod consume;
mod dump;
mod error;
mod escape;
mod format;
mod group;
mod health;
mod kafka;
mod logging;
mod produce;
mod progress;
mod recover;
mod remote;
mod serve;
mod session;
mod table;
mod time;
mod topic;

use std::ffi::OsString;
use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use error::CliError;

/// Size of the buffer before stdout, in bytes: large enough that piping records costs few calls.
const STDOUT_BUFFER: usize = 64 * 1024;

const EXAMPLES: &str = "\
A first minute:
  klamm                          starts a broker on 127.0.0.1:9092, data in ./klamm-data
  klamm topic create greetings   in another terminal
  echo hello | klamm produce greetings
  klamm consume greetings --exit

Every subcommand has examples in its --help.";

/// A Kafka broker in one binary, with the tools to use it. Without a subcommand it serves.
#[derive(Debug, Parser)]
#[command(name = "klamm", version, after_help = EXAMPLES, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Args),
    Health(health::Args),
    Topic(topic::Args),
    Group(group::Args),
    Produce(Box<produce::Args>),
    Consume(Box<consume::Args>),
    Bench(Box<bench::Args>),
    Dump(dump::Args),
    Check(check::Args),
    Recover(recover::Args),
    Format(Box<format::Args>),
    Remote(remote::Args),
}

impl Cli {
    fn chosen(self) -> Command {
        self.command.unwrap_or_else(|| Command::Serve(serve::Args::default()))
    }
}

impl Command {
    fn run(&self, out: &mut dyn Write) -> Result<(), CliError> {
        match self {
            Self::Serve(args) => serve::run(args),
            Self::Health(args) => health::run(args, out),
            Self::Topic(args) => topic::run(args, out),
            Self::Group(args) => group::run(args, out),
            Self::Produce(args) => produce::run(args),
            Self::Consume(args) => consume::run(args, out),
            Self::Bench(args) => bench::run(args, out),
            Self::Dump(args) => dump::run(args, out),
            Self::Check(args) => check::run(args, out),
            Self::Recover(args) => recover::run(args, out),
            Self::Format(args) => format::run(args, out),
            Self::Remote(args) => remote::run(args, out),
        }
    }
}

/// Splits `key=value`; the value may be empty and may hold further `=`.
fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().to_owned(), value.to_owned())),
        _ => Err("give it as key=value".to_owned()),
    }
}

/// Runs the program with the arguments of this process.
///
/// Exit codes: 0 done; 1 it failed and stderr says why; 2 the command line was wrong.
#[must_use]
pub fn main() -> ExitCode {
    run(std::env::args_os())
}

/// Runs the program with these arguments, the program's name first. See [`main`] for the codes.
#[must_use]
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    if let Some(code) = kafka::run(&arguments) {
        return code;
    }
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // What clap prints for --help and --version is no failure; a closed pipe is none either.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    finish(|out| cli.chosen().run(out))
}

/// Does the work with standard output, and turns its end into an exit code.
fn finish(work: impl FnOnce(&mut dyn Write) -> Result<(), CliError>) -> ExitCode {
    let mut out = BufWriter::with_capacity(STDOUT_BUFFER, io::stdout().lock());
    let result = work(&mut out).and_then(|()| out.flush().map_err(CliError::from));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is_closed_pipe() => ExitCode::SUCCESS,
        Err(error) => {
            // The results before the error still belong to the reader.
            let _ = out.flush();
            let _ = writeln!(io::stderr(), "klamm: {error}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod pages;

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn no_subcommand_means_serve() {
        assert!(Cli::try_parse_from(["klamm"]).unwrap().command.is_none());
        let cli = Cli::try_parse_from(["klamm", "serve", "a.properties", "--override", "a=b"]).unwrap();
        let Some(Command::Serve(args)) = cli.command else { panic!("not serve") };
        assert_eq!(
            args,
            serve::Args {
                configuration: configuration::Configuration {
                    properties: Some("a.properties".into()),
                    overrides: vec!["a=b".into()],
                    container: false,
                },
                ..serve::Args::default()
            }
        );
    }
}

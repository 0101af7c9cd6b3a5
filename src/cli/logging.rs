//! What the broker says while it runs: lines for people on a terminal, JSON for machines.
use std::io::{self, IsTerminal};

use clap::ValueEnum;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt;

/// The shape of a log line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A line for people; in colours on a terminal.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// How much is logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Level {
    /// Only what stops something from working.
    Error,
    /// Also what an operator should look at.
    Warn,
    /// Also what happens once in a while: starts, stops, topics made and deleted.
    #[default]
    Info,
    /// Also what happens once per connection.
    Debug,
    /// Everything.
    Trace,
}

impl From<Level> for LevelFilter {
    fn from(level: Level) -> Self {
        match level {
            Level::Error => Self::ERROR,
            Level::Warn => Self::WARN,
            Level::Info => Self::INFO,
            Level::Debug => Self::DEBUG,
            Level::Trace => Self::TRACE,
        }
    }
}

/// Sends everything logged from now on to stderr. The first call counts, later ones do nothing.
pub fn start(format: Format, level: Level) {
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let lines = fmt().with_max_level(LevelFilter::from(level)).with_writer(io::stderr);
    let _ = match format {
        Format::Text => {
            let colours = io::stderr().is_terminal() && !plain;
            tracing::subscriber::set_global_default(lines.with_ansi(colours).with_target(false).finish())
        }
        Format::Json => tracing::subscriber::set_global_default(lines.json().flatten_event(true).finish()),
    };
}

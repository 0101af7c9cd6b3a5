//! What the broker says while it runs: lines for people, in colours on a terminal, or JSON for machines.
use std::io::{self, IsTerminal};

use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{Layer, fmt, registry};

use super::CliError;
use crate::config::LogFormat;

/// Sends everything logged from now on to stderr, as far as `filter` lets it pass: a level, or levels by
/// module (`info,klamm::log=debug`). The first call counts, later ones do nothing.
///
/// # Errors
/// The filter cannot be read.
pub fn start(format: LogFormat, filter: &str) -> Result<(), CliError> {
    let filter: Targets = filter.parse().map_err(|error| {
        CliError::failed(format!(
            "klamm.log.level: {filter:?} is neither error, warn, info, debug or trace, nor a list such as \
             info,klamm::log=debug ({error})"
        ))
    })?;
    let lines = fmt::layer().with_writer(io::stderr);
    let layer = match format {
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
        LogFormat::Text => lines.with_ansi(false).with_target(false).boxed(),
        LogFormat::Auto => lines.with_ansi(wants_colours()).with_target(false).boxed(),
    };
    let _ = tracing::subscriber::set_global_default(registry().with(layer.with_filter(filter)));
    Ok(())
}

/// On a terminal, unless the user asked all programs for none (<https://no-color.org>).
fn wants_colours() -> bool {
    io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

//! How Kafka's tools are told where the cluster is.
use std::path::{Path, PathBuf};

use crate::cli::CliError;
use crate::cli::client::{Cluster, Options};
use crate::cli::configuration::read_properties;
use crate::config::parse_properties;

/// How long an operation may take, in seconds: that of Kafka's admin client is a minute.
const TIMEOUT: u64 = 60;

/// The arguments that most tools share.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Connect {
    /// Where a broker is; several separated by commas
    #[arg(long, value_name = "HOST:PORT", alias = "broker-list")]
    bootstrap_server: String,
    /// Properties of the client
    #[arg(long, value_name = "FILE")]
    command_config: Option<PathBuf>,
}

impl Connect {
    /// The same for Klamm's client.
    ///
    /// # Errors
    /// The properties cannot be read, or ask for what the client cannot do.
    pub fn options(&self) -> Result<Options, CliError> {
        self.command_config.as_deref().map_or(Ok(()), refuse_protection_in)?;
        Ok(Options { bootstrap_server: plain(&self.bootstrap_server), timeout: TIMEOUT })
    }

    /// The flags that say it to Klamm's own commands.
    ///
    /// # Errors
    /// As [`options`](Self::options).
    pub fn flags(&self) -> Result<[String; 2], CliError> {
        let Options { bootstrap_server, timeout } = self.options()?;
        Ok([format!("--bootstrap-server={bootstrap_server}"), format!("--timeout={timeout}")])
    }

    /// Connects.
    ///
    /// # Errors
    /// Nobody answers, or as [`options`](Self::options).
    pub fn cluster(&self) -> Result<Cluster, CliError> {
        Ok(Cluster::connect(&self.options()?)?)
    }
}

/// Kafka's clients take `PLAINTEXT://host:port` too.
fn plain(servers: &str) -> String {
    let one = |server: &str| server.trim().trim_start_matches("PLAINTEXT://").to_owned();
    servers.split(',').map(one).collect::<Vec<_>>().join(",")
}

/// Properties that tune a client change nothing here; those that protect a connection would.
///
/// # Errors
/// The file cannot be read, or asks for TLS or SASL.
pub(super) fn refuse_protection_in(path: &Path) -> Result<(), CliError> {
    let (name, text) = read_properties(path)?;
    let all = parse_properties(&text);
    refuse_protection(all.iter().map(|p| (p.name.as_str(), p.value.as_str())))
        .map_err(|error| CliError::failed(format!("{name}: {error}")))
}

/// As [`refuse_protection_in`], for properties that were read.
///
/// # Errors
/// One of them asks for TLS or SASL.
pub(super) fn refuse_protection<'a>(
    properties: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<(), CliError> {
    let protects = |(name, value): &(&str, &str)| match *name {
        "security.protocol" => !value.trim().eq_ignore_ascii_case("PLAINTEXT"),
        name => name.starts_with("sasl.") || name.starts_with("ssl."),
    };
    match properties.into_iter().find(protects) {
        Some((name, _)) => {
            Err(CliError::failed(format!("{name} is not understood: this tool speaks PLAINTEXT only")))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_may_name_their_protocol() {
        assert_eq!(plain("a:1, PLAINTEXT://b:2"), "a:1,b:2");
    }

    #[test]
    fn only_what_protects_is_refused() {
        let cases = [
            (&[("request.timeout.ms", "1"), ("security.protocol", "plaintext")][..], true),
            (&[("security.protocol", "SASL_SSL")], false),
            (&[("ssl.truststore.location", "/t")], false),
        ];
        for (properties, is_fine) in cases {
            assert_eq!(refuse_protection(properties.iter().copied()).is_ok(), is_fine, "{properties:?}");
        }
    }
}

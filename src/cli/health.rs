//! `klamm health`: whether the broker of a configuration answers, for probes and HEALTHCHECK.
use std::io::Write;
use std::time::Duration;

use super::CliError;
use super::client::{ClientError, Connection};
use super::configuration::Configuration;
use crate::config::{BrokerConfig, Endpoint, SecurityProtocol};
use crate::schema::clients::metadata_request::MetadataRequest;

const EXAMPLES: &str = "\
Examples:
  klamm health                        the broker of `klamm serve` on this machine
  klamm health server.properties      the one that was started with this file
  klamm health -b 127.0.0.1:9092

Asks for versions and metadata and exits with 0 if the broker answers, with 1 otherwise.";

/// Ask whether the broker answers, for probes
#[derive(Clone, Debug, Default, PartialEq, Eq, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    configuration: Configuration,
    /// Where the broker is [default: the first plain listener of the configuration]
    #[arg(short, long, value_name = "HOST:PORT")]
    bootstrap_server: Option<String>,
    /// How long to wait for an answer
    #[arg(long, value_name = "SECONDS", default_value_t = 3)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=86_400))]
    timeout: u64,
}

/// Asks.
///
/// # Errors
/// Nobody answers, or not as a broker that serves.
pub fn run(args: &Args, out: &mut dyn Write) -> Result<(), CliError> {
    let address = match &args.bootstrap_server {
        Some(address) => address.clone(),
        None => address_of(&args.configuration.load(&[])?.broker)?,
    };
    let mut connection = Connection::open(&address, Duration::from_secs(args.timeout))?;
    let request = MetadataRequest { topics: Some(Vec::new()), ..Default::default() };
    let reply = connection.ask(&request)?;
    let response = reply.decode()?;
    ClientError::check(response.error_code, None, || "the cluster's metadata".into())?;
    if response.brokers.is_empty() {
        return Err(CliError::failed(format!("{address} answers, but knows no broker that serves")));
    }
    Ok(writeln!(out, "{address} serves")?)
}

/// Where this machine reaches the first listener for clients that needs neither TLS nor a password.
fn address_of(broker: &BrokerConfig) -> Result<String, CliError> {
    let plain = |e: &&Endpoint| {
        e.protocol == SecurityProtocol::Plaintext && !broker.is_controller_listener(&e.listener)
    };
    let listener = broker.listeners.iter().find(plain).ok_or_else(|| {
        CliError::failed("no listener is PLAINTEXT; name an address with -b, or probe the port alone")
    })?;
    let host = match listener.host.as_str() {
        "" | "0.0.0.0" => "127.0.0.1".to_owned(),
        "::" => "[::1]".to_owned(),
        host if host.contains(':') => format!("[{host}]"),
        host => host.to_owned(),
    };
    Ok(format!("{host}:{}", listener.port))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Sources, load};

    #[test]
    fn the_first_plain_listener_for_clients_is_asked() {
        let cases = [
            ("PLAINTEXT://:9092", "127.0.0.1:9092"),
            ("CONTROLLER://:9093,PLAINTEXT://0.0.0.0:1", "127.0.0.1:1"),
            ("CONTROLLER://:9093,PLAINTEXT://[::]:1", "[::1]:1"),
            ("PLAINTEXT://[fe80::1]:1", "[fe80::1]:1"),
            ("PLAINTEXT://broker:1,OTHER://:2", "broker:1"),
        ];
        for (listeners, want) in cases {
            let map = "PLAINTEXT:PLAINTEXT,OTHER:PLAINTEXT,CONTROLLER:PLAINTEXT";
            let overrides = [
                format!("listeners={listeners}"),
                format!("listener.security.protocol.map={map}"),
                "controller.listener.names=CONTROLLER".to_owned(),
            ];
            let loaded = load(&Sources { overrides: &overrides, ..Sources::default() }).unwrap();
            assert_eq!(address_of(&loaded.broker).unwrap(), want, "{listeners}");
        }
    }
}

//! Where a command that needs the broker's configuration finds it: a file, the environment, flags.
use std::io;
use std::path::{Path, PathBuf};

use super::CliError;
use crate::config::{self, Loaded, MOUNTED_FILE, Sources};
use crate::env::{RealFiles, read_small};

/// The broker's configuration, as a person points at it.
#[derive(Clone, Debug, Default, PartialEq, Eq, clap::Args)]
pub struct Configuration {
    /// A server.properties as Kafka reads it
    #[arg(value_name = "server.properties", conflicts_with = "container")]
    pub properties: Option<PathBuf>,
    /// Set one option, over what the file says; may be repeated
    #[arg(long = "override", value_name = "KEY=VALUE")]
    pub overrides: Vec<String>,
    /// Take settings as Kafka's container image does: /mnt/shared/config/server.properties if it is there,
    /// listeners as advertised, data in /var/lib/kafka/data
    #[arg(long)]
    pub container: bool,
}

impl Configuration {
    /// Reads and checks it; `more` stands over the overrides.
    ///
    /// # Errors
    /// The file cannot be read, or all that is wrong with the configuration.
    pub fn load(&self, more: &[String]) -> Result<Loaded, CliError> {
        let file = match &self.properties {
            Some(path) => Some(read_properties(path)?),
            None if self.container => read_if_there(Path::new(MOUNTED_FILE))?,
            None => None,
        };
        let file = file.as_ref().map(|(name, text)| (name.as_str(), text.as_str()));
        let environment = environment();
        let image = match self.container {
            true => config::container_defaults(file.map(|(_, text)| text), &environment),
            false => Vec::new(),
        };
        let overrides = [self.overrides.as_slice(), more].concat();
        let sources = Sources { image: &image, file, environment: &environment, overrides: &overrides };
        config::load(&sources).map_err(|rejected| CliError::failed(rejected.to_string()))
    }
}

/// The variables of this process that are text.
pub(super) fn environment() -> Vec<(String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// Name and text of a file.
pub(super) fn read_properties(path: &Path) -> Result<(String, String), CliError> {
    let bytes = read_small(&RealFiles, path)
        .map_err(|error| CliError::failed(format!("the configuration cannot be read: {error}")))?;
    Ok((path.display().to_string(), String::from_utf8_lossy(&bytes).into_owned()))
}

fn read_if_there(path: &Path) -> Result<Option<(String, String)>, CliError> {
    match read_small(&RealFiles, path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        _ => read_properties(path).map(Some),
    }
}

mod describing;
mod loading;
mod pages;
mod the_table;
mod validating;

use super::{Layers, Overrides, Settings};

/// Run-time settings out of pairs.
fn overrides(pairs: &[(&str, &str)]) -> Overrides {
    pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
}

/// The settings of a file without errors.
fn settings(text: &str) -> Settings {
    let sources = super::Sources { file: Some(("test.properties", text)), ..Default::default() };
    super::load(&sources).unwrap().settings
}

/// Layers with nothing set at run time.
fn layers<'a>(fixed: &'a Settings, none: &'a Overrides) -> Layers<'a> {
    Layers { fixed, cluster: none, broker: none }
}

//! The generated pages have not drifted from the tables, and the sample files start as they are.
#![allow(clippy::disallowed_methods, reason = "these tests compare files of the project")]
use crate::config::{Severity, Sources, differences_page, load, reference_page};

fn path(name: &str) -> String {
    format!("{}/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn compare(name: &str, page: &str) {
    if std::env::var_os("KLAMM_REGENERATE").is_some() {
        std::fs::write(path(name), page).unwrap();
    }
    let found = std::fs::read_to_string(path(name)).unwrap_or_default();
    assert!(found == page, "{name} has drifted; KLAMM_REGENERATE=1 cargo test config writes it anew");
}

#[test]
fn the_reference_has_not_drifted() {
    compare("docs/config-reference.md", &reference_page());
}

#[test]
fn the_differences_have_not_drifted() {
    compare("docs/config-differences.md", &differences_page());
}

#[test]
fn the_sample_files_start_without_a_remark() {
    for name in ["config/server.properties", "config/dev.properties"] {
        let text = std::fs::read_to_string(path(name)).unwrap();
        let loaded = load(&Sources { file: Some((name, &text)), ..Default::default() });
        let notices = loaded.unwrap_or_else(|e| panic!("{e}")).notices;
        let serious: Vec<_> = notices.iter().filter(|p| p.severity != Severity::Info).collect();
        assert!(serious.is_empty(), "{name}: {serious:?}");
    }
}

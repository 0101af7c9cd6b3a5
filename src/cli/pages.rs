//! The manual pages and shell completions, printed from the command line's own definition.
#![allow(clippy::disallowed_methods, reason = "these tests compare files of the project")]
use std::path::{Path, PathBuf};

use clap::CommandFactory;
use clap_complete::Shell;

use super::Cli;

fn compare(name: &Path, text: &[u8]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    if std::env::var_os("KLAMM_REGENERATE").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
    }
    let found = std::fs::read(&path).unwrap_or_default();
    let advice = "KLAMM_REGENERATE=1 cargo test --lib cli writes it anew";
    assert!(found == text, "{} has drifted; {advice}", name.display());
}

/// The page of a command and those of its subcommands.
fn compare_manual(command: &clap::Command) {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned();
    let mut text = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut text).unwrap();
    compare(&PathBuf::from(format!("config/man/{name}.1")), &text);
    command.get_subcommands().filter(|sub| sub.get_name() != "help").for_each(compare_manual);
}

#[test]
fn the_manual_has_not_drifted() {
    let mut command = Cli::command();
    // Gives each subcommand its whole name.
    command.build();
    compare_manual(&command);
}

#[test]
fn the_completions_have_not_drifted() {
    for (shell, name) in [(Shell::Bash, "klamm.bash"), (Shell::Zsh, "_klamm"), (Shell::Fish, "klamm.fish")] {
        let mut text = Vec::new();
        clap_complete::generate(shell, &mut Cli::command(), "klamm", &mut text);
        compare(&Path::new("config/completions").join(name), &text);
    }
}

//! The `klamm` program: all of it is in [`klamm::cli`].
use std::process::ExitCode;

fn main() -> ExitCode {
    klamm::cli::main()
}

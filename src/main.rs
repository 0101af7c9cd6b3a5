//! The `klamm` program.
fn main() {}

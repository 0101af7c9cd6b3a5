//! A log directory in whose files anything may have happened: opened, read, appended to, opened again.
#![no_main]

#[path = "../../tests/log_recovery/scenario.rs"]
mod scenario;

libfuzzer_sys::fuzz_target!(|input: &[u8]| scenario::run(input));

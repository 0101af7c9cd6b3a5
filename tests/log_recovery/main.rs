//! Recovery on damaged files: the deterministic part of what the fuzz target `log_recovery` looks for.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test")]
mod scenario;

use klamm::env::{Rng, SeededRng};

/// Inputs tried; each has a few changes to files.
const INPUTS: u64 = 400;

#[test]
fn whatever_happened_to_the_files_opening_them_ends_well() {
    let only: Option<u64> = std::env::var("KLAMM_SEED").ok().and_then(|seed| seed.parse().ok());
    for seed in only.map_or(0..INPUTS, |seed| seed..seed + 1) {
        let rng = SeededRng::new(seed);
        let changes = 6 * rng.below(5);
        let input: Vec<u8> = (0..=changes).map(|_| rng.below(256) as u8).collect();
        if let Err(panic) = std::panic::catch_unwind(|| scenario::run(&input)) {
            eprintln!("seed {seed} failed; run it alone with KLAMM_SEED={seed}");
            std::panic::resume_unwind(panic);
        }
    }
}

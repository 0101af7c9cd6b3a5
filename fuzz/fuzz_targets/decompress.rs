//! The first byte chooses the codec, the rest is its body.
#![no_main]

use klamm::record::{Codec, compression};
use libfuzzer_sys::fuzz_target;

const LIMIT: usize = 1 << 20;

fuzz_target!(|bytes: &[u8]| {
    let Some((&choice, body)) = bytes.split_first() else { return };
    let codec = Codec::ALL[usize::from(choice) % Codec::ALL.len()];
    if let Ok(content) = compression::decompress(codec, body, LIMIT) {
        assert!(content.len() <= LIMIT);
    }
});

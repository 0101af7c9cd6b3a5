//! The value of a record in the metadata log.
#![no_main]

use klamm::metadata::frame;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok((record, version)) = frame::decode(bytes) {
        assert_eq!(frame::decode(&frame::encode(&record, version)), Ok((record, version)));
    }
});

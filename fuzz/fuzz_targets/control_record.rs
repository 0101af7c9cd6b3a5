//! The first four bytes are the key of a control record, the rest is its value.
#![no_main]

use klamm::record::control::ControlRecord;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((key, value)) = bytes.split_at_checked(4) else { return };
    if let Ok(record) = ControlRecord::decode(key, value) {
        assert_eq!(ControlRecord::decode(&record.key(), &record.value()).as_ref(), Ok(&record));
    }
});

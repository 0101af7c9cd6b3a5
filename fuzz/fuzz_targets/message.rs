//! The first two bytes choose one of Kafka's messages, the third its version, the rest is its body.
#![no_main]

use klamm::schema::MESSAGES;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let &[high, low, version, ref body @ ..] = bytes else { return };
    let message = &MESSAGES[usize::from(u16::from_be_bytes([high, low])) % MESSAGES.len()];
    let versions = i32::from(message.max_version) - i32::from(message.min_version) + 1;
    let Ok(version) = i16::try_from(i32::from(message.min_version) + i32::from(version) % versions.max(1))
    else {
        return;
    };
    if let Ok(written) = (message.recode)(body, version) {
        assert_eq!((message.recode)(&written, version).as_ref(), Ok(&written), "{} v{version}", message.name);
    }
});

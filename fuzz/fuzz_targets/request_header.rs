//! What stands at the start of a connection's frame.
#![no_main]

use klamm::schema::Reader;
use klamm::wire::request::RequestHead;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = RequestHead::decode(&mut Reader::new(bytes));
});

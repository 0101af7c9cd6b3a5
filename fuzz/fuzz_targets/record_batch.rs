//! What a producer may send for a partition: read, validated, and what is accepted read again.
#![no_main]

use klamm::record::{Batches, Codec, Compression, HEADER_LEN, Rules, validate};
use klamm::types::Timestamp;
use libfuzzer_sys::fuzz_target;

const LIMIT: usize = 1 << 20;
const NOW: Timestamp = Timestamp(1_790_000_000_000);

fuzz_target!(|bytes: &[u8]| {
    read(bytes);
    // With length and CRC made right, so that damage deeper inside is reached.
    let mut mended = bytes.to_vec();
    mend(&mut mended);
    for compression in [None, Some(Compression::NONE), Some(Compression::of(Codec::Lz4))] {
        let rules = Rules { compression, max_decompressed_size: LIMIT, ..Rules::default() };
        if let Ok(batch) = validate(&mended, 9, &rules, NOW) {
            assert_eq!(read(&batch.to_vec()), usize::try_from(batch.record_count).unwrap());
        }
    }
});

/// Gives the bytes the length, magic, base offset and CRC of one batch.
fn mend(bytes: &mut [u8]) {
    let Ok(length) = i32::try_from(bytes.len().saturating_sub(12)) else { return };
    if bytes.len() >= HEADER_LEN {
        bytes[..8].fill(0);
        bytes[8..12].copy_from_slice(&length.to_be_bytes());
        bytes[16] = 2;
        let crc = crc32c::crc32c(&bytes[21..]);
        bytes[17..21].copy_from_slice(&crc.to_be_bytes());
    }
}

/// Reads all that can be read; counts the records.
fn read(bytes: &[u8]) -> usize {
    let mut count = 0;
    for batch in Batches::new(bytes).flatten() {
        if let Ok(payload) = batch.payload(LIMIT) {
            for record in batch.records(&payload).flatten() {
                std::hint::black_box(record.headers.count());
                count += 1;
            }
        }
    }
    count
}

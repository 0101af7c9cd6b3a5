//! Bytes that nobody should send: nothing may panic, whatever they are. A bounded, repeatable slice of what
//! the fuzz targets do.

use super::header::CRC_START;
use super::*;
use crate::types::Timestamp;

const LIMIT: usize = 1 << 20;

/// A small generator with a fixed seed: every run is the same.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, n: usize) -> usize {
        (self.roll() % n.max(1) as u64) as usize
    }

    fn mutate(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len());
            match (self.below(6), bytes.get_mut(at)) {
                (0, Some(byte)) => *byte ^= 1 << (self.roll() % 8),
                (1, Some(byte)) => *byte = [0, 1, 0x7f, 0x80, 0xff][self.below(5)],
                (2, Some(_)) => bytes.truncate(at),
                (3, Some(_)) => drop(bytes.splice(at..at, [0xff; 5])),
                (4, Some(_)) => drop(bytes.remove(at)),
                (_, Some(byte)) => *byte = self.roll() as u8,
                (_, None) => bytes.push(self.roll() as u8),
            }
        }
    }
}

/// Makes length and CRC of one batch right, so that damage deeper inside is reached.
fn mend(bytes: &mut [u8]) {
    if bytes.len() >= HEADER_LEN {
        let length = bytes.len() as i32 - 12;
        bytes[..8].fill(0);
        bytes[8..12].copy_from_slice(&length.to_be_bytes());
        bytes[16] = 2;
        let crc = crc32c::crc32c(&bytes[CRC_START..]);
        bytes[17..21].copy_from_slice(&crc.to_be_bytes());
    }
}

/// Everything that reads bytes from outside.
fn exercise(bytes: &[u8]) {
    for batch in Batches::new(bytes).flatten() {
        let _ = (batch.verify_crc(), batch.last_offset(), batch.last_sequence());
        if let Ok(payload) = batch.payload(LIMIT) {
            assert!(payload.len() <= LIMIT.max(bytes.len()));
            for record in batch.records(&payload).flatten() {
                let (key, value) = (record.key.unwrap_or_default(), record.value.unwrap_or_default());
                if let Ok(control) = control::ControlRecord::decode(key, value) {
                    assert_eq!(control.key()[2..], key[2..4]);
                }
                let _ = record.headers.count();
            }
        }
    }
    for compression in [None, Some(Compression::NONE), Some(Compression::of(Codec::Lz4))] {
        let rules = Rules { compression, max_decompressed_size: LIMIT, ..Rules::default() };
        if let Ok(batch) = validate(bytes, 9, &rules, Timestamp(1_790_000_000_000)) {
            // What is stored can be read back to the last record.
            let stored = batch.to_vec();
            let stored = BatchView::parse(&stored).unwrap();
            assert_eq!(stored.verify_crc(), Ok(()));
            let payload = stored.payload(LIMIT).unwrap();
            let read = stored.records(&payload).map(Result::unwrap).count();
            assert_eq!(read as i32, stored.record_count);
        }
    }
}

#[test]
fn mutated_batches_are_read_or_refused_but_never_a_panic() {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    for file in golden::ALL {
        for batch in Batches::new(file).map(Result::unwrap) {
            for _ in 0..300 {
                let mut bytes = batch.bytes().to_vec();
                dice.mutate(&mut bytes);
                exercise(&bytes);
                mend(&mut bytes);
                exercise(&bytes);
            }
        }
    }
}

#[test]
fn mutated_records_are_read_or_refused_under_every_codec() {
    let mut dice = Dice(0x2545_f491_4f6c_dd1d);
    let batch = BatchView::parse(golden::HEADERS).unwrap();
    for codec in Codec::ALL {
        for _ in 0..500 {
            let mut payload = batch.body().to_vec();
            dice.mutate(&mut payload);
            let mut header = *batch.header();
            header.set_codec(codec);
            let body = Compression::of(codec).compress(&payload).unwrap();
            let mut bytes = [&header.to_bytes(), &body[..]].concat();
            mend(&mut bytes);
            exercise(&bytes);
        }
    }
}

#[test]
fn random_bytes_decompress_to_nothing_harmful() {
    let mut dice = Dice(42);
    for round in 0..2000 {
        let bytes: Vec<u8> = (0..dice.below(200)).map(|_| dice.roll() as u8).collect();
        let codec = Codec::ALL[round % 5];
        if let Ok(out) = compression::decompress(codec, &bytes, LIMIT) {
            assert!(out.len() <= LIMIT);
        }
        exercise(&bytes);
    }
}

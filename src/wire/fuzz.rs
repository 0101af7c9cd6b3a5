//! A bounded, repeatable slice of fuzzing: whatever arrives, reading it ends and takes no memory that
//! it did not bring.
use super::frame;
use super::request::{self, RequestHead};
use crate::env::{Rng, SeededRng};
use crate::schema::{APIS, Reader};

const MAX: usize = 1 << 20;

/// Reads frames as a connection does, until the bytes end or something is wrong with them.
fn read(mut bytes: &[u8]) -> usize {
    let mut heads = 0;
    while let Ok(Some((content, rest))) = frame::split(bytes, MAX) {
        let mut r = Reader::new(content);
        match RequestHead::decode(&mut r) {
            Ok(head) => {
                let client = head.client_id.as_deref().unwrap_or_default();
                assert!(r.remaining() + client.len() + 10 <= content.len());
                heads += 1;
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        }
        assert!(rest.len() < bytes.len());
        bytes = rest;
    }
    heads
}

#[test]
fn noise_is_read_to_its_end() {
    let rng = SeededRng::new(0x5eed);
    for _ in 0..20_000 {
        let mut bytes = vec![0u8; rng.below(256) as usize];
        rng.fill(&mut bytes);
        // Plausible lengths and keys, or nearly all noise would end at the first four bytes.
        if let Some(head) = bytes.first_chunk_mut::<8>() {
            let len = rng.below(300) as u32;
            head[..4].copy_from_slice(&len.to_be_bytes());
            head[4..6].copy_from_slice(&(rng.below(100) as i16).to_be_bytes());
            head[6..8].copy_from_slice(&(rng.below(14) as i16).to_be_bytes());
        }
        read(&bytes);
    }
}

#[test]
fn damaged_requests_are_read_to_their_end() {
    let rng = SeededRng::new(0xda_4a6e);
    let mut whole = 0;
    for round in 0..20_000u64 {
        let api = &APIS[rng.below(APIS.len() as u64) as usize];
        let version = rng.below(16) as i16;
        let mut bytes = request::encode(api, version, round as i32, Some("client"), |w| w.i64(7));
        bytes.extend(request::encode(api, version, 1, None, |_| ()));
        for _ in 0..rng.below(4) {
            let at = rng.below(bytes.len() as u64) as usize;
            bytes[at] ^= 1 << rng.below(8);
        }
        bytes.truncate(bytes.len() - rng.below(3) as usize);
        whole += read(&bytes);
    }
    assert!(whole > 10_000, "most are whole enough to be read: {whole}");
}

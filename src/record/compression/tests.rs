//! What goes in comes out, and no more than allowed.

use proptest::prelude::*;

use super::*;

const PACKED: [Codec; 4] = [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd];

#[test]
fn limits_hold_to_the_byte() {
    let payload: Vec<u8> = (0..300_000u32).map(|n| (n / 7) as u8).collect();
    for codec in PACKED {
        let body = Compression::of(codec).compress(&payload).unwrap();
        assert_eq!(decompress(codec, &body, payload.len()).as_deref(), Ok(&payload[..]), "{}", codec.name());
        for limit in [0, 1, 65_536, payload.len() - 1] {
            let want = Err(CompressionError::TooLarge { limit });
            assert_eq!(decompress(codec, &body, limit), want, "{} {limit}", codec.name());
        }
    }
}

#[test]
fn a_body_that_is_cut_off_is_corrupt() {
    let payload: Vec<u8> = (0..100_000u32).map(|n| (n.wrapping_mul(n) / 7) as u8).collect();
    for codec in PACKED {
        let body = Compression::of(codec).compress(&payload).unwrap();
        for cut in [1, 4, 5, body.len() / 2, body.len() - 3] {
            let got = decompress(codec, &body[..body.len() - cut], 1 << 20);
            assert!(matches!(got, Err(CompressionError::Corrupt { .. })), "{} {cut}", codec.name());
        }
    }
}

#[test]
fn levels_are_obeyed_where_the_codec_has_them() {
    let payload: Vec<u8> = (0..200_000u32).map(|n| (n.wrapping_mul(n) >> 9) as u8 & 0x1f).collect();
    for (codec, low, high) in [(Codec::Gzip, 1, 9), (Codec::Zstd, -5, 19)] {
        let at = |level| Compression { codec, level }.compress(&payload).unwrap();
        assert!(at(low).len() > at(high).len(), "{}", codec.name());
        assert_eq!(decompress(codec, &at(high), payload.len()), Ok(payload.clone()));
    }
}

#[test]
fn snappy_is_read_bare_and_concatenated_too() {
    let bare = snap::raw::Encoder::new().compress_vec(b"hello hello hello").unwrap();
    assert_eq!(decompress(Codec::Snappy, &bare, 100).as_deref(), Ok(&b"hello hello hello"[..]));
    let framed = snappy::compress(b"hello").unwrap();
    let twice = [framed.clone(), framed].concat();
    assert_eq!(decompress(Codec::Snappy, &twice, 100).as_deref(), Ok(&b"hellohello"[..]));
}

#[test]
fn a_snappy_block_that_claims_gigabytes_is_corrupt() {
    let body = [0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0];
    let got = decompress(Codec::Snappy, &body, usize::MAX);
    assert!(matches!(got, Err(CompressionError::Corrupt { .. })));
}

/// An LZ4 frame with these flags and one stored block.
fn lz4_frame(flags: u8, block_size: u8) -> Vec<u8> {
    let mut frame = vec![0x04, 0x22, 0x4d, 0x18, flags, block_size];
    frame.push((twox_hash::XxHash32::oneshot(0, &[flags, block_size]) >> 8) as u8);
    frame.extend([3, 0, 0, 0x80, b'a', b'b', b'c']);
    if flags & 0x10 != 0 {
        frame.extend(twox_hash::XxHash32::oneshot(0, b"abc").to_le_bytes());
    }
    frame.extend([0; 4]);
    if flags & 0x04 != 0 {
        frame.extend(twox_hash::XxHash32::oneshot(0, b"abc").to_le_bytes());
    }
    frame
}

#[test]
fn lz4_frames_are_read_as_far_as_kafkas_clients_read_them() {
    for flags in [0x60, 0x64, 0x70, 0x74] {
        let got = decompress(Codec::Lz4, &lz4_frame(flags, 0x40), 100);
        assert_eq!(got.as_deref(), Ok(&b"abc"[..]), "{flags:#x}");
    }
    let mut wrong_block_checksum = lz4_frame(0x70, 0x40);
    wrong_block_checksum[14] ^= 1;
    let mut wrong_header_checksum = lz4_frame(0x60, 0x40);
    wrong_header_checksum[6] ^= 1;
    let cases = [
        ("linked blocks", lz4_frame(0x40, 0x40)),
        ("a dictionary", lz4_frame(0x61, 0x40)),
        ("version 0", lz4_frame(0x20, 0x40)),
        ("block size 3", lz4_frame(0x60, 0x30)),
        ("block checksum", wrong_block_checksum),
        ("header checksum", wrong_header_checksum),
        ("a second frame", [lz4_frame(0x60, 0x40), lz4_frame(0x60, 0x40)].concat()),
    ];
    for (name, body) in cases {
        let got = decompress(Codec::Lz4, &body, 100);
        assert!(matches!(got, Err(CompressionError::Corrupt { .. })), "{name}: {got:?}");
    }
}

#[test]
fn an_independent_reader_reads_our_lz4() {
    let payload = vec![7; 200_000];
    let body = lz4::compress(&payload).unwrap();
    let mut out = Vec::new();
    std::io::Read::read_to_end(&mut lz4_flex::frame::FrameDecoder::new(&body[..]), &mut out).unwrap();
    assert_eq!(out, payload);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn payloads_survive_every_codec(seed: Vec<u8>, repeat in 0usize..200) {
        let payload = seed.repeat(repeat);
        for codec in Codec::ALL {
            let body = Compression::of(codec).compress(&payload).unwrap();
            prop_assert_eq!(decompress(codec, &body, payload.len()), Ok(payload.clone()), "{}", codec.name());
        }
    }
}

//! What Kafka's own classes wrote is read and written back the same, and damaged forms of it are
//! refused or read, without panic and in bounded memory.
use std::io::Read;

use crate::grammar::Rng;
use klamm_schema::{MESSAGES, MessageInfo};

struct Golden {
    message: &'static MessageInfo,
    version: i16,
    bytes: Vec<u8>,
}

fn goldens() -> Vec<Golden> {
    let mut text = String::new();
    flate2::read::GzDecoder::new(&include_bytes!("../golden/messages.txt.gz")[..])
        .read_to_string(&mut text)
        .unwrap();
    text.lines()
        .map(|line| {
            let (name, rest) = line.split_once(' ').unwrap();
            let (version, hex) = rest.split_once(' ').unwrap();
            let byte = |i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap();
            Golden {
                message: MESSAGES.iter().find(|m| m.name == name).unwrap_or_else(|| panic!("no {name}")),
                version: version.parse().unwrap(),
                bytes: (0..hex.len()).step_by(2).map(byte).collect(),
            }
        })
        .collect()
}

#[test]
fn what_kafka_wrote_is_written_back_the_same() {
    let goldens = goldens();
    for m in MESSAGES {
        for version in m.min_version..=m.max_version {
            let mut those =
                goldens.iter().filter(|g| g.message.name == m.name && g.version == version).peekable();
            assert!(those.peek().is_some(), "no golden of {} v{version}", m.name);
            for Golden { bytes, .. } in those {
                let again = (m.recode)(bytes, version);
                assert_eq!(again.as_ref(), Ok(bytes), "{} v{version}", m.name);
            }
        }
    }
}

/// Lengths that lie, as each width writes them: huge, negative, just too long.
const LIES: &[&[u8]] = &[
    &[0x7f, 0xff, 0xff, 0xff],
    &[0x3b, 0x9a, 0xca, 0x00],
    &[0x80, 0x00, 0x00, 0x00],
    &[0xff, 0xff, 0xff, 0xfe],
    &[0x7f, 0xff],
    &[0x80, 0x00],
    &[0xff, 0xff, 0xff, 0xff, 0x0f],
    &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
    &[0xfe, 0xff, 0xff, 0x7f],
    &[0x00],
];

#[test]
fn damaged_messages_are_refused_or_read() {
    let mut rng = Rng(2);
    let (mut read, mut refused) = (0, 0);
    for Golden { message, version, bytes } in goldens().into_iter().filter(|g| !g.bytes.is_empty()) {
        let mut damaged: Vec<Vec<u8>> = Vec::new();
        for _ in 0..6 {
            damaged.push(bytes[..rng.below(bytes.len())].to_vec());
            let at = rng.below(bytes.len());
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << rng.below(8);
            damaged.push(flipped);
            let lie = LIES[rng.below(LIES.len())];
            let end = bytes.len().min(at + lie.len());
            damaged.push([&bytes[..at], lie, &bytes[end..]].concat());
        }
        for bytes in damaged {
            match (message.recode)(&bytes, version) {
                // What was read is a message, so what is written of it is one, and stays as it is.
                Ok(again) => {
                    read += 1;
                    assert_eq!(
                        (message.recode)(&again, version).as_ref(),
                        Ok(&again),
                        "{} v{version}",
                        message.name
                    );
                }
                Err(_) => refused += 1,
            }
        }
    }
    assert!(read > 1000 && refused > 1000, "{read} read, {refused} refused");
}

#[test]
fn a_megabyte_of_lies_asks_for_no_more_memory_than_its_frame_allows() {
    // Arrays of empty arrays, of structs of one byte, of anything: each byte claims much.
    for fill in [0x00, 0x01, 0x02, 0x7f, 0x80, 0xff] {
        for m in MESSAGES {
            for version in [m.min_version, m.max_version] {
                let mut frame = vec![fill; 1 << 20];
                if fill != 0 {
                    frame[0..4].copy_from_slice(&(1i32 << 18).to_be_bytes());
                }
                let _ = (m.recode)(&frame, version);
            }
        }
    }
    if let Ok(status) = std::fs::read_to_string("/proc/self/status") {
        let peak = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).unwrap();
        let kib: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
        assert!(kib < 256 << 10, "peak of {kib} KiB");
    }
}
